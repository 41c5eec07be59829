"""Reading the files of saved models, which may be a stranger's."""

import inspect
import json
import operator
import os
import zipfile
from pathlib import Path, PurePosixPath

import keras

from keras_gan import first_safe
from keras_gan.errors import InputError, first_line_of


def load(path: str | os.PathLike) -> keras.Model:
    """Returns the model in a file that `save` of a model wrote, not compiled.

    Raises:
        InputError: for anything else, or a file whose layers would call functions.
    """
    first_safe.warn(".keras files", "keras", "tensorflow")
    try:
        if Path(path).suffix != ".keras":  # Keras would read others as HDF5
            raise ValueError("its name does not end in .keras")
        with zipfile.ZipFile(path) as archive:
            for name in map(PurePosixPath, archive.namelist()):
                if name.is_absolute() or ".." in name.parts:
                    raise ValueError(f"its member {name} leads out of the archive")
            _refuse_calls(json.loads(archive.read("config.json")))
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises many kinds on a broken file
        raise InputError(
            f"{path} cannot be read as a model ({first_line_of(error)}). Give a file "
            "that a model's save wrote, or the folder of a run."
        ) from error


def _refuse_calls(config):
    """Raises ValueError where a layer would call more than an activation.

    Keras's safe mode looks at classes when they are made from their configs. What a
    layer names as its function it calls unseen, with what the file says: any function
    that Keras exports and any class, also TFSMLayer, which runs a SavedModel. Keras
    itself writes activations, and functions that are registered, as "builtins".
    """
    parts = [config]
    while parts:
        part = parts.pop()
        if isinstance(part, list):
            parts += part
        if not isinstance(part, dict):
            continue
        parts += part.values()
        module, name = part.get("module"), part.get("class_name")
        if name == "TFSMLayer":  # Keras's safe mode refuses it from 3.13.2 on
            called = True
        elif name == "function":
            name, called = part.get("config"), module != "builtins"
        else:
            called = inspect.isfunction(_exported(f"{module}.{name}"))
        if called:
            raise ValueError(f"a layer would call {module}.{name}")


def _exported(name):
    """Returns what Keras exports under a name, or None."""
    try:
        return operator.attrgetter(name.removeprefix("keras."))(keras)
    except AttributeError:
        return None
