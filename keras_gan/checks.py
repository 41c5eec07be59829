"""Arguments that scripts give, checked where they arrive."""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import keras

from keras_gan.errors import InputError


def whole_number(name: str, value: Any, lowest: int, highest: int = 2**63 - 1) -> int:
    """Returns a whole number, of Python's or NumPy's kinds, as an int.

    Args:
        name: of the argument.
        value: what was given.
        lowest, highest: the bounds, both accepted.

    Raises:
        InputError: for anything else: a fraction, text, True, a number out of bounds.
    """
    # A bool is an integer to Python, and never meant as one here.
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or not lowest <= value <= highest:
        bounds = f"from {lowest} to {highest}"
        if highest == 2**63 - 1:
            bounds = f"of at least {lowest}"
        raise InputError(f"{name} is {value!r}; it must be a whole number {bounds}.")
    return int(value)


def interval(name: str, value: Any) -> tuple[float, float]:
    """Returns (low, high) as floats.

    Args:
        name: of the argument.
        value: two finite numbers, the lower one first.

    Raises:
        InputError: for anything else.
    """
    try:
        low, high = (float(end) for end in value)
    except (TypeError, ValueError):
        low = high = math.nan
    if not -math.inf < low < high < math.inf:
        raise InputError(
            f"{name} is {value!r}; it must be (low, high), two finite numbers with low "
            "below high."
        )
    return low, high


def fraction(name: str, value: Any) -> float:
    """Returns a number between 0 and 1, both excluded.

    Args:
        name: of the argument.
        value: what was given.

    Raises:
        InputError: for anything else.
    """
    real = isinstance(value, numbers.Real)
    if not real or not 0 < value < 1:
        raise InputError(
            f"{name} is {value!r}; it must be a number between 0 and 1, or None."
        )
    return value


def positive(name: str, value: Any) -> float:
    """Returns a finite number above 0.

    Args:
        name: of the argument.
        value: what was given.

    Raises:
        InputError: for anything else.
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not 0 < value < math.inf:
        raise InputError(f"{name} is {value!r}; it must be a number above 0.")
    return float(value)


def not_negative(name: str, value: Any) -> float:
    """Returns a finite number of at least 0.

    Args:
        name: of the argument.
        value: what was given.

    Raises:
        InputError: for anything else.
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not 0 <= value < math.inf:
        raise InputError(f"{name} is {value!r}; it must be a number of at least 0.")
    return float(value)


def height_and_width(name: str, size: Any) -> tuple[int, int] | None:
    """Returns (height, width) of a size, or None.

    Args:
        name: of the argument.
        size: side length or (height, width) in pixels, or None.

    Raises:
        InputError: for anything else.
    """
    if size is None:
        return None
    try:
        sides = tuple(size)
    except TypeError:
        sides = size, size
    if len(sides) != 2 or any(
        not isinstance(side, numbers.Integral) or side < 1 for side in sides
    ):
        raise InputError(
            f"{name} is {size!r}. Use a positive integer or (height, width)."
        )
    return int(sides[0]), int(sides[1])


def one_of(name: str, value: Any, accepted: Sequence[str]) -> str:
    """Returns a value that is one of those accepted.

    Args:
        name: of the argument.
        value: what was given.
        accepted: the names.

    Raises:
        InputError: for anything else.
    """
    if value not in accepted:
        raise InputError(f"{name} is {value!r}. Use one of: {', '.join(accepted)}.")
    return value


def network(name: str, value: Any) -> keras.Model:
    """Returns a Keras model.

    Args:
        name: of the argument.
        value: what was given.

    Raises:
        InputError: for anything else.
    """
    if not isinstance(value, keras.Model):
        raise InputError(
            f"{name} is a {type(value).__name__}; it must be a keras.Model."
        )
    return value
