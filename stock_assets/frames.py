"""Bars and data sets as the tables that the lake keeps, and back. Both ways are exact."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from quant.bars import COLUMNS, Bars
from quant.features import NAMES, VOLATILITY, column
from stock_assets.learning.dataset import Dataset

PRICE_COLUMNS: Final = {
    "ticker": "as the source has it",
    "date": "the exchange's session",
    "open": "currency per share, as traded",
    "high": "currency per share, as traded",
    "low": "currency per share, as traded",
    "close": "currency per share, as traded",
    "volume": "shares, as traded",
    "split": "new shares per old one, in force from this open; 1 where there was none",
    "dividend": "cash per share of this day's count, by ex-date; 0 where there was none",
}


def price_table(bars: Bars, *, ticker: str) -> pd.DataFrame:
    """A row a session: ticker, date, open, high, low, close, volume, split, dividend; as traded."""
    table = pd.DataFrame(bars.ohlcv, columns=list(COLUMNS))
    table.insert(0, "ticker", ticker)
    table.insert(1, "date", bars.session.astype("datetime64[ms]"))
    return table.assign(split=bars.split, dividend=bars.dividend)


def bars_of(prices: pd.DataFrame) -> Bars:
    """The bars that `price_table` took."""
    return Bars(
        prices["date"].to_numpy().astype("datetime64[D]"),
        np.ascontiguousarray(prices[list(COLUMNS)].to_numpy(dtype=np.float64)),
        prices["split"].to_numpy(dtype=np.float64),
        prices["dividend"].to_numpy(dtype=np.float64),
    )


def feature_frame(data: Dataset) -> pd.DataFrame:
    """A row a session: ticker, date, target_date, adjusted close, target (log return), then every feature."""
    table = pd.DataFrame(data.X, columns=list(NAMES))
    head: dict[str, Any] = {
        "ticker": data.ticker,
        "date": data.session.astype("datetime64[ms]"),
        "target_date": data.target_session.astype("datetime64[ms]"),
        "adjusted_close": data.close,
        "target": data.target,
    }
    for place, (name, values) in enumerate(head.items()):
        table.insert(place, name, values)
    return table


def dataset_of(features: pd.DataFrame, *, horizon: int) -> Dataset:
    """The data set that `feature_frame` took."""
    X = np.ascontiguousarray(features[list(NAMES)].to_numpy(dtype=np.float64))
    return Dataset(
        ticker=str(features["ticker"].iloc[0]),
        horizon=horizon,
        session=features["date"].to_numpy().astype("datetime64[D]"),
        target_session=features["target_date"].to_numpy().astype("datetime64[D]"),
        X=X,
        volatility=np.ascontiguousarray(X[:, column(VOLATILITY)]),
        close=features["adjusted_close"].to_numpy(dtype=np.float64),
        target=features["target"].to_numpy(dtype=np.float64),
    )
