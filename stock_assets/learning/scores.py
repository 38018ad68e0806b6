"""The scores of `oos_predictions`, each beside the baseline that it has to be read against."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pandas as pd

from quant import intervals, metrics, probability, volatility_scores
from quant.bars import Floats
from quant.forecast import COVERAGE
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


def by_model(table: pd.DataFrame, model: Model, *, horizon: int) -> pd.DataFrame:
    """One model's rows of one horizon with a known outcome, in date order."""
    wanted = (table["model"] == model.value) & (table["horizon"] == horizon) & table["realised"].notna()
    return table[wanted].sort_values("date", ignore_index=True)


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
        If no forecast's outcome is known yet.
    """
    rows = {model: by_model(table, model, horizon=horizon) for model in Model}
    champion = rows[Model.CHAMPION]
    if champion.empty:
        raise LearningError("oos_predictions: expected at least one champion row with a known outcome, got none")
    return TickerMetrics(
        n=len(champion),
        first=str(champion["date"].iloc[0].date()),
        last=str(champion["date"].iloc[-1].date()),
        trials=trials,
        **_mean_scores(rows, close.loc[champion["date"]].to_numpy(dtype=np.float64), horizon=horizon),
        **_direction_scores(rows, horizon=horizon),
        **_interval_scores(rows),
        **_variance_scores(rows),
    )


def _mean_scores(rows: dict[Model, pd.DataFrame], level: Floats, *, horizon: int) -> dict[str, Any]:
    """Of returns and of the price level."""
    champion, past = rows[Model.CHAMPION], column(rows[Model.HISTORICAL_MEAN], "mean")
    realised, predicted = column(champion, "realised"), column(champion, "mean")
    zero = np.zeros(len(realised))
    statistic, p = metrics.diebold_mariano((realised - predicted) ** 2, (realised - past) ** 2, horizon=horizon)
    return {
        "price_r2": metrics.level_r2(level * np.exp(realised), level * np.exp(predicted)),
        "price_r2_random_walk": metrics.level_r2(level * np.exp(realised), level),
        "return_r2": metrics.r2(realised, predicted, zero),
        "return_r2_historical_mean": metrics.r2(realised, past, zero),
        "clark_west_p": metrics.clark_west(realised, predicted, zero, horizon=horizon)[1],
        "clark_west_p_historical_mean": metrics.clark_west(realised, predicted, past, horizon=horizon)[1],
        "diebold_mariano": statistic,
        "diebold_mariano_p": p,
    }


def _direction_scores(rows: dict[Model, pd.DataFrame], *, horizon: int) -> dict[str, Any]:
    """Of the sign, and of the probability that goes with it."""
    champion, past = rows[Model.CHAMPION], rows[Model.HISTORICAL_MEAN]
    realised, p_up, base = column(champion, "realised"), column(champion, "p_up"), column(past, "p_up")
    up = (realised > 0).astype(np.float64)
    accuracy, error = metrics.directional_accuracy(realised, column(champion, "mean"), horizon=horizon)
    right, confident = probability.confident_hits(up, p_up, threshold=CONFIDENT)
    return {
        "directional_accuracy": accuracy,
        "directional_accuracy_se": error,
        "base_rate": metrics.base_rate(realised),
        "brier": probability.brier(up, p_up),
        "brier_base_rate": probability.brier(up, base),
        "log_score": probability.log_score(up, p_up),
        "log_score_base_rate": probability.log_score(up, base),
        "calibration_error": probability.expected_calibration_error(up, p_up),
        "confident_right": right if math.isfinite(right) else None,
        "confident_n": confident,
    }


def _interval_scores(rows: dict[Model, pd.DataFrame]) -> dict[str, Any]:
    champion, ewma = rows[Model.CHAMPION], rows[Model.EWMA]
    realised, lower, upper = (column(champion, name) for name in ("realised", "lower_90", "upper_90"))
    quarter = min(QUARTER, len(realised))
    return {
        "coverage_90": intervals.coverage(realised, lower, upper),
        "coverage_50": intervals.coverage(realised, column(champion, "lower_50"), column(champion, "upper_50")),
        "worst_coverage_63": intervals.worst_rolling_coverage(realised, lower, upper, window=quarter),
        "interval_score": intervals.interval_score(realised, lower, upper, nominal=COVERAGE),
        "interval_score_ewma": intervals.interval_score(
            realised, column(ewma, "lower_90"), column(ewma, "upper_90"), nominal=COVERAGE
        ),
    }


def _variance_scores(rows: dict[Model, pd.DataFrame]) -> dict[str, Any]:
    """Sessions whose price did not move at all are left out: their variance's log is not finite."""
    realised = column(rows[Model.CHAMPION], "realised_variance")
    moved = realised > 0
    if not moved.any():
        raise LearningError("oos_predictions: expected sessions whose price moved, got none")
    variance = {model: column(rows[model], "vol")[moved] ** 2 for model in (Model.CHAMPION, *VARIANCE_BASELINES)}
    losses = {model: volatility_scores.qlike(realised[moved], said) for model, said in variance.items()}
    scores = {"qlike": losses[Model.CHAMPION]}
    for model, name in VARIANCE_BASELINES.items():
        scores[f"qlike_{name}"] = losses[model]
        scores[f"variance_r2_{name}"] = volatility_scores.variance_r2(
            realised[moved], variance[Model.CHAMPION], variance[model]
        )
    return scores


def column(table: pd.DataFrame, name: str) -> Floats:
    """A column as an array."""
    return table[name].to_numpy(dtype=np.float64)
