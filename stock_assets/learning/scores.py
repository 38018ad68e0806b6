"""The scores of `oos_predictions`, each beside the baseline that it has to be read against."""

from __future__ import annotations

import numpy as np
import pandas as pd

from quant import intervals, metrics, probability
from quant.bars import Floats
from release.manifest import TickerMetrics
from stock_assets.learning.errors import LearningError
from stock_assets.learning.walk_forward import Model


def by_model(table: pd.DataFrame, model: Model) -> pd.DataFrame:
    """One model's rows with a known outcome, in date order."""
    rows = table[(table["model"] == model.value) & table["realised"].notna()]
    return rows.sort_values("date", ignore_index=True)


def ticker_metrics(table: pd.DataFrame, *, close: pd.Series) -> TickerMetrics:
    """The champion's scores.

    Parameters
    ----------
    table : DataFrame
        One ticker's `oos_predictions`.
    close : Series
        Close adjusted for splits and dividends, by session; price levels are built on it.

    Raises
    ------
    LearningError
        If no forecast's outcome is known yet.
    """
    champion, mean = by_model(table, Model.CHAMPION), by_model(table, Model.HISTORICAL_MEAN)
    if champion.empty:
        raise LearningError("oos_predictions: expected at least one champion row with a known outcome, got none")
    horizon = int(champion["horizon"].iloc[0])
    realised, predicted = _column(champion, "realised"), _column(champion, "mean")
    zero, up = np.zeros(len(realised)), (realised > 0).astype(np.float64)
    accuracy, standard_error = metrics.directional_accuracy(realised, predicted)
    level = close.loc[champion["date"]].to_numpy(dtype=np.float64)
    _, clark_west_p = metrics.clark_west(realised, predicted, zero, horizon=horizon)
    return TickerMetrics(
        n=len(champion),
        first=str(champion["date"].iloc[0].date()),
        last=str(champion["date"].iloc[-1].date()),
        price_r2=metrics.level_r2(level * np.exp(realised), level * np.exp(predicted)),
        price_r2_random_walk=metrics.level_r2(level * np.exp(realised), level),
        return_r2=metrics.r2(realised, predicted, zero),
        return_r2_historical_mean=metrics.r2(realised, _column(mean, "mean"), zero),
        clark_west_p=clark_west_p,
        directional_accuracy=accuracy,
        directional_accuracy_se=standard_error,
        base_rate=metrics.base_rate(realised),
        coverage_90=intervals.coverage(realised, _column(champion, "lower_90"), _column(champion, "upper_90")),
        brier=probability.brier(up, _column(champion, "p_up")),
        brier_base_rate=probability.brier(up, _column(mean, "p_up")),
    )


def _column(table: pd.DataFrame, name: str) -> Floats:
    return table[name].to_numpy(dtype=np.float64)
