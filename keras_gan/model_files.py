"""Reading the files of saved models, which may be a stranger's."""

import hashlib
import inspect
import json
import operator
import os
import zipfile
from pathlib import Path, PurePosixPath

import keras

from keras_gan import first_safe
from keras_gan.errors import InputError, first_line_of

# Of the folder that Keras writes and that the Hugging Face Hub keeps: `save` of a model
# with `zipped=False`.
CONFIG, WEIGHTS = "config.json", "model.weights.h5"
DESCRIPTION = "keras_gan.json"  # of `python -m export --format hub`


def load(path: str | os.PathLike) -> keras.Model:
    """Returns the model in a file or folder that `save` of a model wrote, not compiled.

    Args:
        path: a file `NAME.keras`, or a folder with `config.json` and
            `model.weights.h5`. If `keras_gan.json` lies beside them, the weights must
            have the SHA-256 that it names: HDF5 itself notices no changed byte.

    Raises:
        InputError: for anything else, or a file whose layers would call functions.
    """
    first_safe.warn("saved models", "keras", "tensorflow")
    try:
        if Path(path).is_dir():
            _refuse_calls(json.loads(Path(path, CONFIG).read_bytes()))
            _refuse_changed(Path(path))
        elif Path(path).suffix != ".keras":  # Keras would read others as HDF5
            raise ValueError("its name does not end in .keras")
        else:
            _refuse_calls(_config_in(path))
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises many kinds on a broken file
        raise InputError(
            f"{path} cannot be read as a model ({first_line_of(error)}). Give a file "
            "that a model's save wrote, or the folder of a run."
        ) from error


def sha256_of_weights(model: keras.Model) -> str:
    """Returns the SHA-256 of the values of all weights of a model."""
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(keras.ops.convert_to_numpy(weight).tobytes())
    return digest.hexdigest()


def sha256(file: Path) -> str:
    """Returns the SHA-256 of a file's content."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _config_in(path):
    """Returns the config in an archive none of whose members leads out of it."""
    with zipfile.ZipFile(path) as archive:
        for name in map(PurePosixPath, archive.namelist()):
            if name.is_absolute() or ".." in name.parts:
                raise ValueError(f"its member {name} leads out of the archive")
        return json.loads(archive.read(CONFIG))


def _refuse_changed(folder):
    """Raises ValueError if a folder's weights are not those that it describes."""
    description = folder / DESCRIPTION
    if not description.exists():
        return  # of Keras's own save
    if json.loads(description.read_bytes())["weights_sha256"] != sha256(
        folder / WEIGHTS
    ):
        raise ValueError(
            f"its {WEIGHTS} is not the one that {DESCRIPTION} describes; fetch both "
            "again"
        )


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
