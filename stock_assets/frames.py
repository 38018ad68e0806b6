"""Bars and data sets as the tables that the lake keeps, and back. Both ways are exact."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from quant.bars import COLUMNS, Bars
from quant.features import NAMES
from stock_assets.learning.dataset import History

TARGET_DATE: Final = "target_date_"
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


def feature_frame(rows: History) -> pd.DataFrame:
    """A row a session: ticker, date, adjusted close, its log return and range variance, target dates, every feature."""
    table = pd.DataFrame(rows.X, columns=list(NAMES))
    head: dict[str, Any] = {
        "ticker": rows.ticker,
        "date": rows.session.astype("datetime64[ms]"),
        "adjusted_close": rows.close,
        "log_return": rows.log_return,
        "range_variance": rows.range_variance,
        **{f"{TARGET_DATE}{horizon}": days.astype("datetime64[ms]") for horizon, days in rows.target_session.items()},
    }
    for place, (name, values) in enumerate(head.items()):
        table.insert(place, name, values)
    return table


def history_of(features: pd.DataFrame) -> History:
    """The history that `feature_frame` took."""
    dates = {int(name.removeprefix(TARGET_DATE)): name for name in features.columns if name.startswith(TARGET_DATE)}
    return History(
        ticker=str(features["ticker"].iloc[0]),
        session=features["date"].to_numpy().astype("datetime64[D]"),
        target_session={horizon: features[name].to_numpy().astype("datetime64[D]") for horizon, name in dates.items()},
        X=np.ascontiguousarray(features[list(NAMES)].to_numpy(dtype=np.float64)),
        close=features["adjusted_close"].to_numpy(dtype=np.float64),
        log_return=features["log_return"].to_numpy(dtype=np.float64),
        range_variance=features["range_variance"].to_numpy(dtype=np.float64),
    )
