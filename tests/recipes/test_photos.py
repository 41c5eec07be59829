"""What the recipe `photos` chooses by the data, and what it leaves to the user."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from keras_gan import InputError, networks, recipes, runs
from keras_gan.recipes.dcgan import DCGANRecipe
from keras_gan.recipes.photos import Seen, choose, of_sizes

ALL = "color,translation,cutout"
SQUARES = {"height": 500, "width": 500, "shape": 1.0, "channels": 3}


def made(count=300, given=(), **changes):
    """Returns the recipe that is chosen, which checks all settings."""
    seen = Seen(count, **{**SQUARES, **changes})
    return DCGANRecipe("chosen", **choose(seen, dict(given)))


@pytest.mark.parametrize(
    ("count", "augment", "batch_size", "steps"),
    [
        (20, ALL, 8, 10_000),
        (80, ALL, 16, 10_000),
        (300, ALL, 64, 10_000),
        (999, ALL, 64, 10_000),
        (1_000, "translation", 64, 10_000),
        (5_000, "translation", 64, 20_000),
        (20_000, "translation", 64, 20_000),
        (200_000, None, 64, 40_000),
    ],
)
def test_the_number_of_images_decides(count, augment, batch_size, steps):
    recipe = made(count)
    assert (recipe.augment, recipe.batch_size) == (augment, batch_size)
    assert recipe.augment_target == (0.6 if count < 1_000 else None)
    assert recipe.steps == steps == 2 * recipe.halving_steps
    assert recipe.evaluate_steps * 10 == steps
    assert recipe.image_size == "64" and recipe.flip and not recipe.conditional


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(500, 500)], "64"),
        ([(40, 40)], "40"),
        ([(30, 30)], "28"),  # 30 has one stage alone
        ([(8, 9)], "8"),
        ([(3000, 4000)], "48x64"),
        ([(600, 400)], "72x48"),  # portraits
        ([(1080, 1920)], "48x88"),
        ([(600, 400), (400, 600)], "64"),  # mixed
        ([(600, 400)] * 19 + [(400, 600)], "72x48"),
        ([(500, 500)] * 19 + [(20, 20)], "64"),  # one in twenty is enlarged
        ([(500, 500)] * 9 + [(20, 20)], "20"),
        ([(100, 2000)], "32x120"),  # the networks make no longer ones
    ],
)
def test_the_size_is_that_of_the_pictures(sizes, expected):
    recipe = DCGANRecipe("chosen", **choose(of_sizes(300, sizes), {}))
    assert recipe.image_size == expected
    assert networks.dcgan_stages(*recipe.image_shape_asked_for()) >= 1


@pytest.mark.parametrize(
    ("classes", "conditional"),
    [
        ((), False),
        ((5000,), False),
        ((500, 600), True),
        ((499, 6000), False),
        ((500,) * 101, False),
    ],
)
def test_classes_are_learned_if_each_has_enough_images(classes, conditional):
    assert made(classes=classes).conditional == conditional


def test_the_penalty_grows_with_the_pixels():
    weights = {
        size: made(given={"image_size": size}).penalty_weight
        for size in ("32", "64", "128")
    }
    assert weights == {"32": 0.03, "64": 0.12, "128": 0.48}
    assert made(given={"image_size": "128"}).base_filters == 16


@pytest.mark.parametrize(
    ("given", "follows"),
    [
        ({"minutes": 30.0}, {"steps": None, "halving_steps": 10_000}),
        ({"steps": 500}, {"evaluate_steps": 50, "halving_steps": 250}),
        ({"evaluate_epochs": 2}, {"evaluate_steps": None, "steps": 10_000}),
        ({"penalty": None}, {"penalty_weight": None, "penalty_interval": 1}),
        ({"strategy": "mirrored"}, {"penalty": "r1", "penalty_interval": 1}),
        ({"translation": 0.1}, {"augment": "color,cutout"}),
        ({"augment": "translation"}, {"translation": 0.0}),
        ({"augment": None}, {"augment": None, "augment_target": None}),
        ({"objective": "hinge"}, {"augment": ALL, "augment_target": None}),
        ({"discriminator_steps": 40}, {"batch_size": 4}),
        ({"conditional": True, "flip": False, "batch_size": 128}, {}),
    ],
)
def test_what_somebody_gives_is_kept_and_the_rest_follows(given, follows, tmp_path):
    np.savez(
        tmp_path / "x.npz",
        images=np.zeros((200, 9, 9, 3), "uint8"),
        labels=np.arange(200) % 2,
    )
    recipe, _ = (
        recipes.get("photos")
        .override({"data": f"npz:{tmp_path}/x.npz", **given})
        .begin()
    )
    assert type(recipe) is DCGANRecipe
    for name, value in {**given, **follows}.items():
        assert getattr(recipe, name) == value, name


@pytest.mark.parametrize(
    ("pixels", "channels", "words"),
    [
        ([1, 2, 3], 3, "in colour."),
        ([7, 7, 7], 1, "in grey (all channels are equal)."),
        ([1, 2, 3, 255], 3, "in colour."),
        ([7, 7, 7, 255], 1, "in grey (all channels are equal)."),
        ([7, 7, 7, 9], 4, "in colour with alpha."),
    ],
)
def test_channels_that_tell_nothing_are_left_out(pixels, channels, words, tmp_path):
    array = np.broadcast_to(np.uint8(pixels), (24, 11, 17, len(pixels)))
    np.savez(tmp_path / "x.npz", images=array)
    recipe = recipes.get("photos").override({"data": f"npz:{tmp_path}/x.npz"})
    recipe, images = recipe.begin()
    assert images.shape == (10, 16, channels)
    saw, chose, change = images.summary.splitlines()
    assert (
        saw == f"saw: 24 images of 17x11 pixels (width x height), read as 16x10 {words}"
    )
    assert "--image-size 10x16 --flip --augment color,translation,cutout" in chose
    assert "--no-flip if left and right mean something" in change
    # Read again, as a resumed run does, they are the same.
    np.testing.assert_array_equal(recipe.read().array, images.array)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("npz:few.npz", "there are 19 images to train on. Give at least 20"),
        ("npz:tiny.npz", "have 30x7 pixels .* at least 8x8"),
        ("ring", "gives points"),
        ("npz:none.npz", "cannot be read"),
        ("folder:none", "does not exist"),
    ],
)
def test_what_cannot_work_is_said(data, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("few.npz", images=np.zeros((19, 8, 8), "uint8"))
    np.savez("tiny.npz", images=np.zeros((30, 7, 30), "uint8"))
    with pytest.raises(InputError, match=said):
        recipes.get("photos").override({"data": data}).begin()


@pytest.fixture
def folder(tmp_path):
    """Grey scans saved in colour, upright, in two folders."""
    rng = np.random.default_rng(0)
    for number in range(24):
        grey = rng.integers(0, 256, (12, 8, 1), "uint8").repeat(3, axis=-1)
        path = tmp_path / "scans" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grey).save(path)
    return tmp_path / "scans"


def test_a_run_on_a_folder_chooses_once(train, folder, tmp_path, capsys):
    tiny = ["--base-filters", "2", "--features", "pixels", "--no-export"]
    run = ["--run-dir", str(tmp_path / "run")]
    begin = ["photos", "--data", f"folder:{folder}", *tiny, "--steps", "1", *run]
    assert train.main(begin) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        "saw: " + f"{folder} holds 24 pictures (24 PNG) of 8x12 pixels",
        "read as 8x12 in grey; 2 classes by folder: a 12, b 12.",
        "chose: --image-size 12x8 --flip --augment color,translation,cutout",
        "--penalty r1 --base-filters 2 --batch-size 8 --steps 1",
        "--conditional to learn the classes (chosen if all of them have 500 images)",
    ):
        assert words in shown
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert (config["recipe"], config["family"]) == ("photos", "gan")
    settings = config["settings"]
    assert settings["augment"] == ALL
    assert settings["penalty_weight"] == pytest.approx(0.03 * 12 * 8 / 32**2, abs=1e-4)
    # Opened again it is an ordinary run, whose data are read as it read them.
    opened = runs.Run.open(tmp_path / "run")
    assert type(opened.recipe) is DCGANRecipe
    opened.check_data(opened.read_data())
    asked = recipes.get("photos").override({"data": f"folder:{folder}", "steps": 9})
    asked = asked.override({"base_filters": 2, "features": "pixels"})
    longer = dataclasses.replace(opened.recipe, steps=9)
    assert opened.resumed_as(asked).recipe == longer
    with pytest.raises(InputError, match="batch_size is 16, and the run in"):
        opened.resumed_as(asked.override({"batch_size": 16}))
