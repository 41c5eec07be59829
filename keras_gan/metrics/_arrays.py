"""What all measures share: checked arrays and distances in bounded memory."""

from collections.abc import Iterator
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import pairwise_distances_chunked

from keras_gan.errors import InputError

_BLOCK_MIB = 64


def as_samples(rows: int = 1, **sets: ArrayLike) -> list[np.ndarray]:
    """Returns the named sets as float64 [N, D] with one common D.

    Args:
        rows: least N.
        **sets: the sets by name.

    Raises:
        InputError: A set has another shape, or holds NaN or infinity.
    """
    accepted = f"Use finite numbers [N, D] with N at least {rows}."
    arrays = {}
    for name, values in sets.items():
        try:
            array = np.asarray(values, "float64")
        except (TypeError, ValueError):
            raise InputError(f"{name} does not hold numbers. {accepted}") from None
        if array.ndim != 2 or len(array) < rows or array.shape[1] == 0:
            raise InputError(f"{name} has shape {list(array.shape)}. {accepted}")
        broken = array.size - np.count_nonzero(np.isfinite(array))
        if broken:
            raise InputError(f"{name} holds {broken} NaN or infinity. {accepted}")
        arrays[name] = array
    if len({array.shape[1] for array in arrays.values()}) > 1:
        widths = " and ".join(f"{name} {a.shape[1]}" for name, a in arrays.items())
        raise InputError(f"D differs: {widths}. Use sets [N, D] of one D.")
    return list(arrays.values())


def check_count(name: str, value: int, least: int = 1) -> None:
    """Raises InputError if `value` is not a whole number of at least `least`."""
    if not isinstance(value, Integral) or value < least:
        raise InputError(
            f"{name} is {value!r}. Use a whole number of at least {least}."
        )


def check_positive(name: str, value: float) -> None:
    """Raises InputError if `value` is not a positive finite number."""
    if not isinstance(value, Real) or not 0 < value < np.inf:
        raise InputError(f"{name} is {value!r}. Use a positive finite number.")


def squared_distances(
    a: np.ndarray, b: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields blocks of rows of a [N, D] with their distances to all rows of b [M, D].

    A block is a slice of a and its squared Euclidean distances [n, M]. It takes at
    most 64 MiB, or has one row.
    """
    # Centred, because |x|^2 + |y|^2 - 2 x.y loses digits far from the origin.
    centre = b.mean(axis=0)
    start = 0
    for block in pairwise_distances_chunked(
        a - centre, b - centre, squared=True, working_memory=_BLOCK_MIB
    ):
        yield slice(start, start + len(block)), block
        start += len(block)
