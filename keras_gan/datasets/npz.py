"""Images from a NumPy file."""

import dataclasses
import pathlib
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_gan.datasets import arrays
from keras_gan.datasets.conversion import Form
from keras_gan.datasets.images import Images
from keras_gan.errors import InputError

SUFFIXES = (".npz", ".npy")
IMAGE_KEYS = ("images", "x_train", "x", "image")
LABEL_KEYS = ("labels", "y_train", "y", "label")


def read(argument: str, form: Form, data_dir: str | None) -> Images:
    """Read the images of an .npz or .npy file, and its labels if it has any.

    Args:
        argument: path of the file. An .npz holds the images under one of
            `IMAGE_KEYS`, or as its only array, and labels under one of `LABEL_KEYS`.
        form: what the images become.
        data_dir: not used.

    Returns:
        The images, with labels if the file has them.

    Raises:
        InputError: if the file cannot be read or does not hold images.
    """
    array, labels = load(argument, _select)
    images = arrays.from_arrays(array, labels, form)
    if labels is not None:
        return images
    names = ", ".join(LABEL_KEYS)
    reason = f"{argument!r} has no array named {names}"
    return dataclasses.replace(images, unlabelled=reason)


def load(
    argument: str, select: Callable[[Mapping[str, np.ndarray], str], Any]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns two arrays of a NumPy file; of an .npy file, its array and None.

    Args:
        argument: path of the file.
        select: function of the arrays of an .npz file by name, and of the path, that
            returns two of them.

    Raises:
        InputError: if the file cannot be read.
    """
    try:
        content = np.load(pathlib.Path(argument).expanduser(), allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content, None
        with content:
            return select(content, argument)
    except InputError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{argument!r} cannot be read ({error}). Use a NumPy file without pickled "
            "objects."
        ) from error


def _select(content, path):
    label_key = next((key for key in LABEL_KEYS if key in content), None)
    others = [key for key in content if key != label_key]
    image_key = next((key for key in IMAGE_KEYS if key in content), None)
    if image_key is None and len(others) == 1:
        image_key = others[0]
    if image_key is None:
        raise InputError(
            f"{path!r} holds {', '.join(content) or 'nothing'}. Store the images under "
            f"one of {', '.join(IMAGE_KEYS)}, or as the only array."
        )
    return content[image_key], content[label_key] if label_key else None
