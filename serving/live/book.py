"""One ticker's bars while they grow: what has closed, the bar of the session under way, and which ticks count.

Plain state without a clock or a connection, made of nothing but the bars it began with and the ticks since, so that
whoever folds the same ticks has the same book. What to make of the bars is `serving.live.desk`'s work.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from quant.bars import CLOSE, Bars
from quant.faults import faults
from quant.features import WINDOW
from quant.sessions import SessionCalendar
from serving.live.ticks import Tick

# A window for the features, and room for a release that ends well before the market's present.
KEPT: Final = 3 * WINDOW
# The closing auction prints seconds after the bell.
AUCTION: Final = timedelta(minutes=1)
# After its close, how long a session's ticks may still be on their way: delayed feeds lag by a quarter of an hour.
GRACE: Final = timedelta(minutes=20)
# A busy ticker's trades of two minutes or so: feeds that repeat themselves do so within seconds.
NUMBERS_KEPT: Final = 4_096
# The tape halts a stock long before its price has doubled or halved between two trades.
LARGEST_STEP: Final = 2.0


class Taken(enum.Enum):
    """What became of a tick."""

    COUNTED = "counted"
    OUT_OF_ORDER = "out_of_order"  # range and volume count, the last price stays
    DUPLICATE = "duplicate"
    FORGOTTEN = "forgotten"  # so old that it can't be told from a duplicate any more
    UNCONFIRMED = "unconfirmed"  # over twice the price before it, or under half: waits for another to say the same
    LATE = "late"  # its session has closed
    OUT_OF_HOURS = "out_of_hours"  # before its session's open, or later than the closing auction
    CROSSED = "crossed"  # somebody bids more than somebody else asks: its quote is from two moments
    BAD_PRICE = "bad_price"  # or size, split or dividend
    NO_SESSION = "no_session"  # the exchange doesn't trade that day, or the calendar doesn't reach it
    UNKNOWN_TICKER = "unknown_ticker"


class Hours(NamedTuple):
    """A session and when its exchange opens and closes."""

    session: np.datetime64
    opens: datetime
    closes: datetime


@dataclass(slots=True)
class OpenBar:
    """The bar of a session under way, as the ticks so far have made it; prices and shares as in `quant.bars.Bars`.

    `first` and `at` are the times of the oldest and the newest tick, whose prices are open and close; of ticks of one
    time the first to arrive is the older one. `ticks` counts all of them.
    """

    hours: Hours
    open: float
    high: float
    low: float
    close: float
    first: datetime
    at: datetime
    volume: float = 0.0
    split: float = 1.0
    dividend: float = 0.0
    ticks: int = 0

    @classmethod
    def begin(cls, tick: Tick, hours: Hours) -> OpenBar:
        """The bar of a session from which only `tick` is known, and not counted yet."""
        price = tick.price
        return cls(hours, price, price, price, price, first=tick.at, at=tick.at)

    @property
    def session(self) -> np.datetime64:
        """Its exchange's date."""
        return self.hours.session

    def add(self, tick: Tick) -> Taken:
        """Count a tick of this session."""
        self.ticks += 1
        self.high, self.low = max(self.high, tick.price), min(self.low, tick.price)
        self.volume += tick.size
        self.split *= tick.split
        self.dividend += tick.dividend
        if tick.at < self.first:
            self.first, self.open = tick.at, tick.price
        if tick.at < self.at:
            return Taken.OUT_OF_ORDER
        self.at, self.close = tick.at, tick.price
        return Taken.COUNTED

    def bar(self) -> Bars:
        """The bar so far, as one row."""
        ohlcv = np.array([[self.open, self.high, self.low, self.close, self.volume]])
        return Bars(np.array([self.session]), ohlcv, np.array([self.split]), np.array([self.dividend]))


@dataclass(slots=True)
class Gate:
    """Which ticks of one session have been there, as far back as memory goes, and which one waits to be confirmed.

    The newest `NUMBERS_KEPT` numbers are remembered. Beyond them, a tick no newer than the newest one forgotten may be
    its repetition, and is refused: memory is bounded, and no trade counts twice.
    """

    session: np.datetime64
    held: Tick | None = None
    _numbers: set[int] = field(default_factory=set)
    _order: deque[tuple[int, datetime]] = field(default_factory=deque)
    _forgotten: datetime | None = None

    def admit(self, tick: Tick) -> Taken:
        """Whether the tick is a new one; if so it is remembered."""
        if tick.number in self._numbers:
            return Taken.DUPLICATE
        if self._forgotten is not None and tick.at <= self._forgotten:
            return Taken.FORGOTTEN
        self._numbers.add(tick.number)
        self._order.append((tick.number, tick.at))
        if len(self._order) > NUMBERS_KEPT:
            number, at = self._order.popleft()
            self._numbers.remove(number)
            self._forgotten = at if self._forgotten is None else max(self._forgotten, at)
        return Taken.COUNTED

    def confirmed(self, tick: Tick, *, expected: float) -> list[Tick]:
        """What counts now that `tick` has come, where a price near `expected` would surprise nobody.

        A price that is out of reach is held back. It counts together with the next tick if that one is near it, and was
        a slip if not. The official bar at the close has the last word either way.
        """
        held, self.held = self.held, None
        if _is_near(tick.price, expected):
            return [tick]
        if held is not None and _is_near(tick.price, held.price):
            return [held, tick]
        self.held = tick
        return []


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
        self._gate = Gate(self._released)
        self._hours: tuple[str, Hours | None] = ("", None)
        self._whole: bool | None = None
        self._frame: Bars | None = None

    @property
    def last(self) -> np.datetime64:
        """The newest session that has closed."""
        last: np.datetime64 = self.closed.session[-1]
        return last

    @property
    def whole(self) -> bool:
        """Whether every session since the release has its bar; over a hole, returns would be wrong."""
        if self._whole is None:
            sessions = self._calendar.between(self._released, self.last if self.open is None else self.open.session)
            known = len(self.closed.after(self._released)) + (self.open is not None) + 1
            self._whole = known == len(sessions)
        return self._whole

    def rebase(self, bars: Bars, calendar: SessionCalendar) -> None:
        """Stand on a new release's bars, and keep what is later than them."""
        self._released, self._calendar = bars.session[-1], calendar
        self.closed = bars[-KEPT:].append(self.closed.after(self._released))[-KEPT:]
        if self.open is not None and self.open.session <= self._released:
            self.open = None
        self._hours = ("", None)
        self._forget()

    def ends_with(self, tick: Tick) -> bool:
        """Whether a tick that can be believed shows that the session under way is over, though nobody said so."""
        return self.is_over(tick.session) and self._check(tick) is Taken.COUNTED

    def is_over(self, session: str) -> bool:
        """Whether `session` is one of the exchange's, and later than the one under way."""
        later = self._hours_of(session)
        return self.open is not None and later is not None and bool(later.session > self.open.session)

    def is_past(self, now: datetime) -> bool:
        """Whether at market time `now` nothing of the session under way can be on its way any more."""
        return self.open is not None and now >= self.open.hours.closes + GRACE

    def fold(self, tick: Tick) -> Taken:
        """Count a tick, of the session under way or, if there is none, of a later one than has closed."""
        if (refused := self._check(tick)) is not Taken.COUNTED:
            return refused
        hours = self._hours_of(tick.session)
        assert hours is not None
        if hours.session != self._gate.session:
            self._gate = Gate(hours.session)
        if (refused := self._gate.admit(tick)) is not Taken.COUNTED:
            return refused
        expected = self.closed.close[-1] / tick.split if self.open is None else self.open.close
        taken = Taken.UNCONFIRMED
        for counted in self._gate.confirmed(tick, expected=float(expected)):
            if self.open is None:
                self.open = OpenBar.begin(counted, hours)
                self._forget()
            taken = self.open.add(counted)
        return taken

    def check_close(self, bar: Bars) -> Taken:
        """Whether `close` can take the feed's word for how a session ended."""
        session = bar.session[-1]
        if self._is_late(session):
            return Taken.LATE
        if session not in self._calendar:
            return Taken.NO_SESSION
        # Behind the bar before it, whose close bounds what a dividend can pay.
        return Taken.BAD_PRICE if faults(self._before(session).append(bar)) else Taken.COUNTED

    def close(self, bar: Bars) -> None:
        """Put the session's final bar, one row later than all before, among the closed ones."""
        self.closed = self.closed.append(bar)[-KEPT:]
        self.open = None
        self._forget()

    def window(self) -> Bars:
        """The last window of bars, the one under way included."""
        if self.open is None:
            return self.closed[-WINDOW:]
        bar, frame = self.open, self._frame
        if frame is None or frame.split[-1] != bar.split or frame.dividend[-1] != bar.dividend:
            frame = self._frame = self.closed[-(WINDOW - 1) :].append(bar.bar())
        # All but the newest row stays for a session; somebody may still be reading the last window's.
        ohlcv = frame.ohlcv.copy()
        ohlcv[-1] = bar.open, bar.high, bar.low, bar.close, bar.volume
        return Bars(frame.session, ohlcv, frame.split, frame.dividend)

    def _forget(self) -> None:
        """What was worked out from bars that are others now."""
        self._whole, self._frame = None, None

    def _check(self, tick: Tick) -> Taken:
        """What can be said of a tick by itself."""
        hours = self._hours_of(tick.session)
        if hours is None:
            return Taken.LATE if self._is_late(np.datetime64(tick.session, "D")) else Taken.NO_SESSION
        if self._is_late(hours.session):
            return Taken.LATE
        if not hours.opens <= tick.at <= hours.closes + AUCTION:
            return Taken.OUT_OF_HOURS
        if not self._is_sound(tick, hours.session):
            return Taken.BAD_PRICE
        if tick.bid is not None and tick.ask is not None and tick.bid > tick.ask:
            return Taken.CROSSED
        return Taken.COUNTED

    def _hours_of(self, session: str) -> Hours | None:
        """When a session trades; None if it is none of the exchange's. The newest answer is kept."""
        if self._hours[0] != session:
            day, hours = np.datetime64(session, "D"), None
            if day in self._calendar:
                row = self._calendar.index(day)
                hours = Hours(day, _utc(self._calendar.open_utc[row]), _utc(self._calendar.close_utc[row]))
            self._hours = (session, hours)
        return self._hours[1]

    def _is_late(self, session: np.datetime64) -> bool:
        if self.open is not None:
            return bool(session < self.open.session)
        return bool(session <= self.last)

    def _before(self, session: np.datetime64) -> Bars:
        """The bar that `session` follows, as one row."""
        if self.open is not None and self.open.session < session:
            return self.open.bar()
        return self.closed[-1:]

    def _is_sound(self, tick: Tick, session: np.datetime64) -> bool:
        """Whether its numbers can be counted; comparisons that NaN fails too."""
        traded = 0 < tick.price < np.inf and 0 <= tick.size < np.inf
        if not traded or (tick.split == 1.0 and tick.dividend == 0.0):
            return traded
        before = float(self._before(session).ohlcv[0, CLOSE])
        return 0 < tick.split < np.inf and 0 <= tick.dividend * tick.split < before


def _is_near(price: float, other: float) -> bool:
    return other / LARGEST_STEP <= price <= other * LARGEST_STEP


def _utc(moment: np.datetime64) -> datetime:
    found: datetime = moment.astype("datetime64[s]").item()
    return found.replace(tzinfo=UTC)
