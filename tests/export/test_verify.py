"""The second process that runs an export."""

import dataclasses
import shutil

import numpy as np
import pytest

import export
import keras_gan
from export import verify
from export.generator import describe


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


def test_an_export_that_got_keras_after_all_does_not_pass(gan, tmp_path, worker):
    worker(
        "__main__.py",
        "    outcome = {\n",
        '    sys.modules["keras.layers"] = json\n    outcome = {\n',
    )
    with pytest.raises(export.VerificationError, match=r"needs keras\.layers"):
        export.to_onnx(gan, tmp_path / "model.onnx")


def test_weights_stored_twice_do_not_pass(gan, tmp_path, monkeypatch):
    import keras

    from export import saved_model, signatures

    def write_twice(generator, path):
        archive = keras.export.ExportArchive()
        archive.track(generator.network)
        for name, signature in signatures.every(generator).items():
            archive.add_endpoint(name, signature.function, signature.inputs)
        archive.write_out(path, verbose=False)

    monkeypatch.setattr(saved_model, "write", write_twice)
    count = gan.generator.count_params()
    with pytest.raises(export.VerificationError, match=f"generator has {count}"):
        export.to_saved_model(gan, tmp_path)


def test_examples_are_what_the_model_was_trained_on(gan):
    generator = describe(gan, "model")
    latent = generator.examples(2000)["latent"]
    assert latent.dtype == np.float32
    assert latent.shape == (2000, 8)
    assert -1 <= latent.min() < -0.99
    assert 0.99 < latent.max() <= 1
    wide = dataclasses.replace(generator, latent_bounds=(2.0, 5.0))
    assert 2 <= wide.examples(2000)["latent"].min() < 2.01
    normal = dataclasses.replace(
        generator, latent_distribution="normal", latent_bounds=None, num_classes=10
    )
    inputs = normal.examples(64)
    assert abs(inputs["latent"].std() - 1) < 0.1
    assert set(inputs["label"]) == set(range(10))
    assert inputs["label"].dtype == np.int64
    assert (
        dataclasses.replace(normal, num_classes=1000).examples(64)["label"].max() > 99
    )


def test_every_latent_distribution_of_a_gan_can_be_drawn():
    from export.generator import _DRAWS
    from keras_gan.models import gan

    assert set(_DRAWS) == set(gan.LATENT_DISTRIBUTIONS)
    assert keras_gan.GAN is gan.GAN
