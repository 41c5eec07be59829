import argparse

import numpy as np
import pytest

from keras_gan import recipes
from keras_gan.experiments import elbo_latents

pytestmark = pytest.mark.usefixtures("deterministic")


@pytest.fixture
def settings(tmp_path):
    file = tmp_path / "small.toml"
    file.write_text('recipe = "vae-digits"\nimage_size = "8"\nhidden_units = 16\n')
    return file


def test_curves_are_of_models_that_learn_as_any_run(experiment, settings):
    arguments = ("--samples=3000", "--latents=6,2")
    _, report, picture = experiment("elbo-latents", f"--recipe={settings}", *arguments)
    measured = report["measured"]
    assert [*measured] == ["2", "6"]
    for curves in measured.values():
        # 3,000 samples are 47 steps of 64, and 10 are taken at a time.
        assert curves["seen"] == [640, 1280, 1920, 2560, 3200]
        assert curves["train"][-1] > curves["train"][0]
        assert curves["best_test"] == max(curves["test"])
        last = curves["train"][-1] - curves["test"][-1]
        assert curves["train_above_test"] == pytest.approx(last)
    assert report["paper"] is None
    assert picture.shape[1] > picture.shape[0]
    # The same model without a look in between.
    recipe = recipes.load(settings)[1].override({"steps": 50, "latent_dim": 6})
    train, test = recipe.divided(recipe.read())
    model = recipe.build(recipe.facts(train))
    recipe.initialize(model, train)
    batches = recipe.batches(train, model, 0, None)
    model.fit(batches, steps_per_epoch=50, verbose=0)
    for name, images in (("train", train), ("test", test)):
        rows = np.linspace(0, len(images) - 1, min(1000, len(images))).round()
        log_p, divergence = model.bound_terms(images.array[rows.astype(int)])
        expected = (log_p - divergence.sum(axis=1)).mean()
        assert measured["6"][name][-1] == pytest.approx(expected, rel=1e-5)


def test_a_recipe_of_another_family_is_refused(refused, tmp_path):
    line = refused("elbo-latents", "--recipe", "digits")
    assert line == (
        "error: digits is of family gan, which has no bound of the likelihood. Name a "
        "recipe of a VAE, such as vae-digits or vae-mnist."
    )
    assert "has no bound" in refused("elbo-latents", "--recipe", "ae-mnist")
    settings = tmp_path / "none.toml"
    settings.write_text('recipe = "vae-digits"\nvalidation = "none"\n')
    assert "holds no images out" in refused("elbo-latents", "--recipe", settings)
    assert "nonsense" in refused("elbo-latents", "--data", "nonsense")


def test_the_papers_bounds_are_of_mnist():
    figure = elbo_latents.paper_figure("tfds:mnist", (28, 28, 1))
    assert [*map(int, figure["test"])] == elbo_latents.LATENTS
    assert elbo_latents.paper_figure("tfds:mnist:3.0.1:train", (28, 28, 1)) == figure
    assert elbo_latents.paper_figure("tfds:mnist", (14, 14, 1)) is None
    assert elbo_latents.paper_figure("tfds:fashion_mnist", (28, 28, 1)) is None


def test_options_replace_those_of_the_recipe():
    options = argparse.Namespace(
        recipe="vae-mnist", data="digits", data_dir=None, samples=2000, seed=4
    )
    recipe = elbo_latents.recipe_of(options)
    assert (recipe.data, recipe.validation, recipe.seed) == ("digits", "0.1", 4)
    assert (recipe.steps, recipe.epochs) == (20, None)
