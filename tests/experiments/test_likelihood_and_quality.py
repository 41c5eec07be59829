import argparse
import itertools
import json
import math
import types

import numpy as np
import pytest
from scipy.special import logsumexp

from keras_gan import losses, metrics, runs
from keras_gan.experiments import __main__ as command
from keras_gan.experiments import likelihood_and_quality as quality
from keras_gan.pixels import PixelRange

QUICK = ("--images", 20, "--importance-samples", 20, "--samples", 400)


def model_of(likelihood, low=0.0):
    return types.SimpleNamespace(likelihood=likelihood, pixels=PixelRange(low, 1))


def all_images(levels, pixels):
    values = np.linspace(0, 255, levels).astype("uint8")
    found = [*itertools.product(values, repeat=pixels)]
    return np.array(found).reshape(-1, 1, pixels, 1)


@pytest.mark.parametrize(
    ("likelihood", "low", "pixels"),
    [(losses.Bernoulli(), 0.0, 6), (losses.DiscretizedLogistic(0.1), -1.0, 1)],
)
def test_memorised_probabilities_of_all_images_sum_to_one(likelihood, low, pixels):
    images = all_images(likelihood.levels, pixels)
    training, model = images[[0, 3, 11, 11]], model_of(likelihood, low)
    found = quality.memorised(model, images, training, width=0.1)
    assert math.exp(logsumexp(found)) == pytest.approx(1)
    assert found.argmax() == 11  # seen twice
    # Nearly all that is probable has been seen.
    narrow = np.exp(quality.memorised(model, images, training, width=1e-9))
    np.testing.assert_allclose(narrow[[0, 3, 11]], [0.25, 0.25, 0.5], rtol=1e-6)


def test_memorised_densities_are_gaussian_windows_at_the_training_images():
    rng = np.random.default_rng(0)
    training, images = rng.integers(0, 256, (2, 9, 4, 4, 1)).astype("uint8")
    model = model_of(losses.Gaussian(0.1), low=-1.0)
    rows = [model.pixels.to_float(part).reshape(9, -1) for part in (training, images)]
    expected = metrics.parzen_log_likelihood(*rows, sigma=0.25 * 2)
    found = quality.memorised(model, images, training, width=0.25)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.fixture(scope="module")
def learned_folder(vae_folder_of, tmp_path_factory):
    """The run of a model whose samples are better than noise."""
    folder = tmp_path_factory.mktemp("learned")
    return vae_folder_of(folder, learning_rate=0.05)


@pytest.fixture(scope="module")
def figures(tmp_path_factory, learned_folder):
    """The report of one run of the experiment."""
    out = tmp_path_factory.mktemp("quality")
    name = "likelihood-and-quality"
    argv = [name, str(learned_folder), "--out", str(out), *map(str, QUICK)]
    assert command.main(argv) == 0
    return json.loads((out / f"{name}.json").read_text())


def test_noise_costs_a_few_nats_and_all_quality(figures):
    measured = figures["measured"]
    trained, mixture, noise = (measured[n] for n in ("trained", "mixture", "noise"))
    fall = measured["fall_of_mixture"]
    assert 0 < fall["mean"] <= fall["largest"] <= math.log(100) + 1e-9
    for kind in ("log_likelihood_held_out", "log_likelihood_training"):
        assert 0 < trained[kind]["mean"] - mixture[kind]["mean"] <= math.log(100) + 1e-9
        assert noise[kind]["mean"] == pytest.approx(-64 * math.log(2))
        assert noise[kind]["mean"] < mixture[kind]["mean"]
    assert mixture["noise_share"] > 0.95
    assert mixture["frechet_distance"] > 1.5 * trained["frechet_distance"]
    assert figures["paper"]["largest_fall"] == pytest.approx(fall["bound"])


def test_memory_has_perfect_samples_and_no_likelihood_of_other_images(figures):
    measured = figures["measured"]
    memory, trained = measured["memorising"], measured["trained"]
    assert memory["frechet_distance"] < 2 * measured["real"]["frechet_distance"]
    assert memory["frechet_distance"] < trained["frechet_distance"]
    training, held_out = (
        memory[f"log_likelihood_{kind}"]["mean"] for kind in ("training", "held_out")
    )
    # One of 1,617 images that it has seen.
    assert training == pytest.approx(-math.log(1617), abs=1)
    assert held_out < trained["log_likelihood_held_out"]["mean"]
    assert held_out < training - 20
    assert "20 of 180 held-out images and 20 training images" in figures["protocol"]


def test_samples_are_drawn_as_the_densities_say(learned_folder):
    run = runs.Run.open(learned_folder)
    model, images = run.load(), run.recipe.trained_on(run.read_data()).array
    training = quality.observed(model, images, seed=0)
    assert set(np.unique(training)) == {0, 255}
    options = argparse.Namespace(samples=700, seed=1, width=0.1)
    drawn, shares = quality.samples(model, training, options)
    assert {len(each) for each in drawn.values()} == {700}
    same = (drawn["mixture"] == drawn["noise"]).all(axis=(1, 2, 3))
    by_model = drawn["mixture"][~same]
    assert 1 <= len(by_model) == round(700 * (1 - shares["mixture"])) < 20
    np.testing.assert_array_equal(by_model, drawn["trained"][~same])
    assert drawn["noise"].mean() == pytest.approx(127.5, abs=2)
    # Each pixel differs from a training image's with the probability `width`.
    rows, known = (x.reshape(len(x), -1) > 0 for x in (drawn["memorising"], training))
    nearest = [(known != row).mean(axis=1).min() for row in rows]
    assert np.mean(nearest) == pytest.approx(0.1, abs=0.02)


def test_runs_without_a_likelihood_of_images_are_refused(
    refused, conditional_vae_folder, vae_folder_of, tmp_path
):
    name = "likelihood-and-quality"
    assert "is conditional, so it has a likelihood for each class only" in refused(
        name, conditional_vae_folder
    )
    grey = vae_folder_of(tmp_path / "grey", binarization="grey")
    line = refused(name, grey)
    assert "a pseudo-likelihood: grey values were taken as they are" in line


def test_densities_have_noise_and_memory_too(experiment, vae_folder_of, tmp_path):
    gaussian = vae_folder_of(tmp_path / "gaussian", likelihood="gaussian")
    _, report, _ = experiment("likelihood-and-quality", gaussian, *QUICK)
    measured = report["measured"]
    noise = measured["noise"]["log_likelihood_held_out"]["mean"]
    assert noise == pytest.approx(-64 * math.log(2))  # of a range that is 2 wide
    assert (
        measured["memorising"]["frechet_distance"]
        < 1.5 * (measured["real"]["frechet_distance"])
    )
    assert measured["memorising"]["log_likelihood_held_out"]["mean"] < -1e5
