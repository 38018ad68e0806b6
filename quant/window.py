"""Many windows at once as columns, and the few sums that features are made of; one window gives the same bits as many.

Operands are C-contiguous, reductions run along the last axis only, and no BLAS product (whose order of summation
depends on the shape) is used. What is made of them belongs to `quant.features` and `quant.variance_features`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from quant.bars import CLOSE, HIGH, LOW, OPEN, VOLUME, Floats, Sessions


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The columns of n windows, each (n, W) and C-contiguous; `log_return` and `change` are (n, W - 1)."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    log_return: Floats
    change: Floats
    sessions: Sessions


def window_of(bars: Floats, sessions: Sessions) -> Window:
    """The columns of adjusted windows (n, W, 5) that end at `sessions`."""
    opened, high, low, close, volume = (np.ascontiguousarray(bars[:, :, k]) for k in (OPEN, HIGH, LOW, CLOSE, VOLUME))
    return Window(
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        log_return=np.log(close[:, 1:] / close[:, :-1]),
        change=close[:, 1:] - close[:, :-1],
        sessions=sessions,
    )


def tail(values: Floats, span: int) -> Floats:
    """The newest `span` columns."""
    return np.ascontiguousarray(values[:, -span:])


def mean(values: Floats) -> Floats:
    """Row means: `ndarray.mean` without its checks, which cost more than the sum of one window."""
    total: Floats = np.add.reduce(values, axis=-1)
    mean: Floats = total / values.shape[-1]
    return mean


def ratio(numerator: Floats, denominator: Floats, *, otherwise: float) -> Floats:
    """Quotient, or `otherwise` where the denominator is 0."""
    quotient = np.full(numerator.shape, otherwise)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
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


def weighted(values: Floats, weights: Floats) -> Floats:
    """Row sums of values times weights, without BLAS."""
    total: Floats = np.add.reduce(values * weights, axis=-1)
    return total
