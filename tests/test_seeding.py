"""Draws inside the graph against scipy's distributions, and against XLA."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_gan import seeding

DRAWS = {
    "uniform": (seeding.uniform, stats.uniform),
    "normal": (seeding.normal, stats.norm),
}
SHAPE = (1000, 100)


@pytest.fixture(params=DRAWS)
def draw(request):
    return DRAWS[request.param]


def drawn(function, *seed, shape=SHAPE):
    return function(shape, tf.constant(seed, "int64")).numpy().astype("float64")


def test_distribution(draw):
    function, expected = draw
    p_values = []
    for step in range(20):
        numbers = drawn(function, 7, step).ravel()
        p_values.append(stats.kstest(numbers, expected.cdf, method="asymp").pvalue)
    # Of a right distribution these are uniform themselves.
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3
    count = len(numbers)
    mean, variance, kurtosis = expected.stats(moments="mvk")
    assert abs(numbers.mean() - mean) < 4 * np.sqrt(variance / count)
    spread = variance * np.sqrt((kurtosis + 2) / count)
    assert abs(numbers.var() - variance) < 4 * spread


def test_uniform_numbers_are_in_the_half_open_interval():
    numbers = drawn(seeding.uniform, 1, 2, shape=(2000, 2000))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert (numbers * 2**24 % 1 == 0).all()


def test_normal_numbers_reach_into_both_tails():
    numbers = drawn(seeding.normal, 1, 2, shape=(2000, 2000))
    assert np.isfinite(numbers).all()
    for tail in (numbers > 4, numbers < -4):
        expected = stats.norm.sf(4) * numbers.size
        assert abs(tail.sum() - expected) < 4 * np.sqrt(expected)


def test_rows_columns_and_neighbouring_seeds_are_not_correlated(draw):
    function, _ = draw
    first = drawn(function, 3, 10)
    pairs = {
        "rows": (first[:-1], first[1:]),
        "columns": (first[:, :-1], first[:, 1:]),
        # Consecutive steps, replicas and draws of a step have consecutive numbers.
        "next draw": (first, drawn(function, 3, 11)),
        "next seed": (first, drawn(function, 4, 10)),
        "swapped": (first, drawn(function, 10, 3)),
    }
    for name, (a, b) in pairs.items():
        found = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        assert abs(found) < 4 / np.sqrt(a.size), name


def test_xla_draws_the_same_numbers(draw):
    function, _ = draw
    seed = tf.constant([5, 123], "int64")

    @tf.function(jit_compile=True)
    def compiled():
        return function(SHAPE, seed)

    # float32 rounds the largest of them, near 5, to 5e-7; its inverse error function
    # is steep there.
    np.testing.assert_allclose(compiled(), function(SHAPE, seed), rtol=2e-5, atol=1e-6)


def test_a_seed_gives_these_numbers_for_ever():
    # So that a run goes on, and a seed gives its image, after an update too.
    np.testing.assert_allclose(
        drawn(seeding.uniform, 1, 2, shape=(3,)),
        [0.25750792, 0.40467191, 0.92186761],
        atol=1e-7,
    )
    np.testing.assert_allclose(
        drawn(seeding.normal, 1, 2, shape=(3,)),
        [-0.65104723, -0.24127249, 1.41774678],
        atol=1e-5,
    )
