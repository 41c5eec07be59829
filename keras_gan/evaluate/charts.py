"""Small charts as SVG that reads on light and on dark pages."""

import io

from cycler import cycler

from keras_gan.plots import Figure, MaxNLocator, plain_style

_COLORS = ["#2f81f7", "#e07a1f"]
_INK = "#010203"  # stands for the page's own colour of text
_INCHES = (4.4, 2.7)
_MOST_MARKED = 30  # points of a curve that are marked
_STYLE = {
    "axes.edgecolor": _INK,
    "axes.grid": True,
    "axes.labelcolor": _INK,
    "axes.prop_cycle": cycler(color=_COLORS),
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


def curves(
    series: dict[str, tuple[list, list]],
    landmarks: dict[str, float] | None = None,
    limits: tuple[float, float] | None = None,
    over: str = "epoch",
) -> str:
    """Returns curves as the text of an SVG file.

    Args:
        series: name of each curve, and its steps or epochs and values.
        landmarks: name and value of lines to compare with.
        limits: lowest and highest value to show; None takes those of the curves.
        over: what the curves run over.
    """
    with plain_style(_STYLE):
        axes = Figure(_INCHES, layout="constrained").subplots()
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
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        return _svg(axes.figure)


def _svg(figure):
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue().replace(_INK, "currentColor")
    ink = "svg{color:#24292f}@media(prefers-color-scheme:dark){svg{color:#c9d1d9}}"
    return text.replace("<defs>", f"<defs><style>{ink}</style>", 1)
