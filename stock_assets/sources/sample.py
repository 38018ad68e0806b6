"""Real daily bars out of the bundled sample data set: four tickers from 2000 to 2013 and one that is too young."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Final

import numpy as np

from quant.bars import COLUMNS, Bars, actions_from_adjusted_close
from stock_assets.sources.market_data import Fetched, Provenance, between, known

TICKERS: Final = ("AAPL", "FB", "GOOG", "IBM", "MSFT")


class Sample:
    """The stocks of the `bokeh_sampledata` wheel: raw prices; splits and dividends read back from adjusted closes."""

    def tickers(self) -> tuple[str, ...]:
        """AAPL, FB, GOOG, IBM and MSFT."""
        return TICKERS

    def fetch(self, ticker: str, start: date | None = None, end: date | None = None) -> Fetched:
        """The ticker's bars; see `MarketData.fetch`."""
        bars = _bars(known(ticker, TICKERS))
        return Fetched(between(bars, start, end, ticker=ticker), _provenance())


@cache
def _bars(ticker: str) -> Bars:
    from bokeh_sampledata import stocks  # parses its files when imported

    table = getattr(stocks, ticker)
    ohlcv = np.column_stack([np.asarray(table[name], dtype=np.float64) for name in COLUMNS])
    split, dividend = actions_from_adjusted_close(ohlcv[:, 3], np.asarray(table["adj_close"], dtype=np.float64))
    return Bars(np.array(table["date"], dtype="datetime64[D]"), ohlcv, split, dividend)


@cache
def _provenance() -> Provenance:
    from importlib.metadata import version

    return Provenance(source="sample", origin=f"bokeh_sampledata {version('bokeh_sampledata')}")
