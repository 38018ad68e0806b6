"""Where tests find real market data: beside the checkout if at all, and in a public-domain wheel everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quant.bars import COLUMNS, Bars, actions_from_adjusted_close

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_data(name: str) -> Path:
    """A file of the shared market data; skips the calling test where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"expected the shared market data at ../shared/data/{name}, found none")
    return path


def sample_bars(ticker: str) -> Bars:
    """Real daily bars out of the sample-data wheel: AAPL, GOOG, IBM, MSFT (2000-2013) or FB (2012-13)."""
    from bokeh_sampledata import stocks

    table = getattr(stocks, ticker)
    ohlcv = np.column_stack([np.asarray(table[name], dtype=np.float64) for name in COLUMNS])
    split, dividend = actions_from_adjusted_close(ohlcv[:, 3], np.asarray(table["adj_close"], dtype=np.float64))
    return Bars(np.array(table["date"], dtype="datetime64[D]"), ohlcv, split, dividend)


def bigtech_bars(ticker: str) -> Bars:
    """Real daily bars of AAPL, AMZN, GOOGL, MSFT or TSLA up to 2022, from the shared market data."""
    import pandas as pd

    table = pd.read_csv(shared_data("bigtech5_daily_1980_2022.csv.gz"))
    rows = table[table["ticker"] == ticker]
    ohlcv = rows[list(COLUMNS)].to_numpy(dtype=np.float64)
    split, dividend = actions_from_adjusted_close(ohlcv[:, 3], rows["adj_close"].to_numpy(dtype=np.float64))
    return Bars(rows["date"].to_numpy(dtype="datetime64[D]"), ohlcv, split, dividend)
