"""Daily bars from Yahoo, by yfinance, brought back to how they were traded.

Yahoo restates prices, volumes and dividends for every split to this day. What its answers look like is
`vendor.yahoo_chart`'s, how yfinance is held `vendor.yfinance_history`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from quant.bars import Floats
from quant.basis import Basis, as_traded, basis, later_splits
from stock_assets.calendars import NEW_YORK, exchange_of
from stock_assets.settings import PipelineSettings
from stock_assets.sources.market_data import Fetched, Provenance, between
from stock_assets.sources.rows import Rows, admit
from stock_assets.sources.vendors.response_cache import Answer
from stock_assets.sources.vendors.transport import Pace, Transport
from stock_assets.sources.vendors.universe import START
from stock_assets.sources.vendors.yahoo_chart import VENDOR, bars_chart, chart, has_adjusted_closes, left_out

# Yahoo's oldest series, an index, begins with 1928.
EARLIEST: Final = date(1927, 12, 30)
# Past today's session wherever the exchange is.
AHEAD: Final = timedelta(days=2)
# An exchange stays in its time zone.
ZONE_FRESH_FOR: Final = timedelta(days=30)
LOOKUP: Final = {"range": "1d", "interval": "1d"}
SHARE_CLASS: Final = re.compile(r"(?P<name>[A-Z]+)\.(?P<share>[A-Z])")


class Yahoo:
    """Stocks, funds and crypto pairs; no keys.

    Parameters
    ----------
    settings : PipelineSettings
    pace : Pace, optional
        Time, waiting and chance; the machine's own by default.
    """

    remote: Final = True

    def __init__(self, settings: PipelineSettings, *, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        # Yahoo turns away whoever doesn't shake hands like a browser.
        self._transport = Transport(
            VENDOR, base_url=settings.yahoo_url, settings=settings, pace=self._pace, browser="chrome"
        )

    def tickers(self) -> tuple[str, ...]:
        """The tickers to start with; Yahoo has nearly every other one too."""
        return START

    def require(self, ticker: str) -> None:
        """Return if Yahoo has a chart of the ticker, for one small request; see `MarketData.require`."""
        symbol = symbol_of(ticker)
        self._transport.get(
            f"/v8/finance/chart/{symbol}",
            LOOKUP,
            about=ticker,
            accept=lambda answer: chart(answer, ticker=ticker, symbol=symbol),
        )

    def fetch(self, ticker: str, start: date | None = None, end: date | None = None) -> Fetched:
        """The ticker's bars; see `MarketData.fetch`.

        Yahoo is asked through today whatever `end` is: every later split has restated what came before it.
        """
        from stock_assets.sources.vendors.yfinance_history import history

        symbol, answers = symbol_of(ticker), []

        def ask(path: str, params: Mapping[str, str]) -> Answer:
            answers.append(self._chart(path, params, ticker=ticker, symbol=symbol))
            return answers[-1]

        today = self._pace.clock.now().date()
        restated = history(symbol, start=start or EARLIEST, end=today + AHEAD, ask=ask)
        series = bars_chart(answers[-1], ticker=ticker, symbol=symbol)
        provenance = Provenance(source=VENDOR, origin=str(answers[-1].address), sha256=(answers[-1].sha256,))
        return between(_fetched(restated, series, provenance), start, end, ticker=ticker)

    def _chart(self, path: str, params: Mapping[str, str], *, ticker: str, symbol: str) -> Answer:
        if params == LOOKUP:
            # Asked by yfinance before every history, for the exchange's time zone.
            return self._transport.get(
                path,
                params,
                about=ticker,
                accept=lambda answer: chart(answer, ticker=ticker, symbol=symbol),
                fresh_for=ZONE_FRESH_FOR,
            )
        return self._transport.get(
            path, params, about=ticker, accept=lambda answer: bars_chart(answer, ticker=ticker, symbol=symbol)
        )


def symbol_of(ticker: str) -> str:
    """Yahoo's name for a ticker: a class of shares has a hyphen, BRK-B for BRK.B; OCDO.L is London's and stays."""
    share = SHARE_CLASS.fullmatch(ticker)
    return f"{share['name']}-{share['share']}" if share and exchange_of(ticker) == NEW_YORK else ticker


def _fetched(restated: Rows, series: dict[str, Any], provenance: Provenance) -> Fetched:
    """The bars as traded, with what yfinance doesn't show of the answer in the notes."""
    columns = restated.columns()
    close, split, dividend = columns["close"], columns["split"], columns["dividend"]
    rows = replace(
        restated,
        ohlcv=as_traded(restated.ohlcv, split),
        dividend=dividend * later_splits(split),
        # Where Yahoo says none, yfinance repeats the closes.
        adjusted_close=restated.adjusted_close if has_adjusted_closes(series) else None,
    )
    notes = [*left_out(series, bars=int(np.isfinite(close).sum())), *_unlike(close, split)]
    return admit(rows, provenance=provenance, notes=notes)


def _unlike(close: Floats, split: Floats) -> list[str]:
    """A note if prices that should be restated for splits jump at them."""
    sound = np.isfinite(close) & (close > 0)
    found = basis(close[sound], split[sound])
    if found in (Basis.SPLIT_ADJUSTED, Basis.UNKNOWN):
        return []
    return [f"splits: expected prices that are restated for all of them, got {found.value}"]
