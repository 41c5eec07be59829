"""The levels of pictures and the values of networks."""

import numpy as np
import pytest
import tensorflow as tf

from keras_gan import InputError, datasets
from keras_gan.experiments.trained_run import scaled
from keras_gan.pixels import PixelRange

LEVELS = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1)
RANGES = [(-1, 1), (0, 1), (0, 255), (-0.3, 7.1)]


@pytest.mark.parametrize("ends", RANGES)
def test_every_level_comes_back(ends):
    pixels = PixelRange(*ends)
    values = pixels.to_float(LEVELS)
    assert values.dtype == "float32"
    assert (values.min(), values.max()) == pytest.approx(ends)
    np.testing.assert_array_equal(pixels.to_uint8(values), LEVELS)


@pytest.mark.parametrize("ends", RANGES)
def test_arrays_and_tensors_give_the_same_bits(ends):
    pixels = PixelRange(*ends)
    values = np.random.default_rng(0).normal(0.5, 2, (4, 9)).astype("float32")
    for function, given in ((pixels.to_float, LEVELS), (pixels.to_uint8, values)):
        of_tensor = function(tf.constant(given))
        assert tf.is_tensor(of_tensor)
        np.testing.assert_array_equal(of_tensor, function(given))


@pytest.mark.parametrize("ends", RANGES)
def test_values_outside_become_the_ends(ends):
    low, high = ends
    values = np.array([low - 9, low, high, high + 9], "float32")
    assert PixelRange(*ends).to_uint8(values).tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("ends", RANGES)
def test_experiments_see_the_values_that_training_sees(ends):
    (batch,) = datasets.read(LEVELS).batches(1, ends)
    np.testing.assert_array_equal(scaled(LEVELS, ends), batch)


@pytest.mark.parametrize("ends", [(1, -1), (1, 1), (0, np.nan), ("low", "high")])
def test_a_range_that_is_none_is_refused(ends):
    with pytest.raises(InputError, match="value_range is"):
        PixelRange(*ends)
