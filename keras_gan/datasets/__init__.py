"""Training images from one string: `datasets.load("digits", image_size=32)`.

A user adds a source by `SOURCES["mine"] = Source("mine", "my own images", read)`.
"""

import dataclasses
import difflib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_gan.datasets import (
    arrays,
    conversion,
    digits,
    folder,
    mixtures,
    npz,
    stacked_mnist,
    storage,
    tfds_images,
)
from keras_gan.datasets.conversion import Form
from keras_gan.datasets.images import Images
from keras_gan.errors import InputError, did_you_mean

__all__ = ["SOURCES", "Images", "Source", "load", "read"]


@dataclasses.dataclass(frozen=True)
class Source:
    """One kind of source that `read` accepts.

    Args:
        usage: the form of the string, such as `"folder:PATH"`. What stands before the
            colon is the key in `SOURCES`; without a colon it takes no argument.
        description: one line for a list of all sources.
        read: function `(argument, form, data_dir)`. It returns an array of images, or a
            tuple of one and its labels, as `read` takes them; or `Images` that have the
            `form` already.
    """

    usage: str
    description: str
    read: Callable[..., Images | np.ndarray | tuple[np.ndarray, np.ndarray]]


SOURCES: dict[str, Source] = {
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
        "all pictures below a folder, by their content; sub-folders are classes",
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
    fit: str = "crop",
    levels: tuple[float, float] | None = None,
) -> Images:
    """Read a whole source into one array of images.

    Args:
        source: a string of one of the forms in `SOURCES`, an array of images
            ([N, H, W] or [N, H, W, C]; uint8, booleans, integers, or floats in [0, 1]
            or [-1, 1]), or a tuple of such an array and its labels [N], integers or
            strings.
        image_size: side length or (height, width) in pixels; None keeps the
            source's own.
        channels: 1, 3 or 4; None keeps the source's own. Of a folder that is 1 if all
            pictures are grey, 4 if more than half of them have transparency, else 3.
        data_dir: where TensorFlow Datasets keeps its files; used by `tfds` and
            `stacked-mnist`.
        memory_budget: most memory for the images, such as "500MiB" or "2GB"; a larger
            array is a temporary file, which training reads batch by batch.
        fit: what happens to a picture of another shape than `image_size`: "crop" cuts
            equally from both sides, "pad" adds bars in the colour of its border, and
            "stretch" distorts it.
        levels: (black, white) of pictures and arrays whose values are not uint8; None
            takes their least and their greatest value.

    Returns:
        The images, in a fixed order.

    Raises:
        InputError: if the source or an argument cannot be used.
    """
    size = _height_and_width(image_size)
    if channels not in (None, 1, 3, 4):
        raise InputError(f"channels must be 1, 3, 4 or None, not {channels!r}.")
    if fit not in conversion.FITS:
        raise InputError(
            f"fit must be {', '.join(conversion.FITS)}, not {fit!r}."
            f"{did_you_mean(fit, conversion.FITS)}"
        )
    if levels is not None and not (len(levels) == 2 and levels[0] < levels[1]):
        raise InputError(f"levels must be (black, white) or None, not {levels!r}.")
    with storage.within(memory_budget):
        return _read(source, Form(size, channels, fit, levels), data_dir)


def _read(source, form, data_dir):
    if isinstance(source, np.ndarray):
        return arrays.from_arrays(source, None, form)
    if isinstance(source, tuple) and len(source) == 2:
        return arrays.from_arrays(*source, form)
    if not isinstance(source, str):
        raise InputError(
            f"A source is a string, an array or a tuple (images, labels), not "
            f"{type(source).__name__}."
        )
    kind, _, argument = source.partition(":")
    if kind not in SOURCES:
        usages = ", ".join(entry.usage for entry in SOURCES.values())
        raise InputError(
            f"Unknown source {source!r}. Use one of: {usages}.{_meant(source)}"
        )
    usage = SOURCES[kind].usage
    if bool(argument) != (":" in usage):
        raise InputError(f"Source {source!r} does not have the form {usage}.")
    found = SOURCES[kind].read(argument, form, data_dir)
    return found if isinstance(found, Images) else _read(found, form, data_dir)


def _meant(source):
    """Return a question that names the source that a string without a kind may be."""
    kind, colon, argument = source.partition(":")
    path = Path(source).expanduser()
    close = difflib.get_close_matches(kind.lower(), SOURCES, n=1, cutoff=0.7)
    if path.is_dir():
        meant = f"folder:{source}"
    elif path.suffix.lower() in npz.SUFFIXES:
        meant = f"npz:{source}"
    elif path.is_file():
        return f" A file is no source: folder:{path.parent} reads all pictures there."
    elif close and bool(argument) == (":" in SOURCES[close[0]].usage):
        meant = f"{close[0]}{colon}{argument}"
    elif name := tfds_images.close_name(kind):
        meant = f"tfds:{name}{colon}{argument}"
    elif "/" in source or "\\" in source:
        return f" There is no folder {source!r} here: {Path.cwd()}."
    else:
        return ""
    return f" Did you mean {meant}?"


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
    fit: str = "crop",
    levels: tuple[float, float] | None = None,
) -> tf.data.Dataset:
    """Read a source and return its shuffled training batches.

    Args:
        source, image_size, channels, data_dir, memory_budget, fit, levels: as in
            `read`.
        batch_size, value_range, labels, seed: as in `Images.batches`.

    Returns:
        A dataset of one epoch: float32 [batch_size, H, W, C] in `value_range`, with
        int64 [batch_size] beside it if `labels`.

    Raises:
        InputError: if the source or an argument cannot be used.
    """
    images = read(source, image_size, channels, data_dir, memory_budget, fit, levels)
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
