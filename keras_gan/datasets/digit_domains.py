"""Pairs and domains made of the digits of scikit-learn, with known right answers."""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from keras_gan.datasets import conversion, digits
from keras_gan.datasets.conversion import Form
from keras_gan.datasets.images import Images
from keras_gan.errors import InputError

_SIZE = (32, 32)  # of outlines if nobody asks for another: 8 pixels show none
_STROKE = 96  # the least grey level of a pen stroke: at half of white, thin ones break
_BACKGROUND = np.array([24, 40, 112])
_INK = np.array([255, 208, 64])


def read_outlines(
    argument: str, forms: tuple[Form, Form], data_dir: str | None
) -> tuple[Images, Images]:
    """Read the outlines of 1,797 handwritten digits, and the digits.

    Args:
        argument, data_dir: not used.
        forms: what outlines and digits become; without a size, both are 32x32.

    Returns:
        The outlines, one pixel wide at their size, and the digits.
    """
    made, drawn = (dataclasses.replace(f, size=f.size or _SIZE) for f in forms)
    target = digits.read("", drawn, None)
    shapes = digits.read("", dataclasses.replace(made, channels=1), None)
    filled = shapes.array[..., 0] >= _STROKE
    inner = ndimage.binary_erosion(filled, np.ones((1, 3, 3)))
    lines = np.where(filled & ~inner, 255, 0).astype(np.uint8)[..., np.newaxis]
    return dataclasses.replace(shapes, array=_with_channels(lines, made)), target


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a right translation of digits makes of them, and the way back.

    Args:
        forward: function of uint8 [N, H, W, C], as source `digits-half` has them, that
            returns the right answer in the other domain.
        back: function of uint8 images of the other domain that returns the digits.

    Example:

    ```python
    from keras_gan import datasets

    plain = datasets.read("digits-half", 16)
    answer = datasets.ANSWERS["digits-tinted"]
    tinted = answer.forward(plain.array)
    assert tinted.shape == (899, 16, 16, 3)
    assert abs(answer.back(tinted)[..., :1].astype(int) - plain.array).max() <= 1
    ```
    """

    forward: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]


def _invert(images: np.ndarray) -> np.ndarray:
    return 255 - images


def _tint(images: np.ndarray) -> np.ndarray:
    """Return grey digits, of 1 or 3 equal channels, in two colours."""
    share = images.mean(axis=-1, keepdims=True) / 255
    colours = _BACKGROUND + share * (_INK - _BACKGROUND)
    return np.rint(colours).astype(np.uint8)


def _untint(images: np.ndarray) -> np.ndarray:
    """Return tinted digits in grey, in 3 equal channels."""
    line = _INK - _BACKGROUND
    share = (images.astype(np.float64) - _BACKGROUND) @ line / (line @ line)
    grey = np.rint(255 * share.clip(0, 1)).astype(np.uint8)
    return np.repeat(grey[..., np.newaxis], 3, axis=-1)


def _turn(times: int) -> Callable[[np.ndarray], np.ndarray]:
    def turned(images: np.ndarray) -> np.ndarray:
        height, width = images.shape[1:3]
        if height != width:
            raise InputError(
                f"Images are {height}x{width} (height x width), and digits-turned "
                "needs squares. Give image_size as one number."
            )
        return np.rot90(images, times, axes=(1, 2)).copy()

    return turned


# Name of a source -> how its images come from those of `digits-half`.
ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "digits-inverted": Answer(_invert, _invert),
        "digits-tinted": Answer(_tint, _untint),
        "digits-turned": Answer(_turn(-1), _turn(1)),
    }
)


def read_half(argument: str, form: Form, data_dir: str | None) -> Images:
    """Read 899 of the digits, drawn at random once for all, with their labels.

    Args:
        argument, data_dir: not used.
        form: what the images become.
    """
    return _half(0, form)


def reader_of(name: str) -> Callable[[str, Form, str | None], Images]:
    """Returns a function that reads the other 898 digits, translated.

    Args:
        name: a key of `ANSWERS`.
    """

    def read(argument: str, form: Form, data_dir: str | None) -> Images:
        plain = _half(1, dataclasses.replace(form, channels=1))
        translated = ANSWERS[name].forward(plain.array)
        return dataclasses.replace(plain, array=_with_channels(translated, form))

    return read


def _half(which, form):
    found = digits.read("", form, None)
    # In the order of the file even and odd numerals alternate.
    drawn = np.random.default_rng(0).permutation(len(found))
    return found.rows(np.sort(drawn[which::2]))


def _with_channels(images, form):
    """Return images with the channels of a form."""
    return conversion.resize_arrays(images, dataclasses.replace(form, size=None))
