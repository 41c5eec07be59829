"""A family of a user's own, from `training.train` to a verified export.

Nothing of the project knows `toy`: what it needs, the contract says.
"""

import json

import families
import keras
import numpy as np
import pytest
import toy
from PIL import Image

import export
from keras_gan import datasets, recipes, runs, training
from keras_gan.evaluate import __main__ as evaluate

RECIPE = toy.MeanImageRecipe(
    summary="the mean digit",
    data="digits",
    image_size=8,
    batch_size=64,
    steps=20,
    sample_steps=10,
    checkpoint_steps=10,
    evaluate_steps=10,
    deterministic=True,
)


@pytest.fixture(scope="module")
def run(deterministic, tmp_path_factory):
    """Returns a finished run, and the state of its model."""
    trained = training.train(RECIPE, tmp_path_factory.mktemp("toy") / "run")
    return trained, families.state(trained.model)


def test_it_learns_the_mean_image(run):
    trained, _ = run
    assert int(trained.model.step) == 20
    images = datasets.read("digits", image_size=8).array
    before = toy.MeanImageRecipe.build(RECIPE, trained.run.data)
    mean = images.mean(axis=0)
    apart = [
        np.abs(model.samples(64, seed=1)["mean"].mean(axis=0) - mean).mean()
        for model in (before, trained.model)
    ]
    assert apart[1] < 0.7 * apart[0]


def test_its_recipe_is_known_by_its_family(run):
    path = run[0].run.path
    config = json.loads((path / "config.json").read_text())
    assert config["family"] == "tests-mean-image"
    assert config["settings"]["learning_rate"] == 0.03
    again = runs.load(path)
    assert type(again) is toy.MeanImage
    for name, value in run[1].items():
        if not name.startswith("metrics"):
            np.testing.assert_array_equal(families.state(again)[name], value)
    assert recipes.load(path / "config.json")[1] == RECIPE


def test_it_resumes_as_if_never_cut(run, tmp_path):
    _, end = run
    path = tmp_path / "run"
    training.train(RECIPE.override({"steps": 13}), path)
    resumed = training.train(RECIPE, path, resume=True)
    for name, value in families.state(resumed.model).items():
        np.testing.assert_array_equal(value, end[name], err_msg=name)


def test_it_shows_its_pictures_and_its_numbers(run):
    path = run[0].run.path
    names = [p.name for p in sorted((path / "samples").iterdir())]
    assert names == [f"step_{step:08d}.png" for step in (0, 10, 20)]
    first, *_, last = (np.asarray(Image.open(path / "samples" / n)) for n in names)
    assert first.shape == last.shape
    assert (first != last).any()
    assert (path / "training.gif").exists()
    assert "loss" in (path / "metrics.csv").read_text().splitlines()[0].split(",")


def test_it_is_measured(run):
    trained, _ = run
    measured = trained.measures["measures"]["frechet_distance"]
    assert measured > trained.measures["between_halves"]["frechet_distance"] >= 0
    assert "frechet_distance" in (trained.run.path / "measures.csv").read_text()


def test_it_has_a_page_of_all_that_is_known(run, tmp_path):
    path, quick = run[0].run.path, ["--features", "pixels", "--samples", "60"]
    assert evaluate.main([str(path), *quick, "--out", str(tmp_path)]) == 0
    measures = json.loads((tmp_path / "metrics.json").read_text())["measures"]
    assert measures["frechet_distance"] > 0
    page = (tmp_path / "report.html").read_text()
    assert "tests-mean-image" in page
    assert 'alt="loss through training' in page


def test_it_is_exported_and_verified(run, tmp_path):
    path = run[0].run.path
    for result in export.export_all(path, tmp_path, "mean", ["onnx", "web"]):
        assert result.passed
    assert export.verify_again(tmp_path / "mean.onnx", path).passed
    # A model's file does not know the name of its run.
    problem = export.verify_again(tmp_path / "mean.onnx", path / "model.keras").problem
    assert "says run is" in problem


def test_its_file_is_a_model_of_keras(run):
    copy = keras.models.load_model(run[0].run.path / "model.keras")
    ours, theirs = copy.samples(3, seed=2), run[0].model.samples(3, seed=2)
    np.testing.assert_array_equal(ours["mean"], theirs["mean"])
