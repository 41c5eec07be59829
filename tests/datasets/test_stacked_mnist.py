"""Stacked-MNIST, made from the real digits."""

import numpy as np
import pytest

from keras_gan import datasets
from keras_gan.datasets import stacked_mnist
from keras_gan.errors import InputError


def test_mode_is_the_number_that_the_digits_spell():
    digits = [[0, 0, 0], [1, 2, 3], [9, 9, 9]]
    assert stacked_mnist.mode_of(digits).tolist() == [0, 123, 999]


def test_there_are_three_channels():
    with pytest.raises(InputError, match="channels is 1"):
        datasets.read("stacked-mnist", channels=1)


@pytest.mark.slow
def test_every_channel_is_a_digit_of_mnist_and_the_label_spells_them(tfds_dir):
    images = datasets.read("stacked-mnist", data_dir=tfds_dir)
    assert images.array.shape == (128_000, 28, 28, 3)
    assert images.num_classes == 1000
    assert images.class_names[7] == "007"
    # Each mode comes 128 times or so; the digits of MNIST are not equally frequent.
    counts = np.bincount(images.labels, minlength=1000)
    assert counts.min() > 60
    assert counts.max() < 250
    digits = datasets.read("tfds:mnist", data_dir=tfds_dir)
    label_of = {
        pixels.tobytes(): int(label)
        for pixels, label in zip(digits.array, digits.labels, strict=True)
    }
    for image, label in zip(images.array[:500], images.labels[:500], strict=True):
        spelled = [label_of[image[..., i].tobytes()] for i in range(3)]
        assert label == int("{}{}{}".format(*spelled))


@pytest.mark.slow
def test_it_is_the_same_each_time_in_each_size(tfds_dir):
    first = datasets.read("stacked-mnist", 16, data_dir=tfds_dir)
    second = datasets.read("stacked-mnist", 16, data_dir=tfds_dir)
    assert first.shape == (16, 16, 3)
    np.testing.assert_array_equal(first.array, second.array)
    full = datasets.read("stacked-mnist", data_dir=tfds_dir)
    np.testing.assert_array_equal(first.labels, full.labels)
