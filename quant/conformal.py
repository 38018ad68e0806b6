"""Conformal prediction intervals that follow the times: bounds of standardised residuals, row by row, each causal.

What the residuals are standardised by is the volatility forecast's business (`stock_assets.learning`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from quant.bars import Floats
from quant.errors import QuantError
from quant.forecast import COVERAGE, INNER_COVERAGE, NORMAL_BOUNDS, Bounds

# Half a year of outcomes: with fewer, quantiles of 5 % rest on a handful of days.
FEWEST: Final = 126
# Sessions between two looks at the quantiles; how many they look back on, and after how many one counts half.
REFRESH: Final = 63
MEMORY: Final = 2_520
HALF_LIFE: Final = 1_000
# Share of a side's bound that comes of its own residuals; the rest of both sides' together, which are twice as many.
OWN_SIDE: Final = 0.3
# Share of the misses of 90 % that its quantiles leave room for: a widening comes only once misses have come.
LEFT_OUT_90: Final = 0.94
# Misses beyond what is expected add up; by how much each widens the 90 % and the 50 % interval, and the most together.
WIDEN_90: Final = 0.07
WIDEN_50: Final = 0.03
MOST_WIDENED: Final = 0.4
SMALLEST: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class BoundsPath:
    """`quant.forecast.Bounds` row by row; every attribute is (n,) float64, in volatilities."""

    lower_90: Floats
    lower_50: Floats
    upper_50: Floats
    upper_90: Floats

    def at(self, row: int) -> Bounds:
        """The bounds in force at a row."""
        return Bounds(
            lower_90=float(self.lower_90[row]),
            lower_50=float(self.lower_50[row]),
            upper_50=float(self.upper_50[row]),
            upper_90=float(self.upper_90[row]),
        )


def adaptive_bounds(residual: Floats, *, horizon: int) -> BoundsPath:
    """The bounds that hold for each row, given the outcomes known by then.

    Parameters
    ----------
    residual : (n,) float64
        ``(realised - mean) / volatility`` of consecutive forecasts; NaN in the newest `horizon` rows at most.
    horizon : int
        Sessions until an outcome is known: row t knows the residuals of rows up to ``t - horizon``.

    Returns
    -------
    BoundsPath
        A normal distribution's until `FEWEST` outcomes are known. Then weighted conformal quantiles of the residuals
        so far, both sides widened while misses come more often than they should (Page's cumulative sum of misses,
        which forgets them as hits come and never falls below zero). A residual counts in the quantiles as it would
        have stood without the widening, so that this does not cover too much in the long run.

    Raises
    ------
    QuantError
        If `horizon` is under 1.

    References
    ----------
    Lei et al. (2018), Distribution-free predictive inference for regression; Barber et al. (2023), Conformal
    prediction beyond exchangeability, for the weights; Gibbs & Candes (2021), Adaptive conformal inference under
    distribution shift, for the feedback; Page (1954), Continuous inspection schemes, for the sum.
    """
    if horizon < 1:
        raise QuantError(f"horizon: expected at least 1 session, got {horizon}")
    lower_90, upper_90 = _widened(residual, horizon=horizon, coverage=COVERAGE, widen=WIDEN_90)
    lower_50, upper_50 = _widened(residual, horizon=horizon, coverage=INNER_COVERAGE, widen=WIDEN_50)
    return BoundsPath(
        lower_90=np.minimum(lower_90, lower_50),
        lower_50=lower_50,
        upper_50=upper_50,
        upper_90=np.maximum(upper_90, upper_50),
    )


def expanding_bounds(residual: Floats, *, horizon: int, coverage: float, refresh: int) -> tuple[Floats, Floats]:
    """Lower and upper conformal quantiles of all residuals known at each row, looked at every `refresh` rows.

    (n,) and (n,) float64, a normal distribution's until `FEWEST` are known; what does not adapt, as a baseline.
    `QuantError` if `horizon` is under 1, or for a coverage other than 90 and 50 %.
    """
    if horizon < 1:
        raise QuantError(f"horizon: expected at least 1 session, got {horizon}")
    lower, upper = _normal(len(residual), coverage=coverage)
    for start in range(FEWEST + horizon - 1, len(residual), refresh):
        rows = slice(start, start + refresh)
        known = residual[: start - horizon + 1]
        lower[rows], upper[rows] = conformal_quantiles(known, np.ones(len(known)), coverage=coverage)
    return lower, upper


def conformal_quantiles(residual: Floats, weight: Floats, *, coverage: float) -> tuple[float, float]:
    """Bounds that a next residual stays within with at least the given probability.

    Parameters
    ----------
    residual, weight : (n,) float64
        In volatilities, without NaN; weights above 0, where the next residual's own would be 1. With equal weights the
        promise is exact for exchangeable residuals, if there are enough for a tail to hold one of them and the next.
    coverage : float in (0, 1)

    Returns
    -------
    lower, upper : float
        Order statistics, further out than the plain quantile by what the next residual may add; kept apart by a sign
        for degenerate samples.

    References
    ----------
    Barber et al. (2023), Conformal prediction beyond exchangeability.
    """
    tail = (1.0 - coverage) / 2.0
    return min(_low(residual, weight, tail), -SMALLEST), max(-_low(-residual, weight, tail), SMALLEST)


def _low(values: Floats, weight: Floats, share: float) -> float:
    """The largest value with at most `share` of the weight, the next one's included, up to it; at least the least."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weight[order])
    place = int(np.searchsorted(below, share * (below[-1] + 1.0), side="right")) - 1
    return float(values[order[max(place, 0)]])


def _normal(n: int, *, coverage: float) -> tuple[Floats, Floats]:
    b = NORMAL_BOUNDS
    sides = {COVERAGE: (b.lower_90, b.upper_90), INNER_COVERAGE: (b.lower_50, b.upper_50)}
    if coverage not in sides:
        raise QuantError(f"coverage: expected one of {', '.join(map(str, sides))}, got {coverage}")
    lower, upper = sides[coverage]
    return np.full(n, lower), np.full(n, upper)


def _base(residual: Floats, *, coverage: float) -> tuple[float, float]:
    """Quantiles of recency-weighted residuals (m,), oldest first, each side's own mixed with both sides' together."""
    newest = residual[-MEMORY:]
    weight = 0.5 ** (np.arange(len(newest) - 1, -1, -1) / HALF_LIFE)
    miss = (1.0 - coverage) * (LEFT_OUT_90 if coverage == COVERAGE else 1.0)
    lower, upper = conformal_quantiles(newest, weight, coverage=1.0 - miss)
    either = -_low(-np.abs(newest), weight, miss)
    return OWN_SIDE * lower - (1.0 - OWN_SIDE) * either, OWN_SIDE * upper + (1.0 - OWN_SIDE) * either


def _widened(residual: Floats, *, horizon: int, coverage: float, widen: float) -> tuple[Floats, Floats]:
    """Base quantiles times the exponential of the misses in excess; (n,) and (n,)."""
    n, miss = len(residual), 1.0 - coverage
    # A sixth of a miss's own deviation above what is expected: the sum then forgets a cluster in about a quarter.
    expected = miss + math.sqrt(miss * coverage) / 6.0
    lower, upper = _normal(n, coverage=coverage)
    widening = np.ones(n)
    first, excess, low, high = FEWEST + horizon - 1, 0.0, 0.0, 0.0
    for row in range(first, n):
        if (row - first) % REFRESH == 0:
            known = slice(0, row - horizon + 1)
            low, high = _base(residual[known] / widening[known], coverage=coverage)
        then = row - horizon
        if then >= first:
            excess = max(0.0, excess + (not lower[then] <= residual[then] <= upper[then]) - expected)
        widening[row] = math.exp(min(widen * excess, MOST_WIDENED))
        lower[row], upper[row] = low * widening[row], high * widening[row]
    return lower, upper
