"""What the tests of the exports share: small GANs of each kind, and their exports."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import export
from keras_gan import DCGAN, GAN, datasets, networks, recipes, runs
from keras_gan.callbacks import Checkpoint


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


def randomize(network, seed=0):
    """Gives a network weights and moving averages that make images of all values."""
    rng = np.random.default_rng(seed)

    def values(weight):
        shape = tuple(weight.shape)
        if weight.name in ("moving_variance", "gamma"):
            return rng.uniform(0.5, 2.0, shape)
        if len(shape) == 1:
            return rng.normal(0.0, 0.3, shape)
        return rng.normal(0.0, 3.0 / np.sqrt(np.prod(shape[:-2]) * shape[-1]), shape)

    network.set_weights([values(weight) for weight in network.weights])


def dcgan(**settings):
    gan = DCGAN((16, 16, 1), latent_dim=8, base_filters=4, seed=1, **settings)
    randomize(gan.generator)
    return gan


def mlp():
    gan = GAN(
        networks.mlp_generator((6, 5, 1), latent_dim=7, hidden_units=(16,)),
        networks.maxout_discriminator((6, 5, 1), units=(4,)),
        latent_dim=7,
        value_range=(0, 1),
        seed=2,
    )
    randomize(gan.generator)
    return gan


def averaged():
    gan = dcgan(num_classes=3)
    gan.compile("adam", "sgd", generator_average=0.9)
    randomize(gan.averaged_generator, seed=5)
    return gan


def bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return dcgan(num_classes=3)
    finally:
        keras.config.set_dtype_policy("float32")


KINDS = {
    "mlp": mlp,
    "averaged": averaged,
    "bfloat16": bfloat16,
}


@pytest.fixture(scope="session", params=KINDS)
def exported(request, tmp_path_factory):
    """Returns a GAN of each kind, the folder of its exports and their rows."""
    keras.utils.set_random_seed(0)
    gan = KINDS[request.param]()
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, gan, folder, export.export_all(gan, folder, "model")


@pytest.fixture
def gan():
    return dcgan()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """Returns the folder of a short conditional run with an averaged generator."""
    path = tmp_path_factory.mktemp("runs") / "digits-1"
    recipe = recipes.get("digits").override(
        {"base_filters": 2, "latent_dim": 8, "steps": 2, "conditional": True}
    )
    images = datasets.read("digits", image_size=16)
    run = runs.Run.new(path, "digits", recipe, images)
    run.write()
    run.build().fit(
        images.batches(8, labels=True),
        steps_per_epoch=2,
        verbose=0,
        callbacks=[Checkpoint(path / "checkpoints")],
    )
    return path


@pytest.fixture
def contents():
    """Returns a function from a folder to the hash of each file in it."""

    def hashes(folder: Path):
        return {
            str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in folder.rglob("*")
            if file.is_file()
        }

    return hashes


# What an environment takes on the disk; its download is about half.
_SIZES = {
    "triton": "0.4 GB",
    "torch-fidelity": "1.1 GB",
    "web": "0.5 GB",
    "tensorflow-2.6": "0.9 GB",
}


@pytest.fixture(scope="session")
def serving_environment(request):
    """Returns a function that gives the Python of an environment with packages.

    It can be of another version of Python, by its interpreter.

    The environment is installed when it is first asked for and kept for the next time,
    under .serving or the folder that KERAS_GAN_SERVING names.
    """
    root = Path(__file__).parents[2]
    home = Path(os.environ.get("KERAS_GAN_SERVING", root / ".serving"))

    def environment(name, packages, interpreter=sys.executable):
        folder = home / name
        python = folder / "bin" / "python"
        complete = folder / "complete"
        if not complete.exists():
            capture = request.config.pluginmanager.getplugin("capturemanager")
            with capture.global_and_fixture_disabled():
                size = _SIZES.get(name, "some 100 MB")
                print(f"\ninstalling {size} into {folder}")
            subprocess.run([interpreter, "-m", "venv", "--clear", folder], check=True)
            subprocess.run([python, "-m", "pip", "install", *packages], check=True)
            complete.touch()
        return python

    return environment


@pytest.fixture(scope="session")
def runtime(tmp_path_factory):
    """Folder of the npm package; KERAS_GAN_ONNXRUNTIME_WEB names one that is there."""
    if "KERAS_GAN_ONNXRUNTIME_WEB" in os.environ:
        return os.environ["KERAS_GAN_ONNXRUNTIME_WEB"]
    folder = tmp_path_factory.mktemp("npm")
    subprocess.run(
        ["npm", "install", "--prefix", folder, "onnxruntime-web@1.30.0"], check=True
    )
    return str(folder / "node_modules" / "onnxruntime-web")
