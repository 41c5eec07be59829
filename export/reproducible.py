"""Exports whose bytes depend on the model, not on the process that writes them."""

import collections
import contextlib
import importlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras

from export.exportable import Exportable
from export.formats import FORMATS

_NUMBER = re.compile(r"_\d+$")


def write(format: str, exportable: Exportable, path: Path) -> None:
    """Writes an export, unverified.

    The same model gives the same bytes in every process: another PYTHONHASHSEED, time
    of day or number of models made before changes nothing.

    Args:
        format: name of the format.
        exportable: what to export; the format's `check` accepts it.
        path: file or folder of the export.
    """
    with _stable_names(exportable.networks.values()):
        importlib.import_module(FORMATS[format].module).write(exportable, path)


@contextlib.contextmanager
def _stable_names(networks: Iterable[keras.Model]) -> Iterator[None]:
    """Names layers and variables by their place in the networks for a while.

    Keras numbers the names of layers by all that a process has made before, and
    TensorFlow names operations and sorts variables by them.
    """
    networks = list(networks)
    layers = layers_of(networks)
    variables = [weight.value for network in networks for weight in network.weights]
    names = [layer.name for layer in layers]
    handles = [getattr(variable, "_handle_name", None) for variable in variables]
    try:
        name_by_place(layers)
        for number, variable in enumerate(variables):
            variable._handle_name = f"variable_{number}:0"
        yield
    finally:
        for layer, name in zip(layers, names, strict=True):
            layer.name = name
        for variable, handle in zip(variables, handles, strict=True):
            variable._handle_name = handle


def layers_of(networks: Iterable[keras.Model]) -> list[keras.Layer]:
    """Returns networks and all layers in them, each once."""
    layers = [layer for network in networks for layer in network._flatten_layers()]
    return list({id(layer): layer for layer in layers}.values())


def name_by_place(layers: Iterable[keras.Layer]) -> None:
    """Names layers by their place, as Keras counts all that a process ever made."""
    count: collections.Counter[str] = collections.Counter()
    for layer in layers:
        stem = without_number(layer.name)
        layer.name = f"{stem}_{count[stem]}" if count[stem] else stem
        count[stem] += 1


def without_number(name: str) -> str:
    """Returns a name without the number that Keras added to it."""
    return _NUMBER.sub("", name)
