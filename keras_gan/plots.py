"""Matplotlib for figures that look the same everywhere."""

import contextlib

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

__all__ = ["Figure", "FigureCanvasAgg", "MaxNLocator", "plain_style"]


def plain_style(changes: dict | None = None) -> contextlib.AbstractContextManager:
    """Draws with Matplotlib's defaults, whatever matplotlibrc or the program has set.

    Figures must be made and saved within it. It also decorates functions.

    Args:
        changes: settings (`rcParams`) that differ from the defaults.
    """
    return matplotlib.style.context(["default", changes or {}])
