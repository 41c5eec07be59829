"""Files and folders that appear whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from keras_gan.errors import InputError


@contextlib.contextmanager
def staging_path(target: Path) -> Iterator[Path]:
    """Gives a path on the file system of `target`, to write to and then move.

    What is still there at the end is removed, and so are folders made for it that stay
    empty. The hidden folder around it holds no number as its name, so that TensorFlow
    Serving takes it for no version.

    Args:
        target: where the finished file or folder is to be moved by the caller.

    Raises:
        InputError: where there can be no such path.
    """
    missing = [folder for folder in target.parents if not folder.exists()]
    try:
        with write_errors_named(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            # Readable for its owner alone, so it is not what gets published.
            temporary = tempfile.TemporaryDirectory(
                prefix=".export-", dir=target.parent
            )
        with temporary as folder:
            yield Path(folder, target.name)
    finally:
        for parent in missing:
            with contextlib.suppress(OSError):
                parent.rmdir()


@contextlib.contextmanager
def write_errors_named(target: Path) -> Iterator[None]:
    """Says which file or folder cannot be written, where what is done in it fails.

    Args:
        target: as the user knows it; exceptions name what is beside it for a while.

    Raises:
        InputError: in place of an OSError and of TensorFlow's own errors.
    """
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise InputError(
            f"{target} cannot be written: {_reason(error)}. Mend that, or write to "
            "another folder."
        ) from error


def refuse_unwritable(target: Path) -> None:
    """Raises InputError where a file or folder could not be put in its place.

    It makes nothing, so that it can be asked before any work is done.
    """
    with write_errors_named(target):
        folder = next(folder for folder in target.parents if folder.exists())
        if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            raise InputError(
                f"{target} cannot be written: {folder} is not a folder, or you may not "
                "write there. Name another folder with --out."
            )


def _reason(error):
    if isinstance(error, OSError):
        return error.strerror or str(error)
    # TensorFlow names its temporary files before the reason, and an operation after it.
    return error.message.rpartition("; ")[2].partition(" [Op:")[0]
