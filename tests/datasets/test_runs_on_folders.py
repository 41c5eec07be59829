"""What a run on a folder of pictures says when the folder has changed."""

import numpy as np
import pytest
from PIL import Image

from keras_gan import datasets, recipes, runs
from keras_gan.errors import InputError


@pytest.fixture
def run(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("Covid-19/a", "Covid-19/b", "normal/c"):
        path = tmp_path / "photos" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(path)
    recipe = recipes.get("dcgan-64").override(
        {"data": f"folder:{tmp_path}/photos", "image_size": "8", "conditional": True}
    )
    images = datasets.read(recipe.data, 8)
    run = runs.Run.new(tmp_path / "run", "dcgan-64", recipe, images)
    run.path.mkdir()
    run.write()
    run.write_files(images)
    return runs.Run.open(run.path)


def test_what_changed_is_named(run, tmp_path):
    run.check_data(run.read_data())
    folder = tmp_path / "photos"
    (folder / "normal/c.png").rename(folder / "normal/z.png")
    run.check_data(run.read_data())  # the same pictures in the same order
    (folder / "Covid-19/a.png").rename(folder / "Covid-19/y.png")
    with pytest.raises(InputError, match=r"renamed \('Covid-19/a.png' to .*y.png"):
        run.check_data(run.read_data())
    (folder / "Covid-19/y.png").unlink()
    with pytest.raises(
        InputError, match=r"1 missing \('Covid-19/a.png'\).*--start-from"
    ):
        run.check_data(run.read_data())
    folder.rename(tmp_path / "moved")
    with pytest.raises(InputError, match="--data folder:PATH"):
        run.read_data()


def test_classes_by_name(run):
    assert run.labels(["normal", "Covid-19", "1"]) == [1, 0, 1]
    with pytest.raises(InputError, match=r"Covid-19, normal.*Did you mean 'Covid-19'"):
        run.labels(["covid19"])


def test_a_stray_picture_is_named(tmp_path, run):
    Image.new("L", (8, 8)).save(tmp_path / "photos" / "stray.png")
    with pytest.raises(InputError, match=r"--conditional needs .*'stray\.png'"):
        run.read_data().require_labels("--conditional")
