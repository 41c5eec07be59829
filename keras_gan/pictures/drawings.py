"""How samples of a model are shown, by the shape of one sample."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence

import keras
import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw

from keras_gan import examples
from keras_gan.pictures.charts import Scatter, histogram
from keras_gan.pictures.grids import FONT, columns, grid
from keras_gan.pictures.sheets import hstack
from keras_gan.pixels import PixelRange
from keras_gan.transparency import images_over_white

_REAL_POINTS = 5000
_POINTS = 2000
_IMAGES = 64  # in a picture, or more if that shows each class once
_MOST_IMAGES = 100
_EXAMPLES = 8  # rows of a picture with several titles
_MOST_CURVES = 12  # channels of a series that are drawn as lines
_CURVE_SIZE = (120, 80)  # pixels of the picture of one series
_CURVE_COLORS = [
    tuple(round(255 * part) for part in color)
    for color in matplotlib.colormaps["tab10"](range(10))[:, :3]
]


@dataclasses.dataclass(frozen=True)
class Drawing:
    """How samples of a model are shown.

    Args:
        count: samples in a picture where nothing else is asked for.
        draw: function from samples, as `samples` of the model gives them, and their
            labels or None, to a picture.
        num_classes: of the model, or None.

    Example:

    ```python
    from keras_gan import pictures

    drawing = pictures.drawing_of(gan)
    labels = drawing.labels(16)  # None: this model has no classes
    samples = {"sample": gan.generate(16, labels=labels)}
    drawing.draw(samples, labels).save("samples.png")
    ```
    """

    count: int
    draw: Callable[[Mapping[str, np.ndarray], np.ndarray | None], Image.Image]
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
    model: keras.Model,
    real: np.ndarray | Mapping[str, np.ndarray] | None = None,
    class_names: Sequence[str] | None = None,
) -> Drawing:
    """Returns how samples of a model are shown, by the shape of one sample.

    Images stand in a grid, samples of a class together under its name. Points are drawn
    in a plane, single numbers as a histogram, series and longer vectors as lines.
    Samples with more dimensions are shown by their middle slices. Samples of several
    titles stand beside each other under these, images one below the other.

    Args:
        model: a `GenerativeModel`.
        real: real examples, as `examples.by_element` takes them. Points are drawn
            beneath the generated ones, and values without bounds are shown in the range
            that these have.
        class_names: one for each class; None takes numbers.
    """
    rows, painters = examples.by_element(model, real), {}
    classes, elements = model.num_classes, model.elements

    def painter(title):
        # A title that is no output may be one of the elements, shown as it is.
        name = model.outputs.get(title, title)
        if title not in painters:
            known = elements.get(name)
            pixels = None if known is None else known.pixels
            painters[title] = _Painter(pixels, rows.get(name), class_names, classes)
        return painters[title]

    def draw(samples, labels):
        if len(samples) == 1:
            ((title, one),) = samples.items()
            return painter(title).draw(one, labels)
        shown = {title: painter(title).images(one) for title, one in samples.items()}
        found = {title: one for title, one in shown.items() if one is not None}
        drawn = columns(found) if found else {}
        for title in shown.keys() - found.keys():
            drawn[title] = painter(title).draw(samples[title])
        return hstack(*((title.replace("_", " "), drawn[title]) for title in shown))

    if model.inputs or len(model.outputs) != 1:
        return Drawing(_EXAMPLES, draw, classes)
    (name,) = model.outputs.values()
    points = _is_point(elements[name].shape)
    return Drawing(_POINTS if points else _count(classes), draw, classes)


def _is_point(shape):
    return math.prod(side or 2 for side in shape) == 1 or (
        len(shape) == 1 and shape[0] <= 3
    )


class _Painter:
    """Draws samples of one kind.

    Args:
        pixels: range of their values, None if they have no bounds.
        real: real examples, or None.
        class_names: one for each class; None takes numbers.
        classes: number of classes, or None.
    """

    def __init__(self, pixels, real, class_names, classes):
        self._value_range = None if pixels is None else (pixels.low, pixels.high)
        self._limits = self._value_range
        if pixels is None and real is not None and real.dtype.kind == "f":
            self._limits = _limits(real[:_REAL_POINTS])
        self._real = real
        self._class_names = class_names
        self._classes = classes

    @functools.cached_property
    def _plane(self):
        return Scatter(self._real)

    def images(self, samples) -> tuple[np.ndarray, list[str]] | None:
        """Returns a picture of each sample, uint8 [N, H, W, C], and notes on them.

        None for points, which are drawn together.
        """
        if _is_point(samples.shape[1:]):
            return None
        samples, notes = _flat(samples)
        if _is_series(samples.shape[1:]):
            values = _values(samples, self._value_range)
            images, more = _curves(values, self._limits)
        else:
            images, more = _visible(samples, self._limits)
        return images, notes + more

    def draw(self, samples, labels=None) -> Image.Image:
        """Returns a picture of samples."""
        pictures = self.images(samples)
        if pictures is None:
            values = _values(samples, self._value_range)
            if math.prod(samples.shape[1:]) == 1:
                return histogram(values, self._real)
            return self._plane.draw(values)
        images, notes = pictures
        words = None
        if labels is not None:
            names = captions(self._class_names, self._classes)
            words = [names[label] for label in labels]
            shown = len(set(labels.tolist()))
            if shown < self._classes:
                notes.append(f"{shown:,} of {self._classes:,} classes")
        return grid(images, captions=words, note=", ".join(notes))


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
    glyphs = FT2Font(str(FONT))

    def writable(name):
        return name.strip() and all(glyphs.get_char_index(ord(c)) for c in name)

    names = names or [""] * classes
    return [name if writable(name) else str(i) for i, name in enumerate(names)]


def _values(samples, value_range):
    """Returns samples in the model's own units, as floats."""
    if samples.dtype != np.uint8 or value_range is None:
        return samples
    return PixelRange(*value_range).to_float(samples)


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
