"""Many windows at once as columns, and the sums that features are made of; one window gives the same bits as many.

Sums run along the last axis of C-contiguous rows only, one row at a time, and no BLAS product (whose order of summation
depends on the shape) is used: a row's sum is the same whatever lies beside it. One window costs what NumPy takes to be
called, not what it computes. So the sums of all series over a span are one call, made once, and features share them.
What is made of them belongs to `quant.features` and `quant.variance_features`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from quant.bars import CLOSE, HIGH, LOW, OPEN, VOLUME, Floats, Sessions


class Series(enum.IntEnum):
    """What means are taken of, ordered so that those that are wanted over the same span lie side by side.

    Variances are per session. Rogers & Satchell's (1991) and Garman & Klass' (1980) are within it, from which a trend
    or a gap is missing; the range variance is Parkinson's (1980) and the squared gap before it.
    """

    CLOSE = 0
    ROGERS_SATCHELL = 1
    RANGE_VARIANCE_SQUARED = 2
    RANGE_VARIANCE = 3
    LOG_VOLUME = 4
    RETURN = 5
    RETURN_SQUARED = 6
    RANGE_SQUARED = 7
    GARMAN_KLASS = 8
    LOSS_SQUARED = 9


# Of which series (the first and the last) the mean over a span is wanted; what lies between comes for nothing.
MEANS: Final = {
    1: (Series.ROGERS_SATCHELL, Series.RETURN),
    2: (Series.RETURN, Series.RETURN),
    5: (Series.CLOSE, Series.RETURN_SQUARED),
    10: (Series.CLOSE, Series.RETURN),
    20: (Series.CLOSE, Series.CLOSE),
    21: (Series.RETURN_SQUARED, Series.LOSS_SQUARED),
    22: (Series.ROGERS_SATCHELL, Series.RETURN),
    50: (Series.CLOSE, Series.CLOSE),
    63: (Series.LOG_VOLUME, Series.LOSS_SQUARED),
    66: (Series.RANGE_VARIANCE_SQUARED, Series.RETURN_SQUARED),
    125: (Series.RETURN, Series.RETURN),
    126: (Series.RETURN_SQUARED, Series.RETURN_SQUARED),
    200: (Series.CLOSE, Series.CLOSE),
    251: (Series.RANGE_VARIANCE_SQUARED, Series.RETURN_SQUARED),
}
# Where in `Window.averages` a span's first series stands, and what all sums are divided by there.
FIRST: Final = dict(
    zip(MEANS, np.cumsum([0, *(last + 1 - first for first, last in MEANS.values())]).tolist(), strict=False)
)
DIVISORS: Final = np.concatenate([np.full((last + 1 - first, 1), span) for span, (first, last) in MEANS.items()]) * 1.0
# In hundredths; with RiskMetrics' (1996) 94 a bank from four sessions' memory to half a year's.
MEMORIES: Final = (75, 85, 94, 97, 99)
DECAYS: Final = tuple(percent / 100.0 for percent in MEMORIES)
# As far back as the shorter of them are looked at.
ROGERS_SATCHELL_SPAN: Final = 22
RANGE_SPAN: Final = 63
VOLUME_SPAN: Final = 66


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The columns of n windows, each (n, W) and C-contiguous, and what more than one feature asks of them.

    Attributes
    ----------
    open, high, low, close, volume : (n, W) float64
    change : (n, W - 1) float64
        Of the close over each session.
    series : (len(Series), n, W) float64
        Each right-aligned; 0 where it doesn't reach.
    averages : (len(DIVISORS), n) float64
        Means of the series that `MEANS` names, span by span.
    memories : (len(MEMORIES), n) float64
        Exponentially weighted means of squared returns, by the decays of `MEMORIES`.
    sessions : (n,) datetime64[D]
        Of each window's last bar.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    change: Floats
    series: Floats
    averages: Floats
    memories: Floats
    sessions: Sessions

    @property
    def log_return(self) -> Floats:
        """Log returns, (n, W - 1)."""
        return self.series[Series.RETURN, :, 1:]

    @property
    def returns_squared(self) -> Floats:
        """Squared log returns, (n, W - 1)."""
        return self.series[Series.RETURN_SQUARED, :, 1:]

    def newest(self, series: Series, span: int) -> Floats:
        """The newest `span` values of a series."""
        return self.series[series, :, -span:]

    def mean(self, series: Series, span: int) -> Floats:
        """Means (n,) of the newest `span` values of a series."""
        mean: Floats = self.averages[FIRST[span] + series - MEANS[span][0]]
        return mean

    def means(self, series: Series, spans: tuple[int, ...]) -> Floats:
        """Means (len(spans), n) of the newest values of a series."""
        means: Floats = self.averages.take(_places(series, spans), axis=0)
        return means


def window_of(bars: Floats, sessions: Sessions) -> Window:
    """The columns of adjusted windows (n, W, 5) that end at `sessions`; W is larger than every span of `MEANS`."""
    columns = np.ascontiguousarray(bars.transpose(2, 0, 1))
    close = columns[CLOSE]
    series = _series(columns)
    return Window(
        open=columns[OPEN],
        high=columns[HIGH],
        low=columns[LOW],
        close=close,
        volume=columns[VOLUME],
        change=close[:, 1:] - close[:, :-1],
        series=series,
        averages=_averages(series),
        memories=weighted(series[Series.RETURN_SQUARED, :, 1:], bank(DECAYS, bars.shape[1] - 1)),
        sessions=sessions,
    )


def _series(columns: Floats) -> Floats:
    """Every series of windows given as columns (5, n, W)."""
    _, n, length = columns.shape
    opened, high, low, close, volume = columns
    series = np.zeros((len(Series), n, length))
    series[Series.CLOSE] = close

    ratios = np.empty((3, n, length - 1))
    np.divide(close[:, 1:], close[:, :-1], out=ratios[0])
    np.divide(high[:, 1:], low[:, 1:], out=ratios[1])
    np.divide(opened[:, 1:], close[:, :-1], out=ratios[2])
    log_return, log_range, gap = np.log(ratios)
    range_squared = log_range * log_range
    variance = range_squared / (4.0 * np.log(2.0)) + gap * gap
    series[Series.RETURN, :, 1:] = log_return
    np.multiply(log_return, log_return, out=series[Series.RETURN_SQUARED, :, 1:])
    series[Series.RANGE_VARIANCE, :, 1:] = variance
    np.multiply(variance, variance, out=series[Series.RANGE_VARIANCE_SQUARED, :, 1:])

    recent = tail(range_squared, RANGE_SPAN)
    within = np.log(tail(close, RANGE_SPAN) / tail(opened, RANGE_SPAN))
    loss = np.minimum(tail(log_return, RANGE_SPAN), 0.0)
    series[Series.RANGE_SQUARED, :, -RANGE_SPAN:] = recent
    series[Series.GARMAN_KLASS, :, -RANGE_SPAN:] = 0.5 * recent - (2.0 * np.log(2.0) - 1.0) * (within * within)
    np.multiply(loss, loss, out=series[Series.LOSS_SQUARED, :, -RANGE_SPAN:])

    extremes = columns[HIGH : LOW + 1, :, -ROGERS_SATCHELL_SPAN:]
    ends = columns[OPEN :: CLOSE - OPEN, :, -ROGERS_SATCHELL_SPAN:]
    reach = np.log(extremes[:, None] / ends[None])
    upward, downward = reach[:, 0] * reach[:, 1]
    np.add(upward, downward, out=series[Series.ROGERS_SATCHELL, :, -ROGERS_SATCHELL_SPAN:])

    series[Series.LOG_VOLUME, :, -VOLUME_SPAN:] = np.log1p(tail(volume, VOLUME_SPAN))
    return series


def _averages(series: Floats) -> Floats:
    sums = np.empty((len(DIVISORS), series.shape[1]))
    for span, (first, last) in MEANS.items():
        place = FIRST[span]
        np.add.reduce(series[first : last + 1, :, -span:], axis=-1, out=sums[place : place + last + 1 - first])
    sums /= DIVISORS
    return sums


@cache
def _places(series: Series, spans: tuple[int, ...]) -> npt.NDArray[np.intp]:
    return np.array([FIRST[span] + series - MEANS[span][0] for span in spans])


def tail(values: Floats, span: int) -> Floats:
    """The newest `span` columns."""
    return np.ascontiguousarray(values[:, -span:])


def mean(values: Floats) -> Floats:
    """Row means: `ndarray.mean` without its checks, which cost more than the sum of one window."""
    total: Floats = np.add.reduce(values, axis=-1)
    mean: Floats = total / values.shape[-1]
    return mean


def ratio(numerator: Floats, denominator: Floats, *, otherwise: float | Floats) -> Floats:
    """Quotient, or `otherwise` where the denominator is 0."""
    divides = denominator != 0
    if np.logical_and.reduce(divides, axis=None):
        return numerator / denominator
    quotient = np.empty(numerator.shape)
    quotient[...] = otherwise
    np.divide(numerator, denominator, out=quotient, where=divides)
    return quotient


def without_rounding(deviation: Floats, scale: Floats) -> Floats:
    """Deviations, with 0 for the few ulps of `scale` that the rounded mean of equal values leaves; NaN stays NaN."""
    return np.where(deviation <= 1e-12 * scale, 0.0, deviation)


@cache
def decaying(decay: float, length: int) -> Floats:
    """Weights (length,) that sum to one and fall by `decay` for each step into the past; the last one is newest."""
    weights = decay ** np.arange(length - 1, -1, -1, dtype=np.float64)
    weights /= weights.sum()
    weights.flags.writeable = False
    return weights


@cache
def bank(decays: tuple[float, ...], length: int) -> Floats:
    """Decaying weights (len(decays), 1, length), to weigh windows (n, length) by each of them at once."""
    weights = np.stack([decaying(decay, length) for decay in decays])[:, None]
    weights.flags.writeable = False
    return weights


def weighted(values: Floats, weights: Floats) -> Floats:
    """Row sums of values times weights, without BLAS."""
    total: Floats = np.add.reduce(values * weights, axis=-1)
    return total
