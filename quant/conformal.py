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
# How far one miss moves the log of its side's bound, and how fast that is forgotten: a half-life of 34 sessions.
STEP: Final = 0.05
FORGET: Final = 0.02
# Share of a miss that also widens the other side: what makes one tail heavier mostly makes both.
SHARED: Final = 0.5
# Sessions between two looks at the quantiles of all residuals so far.
REFRESH: Final = 21
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
        A normal distribution's until `FEWEST` outcomes are known. Then conformal quantiles of all residuals so far,
        each side widened by its misses and narrowed by their absence.

    References
    ----------
    Lei et al. (2018), Distribution-free predictive inference for regression; Gibbs & Candes (2021), Adaptive
    conformal inference under distribution shift; Angelopoulos et al. (2023), Conformal PID control.
    """
    if horizon < 1:
        raise QuantError(f"horizon: expected at least 1 session, got {horizon}")
    lower_90, upper_90 = _tracked(residual, horizon=horizon, coverage=COVERAGE)
    lower_50, upper_50 = _tracked(residual, horizon=horizon, coverage=INNER_COVERAGE)
    return BoundsPath(
        lower_90=np.minimum(lower_90, lower_50),
        lower_50=lower_50,
        upper_50=upper_50,
        upper_90=np.maximum(upper_90, upper_50),
    )


def expanding_bounds(residual: Floats, *, horizon: int, coverage: float, refresh: int) -> tuple[Floats, Floats]:
    """Lower and upper conformal quantiles of all residuals known at each row, looked at every `refresh` rows.

    (n,) and (n,) float64, a normal distribution's until `FEWEST` are known; what does not adapt, as a baseline.
    """
    n = len(residual)
    normal_90 = coverage == COVERAGE
    lower = np.full(n, NORMAL_BOUNDS.lower_90 if normal_90 else NORMAL_BOUNDS.lower_50)
    upper = np.full(n, NORMAL_BOUNDS.upper_90 if normal_90 else NORMAL_BOUNDS.upper_50)
    for start in range(FEWEST + horizon - 1, n, refresh):
        rows = slice(start, start + refresh)
        lower[rows], upper[rows] = conformal_quantiles(residual[: start - horizon + 1], coverage=coverage)
    return lower, upper


def conformal_quantiles(residual: Floats, *, coverage: float) -> tuple[float, float]:
    """Bounds that a next exchangeable residual stays within with at least the given probability.

    Parameters
    ----------
    residual : (n,) float64
        In volatilities, without NaN.
    coverage : float in (0, 1)

    Returns
    -------
    lower, upper : float
        Order statistics, one rank further out than the plain quantile; kept apart by a sign for degenerate samples.

    References
    ----------
    Lei et al. (2018), Distribution-free predictive inference for regression.
    """
    n = len(residual)
    rank = max(math.floor((n + 1) * (1.0 - coverage) / 2.0), 1)
    ordered = np.partition(residual, (rank - 1, n - rank))
    return min(float(ordered[rank - 1]), -SMALLEST), max(float(ordered[n - rank]), SMALLEST)


def _tracked(residual: Floats, *, horizon: int, coverage: float) -> tuple[Floats, Floats]:
    """Expanding quantiles times the exponential of what each side's misses have left; (n,) and (n,)."""
    lower, upper = expanding_bounds(residual, horizon=horizon, coverage=coverage, refresh=REFRESH)
    miss, keep = (1.0 - coverage) / 2.0, 1.0 - FORGET
    below = above = 0.0
    # Plain floats: a step depends on the bounds that the steps before it made.
    known, low, high = residual.tolist(), lower.tolist(), upper.tolist()
    for row in range(FEWEST + horizon - 1, len(known)):
        then = row - horizon
        if then >= FEWEST + horizon - 1:
            under, over = (known[then] < low[then]) - miss, (known[then] > high[then]) - miss
            below = keep * below + STEP * (under + SHARED * over)
            above = keep * above + STEP * (over + SHARED * under)
        low[row] *= math.exp(below)
        high[row] *= math.exp(above)
    return np.array(low), np.array(high)
