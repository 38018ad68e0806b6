"""What the graph asks of a source of market data, and what the sources share. Who is chosen: `sources.catalogue`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np

from quant.bars import Bars
from stock_assets.errors import DataEmpty, UnknownTicker


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where bars came from: the source's name and, inside it, the file or data set."""

    source: str
    origin: str


@dataclass(frozen=True, slots=True, eq=False)
class Fetched:
    """Bars as the vendor has them, not yet checked, with their provenance."""

    bars: Bars
    provenance: Provenance


class MarketData(Protocol):
    """A source of daily bars."""

    def tickers(self) -> tuple[str, ...]:
        """Every ticker it carries, sorted."""
        ...

    def fetch(self, ticker: str, start: date | None = None, end: date | None = None) -> Fetched:
        """The ticker's bars from `start` through `end`, both included; None leaves that side open.

        Raises
        ------
        SourceError
            Naming what was expected; it concerns this ticker only.
        """
        ...


def between(bars: Bars, start: date | None, end: date | None, *, ticker: str) -> Bars:
    """The bars from `start` through `end`; `DataEmpty` if there are none. Keeps the order that they came in."""
    wanted = np.ones(len(bars), dtype=bool)
    if start is not None:
        wanted &= bars.session >= np.datetime64(start)
    if end is not None:
        wanted &= bars.session <= np.datetime64(end)
    if not wanted.any():
        has = f"; its {len(bars)} bars are of {bars.session.min()} to {bars.session.max()}" if len(bars) else ""
        span = f"from {start or 'the start'} to {end or 'the end'}"
        raise DataEmpty(f"{ticker}: too short: expected bars {span}, got none{has}")
    return Bars(bars.session[wanted], bars.ohlcv[wanted], bars.split[wanted], bars.dividend[wanted])


def known(ticker: str, tickers: tuple[str, ...]) -> str:
    """The ticker itself; `UnknownTicker` naming those there are if it isn't among them."""
    if ticker not in tickers:
        listed = ", ".join(tickers[:20]) + (f" and {len(tickers) - 20} more" if len(tickers) > 20 else "")
        raise UnknownTicker(f"ticker: expected one of {listed or 'none'}, got {ticker}")
    return ticker
