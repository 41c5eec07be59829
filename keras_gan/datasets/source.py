"""What a source of images is, and the form in which it is asked for."""

import dataclasses
from collections.abc import Callable
from typing import Any

from keras_gan import checks
from keras_gan.datasets import conversion
from keras_gan.datasets.conversion import Form
from keras_gan.errors import InputError, did_you_mean


@dataclasses.dataclass(frozen=True)
class Source:
    """One kind of source that `read` accepts.

    Args:
        usage: the form of the string, such as `"folder:PATH"`. What stands before the
            colon is the key in `SOURCES`; without a colon it takes no argument.
        description: one line for a list of all sources.
        read: function `(argument, form, data_dir)`. It returns an array of images, or a
            tuple of one and its labels, as `read` takes them; or `Images` that have the
            `form` already. Of a source of pairs, function `(argument, forms,
            data_dir)` with two forms; it returns a tuple of two arrays or `Images`.

    Example:

    ```python
    from keras_gan import datasets

    for source in datasets.SOURCES.values():
        print(f"{source.usage:20} {source.description}")
    ```
    """

    usage: str
    description: str
    read: Callable[..., Any]


def form_of(
    image_size: int | tuple[int, int] | None,
    channels: int | None,
    fit: str,
    levels: tuple[float, float] | None,
) -> Form:
    """Returns the form that the arguments of `read` ask for.

    Raises:
        InputError: for one that cannot be used.
    """
    size = checks.height_and_width("image_size", image_size)
    if channels not in (None, 1, 3, 4):
        raise InputError(f"channels is {channels!r}. Use 1, 3, 4 or None.")
    if fit not in conversion.FITS:
        raise InputError(
            f"fit is {fit!r}. Use one of: {', '.join(conversion.FITS)}."
            f"{did_you_mean(fit, conversion.FITS)}"
        )
    if levels is not None and not (len(levels) == 2 and levels[0] < levels[1]):
        raise InputError(
            f"levels is {levels!r}. Use (black, white) with black < white, or None."
        )
    return Form(size, channels, fit, levels)
