"""Images from a NumPy file."""

import pathlib
import zipfile
import zlib

import numpy as np

from keras_gan.datasets import arrays
from keras_gan.datasets.images import Images
from keras_gan.errors import InputError

IMAGE_KEYS = ("images", "x_train", "x", "image")
LABEL_KEYS = ("labels", "y_train", "y", "label")


def read(
    argument: str,
    size: tuple[int, int] | None,
    channels: int | None,
    data_dir: str | None,
) -> Images:
    """Read the images, and the labels if there are any, of an .npz or .npy file.

    Args:
        argument: path of the file. An .npz holds the images under one of
            `IMAGE_KEYS`, or as its only array, and labels under one of `LABEL_KEYS`.
        size: (height, width), or None for the images' own.
        channels: 1, 3 or 4, or None for the images' own.
        data_dir: not used.

    Returns:
        The images, with labels if the file has them.

    Raises:
        InputError: if the file cannot be read or does not hold images.
    """
    try:
        content = np.load(pathlib.Path(argument).expanduser(), allow_pickle=False)
        if isinstance(content, np.ndarray):
            images, labels = content, None
        else:
            with content:
                images, labels = _select(content, argument)
    except InputError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{argument!r} cannot be read as a NumPy file without pickled objects "
            f"({error})."
        ) from error
    return arrays.from_arrays(images, labels, size, channels)


def _select(content, path):
    label_key = next((key for key in LABEL_KEYS if key in content), None)
    others = [key for key in content if key != label_key]
    image_key = next((key for key in IMAGE_KEYS if key in content), None)
    if image_key is None and len(others) == 1:
        image_key = others[0]
    if image_key is None:
        raise InputError(
            f"{path!r} must hold images under one of {', '.join(IMAGE_KEYS)} or as "
            f"its only array, and holds {', '.join(content) or 'nothing'}."
        )
    return content[image_key], content[label_key] if label_key else None
