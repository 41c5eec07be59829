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
