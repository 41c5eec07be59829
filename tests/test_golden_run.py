"""A run and its exports that an earlier version wrote (golden/README.md)."""

import json
import pathlib
import shutil

import keras
import numpy as np
import pytest

GOLDEN = pathlib.Path(__file__).parent / "golden"


@pytest.fixture
def run_dir(tmp_path):
    return shutil.copytree(GOLDEN / "run", tmp_path / "golden")


@pytest.fixture(scope="module")
def expected():
    with np.load(GOLDEN / "expected.npz") as file:
        return {name: file[name].astype(int) for name in file.files}


def difference(images, expected):
    """Mean difference in levels; one step of training makes about 0.6."""
    return np.abs(images.astype(int) - expected).mean()


def test_checkpoint_and_saved_model_give_the_samples_of_then(run_dir, expected):
    from keras_gan import runs

    for model in (
        runs.load(run_dir),
        runs.load(run_dir, best=True),
        keras.models.load_model(run_dir / "model.keras"),
    ):
        samples = model.generate(20, seed=5)
        assert difference(samples, expected["samples"]) < 0.02
    assert difference(samples, expected["samples_at_step_18"]) > 2


def test_it_resumes_to_where_the_earlier_version_came(run_dir, expected, train):
    from keras_gan import runs

    arguments = ["--resume", "--run-dir", str(run_dir), "--steps", "18", "--no-export"]
    assert train.main(arguments) == 0
    samples = runs.load(run_dir).generate(20, seed=5)
    # Other processors round differently, and Adam's first steps amplify that.
    assert difference(samples, expected["samples_at_step_18"]) < 0.5


def test_it_is_measured_as_then(run_dir):
    from keras_gan.evaluate.__main__ import main

    assert main([str(run_dir), "--features", "pixels", "--samples", "898"]) == 0
    then = json.loads((run_dir / "evaluation.json").read_text())
    now = json.loads((run_dir / "metrics.json").read_text())
    for kind in ("measures", "between_halves"):
        assert now[kind]["frechet_distance"] == pytest.approx(
            then[kind]["frechet_distance"], rel=1e-3
        )


def test_its_exports_serve_and_it_exports_again(run_dir):
    import onnxruntime
    import tensorflow as tf

    from export import export_all, verify_again
    from keras_gan import runs

    folder, model = run_dir / "export", runs.load(run_dir)
    latent, label = model.sample_latent(4, seed=1).numpy(), np.arange(4)
    expected = model.inference_generator([latent, label], training=False).numpy()
    session = onnxruntime.InferenceSession(folder / "golden.onnx")
    (images,) = session.run(["image"], {"latent": latent, "label": label})
    np.testing.assert_allclose(images, expected, atol=1e-5)
    served = tf.saved_model.load(folder / "golden" / "1").signatures
    rows = {"latent": tf.constant(latent), "label": tf.constant(label)}
    images = served["serving_default"](**rows)["image"].numpy()
    np.testing.assert_allclose(images, expected, atol=1e-5)
    # They are not what this version writes, and that is what `verify` proves.
    for name in ("golden/1", "golden.onnx"):
        assert verify_again(folder / name, run_dir).passed is False
    rows = export_all(run_dir, run_dir / "export", formats=["saved-model"])
    assert [row.path.name for row in rows] == ["2"]
    assert all(row.passed for row in rows)
