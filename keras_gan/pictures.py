"""Grids and animations of images, as files."""

import io
import os
import pathlib

import numpy as np
from PIL import Image

from keras_gan.files import write_whole

_SMALLEST_SIDE = 512
_MOST_FRAMES = 120
_FRAME_MILLISECONDS = 100
_LAST_FRAME_MILLISECONDS = 2000


def columns_for(model) -> int:
    """Returns the columns of a grid: one for each class, or 8 without classes."""
    if model.num_classes is not None and model.num_classes <= 16:
        return model.num_classes
    return 8


def grid(images: np.ndarray, columns: int = 8) -> Image.Image:
    """Returns images side by side, row by row.

    A line of one pixel lies between them. Small grids are enlarged by a whole factor to
    at least 512 pixels, each pixel becoming a square of its colour.

    Args:
        images: uint8 [count, height, width, 1, 3 or 4].
        columns: images in a row.
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    canvas = np.full((rows * columns, height + 1, width + 1, channels), 128, "uint8")
    canvas[:count, :height, :width] = images
    canvas = canvas.reshape(rows, columns, height + 1, width + 1, channels)
    canvas = canvas.swapaxes(1, 2).reshape(rows * (height + 1), -1, channels)[:-1, :-1]
    factor = -(-_SMALLEST_SIDE // min(canvas.shape[:2]))
    canvas = canvas.repeat(factor, axis=0).repeat(factor, axis=1)
    return Image.fromarray(canvas[..., 0] if channels == 1 else canvas)


def save_grid(images: np.ndarray, path: str | os.PathLike, columns: int = 8) -> None:
    """Saves a `grid` as the kind of file that the path's ending says."""
    _save(grid(images, columns), path)


def save_animation(frames: list[pathlib.Path], path: str | os.PathLike) -> None:
    """Saves pictures of one size as an endless animation, at most 120 of them."""
    chosen = np.unique(
        np.linspace(0, len(frames) - 1, _MOST_FRAMES).round().astype(int)
    )
    first, *others = (Image.open(frames[i]).convert("RGB") for i in chosen)
    durations = [_FRAME_MILLISECONDS] * len(others) + [_LAST_FRAME_MILLISECONDS]
    _save(first, path, save_all=True, append_images=others, duration=durations, loop=0)


def _save(picture, path, **options):
    path = pathlib.Path(path)
    content = io.BytesIO()
    kind = Image.registered_extensions()[path.suffix.lower()]
    picture.save(content, kind, **options)
    write_whole(path, content.getvalue())
