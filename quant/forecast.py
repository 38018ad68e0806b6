"""From what the models say to a predictive distribution of the next log return; batch and live share it.

Fitting the parameters belongs to training (`stock_assets.learning`); running the models, to whoever holds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from quant.bars import Floats
from quant.errors import QuantError

COVERAGE: Final = 0.9


class ForecastParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How one ticker's model outputs become a distribution. Fitted on out-of-sample predictions only.

    Attributes
    ----------
    historical_mean : float
        Mean log return per horizon over the training rows: what the forecast shrinks to.
    ridge_weight, forest_weight : float
        Share of each model's departure from `historical_mean` that is believed; in [0, 1] and together at most 1.
        Both 0 for a ticker whose models have shown no skill.
    volatility_scale : float
        Multiplies the volatility feature (per sqrt(session)) to the volatility of the horizon's return; above 0.
    lower_quantile, upper_quantile : float
        Conformal bounds of ``(realised - mean) / volatility`` that hold 90 %; lower < 0 < upper.
    up_intercept, up_slope : float
        ``P(return > 0) = expit(up_intercept + up_slope * mean / volatility)``.
    """

    historical_mean: float
    ridge_weight: float
    forest_weight: float
    volatility_scale: float
    lower_quantile: float
    upper_quantile: float
    up_intercept: float
    up_slope: float

    def __post_init__(self) -> None:
        if min(self.ridge_weight, self.forest_weight) < 0 or self.ridge_weight + self.forest_weight > 1 + 1e-9:
            got = (self.ridge_weight, self.forest_weight)
            raise QuantError(f"ridge_weight, forest_weight: expected at least 0 and together at most 1, got {got}")
        if not self.volatility_scale > 0:
            raise QuantError(f"volatility_scale: expected above 0, got {self.volatility_scale}")
        if not self.lower_quantile < 0 < self.upper_quantile:
            got = (self.lower_quantile, self.upper_quantile)
            raise QuantError(f"lower_quantile, upper_quantile: expected lower < 0 < upper, got {got}")


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Predictive distributions of the log return over the horizon; every attribute is (n,) float64.

    `mean`, `vol`, `lower_90` and `upper_90` are log returns per horizon; `p_up` is the probability of a gain.
    """

    mean: Floats
    vol: Floats
    p_up: Floats
    lower_90: Floats
    upper_90: Floats

    def __len__(self) -> int:
        return len(self.mean)


def forecast(*, ridge: Floats, forest: Floats, volatility: Floats, parameters: ForecastParameters) -> Forecast:
    """The combined predictive distribution.

    Parameters
    ----------
    ridge, forest : (n,) float64
        Each model's mean log return over the horizon.
    volatility : (n,) float64
        The volatility feature (`quant.features.VOLATILITY`), per sqrt(session).
    parameters : ForecastParameters

    Returns
    -------
    Forecast
        NaN rows in give NaN rows out.
    """
    p = parameters
    # The forecast models were trained on float32 trees: widen first, so that batch and live round alike.
    ridge, forest = np.asarray(ridge, np.float64), np.asarray(forest, np.float64)
    mean = (
        p.historical_mean
        + p.ridge_weight * (ridge - p.historical_mean)
        + p.forest_weight * (forest - p.historical_mean)
    )
    vol = np.asarray(volatility, np.float64) * p.volatility_scale
    return distribution(mean=mean, vol=vol, parameters=p)


def distribution(*, mean: Floats, vol: Floats, parameters: ForecastParameters) -> Forecast:
    """The distribution around a given mean and volatility (log return per horizon); baselines use it too."""
    p = parameters
    p_up = expit(p.up_intercept + p.up_slope * mean / vol)
    return Forecast(mean, vol, p_up, mean + p.lower_quantile * vol, mean + p.upper_quantile * vol)


def expit(x: Floats) -> Floats:
    """The logistic function ``1 / (1 + exp(-x))``, without overflow at either end.

    Our own because importing scipy's costs the server 24 MB and a quarter of its start.
    """
    decay = np.exp(-np.abs(x))
    result: Floats = np.where(x >= 0, 1.0, decay) / (1.0 + decay)
    return result


def price(close: Floats | float, log_return: Floats | float) -> Floats | float:
    """The price that a log return leads to: the median of the price's distribution, in the close's currency."""
    return close * np.exp(log_return)
