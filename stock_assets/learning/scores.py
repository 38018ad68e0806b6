"""One ticker's scores, each beside the baseline that it has to be read against.

`Evidence` is what all scores are made of: out-of-sample forecasts beside what came. Many tickers together are
`learning.skill`'s business, forecasting itself is `learning.walk_forward`'s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from quant import intervals, metrics, probability, volatility_scores
from quant.bars import Floats, Sessions
from quant.forecast import COVERAGE, Forecast
from release.manifest import TickerMetrics
from stock_assets.learning.errors import LearningError
from stock_assets.learning.walk_forward import Model

CONFIDENT: Final = 0.6
QUARTER: Final = 63
VARIANCE_BASELINES: Final = {
    Model.EWMA: "ewma",
    Model.ROLLING: "rolling",
    Model.LOG_HAR: "log_har",
    Model.GARCH: "garch",
}
# The arrays of `Evidence`, and those of the forecast in it.
ARRAYS: Final = (
    "session",
    "close",
    "realised",
    "realised_variance",
    "past_mean",
    "past_rate",
    "ewma_lower",
    "ewma_upper",
)
FORECAST: Final = ("mean", "vol", "p_up", "lower_90", "lower_50", "upper_50", "upper_90")


def by_model(table: pd.DataFrame, model: Model, *, horizon: int) -> pd.DataFrame:
    """One model's rows of one horizon with a known outcome, in date order."""
    wanted = (table["model"] == model.value) & (table["horizon"] == horizon) & table["realised"].notna()
    return table[wanted].sort_values("date", ignore_index=True)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Out-of-sample forecasts with a known outcome, beside it and beside the baselines; n is at least 1.

    One ticker's are in the order of time. A row takes 160 bytes: hundreds of tickers fit into memory together.

    Attributes
    ----------
    ticker : str
    horizon : int
        Sessions that the forecasts look ahead.
    trials : int
        Settings that were tried on the way to them.
    session : (n,) datetime64[D]
        At whose close each was made.
    close : (n,) float64
        Of that session, adjusted for splits and dividends; NaN where it isn't known.
    realised, realised_variance : (n,) float64
        Log return over the horizon, and the sum of its squared daily log returns.
    champion : Forecast
    past_mean, past_rate : (n,) float64
        Mean return and share of gains of all that was known at the row.
    ewma_lower, ewma_upper : (n,) float64
        The 90 % interval that the EWMA volatility alone gives.
    variances : dict of (n,) float64
        Of the return over the horizon, by baseline (`VARIANCE_BASELINES`).
    """

    ticker: str
    horizon: int
    trials: int
    session: Sessions
    close: Floats
    realised: Floats
    realised_variance: Floats
    champion: Forecast
    past_mean: Floats
    past_rate: Floats
    ewma_lower: Floats
    ewma_upper: Floats
    variances: dict[Model, Floats]

    def __len__(self) -> int:
        return len(self.session)

    def rows(self, wanted: slice | npt.NDArray[np.bool_]) -> Self:
        """Some of the rows."""
        return replace(
            self,
            **{name: getattr(self, name)[wanted] for name in ARRAYS},
            champion=Forecast(*(getattr(self.champion, name)[wanted] for name in FORECAST)),
            variances={model: values[wanted] for model, values in self.variances.items()},
        )


def evidence(table: pd.DataFrame, *, horizon: int, close: pd.Series, trials: int) -> Evidence:
    """The evidence in one ticker's `oos_predictions`; parameters as of `ticker_metrics`.

    Raises
    ------
    LearningError
        If no forecast's outcome is known yet, or a baseline has other sessions than the champion.
    """
    models = (Model.CHAMPION, Model.HISTORICAL_MEAN, *VARIANCE_BASELINES)
    rows = {model: by_model(table, model, horizon=horizon) for model in models}
    champion, past, ewma = (rows[model] for model in (Model.CHAMPION, Model.HISTORICAL_MEAN, Model.EWMA))
    if champion.empty:
        raise LearningError("oos_predictions: expected at least one champion row with a known outcome, got none")
    for model, beside in rows.items():
        if not np.array_equal(beside["date"], champion["date"]):
            raise LearningError(f"oos_predictions: expected {model} on the champion's sessions, got it on others")
    return Evidence(
        ticker=str(champion["ticker"].iloc[0]),
        horizon=horizon,
        trials=trials,
        session=champion["date"].to_numpy().astype("datetime64[D]"),
        close=close.reindex(pd.DatetimeIndex(champion["date"])).to_numpy(dtype=np.float64),
        realised=column(champion, "realised"),
        realised_variance=column(champion, "realised_variance"),
        champion=Forecast(*(column(champion, name) for name in FORECAST)),
        past_mean=column(past, "mean"),
        past_rate=column(past, "p_up"),
        ewma_lower=column(ewma, "lower_90"),
        ewma_upper=column(ewma, "upper_90"),
        variances={model: column(rows[model], "vol") ** 2 for model in VARIANCE_BASELINES},
    )


def ticker_metrics(table: pd.DataFrame, *, horizon: int, close: pd.Series, trials: int) -> TickerMetrics:
    """The champion's scores at one horizon.

    Parameters
    ----------
    table : DataFrame
        One ticker's `oos_predictions`.
    horizon : int
    close : Series
        Close adjusted for splits and dividends, by session; price levels are built on it.
    trials : int
        Settings that were tried on the way to these forecasts.

    Raises
    ------
    LearningError
        As `evidence`; also if the price never moved.
    """
    return scores(evidence(table, horizon=horizon, close=close, trials=trials))


def scores(e: Evidence) -> TickerMetrics:
    """The champion's scores; `LearningError` if the price never moved."""
    if not np.any(e.realised_variance > 0):
        raise LearningError(f"{e.ticker}: expected sessions whose price moved, got none among {len(e)} forecasts")
    return TickerMetrics(
        n=len(e),
        first=str(e.session.min()),
        last=str(e.session.max()),
        trials=e.trials,
        **mean_scores(e),
        **direction_scores(e),
        **interval_scores(e),
        **variance_scores(e),
    )


def mean_scores(e: Evidence) -> dict[str, Any]:
    """Of returns and of the price level."""
    realised, predicted, past, zero = e.realised, e.champion.mean, e.past_mean, np.zeros(len(e))
    statistic, p = metrics.diebold_mariano((realised - predicted) ** 2, (realised - past) ** 2, horizon=e.horizon)
    reached = e.close * np.exp(realised)
    return {
        "price_r2": metrics.level_r2(reached, e.close * np.exp(predicted)),
        "price_r2_random_walk": metrics.level_r2(reached, e.close),
        "return_r2": metrics.r2(realised, predicted, zero),
        "return_r2_historical_mean": metrics.r2(realised, past, zero),
        "clark_west_p": metrics.clark_west(realised, predicted, zero, horizon=e.horizon)[1],
        "clark_west_p_historical_mean": metrics.clark_west(realised, predicted, past, horizon=e.horizon)[1],
        "diebold_mariano": statistic,
        "diebold_mariano_p": p,
    }


def direction_scores(e: Evidence) -> dict[str, Any]:
    """Of the sign, and of the probability that goes with it."""
    up = (e.realised > 0).astype(np.float64)
    accuracy, error = metrics.directional_accuracy(e.realised, e.champion.mean, horizon=e.horizon)
    right, confident = probability.confident_hits(up, e.champion.p_up, threshold=CONFIDENT)
    return {
        "directional_accuracy": accuracy,
        "directional_accuracy_se": error,
        "base_rate": metrics.base_rate(e.realised),
        "brier": probability.brier(up, e.champion.p_up),
        "brier_base_rate": probability.brier(up, e.past_rate),
        "log_score": probability.log_score(up, e.champion.p_up),
        "log_score_base_rate": probability.log_score(up, e.past_rate),
        "calibration_error": probability.expected_calibration_error(up, e.champion.p_up),
        "confident_right": right if math.isfinite(right) else None,
        "confident_n": confident,
    }


def interval_scores(e: Evidence) -> dict[str, Any]:
    """Of the 90 and the 50 % interval."""
    realised, said, quarter = e.realised, e.champion, min(QUARTER, len(e))
    return {
        "coverage_90": intervals.coverage(realised, said.lower_90, said.upper_90),
        "coverage_50": intervals.coverage(realised, said.lower_50, said.upper_50),
        "worst_coverage_63": intervals.worst_rolling_coverage(realised, said.lower_90, said.upper_90, window=quarter),
        "interval_score": intervals.interval_score(realised, said.lower_90, said.upper_90, nominal=COVERAGE),
        "interval_score_ewma": intervals.interval_score(realised, e.ewma_lower, e.ewma_upper, nominal=COVERAGE),
    }


def variance_scores(e: Evidence) -> dict[str, Any]:
    """Of the variance. Forecasts of a price that did not move at all are left out: the log is not finite."""
    moved = e.realised_variance > 0
    realised, said = e.realised_variance[moved], e.champion.vol[moved] ** 2
    made = {"qlike": volatility_scores.qlike(realised, said)}
    for model, name in VARIANCE_BASELINES.items():
        beside = e.variances[model][moved]
        made[f"qlike_{name}"] = volatility_scores.qlike(realised, beside)
        made[f"variance_r2_{name}"] = volatility_scores.variance_r2(realised, said, beside)
    return made


def column(table: pd.DataFrame, name: str) -> Floats:
    """A column as an array."""
    return table[name].to_numpy(dtype=np.float64)
