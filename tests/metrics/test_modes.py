import numpy as np
import pytest

from keras_gan.metrics import mode_coverage

RING = 2 * np.array([[np.cos(t), np.sin(t)] for t in np.pi / 4 * np.arange(8)])
GRID = 2.0 * np.array([[x, y] for x in range(5) for y in range(5)])


@pytest.mark.parametrize(("centres", "std"), [(RING, 0.02), (GRID, 0.05)])
def test_the_mixture_itself_has_the_share_of_a_gaussian(centres, std):
    rng = np.random.default_rng(0)
    samples = np.repeat(centres, 1000, axis=0)
    samples = samples + rng.normal(0, std, samples.shape)
    modes, high_quality = mode_coverage(samples, centres, std)
    assert modes == len(centres)
    expected = 1 - np.exp(-4.5)
    error = np.sqrt(expected * (1 - expected) / len(samples))
    assert high_quality == pytest.approx(expected, abs=4 * error)


def test_three_standard_deviations_are_the_border():
    near, far = RING[2] + [0, 0.299], RING[5] + [0.301, 0]
    assert mode_coverage([near, far], RING, 0.1) == (1, 0.5)


def test_lost_modes_and_noise_are_counted():
    samples = np.concatenate([RING[[0, 0, 3]], np.zeros((1, 2))])
    assert mode_coverage(samples, RING, 0.02) == (2, 0.75)
    assert mode_coverage(np.zeros((3, 2)), RING, 0.02) == (0, 0)
