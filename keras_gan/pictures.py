"""Pictures and animations of what a model makes, as files."""

import dataclasses
import functools
import io
import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from keras_gan.files import write_whole
from keras_gan.plots import Figure, FigureCanvasAgg, plain_style

_SMALLEST_SIDE = 512
_SCATTER_INCHES = (5.6, 6.0)
_SCATTER_DPI = 100
_REAL_POINTS = 5000
_MOST_FRAMES = 120
_FRAME_MILLISECONDS = 100
_LAST_FRAME_MILLISECONDS = 2000


@dataclasses.dataclass(frozen=True)
class Drawing:
    """How samples of a model are shown.

    Args:
        count: samples in a picture where nothing else is asked for.
        draw: function from samples, as `GAN.generate` gives them, to a picture.
    """

    count: int
    draw: Callable[[np.ndarray], Image.Image]


def drawing_of(model, real: np.ndarray | None = None) -> Drawing:
    """Returns how samples of a model are shown: images in a grid, points in a plane.

    Args:
        model: a `GAN`.
        real: real points, to be drawn beneath the generated ones.
    """
    if len(model.image_shape) == 1:
        return Drawing(2000, functools.partial(scatter, real=real))
    return Drawing(64, functools.partial(grid, columns=columns_for(model)))


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


@plain_style()
def scatter(points: np.ndarray, real: np.ndarray | None = None) -> Image.Image:
    """Returns generated points, over real ones where there are any.

    Args:
        points: float [N, D], D at least 2; the first two dimensions are shown.
        real: float [M, D]; with them the picture shows the same part of the plane each
            time, of which they fill four fifths.
    """
    figure = Figure(_SCATTER_INCHES, dpi=_SCATTER_DPI, layout="constrained")
    axes = figure.subplots()
    axes.set_aspect("equal", adjustable="datalim" if real is None else "box")
    style = {"s": 4, "linewidths": 0, "rasterized": True}
    if real is not None:
        low, high = real[:, :2].min(axis=0), real[:, :2].max(axis=0)
        margin = (high - low).max() / 8
        axes.set_xlim(low[0] - margin, high[0] + margin)
        axes.set_ylim(low[1] - margin, high[1] + margin)
        shown = real[:_REAL_POINTS]
        axes.scatter(*shown[:, :2].T, color="0.7", label="real", **style)
    axes.scatter(*points[:, :2].T, color="tab:blue", label="generated", **style)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, markerscale=3)
    return rendered(figure)


def rendered(figure: Figure) -> Image.Image:
    """Returns a figure of Matplotlib as a picture in RGB."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def save_grid(images: np.ndarray, path: str | os.PathLike, columns: int = 8) -> None:
    """Saves a `grid` as the kind of file that the path's ending says."""
    save(grid(images, columns), path)


def save_animation(frames: list[pathlib.Path], path: str | os.PathLike) -> None:
    """Saves pictures of one size as an endless animation, at most 120 of them."""
    chosen = np.unique(
        np.linspace(0, len(frames) - 1, _MOST_FRAMES).round().astype(int)
    )
    first, *others = (Image.open(frames[i]).convert("RGB") for i in chosen)
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


def save(picture: Image.Image, path: str | os.PathLike, **options) -> None:
    """Saves a picture, whole or not at all, as what the path's ending says.

    Args:
        picture: of any size.
        path: the file, such as "samples.png".
        **options: of Pillow, for that kind of file.
    """
    path = pathlib.Path(path)
    write_whole(path, encoded(picture, path.suffix, **options))


def encoded(picture: Image.Image, ending: str, **options) -> bytes:
    """Returns a picture as the content of a file.

    Args:
        picture: of any size.
        ending: of the file's name, such as ".png".
        **options: of Pillow, for that kind of file.
    """
    content = io.BytesIO()
    picture.save(content, Image.registered_extensions()[ending.lower()], **options)
    return content.getvalue()
