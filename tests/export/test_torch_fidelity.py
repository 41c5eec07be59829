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
# torch-fidelity 0.4.0 draws labels with a name that NumPy dropped in 1.24. The index
# has builds of PyTorch without CUDA, which are a tenth as large.
_PACKAGES = [
    *("torch-fidelity==0.4.0", "onnxruntime", "numpy<1.24"),
    *("--extra-index-url", "https://download.pytorch.org/whl/cpu"),
]
_COUNT = 1000


@pytest.mark.serving
@pytest.mark.parametrize("num_classes", [None, 3])
def test_torch_fidelity_measures_an_exported_file(
    num_classes, serving_environment, tmp_path
):
    python = serving_environment("torch-fidelity", _PACKAGES)
    gan = DCGAN(
        (16, 16, 3),
        latent_dim=8,
        base_filters=4,
        num_classes=num_classes,
        latent_distribution="uniform",
        seed=1,
    )
    rng = np.random.default_rng(0)
    for weight in gan.generator.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(rng.normal(0, 0.4, weight.shape))
    files = {
        latent_input: export.to_onnx(
            *(gan, tmp_path / f"{latent_input}.onnx"),
            **{"layout": "nchw", "output": "uint8", "latent_input": latent_input},
        ).path
        for latent_input in ("normal", "own")
    }
    folders = {
        "same": gan.generate(_COUNT, seed=1),
        "noise": rng.integers(0, 256, (_COUNT, 16, 16, 3), "uint8"),
    }
    for name, images in folders.items():
        (tmp_path / name).mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / name / f"{i}.png")
    found = {}
    for latent_input, file in files.items():
        arguments = [file, gan.latent_dim, num_classes or 0, _COUNT]
        result = subprocess.run(
            [python, _SESSION, *map(str, arguments), *(tmp_path / f for f in folders)],
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr[-2000:]
        distances = json.loads(result.stdout.splitlines()[-1])
        found[latent_input] = dict(zip(folders, distances, strict=True))
    # In another channel order or value range the samples would be as far as noise is,
    # and with latent vectors that it does not expect nearly as far.
    normal, own = found["normal"], found["own"]
    assert 0 <= normal["same"] < normal["noise"] / 100
    assert normal["same"] < own["same"] / 5
