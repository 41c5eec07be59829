"""With the weights of PyTorch networks, the translators make the same images."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_gan import networks

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pytorch(tmp_path_factory):
    """Returns arrays of PyTorch's networks by name."""
    python = os.environ.get("KERAS_GAN_TORCH_PYTHON")
    if python is None:
        if importlib.util.find_spec("torch") is None:
            pytest.skip("no torch here; KERAS_GAN_TORCH_PYTHON names a Python with it")
        python = sys.executable
    file = tmp_path_factory.mktemp("torch") / "networks.npz"
    result = subprocess.run(
        [python, Path(__file__).with_name("torch_session.py"), file],
        env={**os.environ, "PYTHONPATH": str(ROOT / "benchmarks")},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return np.load(file)


NETWORKS = {
    "unet": lambda: networks.unet((32, 64, 3), (32, 64, 2), 3, dropout=0.0),
    "encoder_decoder": lambda: networks.unet(
        (32, 32, 2), (32, 32, 3), 3, skips=False, dropout=0.0
    ),
    "residual": lambda: networks.residual_translator((12, 20, 3), (12, 20, 2), 4, 2),
    "pixels": lambda: networks.patch_discriminator(
        (6, 7, 3), (6, 7, 2), 0, 4, normalization=None
    ),
    "patches": lambda: networks.patch_discriminator((48, 56, 3), (48, 56, 2), 3, 4),
    "odd_patches": lambda: networks.patch_discriminator(
        (37, 50, 3), None, 2, 4, normalization="instance"
    ),
}


def as_keras(name, weights):
    """Returns PyTorch's weights in the order and the layout of the Keras network."""
    kernels = [i for i, weight in enumerate(weights) if weight.ndim == 4]
    decoder = kernels[len(kernels) // 2 + 1 :]
    for i in kernels:
        weights[i] = weights[i].transpose(2, 3, 1, 0)
        if name == "residual":  # it computes upside down
            weights[i] = weights[i][::-1, ::-1]
        if name == "unet" and i in decoder:
            # PyTorch's skips come before the decoder's features, the paper's after.
            weights[i] = np.roll(weights[i], weights[i].shape[-1] // 2, axis=-1)
    return weights


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_with_the_same_weights(name, pytorch):
    network = NETWORKS[name]()
    count = sum(key.startswith(f"{name}/") for key in pytorch) - 2
    weights = [pytorch[f"{name}/{i}"] for i in range(count)]
    network.set_weights(as_keras(name, weights))
    images = pytorch[f"{name}/input"].transpose(0, 2, 3, 1)
    if len(network.inputs) == 2:
        images = [images[..., :2], images[..., 2:]]
    expected = pytorch[f"{name}/output"].transpose(0, 2, 3, 1)
    assert expected.std() > 0.1
    for training in (False, True):
        found = network(images, training=training).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-5)
