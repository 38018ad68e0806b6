"""The pictures that are logged with a run, each with the baseline that it has to be read against.

How well probabilities and intervals keep their word, what trading the signals made, what the models lean on.

Only drawing belongs here; what pictures have in common, the portfolio's too, is in `drawing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from quant.bars import Floats, Sessions
from quant.forecast import COVERAGE
from quant.intervals import rolling_coverage
from quant.probability import reliability
from stock_assets.drawing import (
    BLUE,
    COLOURS,
    FAINT,
    GREY,
    ORANGE,
    SMALL,
    blank,
    dressed,
    legend,
    percent,
    plain_log_ticks,
    thinned,
    years,
)
from stock_assets.learning.candidates import Part
from stock_assets.learning.importance import Importance
from stock_assets.learning.scores import column

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

QUARTER: Final = 63
# Of equally many sessions each: with more, what is seen is noise.
BINS: Final = 8
SHOWN: Final = 10
# A normal distribution's middle 95 %, in standard errors.
SURE: Final = 1.96
PARTS: Final = {
    Part.EDGE: ("Expected return", "squared error"),
    Part.VARIANCE: ("Variance", "QLIKE"),
}


def reliability_figure(ticker: str, forecasts: Mapping[int, pd.DataFrame]) -> Figure:
    """How often the price rose where a probability was said, by horizon, beside a perfect word and the base rate.

    Parameters
    ----------
    ticker : str
    forecasts : mapping of DataFrame
        By horizon, one model's `oos_predictions` with known outcomes: `p_up`, `realised`.
    """
    width = 3.5 * len(forecasts) + 0.2
    figure = blank(f"{ticker}: does it rise as often as it is said to?", width=width, height=4.1)
    for place, (horizon, table) in enumerate(forecasts.items()):
        left, across = (0.62 + 3.5 * place) / width, 2.75 / width
        above, below = figure.add_axes((left, 0.29, across, 0.5)), figure.add_axes((left, 0.115, across, 0.14))
        p_up, up = column(table, "p_up"), (column(table, "realised") > 0).astype(np.float64)
        _reliability(above, up, p_up, horizon=horizon)
        below.hist(p_up, bins=30, range=above.get_xlim(), color=BLUE)
        below.set_xlim(above.get_xlim())
        dressed(above, y="share that rose")
        dressed(below, x=f"P(up) said {_ahead(horizon)}, {len(up):,} times", y="times")
        above.tick_params(labelbottom=False)
        for axis in (above.yaxis, below.xaxis):
            axis.set_major_formatter(percent)
    return figure


def _reliability(axes: Axes, up: Floats, p_up: Floats, *, horizon: int) -> None:
    """The points with their errors; outcomes that overlap count as one."""
    points, base = reliability(up, p_up, bins=BINS), float(up.mean())
    error = SURE * np.sqrt(points.predicted * (1.0 - points.predicted) * horizon / points.count)
    low = min(float(p_up.min()), float((points.observed - error).min()), base) - 0.01
    high = max(float(p_up.max()), float((points.observed + error).max()), base) + 0.01
    axes.plot([low, high], [low, high], color=GREY, linewidth=1, label="as said")
    axes.axhline(base, color=ORANGE, linewidth=1, linestyle="--", label=f"base rate, {base:.1%}")
    came = f"came, in {len(points.count)} parts, \u00b1 95 %"
    axes.errorbar(points.predicted, points.observed, error, fmt="o", ms=4, color=BLUE, elinewidth=1, label=came)
    axes.set_xlim(max(low, 0.0), min(high, 1.0))
    axes.set_ylim(max(low, 0.0), min(high, 1.0))
    legend(axes, columns=1)


def coverage_figure(ticker: str, forecasts: Mapping[int, pd.DataFrame]) -> Figure:
    """Share of the last 63 outcomes inside the 90 % interval, by horizon, over time.

    Parameters
    ----------
    ticker : str
    forecasts : mapping of DataFrame
        As for `reliability_figure`: `target_date`, `lower_90`, `upper_90`, `realised`, in the order of time.
    """
    figure = blank(f"{ticker}: do 90 % intervals hold 90 %?", width=7.2, height=3.3)
    axes = figure.add_axes((0.09, 0.09, 0.89, 0.63))
    error = SURE * (COVERAGE * (1.0 - COVERAGE) / QUARTER) ** 0.5
    axes.axhspan(COVERAGE - error, COVERAGE + error, color=FAINT, label="95 % of perfect ones, 1 session ahead")
    axes.axhline(COVERAGE, color=GREY, linewidth=1, linestyle="--", label=f"promised: {COVERAGE:.0%}")
    for (horizon, table), colour in zip(forecasts.items(), COLOURS, strict=False):
        realised, lower, upper = (column(table, name) for name in ("realised", "lower_90", "upper_90"))
        share = rolling_coverage(realised, lower, upper, window=min(QUARTER, len(realised)))
        over_all = float(np.mean((realised >= lower) & (realised <= upper)))
        days, drawn = thinned(table["target_date"].to_numpy()[-len(share) :], share)
        label = f"{_ahead(horizon)}: {over_all:.1%}, at worst {share.min():.1%}"
        axes.plot(days, drawn, color=colour, linewidth=1.2, label=label)
    axes.yaxis.set_major_formatter(percent)
    years(axes)
    dressed(axes, y="held, of the last 63")
    legend(axes, columns=2)
    return figure


def equity_figure(ticker: str, session: Sessions, *, signals: Floats, buy_and_hold: Floats, cost_bp: float) -> Figure:
    """What 1 became by trading the signals, net of costs, and by buying once and holding; on a logarithmic scale.

    Parameters
    ----------
    ticker : str
    session : (n,) datetime64[D]
    signals, buy_and_hold : (n,) float64
        Equity at each session's close, starting from 1. From 0 on, where a book was ruined, nothing is drawn.
    cost_bp : float
        Costs and slippage, basis points of what is traded, a side.
    """
    title = f"{ticker}: the signals traded out of sample, after costs of {cost_bp:g} bp a side"
    figure = blank(title, width=7.2, height=3.1)
    axes = figure.add_axes((0.09, 0.095, 0.89, 0.68))
    axes.axhline(1.0, color=FAINT, linewidth=1)
    books = (("buy and hold", buy_and_hold, ORANGE, "--"), ("signals", signals, BLUE, "-"))
    for name, equity, colour, style in books:
        days, drawn = thinned(session, np.where(equity > 0, equity, np.nan))
        axes.plot(days, drawn, style, color=colour, linewidth=1.2, label=f"{name}: 1 became {equity[-1]:.2f}")
    axes.set_yscale("log")
    plain_log_ticks(axes)
    years(axes)
    dressed(axes, y="equity, log scale")
    legend(axes, columns=2)
    return figure


def importance_figure(ticker: str, told: Mapping[Part, Importance]) -> Figure:
    """By how much each part's loss grows without a feature, for those that matter most, with 95 % error bars.

    Parameters
    ----------
    ticker : str
    told : mapping of Importance
        By part, as `learning.importance.importance` returns it.
    """
    sessions = max(given.sessions for given in told.values())
    title = f"{ticker}: what losing a feature costs, on {sessions} sessions not seen in training"
    figure = blank(title, width=7.6, height=3.3)
    for place, (part, given) in enumerate(told.items()):
        axes = figure.add_axes((0.19 + 0.5 * place, 0.135, 0.29, 0.66))
        most = np.argsort(given.increase)[-SHOWN:]
        increase, error, rows = 1e3 * given.increase[most], SURE * 1e3 * given.error[most], np.arange(len(most))
        axes.barh(rows, increase, xerr=error, color=BLUE, ecolor=GREY, height=0.65, error_kw={"elinewidth": 1})
        axes.axvline(0.0, color=GREY, linewidth=1)
        what, loss = PARTS[part]
        dressed(axes, x=f"{loss} added, thousandths, \u00b1 95 %")
        axes.set_yticks(rows, [given.feature[k] for k in most])
        axes.set_title(what, fontsize=SMALL, loc="left")
    return figure


def _ahead(horizon: int) -> str:
    return "1 session ahead" if horizon == 1 else f"{horizon} sessions ahead"
