"""Autoencoders made to fail in each way that `Diagnosis` knows, and healthy ones."""

import dataclasses
import math

import keras
import numpy as np
import pytest

from keras_gan import datasets, losses, recipes
from keras_gan.callbacks import Diagnosis, diagnosis
from keras_gan.models import VAE, Autoencoder
from keras_gan.symptoms import (
    Blur,
    IgnoredLatents,
    PosteriorCollapse,
    Variety,
    Window,
)

RECONSTRUCTION = {"output": "reconstruction"}
NUMBERS = {"kl": "kl", "active": "active_latents"}


@pytest.fixture(scope="module")
def digits():
    return datasets.read("digits", 16)


def findings(digits, steps, name="vae-digits", prepare=None, **settings):
    """Returns what is found in the first steps of a run."""
    changes = {"data": "digits", "image_size": "16", "steps": steps, **settings}
    recipe = recipes.get(name).override(changes)
    keras.utils.set_random_seed(recipe.seed)
    model = recipe.build(recipe.facts(digits))
    if prepare is None:
        recipe.initialize(model, digits)
    else:
        prepare(model)
    callback = Diagnosis(digits.array)
    batches = recipe.batches(digits, model, 0, None)
    model.fit(batches, steps_per_epoch=steps, verbose=0, callbacks=[callback])
    return callback.findings


def kinds(found):
    return {finding.kind for finding in found if not finding.ended}


# Real runs ---------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"latent_dim": 2}])
def test_a_healthy_vae_is_not_remarked_upon(digits, settings):
    assert findings(digits, 300, **settings) == []


def test_a_healthy_autoencoder_is_not_remarked_upon(digits):
    assert findings(digits, 300, name="ae-mnist", hidden_units=64) == []


def test_a_posterior_that_beta_has_collapsed_is_found(digits):
    found = findings(digits, 400, beta=50.0, hidden_units=64)
    assert kinds(found) == {"posterior_collapse", "ignored_latents"}
    (collapse,) = (f for f in found if f.kind == "posterior_collapse")
    assert collapse.message.startswith("the posterior has collapsed to the prior since")
    assert "of them are active" in collapse.message
    assert "raise beta slowly (beta_warmup_steps)" in collapse.message


def cut(model):
    """Keeps the decoder from seeing the latents."""
    layer = next(layer for layer in model.decoder.layers if layer.weights)
    layer.kernel.assign(np.zeros(layer.kernel.shape))
    layer.trainable = False
    model.compile("adam", model.likelihood)


def test_a_decoder_that_ignores_the_latents_is_found(digits):
    (ignored,) = findings(digits, 250, prepare=cut, hidden_units=64)
    assert ignored.kind == "ignored_latents"
    assert "variance is 0 times that of real ones" in ignored.message
    assert "Look whether its first layers learn" in ignored.message


def take_large_errors_for_noise(model):
    model.decoder.get_layer("log_scale").trainable = False  # it is not asked for
    model.compile("adam", losses.Gaussian(sigma=2.0))


def test_blur_of_a_likelihood_that_expects_large_errors_is_found(digits):
    settings = {"likelihood": "gaussian", "prepare": take_large_errors_for_noise}
    found = findings(digits, 500, **settings)
    assert kinds(found) == {"blur"}
    assert "give it a smaller sigma" in found[0].message
    assert "(mean squared Laplacian) is 0.2" in found[0].message


# Each symptom on series of real runs, a look each 50 steps -----------------------

# The first 600 steps of `vae-mnist`, whose initial weights are tiny.
SLOW_START = {
    "kl": [0.005, 0.118, 3.2, 5.5, 6.0, 7.4, 8.9, 9.6, 10.6, 11.4, 12.1, 12.5],
    "active_latents": [0.0, 1.8, 15.0, 19.0, 17.8, 19.8, 20, 20, 20, 20, 20, 19],
    "diversity": [0, 0.02, 0.08, 0.17, 0.18, 0.22, 0.32, 0.31, 0.35, 0.37, 0.35, 0.40],
    "sharpness": [
        *(0.030, 0.035, 0.054, 0.095, 0.104, 0.129),
        *(0.174, 0.189, 0.207, 0.206, 0.197, 0.241),
    ],
}
# `vae-digits` with beta 10, steps 150 to 600.
BETA_10 = {
    "kl": [0.087, 0.065, 0.063, 0.058, 0.057, 0.065, 0.062, 0.069, 0.075, 0.090],
    "active_latents": [2.8, 1.0, 1.3, 1.4, 1.1, 1.8, 2.1, 3.1, 2.3, 1.6],
    "diversity": [0, 0, 0, 0, 0.001, 0.001, 0.001, 0.001, 0.001, 0.002],
    "sharpness": [0.147, 0.147, 0.148, 0.148, 0.148, 0.147, 0.148, 0.147, 0.146, 0.148],
}


def series(kl, active_latents, diversity, sharpness):
    columns = zip(kl, active_latents, diversity, sharpness, strict=True)
    return [
        Window(
            50 * i + 1,
            50 * i + 50,
            {"kl": kl, "active_latents": active},
            {"reconstruction": Variety(diversity, math.nan, sharpness)},
        )
        for i, (kl, active, diversity, sharpness) in enumerate(columns)
    ]


def seen(symptom, windows):
    """Returns at which windows, counted from 1, a symptom is said to be there."""
    ends = range(symptom.length, len(windows) + 1)
    return [i for i in ends if symptom.judge(windows[i - symptom.length : i])]


@pytest.mark.parametrize("symptom", VAE.symptoms, ids=lambda symptom: symptom.kind)
def test_a_slow_start_is_no_failure(symptom):
    assert seen(symptom, series(**SLOW_START)) == []


def test_few_nats_are_a_collapse_though_latents_count_as_active():
    windows = series(**BETA_10)
    assert seen(PosteriorCollapse(**NUMBERS), windows) == [5, 6, 7, 8, 9, 10]
    assert seen(IgnoredLatents(**RECONSTRUCTION), windows) == [5, 6, 7, 8, 9, 10]
    # They have no detail either, but that is not what ails them.
    assert seen(Blur(**RECONSTRUCTION), windows) == []


def test_many_nats_of_no_active_latent_are_a_collapse_too():
    windows = [Window(i, i, {"kl": 0.5, "active_latents": 0.0}) for i in range(5)]
    assert PosteriorCollapse(**NUMBERS).judge(windows) is True


def blur(sharpness, diversity=0.5):
    length = len(sharpness)
    columns = [1.0] * length, [9.0] * length, [diversity] * length, sharpness
    return Blur(**RECONSTRUCTION).judge(series(*columns))


def test_blur_is_little_detail_that_does_not_grow():
    assert blur([0.28, 0.26, 0.27, 0.25, 0.27]) is True
    assert blur([0.21, 0.22, 0.23, 0.24, 0.25]) is None
    assert blur([0.33, 0.34, 0.32, 0.31, 0.29]) is None
    assert blur([0.33, 0.34, 0.32, 0.31, 0.33]) is False
    assert blur([math.nan] * 5) is False  # no pictures
    assert blur([0.1] * 5, diversity=0.001) is False


def test_every_symptom_says_what_to_do():
    assert Autoencoder.symptoms == VAE.symptoms[1:]
    assert len({symptom.kind for symptom in VAE.symptoms}) == 3
    for symptom in VAE.symptoms:
        text = symptom.describe(series(**BETA_10)[: symptom.length])
        assert any(character.isdigit() for character in text)
        assert dataclasses.asdict(symptom)["which"] == ""


# What sharpness is ---------------------------------------------------------------


def test_sharpness_falls_with_blur_and_not_with_contrast_alone(digits):
    real = diagnosis._Real(digits.array, 64)
    images = digits.array[:64]
    assert real.variety(images).sharpness == pytest.approx(1, abs=0.1)
    x = images.astype("float64")
    blurred = x.copy()
    blurred[:, 1:-1, 1:-1] = (
        x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:]
    ) / 4
    found = real.variety(blurred.astype("uint8"))
    assert found.sharpness < 0.5 < found.diversity
    half = real.variety((images / 2).astype("uint8"))
    assert half.sharpness == pytest.approx(0.25, abs=0.05)


def test_sharpness_is_the_mean_squared_laplacian_of_small_pictures():
    y, x = np.mgrid[:8, :9].astype("float32")
    images = np.stack([x**2, 3 * y**2 + x, x - y])[..., np.newaxis]
    # Second differences are 2, 6 and 0.
    assert diagnosis._sharpness(images) == pytest.approx((4 + 36 + 0) / 3)
    twice = images.repeat(2, axis=1).repeat(2, axis=2)  # 16 high, as it may be
    larger = twice.repeat(3, axis=1).repeat(3, axis=2)
    assert diagnosis._sharpness(larger) == pytest.approx(diagnosis._sharpness(twice))
    grain = np.tile([[0, 1], [1, 0]], (16, 16)).astype("float32")[None, ..., None]
    assert diagnosis._sharpness(grain) == 0


@pytest.mark.parametrize("shape", [(4, 2), (4, 2, 9, 1), (4, 9, 9)])
def test_what_is_no_picture_has_no_sharpness(shape):
    assert math.isnan(diagnosis._sharpness(np.zeros(shape, "float32")))
    images = np.random.default_rng(0).normal(size=shape).astype("float32")
    assert math.isnan(diagnosis._Real(images, 2).variety(images).sharpness)
