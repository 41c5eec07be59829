"""What the tests of the experiments share: short runs on real digits, in folders."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_gan import datasets, recipes, runs
from keras_gan.callbacks import Checkpoint
from keras_gan.datasets import Images
from keras_gan.errors import InputError
from keras_gan.experiments import TrainedRun
from keras_gan.experiments import __main__ as command

SMALL = {"image_size": "8", "base_filters": 2, "latent_dim": 6, "steps": 8}
SMALL_VAE = {"image_size": "8", "hidden_units": 16, "latent_dim": 2, "steps": 8}


def train(path, name="digits", prepare=None, **settings):
    """Returns a folder with a run of 8 steps.

    Args:
        prepare: function that is told the model before it is trained.
    """
    recipe = recipes.get(name).override(settings)
    images = datasets.read(recipe.data, recipe.image_shape_asked_for())
    run = runs.Run.new(path, name, recipe, images)
    run.write()
    gan = run.build()
    if prepare is not None:
        prepare(gan)
    gan.fit(
        recipe.trained_on(images).batches(32, gan.value_range, recipe.conditional),
        steps_per_epoch=8,
        verbose=0,
        callbacks=[Checkpoint(path / "checkpoints")],
    )
    return path


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "digits", **SMALL)


@pytest.fixture(scope="session")
def conditional_folder(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "classes", conditional=True, **SMALL)


@pytest.fixture(scope="session")
def two_classes_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    digits = datasets.read("digits", 8)
    few = digits.labels < 2
    source = folder / "two.npz"
    np.savez(source, images=digits.array[few], labels=digits.labels[few])
    return train(
        folder / "two", data=f"npz:{source}", conditional=True, channels=1, **SMALL
    )


@pytest.fixture(scope="session")
def vae_folder_of():
    """Returns a function that trains a small VAE with some settings in a folder."""

    def make(folder, **settings):
        return train(folder, "vae-digits", **SMALL_VAE | settings)

    return make


@pytest.fixture(scope="session")
def vae_folder(vae_folder_of, tmp_path_factory):
    return vae_folder_of(tmp_path_factory.mktemp("runs") / "vae")


@pytest.fixture(scope="session")
def conditional_vae_folder(vae_folder_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "vae-classes"
    return vae_folder_of(folder, conditional=True)


@pytest.fixture(scope="session")
def autoencoder_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "autoencoder"
    return train(folder, "ae-mnist", data="digits", **SMALL_VAE)


@pytest.fixture(scope="session")
def many_latents_folder(tmp_path_factory):
    """The run of a VAE of which all latents but the first two tell nothing."""

    def silence(model):
        for name in ("mean", "log_variance"):
            layer = model.encoder.get_layer(name)
            kernel, bias = layer.get_weights()
            kernel[:, 2:] = bias[2:] = 0
            layer.set_weights([kernel, bias])

    settings = SMALL_VAE | {"latent_dim": 7, "learning_rate": 1e-12}
    folder = tmp_path_factory.mktemp("runs") / "latents-7"
    return train(folder, "vae-digits", silence, **settings)


@pytest.fixture(scope="session")
def points_folder(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "ring", "ring", steps=8)


@pytest.fixture
def tfds_run():
    """Returns a function from a source to a run on it, each image its own number.

    Labels are the numbers modulo 10; a folder has none. `without_test` makes a run on
    a set that has no split of that name.
    """
    splits = {"train": np.arange(100), "test": np.arange(100, 140)}

    def read(source, *_):
        kind, _, argument = source.partition(":")
        if kind != "tfds":
            numbers = np.arange(100)
        else:
            split, _, part = argument.partition(":")[2].partition("[")
            low, _, high = part.rstrip("]").partition(":")
            if (split or "train") not in splits:
                raise InputError(f"no split {split}")
            numbers = splits[split or "train"]
            numbers = numbers[int(low or 0) : int(high) if high else None]
        labels = None if kind == "folder" else numbers % 10
        return Images(numbers[:, None, None, None].astype("uint8"), labels)

    class Recipe:
        channels = data_dir = None

        def image_shape_asked_for(self):
            return None

        def trained_on(self, images):
            return images

    class Run:
        path = "run"
        recipe = Recipe()

        def read_data(self, source=None):
            return read(source or self.recipe.data_words)

        def check_data(self, images):
            assert len(images)

    def make(source):
        Run.recipe.data_words = source
        return TrainedRun(Run(), None)

    def make_without_test(source):
        del splits["test"]
        return make(source)

    make.without_test = make_without_test
    return make


@pytest.fixture
def refused(tmp_path, capsys):
    """Returns a function that gives the one line with which a command line fails."""

    def run(*arguments):
        out = tmp_path / "refused"
        assert command.main([*map(str, arguments), "--out", str(out)]) == 2
        assert not out.exists()
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    return run


@pytest.fixture
def experiment(tmp_path, capsys):
    """Returns a function that runs a command line in this process.

    It gives the folder written, the report and the picture of the named files.
    """

    def run(name, folder, *arguments, files=None, out="out"):
        out = tmp_path / out
        argv = [name, str(folder), "--out", str(out), *map(str, arguments)]
        assert command.main(argv) == 0, capsys.readouterr().err
        files = files or name
        report = json.loads((out / f"{files}.json").read_text())
        picture = np.asarray(Image.open(out / f"{files}.png"))
        assert {"measured", "paper", "protocol"} <= report.keys()
        assert report["protocol"] in capsys.readouterr().out
        assert picture.std() > 0
        return out, report, picture

    return run
