"""Latent vectors against the laws they should follow."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_gan import InputError
from keras_gan.latents import Prior, linear, spherical

SEEDS = tf.range(-1000, 1000, dtype="int64")
NORMAL, UNIFORM = Prior(7), Prior(7, "uniform")
PRIORS = pytest.mark.parametrize("prior", [NORMAL, UNIFORM], ids=["normal", "uniform"])


def drawn(prior, truncation, seeds=SEEDS):
    # Outside a graph, thousands of rows one by one would take long.
    draw = tf.function(prior.from_seeds)
    return draw(seeds, tf.fill(seeds.shape, truncation)).numpy()


@pytest.mark.parametrize("truncation", [0.3, 2.0, np.inf])
def test_vectors_come_from_the_truncated_distributions(truncation):
    latent = drawn(NORMAL, truncation)
    assert np.abs(latent).max() <= truncation
    law = stats.truncnorm(-truncation, truncation)
    assert stats.kstest(latent.ravel(), law.cdf).pvalue > 0.01
    latent = drawn(UNIFORM, truncation)
    bound = min(truncation, 1)
    law = stats.uniform(-bound, 2 * bound)
    assert stats.kstest(latent.ravel(), law.cdf).pvalue > 0.01


@pytest.mark.parametrize("way", ["draw", "examples"])
def test_both_other_draws_follow_the_distribution_too(way):
    for prior, law in (
        (NORMAL, stats.norm()),
        (Prior(7, "uniform", (2.0, 5.0)), stats.uniform(2, 3)),
    ):
        seed = tf.constant([5, 0], "int64")
        if way == "draw":
            latent = prior.draw(2000, seed).numpy()
        else:
            latent = prior.examples(2000, np.random.default_rng(5))
        assert latent.shape == (2000, 7) and latent.dtype == np.float32
        assert stats.kstest(latent.ravel(), law.cdf).pvalue > 0.01


def test_every_row_and_dimension_is_drawn_by_itself():
    latent = drawn(NORMAL, np.inf)
    correlation = np.corrcoef(latent, rowvar=False)
    assert np.abs(correlation - np.eye(7)).max() < 0.1  # 4.5 standard errors
    successive = np.corrcoef(latent[:100])
    # As much as independent rows of seven values are alike by chance.
    assert abs(np.square(successive - np.eye(100)).sum() / 9900 - 1 / 6) < 0.02
    assert len(np.unique(latent, axis=0)) == 2000


@PRIORS
def test_a_row_depends_on_its_own_seed_alone(prior):
    whole = drawn(prior, 1.0)
    alone = [drawn(prior, 1.0, SEEDS[i : i + 1])[0] for i in (0, 7, 1999)]
    np.testing.assert_array_equal(alone, whole[[0, 7, 1999]])
    # One bad request in a merged batch harms no other.
    truncation = np.float32([1.0, np.nan, -1.0, 1.0])
    merged = prior.from_seeds(SEEDS[:4], truncation).numpy()
    np.testing.assert_array_equal(merged[[0, 3]], whole[[0, 3]])


@PRIORS
def test_truncation_moves_the_same_vector_to_the_centre(prior):
    assert not drawn(prior, 0.0).any()
    far, near = drawn(prior, np.inf), drawn(prior, 0.5)
    np.testing.assert_array_equal(np.sign(far), np.sign(near))
    assert (np.abs(near) <= np.abs(far)).all()


@pytest.mark.parametrize("prior", [NORMAL, UNIFORM, Prior(7, "uniform", (2.0, 5.0))])
def test_given_vectors_are_truncated_as_those_of_seeds(prior):
    seeds = SEEDS[:9]
    far = prior.from_seeds(seeds, tf.fill([9], np.inf))
    for truncation in (0.0, 0.7, 2.0):
        expected = prior.from_seeds(seeds, tf.fill([9], truncation))
        found = prior.truncated(far, truncation)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    assert prior.truncated(far, None) is far
    for wrong in (-1, np.nan, "0.7"):
        with pytest.raises(InputError, match="truncation is"):
            prior.truncated(far, wrong)


def test_an_unknown_distribution_is_refused():
    with pytest.raises(InputError, match=r"'gaussian'.*normal, uniform"):
        Prior(7, "gaussian")


def test_linear_is_a_straight_line_with_even_steps():
    start, end = np.array([0.0, 1.0]), np.array([4.0, -1.0])
    walk = linear(start, end, np.linspace(0, 1, 5))
    np.testing.assert_allclose(walk, [[0, 1], [1, 0.5], [2, 0], [3, -0.5], [4, -1]])


def test_spherical_from_axis_to_axis_is_cosine_and_sine():
    walk = spherical(np.array([2.0, 0, 0]), np.array([0, 2.0, 0]), np.linspace(0, 1, 9))
    angles = np.linspace(0, np.pi / 2, 9)
    circle = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    np.testing.assert_allclose(walk, 2 * circle, atol=1e-12)


def test_spherical_has_even_angles_and_lengths_between_those_of_its_ends():
    start, end = np.random.default_rng(0).normal(size=(2, 100))
    fraction = np.linspace(0, 1, 7)
    walk = spherical(start, 3 * end, fraction).numpy()
    np.testing.assert_allclose(walk[[0, -1]], [start, 3 * end])
    lengths = np.linalg.norm(walk, axis=1)
    np.testing.assert_allclose(np.diff(lengths), np.diff(lengths).mean())
    directions = walk / lengths[:, None]
    cosines = (directions[1:] * directions[:-1]).sum(axis=1)
    np.testing.assert_allclose(cosines, cosines.mean())
    # Shoemake's formula, if both have one length.
    unit = spherical(directions[0], directions[-1], fraction)
    np.testing.assert_allclose(unit, directions)


@pytest.mark.parametrize("factor", [0, 1, -1, 1 + 1e-6])
def test_vectors_without_an_arc_are_joined_by_a_straight_line(factor):
    a = np.float32([[1, 2, 3, 4, 5, 6, 7]])
    middle = NORMAL.between(a, factor * a, np.float32([0.5])).numpy()
    np.testing.assert_allclose(middle, (1 + factor) / 2 * a, atol=1e-5)


def test_each_prior_takes_the_way_on_which_its_samples_lie():
    a, b = np.random.default_rng(0).standard_normal((2, 9, 7)).astype("float32")
    fraction = np.linspace(0, 1, 9, dtype="float32")
    np.testing.assert_array_equal(
        NORMAL.between(a, b, fraction), spherical(a, b, fraction)
    )
    np.testing.assert_array_equal(
        UNIFORM.between(a, b, fraction), linear(a, b, fraction)
    )
