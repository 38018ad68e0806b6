"""How likely up: a parametric map from a forecast's mean and volatility, fitted on out-of-sample forecasts.

A return of exactly zero is no gain. How often that comes is a matter of tick sizes, not of the forecast, and changes
with them, so the map is of the sessions that move. How wide is `quant.conformal`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import logit

from quant.bars import Floats
from quant.forecast import expit, up_probability

# Of a normal distribution, P(return > 0) is about expit(1.6 mean / volatility); how far outcomes may move the slope.
NORMAL_SLOPE: Final = 1.6
SLOPE_PRIOR_SD: Final = 0.2
# Moves at even odds that the base rate starts from.
EVEN_ROWS: Final = 250
# Means over volatility beyond this say no more of the direction: the boldest forecasts are the least often right.
LIMIT: Final = 0.15
# Newest rows that say how often a price moves at all, and the prior that it does.
RECENT: Final = 252
MOVED_ROWS: Final = 5


@dataclass(frozen=True, slots=True)
class UpMap:
    """``P(return > 0) = moving * expit(intercept + slope * mean / volatility)``, the ratio held to `LIMIT`."""

    moving: float
    intercept: float
    slope: float

    def __call__(self, ratio: Floats) -> Floats:
        """Probabilities (n,) for means over volatility (n,)."""
        return up_probability(ratio, moving=self.moving, intercept=self.intercept, slope=self.slope, limit=LIMIT)


def fit_up(target: Floats, ratio: Floats, judged: Floats, *, horizon: int) -> UpMap:
    """The map that outcomes speak for: base rate and moving share from all, the slope from the forecasts among them.

    Parameters
    ----------
    target : (n,) float64
        Every outcome that is known, in order.
    ratio, judged : (k,) float64
        Mean over volatility of the forecasts that can be judged, and their outcomes; any number of rows, 0 too.
    horizon : int
        Sessions that an outcome spans: so many overlapping rows count as one.

    Returns
    -------
    UpMap
        The base rate's log odds as intercept; the slope is the posterior mode under a normal prior around
        `NORMAL_SLOPE`.

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines; the priors are ours.
    """
    moved = target != 0
    rate = (float(np.sum(target > 0)) + 0.5 * EVEN_ROWS) / (float(moved.sum()) + EVEN_ROWS)
    recent = moved[-RECENT:]
    moving = (float(recent.sum()) + MOVED_ROWS) / (len(recent) + MOVED_ROWS)
    rows = judged != 0
    intercept, held, up = float(logit(rate)), np.clip(ratio[rows], -LIMIT, LIMIT), judged[rows] > 0
    slope, precision = NORMAL_SLOPE, SLOPE_PRIOR_SD**-2.0
    for _ in range(25):
        p = expit(intercept + slope * held)
        gradient = float(np.sum(held * (up - p))) / horizon - precision * (slope - NORMAL_SLOPE)
        step = gradient / (float(np.sum(held**2 * p * (1 - p))) / horizon + precision)
        slope += step
        if abs(step) < 1e-12:
            break
    return UpMap(moving, intercept, slope)
