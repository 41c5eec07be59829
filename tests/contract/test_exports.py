"""What exports promise of every family: each file computes what the model does."""

import contextlib
import importlib

import families
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

import export
from export.exportable import describe
from export.formats import FORMATS
from keras_gan import InputError
from keras_gan.serving import DEFAULT


def randomize(model):
    """Gives a model weights that make results of all values, no two networks alike."""
    for seed, network in enumerate(model.networks().values()):
        rng, values = np.random.default_rng(seed), network.get_weights()
        # All of them multiply the numbers, and their roundings, if nothing normalises.
        kernels = sum(value.ndim > 1 for value in values)
        gain = min(3, 60 ** (1 / max(kernels, 1)))
        for i, value in enumerate(values):
            if value.ndim > 1:
                scale = gain / np.sqrt(np.prod(value.shape[:-1]))
                values[i] = rng.normal(0, scale, value.shape)
            else:  # variances stay above 0
                values[i] = value + rng.uniform(0, 0.5, value.shape)
        network.set_weights(values)


def module(format):
    return importlib.import_module(FORMATS[format].module)


def holding(exportable):
    """Yields the formats that hold what a model makes and can be verified here."""
    for format in FORMATS:
        with contextlib.suppress(InputError):
            module(format).check(exportable)
            yield format


@pytest.fixture(scope="module", params=families.FAMILIES)
def exported(request, tmp_path_factory):
    """Returns a model, its functions with a kind, and results of its exports."""
    model, folder = families.FAMILIES[request.param](), tmp_path_factory.mktemp("all")
    randomize(model)
    functions = {
        name: signature
        for name, signature in model.signatures(families.inference(model)).items()
        if signature.kind is not None
    }
    # Another process needs seconds for these two; that it can is tested elsewhere.
    slow = {"saved-model", "hub"}
    formats = [name for name in holding(describe(model, "m")) if name not in slow]
    written = export.export_all(model, folder, "m", formats)
    written.append(export.to_saved_model(model, folder / "m", verify=False))
    return model, functions, written


def expected(signature):
    rows = signature.examples(5)
    made = signature.function(*map(tf.constant, rows.values()))
    return rows, {name: values.numpy() for name, values in made.items()}


def assert_close(found, made, signature):
    assert found.keys() == made.keys()
    for output, values in made.items():
        accepted = max(1e-5, signature.outputs[output].rounding)
        np.testing.assert_allclose(found[output], values, rtol=1e-5, atol=accepted)


def files_of(path):
    """Returns the files of an export with one function each: itself or those in it."""
    return [*path.rglob("*.onnx")] if path.is_dir() else [path]


def run_onnx(path, rows):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, rows), strict=True))


def run_litert(path, rows):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    several = "several" in interpreter.get_signature_list()
    return interpreter.get_signature_runner("several" if several else DEFAULT)(**rows)


def test_every_format_holds_each_main_function(exported):
    _, functions, written = exported
    formats = [result.format for result in written]
    assert {"onnx", "triton", "saved-model"} <= set(formats)
    for format in set(formats):
        each = FORMATS[format].holds == "each"
        assert formats.count(format) == (len(functions) if each else 1)


def test_results_are_of_all_values(exported):
    _, functions, _ = exported
    for signature in functions.values():
        for values in expected(signature)[1].values():
            assert values.std() > 0.1, "grey images would hide a difference"


def test_each_file_computes_what_the_model_does(exported):
    _, functions, written = exported
    for result in written[:-1]:
        assert result.passed
        format, run = "onnx", run_onnx
        if result.format == "litert":
            format, run = "litert", run_litert
        for file in files_of(result.path):
            name = module(format).metadata(file).get("function", DEFAULT)
            rows, made = expected(functions[name])
            assert_close(run(file, rows), made, functions[name])


def test_the_saved_model_computes_what_the_model_does(exported):
    model, functions, written = exported
    signatures = tf.saved_model.load(written[-1].path).signatures
    assert set(signatures) == set(model.signatures(families.inference(model)))
    for name, signature in functions.items():
        rows, made = expected(signature)
        found = signatures[name](**{n: tf.constant(x) for n, x in rows.items()})
        assert_close(found, made, signature)
