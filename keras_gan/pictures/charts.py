"""Charts that look the same everywhere, drawn by Matplotlib."""

import contextlib
import io
from collections.abc import Iterator

import matplotlib.style
import numpy as np
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from keras_gan.transparency import over_white

_SCATTER_INCHES = (5.6, 6.0)
_SCATTER_DPI = 100
_REAL_POINTS = 5000
# The last two, which are paler, are of the same numbers on held-out data.
_CURVE_COLORS = ["#2f81f7", "#e07a1f", "#9cc3fb", "#f0bd8c"]
_INK = "#010203"  # stands for the page's own colour of text
_CURVE_INCHES = (4.4, 2.7)
_MOST_MARKED = 30  # points of a curve that are marked
_SVG_STYLE = {
    "axes.edgecolor": _INK,
    "axes.grid": True,
    "axes.labelcolor": _INK,
    "axes.prop_cycle": cycler(color=_CURVE_COLORS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 10.5,
    "grid.alpha": 0.15,
    "grid.color": _INK,
    "legend.frameon": False,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    # Words stay words, and the same chart is the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "keras_gan",
}


@contextlib.contextmanager
def plain_style(changes: dict | None = None) -> Iterator[None]:
    """Draws with Matplotlib's defaults, whatever matplotlibrc or the program has set.

    Figures must be made and saved within it. It also decorates functions.

    Args:
        changes: settings (`rcParams`) that differ from the defaults.
    """
    with matplotlib.style.context(["default", changes or {}]):
        yield


class Scatter:
    """Draws generated points, over real ones if there are any.

    It draws the axes and the real points once. They take ten times as long as the
    generated ones.

    Args:
        real: float [M, D], D at least 2; the first two dimensions are shown. With them
            each picture shows the same part of the plane, of which they fill four
            fifths.

    Example:

    ```python
    import numpy as np
    from keras_gan.pictures.charts import Scatter

    real, points = np.random.default_rng(0).normal(size=(2, 500, 2))
    Scatter(real).draw(points).save("points.png")
    ```
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
    low, high = float(shown.min()), float(shown.max())
    margin = (high - low) / 8 or 1.0
    bins = np.linspace(low - margin, high + margin, 61).tolist()
    figure = Figure(_SCATTER_INCHES, dpi=_SCATTER_DPI, layout="constrained")
    axes = figure.subplots()
    if real is not None:
        axes.hist(shown, bins, density=True, color="0.7", label="real")
    # The outer bins hold what lies beyond them.
    values = values.clip(bins[0], bins[-1])
    axes.hist(
        values,
        bins,
        density=True,
        histtype="step",
        color="tab:blue",
        linewidth=1.5,
        label="generated",
    )
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


def curves(
    series: dict[str, tuple[list, list]],
    landmarks: dict[str, float] | None = None,
    limits: tuple[float, float] | None = None,
    over: str = "epoch",
) -> str:
    """Returns curves as the text of an SVG file that reads on light and dark pages.

    Args:
        series: name of each curve, and its steps or epochs and values.
        landmarks: name and value of lines to compare with.
        limits: lowest and highest value to show; None takes those of the curves.
        over: what the curves run over.
    """
    with plain_style(_SVG_STYLE):
        axes = Figure(_CURVE_INCHES, layout="constrained").subplots()
        for name, (counts, values) in series.items():
            marker = "." if len(counts) <= _MOST_MARKED else None
            axes.plot(counts, values, label=name, marker=marker, linewidth=1.5)
        for name, value in (landmarks or {}).items():
            axes.axhline(value, color=_INK, linewidth=0.8, linestyle="--")
            axes.annotate(
                name,
                (1, value),
                (3, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                verticalalignment="center",
            )
        if limits:
            axes.set_ylim(limits)
        axes.set_xlabel(over)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(series) > 1:
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        return _svg(axes.figure)


def _svg(figure):
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue().replace(_INK, "currentColor")
    ink = "svg{color:#24292f}@media(prefers-color-scheme:dark){svg{color:#c9d1d9}}"
    return text.replace("<defs>", f"<defs><style>{ink}</style>", 1)
