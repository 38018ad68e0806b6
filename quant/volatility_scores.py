"""Scores of variance forecasts against the variance that was realised. Plain functions of arrays.

Estimating or forecasting a variance does not belong here. Realised variance is itself a noisy stand-in for the one
that can't be seen: `qlike` ranks forecasts as the true one would, whatever the noise, as long as it averages out.
"""

from __future__ import annotations

import numpy as np

from quant.bars import Floats
from quant.errors import QuantError
from quant.metrics import r2
from quant.rows import finite_rows


def qlike(realised_variance: Floats, forecast_variance: Floats) -> float:
    """Mean of ``x - log x - 1`` with ``x = realised / forecast``; 0 is perfect, and too low costs more than too high.

    Parameters
    ----------
    realised_variance, forecast_variance : (n,) float64
        Above 0 and in the same unit, which the score does not depend on. A row with a NaN is left out.

    Raises
    ------
    QuantError
        If shapes differ or a variance is not above 0; the message names the first such row.

    References
    ----------
    Patton (2011), Volatility forecast comparison using imperfect volatility proxies.
    """
    realised, forecast = _logs(realised_variance=realised_variance, forecast_variance=forecast_variance)
    apart = realised - forecast
    # expm1 keeps the digits of a forecast that is nearly right, where x - 1 and log x all but cancel.
    return float(np.mean(np.expm1(apart) - apart))


def variance_r2(realised_variance: Floats, forecast_variance: Floats, baseline: Floats) -> float:
    """Out-of-sample R2 of log variances against a baseline forecast; 0 is as good, negative is worse.

    In logs, because the squared error of variances themselves is that of a few crashes. A forecast of the mean
    variance lies above the mean log variance and pays for it here: compare forecasts that aim at the same.

    Parameters
    ----------
    realised_variance, forecast_variance, baseline : (n,) float64
        Variances as for `qlike`.

    Raises
    ------
    QuantError
        As `qlike`; also if the baseline makes no error at all.

    References
    ----------
    Campbell & Thompson (2008), as in `quant.metrics.r2`.
    """
    realised, forecast, against = _logs(
        realised_variance=realised_variance, forecast_variance=forecast_variance, baseline=baseline
    )
    return r2(realised, forecast, against)


def mincer_zarnowitz(realised: Floats, forecast: Floats) -> tuple[float, float, float]:
    """Least squares of what came on what was forecast; an unbiased forecast has an intercept of 0 and a slope of 1.

    Parameters
    ----------
    realised, forecast : (n,) float64
        In the same unit. A row with a NaN is left out.

    Returns
    -------
    intercept : float
        In that unit.
    slope : float
        Below 1 where the forecast swings too far.
    r2 : float in [0, 1]
        Squared correlation; 0 where what came never varies. Says nothing of bias: the other two do.

    Raises
    ------
    QuantError
        If the forecast is the same throughout: no line has a slope then.

    References
    ----------
    Mincer & Zarnowitz (1969), The evaluation of economic forecasts.
    """
    realised, forecast = finite_rows(realised, forecast)
    if forecast.min() == forecast.max():
        raise QuantError(f"forecast: expected to vary, got {forecast[0]} throughout")
    if realised.min() == realised.max():
        return float(realised[0]), 0.0, 0.0
    came, said = realised - realised.mean(), forecast - forecast.mean()
    slope = float(said @ came) / float(said @ said)
    intercept = float(realised.mean()) - slope * float(forecast.mean())
    left = came - slope * said
    return intercept, slope, max(1.0 - float(left @ left) / float(came @ came), 0.0)


def _logs(**variances: Floats) -> tuple[Floats, ...]:
    """Logs of the rows without a NaN, each variance checked to be above 0 and named if it isn't."""
    rows = finite_rows(*variances.values())
    for name, values in variances.items():
        if (values <= 0).any():
            row = int((values <= 0).argmax())
            raise QuantError(f"{name}: expected above 0, got {values[row]} in row {row}")
    return tuple(np.log(values) for values in rows)
