import numpy as np
import pytest
import scipy.linalg

from keras_gan.metrics import frechet_distance


def by_square_root(real, fake):
    c1, c2 = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    root = scipy.linalg.sqrtm(c1 @ c2).real
    difference = real.mean(axis=0) - fake.mean(axis=0)
    return difference @ difference + np.trace(c1 + c2 - 2 * root)


@pytest.mark.parametrize(("count", "dimensions"), [(200, 7), (60, 50)])
def test_agrees_with_the_matrix_square_root(count, dimensions):
    rng = np.random.default_rng(0)
    real = rng.normal(size=(count, dimensions)) @ rng.normal(size=(dimensions,) * 2)
    fake = rng.normal(size=(count + 5, dimensions)) + 0.5
    assert frechet_distance(real, fake) == pytest.approx(
        by_square_root(real, fake), rel=1e-6
    )


def test_one_dimension_has_a_closed_form():
    rng = np.random.default_rng(1)
    real, fake = rng.normal(3, 2, (50, 1)), rng.normal(-1, 5, (80, 1))
    expected = (real.mean() - fake.mean()) ** 2
    expected += (real.std(ddof=1) - fake.std(ddof=1)) ** 2
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-9)


def test_fewer_samples_than_dimensions():
    rng = np.random.default_rng(2)
    real = rng.normal(size=(20, 300))
    assert frechet_distance(real, real + 2.0) == pytest.approx(300 * 4.0, rel=1e-9)
    assert frechet_distance(real, real) == pytest.approx(0.0, abs=1e-9)


def test_singular_covariances_count_in_their_subspace():
    rng = np.random.default_rng(3)
    real = rng.normal(size=(90, 4)) @ rng.normal(size=(4, 4))
    fake = rng.normal(size=(70, 4)) + 0.3
    axes = np.linalg.qr(rng.normal(size=(30, 4)))[0].T
    assert frechet_distance(real @ axes, fake @ axes) == pytest.approx(
        by_square_root(real, fake), rel=1e-6
    )


def gaussian(rng, count, mean, variances):
    """Samples whose mean and covariance are exactly these."""
    white = rng.normal(size=(count, len(mean)))
    white = np.linalg.qr(white - white.mean(axis=0))[0] * np.sqrt(count - 1)
    return mean + white * np.sqrt(variances)


def test_known_gaussians_have_a_closed_form():
    rng = np.random.default_rng(4)
    real = gaussian(rng, 50, np.array([1.0, 2, 3]), np.array([4.0, 9, 0]))
    fake = gaussian(rng, 80, np.array([1.0, 0, 0]), np.array([1.0, 1, 16]))
    assert frechet_distance(real, fake) == pytest.approx(4 + 9 + 1 + 4 + 16, rel=1e-9)


@pytest.mark.parametrize(("count", "dimensions"), [(500, 20), (50, 300)])
def test_is_never_below_zero(count, dimensions):
    for seed in range(20):
        real = np.random.default_rng(seed).normal(size=(count, dimensions))
        assert 0 <= frechet_distance(real, real[::-1]) < 1e-9
