"""What all pictures have in common: the empty figure, its words and ticks, the colours.

Nothing belongs here that knows what is drawn. Figures are objects of their own, without pyplot's state, so that nothing
is left open; small ones, because drawing a picture costs as much as many fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from quant.bars import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMALL: Final = 8  # points
BLUE, ORANGE, GREY, FAINT = "#2563eb", "#d97706", "#6b7280", "#e5e7eb"
COLOURS: Final = (BLUE, ORANGE, "#16a34a", "#7c3aed")
# Drawn points of a line: a picture has no more columns of pixels.
POINTS: Final = 600


def blank(title: str, *, width: float, height: float) -> Figure:
    """A figure of so many inches with nothing but a title."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100)
    FigureCanvasAgg(figure)
    figure.text(0.1 / width, 1.0 - 0.1 / height, title, fontsize=10, fontweight="bold", va="top")
    return figure


def dressed(axes: Axes, *, x: str = "", y: str = "") -> None:
    """Small words, and no frame where nothing is read off."""
    axes.set_xlabel(x, fontsize=SMALL)
    axes.set_ylabel(y, fontsize=SMALL)
    axes.tick_params(labelsize=SMALL, length=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def legend(axes: Axes, *, columns: int) -> None:
    """Above the axes, where it hides nothing."""
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=columns, frameon=False, fontsize=SMALL)


def thinned(days: Any, values: Floats) -> tuple[Any, Floats]:
    """As many points as can be told apart, among them the least and the last."""
    step = max(len(values) // POINTS, 1)
    if step == 1 or not np.isfinite(values).any():
        return days, values
    rows = np.unique(
        [*range(0, len(values), step), int(np.nanargmin(values)), int(np.nanargmax(values)), len(values) - 1]
    )
    return days[rows], values[rows]


def years(axes: Axes) -> None:
    """Few ticks at round dates, each said as short as can be."""
    from matplotlib import dates

    # matplotlib's dates are untyped.
    words: Any = dates
    locator = words.AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(words.ConciseDateFormatter(locator))
    axes.xaxis.get_offset_text().set_fontsize(SMALL)
    axes.margins(x=0.01)


def plain_log_ticks(axes: Axes) -> None:
    """A handful of ticks at round figures, written as plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(
        LogLocator(subs=(1.0, 2.0, 5.0) if high > 8.0 * low else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
    )
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def percent(value: float, _: object) -> str:
    """A tick's label, not to the whole percent: it may stand at halves."""
    return f"{100.0 * value:.3g}%"
