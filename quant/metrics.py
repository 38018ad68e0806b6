"""Scores of point forecasts, and the tests that say whether one is better than another. Plain functions of arrays.

Every function here compares what was forecast with what came; making forecasts does not belong here. Probabilities
(`quant.probability`), intervals (`quant.intervals`), variances (`quant.volatility_scores`) and equity curves
(`quant.performance`) have modules of their own; what many tests say together is `quant.luck`'s.
"""

from __future__ import annotations

import math

import numpy as np

from quant.bars import Floats
from quant.errors import QuantError, TooShort
from quant.rows import finite_rows


def r2(actual: Floats, predicted: Floats, baseline: Floats) -> float:
    """Out-of-sample R2 of a forecast against a baseline forecast; 0 is as good, negative is worse.

    Parameters
    ----------
    actual, predicted, baseline : (n,) float64
        In the same unit. A row with a NaN is left out.

    Raises
    ------
    QuantError
        If shapes differ or the baseline makes no error at all.

    References
    ----------
    Campbell & Thompson (2008), Predicting excess stock returns out of sample, eq. 1.
    """
    actual, predicted, baseline = finite_rows(actual, predicted, baseline)
    against = float(np.sum((actual - baseline) ** 2))
    if against == 0:
        raise QuantError("baseline: expected some error to compare with, got none")
    return 1.0 - float(np.sum((actual - predicted) ** 2)) / against


def level_r2(actual: Floats, predicted: Floats) -> float:
    """The usual R2, against the mean of the actual values in hindsight; flatters any forecast of a price's level."""
    actual, predicted = finite_rows(actual, predicted)
    return r2(actual, predicted, np.full(actual.shape, actual.mean()))


def long_run_variance(series: Floats, *, lags: int) -> float:
    """Newey-West variance of sqrt(n) times the mean of a series (n,) without NaN, Bartlett weights over `lags`.

    References
    ----------
    Newey & West (1987), A simple positive semi-definite, HAC covariance matrix.
    """
    n = len(series)
    centred = series - series.mean()
    variance = float(centred @ centred) / n
    for lag in range(1, min(lags, n - 1) + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * float(centred[lag:] @ centred[:-lag]) / n
    return max(variance, 0.0)


def automatic_lags(n: int, *, horizon: int) -> int:
    """Lags for `long_run_variance`: 4 (n / 100)^(2/9), and at least the overlap ``horizon - 1`` of the errors."""
    return max(horizon - 1, math.floor(4.0 * math.pow(n / 100.0, 2.0 / 9.0)))


def _mean_test(series: Floats, *, horizon: int) -> float:
    """The HAC t statistic of the mean of a series; 0 for a series that is 0 throughout."""
    n = len(series)
    if n < 2:
        raise TooShort(f"rows: expected at least 2, got {n}")
    variance = long_run_variance(series, lags=automatic_lags(n, horizon=horizon))
    mean = float(series.mean())
    if variance == 0:
        return 0.0 if mean == 0 else math.copysign(math.inf, mean)
    return mean / math.sqrt(variance / n)


def clark_west(actual: Floats, model: Floats, benchmark: Floats, *, horizon: int) -> tuple[float, float]:
    """Does a model beat the smaller model that it nests?

    Parameters
    ----------
    actual, model, benchmark : (n,) float64
        Realised values and both forecasts. A row with a NaN is left out.
    horizon : int
        Steps that each forecast looks ahead: overlapping errors are correlated up to ``horizon - 1`` lags.

    Returns
    -------
    statistic, p : float
        Standard normal under "no better than the benchmark", and its one-sided p value.

    References
    ----------
    Clark & West (2007), Approximately normal tests for equal predictive accuracy in nested models.
    """
    actual, model, benchmark = finite_rows(actual, model, benchmark)
    adjusted = (actual - benchmark) ** 2 - ((actual - model) ** 2 - (benchmark - model) ** 2)
    statistic = _mean_test(adjusted, horizon=horizon)
    return statistic, _above(statistic)


def diebold_mariano(loss_a: Floats, loss_b: Floats, *, horizon: int) -> tuple[float, float]:
    """Do two forecasts of the same days lose differently?

    Parameters
    ----------
    loss_a, loss_b : (n,) float64
        Losses day by day. A row with a NaN is left out.
    horizon : int
        As for `clark_west`.

    Returns
    -------
    statistic, p : float
        Positive where `a` loses more; p is two-sided. Equal losses throughout give 0 and 1.

    References
    ----------
    Diebold & Mariano (1995); the variance is Newey & West's (1987).
    """
    loss_a, loss_b = finite_rows(loss_a, loss_b)
    statistic = _mean_test(loss_a - loss_b, horizon=horizon)
    return statistic, 2.0 * _above(abs(statistic))


def directional_accuracy(actual: Floats, predicted: Floats, *, horizon: int = 1) -> tuple[float, float]:
    """Share of forecasts with the right sign, and its standard error.

    Parameters
    ----------
    actual, predicted : (n,) float64
        In the order of time. Days without a move and forecasts of exactly 0 say nothing of direction and are left
        out, as are NaN rows.
    horizon : int
        Steps that each forecast looks ahead. With 1 the error is the binomial one. Forecasts made daily of longer
        moves overlap and are right or wrong together, so their hits get the long-run variance over
        ``horizon - 1`` lags. Its falling weights still leave about a sixth of the error out where forecasts
        persist; the binomial error would leave out half of it over 5 steps, two thirds over 21.

    Returns
    -------
    accuracy, standard_error : float
    """
    if horizon < 1:
        raise QuantError(f"horizon: expected at least 1, got {horizon}")
    actual, predicted = finite_rows(actual, predicted)
    told = (actual != 0) & (predicted != 0)
    if not told.any():
        raise TooShort("rows: expected at least one with a move and a forecast of one, got none")
    right = np.sign(actual) == np.sign(predicted)
    accuracy = float(right[told].mean())
    # A row that says nothing stays in its place with a deviation of 0: leaving it out would shift the lags.
    deviation = np.where(told, right - accuracy, 0.0)
    variance = long_run_variance(deviation, lags=horizon - 1) * len(told)
    return accuracy, math.sqrt(variance) / int(told.sum())


def base_rate(actual: Floats) -> float:
    """Share of the commoner direction among the days that moved: what always saying it scores."""
    (actual,) = finite_rows(actual)
    moved = actual[actual != 0]
    if not len(moved):
        raise TooShort("rows: expected at least one with a move, got none")
    up = float((moved > 0).mean())
    return max(up, 1.0 - up)


def _above(z: float) -> float:
    """The standard normal's probability beyond `z`; without scipy, which a server that only scores has no use for."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))
