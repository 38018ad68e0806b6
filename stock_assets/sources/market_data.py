"""What the graph asks of a source of market data, and what the sources share. Who is chosen: `sources.catalogue`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import numpy as np

from quant.bars import Bars, Floats
from quant.faults import Rule
from stock_assets.errors import DataEmpty, UnknownTicker


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where bars came from.

    Attributes
    ----------
    source : str
        The source's name.
    origin : str
        Inside the source: the file, data set or address.
    sha256 : tuple of str
        Hex digest of each raw response or file that the bars were read from, in the order they were asked for;
        empty for a bundled data set, whose version `origin` names.
    """

    source: str
    origin: str
    sha256: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A row that a source delivered and that is no bar; it is kept in the quarantine, never dropped.

    Attributes
    ----------
    rule : Rule
        What it breaks.
    session : str
        ISO date, or the cell as it came where that is no date.
    field, value, expected : str
        ``field`` holds ``value`` where ``expected`` was due.
    row : str
        The whole row as it came: a JSON object by column.
    """

    rule: Rule
    session: str
    field: str
    value: str
    expected: str
    row: str

    def __str__(self) -> str:
        return f"{self.session} {self.field}: expected {self.expected}, got {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A split and a dividend of a refused row, which stand at the next bar.

    Attributes
    ----------
    session, onto : datetime64[D]
        Of the refused row and of that bar.
    split : float
        By which the bar's own split was multiplied.
    dividend : float
        Which was added to its own dividend: on the share count of `onto`.
    """

    session: np.datetime64
    onto: np.datetime64
    split: float
    dividend: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Fetched:
    """What a source has of a ticker.

    Attributes
    ----------
    bars : Bars
        As traded, ascending, one a session, every row sound by itself (`stock_assets.sources.rows.admit`). Stretches
        of history are not judged yet.
    provenance : Provenance
    refused : tuple of Refused
        The rows that are no bars.
    merged : int
        How many rows were left out because they said the same as another one.
    adjusted_close : (n,) float64, optional
        The vendor's own adjusted closes where it has them: evidence to check actions by, never a price to use.
    notes : tuple of str
        What a person should know, a line each: columns that were not understood, a date format that was inferred.
    carried : tuple of Carried
        What the bars have of the refused rows' splits and dividends.
    """

    bars: Bars
    provenance: Provenance
    refused: tuple[Refused, ...] = ()
    merged: int = 0
    adjusted_close: Floats | None = field(default=None)
    notes: tuple[str, ...] = ()
    carried: tuple[Carried, ...] = ()


class NothingUsable(DataEmpty):
    """Rows without a single bar among them; `fetched` has them, and where they came from."""

    def __init__(self, message: str, *, fetched: Fetched) -> None:
        super().__init__(message)
        self.fetched = fetched


class MarketData(Protocol):
    """A source of daily bars."""

    @property
    def remote(self) -> bool:
        """Whether asking costs a vendor's request: a refresh then asks for what is missing and an overlap only."""
        ...

    def tickers(self) -> tuple[str, ...]:
        """Every ticker of a closed source, sorted; of an open one those to start with."""
        ...

    def require(self, ticker: str) -> None:
        """Return if the source carries the ticker.

        Raises
        ------
        UnknownTicker
            Naming what it does carry, or what the vendor answered.
        SourceError
            If that can't be found out now.
        """
        ...

    def fetch(self, ticker: str, start: date | None = None, end: date | None = None) -> Fetched:
        """The ticker's bars from `start` through `end`, both included; None leaves that side open.

        Raises
        ------
        SourceError
            Naming what was expected; it concerns this ticker only. `DataEmpty` if there is no bar in the range.
        """
        ...


def between(fetched: Fetched, start: date | None, end: date | None, *, ticker: str) -> Fetched:
    """The part of it from `start` through `end`; `DataEmpty` if no bar is in there.

    Refused rows go by their date too; one whose date can't be read is kept.
    """
    bars = fetched.bars
    wanted = np.ones(len(bars), dtype=bool)
    if start is not None:
        wanted &= bars.session >= np.datetime64(start)
    if end is not None:
        wanted &= bars.session <= np.datetime64(end)
    if not wanted.any():
        has = f"; its {len(bars)} bars are of {bars.session.min()} to {bars.session.max()}" if len(bars) else ""
        span = f"from {start or 'the start'} to {end or 'the end'}"
        told = f"{ticker}: too short: expected bars {span}, got none{has}"
        if fetched.refused and not len(bars):
            raise NothingUsable(
                f"{told}; {len(fetched.refused)} rows are no bars, the first: {fetched.refused[0]}", fetched=fetched
            )
        raise DataEmpty(told)
    adjusted = fetched.adjusted_close
    return Fetched(
        bars=Bars(bars.session[wanted], bars.ohlcv[wanted], bars.split[wanted], bars.dividend[wanted]),
        provenance=fetched.provenance,
        refused=tuple(row for row in fetched.refused if _within(row.session, start, end)),
        merged=fetched.merged,
        adjusted_close=None if adjusted is None else adjusted[wanted],
        notes=fetched.notes,
        carried=tuple(one for one in fetched.carried if one.onto in bars.session[wanted]),
    )


def _within(session: str, start: date | None, end: date | None) -> bool:
    try:
        day = date.fromisoformat(session)
    except ValueError:
        return True
    return (start is None or day >= start) and (end is None or day <= end)


def known(ticker: str, tickers: tuple[str, ...]) -> str:
    """The ticker itself; `UnknownTicker` naming those there are if it isn't among them."""
    if ticker not in tickers:
        listed = ", ".join(tickers[:20]) + (f" and {len(tickers) - 20} more" if len(tickers) > 20 else "")
        raise UnknownTicker(f"ticker: expected one of {listed or 'none'}, got {ticker}")
    return ticker
