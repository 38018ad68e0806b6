"""How likely up: a parametric map from a forecast's mean and volatility, fitted on out-of-sample forecasts.

How wide is `quant.conformal`'s business.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from quant.bars import Floats

# Of a normal distribution, P(return > 0) is about expit(1.6 mean / volatility).
NORMAL_SLOPE: Final = 1.6
# Deviation of the prior on the slope around the normal's.
SLOPE_PRIOR_SD: Final = 1.0


def prior_up(up_rate: float) -> tuple[float, float]:
    """Intercept and slope before there is evidence: the base rate, whatever the forecast."""
    return float(logit(np.clip(up_rate, 0.05, 0.95))), 0.0


def shrunk_logistic(score: Floats, up: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Intercept and slope of ``P(up) = expit(intercept + slope * score)``, the slope shrunk towards 0 and never below.

    Parameters
    ----------
    score : (n,) float64
        Mean over volatility.
    up : (n,) bool

    References
    ----------
    Platt (1999), Probabilistic outputs; the prior on the slope is ours: without evidence P(up) is the base rate.
    """
    rate = float(np.clip(up.mean(), 0.05, 0.95))
    beta = np.array([float(logit(rate)), 0.0])
    design = np.column_stack([np.ones(len(score)), score])
    prior = np.array([0.0, 1.0 / SLOPE_PRIOR_SD**2])
    for _ in range(25):
        p = expit(design @ beta)
        gradient = design.T @ (up - p) - prior * beta
        hessian = (design * (p * (1 - p))[:, None]).T @ design + np.diag(prior)
        step = np.linalg.solve(hessian, gradient)
        beta = beta + step
        if float(np.abs(step).max()) < 1e-10:
            break
    if beta[1] < 0:
        # A falling P(up) would contradict the forecast's own sign: then the base rate is the better word.
        return float(logit(rate)), 0.0
    return float(beta[0]), float(beta[1])
