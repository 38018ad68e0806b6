"""Features that tell of the variance to come, on the log scale on which it is nearly linear, and returns in its units.

Functions of `quant.window.Window` like those of `quant.features`, which lists them among the others. Volatility
forecasts made of them belong to `stock_assets.learning`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from quant.bars import Floats
from quant.window import MEMORIES, Series, Window, mean

# One basis point a session, squared: far below any variance that trades, and it keeps the log of a still price finite.
FLOOR: Final = 1e-8
LOG_VARIANCE_SPANS: Final = (1, 5, 22, 66, 251)
ROGERS_SATCHELL_SPANS: Final = (1, 5, 22)
TAIL_SPANS: Final = (22, 66, 251)
SCALED_RETURN_SPANS: Final = (1, 2, 5, 10, 22, 66, 125, 251)
EWMA_DECAYS: Final = MEMORIES
RISKMETRICS: Final = EWMA_DECAYS.index(94)
# Earnings come once a quarter, about 63 sessions apart, give or take two.
QUARTERS: Final = (63, 126, 189)
SLACK: Final = 2
ECHO_HORIZONS: Final = (1, 5)
# Returns in a window.
YEAR: Final = 251
# Each horizon's sessions ahead, with the slack on either side, as they were so many quarters ago: places of returns.
ECHOES: Final = tuple(
    YEAR - np.array(QUARTERS)[:, None] + np.arange(-SLACK, horizon + SLACK) for horizon in ECHO_HORIZONS
)
# What stands for three quarters, and for one, is held against as many times the mean.
ECHO_UNITS: Final = np.array([len(QUARTERS), 1.0, len(QUARTERS), 1.0, 1.0])[:, None]
NERVOUS: Final = [SCALED_RETURN_SPANS.index(1), SCALED_RETURN_SPANS.index(5)]
ROOTS: Final = np.sqrt(np.array(SCALED_RETURN_SPANS, dtype=np.float64))[:, None]


def _log_variances(w: Window) -> Floats:
    """Logs of mean range variances per session, and how heavy their tails are over the longer spans.

    The spans of Corsi's (2009) heterogeneous autoregression, with a quarter and a year. The tail is the log of the root
    mean square of the range variance over its mean: 0 for equal days, larger where few days make the variance.
    """
    logs = np.log(w.means(Series.RANGE_VARIANCE, LOG_VARIANCE_SPANS) + FLOOR)
    squares = w.means(Series.RANGE_VARIANCE_SQUARED, TAIL_SPANS)
    tails = 0.5 * np.log(squares + FLOOR * FLOOR) - logs[-len(TAIL_SPANS) :]
    return np.concatenate([logs, tails])


def _rogers_satchell(w: Window) -> Floats:
    """Logs of Rogers & Satchell's (1991) variance within sessions, which a trend does not inflate."""
    # A vendor's rounding can leave the estimate a hair below zero on a dead market.
    logs: Floats = np.log(np.maximum(w.means(Series.ROGERS_SATCHELL, ROGERS_SATCHELL_SPANS), 0.0) + FLOOR)
    return logs


def _quarterly(w: Window) -> Floats:
    """How a quarter ago echoes in the sessions ahead: log squared returns there, relative to the year's mean.

    For each of `ECHO_HORIZONS`: the mean over the same sessions one to three quarters ago, and the largest one quarter
    ago. Then the largest of the last two months: whoever has just reported does not report again.
    """
    year = w.mean(Series.RETURN_SQUARED, YEAR) + FLOOR
    squares, values = w.returns_squared, []
    for places in ECHOES:
        ahead = squares.take(places, axis=1)
        one, two, three = mean(ahead).T
        values += [one + two + three, np.maximum.reduce(ahead[:, 0], axis=-1)]
    values.append(np.maximum.reduce(squares[:, -42:], axis=-1))
    logs: Floats = np.log(np.array(values) / (ECHO_UNITS * year) + 0.3)
    return logs


def _activity(w: Window) -> Floats:
    """Log volume of the newest session and of the last five, less its mean over 66."""
    activity: Floats = w.means(Series.LOG_VOLUME, (1, 5)) - w.mean(Series.LOG_VOLUME, 66)
    return activity


def _variances(w: Window) -> Sequence[Floats]:
    """Exponentially weighted mean squared log returns, per session: a bank of memories; then RiskMetrics' as a log."""
    riskmetrics, year = np.log(np.array([w.memories[RISKMETRICS], w.mean(Series.RETURN_SQUARED, YEAR)]) + FLOOR)
    return [*w.memories, riskmetrics, riskmetrics - year]


def _scaled_returns(w: Window) -> Floats:
    """Log returns over each span in units of their own volatility over 66 sessions; 0 for a still price.

    The shortest and the week's once more times the log of recent over the year's variance (held to [-2, 3]): returns
    revert more when the market is nervous (Nagel 2012). Then the fall from the highest close of the window, and from
    the highest and the lowest of the month, in volatilities of so many sessions.
    """
    year = w.mean(Series.RETURN_SQUARED, YEAR) + FLOOR
    unit = np.sqrt(w.mean(Series.RETURN_SQUARED, 66) + FLOOR)
    scaled = w.means(Series.RETURN, SCALED_RETURN_SPANS) * ROOTS / unit
    nervous = np.minimum(np.maximum(np.log((w.memories[RISKMETRICS] + FLOOR) / year), -2.0), 3.0)
    month = w.close[:, -22:]
    turns = [
        np.maximum.reduce(w.close, axis=-1),
        np.maximum.reduce(month, axis=-1),
        np.minimum.reduce(month, axis=-1),
    ]
    distances = np.log(w.close[:, -1] / np.array(turns))
    month_unit = np.sqrt(year * 22.0)
    distances /= np.array([unit * ROOTS[-1], month_unit, month_unit])
    return np.concatenate([scaled, scaled[NERVOUS] * nervous, distances])


GROUPS: Final[tuple[tuple[Callable[[Window], Floats | Sequence[Floats]], tuple[str, ...]], ...]] = (
    (
        _log_variances,
        (
            *(f"log_variance_{span}" for span in LOG_VARIANCE_SPANS),
            *(f"variance_tail_{span}" for span in TAIL_SPANS),
        ),
    ),
    (_rogers_satchell, tuple(f"log_rogers_satchell_{span}" for span in ROGERS_SATCHELL_SPANS)),
    (
        _quarterly,
        (
            *(f"{kind}_{horizon}" for horizon in ECHO_HORIZONS for kind in ("quarter_echo", "quarter_jump")),
            "recent_jump",
        ),
    ),
    (_activity, ("log_volume_1", "log_volume_5")),
    (_variances, (*(f"ewma_variance_{percent}" for percent in EWMA_DECAYS), "log_ewma_variance", "log_variance_ratio")),
    (
        _scaled_returns,
        (
            *(f"scaled_return_{span}" for span in SCALED_RETURN_SPANS),
            "nervous_return_1",
            "nervous_return_5",
            "scaled_drawdown",
            "scaled_fall_22",
            "scaled_rise_22",
        ),
    ),
)
