"""The second process that runs an export."""

import dataclasses
import runpy
import shutil

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf

import export
import keras_gan
from export import verify
from export.__main__ import main
from export.exportable import describe
from keras_gan import networks, serving
from keras_gan.latents import Prior


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Returns a function that replaces text in one file of the worker."""
    copy = tmp_path / "worker"
    shutil.copytree(verify._WORKER, copy)
    monkeypatch.setattr(verify, "_WORKER", copy)

    def replace(file, old, new):
        text = (copy / file).read_text()
        assert old in text
        (copy / file).write_text(text.replace(old, new))

    return replace


@pytest.mark.parametrize("format", ["saved-model", "onnx"])
@pytest.mark.parametrize("name", ["keras_gan", "keras", "export"])
def test_the_worker_cannot_import_the_training_code(format, name, tmp_path, worker):
    # A worker whose loader tries to, which is what an export that needs it would do.
    worker(
        "loaders.py",
        "def __init__(self, path):\n",
        f"def __init__(self, path):\n        import {name}\n",
    )
    process = verify._run_worker(format, *[tmp_path] * 3)
    assert process.returncode != 0
    assert process.stderr.startswith("ModuleNotFoundError")
    assert name in process.stderr


def test_the_worker_imports_from_where_this_process_does(tmp_path, worker, monkeypatch):
    names = ("packages", "here")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / f"from_{name}.py").touch()
        monkeypatch.syspath_prepend(tmp_path / name)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(verify._WORKER.parents[1])
    worker(
        "__main__.py",
        "    loader = ",
        "    import importlib.util as u\n"
        '    names = ("from_packages", "from_here", "train")\n'
        "    sys.exit(str([n for n in names if u.find_spec(n)]))\n"
        "    loader = ",
    )
    process = verify._run_worker("onnx", *[tmp_path] * 3)
    assert process.stderr.splitlines()[-1] == "['from_packages']"


def test_warm_up_requests_that_cannot_be_read_are_left_out(
    gan, tmp_path, worker, capsys
):
    pytest.importorskip("tensorflow_serving")
    gan.save(tmp_path / "gan.keras")
    path = export.to_saved_model(gan, tmp_path / "model", verify=False).path
    worker("loaders.py", '"export", "keras")\n', '"export", "tensorflow_serving")\n')
    assert main(["verify", str(path), "--against", str(tmp_path / "gan.keras")]) == 0
    assert "requests were not tried" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("output", "value_range", "accepted"),
    [
        ("image", (-1, 1), 1e-5),
        ("image", (0, 1), 5e-6),
        ("image", (0, 255), 127.5e-5),
        ("image", None, 3e-5),
        ("latent", (0, 255), 1e-5),
    ],
)
def test_accepted_differences_are_in_parts_of_the_range(
    output, value_range, accepted, gan
):
    gan.value_range = value_range
    spec = describe(gan, "m").signatures["sample"].outputs[output]
    expected = np.float32([[-3, 2]])
    found = verify.tolerance(spec, "float32", expected)
    assert found == pytest.approx(accepted)


def test_images_of_grey_levels_pass(tmp_path):
    latent = keras.Input((4,))
    x = keras.layers.Rescaling(255)(keras.layers.Dense(256, "sigmoid")(latent))
    x = keras.layers.Reshape((16, 16, 1))(x)
    discriminator = networks.maxout_discriminator((16, 16, 1), units=(2,))
    gan = keras_gan.GAN(keras.Model(latent, x), discriminator, 4, value_range=(0, 255))
    # Large weights, so that the formats round differently.
    rng = np.random.default_rng(0)
    gan.generator.layers[1].kernel.assign(rng.normal(0, 9, (4, 256)))
    for row in export.export_all(gan, tmp_path, "model"):
        assert row.passed
        assert row.tolerance == pytest.approx(127.5e-5)


def test_two_loaders_may_round_large_values_otherwise():
    equal = runpy.run_path(str(verify._WORKER / "loaders.py"))["equal"]
    for scale in (1, 255):
        one = scale * np.float32([0.25, 1])
        assert equal(one, one + np.float32(0.9e-5 * scale))
        assert not equal(one, one + np.float32(1.2e-5 * scale))
    # What is small within its range may differ as much as what is large.
    assert equal(np.float32([1e-3]), np.float32([1e-3 + 9e-6]))


def test_an_export_that_got_keras_after_all_does_not_pass(gan, tmp_path, worker):
    worker(
        "__main__.py",
        "    outcome = {\n",
        '    sys.modules["keras.layers"] = json\n    outcome = {\n',
    )
    with pytest.raises(export.VerificationError, match=r"needs keras\.layers"):
        export.to_onnx(gan, tmp_path / "model.onnx")


def test_weights_stored_twice_do_not_pass(gan, tmp_path, monkeypatch):
    from export import saved_model

    def write_twice(exportable, path):
        archive = keras.export.ExportArchive()
        archive.track(exportable.networks["generator"])
        for name, signature in exportable.signatures.items():
            archive.add_endpoint(name, signature.function, signature.tensors)
        archive.write_out(path, verbose=False)

    monkeypatch.setattr(saved_model, "write", write_twice)
    count = gan.generator.count_params()
    with pytest.raises(export.VerificationError, match=f"model has {count}"):
        export.to_saved_model(gan, tmp_path)


def test_examples_are_what_the_model_was_trained_on(gan):
    default = describe(gan, "model").default
    latent = default.examples(2000)["latent"]
    assert latent.dtype == np.float32
    assert latent.shape == (2000, 8)
    assert -1 <= latent.min() < -0.99
    assert 0.99 < latent.max() <= 1

    def examples(prior, count, num_classes=None):
        image = serving.image((4, 4, 1), None)
        functions = serving.latent_to_image(gan.generator, prior, image, num_classes)
        return functions["serving_default"].examples(count)

    wide = examples(Prior(8, "uniform", (2.0, 5.0)), 2000)
    assert 2 <= wide["latent"].min() < 2.01
    normal = Prior(8, "normal")
    inputs = examples(normal, 64, num_classes=10)
    assert abs(inputs["latent"].std() - 1) < 0.1
    assert set(inputs["label"]) == set(range(10))
    assert inputs["label"].dtype == np.int64
    assert examples(normal, 64, num_classes=1000)["label"].max() > 99


@pytest.mark.parametrize("bound", [0, 2])
def test_labels_of_no_class_are_tried(bound, tmp_path):
    gan = keras_gan.DCGAN((8, 8, 1), 4, base_filters=2, num_classes=3, seed=1)
    path = export.to_onnx(gan, tmp_path / "m.onnx").path
    model = onnx.load(path)
    # All classes of the model are served as before.
    for weight in model.graph.initializer:
        value = onnx.numpy_helper.to_array(weight)
        if value.dtype == "int64" and not value.ndim and value == bound:
            moved = np.int64(2 * bound - 1)
            weight.CopyFrom(onnx.numpy_helper.from_array(moved, weight.name))
    onnx.save(model, path)
    row = verify.verified(describe(gan, "m").only("serving_default"), "onnx", path)
    assert "of labels or numbers out of range, differs" in row.problem


def test_numbers_out_of_range_are_compared_where_the_model_gives_numbers(gan, tmp_path):
    exportable = describe(gan, "m").only("serving_default")
    limited = dataclasses.replace(
        exportable.default,
        function=lambda latent: exportable.default.function(
            tf.where(tf.math.is_finite(latent), latent, 0.0)
        ),
    )
    # The model takes NaN and infinity as 0, and the export does not.
    path = export.to_onnx(gan, tmp_path / "m.onnx").path
    promised = dataclasses.replace(exportable, signatures={"serving_default": limited})
    row = verify.verified(promised, "onnx", path)
    assert "of labels or numbers out of range, differs" in row.problem


def test_a_tolerance_in_a_report_that_is_not_that_of_verification(gan, tmp_path):
    (row,) = export.export_all(gan, tmp_path, "m", ["onnx"])
    loose = dataclasses.replace(row, tolerance=0.5)
    export.write_report([loose], tmp_path / "report.json")
    found = export.verify_again(row.path, gan)
    assert found.problem.endswith("says that its tolerance is 0.5, and it is 1e-05")
    assert found.largest_difference < 1e-5
