"""What prices and a vendor's adjusted closes say about splits and dividends, and how loudly.

Measures only. What follows from them is decided in `quant.units` and `quant.actions`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from quant.bars import CLOSE, OPEN, VOLUME, Bars, Floats

# How far around a bar its noise is measured: about a quarter of a year, the bar and its two neighbours left out.
REACH: Final = 31
APART: Final = 1
FEWEST: Final = 3
# A larger move is an event, and counts as this much only: a crash or a unit error must not hide itself.
LARGEST_MOVE: Final = 0.25
# Nothing is quieter than the rounding of a price.
LEAST_NOISE: Final = 2e-3
# Standard deviation of a normal variable by its mean absolute value.
NORMAL: Final = float(np.sqrt(np.pi / 2))
# Student's t: fat tails, so that one wild day speaks no louder than a few ordinary ones.
FREEDOM: Final = 3.0
# What a price cannot do (fall by all it has) counts as this log likelihood.
IMPOSSIBLE: Final = -20.0
FLOAT32: Final = 1.2e-7
MOST_DECIMALS: Final = 8


def steps(bars: Bars, *, field: int = CLOSE) -> Floats:
    """Log step from the close before to `field` on the share count of the close before, (n,); 0 in the first row."""
    step = np.zeros(len(bars))
    step[1:] = np.log(bars.ohlcv[1:, field] * bars.split[1:] / bars.close[:-1])
    return step


def unexplained(bars: Bars) -> Floats:
    """Log step of the close, with the dividend or without it, whichever leaves less, (n,); 0 in the first row.

    A dividend that is itself wrong then explains nothing that needs no explaining.
    """
    plain = steps(bars)
    total = plain.copy()
    total[1:] += np.log1p(bars.dividend[1:] / bars.close[1:])
    return np.where(np.abs(total) < np.abs(plain), total, plain)


def noise(step: Floats) -> Floats:
    """Standard deviation of the steps around each row, (n,), the row and its neighbours left out; inf if unknown."""
    size = np.minimum(np.abs(step), LARGEST_MOVE)
    n = len(size)
    total = np.concatenate([[0.0], np.cumsum(size)])
    row = np.arange(n)

    def within(reach: int) -> tuple[Floats, npt.NDArray[np.intp]]:
        first, end = np.maximum(row - reach, 1), np.minimum(row + reach + 1, n)
        return total[end] - total[first], end - first

    (far, far_count), (near, near_count) = within(REACH), within(APART)
    outside, count = far - near, far_count - near_count
    sigma = NORMAL * outside / np.maximum(count, 1)
    return np.where(count >= FEWEST, np.maximum(sigma, LEAST_NOISE), np.inf)


def log_likelihood(step: Floats, paid: Floats, sigma: Floats) -> Floats:
    """How well a step fits a dividend of `paid`, a share of the previous close; 0 at best.

    References
    ----------
    Student's t with 3 degrees of freedom, without its constant.
    """
    possible = np.minimum(paid, 0.97)
    z = (step - np.log1p(-possible)) / sigma
    value: Floats = -0.5 * (FREEDOM + 1.0) * np.log1p(z * z / FREEDOM)
    return np.where(paid >= 1.0, IMPOSSIBLE, np.maximum(value, IMPOSSIBLE))


def telling(bars: Bars, step: Floats) -> npt.NDArray[np.bool_]:
    """Where a step says something, (n,): the ticker traded, or its price moved all the same."""
    said: npt.NDArray[np.bool_] = (bars.ohlcv[:, VOLUME] > 0) | (step != 0)
    return said


def opening_steps(bars: Bars) -> Floats:
    """Log step from the close before to the open, (n,): what a dividend takes before the day's news comes in."""
    return steps(bars, field=OPEN)


def adjusted_steps(adjusted_close: Floats) -> Floats:
    """Log step of the adjusted closes, (n,); NaN in the first row and where one of the two is not above 0."""
    known = np.isfinite(adjusted_close) & (adjusted_close > 0)
    log = np.full(len(adjusted_close), np.nan)
    log[known] = np.log(adjusted_close[known])
    step = np.full(len(adjusted_close), np.nan)
    step[1:] = np.diff(log)
    return step


def rounding(adjusted_close: Floats) -> Floats:
    """How far rounding alone can move each log step of the adjusted closes, (n,); inf in the first row.

    Half a unit of the last digit in each of the two; the digit is the last one that any of them uses. Single
    precision, in which many vendors keep their figures, sets the least.
    """
    known = np.where(np.isfinite(adjusted_close) & (adjusted_close > 0), adjusted_close, np.nan)
    half = 0.5 * 10.0 ** -_decimals(known[np.isfinite(known)])
    share = half / known + FLOAT32
    bound = np.full(len(known), np.inf)
    bound[1:] = share[1:] + share[:-1]
    return bound


def _decimals(values: Floats) -> int:
    """The fewest decimals that write all the values, as far as single precision can tell."""
    for decimals in range(MOST_DECIMALS):
        scaled = values * 10.0**decimals
        blur = scaled * FLOAT32 + 1e-6
        if np.all((np.abs(scaled - np.rint(scaled)) <= blur) | (blur > 0.1)):
            return decimals
    return MOST_DECIMALS
