"""The kinds of export, and where each lies.

Importing this module is cheap, so that `python -m export --help` can list them.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path


def version_folder(base: Path, version: int | None) -> Path:
    """Returns the folder `base/<version>`, or that of the next free number.

    Raises:
        InputError: for a version below 1.
    """
    if version is None:
        names = [folder.name for folder in base.glob("*") if folder.name.isdecimal()]
        version = max(map(int, names), default=0) + 1
    if version < 1:
        from keras_gan.errors import InputError  # imports TensorFlow

        raise InputError(f"version is {version}; it must be at least 1.")
    return base / str(version)


def onnx_file(base: Path, version: int | None) -> Path:
    """Returns the file `base.onnx`, which has no version."""
    return base.with_name(f"{base.name}.onnx")


@dataclasses.dataclass(frozen=True)
class Format:
    """One kind of export.

    Args:
        module: has `write(generator, path)`; imported when the format is asked for, as
            each needs a library of its own.
        target: function from the model's path and version to the export's path.
    """

    module: str
    target: Callable[[Path, int | None], Path]


FORMATS = {
    "saved-model": Format("export.saved_model", version_folder),
    "onnx": Format("export.onnx", onnx_file),
}
