import itertools

import numpy as np
import pytest

from keras_gan.metrics import kernel_distance


def brute_force(x, y):
    """The estimator as its sums are written."""

    def kernel(u, v):
        return (sum(u * v) / len(u) + 1) ** 3

    def within(rows):
        return np.mean([kernel(u, v) for u, v in itertools.permutations(rows, 2)])

    across = np.mean([kernel(u, v) for u in x for v in y])
    return within(x) + within(y) - 2 * across


@pytest.mark.parametrize("subsets", [1, 3])  # pair by pair, and all pairs at once
def test_agrees_with_brute_force_on_all_rows(subsets, monkeypatch):
    monkeypatch.setattr("keras_gan.metrics.kernel._ROWS", 5)
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(12, 5)), rng.normal(0.5, 2, (12, 5))
    mean, std = kernel_distance(real, fake, subsets=subsets, subset_size=12)
    assert mean == pytest.approx(brute_force(real, fake), rel=1e-9)
    assert std == pytest.approx(0, abs=1e-9)


def test_mean_and_deviation_are_those_of_all_subsets():
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(5, 3)), rng.normal(1, 1, (4, 3))
    every = [
        brute_force(real[list(i)], fake[list(j)])
        for i in itertools.combinations(range(5), 3)
        for j in itertools.combinations(range(4), 3)
    ]
    mean, std = kernel_distance(real, fake, subsets=3000, subset_size=3)
    assert mean == pytest.approx(np.mean(every), abs=4 * np.std(every) / np.sqrt(3000))
    assert std == pytest.approx(np.std(every), rel=0.05)


def test_is_unbiased_for_equal_distributions():
    rng = np.random.default_rng(2)
    values = [
        kernel_distance(*rng.normal(size=(2, 30, 4)), subsets=1, subset_size=30).mean
        for _ in range(400)
    ]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


def test_different_distributions_lie_above_zero():
    rng = np.random.default_rng(3)
    result = kernel_distance(rng.normal(size=(300, 4)), rng.normal(1, 1, (300, 4)))
    assert result.mean > 5 * result.std > 0


def test_seed_decides_the_subsets():
    rng = np.random.default_rng(4)
    real, fake = rng.normal(size=(2, 40, 3))
    assert kernel_distance(real, fake, seed=5) == kernel_distance(real, fake, seed=5)
    assert kernel_distance(real, fake, seed=5) != kernel_distance(real, fake, seed=6)
