"""Training images from one string: `datasets.load("digits", image_size=32)`."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_gan.datasets import (
    arrays,
    digits,
    folder,
    mixtures,
    npz,
    stacked_mnist,
    storage,
    tfds_images,
)
from keras_gan.datasets.images import Images
from keras_gan.errors import InputError

__all__ = ["SOURCES", "Images", "Source", "load", "read"]


@dataclasses.dataclass(frozen=True)
class Source:
    """One kind of source that `read` accepts.

    Args:
        usage: the form of the string, such as `"folder:PATH"`.
        description: one line for a list of all sources.
        read: function `(argument, image_size, channels, data_dir) -> Images`.
    """

    usage: str
    description: str
    read: Callable[..., Images]


SOURCES = {
    "digits": Source(
        "digits", "1,797 handwritten digits, 8x8 grey, from scikit-learn", digits.read
    ),
    "tfds": Source(
        "tfds:NAME[:SPLIT]",
        "any image set of TensorFlow Datasets, such as tfds:mnist or "
        "tfds:cifar10:train[:1000]",
        tfds_images.read,
    ),
    "folder": Source(
        "folder:PATH",
        "PNG, JPEG, WebP, BMP and GIF files below a folder; sub-folders are classes",
        folder.read,
    ),
    "npz": Source(
        "npz:PATH", "a NumPy .npz file with images and perhaps labels", npz.read
    ),
    "ring": Source(
        "ring", "50,000 points of 8 Gaussians on a circle", mixtures.RING.read
    ),
    "grid": Source(
        "grid", "50,000 points of 25 Gaussians on a square", mixtures.GRID.read
    ),
    "stacked-mnist": Source(
        "stacked-mnist",
        "128,000 images of three MNIST digits in red, green and blue, 1,000 classes",
        stacked_mnist.read,
    ),
}


def read(
    source: str | np.ndarray | tuple[np.ndarray, np.ndarray],
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    data_dir: str | None = None,
    memory_budget: str = storage.MEMORY_BUDGET,
) -> Images:
    """Read a whole source into one array of images.

    Args:
        source: a string of one of the forms in `SOURCES`, an array of images
            ([N, H, W] or [N, H, W, C]; uint8, or floats in [0, 1] or [-1, 1]), or a
            tuple of such an array and its integer labels [N].
        image_size: side length or (height, width) in pixels; None keeps the
            source's own.
        channels: 1, 3 or 4; None keeps the source's own.
        data_dir: where TensorFlow Datasets keeps its files; used by `tfds` and
            `stacked-mnist`.
        memory_budget: most memory for the images, such as "500MiB" or "2GB"; a larger
            array is a temporary file, which training reads batch by batch.

    Returns:
        The images, in a fixed order.

    Raises:
        InputError: if the source or an argument cannot be used.
    """
    size = _height_and_width(image_size)
    if channels not in (None, 1, 3, 4):
        raise InputError(f"channels must be 1, 3, 4 or None, not {channels!r}.")
    with storage.within(memory_budget):
        return _read(source, size, channels, data_dir)


def _read(source, size, channels, data_dir):
    if isinstance(source, np.ndarray):
        return arrays.from_arrays(source, None, size, channels)
    if isinstance(source, tuple) and len(source) == 2:
        return arrays.from_arrays(*source, size, channels)
    if not isinstance(source, str):
        raise InputError(
            f"A source is a string, an array or a tuple (images, labels), not "
            f"{type(source).__name__}."
        )
    kind, _, argument = source.partition(":")
    usages = ", ".join(entry.usage for entry in SOURCES.values())
    if kind not in SOURCES:
        raise InputError(f"Unknown source {source!r}; accepted are {usages}.")
    usage = SOURCES[kind].usage
    if bool(argument) != (":" in usage):
        raise InputError(f"Source {source!r} does not have the form {usage}.")
    return SOURCES[kind].read(argument, size, channels, data_dir)


def load(
    source: str | np.ndarray | tuple[np.ndarray, np.ndarray],
    image_size: int | tuple[int, int] | None = None,
    batch_size: int = 128,
    channels: int | None = None,
    value_range: tuple[float, float] = (-1.0, 1.0),
    labels: bool = False,
    seed: int = 0,
    data_dir: str | None = None,
    memory_budget: str = storage.MEMORY_BUDGET,
) -> tf.data.Dataset:
    """Read a source and return its shuffled training batches.

    Args:
        source, image_size, channels, data_dir, memory_budget: as in `read`.
        batch_size, value_range, labels, seed: as in `Images.batches`.

    Returns:
        A dataset of one epoch: float32 [batch_size, H, W, C] in `value_range`, with
        int64 [batch_size] beside it if `labels`.

    Raises:
        InputError: if the source or an argument cannot be used.
    """
    images = read(source, image_size, channels, data_dir, memory_budget)
    return images.batches(batch_size, value_range, labels, seed)


def _height_and_width(image_size):
    if image_size is None:
        return None
    size = (image_size,) * 2 if np.ndim(image_size) == 0 else tuple(image_size)
    if len(size) != 2 or any(
        not isinstance(side, int | np.integer) or side < 1 for side in size
    ):
        raise InputError(
            f"image_size must be a positive integer or (height, width), not "
            f"{image_size!r}."
        )
    return size
