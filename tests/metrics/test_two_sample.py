import itertools

import numpy as np
import pytest
from scipy.stats import binom, binomtest, kstest

from keras_gan.metrics import _arrays, classifier_test, mmd_test


def brute_force_mmd2(x, y, bandwidth):
    def kernel(u, v):
        return np.exp(-np.sum((u - v) ** 2) / (2 * bandwidth**2))

    def within(rows):
        return np.mean([kernel(u, v) for u, v in itertools.permutations(rows, 2)])

    across = np.mean([kernel(u, v) for u in x for v in y])
    return within(x) + within(y) - 2 * across


def median_distance(rows):
    pairs = itertools.combinations(rows, 2)
    return np.median([np.sqrt(np.sum((u - v) ** 2)) for u, v in pairs])


def test_mmd_agrees_with_brute_force():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(9, 4)), rng.normal(1, 2, (14, 4))
    expected = brute_force_mmd2(a, b, median_distance([*a, *b]))
    assert mmd_test(a, b).statistic == pytest.approx(expected, rel=1e-9)


def test_mmd_chunks_do_not_change_the_numbers(monkeypatch):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(40, 3)), rng.normal(0.3, 1, (30, 3))
    whole = mmd_test(a, b)
    monkeypatch.setattr(_arrays, "_BLOCK_MIB", 0.005)
    assert mmd_test(a, b) == pytest.approx(whole)


def test_mmd_p_value_agrees_with_all_permutations():
    # 20 ways to deal six rows to two sets of three; two of each MMD, which tie.
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(6, 2)) + np.repeat([[0.0], [1.0]], 3, axis=0)
    bandwidth = median_distance(rows)
    values = []
    for first in itertools.combinations(range(6), 3):
        second = [i for i in range(6) if i not in first]
        values.append(brute_force_mmd2(rows[list(first)], rows[second], bandwidth))
    exact = np.mean(np.array(values) > values[0] - 1e-9)
    assert 0.1 <= exact <= 0.5
    p_value = mmd_test(rows[:3], rows[3:], permutations=4999).p_value
    assert p_value == pytest.approx(exact, abs=4 * np.sqrt(0.25 / 5000))


def test_mmd_p_values_are_uniform_for_equal_distributions():
    rng = np.random.default_rng(3)
    p_values = [
        mmd_test(
            rng.normal(size=(20, 3)), rng.normal(size=(30, 3)), permutations=99, seed=i
        ).p_value
        for i in range(200)
    ]
    assert kstest(p_values, "uniform").pvalue > 0.05


@pytest.mark.parametrize(("mean", "std"), [(1.0, 1.0), (0.0, 2.5)])
def test_mmd_rejects_different_distributions(mean, std):
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(80, 3)), rng.normal(mean, std, (60, 3))
    assert mmd_test(a, b, permutations=199).p_value == 1 / 200


def test_mmd_of_one_repeated_row_rejects_nothing():
    assert mmd_test(np.ones((5, 2)), np.ones((7, 2))) == pytest.approx((0, 1))


def test_mmd_seed_decides_the_permutations():
    a, b = np.random.default_rng(5).normal(size=(2, 30, 2))
    assert mmd_test(a, b, seed=1) == mmd_test(a, b, seed=1)
    p_values = {mmd_test(a, b, seed=seed).p_value for seed in range(5)}
    assert len(p_values) > 1


def test_classifier_p_value_is_that_of_the_binomial_test():
    a, b = np.random.default_rng(6).normal(size=(2, 100, 2))
    accuracy, p_value = classifier_test(a, b + 0.3)
    right = round(accuracy * 100)
    expected = binomtest(right, 100, 0.5, alternative="greater").pvalue
    assert p_value == pytest.approx(expected, rel=1e-9)
    assert 0.5 < accuracy < 0.8


def test_classifier_p_values_are_uniform_for_equal_distributions():
    rng = np.random.default_rng(7)
    p_values = []
    for seed in range(150):
        a, b = rng.normal(size=(250, 2)), rng.normal(size=(200, 2))
        accuracy, p_value = classifier_test(a, b, seed=seed)
        # p has steps, as a count has; within its own each is spread evenly.
        step = binom.pmf(round(accuracy * 200), 200, 0.5)
        p_values.append(p_value - rng.random() * step)
    assert kstest(p_values, "uniform").pvalue > 0.05


@pytest.mark.parametrize(("mean", "std"), [(1.0, 1.0), (0.0, 2.5)])
def test_classifier_rejects_different_distributions(mean, std):
    rng = np.random.default_rng(8)
    a, b = rng.normal(size=(200, 3)), rng.normal(mean, std, (200, 3))
    accuracy, p_value = classifier_test(a, b)
    assert p_value < 1e-3
    assert accuracy > 0.6


def test_classifier_is_not_moved_by_unequal_sizes():
    # Always naming the larger set would be right nine times in ten.
    rng = np.random.default_rng(9)
    accuracy, p_value = classifier_test(
        rng.normal(size=(900, 2)), rng.normal(size=(100, 2))
    )
    assert 0.35 < accuracy < 0.65
    assert p_value > 0.01


def test_classifier_seed_decides():
    a, b = np.random.default_rng(10).normal(size=(2, 40, 2))
    assert classifier_test(a, b, seed=1) == classifier_test(a, b, seed=1)
    assert len({classifier_test(a, b, seed=seed) for seed in range(4)}) > 1
