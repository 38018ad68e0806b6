"""Tables of out-of-sample forecasts, written by hand: for tests that say what every number has to come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from stock_assets.learning.scores import Evidence, evidence
from stock_assets.learning.walk_forward import Model

Column = float | Sequence[float] | np.ndarray
FORECAST = {
    "mean": 0.001,
    "vol": 0.01,
    "p_up": 0.5,
    "lower_90": -0.02,
    "lower_50": -0.01,
    "upper_50": 0.01,
    "upper_90": 0.02,
}


def days(first: str, count: int) -> np.ndarray:
    """So many days one after the other, weekends too."""
    return np.datetime64(first, "D") + np.arange(count)


def oos_table(
    realised: Sequence[float] | np.ndarray,
    said: Mapping[Model, Mapping[str, Column]] | None = None,
    *,
    ticker: str = "IBM",
    horizon: int = 1,
    date: np.ndarray | None = None,
    realised_variance: Sequence[float] | np.ndarray | None = None,
) -> pd.DataFrame:
    """`oos_predictions` of one ticker; every model says `FORECAST`, but for what `said` has of it."""
    realised = np.asarray(realised, dtype=np.float64)
    date = days("2020-01-01", len(realised)) if date is None else date
    tables = []
    for model in Model:
        columns = {
            "ticker": ticker,
            "date": date.astype("datetime64[s]"),
            "horizon": horizon,
            "target_date": (date + horizon).astype("datetime64[s]"),
            "model": model.value,
            **FORECAST,
            **(said or {}).get(model, {}),
            "realised": realised,
            "realised_variance": realised**2 if realised_variance is None else realised_variance,
        }
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True).sort_values(["date", "model"], ignore_index=True)


def closes(table: pd.DataFrame, price: Column = 100.0) -> pd.Series:
    """An adjusted close for every session of the table."""
    return pd.Series(price, index=pd.DatetimeIndex(table["date"].unique()), dtype=np.float64)


def hand_made(
    realised: Sequence[float] | np.ndarray, *said: Mapping[Model, Mapping[str, Column]], **more: object
) -> Evidence:
    """The evidence of `oos_table`, whose arguments these are."""
    table = oos_table(realised, *said, **more)  # type: ignore[arg-type]
    return evidence(table, horizon=int(table["horizon"].iloc[0]), close=closes(table), trials=3)
