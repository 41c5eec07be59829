"""Training images from one string: `datasets.load("digits", image_size=32)`.

A user adds a source by `SOURCES["mine"] = Source("mine", "my own images", read)`.
"""

import difflib
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_gan.datasets import (
    arrays,
    digit_domains,
    digits,
    folder,
    mixtures,
    npz,
    stacked_mnist,
    storage,
    tfds_images,
)
from keras_gan.datasets.digit_domains import ANSWERS, Answer
from keras_gan.datasets.examples import Jitter, Paired, Unpaired, unpaired
from keras_gan.datasets.images import Images
from keras_gan.datasets.pairs import PAIRED_SOURCES, read_pairs
from keras_gan.datasets.source import Source, form_of
from keras_gan.errors import InputError

__all__ = [
    "ANSWERS",
    "PAIRED_SOURCES",
    "SOURCES",
    "Answer",
    "Images",
    "Jitter",
    "Paired",
    "Source",
    "Unpaired",
    "load",
    "read",
    "read_pairs",
    "unpaired",
]


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
    "digits-half": Source(
        "digits-half",
        "899 of the digits; none of them is in the other digits-... sources",
        digit_domains.read_half,
    ),
    "digits-inverted": Source(
        "digits-inverted",
        "the other 898 digits, black on white",
        digit_domains.reader_of("digits-inverted"),
    ),
    "digits-tinted": Source(
        "digits-tinted",
        "the other 898 digits, yellow on blue",
        digit_domains.reader_of("digits-tinted"),
    ),
    "digits-turned": Source(
        "digits-turned",
        "the other 898 digits, turned by 90 degrees clockwise",
        digit_domains.reader_of("digits-turned"),
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
        channels: 1, 3 or 4; None keeps the source's own. A folder has 1 channel if all
            pictures are grey, 4 if more than half of them have transparency, else 3.
        data_dir: where TensorFlow Datasets keeps its files; used by `tfds` and
            `stacked-mnist`.
        memory_budget: most memory for the images, such as "500MiB" or "2GB". A larger
            array is stored in a temporary file, which training reads batch by batch.
        fit: what happens to a picture whose shape differs from `image_size`: "crop"
            cuts equally from both sides, "pad" adds bars in the colour of its border,
            and "stretch" distorts it.
        levels: (black, white): the values that become 0 and 255, for pictures and
            arrays that are not uint8; None takes their least and greatest value.

    Returns:
        The images, in a fixed order.

    Raises:
        InputError: if the source or an argument cannot be used.
    """
    form = form_of(image_size, channels, fit, levels)
    with storage.within(memory_budget):
        return _read(source, form, data_dir)


def _read(source, form, data_dir):
    if isinstance(source, np.ndarray):
        return arrays.from_arrays(source, None, form)
    if isinstance(source, tuple) and len(source) == 2:
        return arrays.from_arrays(*source, form)
    if not isinstance(source, str):
        raise InputError(
            f"The source is of type {type(source).__name__}. Use a string, an array or "
            "a tuple (images, labels)."
        )
    kind, _, argument = source.partition(":")
    if kind in PAIRED_SOURCES:
        raise InputError(
            f"{source!r} is a source of pairs, and one set of images is needed here. "
            "Use read_pairs in a script, or a recipe of pairs such as pix2pix."
        )
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
    """Return a hint for a string without a kind: the source that it may mean."""
    kind, colon, argument = source.partition(":")
    path = Path(source).expanduser()
    close = difflib.get_close_matches(kind.lower(), SOURCES, n=1, cutoff=0.7)
    if path.is_dir():
        meant = f"folder:{source}"
    elif path.suffix.lower() in npz.SUFFIXES:
        meant = f"npz:{source}"
    elif path.is_file():
        return (
            f" A file is not a source. Use folder:{path.parent} to read all pictures "
            "there."
        )
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
        A dataset of one epoch: float32 [batch_size, H, W, C] in `value_range`. With
        `labels`, each element is a tuple of such images and int64 [batch_size].

    Raises:
        InputError: if the source or an argument cannot be used.
    """
    images = read(source, image_size, channels, data_dir, memory_budget, fit, levels)
    return images.batches(batch_size, value_range, labels, seed)
