"""Real daily bars out of the bundled sample data set: four tickers from 2000 to 2013 and one that is too young."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Final

import numpy as np

from quant.bars import COLUMNS
from stock_assets.sources.market_data import Fetched, Provenance, between, known
from stock_assets.sources.rows import Rows, admit

TICKERS: Final = ("AAPL", "FB", "GOOG", "IBM", "MSFT")


class Sample:
    """The stocks of the `bokeh_sampledata` wheel: raw prices; splits and dividends read back from adjusted closes."""

    remote: Final = False

    def tickers(self) -> tuple[str, ...]:
        """AAPL, FB, GOOG, IBM and MSFT."""
        return TICKERS

    def require(self, ticker: str) -> None:
        """Return for one of `tickers`; see `MarketData.require`."""
        known(ticker, TICKERS)

    def fetch(self, ticker: str, start: date | None = None, end: date | None = None) -> Fetched:
        """The ticker's bars; see `MarketData.fetch`."""
        return between(_whole(known(ticker, TICKERS)), start, end, ticker=ticker)


@cache
def _whole(ticker: str) -> Fetched:
    from bokeh_sampledata import stocks  # parses its files when imported

    table = getattr(stocks, ticker)
    rows = Rows(
        session=np.array(table["date"], dtype="datetime64[D]"),
        ohlcv=np.column_stack([np.asarray(table[name], dtype=np.float64) for name in COLUMNS]),
        adjusted_close=np.asarray(table["adj_close"], dtype=np.float64),
    )
    return admit(rows, provenance=_provenance())


@cache
def _provenance() -> Provenance:
    from importlib.metadata import version

    return Provenance(source="sample", origin=f"bokeh_sampledata {version('bokeh_sampledata')}")
