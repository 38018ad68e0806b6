"""From what the models say to a predictive distribution of the next log return; batch and live share it.

Fitting the parameters belongs to training (`stock_assets.learning`); running the models, to whoever holds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from quant.bars import Floats
from quant.errors import QuantError

COVERAGE: Final = 0.9
INNER_COVERAGE: Final = 0.5


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Central prediction intervals of ``(realised - mean) / volatility`` that hold 90 % and 50 %."""

    lower_90: float
    lower_50: float
    upper_50: float
    upper_90: float

    def __post_init__(self) -> None:
        if not self.lower_90 <= self.lower_50 < 0 < self.upper_50 <= self.upper_90:
            got = (self.lower_90, self.lower_50, self.upper_50, self.upper_90)
            raise QuantError(f"bounds: expected lower_90 <= lower_50 < 0 < upper_50 <= upper_90, got {got}")


# Of a normal distribution: what is said before there is evidence.
NORMAL_BOUNDS: Final = Bounds(lower_90=-1.645, lower_50=-0.674, upper_50=0.674, upper_90=1.645)


class ForecastParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How one ticker's model outputs become a distribution. Fitted on out-of-sample predictions only.

    Attributes
    ----------
    horizon : int
        Sessions that the forecast looks ahead.
    historical_mean : float
        Log return per horizon that the past alone speaks for: the mean of the training rows, shrunk towards 0.
    edge_weights : dict of float
        Share of each model's edge (expected return over `historical_mean`, in volatilities) that is believed, by the
        model's name; each at least 0, together at most 1. All 0 for a ticker whose models have shown no skill.
    edge_limit : float
        Largest edge in either direction that a model is believed, in volatilities; above 0.
    variance_weights : dict of float
        Each model's share in the log variance, by the model's name; at least 0, together 1.
    log_scale : float
        Added to the log variance per session: to the horizon's, and to the level that past forecasts speak for.
    bounds : Bounds
        Conformal, in volatilities.
    moving : float
        How often the price moves at all over the horizon, in (0, 1].
    up_intercept, up_slope, up_limit : float
        ``P(return > 0) = moving * expit(up_intercept + up_slope * mean / volatility)``, where the ratio is held to plus
        and minus the limit.
    """

    horizon: int
    historical_mean: float
    edge_weights: dict[str, float]
    edge_limit: float
    variance_weights: dict[str, float]
    log_scale: float
    bounds: Bounds
    moving: float
    up_intercept: float
    up_slope: float
    up_limit: float

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise QuantError(f"horizon: expected at least 1 session, got {self.horizon}")
        if any(weight < 0 for weight in self.edge_weights.values()) or sum(self.edge_weights.values()) > 1 + 1e-9:
            raise QuantError(f"edge_weights: expected at least 0 and together at most 1, got {self.edge_weights}")
        shares = self.variance_weights.values()
        if any(weight < 0 for weight in shares) or abs(sum(shares) - 1) > 1e-9:
            raise QuantError(f"variance_weights: expected at least 0 and together 1, got {self.variance_weights}")
        if not 0 < self.moving <= 1:
            raise QuantError(f"moving: expected above 0 and at most 1, got {self.moving}")
        for name in ("edge_limit", "up_limit"):
            if not getattr(self, name) > 0:
                raise QuantError(f"{name}: expected above 0, got {getattr(self, name)}")

    @property
    def models(self) -> tuple[str, ...]:
        """Every model whose output is needed."""
        return (*self.edge_weights, *self.variance_weights)


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Predictive distributions of the log return over the horizon; every attribute is (n,) float64.

    All but `p_up`, the probability of a gain, are log returns per horizon; the intervals are central, of 90 and 50 %.
    """

    mean: Floats
    vol: Floats
    p_up: Floats
    lower_90: Floats
    lower_50: Floats
    upper_50: Floats
    upper_90: Floats

    def __len__(self) -> int:
        return len(self.mean)

    def __getitem__(self, rows: slice) -> Forecast:
        return Forecast(
            self.mean[rows],
            self.vol[rows],
            self.p_up[rows],
            self.lower_90[rows],
            self.lower_50[rows],
            self.upper_50[rows],
            self.upper_90[rows],
        )


def forecast(outputs: Mapping[str, Floats], parameters: ForecastParameters) -> Forecast:
    """The combined predictive distribution.

    Parameters
    ----------
    outputs : mapping of (n,) float64
        By model: edges in volatilities, log variances per session; at least `ForecastParameters.models`.
    parameters : ForecastParameters

    Returns
    -------
    Forecast
        NaN rows in give NaN rows out.
    """
    p = parameters
    rows = len(outputs[next(iter(p.variance_weights))])
    vol = np.exp(0.5 * (_weighted(outputs, p.variance_weights, rows=rows) + p.log_scale))
    held = {name: held_to(outputs[name], p.edge_limit) for name in p.edge_weights}
    edge = _weighted(held, p.edge_weights, rows=rows)
    return distribution(mean=p.historical_mean + edge * vol, vol=vol, parameters=p)


def _weighted(outputs: Mapping[str, Floats], weights: Mapping[str, float], *, rows: int) -> Floats:
    """The weighted sum of the named outputs, (rows,); added in the order of the names, so that bits repeat."""
    total = np.zeros(rows)
    for name in sorted(weights):
        total = total + weights[name] * np.asarray(outputs[name], np.float64)
    return total


def distribution(*, mean: Floats, vol: Floats, parameters: ForecastParameters) -> Forecast:
    """The distribution around a given mean and volatility (log return per horizon); baselines use it too."""
    p, b = parameters, parameters.bounds
    return Forecast(
        mean=mean,
        vol=vol,
        p_up=up_probability(mean / vol, moving=p.moving, intercept=p.up_intercept, slope=p.up_slope, limit=p.up_limit),
        lower_90=mean + b.lower_90 * vol,
        lower_50=mean + b.lower_50 * vol,
        upper_50=mean + b.upper_50 * vol,
        upper_90=mean + b.upper_90 * vol,
    )


def up_probability(ratio: Floats, *, moving: float, intercept: float, slope: float, limit: float) -> Floats:
    """P(return > 0) by mean over volatility (n,), which is held to the limit; see `ForecastParameters`."""
    return moving * expit(intercept + slope * held_to(ratio, limit))


def held_to(values: Floats, limit: float) -> Floats:
    """The values, and plus or minus the limit for those beyond it; what `np.clip` says, in half its time for a row."""
    held: Floats = np.minimum(np.maximum(values, -limit), limit)
    return held


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
