"""Rows of the data that a model makes pictures from or is compared with."""

from collections.abc import Mapping
from typing import TypeAlias

import keras
import numpy as np

from keras_gan.errors import InputError

# Those of what the model makes, or of each of its elements by name.
Rows: TypeAlias = np.ndarray | Mapping[str, np.ndarray] | None


def by_element(model: keras.Model, real: Rows) -> Mapping[str, np.ndarray]:
    """Returns rows of the data by the names of the model's elements.

    Args:
        model: a `GenerativeModel`.
        real: name of an element -> rows as data sets hold them; or rows of what the
            first of `model.outputs` is compared with; or None.
    """
    if real is None or isinstance(real, Mapping):
        return real or {}
    return {element: real for element in list(model.outputs.values())[:1]}


def spread(
    model: keras.Model, real: Rows, count: int, labels: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Returns what `model.samples` makes pictures from: rows evenly spaced in the data.

    Args:
        model: a `GenerativeModel`.
        real: as `by_element` takes it.
        count: rows of each.
        labels: of a conditional model, integers [count]; None leaves them to it.

    Raises:
        InputError: if there are no rows of an element in `model.inputs`.
    """
    rows = by_element(model, real)
    found = {}
    for name in model.inputs:
        if name not in rows:
            raise InputError(
                f"{type(model).__name__} makes pictures from {name}, and no rows of it "
                f"were given. Give them by name: real={{{name!r}: images.array}}."
            )
        part = rows[name]
        found[name] = part[np.linspace(0, len(part) - 1, count).astype(int)]
    if labels is not None:
        found["label"] = labels
    return found
