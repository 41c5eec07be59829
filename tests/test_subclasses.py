"""Keras's own tests, run on our classes that extend one of Keras's.

A class that takes its parent's arguments has to keep their meaning. The wheel of newer
Keras versions holds Keras's tests; each runs here with our class in place of Keras's.
"""

import importlib
import inspect
import pkgutil
import re
import types
import unittest
import warnings

import keras
import pytest

import keras_gan
from keras_gan.models.base import _MeanOverEpoch
from keras_gan.networks.layers import (
    ConcatenateLabel,
    Dropout,
    Maxout,
    RandomTranslation,
    SpectralNormalization,
)
from keras_gan.optimizers import Adam, Lowered, RisingMomentumSGD


@keras.saving.register_keras_serializable("tests")
class OnePiece(Maxout):
    """A maxout layer of one piece is a dense layer."""

    def __init__(self, units, pieces=1, **kwargs):
        super().__init__(units, pieces, **kwargs)


@keras.saving.register_keras_serializable("tests")
class SteadyMomentumSGD(RisingMomentumSGD):
    """With a momentum that does not rise it is Keras's SGD."""

    def __init__(self, learning_rate=0.01, momentum=0.0, **kwargs):
        ends = {"initial_momentum": momentum, "final_momentum": momentum}
        super().__init__(learning_rate, **{**ends, **kwargs})


# Keras's module of tests -> test case, name of the class in it, the class to test.
KERAS_TESTS = {
    "layers.core.dense_test": ("DenseTest", "layers.Dense", OnePiece),
    "layers.normalization.spectral_normalization_test": (
        *("SpectralNormalizationTest", "layers.SpectralNormalization"),
        SpectralNormalization,
    ),
    "layers.regularization.dropout_test": ("DropoutTest", "layers.Dropout", Dropout),
    "metrics.reduction_metrics_test": (
        *("MeanTest", "reduction_metrics.Mean", _MeanOverEpoch),
    ),
    "optimizers.adam_test": ("AdamTest", "Adam", Adam),
    "optimizers.sgd_test": ("SGDTest", "SGD", SteadyMomentumSGD),
}
# Keras refuses to quantize any class that extends Dense.
QUANTIZED = re.compile("quanti|int[48]|float8|awq|gptq|legacy_load")
# Nothing of these but what a class adds to them.
ABSTRACT = (
    keras.Model,
    keras.callbacks.Callback,
    keras.layers.Layer,
    keras.optimizers.schedules.LearningRateSchedule,
)


def with_class(module, name, ours):
    """Returns what to set in a module of tests so that the name in it means ours."""
    name, _, attribute = name.partition(".")
    if not attribute:
        return {name: ours}
    namespace = vars(getattr(module, name))
    return {name: types.SimpleNamespace(**{**namespace, attribute: ours})}


@pytest.mark.parametrize("path", KERAS_TESTS)
def test_kerases_own_tests_pass(path, monkeypatch):
    case, name, ours = KERAS_TESTS[path]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pytest.PytestUnknownMarkWarning)
        try:
            module = importlib.import_module(f"keras.src.{path}")
        except ModuleNotFoundError:
            pytest.skip(f"Keras {keras.__version__} comes without its tests.")
    for found, value in with_class(module, name, ours).items():
        monkeypatch.setattr(module, found, value)
    tests = [
        test
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(
            getattr(module, case)
        )
        if not QUANTIZED.search(test.id().rpartition(".")[2])
    ]
    assert len(tests) >= 5
    filtering = keras.config.is_traceback_filtering_enabled()
    result = unittest.TestResult()
    try:
        unittest.TestSuite(tests).run(result)
    finally:
        if filtering:  # Keras's tests turn it off
            keras.config.enable_traceback_filtering()
    fallen = [(test.id(), trace) for test, trace in result.failures + result.errors]
    assert not fallen, "\n".join(f"{test}\n{trace}" for test, trace in fallen)
    assert result.testsRun == len(tests)


@pytest.mark.parametrize(
    ("layer", "settings", "inputs"),
    [
        (Maxout, {"units": 3, "pieces": 4}, {"input_shape": (2, 5)}),
        (Dropout, {"rate": 0.5, "noise_shape": [None, 1]}, {"input_shape": (2, 5)}),
        (RandomTranslation, {"fraction": 0.25}, {"input_shape": (2, 8, 8, 3)}),
        (
            ConcatenateLabel,
            {"num_classes": 3},
            {"input_shape": [(2, 5), (2,)], "input_dtype": ["float32", "int32"]},
        ),
    ],
)
def test_layers_pass_kerases_general_test(layer, settings, inputs):
    testing = pytest.importorskip("keras.src.testing")
    # The three sides of a layer: its config, its symbolic shapes, its half precision.
    testing.TestCase().run_layer_test(
        layer, settings, run_training_check=layer is not ConcatenateLabel, **inputs
    )


def test_lowered_schedule_passes_kerases_general_test():
    testing = pytest.importorskip("keras.src.testing")
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    testing.TestCase().run_class_serialization_test(Lowered(schedule, 0.5))


def of_this_project():
    """Yields every class of keras_gan."""
    for found in pkgutil.walk_packages(keras_gan.__path__, "keras_gan."):
        if not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            for _, value in inspect.getmembers(module, inspect.isclass):
                if value.__module__ == module.__name__:
                    yield value


def test_every_class_with_arguments_of_keras_is_tested():
    tested = {
        ours.__mro__[ours.__module__ == __name__] for *_, ours in KERAS_TESTS.values()
    }
    extending = set()
    for ours in of_this_project():
        parent = ours.__base__
        if not parent.__module__.startswith("keras.") or parent in ABSTRACT:
            continue
        parameters = inspect.signature(ours.__init__).parameters.values()
        passes_on = any(p.kind == p.VAR_KEYWORD for p in parameters)
        known = inspect.signature(parent.__init__).parameters.keys() - {"self"}
        if passes_on or known & {p.name for p in parameters}:
            extending.add(ours)
    assert extending == tested
