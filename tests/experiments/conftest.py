"""What the tests of the experiments share: short runs on real digits, in folders."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_gan import datasets, recipes, runs
from keras_gan.callbacks import Checkpoint
from keras_gan.experiments import __main__ as command


def train(path, **settings):
    recipe = recipes.get("digits").override(
        {"image_size": "8", "base_filters": 2, "latent_dim": 6, "steps": 8, **settings}
    )
    images = datasets.read("digits", image_size=8)
    run = runs.Run.new(path, "digits", recipe, images)
    run.write()
    run.build().fit(
        images.batches(32, labels=recipe.conditional),
        steps_per_epoch=8,
        verbose=0,
        callbacks=[Checkpoint(path / "checkpoints")],
    )
    return path


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture(scope="session")
def conditional_folder(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "classes", conditional=True)


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
