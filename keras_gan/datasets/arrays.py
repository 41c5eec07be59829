"""Arrays of images that the user already has."""

import numpy as np

from keras_gan.datasets import conversion, storage
from keras_gan.datasets.conversion import Form
from keras_gan.datasets.images import Images
from keras_gan.errors import InputError

# One grey level: interpolation and rounding may exceed a range by this much.
LEVEL = 1 / 255
# If a value is below -MOST_OVERSHOOT, the images are meant to be in [-1, 1].
MOST_OVERSHOOT = 0.25
BLOCK = 1024  # images converted at a time, which bounds the memory of the conversion


_AS_IT_IS = Form()


def from_arrays(
    images: np.ndarray,
    labels: np.ndarray | None = None,
    form: Form = _AS_IT_IS,
    class_names: tuple[str, ...] | None = None,
) -> Images:
    """Check arrays and convert them to uint8 images.

    Args:
        images: [N, H, W] or [N, H, W, C] with C 1, 3 or 4. Floats are in [0, 1] or, if
            any is clearly negative, in [-1, 1]; a value may lie outside by one grey
            level, because of rounding. uint8 and other integers of 0 to 255 stay as
            they are. Booleans and integers of 0 and 1 become 0 and 255. Any other
            integers are scaled: their least value becomes 0, their greatest 255.
        labels: integers [N] or [N, 1] from 0 up, or strings, or None. Strings are
            names of classes. If the integers have gaps, they become class names too,
            in ascending order.
        form: what the images become; its levels replace the ranges above.
        class_names: one name per class, or None.

    Returns:
        The images; a uint8 array that needs no change is used as it is, not copied.

    Raises:
        InputError: if the arrays are not as described above.
    """
    images = np.asanyarray(images)
    if images.ndim not in (3, 4):
        raise InputError(
            f"Images have the shape {list(images.shape)}. Use [N, H, W] or "
            "[N, H, W, C]."
        )
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if 0 in images.shape:
        raise InputError(f"Images of shape {list(images.shape)} have no pixels.")
    if images.shape[-1] not in conversion.MODES:
        raise InputError(
            f"Images of shape {list(images.shape)} have {images.shape[-1]} channels in "
            "the last dimension. Use 1, 3 or 4."
            + (
                " np.moveaxis(images, 1, -1) puts the channels last."
                if images.shape[1] in conversion.MODES
                else ""
            )
        )
    levels = form.levels or _levels_of_integers(images)
    low = None if levels else _lowest_value(images)
    if labels is not None:
        labels = _check_labels(labels, len(images))
        if class_names is None:
            labels, class_names = _without_gaps(labels)

    summary = None
    if levels is not None:
        summary = (
            f"values of {images.dtype} scaled from {levels[0]:g} (black) to "
            f"{levels[1]:g} (white)."
        )
    own = images.shape[1:]
    shape = (len(images), *(form.size or own[:2]), form.channels or own[-1])
    if images.dtype == np.uint8 and images.shape == shape and levels is None:
        return Images(np.require(images, requirements="C"), labels, class_names)
    array = storage.allocate(shape)
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK]
        if levels is not None:
            block = conversion.scale(block, levels)
        elif low is not None:
            values = (block.astype(np.float32) - low) * (255 / (1 - low))
            block = np.rint(values).clip(0, 255).astype(np.uint8)
        array[start : start + BLOCK] = conversion.resize_arrays(block, form)
    return Images(array, labels, class_names, levels=levels, summary=summary)


def _levels_of_integers(images):
    """Return (black, white) of booleans and integers; None for uint8 and floats."""
    if images.dtype == np.uint8 or images.dtype.kind not in "biu":
        return None
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 255:
        return low, high
    return 0.0, 1.0 if high <= 1 else 255.0


def _lowest_value(images):
    """Return the value of black: None for uint8, 0 or -1 for floats."""
    if images.dtype == np.uint8:
        return None
    if not np.issubdtype(images.dtype, np.floating):
        raise InputError(
            f"Images are {images.dtype}. Use uint8 in 0..255 or floats in [0, 1] or "
            "[-1, 1]."
        )
    lowest, highest = float(images.min()), float(images.max())
    signed = lowest < -MOST_OVERSHOOT
    if signed:
        accepted = lowest >= -1 - 2 * LEVEL and highest <= 1 + 2 * LEVEL
    else:
        accepted = lowest >= -LEVEL and highest <= 1 + LEVEL
    if not accepted:  # NaN fails every comparison
        raise InputError(
            f"Float images have values from {lowest:g} to {highest:g}. Use [0, 1] or "
            "[-1, 1]: clip or scale the images, or give them as uint8."
        )
    return -1.0 if signed else 0.0


def _check_labels(labels, count):
    labels = np.asarray(labels)
    if labels.shape not in ((count,), (count, 1)):
        raise InputError(
            f"Labels have the shape {list(labels.shape)}. Use one label for each of "
            f"the {count} images."
            + (
                " labels.argmax(1) converts one-hot vectors to numbers."
                if labels.ndim == 2 and len(labels) == count
                else ""
            )
        )
    if labels.dtype.kind not in "iuUS":
        raise InputError(
            f"Labels are {labels.dtype}. Use integers or strings; labels.astype(int) "
            "converts whole numbers to integers."
        )
    if labels.dtype.kind in "US":
        return labels.reshape(-1)
    if labels.min() < 0:
        raise InputError(f"The least label is {labels.min()}. Use labels from 0 up.")
    return labels.reshape(-1)


def _without_gaps(labels):
    """Return labels 0 to num_classes - 1, and class names if the labels changed."""
    numbers, ranks = np.unique(labels, return_inverse=True)
    if labels.dtype.kind == "S":
        numbers = np.char.decode(numbers, errors="replace")
    elif labels.dtype.kind != "U" and len(numbers) == int(numbers[-1]) + 1:
        return labels.astype(np.int64), None
    return ranks.astype(np.int64), tuple(map(str, numbers.tolist()))
