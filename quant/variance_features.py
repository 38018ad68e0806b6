"""Features that tell of the variance to come, on the log scale on which it is nearly linear, and returns in its units.

Functions of `quant.window.Window` like those of `quant.features`, which lists them among the others. Volatility
forecasts made of them belong to `stock_assets.learning`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from quant.bars import Floats
from quant.window import Window, decaying, mean, tail, weighted

# One basis point a session, squared: far below any variance that trades, and it keeps the log of a still price finite.
FLOOR: Final = 1e-8
LOG_VARIANCE_SPANS: Final = (1, 5, 22, 66, 251)
ROGERS_SATCHELL_SPANS: Final = (1, 5, 22)
TAIL_SPANS: Final = (22, 66, 251)
SCALED_RETURN_SPANS: Final = (1, 2, 5, 10, 22, 66, 125, 251)
# In hundredths; with RiskMetrics' 94 a bank from four sessions' memory to half a year's.
EWMA_DECAYS: Final = (75, 85, 94, 97, 99)
# Earnings come once a quarter, about 63 sessions apart, give or take two.
QUARTERS: Final = (63, 126, 189)
SLACK: Final = 2
ECHO_HORIZONS: Final = (1, 5)


def range_variance(w: Window) -> Floats:
    """Variance of each session but the window's first, (n, W - 1): Parkinson's (1980) and the squared gap before it."""
    within = np.log(w.high[:, 1:] / w.low[:, 1:])
    gap = np.log(w.open[:, 1:] / w.close[:, :-1])
    variance: Floats = within * within / (4.0 * np.log(2.0)) + gap * gap
    return variance


def _log_variances(w: Window) -> Iterator[Floats]:
    """Logs of mean range variances per session, and how heavy their tails are over the longer spans.

    The spans of Corsi's (2009) heterogeneous autoregression, with a quarter and a year. The tail is the log of the root
    mean square of the range variance over its mean: 0 for equal days, larger where few days make the variance.
    """
    variance = range_variance(w)
    logs = {span: np.log(mean(tail(variance, span)) + FLOOR) for span in LOG_VARIANCE_SPANS}
    yield from logs.values()
    square = variance * variance
    for span in TAIL_SPANS:
        yield 0.5 * np.log(mean(tail(square, span)) + FLOOR * FLOOR) - logs[span]


def _rogers_satchell(w: Window) -> Iterator[Floats]:
    """Logs of Rogers & Satchell's (1991) variance within sessions, which a trend does not inflate."""
    longest = ROGERS_SATCHELL_SPANS[-1]
    high, low, opened, close = (tail(values, longest) for values in (w.high, w.low, w.open, w.close))
    variance = np.log(high / close) * np.log(high / opened) + np.log(low / close) * np.log(low / opened)
    for span in ROGERS_SATCHELL_SPANS:
        # A vendor's rounding can leave the estimate a hair below zero on a dead market.
        yield np.log(np.maximum(mean(tail(variance, span)), 0.0) + FLOOR)


def _quarterly(w: Window) -> Iterator[Floats]:
    """How a quarter ago echoes in the sessions ahead: log squared returns there, relative to the year's mean.

    For each of `ECHO_HORIZONS`: the mean over the same sessions one to three quarters ago, and the largest one quarter
    ago. Then the largest of the last two months: whoever has just reported does not report again.
    """
    square = w.log_return * w.log_return
    year = mean(square) + FLOOR
    for horizon in ECHO_HORIZONS:
        total = np.zeros(len(square))
        for quarter in QUARTERS:
            total = total + mean(_ahead_of(square, quarter, horizon=horizon))
        yield np.log(total / (len(QUARTERS) * year) + 0.3)
        yield np.log(_ahead_of(square, QUARTERS[0], horizon=horizon).max(axis=-1) / year + 0.3)
    yield np.log(tail(square, 42).max(axis=-1) / year + 0.3)


def _ahead_of(values: Floats, ago: int, *, horizon: int) -> Floats:
    """What the next `horizon` sessions were like `ago` sessions earlier, with some slack on either side."""
    newest = values.shape[1] - 1
    return np.ascontiguousarray(values[:, newest + 1 - ago - SLACK : newest + horizon - ago + SLACK + 1])


def _activity(w: Window) -> Iterator[Floats]:
    """Log volume of the newest session and of the last five, less its mean over 66."""
    volume = np.log1p(tail(w.volume, 66))
    usual = mean(volume)
    yield volume[:, -1] - usual
    yield mean(tail(volume, 5)) - usual


def _variances(w: Window) -> Iterator[Floats]:
    """Exponentially weighted mean squared log returns, per session: a bank of memories; then RiskMetrics' as a log."""
    square = w.log_return * w.log_return
    for percent in EWMA_DECAYS:
        variance = weighted(square, decaying(percent / 100.0, square.shape[1]))
        yield variance
        if percent == 94:
            riskmetrics = np.log(variance + FLOOR)
    yield riskmetrics
    yield riskmetrics - np.log(mean(square) + FLOOR)


def _scaled_returns(w: Window) -> Iterator[Floats]:
    """Log returns over each span in units of their own volatility over 66 sessions; 0 for a still price.

    The shortest and the week's once more times the log of recent over the year's variance (held to [-2, 3]): returns
    revert more when the market is nervous (Nagel 2012). Then the fall from the highest close of the window, and from
    the highest and the lowest of the month, in volatilities of so many sessions.
    """
    square = w.log_return * w.log_return
    unit = np.sqrt(mean(tail(square, 66)) + FLOOR)
    scaled = {span: mean(tail(w.log_return, span)) * np.sqrt(span) / unit for span in SCALED_RETURN_SPANS}
    yield from scaled.values()
    recent = weighted(square, decaying(0.94, square.shape[1]))
    nervous = np.clip(np.log((recent + FLOOR) / (mean(square) + FLOOR)), -2.0, 3.0)
    yield scaled[1] * nervous
    yield scaled[5] * nervous
    yield np.log(w.close[:, -1] / w.close.max(axis=-1)) / (unit * np.sqrt(w.log_return.shape[1]))
    month, year = tail(w.close, 22), np.sqrt((mean(square) + FLOOR) * 22.0)
    yield np.log(w.close[:, -1] / month.max(axis=-1)) / year
    yield np.log(w.close[:, -1] / month.min(axis=-1)) / year


GROUPS: Final[tuple[tuple[Callable[[Window], Iterator[Floats]], tuple[str, ...]], ...]] = (
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
