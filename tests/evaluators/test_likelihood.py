"""Likelihood and reconstruction of held-out images against independent sums."""

import numpy as np
import pytest

from keras_gan import datasets, recipes
from keras_gan.evaluators.likelihood import (
    LikelihoodEvaluator,
    ReconstructionEvaluator,
    Scored,
)


@pytest.fixture(scope="module")
def digits():
    return datasets.read("digits")


@pytest.fixture(scope="module")
def vae(digits):
    recipe = recipes.get("vae-digits").override(
        {"image_size": None, "hidden_units": 16, "latent_dim": 3}
    )
    model = recipe.build({"image_shape": digits.shape, "num_classes": None})
    model.fit(digits.batches(64, (0, 1)), epochs=3, verbose=0)
    return model


def test_the_likelihood_is_that_of_the_model_and_beats_its_bound(vae, digits):
    scored = Scored(digits, held_out=True, count=30)
    evaluator = LikelihoodEvaluator(scored, samples=200, seed=5)
    found = evaluator.measure(vae)
    rows = np.linspace(0, 1796, 30).round().astype(int)
    expected = -vae.log_likelihood(digits.array[rows], 200, seed=5).mean()
    assert found["nll"] == pytest.approx(expected)
    assert found["bits_per_dimension"] == pytest.approx(expected / 64 / np.log(2))
    # Both are of random black and white images, other ones of the same digits.
    assert found["elbo"] == pytest.approx(-found["nll"], abs=3)
    mean, log_variance = vae.posterior((digits.array[rows] > 127) * np.uint8(255))
    divergence = (mean**2 + np.exp(log_variance) - log_variance - 1).sum(axis=1) / 2
    assert found["kl"] == pytest.approx(divergence.mean(), rel=0.3)
    assert found["active_latents"] in (0, 1, 2, 3)
    assert "30 of 1797 held-out images, 200 importance samples" in evaluator.protocol(
        vae
    )


def test_a_density_has_no_bits(digits):
    recipe = recipes.get("vae-64").override(
        {"image_size": None, "base_filters": 2, "latent_dim": 3}
    )
    model = recipe.build({"image_shape": digits.shape, "num_classes": None})
    evaluator = LikelihoodEvaluator(Scored(digits, True, count=3), samples=5)
    assert "bits_per_dimension" not in evaluator.measure(model)


def test_reconstruction_is_compared_with_principal_components(vae, digits):
    scored = Scored(digits, held_out=False, count=100)
    found = ReconstructionEvaluator(scored, digits).measure(vae)
    pixels = digits.array.reshape(-1, 64) / 255
    rows = np.linspace(0, 1796, 100).round().astype(int)
    axes = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)[2][:3]
    centred = pixels[rows] - pixels.mean(axis=0)
    linear = (centred @ axes.T @ axes + pixels.mean(axis=0)).clip(0, 1)
    expected = np.sqrt(np.mean((linear - pixels[rows]) ** 2))
    assert found["pca_error"] == pytest.approx(expected, rel=1e-3)
    made = vae.reconstruct(digits.array[rows]).reshape(-1, 64) / 255
    expected = np.sqrt(np.mean((made - pixels[rows]) ** 2))
    assert found["reconstruction_error"] == pytest.approx(expected, rel=1e-4)


def test_the_command_scores_as_many_images_as_asked_for(vae, digits):
    scored = Scored(digits, held_out=True)
    assert LikelihoodEvaluator(scored).thorough(1500, 3).scored.count == 1500
    assert LikelihoodEvaluator(scored).thorough(None, 3).seed == 3
