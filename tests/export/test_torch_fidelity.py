"""torch-fidelity reads a generator as an ONNX file, which it takes as it is."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import export
from keras_gan import DCGAN

_SESSION = Path(__file__).with_name("fidelity_session.py")


@pytest.mark.serving
@pytest.mark.parametrize("num_classes", [None, 3])
def test_torch_fidelity_measures_an_exported_file(
    num_classes, serving_environment, tmp_path
):
    python = serving_environment("torch-fidelity", ["torch-fidelity", "onnxruntime"])
    gan = DCGAN(
        (16, 16, 3),
        latent_dim=8,
        base_filters=4,
        num_classes=num_classes,
        latent_distribution="normal",
        seed=1,
    )
    rng = np.random.default_rng(0)
    for weight in gan.generator.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(rng.normal(0, 0.4, weight.shape))
    file = export.to_onnx(gan, tmp_path / "x.onnx", layout="nchw", output="uint8").path
    folders = {
        "same": gan.generate(500, seed=1),
        "noise": rng.integers(0, 256, (500, 16, 16, 3), "uint8"),
    }
    for name, images in folders.items():
        (tmp_path / name).mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / name / f"{i}.png")
    arguments = [file, gan.latent_dim, num_classes or 0, 500]
    result = subprocess.run(
        [python, _SESSION, *map(str, arguments), *(tmp_path / f for f in folders)],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    same, noise = json.loads(result.stdout.splitlines()[-1])
    # In another channel order or value range the samples would be as far as noise is.
    assert 0 <= same < noise / 10
