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
        real: name of an element -> rows as data sets hold them; or rows of the only
            element in `model.outputs`; or None.

    Raises:
        InputError: for rows without a name of a model whose outputs are compared with
            several elements.
    """
    if real is None or isinstance(real, Mapping):
        return real or {}
    compared = [*dict.fromkeys(model.outputs.values())]
    if len(compared) > 1:
        named = ", ".join(f"{name!r}: ..." for name in compared)
        raise InputError(
            f"{type(model).__name__} has outputs that are compared with "
            f"{' and '.join(compared)}, and the real rows have no names. Give them by "
            f"name: real={{{named}}}."
        )
    return {element: real for element in compared}


def spread(
    model: keras.Model, real: Rows, count: int, labels: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Returns what `model.samples` makes pictures from: rows evenly spaced in the data.

    These are rows of all elements that are known: a model may use more than it needs.
    If their labels are known too, each row is of the class that is asked for.

    If classes are asked for, `draw` numbers the rows of each class from 0: a
    `LatentModel` makes rows of the same number from the same latent vector, so that
    its classes differ by their labels alone.

    Args:
        model: a `GenerativeModel`.
        real: as `by_element` takes it.
        count: rows of each.
        labels: of a conditional model, integers [count]; None takes the classes in
            turn.

    Raises:
        InputError: if there are no rows of an element in `model.inputs`.
    """
    rows = by_element(model, real)
    for name in model.inputs:
        if name not in rows:
            raise InputError(
                f"{type(model).__name__} makes pictures from {name}, and no rows of it "
                f"were given. Give them by name: real={{{name!r}: images.array}}."
            )
    known, found = rows.get("label"), {}
    if labels is not None:
        found["draw"] = _places(labels)
    if labels is None and known is not None:
        labels = np.arange(count) % model.num_classes  # as models take them
    for name, part in rows.items():
        chosen = np.linspace(0, len(part) - 1, count).astype(int)
        if known is not None:
            chosen = _of_classes(known, labels, chosen)
        found[name] = part[chosen]
    if labels is not None:
        found["label"] = labels
    return found


def _places(labels):
    """Returns the number of each row among those of its class, from 0 up."""
    places = np.empty(len(labels), "int64")
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        places[rows] = np.arange(len(rows))
    return places


def _of_classes(known, labels, chosen):
    """Returns rows of the classes asked for, evenly spaced among those of each class.

    A class without a row has one of `chosen`, which are of any class.
    """
    rows = np.array(chosen)
    for label in np.unique(labels):
        asked, there = np.flatnonzero(labels == label), np.flatnonzero(known == label)
        if len(there):
            spaced = np.linspace(0, len(there) - 1, len(asked)).astype(int)
            rows[asked] = there[spaced]
    return rows
