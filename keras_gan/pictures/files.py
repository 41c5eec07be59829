"""Pictures and animations as files."""

import io
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from keras_gan.errors import InputError
from keras_gan.files import write_atomically
from keras_gan.transparency import over_white

_MOST_FRAMES = 120
_FRAME_MILLISECONDS = 100
_LAST_FRAME_MILLISECONDS = 2000


def save_animation(frames: list[pathlib.Path], path: str | os.PathLike) -> None:
    """Saves pictures as an endless animation, at most 120 of them, over white.

    Pictures of another size, such as those of an older version, take the last one's.
    """
    chosen = np.unique(
        np.linspace(0, len(frames) - 1, _MOST_FRAMES).round().astype(int)
    )
    pictures = [over_white(Image.open(frames[i])).convert("RGB") for i in chosen]
    size = pictures[-1].size
    first, *others = (
        each if each.size == size else ImageOps.pad(each, size, color="white")
        for each in pictures
    )
    save(first, path, **endless(others, _FRAME_MILLISECONDS))


def endless(others: Sequence[Image.Image], milliseconds: int) -> dict:
    """Returns options of Pillow that save a picture as the first of an animation.

    Args:
        others: the frames after it, of the same size.
        milliseconds: that each frame is shown; the last one stays for two seconds.
    """
    durations = [milliseconds] * len(others) + [_LAST_FRAME_MILLISECONDS]
    return {
        "save_all": True,
        "append_images": others,
        "duration": durations,
        "loop": 0,
    }


def save(picture: Image.Image, path: str | os.PathLike, **options: Any) -> None:
    """Saves a picture, whole or not at all, as what the path's ending says.

    Args:
        picture: of any size.
        path: the file, such as "samples.png".
        **options: of Pillow, for that kind of file.
    """
    path = pathlib.Path(path)
    write_atomically(path, encoded(picture, path.suffix, **options))


def save_out(picture: Image.Image, out: pathlib.Path) -> None:
    """Saves a picture as the file that a user named with --out.

    Raises:
        InputError: if it cannot be written.
    """
    try:
        save(picture, out)
    except (OSError, ValueError) as error:  # what this kind of file cannot hold, too
        raise InputError(
            f"--out is {out}, which cannot be written: {error}. Name another file."
        ) from error


def encoded(picture: Image.Image, ending: str, **options: Any) -> bytes:
    """Returns a picture as the content of a file.

    Args:
        picture: of any size.
        ending: of the file's name, such as ".png".
        **options: of Pillow, for that kind of file.
    """
    content = io.BytesIO()
    picture.save(content, Image.registered_extensions()[ending.lower()], **options)
    return content.getvalue()
