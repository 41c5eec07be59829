import types

import numpy as np
import pytest

from keras_gan import datasets, runs
from keras_gan.experiments import active_units
from keras_gan.recipes import RECIPES


def test_counts_the_latents_that_tell_something(experiment, many_latents_folder):
    """All but two of seven latents have the posterior N(0, 1) of each image."""
    _, report, _ = experiment("active-units", many_latents_folder)
    measured = report["measured"]
    assert measured["latents"] == 7
    assert measured["active"] == measured["kl_above_threshold"] == 2
    np.testing.assert_allclose(measured["kl"][2:], 0, atol=1e-9)
    np.testing.assert_allclose(measured["variance_of_mean"][2:], 0, atol=1e-9)
    assert measured["kl_total"] == pytest.approx(sum(measured["kl"]))
    assert "180 of 180 held-out images" in report["protocol"]


def test_figures_are_of_what_the_likelihood_observes(experiment, many_latents_folder):
    run = runs.Run.open(many_latents_folder)
    model, (_, held_out) = run.load(), run.recipe.divided(run.read_data())
    means = []
    for seed in range(20):  # other black and white pixels each time
        scored = active_units.Scored(held_out, held_out=True)
        mean, log_variance = active_units.posterior(model, scored, seed)
        kl = (mean**2 + np.exp(log_variance) - log_variance - 1) / 2
        means.append([kl.mean(axis=0)[:2], mean.var(axis=0, ddof=1)[:2]])
    _, report, _ = experiment("active-units", many_latents_folder, "--seed", 5)
    kl, variance = (report["measured"][n][:2] for n in ("kl", "variance_of_mean"))
    np.testing.assert_allclose(kl, means[5][0], rtol=1e-5)
    np.testing.assert_allclose(variance, means[5][1], rtol=1e-5)
    # By the numbers that the model itself reports, whose draws are others.
    images = datasets.Images(held_out.array)
    found = model.evaluate(images.in_order(100, (0, 1)), return_dict=True, verbose=0)
    spread = np.ptp([sum(each[0]) for each in means])
    assert abs(found["kl"] - np.mean([sum(each[0]) for each in means])) < spread


def test_the_papers_figure_is_of_the_same_kind_of_model_on_mnist():
    def figure(samples=1, latents=50, name="mnist"):
        model = types.SimpleNamespace(importance_samples=samples, latent_dim=latents)
        return active_units.paper_figure(
            types.SimpleNamespace(
                model=model, image_shape=(28, 28, 1), tfds_name=lambda: name
            )
        )

    assert [figure(k)["active"] for k in (1, 5, 50)] == [19, 22, 25]
    assert figure(2) is figure(latents=20) is figure(name="fashion_mnist") is None
    recipe = RECIPES["vae-mnist-iwae"]
    assert figure(recipe.importance_samples, recipe.latent_dim)["active"] == 22
