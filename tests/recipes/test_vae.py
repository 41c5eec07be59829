"""Recipes of autoencoders: what they build, hold out and measure."""

import dataclasses

import numpy as np
import pytest

from keras_gan import InputError, losses, recipes
from keras_gan.datasets import Images

FACTS = {"image_shape": (8, 8, 1), "num_classes": None}
SMALL = {"hidden_units": 8, "latent_dim": 3, "image_size": None}


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return Images(rng.integers(0, 256, (40, 8, 8, 1), "uint8"))


def small(name, **changes):
    return recipes.get(name).override({**SMALL, **changes})


def test_the_recipe_of_2013_has_the_settings_of_the_paper():
    recipe = recipes.get("vae-mnist")
    vae = recipe.build({"image_shape": (28, 28, 1), "num_classes": None})
    weights = vae.encoder.trainable_weights + vae.decoder.trainable_weights
    assert sum(int(np.prod(weight.shape)) for weight in weights) == 815_824
    assert vae.optimizer.name == "adagrad"
    assert recipe.batch_size == 100
    kernels = [w.numpy() for w in weights if w.name == "kernel"]
    assert np.concatenate([k.ravel() for k in kernels]).std() == pytest.approx(
        0.01, rel=0.01
    )


def test_the_recipe_of_burda_takes_any_number_of_samples():
    for k, estimator in ((1, "closed_form"), (7, "sampled")):
        vae = small("vae-mnist-iwae", importance_samples=k).build(FACTS)
        assert (vae.importance_samples, vae.estimator) == (k, estimator)


def test_another_source_has_a_tenth_held_out():
    assert recipes.get("vae-mnist").validation == "tfds:mnist:test"
    other = recipes.get("vae-mnist").override({"data": "digits"})
    assert other.validation == "0.1"
    asked = recipes.get("vae-mnist").override({"data": "digits", "validation": None})
    assert asked.validation is None


def test_the_decoder_begins_at_the_mean_image(images):
    recipe = small("vae-mnist", likelihood="bernoulli")
    vae = recipe.build(FACTS)
    recipe.initialize(vae, images)
    expected = images.array.mean(axis=0) / 255
    made = vae.decoder(np.zeros((1, 3), "float32"))[0]
    np.testing.assert_allclose(made, expected, atol=0.01)


@pytest.mark.parametrize(
    ("binarization", "expected"),
    [(None, "random"), ("fixed", "fixed"), ("grey", None)],
)
def test_binarization_is_that_of_the_likelihood(binarization, expected):
    recipe = small("vae-mnist", binarization=binarization)
    assert recipe.build_likelihood().binarization == expected


def test_other_likelihoods_have_a_scale_to_learn_and_no_binarization():
    for name, kind in losses.LIKELIHOODS.items():
        vae = small("vae-mnist", likelihood=name).build(FACTS)
        assert isinstance(vae.likelihood, kind)
        assert len(vae.decoder.outputs) == 1 + vae.likelihood.needs_scale
    with pytest.raises(InputError, match="only bernoulli makes pixels black or white"):
        small("vae-mnist", likelihood="gaussian", binarization="fixed").build(FACTS)


def test_held_out_images_are_measured_if_there_are_any(images):
    recipe = small("vae-mnist", features="pixels")
    half = dataclasses.replace(images, array=images.array[:20])
    measured = recipe.evaluators(images, half)
    assert [*measured] == ["likelihood", "reconstruction", "samples"]
    assert measured["likelihood"].scored.words == "20 of 20 held-out images"
    seen = recipe.evaluators(images, None)["likelihood"].scored.words
    assert seen == "40 of 40 images seen in training"
    assert [*small("ae-mnist").evaluators(images, half)] == ["reconstruction"]
