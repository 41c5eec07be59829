from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits
from sklearn.neighbors import KernelDensity

from keras_gan.errors import InputError
from keras_gan.metrics import _arrays, parzen_log_likelihood, validate_sigma


def by_scikit_learn(samples, x, sigma):
    # One leaf: with more, bounds of the tree's nodes are summed and subtracted, and
    # digits at sigma 0.05 came out 190 nats too likely on average (scikit-learn 1.9.1;
    # its issues 7492 and 25799).
    density = KernelDensity(bandwidth=sigma, leaf_size=len(samples))
    return density.fit(samples).score_samples(x)


@pytest.mark.parametrize("sigma", [0.05, 0.2, 1.0])
def test_agrees_with_scikit_learn_on_digits(sigma):
    pixels = load_digits().data / 16
    samples, x = pixels[:500], pixels[500:800]
    np.testing.assert_allclose(
        parzen_log_likelihood(samples, x, sigma),
        by_scikit_learn(samples, x, sigma),
        rtol=1e-6,
    )


@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_agrees_with_the_sum_in_fifty_digits(sigma):
    pixels = load_digits().data / 16
    samples, x = pixels[:100], pixels[100:105]
    expected = []
    with localcontext(prec=50):
        for row in x:
            exponents = -np.square(row - samples).sum(axis=1) / (2 * sigma**2)
            total = sum(Decimal(float(exponent)).exp() for exponent in exponents)
            expected.append(float((total / 100).ln()))
    np.testing.assert_allclose(
        parzen_log_likelihood(samples, x, sigma) + 32 * np.log(2 * np.pi * sigma**2),
        expected,
        rtol=1e-9,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_agrees_with_scikit_learn_at_the_size_of_mnist(dtype):
    rng = np.random.default_rng(0)
    samples, x = rng.random((2, 100, 784)).astype(dtype)
    x[:50] = samples[:50] + 0.01 * x[:50]  # close ones, whose distance cancels
    np.testing.assert_allclose(
        parzen_log_likelihood(samples, x, 0.17),
        by_scikit_learn(samples.astype("float64"), x.astype("float64"), 0.17),
        rtol=1e-6,
    )


def test_one_sample_is_one_gaussian():
    x = np.random.default_rng(1).normal(size=(20, 3))
    sample = np.array([[1.0, 2.0, 3.0]])
    expected = multivariate_normal(sample[0], 0.7**2 * np.eye(3)).logpdf(x)
    np.testing.assert_allclose(parzen_log_likelihood(sample, x, 0.7), expected)


def test_far_rows_do_not_underflow():
    # 1e4 windows away, exp(-5e7) is no number; its logarithm is.
    value = parzen_log_likelihood([[0.0]], [[1000.0]], 0.1)[0]
    assert value == pytest.approx(-0.5e8 - np.log(0.1 * np.sqrt(2 * np.pi)), rel=1e-9)


def test_distance_from_the_origin_does_not_matter():
    rng = np.random.default_rng(2)
    samples, x = rng.integers(0, 4, (2, 40, 5)).astype("float64")
    np.testing.assert_allclose(
        parzen_log_likelihood(samples + 2**26, x + 2**26, 0.3),
        parzen_log_likelihood(samples, x, 0.3),
        rtol=1e-6,
    )


def test_chunks_do_not_change_the_numbers(monkeypatch):
    rng = np.random.default_rng(3)
    samples, x = rng.random((90, 6)), rng.random((50, 6))
    whole = parzen_log_likelihood(samples, x, 0.2)
    monkeypatch.setattr(_arrays, "_BLOCK_MIB", 0.005)  # 7 rows
    assert len(list(_arrays.squared_distances(x, samples))) == 8
    np.testing.assert_allclose(parzen_log_likelihood(samples, x, 0.2), whole)


def test_validation_finds_the_most_likely_sigma():
    pixels = load_digits().data / 16
    samples, validation = pixels[:400], pixels[400:600]
    sigmas = np.logspace(-1, 0, 10)
    means = [by_scikit_learn(samples, validation, s).mean() for s in sigmas]
    assert 0 < np.argmax(means) < 9
    assert validate_sigma(samples, validation) == sigmas[np.argmax(means)]
    assert validate_sigma(samples, validation, sigmas=[0.9, 0.4, 0.5]) == 0.4


@pytest.mark.parametrize("sigma", [0, -1.0, float("nan"), float("inf"), [0.1], "wide"])
def test_sigma_must_be_positive(sigma):
    with pytest.raises(InputError, match=r"^sigma is .* a positive finite number"):
        parzen_log_likelihood([[0.0]], [[0.0]], sigma)


@pytest.mark.parametrize("sigmas", [[], [0.1, 0.0]])
def test_sigmas_must_be_positive(sigmas):
    with pytest.raises(InputError, match="sigmas is"):
        validate_sigma([[0.0]], [[0.0]], sigmas)
