"""How likely up: a parametric map from a forecast's mean and volatility, fitted on out-of-sample forecasts.

How wide is `quant.conformal`'s business.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from quant.bars import Floats

# Of a normal distribution, P(return > 0) is about expit(1.6 mean / volatility); how far outcomes may move the slope.
NORMAL_SLOPE: Final = 1.6
SLOPE_PRIOR_SD: Final = 0.2
# How far they may move the log odds at a mean of zero from the base rate's.
SHIFT_PRIOR_SD: Final = 0.03
# Sessions at even odds that the base rate starts from.
EVEN_ROWS: Final = 250
# Means over volatility beyond this say no more of the direction: the boldest forecasts are the least often right.
LIMIT: Final = 0.15


def base_rate(ups: float, rows: float) -> float:
    """Probability of a gain by the past alone, of `ups` gains in `rows` sessions, shrunk to even odds."""
    return (ups + 0.5 * EVEN_ROWS) / (rows + EVEN_ROWS)


def fit_up(ratio: Floats, up: npt.NDArray[np.bool_], *, rate: float, horizon: int) -> tuple[float, float]:
    """Intercept and slope of ``P(up) = expit(intercept + slope * ratio)``, near the base rate and the normal's slope.

    Parameters
    ----------
    ratio : (n,) float64
        Mean over volatility, which is held to `LIMIT`; any number of rows, 0 too.
    up : (n,) bool
    rate : float in (0, 1)
        The base rate that the intercept starts from.
    horizon : int
        Sessions that an outcome spans: so many overlapping rows count as one.

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines; the priors are ours.
    """
    centre = np.array([float(logit(rate)), NORMAL_SLOPE])
    precision = np.array([SHIFT_PRIOR_SD, SLOPE_PRIOR_SD]) ** -2.0
    design = np.column_stack([np.ones(len(ratio)), np.clip(ratio, -LIMIT, LIMIT)])
    beta = centre
    for _ in range(25):
        p = expit(design @ beta)
        gradient = design.T @ (up - p) / horizon - precision * (beta - centre)
        hessian = (design * (p * (1 - p))[:, None]).T @ design / horizon + np.diag(precision)
        step = np.linalg.solve(hessian, gradient)
        beta = beta + step
        if float(np.abs(step).max()) < 1e-10:
            break
    return float(beta[0]), float(beta[1])
