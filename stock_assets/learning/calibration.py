"""From out-of-sample predictions to a distribution: how much to believe each model, how wide, how likely up."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls
from scipy.special import expit, logit

from quant.bars import Floats
from quant.forecast import COVERAGE, ForecastParameters
from stock_assets.learning.errors import LearningError

# Half a year of forecasts: with fewer, quantiles of 5 % rest on a handful of days.
FEWEST_ROWS: Final = 126
# Deviation of the prior on a model's weight, centred at no skill: a daily R2 of 1 % over ten years just moves it.
WEIGHT_PRIOR_SD: Final = 0.25
# The same for the slope of P(up) on mean / volatility; a normal distribution's own slope is about 1.6.
SLOPE_PRIOR_SD: Final = 1.0


def prior_parameters(*, historical_mean: float, up_rate: float, horizon: int) -> ForecastParameters:
    """What to say before there is evidence: the mean, the feature as volatility, normal quantiles, the base rate."""
    return ForecastParameters(
        historical_mean=historical_mean,
        ridge_weight=0.0,
        forest_weight=0.0,
        volatility_scale=math.sqrt(horizon),
        lower_quantile=-1.645,
        upper_quantile=1.645,
        up_intercept=float(logit(np.clip(up_rate, 0.05, 0.95))),
        up_slope=0.0,
    )


def fit_parameters(
    *,
    ridge: Floats,
    forest: Floats,
    volatility: Floats,
    realised: Floats,
    historical_mean: Floats,
    next_mean: float,
) -> ForecastParameters:
    """The parameters that past out-of-sample predictions speak for.

    Parameters
    ----------
    ridge, forest : (n,) float64
        Each model's out-of-sample mean log return.
    volatility : (n,) float64
        The volatility feature at the same rows, above 0.
    realised : (n,) float64
        What came; every label known by the time the parameters are to be used.
    historical_mean : (n,) float64
        The mean known at each row, from which the models' departures are measured.
    next_mean : float
        The mean to use from now on.

    Raises
    ------
    LearningError
        With fewer than `FEWEST_ROWS` rows or a non-finite value.
    """
    columns = np.column_stack([ridge, forest, volatility, realised, historical_mean])
    if len(columns) < FEWEST_ROWS or not np.isfinite(columns).all():
        raise LearningError(f"predictions: expected at least {FEWEST_ROWS} finite rows, got {len(columns)}")
    weights = shrunk_weights(
        np.column_stack([ridge - historical_mean, forest - historical_mean]) / volatility[:, None],
        (realised - historical_mean) / volatility,
    )
    mean = historical_mean + weights[0] * (ridge - historical_mean) + weights[1] * (forest - historical_mean)
    residual = (realised - mean) / volatility
    scale = float(np.sqrt(np.mean(residual**2)))
    if scale == 0:
        raise LearningError("realised: expected returns that vary, got none")
    lower, upper = conformal_quantiles(residual / scale, coverage=COVERAGE)
    intercept, slope = shrunk_logistic(mean / (volatility * scale), realised > 0)
    return ForecastParameters(
        historical_mean=next_mean,
        ridge_weight=weights[0],
        forest_weight=weights[1],
        volatility_scale=scale,
        lower_quantile=lower,
        upper_quantile=upper,
        up_intercept=intercept,
        up_slope=slope,
    )


def shrunk_weights(departures: Floats, realised: Floats) -> tuple[float, float]:
    """Non-negative weights of two models, shrunk towards zero, together at most one.

    Parameters
    ----------
    departures : (n, 2) float64
        Each model's forecast less the historical mean, in units of volatility.
    realised : (n,) float64
        Realised return less the historical mean, in the same units.

    Returns
    -------
    ridge, forest : float
        The posterior mode under a normal prior of mean 0 and deviation `WEIGHT_PRIOR_SD`, restricted to weights >= 0:
        models without evidence are not believed.

    References
    ----------
    Lindley & Smith (1972), Bayes estimates for the linear model; Breiman (1996), Stacked regressions, for the sign.
    """
    noise = max(float(np.std(realised)), 1e-12)
    design = np.vstack([departures / noise, np.eye(2) / WEIGHT_PRIOR_SD])
    weights, _ = nnls(design, np.concatenate([realised / noise, np.zeros(2)]))
    weights = weights / max(1.0, float(weights.sum()))
    return float(weights[0]), float(weights[1])


def conformal_quantiles(residual: Floats, *, coverage: float) -> tuple[float, float]:
    """Bounds that a next exchangeable residual stays within with at least the given probability.

    Parameters
    ----------
    residual : (n,) float64
        In units of volatility.
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
    ordered = np.sort(residual)
    return min(float(ordered[rank - 1]), -1e-6), max(float(ordered[n - rank]), 1e-6)


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
