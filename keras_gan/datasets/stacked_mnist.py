"""Stacked-MNIST: three digits in three channels, whose 1,000 modes can be counted."""

import dataclasses

import numpy as np

from keras_gan.datasets import storage, tfds_images
from keras_gan.datasets.conversion import Form
from keras_gan.datasets.images import Images
from keras_gan.errors import InputError

IMAGES = 128_000
MODES = 1000


def mode_of(digits: np.ndarray) -> np.ndarray:
    """Returns the mode 100 a + 10 b + c, 0 to 999, of digits [..., (a, b, c)]."""
    return np.asarray(digits) @ [100, 10, 1]


def read(argument: str, form: Form, data_dir: str | None) -> Images:
    """Read 128,000 images, each made of three random training digits of MNIST.

    The images are the same each time.

    Args:
        argument: not used.
        form: has None or 3 channels. Without a size, images are 28x28.
        data_dir: where TensorFlow Datasets keeps MNIST; None for its own default.

    Returns:
        The images. The label of an image is `mode_of` its digits in red, green and
        blue.

    Raises:
        InputError: if the form has other channels, or MNIST cannot be read.

    Source: Metz et al. 2017, arXiv 1611.02163, section 3.3.1; the number of images is
    from Lin et al. 2018 (PacGAN), arXiv 1712.04086, section 4.2.
    """
    if form.channels not in (None, 3):
        raise InputError(
            f"channels is {form.channels!r}, but 'stacked-mnist' has a digit in each "
            "of 3 channels. Use 3 or None."
        )
    grey = dataclasses.replace(form, channels=1)
    digits = tfds_images.read("mnist", grey, data_dir)
    chosen = np.random.default_rng(0).integers(len(digits), size=(IMAGES, 3))
    array = storage.allocate((IMAGES, *digits.shape[:2], 3))
    for channel in range(3):
        array[..., channel] = digits.array[chosen[:, channel], ..., 0]
    names = tuple(f"{mode:03}" for mode in range(MODES))
    labels = digits.require_labels("'stacked-mnist'")
    return Images(array, mode_of(labels[chosen]), names)
