"""Grids and animations of images, as files."""

import os
import pathlib

import numpy as np
from PIL import Image

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
    """Saves a `grid` as the kind of file that the path's ending says.

    The file appears whole or not at all.
    """
    _save(path, lambda part, kind: grid(images, columns).save(part, kind))


def save_animation(frames: list[pathlib.Path], path: str | os.PathLike) -> None:
    """Saves pictures of one size as an endless animation, at most 120 of them."""
    chosen = np.unique(
        np.linspace(0, len(frames) - 1, _MOST_FRAMES).round().astype(int)
    )
    first, *others = (Image.open(frames[i]).convert("RGB") for i in chosen)
    durations = [_FRAME_MILLISECONDS] * len(others) + [_LAST_FRAME_MILLISECONDS]
    _save(
        path,
        lambda part, kind: first.save(
            part,
            kind,
            save_all=True,
            append_images=others,
            duration=durations,
            loop=0,
        ),
    )


def _save(path, write):
    """Writes beside the target and renames, so that nobody reads half a picture."""
    path = pathlib.Path(path)
    kind = Image.registered_extensions()[path.suffix.lower()]
    part = path.with_name(path.name + ".part")
    try:
        write(part, kind)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
