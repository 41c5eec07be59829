"""Pictures and animations of what a model makes, as files."""

import dataclasses
import functools
import io
import math
import os
import pathlib
from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont, ImageOps

from keras_gan.files import write_whole
from keras_gan.plots import Figure, FigureCanvasAgg, plain_style
from keras_gan.transparency import images_over_white, over_white

_SMALLEST_SIDE = 512
_SCATTER_INCHES = (5.6, 6.0)
_SCATTER_DPI = 100
_REAL_POINTS = 5000
_MOST_FRAMES = 120
_FRAME_MILLISECONDS = 100
_LAST_FRAME_MILLISECONDS = 2000
_POINTS = 2000
_IMAGES = 64  # in a picture, or more if that shows each class once
_MOST_IMAGES = 100
_MOST_CURVES = 12  # channels of a series that are drawn as lines
_CURVE_SIZE = (120, 80)  # pixels of the picture of one series
_CURVE_COLORS = [
    tuple(round(255 * part) for part in color)
    for color in matplotlib.colormaps["tab10"].colors
]
_EMPTY = 3.0  # how much worse an empty cell is than a picture that is not square
_CAPTION = 0.3  # height of a caption, about, as a share of an image's
_FONT = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
_FONT_SIZES = (13, 40)


@dataclasses.dataclass(frozen=True)
class Drawing:
    """How samples of a model are shown.

    Args:
        count: samples in a picture where nothing else is asked for.
        draw: function from samples, as `GAN.generate` gives them, and their labels or
            None, to a picture.
        num_classes: of the model, or None.
    """

    count: int
    draw: Callable[[np.ndarray, np.ndarray | None], Image.Image]
    num_classes: int | None = None

    def labels(self, count: int) -> np.ndarray | None:
        """Returns a class for each sample, or None for a model without classes.

        Each class has its turn; fewer samples than classes show evenly spaced ones.
        """
        if self.num_classes is None:
            return None
        if count < self.num_classes:
            return np.arange(count) * self.num_classes // count
        return np.arange(count) % self.num_classes


def drawing_of(
    model, real: np.ndarray | None = None, class_names: Sequence[str] | None = None
) -> Drawing:
    """Returns how samples of a model are shown, by the shape of one sample.

    Images stand in a grid, samples of a class together under its name. Points are drawn
    in a plane, single numbers as a histogram, series and longer vectors as lines.
    Samples with more dimensions are shown by their middle slices.

    Args:
        model: a `GAN`.
        real: real examples. Points are drawn beneath the generated ones, and values
            without bounds are shown in the range that these have.
        class_names: one for each class; None takes numbers.
    """
    shape, classes = model.image_shape, model.num_classes
    limits = model.value_range
    if limits is None and real is not None and real.dtype.kind == "f":
        limits = _limits(real[:_REAL_POINTS])
    values = functools.partial(_values, value_range=model.value_range)
    if math.prod(shape) == 1:
        return Drawing(_POINTS, lambda x, _: histogram(values(x), real), classes)
    if len(shape) == 1 and shape[0] <= 3:
        plane = Scatter(real)
        return Drawing(_POINTS, lambda x, _: plane.draw(values(x)), classes)

    def draw(samples, labels):
        samples, notes = _flat(samples)
        if _is_series(samples.shape[1:]):
            images, more = _curves(values(samples), limits)
        else:
            images, more = _visible(samples, limits)
        words = None
        if labels is not None:
            names = captions(class_names, classes)
            words = [names[label] for label in labels]
            shown = len(set(labels.tolist()))
            if shown < classes:
                notes.append(f"{shown:,} of {classes:,} classes")
        return grid(images, captions=words, note=", ".join(notes + more))

    return Drawing(_count(classes), draw, classes)


def _count(classes):
    """Returns how many samples show all classes equally often, if that is possible."""
    if classes is None or classes > _MOST_IMAGES:
        return _IMAGES
    return classes * max(1, min(-(-_IMAGES // classes), _MOST_IMAGES // classes))


def captions(names: Sequence[str] | None, classes: int) -> list[str]:
    """Returns a text for each class: its number if the font cannot write its name.

    Args:
        names: one for each class; None takes numbers.
        classes: number of classes.
    """
    glyphs = FT2Font(str(_FONT))

    def writable(name):
        return name.strip() and all(glyphs.get_char_index(ord(c)) for c in name)

    names = names or [""] * classes
    return [name if writable(name) else str(i) for i, name in enumerate(names)]


def _values(samples, value_range):
    """Returns samples in the model's own units, as floats."""
    if samples.dtype != np.uint8 or value_range is None:
        return samples
    low, high = value_range
    return low + samples.astype("float32") * ((high - low) / 255)


def _flat(samples):
    """Returns samples with at most 3 dimensions, and what was left out."""
    if samples.ndim == 2:
        return samples[..., None], []
    notes = []
    while samples.ndim > 4:
        depth = samples.shape[1]
        samples = samples[:, depth // 2]
        notes.append(f"slice {depth // 2 + 1} of {depth}")
    return samples, notes


def _is_series(shape):
    return len(shape) == 2 and shape[1] < shape[0] and shape[1] <= _MOST_CURVES


def _limits(values):
    return float(values.min()), float(values.max())


def _visible(samples, limits):
    """Returns uint8 images of 1 or 3 channels, and notes on how they came about."""
    if samples.ndim == 3:
        samples = samples[..., None]
    notes = []
    channels = samples.shape[-1]
    scaled = samples.dtype != np.uint8
    if channels not in (1, 3) and (channels != 4 or scaled):
        samples = samples[..., :1]
        notes.append(f"channel 1 of {channels}")
    if scaled:
        low, high = limits or _limits(samples)
        notes.append(f"black {low:.3g}, white {high:.3g}")
        samples = (samples - low) / ((high - low) or 1)
        samples = np.rint(255 * samples).clip(0, 255).astype("uint8")
    return images_over_white(samples), notes


def _curves(series, limits):
    """Returns pictures of series, float [N, T, C], and notes on their scale."""
    low, high = limits or _limits(series)
    width, height = (3 * side for side in _CURVE_SIZE)  # made smaller afterwards
    _, length, channels = series.shape
    x = np.linspace(0, width - 1, length)
    y = (height - 1) * (0.95 - 0.9 * (series - low) / ((high - low) or 1))
    images = []
    for sample in y:
        picture = Image.new("RGB", (width, height), "white")
        draw = ImageDraw.Draw(picture)
        for channel in range(channels):
            points = list(zip(x, sample[:, channel], strict=True))
            color = _CURVE_COLORS[channel % len(_CURVE_COLORS)]
            draw.line(points, color, width=4, joint="curve")
        picture = picture.resize(_CURVE_SIZE, Image.Resampling.LANCZOS)
        images.append(np.asarray(picture))
    return np.stack(images), [f"height {low:.3g} to {high:.3g}"]


def near_square(count: int, height: float, width: float) -> int:
    """Returns in how many columns pictures make a grid that is nearly square.

    Args:
        count: number of pictures, at least 1.
        height, width: of each.
    """

    def cost(columns):
        rows = -(-count // columns)
        shape = abs(math.log(columns * width / (rows * height)))
        return shape + _EMPTY * (1 - count / (rows * columns)), -columns

    return min(range(1, count + 1), key=cost)


def enlargement(height: int, width: int, least: int) -> int:
    """Returns a whole factor that gives a picture sides of at least so many pixels.

    The long side of a strip grows to at most about four times as many.
    """
    return -(-least // max(min(height, width), -(-max(height, width) // 4)))


def grid(
    images: np.ndarray,
    columns: int | None = None,
    captions: Sequence[str] | None = None,
    note: str = "",
) -> Image.Image:
    """Returns images side by side, row by row, over white.

    A line of one pixel lies between them. Small grids are enlarged by a whole factor to
    about 512 pixels or more, each pixel becoming a square of its colour.

    Args:
        images: uint8 [count, height, width, 1, 3 or 4].
        columns: images in a row; None makes the grid nearly square.
        captions: one for each image. Images with the same caption stand together under
            it, in the order in which captions first appear.
        note: a line of text under the grid.
    """
    images = images_over_white(images)
    count, height, width, _ = images.shape
    if captions is None:
        columns = columns or near_square(count, height + 1, width + 1)
        blocks, across = {"": _tiles(images, columns)}, 1
    else:
        groups = {caption: [] for caption in captions}
        for i, caption in enumerate(captions):
            groups[caption].append(i)
        inner, across = _columns_of_groups(groups, height + 1, width + 1)
        blocks = {name: _tiles(images[rows], inner) for name, rows in groups.items()}
    tall, wide = next(iter(blocks.values())).shape[:2]
    factor = enlargement(
        -(-len(blocks) // across) * tall, across * wide, _SMALLEST_SIDE
    )
    blocks = {
        name: Image.fromarray(block.squeeze(-1) if block.shape[-1] == 1 else block)
        for name, block in blocks.items()
    }
    return _assembled(blocks, across, factor, captions is not None, note)


def _columns_of_groups(groups, height, width):
    """Returns columns within a group and groups in a row, for a picture near square."""
    most, count = max(map(len, groups.values())), sum(map(len, groups.values()))

    def cost(columns):
        inner, across = columns
        rows, down = -(-most // inner), -(-len(groups) // across)
        tall = down * (rows + _CAPTION) * height
        shape = abs(math.log(across * inner * width / tall))
        return shape + _EMPTY * (1 - count / (down * rows * across * inner)), inner

    return min(
        (
            (inner, across)
            for inner in range(1, most + 1)
            for across in range(1, len(groups) + 1)
        ),
        key=cost,
    )


def _tiles(images, columns):
    """Returns images in rows, with grey lines between them and grey for what lacks."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    canvas = np.full((rows * columns, height + 1, width + 1, channels), 128, "uint8")
    canvas[:count, :height, :width] = images
    canvas = canvas.reshape(rows, columns, height + 1, width + 1, channels)
    canvas = canvas.swapaxes(1, 2).reshape(rows * (height + 1), -1, channels)
    return canvas[:-1, :-1]


def _assembled(blocks, across, factor, captioned, note):
    """Returns enlarged blocks in rows, under captions, above a note."""
    first = next(iter(blocks.values()))
    width = factor * max(block.width for block in blocks.values())
    height = factor * max(block.height for block in blocks.values())
    down = -(-len(blocks) // across)
    least, most = _FONT_SIZES
    size = min(max(least, max(across * width, down * height) // 60), most)
    letters, gap = font(size), size // 2 if captioned else 0
    head = round(1.6 * size) if captioned else 0
    foot = round(1.8 * size) if note else 0
    picture = Image.new(
        first.mode,
        (across * (width + gap) - gap, down * (height + head + gap) - gap + foot),
        "white",
    )
    draw = ImageDraw.Draw(picture)
    for i, (caption, block) in enumerate(blocks.items()):
        x, y = i % across * (width + gap), i // across * (height + head + gap)
        large = block.resize(
            (factor * block.width, factor * block.height), Image.Resampling.NEAREST
        )
        picture.paste(large, (x, y + head))
        if captioned:
            words = fitting(caption, width, letters)
            draw.text((x + width / 2, y + head - 2), words, "black", letters, "md")
    if note:
        words = fitting(note, picture.width - 4, letters)
        draw.text((2, picture.height - 3), words, "black", letters, "ld")
    return picture


def font(size: int) -> ImageFont.FreeTypeFont:
    """Returns the font of all words on pictures, in a size in pixels."""
    return ImageFont.truetype(str(_FONT), size)


def fitting(text: str, width: float, letters: ImageFont.FreeTypeFont) -> str:
    """Returns a text, shortened in its middle if it is wider than so many pixels.

    Long names often differ at their ends alone.
    """
    text = " ".join(text.split())
    kept, short = len(text), text
    while short and letters.getlength(short) > width:
        kept -= 1
        head, tail = text[: kept - kept // 2], text[len(text) - kept // 2 :]
        short = f"{head}…{tail}" if kept > 0 else ""
    return short


class Scatter:
    """Draws generated points, over real ones if there are any.

    It draws the axes and the real points once. They take ten times as long as the
    generated ones.

    Args:
        real: float [M, D], D at least 2; the first two dimensions are shown. With them
            each picture shows the same part of the plane, of which they fill four
            fifths.
    """

    def __init__(self, real: np.ndarray | None = None):
        self._real = real
        self._background = None

    @plain_style()
    def draw(self, points: np.ndarray) -> Image.Image:
        """Returns a picture of generated points.

        Args:
            points: float [N, D]; the first two dimensions are shown.
        """
        if self._background is None or self._real is None:
            self._begin(points)
        self._canvas.restore_region(self._background)
        self._generated.set_offsets(points[:, :2])
        for artist in self._on_top:
            self._axes.draw_artist(artist)
        return _picture(self._canvas)

    def _begin(self, points):
        """Draws the real points, the axes and the legend."""
        figure = Figure(_SCATTER_INCHES, dpi=_SCATTER_DPI, layout="constrained")
        self._canvas = FigureCanvasAgg(figure)
        self._axes = figure.subplots()
        adjustable = "datalim" if self._real is None else "box"
        self._axes.set_aspect("equal", adjustable=adjustable)
        style = {"s": 4, "linewidths": 0, "rasterized": True}
        if self._real is not None:
            low, high = self._real[:, :2].min(axis=0), self._real[:, :2].max(axis=0)
            margin = (high - low).max() / 8
            self._axes.set_xlim(low[0] - margin, high[0] + margin)
            self._axes.set_ylim(low[1] - margin, high[1] + margin)
            shown = self._real[:_REAL_POINTS, :2].T
            self._axes.scatter(*shown, color="0.7", label="real", **style)
        self._generated = self._axes.scatter(
            *points[:, :2].T, color="tab:blue", label="generated", **style
        )
        self._axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=2, markerscale=3
        )
        # `canvas.draw` leaves out what is animated: the points and what covers them.
        self._on_top = [self._generated, *self._axes.spines.values()]
        for artist in self._on_top:
            artist.set_animated(True)
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(figure.bbox)


@plain_style()
def histogram(values: np.ndarray, real: np.ndarray | None = None) -> Image.Image:
    """Returns how often single numbers appear, beside real ones if there are any.

    Args:
        values: float [N, ...], one number for each sample.
        real: float [M, ...]; with them the picture shows the same numbers each time.
    """
    values = np.reshape(values, -1)
    shown = values if real is None else np.reshape(real[:_REAL_POINTS], -1)
    low, high = _limits(shown)
    margin = (high - low) / 8 or 1.0
    bins = np.linspace(low - margin, high + margin, 61)
    figure = Figure(_SCATTER_INCHES, dpi=_SCATTER_DPI, layout="constrained")
    axes = figure.subplots()
    if real is not None:
        axes.hist(shown, bins, density=True, color="0.7", label="real")
    # The outer bins hold what lies beyond them.
    values = values.clip(bins[0], bins[-1])
    style = {"histtype": "step", "linewidth": 1.5, "color": "tab:blue"}
    axes.hist(values, bins, density=True, label="generated", **style)
    axes.set(xlabel="value", ylabel="density")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return rendered(figure)


def rendered(figure: Figure) -> Image.Image:
    """Returns a figure of Matplotlib as a picture in RGB."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return _picture(canvas)


def _picture(canvas):
    return over_white(Image.fromarray(np.asarray(canvas.buffer_rgba())))


def save_grid(
    images: np.ndarray, path: str | os.PathLike, columns: int | None = None
) -> None:
    """Saves a `grid` as the kind of file that the path's ending says."""
    save(grid(images, columns), path)


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
