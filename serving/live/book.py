"""One ticker's bars while they grow: what has closed, the bar of the session under way, and which ticks count.

Plain state without a clock or a connection; what to make of the bars is `serving.live.desk`'s work.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np

from quant.bars import Bars
from quant.faults import faults
from quant.features import WINDOW
from quant.sessions import SessionCalendar
from serving.live.ticks import Tick

# A window for the features, and room for a release that ends well before the market's present.
KEPT: Final = 3 * WINDOW


class Taken(enum.Enum):
    """What became of a tick."""

    COUNTED = "counted"
    OUT_OF_ORDER = "out_of_order"  # range and volume count, the last price stays
    DUPLICATE = "duplicate"
    LATE = "late"  # its session has closed
    BAD_PRICE = "bad_price"  # or size, split or dividend
    NO_SESSION = "no_session"  # the exchange doesn't trade that day, or the calendar doesn't reach it
    UNKNOWN_TICKER = "unknown_ticker"


@dataclass(slots=True)
class OpenBar:
    """The bar of a session under way, as the ticks so far have made it; prices and shares as in `quant.bars.Bars`."""

    session: np.datetime64
    open: float
    high: float
    low: float
    close: float
    at: datetime
    first: int
    newest: int
    volume: float = 0.0
    split: float = 1.0
    dividend: float = 0.0
    numbers: set[int] = field(default_factory=set)

    @classmethod
    def begin(cls, tick: Tick) -> OpenBar:
        """The bar of a session from which only `tick` is known, and not counted yet."""
        session, price = np.datetime64(tick.session, "D"), tick.price
        return cls(session, price, price, price, price, tick.at, first=tick.number, newest=tick.number)

    def add(self, tick: Tick) -> Taken:
        """Count a tick of this session."""
        if tick.number in self.numbers:
            return Taken.DUPLICATE
        self.numbers.add(tick.number)
        self.high, self.low = max(self.high, tick.price), min(self.low, tick.price)
        self.volume += tick.size
        self.split *= tick.split
        self.dividend += tick.dividend
        if tick.number < self.first:
            self.first, self.open = tick.number, tick.price
        if tick.number < self.newest:
            return Taken.OUT_OF_ORDER
        self.newest, self.close, self.at = tick.number, tick.price, tick.at
        return Taken.COUNTED

    def bar(self) -> Bars:
        """The bar so far, as one row."""
        ohlcv = np.array([[self.open, self.high, self.low, self.close, self.volume]])
        return Bars(np.array([self.session]), ohlcv, np.array([self.split]), np.array([self.dividend]))


class Book:
    """One ticker's bars.

    Parameters
    ----------
    bars : Bars
        What has closed so far, as released; not empty.
    calendar : SessionCalendar
        Of the ticker's exchange.

    Attributes
    ----------
    closed : Bars
        The last `KEPT` bars that have closed.
    open : OpenBar or None
        The session under way.
    """

    def __init__(self, bars: Bars, calendar: SessionCalendar) -> None:
        self.closed = bars[-KEPT:]
        self.open: OpenBar | None = None
        self._calendar = calendar
        self._released: np.datetime64 = bars.session[-1]

    @property
    def last(self) -> np.datetime64:
        """The newest session that has closed."""
        last: np.datetime64 = self.closed.session[-1]
        return last

    @property
    def whole(self) -> bool:
        """Whether every session since the release has its bar; over a hole, returns would be wrong."""
        sessions = self._calendar.between(self._released, self.last if self.open is None else self.open.session)
        known = len(self.closed.after(self._released)) + (self.open is not None) + 1
        return bool(known == len(sessions))

    def rebase(self, bars: Bars, calendar: SessionCalendar) -> None:
        """Stand on a new release's bars, and keep what is later than them."""
        self._released, self._calendar = bars.session[-1], calendar
        self.closed = bars[-KEPT:].append(self.closed.after(self._released))[-KEPT:]
        if self.open is not None and self.open.session <= self._released:
            self.open = None

    def is_over(self, session: str) -> bool:
        """Whether news of `session` show that the one under way is over, though nobody said so."""
        later = np.datetime64(session, "D")
        return self.open is not None and bool(later > self.open.session) and later in self._calendar

    def fold(self, tick: Tick) -> Taken:
        """Count a tick, of the session under way or, if there is none, of a later one than has closed."""
        session = np.datetime64(tick.session, "D")
        if self._is_late(session):
            return Taken.LATE
        if not self._is_sound(tick):
            return Taken.BAD_PRICE
        if session not in self._calendar:
            return Taken.NO_SESSION
        if self.open is None:
            self.open = OpenBar.begin(tick)
        return self.open.add(tick)

    def check_close(self, bar: Bars) -> Taken:
        """Whether `close` can take the feed's word for how a session ended."""
        session = bar.session[-1]
        if self._is_late(session):
            return Taken.LATE
        if session not in self._calendar:
            return Taken.NO_SESSION
        # Behind the bar before it, whose close bounds what a dividend can pay.
        return Taken.BAD_PRICE if faults(self.closed[-1:].append(bar)) else Taken.COUNTED

    def close(self, bar: Bars) -> None:
        """Put the session's final bar, one row later than all before, among the closed ones."""
        self.closed = self.closed.append(bar)[-KEPT:]
        self.open = None

    def window(self) -> Bars:
        """The last window of bars, the one under way included."""
        if self.open is None:
            return self.closed[-WINDOW:]
        return self.closed[-(WINDOW - 1) :].append(self.open.bar())

    def _is_late(self, session: np.datetime64) -> bool:
        return bool(session <= self.last or (self.open is not None and session < self.open.session))

    def _is_sound(self, tick: Tick) -> bool:
        """Whether its numbers can be counted; comparisons that NaN fails too."""
        traded = 0 < tick.price < np.inf and 0 <= tick.size < np.inf
        adjusts = 0 < tick.split < np.inf and 0 <= tick.dividend * tick.split < self.closed.close[-1]
        return bool(traded and adjusts)
