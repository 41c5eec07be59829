"""Arrays of images that the user already has."""

import numpy as np

from keras_gan.datasets import conversion, storage
from keras_gan.datasets.images import Images
from keras_gan.errors import InputError

# A grey level: so far may interpolation and rounding leave a range. What is darker than
# MOST_OVERSHOOT is meant to be negative.
LEVEL = 1 / 255
MOST_OVERSHOOT = 0.25
BLOCK = 1024  # images converted at a time, which bounds the memory of the conversion


def from_arrays(
    images: np.ndarray,
    labels: np.ndarray | None = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    class_names: tuple[str, ...] | None = None,
) -> Images:
    """Check arrays and convert them to uint8 images.

    Args:
        images: [N, H, W] or [N, H, W, C] with C 1, 3 or 4; uint8, or floats in
            [0, 1] or, if any is clearly negative, in [-1, 1]. What lies outside by a
            grey level or less is rounding.
        labels: integers [N] or [N, 1] from 0 up, or None. Where some numbers below the
            highest do not occur, those that do name the classes, in their order.
        size: (height, width), or None for the images' own.
        channels: 1, 3 or 4, or None for the images' own.
        class_names: one name per class, or None.

    Returns:
        The images; a uint8 array that needs no change is used as it is, not copied.

    Raises:
        InputError: if the arrays are not as described above.
    """
    images = np.asanyarray(images)
    if images.ndim not in (3, 4):
        raise InputError(
            f"Images must have the shape [N, H, W] or [N, H, W, C], not "
            f"{list(images.shape)}."
        )
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if 0 in images.shape:
        raise InputError(f"Images of shape {list(images.shape)} hold no pixel.")
    if images.shape[-1] not in conversion.MODES:
        raise InputError(
            f"Images must have 1, 3 or 4 channels in the last dimension, not "
            f"{images.shape[-1]} as in {list(images.shape)}."
        )
    low = _lowest_value(images)
    if labels is not None:
        labels = _check_labels(labels, len(images))
        if class_names is None:
            labels, class_names = _without_gaps(labels)

    shape = (len(images), *(size or images.shape[1:3]), channels or images.shape[-1])
    if images.dtype == np.uint8 and images.shape == shape:
        return Images(np.require(images, requirements="C"), labels, class_names)
    array = storage.allocate(shape)
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK]
        if low is not None:
            levels = (block.astype(np.float32) - low) * (255 / (1 - low))
            block = np.rint(levels).clip(0, 255).astype(np.uint8)
        array[start : start + BLOCK] = conversion.fit_arrays(block, size, channels)
    return Images(array, labels, class_names)


def _lowest_value(images):
    """Return what black is: None for uint8, 0 or -1 for floats."""
    if images.dtype == np.uint8:
        return None
    if not np.issubdtype(images.dtype, np.floating):
        raise InputError(
            f"Images must be uint8 in 0..255 or floats in [0, 1] or [-1, 1], not "
            f"{images.dtype}."
        )
    lowest, highest = float(images.min()), float(images.max())
    signed = lowest < -MOST_OVERSHOOT
    if signed:
        accepted = lowest >= -1 - 2 * LEVEL and highest <= 1 + 2 * LEVEL
    else:
        accepted = lowest >= -LEVEL and highest <= 1 + LEVEL
    if not accepted:  # NaN fails every comparison
        raise InputError(
            f"Float images must lie in [0, 1] or [-1, 1], and these reach from "
            f"{lowest:g} to {highest:g}; clip or scale them, or give them as uint8."
        )
    return -1.0 if signed else 0.0


def _check_labels(labels, count):
    labels = np.asarray(labels)
    if labels.shape not in ((count,), (count, 1)):
        raise InputError(
            f"There must be one label for each of {count} images, and the labels "
            f"have the shape {list(labels.shape)}."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"Labels must be integers, not {labels.dtype}.")
    if labels.min() < 0:
        raise InputError(f"Labels must be 0 or more, and one is {labels.min()}.")
    return labels.reshape(-1)


def _without_gaps(labels):
    """Return labels from 0 to the number of classes, and names where they changed."""
    numbers, ranks = np.unique(labels, return_inverse=True)
    if len(numbers) == int(numbers[-1]) + 1:
        return labels.astype(np.int64), None
    return ranks.astype(np.int64), tuple(map(str, numbers.tolist()))
