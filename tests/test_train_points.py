"""A run on points, from the command line to a verified export and a picture."""

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from keras_gan import runs, sample
from keras_gan.evaluators.modes import mode_counter_for

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def finished(train, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "tiny"
    options = ["--steps", "30", "--sample-steps", "10", "--run-dir", str(path)]
    assert train.main(["ring", *options]) == 0
    return path


def test_run_leaves_pictures_and_an_export(finished):
    frames = sorted(path.name for path in (finished / "samples").iterdir())
    assert frames == [f"step_{step:08d}.png" for step in (0, 10, 20, 30)]
    with Image.open(finished / "training.gif") as animation:
        assert animation.n_frames == 4
    report = json.loads((finished / "export" / "report.json").read_text())
    assert {row["format"] for row in report} == {"saved-model", "onnx"}
    assert all(row["passed"] for row in report)


def test_picture_shows_the_real_points_too(finished):
    picture = Image.open(finished / "samples" / "step_00000000.png")
    values = np.asarray(picture).astype(int)
    grey = (np.ptp(values, axis=2) < 6) & (abs(values.mean(axis=2) - 178) < 4)
    assert grey.sum() > 500
    # The modes lie on a circle: there are some in each quadrant.
    height, width = grey.shape
    rows, columns = np.nonzero(grey)
    quadrants = (rows > 0.53 * height) * 2 + (columns > 0.53 * width)
    assert np.bincount(quadrants, minlength=4).min() > 0.1 * grey.sum()


def test_sample_draws_points(finished, tmp_path, capsys):
    outs = [tmp_path / "a.png", tmp_path / "b.png"]
    for out in outs:
        assert sample.main([str(finished), "--seed", "3", "--out", str(out)]) == 0
    assert "2000 samples" in capsys.readouterr().out
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_run_gives_points_whose_modes_can_be_counted(finished):
    points = runs.load(finished).generate(500, seed=0)
    assert points.shape == (500, 2)
    assert points.dtype == np.float32
    assert 0 <= mode_counter_for("ring")(points).modes <= 8


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        (["digits", "--data", "ring", "--image-size", "8"], "image_size is (8, 8)"),
        (["gan-mnist", "--data", "ring"], "'ring' gives points"),
        (["ring", "--data", "digits"], "'digits' gives images"),
        (["ring", "--image-size", "8"], "image_size is (8, 8)"),
    ],
)
def test_recipes_refuse_the_other_kind(train, tmp_path, capsys, arguments, received):
    path = tmp_path / "run"
    assert train.main([*arguments, "--run-dir", str(path)]) == 2
    assert received in capsys.readouterr().err.strip().splitlines()[-1]
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "modes"), [("ring", 8), ("grid", 25)])
def test_recipe_finds_all_modes(train, tmp_path, recipe, modes):
    path = tmp_path / "run"
    assert train.main([recipe, "--no-export", "--run-dir", str(path)]) == 0
    hit, high_quality = mode_counter_for(recipe)(runs.load(path).generate(2500, seed=0))
    assert hit == modes
    assert high_quality >= 0.9
