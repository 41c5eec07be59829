"""Triton itself, on the model repository as it is exported."""

import json
import subprocess
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import export
from export import onnx, triton
from export.exportable import describe
from export.formats import ExportOptions
from keras_gan import DCGAN, InputError, networks
from keras_gan.models.translator import Translator

_SESSION = Path(__file__).with_name("triton_session.py")
_IMAGE_SESSION = Path(__file__).with_name("triton_image_session.py")
_PACKAGES = ["nvidia-pytriton==0.7.0", "onnxruntime", "numpy<2"]


def conditional():
    return DCGAN((16, 24, 3), latent_dim=8, base_filters=4, num_classes=3, seed=1)


def test_a_repository_is_verified_and_published(tmp_path):
    gan = conditional()
    (row,) = export.export_all(gan, tmp_path, "digits", ["triton"])
    assert row.passed
    model = tmp_path / "triton" / "digits"
    assert row.path == model / "1"
    files = {str(p.relative_to(model)) for p in model.rglob("*") if p.is_file()}
    assert files == {"config.pbtxt", "1/model.onnx"}
    with pytest.raises(InputError, match="exists already"):
        export.export_all(gan, tmp_path, "digits", ["triton"], version=1)


def require_onnxruntime_backend(python):
    found = python.parents[1].glob("lib/*/site-packages/pytriton/tritonserver/backends")
    if not any((folder / "onnxruntime").exists() for folder in found):
        pytest.skip("build the backend with build_onnxruntime_backend.sh")


@pytest.mark.serving
@pytest.mark.parametrize(
    ("backend", "layout", "output"),
    [("onnxruntime", "nhwc", "float32"), ("python", "nchw", "uint8")],
)
def test_requests_of_many_clients(
    backend, layout, output, serving_environment, tmp_path
):
    python = serving_environment("triton", _PACKAGES)
    if backend == "onnxruntime":
        require_onnxruntime_backend(python)
    gan = conditional()
    options = ExportOptions(layout=layout, output=output, triton_backend=backend)
    exportable = describe(gan, "digits").with_options(options)
    triton.write(exportable, tmp_path / "triton" / "digits" / "1")
    function = exportable.default
    inputs = function.examples(200)
    np.savez(tmp_path / "inputs.npz", **inputs)
    arguments = [tmp_path / "triton", "digits", tmp_path / "inputs.npz"]
    result = subprocess.run(
        [python, _SESSION, *arguments, tmp_path / "outcome.npz"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    outcome = json.loads(result.stdout.splitlines()[-1])
    with np.load(tmp_path / "outcome.npz") as file:
        images = dict(file)

    expected = function.function(inputs["latent"], inputs["label"])["image"].numpy()
    assert images["http"].dtype == output
    tolerance = 1 if output == "uint8" else 1e-5
    for name, rows in {"http": range(5), "grpc": range(5), "many": range(1000)}.items():
        wanted = expected[np.resize(np.arange(200), len(rows))].astype("float64")
        assert images[name].shape == wanted.shape
        assert np.abs(images[name] - wanted).max() <= tolerance
    assert expected.std() > 0.01

    refusals = outcome["refusals"]
    refused = {"shape": "[-1,8]"}
    if backend == "python":
        refused["label"] = "labels go from -1 to 7; the classes are 0 to 2"
        refused["latent"] = "latent holds NaN or infinite values"
    for protocol, code in {
        "http": "400",
        "grpc": "StatusCode.INVALID_ARGUMENT",
    }.items():
        for kind, message in refused.items():
            refusal = refusals.pop(f"{protocol}_{kind}")
            assert refusal.startswith(code)
            assert message in refusal
    assert refusals == {}
    for kind in {"label", "latent"} - set(refused):
        few = {name: rows[:5] for name, rows in inputs.items()}
        few[kind] = images[f"bad_{kind}"]
        wanted = function.function(few["latent"], few["label"])["image"].numpy()
        assert np.isfinite(wanted).all()
        for protocol in ("http", "grpc"):
            found = images[f"{protocol}_{kind}"]
            np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)
    assert outcome["inference_count"] == 1000
    assert outcome["execution_count"] < 900, "requests that wait are merged"


class Translation(Translator):
    ways: ClassVar = {"target": ("source", "generator")}
    averages = ()

    def __init__(self):
        super().__init__(seed=1)
        shape = (None, None, 3)
        self.generator = networks.unet(shape, shape, base_filters=2, depth=2)
        rng = np.random.default_rng(0)
        for weight in self.generator.trainable_weights:
            weight.assign(weight + rng.normal(0, 0.2, weight.shape))

    def networks(self):
        return {"generator": self.generator}


@pytest.mark.parametrize(
    ("build", "chosen", "backend"),
    [
        (conditional, "auto", "onnxruntime"),
        (conditional, "python", "python"),
        (Translation, "auto", "python"),
        (Translation, "onnxruntime", "onnxruntime"),
    ],
)
def test_sizes_that_only_python_can_refuse_choose_the_backend(
    build, chosen, backend, tmp_path, monkeypatch
):
    monkeypatch.setattr(onnx, "write", lambda exportable, path: path.touch())
    options = ExportOptions(triton_backend=chosen)
    triton.write(describe(build(), "m").with_options(options), tmp_path / "m" / "1")
    config = (tmp_path / "m/config.pbtxt").read_text()
    assert f'backend: "{backend}"' in config
    assert (tmp_path / "m/1/model.py").exists() == (backend == "python")
    assert 'key: "intra_op_thread_count" value: { string_value: "1" }' in config


@pytest.mark.serving
def test_images_of_any_size(serving_environment, tmp_path):
    python = serving_environment("triton", _PACKAGES)
    model, rng = Translation(), np.random.default_rng(0)
    triton.write(describe(model, "maps"), tmp_path / "triton" / "maps" / "1")
    sizes = {"square": (1, 16, 16, 3), "wide": (1, 8, 20, 3), "two": (2, 12, 4, 3)}
    images = {n: rng.uniform(-1, 1, x).astype("float32") for n, x in sizes.items()}
    np.savez(tmp_path / "inputs.npz", **images)
    arguments = [tmp_path / "triton", "maps", tmp_path / "inputs.npz"]
    result = subprocess.run(
        [python, _IMAGE_SESSION, *arguments, tmp_path / "outcome.npz"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    refusal = (
        "[1, 8, 10, 3]; its height and width must be multiples of 4 and at least 4"
    )
    assert refusal in result.stdout
    with np.load(tmp_path / "outcome.npz") as file:
        for name, found in file.items():
            expected = np.asarray(model.generator(images[name]))
            assert expected.std() > 0.1
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
