"""What training promises of every family: saved, resumed, shared, watched, compiled."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import families
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config as tf_config

from keras_gan import Diverged, InputError, seeding
from keras_gan.callbacks import Checkpoint, DivergenceGuard
from keras_gan.models.base import GenerativeModel
from keras_gan.models.elements import LabelElement

each_quick_family = pytest.mark.parametrize("family", families.QUICK)
each_family = pytest.mark.parametrize(
    "family",
    [
        *families.QUICK,
        *(pytest.param(name, marks=pytest.mark.slow) for name in families.SLOW),
    ],
)
# Name -> families whose layers and losses others have too: float16, which has the
# scaling of losses besides, is tried of all quick ones.
HALVES = {
    "mixed_float16": families.SLOW,
    "mixed_bfloat16": families.FAMILIES.keys()
    - {"conditional dcgan", "vae", "pix2pix"},
}


class SaveAfterOneEpoch(keras.callbacks.Callback):
    """Saves a model in two ways, and keeps what it is and makes then."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            self.model.save(f"{self.path}.keras")
            self.model.save_weights(f"{self.path}.weights.h5")
            self.state = families.state(self.model)
            self.made = families.results(self.model)


class Trained:
    """A model of a family that nothing happened to, and what it was on the way."""

    def __init__(self, family, folder):
        self.family, self.folder = family, folder
        keras.utils.set_random_seed(3)
        self.model = families.FAMILIES[family]()
        self.start = families.state(self.model)
        saved = SaveAfterOneEpoch(folder / family)
        self.means = families.train(self.model, callbacks=[saved])
        self.then, self.made = saved.state, saved.made
        self.end = families.state(self.model)

    def parts(self, end):
        """Yields how far each network moved, and how far from here another one ended.

        Args:
            end: name/number -> weight of the other one.
        """
        for name, network in self.model.networks().items():
            weights = [
                f"{name}/{i}" for i, w in enumerate(network.weights) if w.trainable
            ]
            if weights:  # of an average there are none
                yield (
                    distance(self.start, self.end, weights),
                    distance(end, self.end, weights),
                )


def distance(one, other, names):
    return np.sqrt(sum(np.sum((one[name] - other[name]) ** 2) for name in names))


def assert_same(found, expected, but=()):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if name.partition("/")[0] not in but:
            np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.fixture(scope="module")
def trained(deterministic, tmp_path_factory):
    """Returns a function from a family to its `Trained`, made once."""
    folder, made = tmp_path_factory.mktemp("families"), {}

    def trained(family):
        if family not in made:
            made[family] = Trained(family, folder)
        return made[family]

    return trained


@pytest.fixture(scope="module")
def later(trained):
    """Returns a function that reads what a later process made of a family."""
    for family in families.QUICK:
        folder = trained(family).folder

    def run(name):
        script = Path(__file__).with_name("processes.py")
        return subprocess.run(
            [sys.executable, str(script), name, str(folder)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
        )

    result = run("killed")
    assert result.returncode == -signal.SIGKILL, result.stderr[-4000:]
    result = run("later")
    assert result.returncode == 0, result.stderr[-4000:]

    def later(name):
        with np.load(folder / f"{name}.npz") as file:
            return {key.replace("|", "/"): file[key] for key in file.files}

    return later


# Saved and resumed ------------------------------------------------------------


@each_family
def test_all_that_training_changes_is_in_its_state(family, trained):
    run = trained(family)
    changed = {
        name.partition("/")[0]
        for name in run.end
        if (run.end[name] != run.then[name]).any()
    }
    assert {
        *run.model.networks(),
        *run.model.optimizers(),
        "metrics",
        "step",
    } <= changed
    assert int(run.end["step/0"]) == families.STEPS
    assert all(moved > 1e-3 for moved, _ in run.parts(run.end))


@each_quick_family
def test_a_saved_model_makes_the_same_in_another_process(family, trained, later):
    assert_same(later(f"{family}.made"), trained(family).made)


@each_quick_family
def test_a_saved_model_trains_on_alike_in_another_process(family, trained, later):
    assert_same(later(f"{family}.loaded"), trained(family).end)


@each_quick_family
def test_killed_and_resumed_ends_bit_identical(family, trained, later):
    assert_same(later(f"{family}.resumed"), trained(family).end)


@each_family
def test_settings_survive_a_file(family, trained):
    run = trained(family)
    copy = keras.models.load_model(run.folder / f"{family}.keras")
    assert type(copy) is type(run.model)
    config, others = run.model.get_config(), copy.get_config()
    for name in config.keys() - run.model.networks().keys():
        assert others[name] == config[name], name
    assert copy.get_compile_config() == run.model.get_compile_config()
    for name, optimizer in run.model.optimizers().items():
        assert copy.optimizers()[name].get_config() == optimizer.get_config()
    assert_same(families.state(copy), run.then, but=("metrics",))


@each_family
def test_a_file_of_weights_brings_back_the_state(family, trained):
    run = trained(family)
    other = families.FAMILIES[family]()
    other.load_weights(run.folder / f"{family}.weights.h5")
    assert_same(families.state(other), run.then, but=("metrics",))


@each_family
def test_a_model_that_was_not_compiled_is_loaded_and_saved(family, trained, tmp_path):
    run = trained(family)
    copy = keras.models.load_model(run.folder / f"{family}.keras", compile=False)
    copy.save(tmp_path / "copy.keras")
    copy = keras.models.load_model(tmp_path / "copy.keras")
    assert not copy.compiled
    assert_same(families.results(copy), run.made)


@each_family
def test_a_new_model_starts_with_the_weights_of_another(family, trained):
    run = trained(family)
    families.set_state(run.model, run.end)
    model = families.FAMILIES[family]()
    before = families.state(model)
    taken, values = model.start_from(run.model).split(" weights")[0].split(" of ")
    assert taken == values
    started = families.state(model)
    assert_same(started, before, but=model.networks())
    others = {name.partition("/")[0] for name in started} - model.networks().keys()
    assert_same(started, run.end, but=others)


# Replicas ---------------------------------------------------------------------


@each_quick_family
def test_two_replicas_train_as_one_device_does(family, trained, later):
    run, found = trained(family), later(f"{family}.replicas")
    for name, value in run.means.items():
        assert found.pop(name) == pytest.approx(value, rel=1e-6, abs=1e-5)
    assert found.keys() == run.end.keys()
    for name, value in run.end.items():
        if not name.startswith("metrics"):  # sums; their means were compared
            accepted = 1e-5 * np.maximum(1, np.abs(value).max(initial=0))
            if value.dtype == "float16":  # a difference of 1e-8 may round to the next
                accepted = np.finfo("float16").eps
            np.testing.assert_allclose(
                found[name], value, rtol=0, atol=accepted, err_msg=name
            )


def test_replicas_draw_what_one_device_draws(later):
    drawn = later("drawn")["drawn"]
    expected = seeding.normal((8, 3), tf.constant([1, 2], "int64"))
    np.testing.assert_allclose(drawn, expected, atol=1e-6)


# Compiled, and in half precision ----------------------------------------------


@pytest.fixture
def any_order():
    """Allows operations to be faster than they repeat: Keras else leaves XLA out."""
    tf_config.disable_op_determinism()
    yield
    tf_config.enable_op_determinism()


@each_family
def test_xla_trains_alike(family, trained, any_order):
    run = trained(family)
    model = families.FAMILIES[family](jit_compile=True)
    assert model.jit_compile
    families.set_state(model, run.start)
    means = families.train(model)
    assert means == pytest.approx(run.means, abs=1e-4)
    for moved, apart in run.parts(families.state(model)):
        assert apart < 1e-2 * moved


@pytest.fixture
def policy():
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("half", "family"),
    [
        pytest.param(half, name, marks=[pytest.mark.slow] * (name in marked))
        for half, marked in HALVES.items()
        for name in families.FAMILIES
    ],
)
def test_half_precision_follows_full_precision(half, family, trained, policy, tmp_path):
    run = trained(family)
    policy(half)
    model = families.FAMILIES[family]()
    for name, network in model.networks().items():
        weights = [run.start[f"{name}/{i}"] for i in range(len(network.weights))]
        network.set_weights(weights)
    means = families.train(model)
    assert np.isfinite(list(means.values())).all()
    model.require_finite()
    end = {
        f"{name}/{i}": weight
        for name, network in model.networks().items()
        for i, weight in enumerate(network.get_weights())
    }
    # A loss scale left in, or missing, would be off by a factor of thousands. But
    # float16 skips steps until its scale fits: three of these six if a loss is in nats.
    for moved, apart in run.parts(end):
        assert apart < 0.8 * moved
    scaled = {
        isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        for optimizer in model.optimizers().values()
    }
    assert scaled == {half == "mixed_float16"}

    model.save(tmp_path / "model.keras")
    policy("float32")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert_same(families.state(copy), families.state(model), but=("metrics",))
    assert_same(families.results(copy), families.results(model))


# Watched ----------------------------------------------------------------------


@each_family
def test_what_is_not_finite_is_named(family, trained):
    model, found = trained(family).model, 0
    families.set_state(model, trained(family).end)
    for name, variables in model.training_state().items():
        if not variables or not variables[-1].dtype.is_floating:
            continue
        value = variables[-1].numpy()
        variables[-1].assign(np.full_like(value, np.nan))
        with pytest.raises(Diverged, match=rf"values of {name} are NaN"):
            model.require_finite()
        variables[-1].assign(value)
        found += 1
    assert found > len(model.networks())
    model.require_finite()


@each_family
def test_a_faulty_batch_is_named_and_nothing_of_it_saved(family, trained, tmp_path):
    run = trained(family)
    at = families.BATCH + 1  # of the second step
    for i, (name, element) in enumerate(run.model.elements.items()):
        elements = families.rows(run.model)
        if isinstance(element, LabelElement):
            elements[i][at] = element.num_classes
        else:
            elements[i][at] = np.nan
        families.set_state(run.model, run.start)
        checkpoint = Checkpoint(tmp_path / name, every_steps=1, keep=None)
        guard = DivergenceGuard(checkpoint, every_steps=1)
        try:
            families.train(run.model, elements=elements, callbacks=[guard, checkpoint])
            told = guard.failure
        except InputError as error:
            told = str(error)
        assert f"step 1 held {element.fault} ({name})" in told
        saved = sorted(path.stem for path in (tmp_path / name).glob("*.index"))
        assert saved == ["ckpt-0", "ckpt-1"]


# On a GPU ---------------------------------------------------------------------


@each_family
@pytest.mark.parametrize("step", ["train_step", "test_step"])
def test_every_operation_of_a_step_has_a_gpu_kernel(
    step, family, trained, without_gpu_kernel
):
    model = trained(family).model
    if getattr(type(model), step) is getattr(GenerativeModel, step):
        pytest.skip("it refuses to be evaluated")
    specs = [
        tf.TensorSpec((families.BATCH, *part.shape[1:]), part.dtype)
        for part in families.rows(model)
    ]
    traced = tf.function(getattr(model, step)).get_concrete_function(tuple(specs))
    graph = traced.graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    # Of the means, and of the watch of the data, which training alone has.
    known = {"AssignVariableOp"} | ({"Minimum"} if step == "train_step" else set())
    assert known <= {node.op for node in nodes}
    assert not without_gpu_kernel(traced.graph)
