"""What a vendor's stream is to the socket loop: what to say on it, and what to make of what it says.

Plain state without a connection, so that a recorded session is read as a live one is.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from msgspec import MsgspecError

from release.clock import Clock
from release.reader import Release
from serving.live.feeds.hours import Hours
from serving.live.ticks import Tick

# A trade further ahead of our clock than this is not a trade: it would close the session before it.
LARGEST_LEAD: Final = timedelta(minutes=1)

log = structlog.get_logger()


class Heard(enum.Enum):
    """What became of a message; each member is a rule by which a trade is used or left out."""

    TICK = "tick"
    QUOTE = "quote"  # stands beside the ticker's next trades
    VOLUME_ONLY = "volume_only"  # its price doesn't count: its shares go with the ticker's next trade
    OUT_OF_HOURS = "out_of_hours"  # by the vendor's word or by the release's calendar
    REPEATED = "repeated"
    AHEAD = "ahead_of_the_clock"
    NOT_ASKED = "unknown_ticker"
    REVOKED = "corrected_or_cancelled"  # a trade of before: what has been said of it stays until the official bar
    CONTROL = "control"  # about the connection
    PASSED_OVER = "passed_over"  # bars, statuses: nothing that the engine needs
    UNREADABLE = "unreadable"


# What reading a frame may raise, whatever is in it: no JSON, no UTF-8, another structure, lists within lists for ever.
UNREADABLE: Final = (MsgspecError, ValueError, RecursionError)
# What a person wants to see beside the state.
NOTABLE: Final = (Heard.AHEAD, Heard.NOT_ASKED, Heard.REVOKED, Heard.UNREADABLE)


class Refused(Exception):
    """The vendor won't serve us as we are; `seconds` is how long to leave it alone, None for the usual time."""

    def __init__(self, reason: str, *, seconds: float | None = None) -> None:
        self.seconds = seconds
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Said:
    """What follows from a frame: ticks for the engine, answers for the vendor.

    A frame of which nothing is `understood` breaks no silence: who only raves says nothing.
    """

    ticks: list[Tick] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    understood: bool = True


RAVING: Final = Said(understood=False)


class Dialect(Protocol):
    """One vendor's way to talk.

    Attributes
    ----------
    counts : Counter of Heard
        Every message there has been.
    """

    counts: Counter[Heard]

    def begin(self) -> list[bytes]:
        """A connection is up: what to say first."""
        ...

    @property
    def subscribed(self) -> bool:
        """Whether the vendor is going to send what was asked for."""
        ...

    def heartbeat(self) -> list[bytes]:
        """What to say from time to time."""
        ...

    def hear(self, frame: bytes) -> Said:
        """Read a frame, text or binary; what in it can't be read is counted.

        Raises
        ------
        Refused
            If the frame says that this connection is of no use.
        """
        ...


class Instruments:
    """The tickers that a feed brings.

    Parameters
    ----------
    symbols : mapping of str to str
        The tickers by the vendor's symbols.
    hours : mapping of str to Hours
        Of each ticker.
    """

    def __init__(self, symbols: Mapping[str, str], hours: Mapping[str, Hours]) -> None:
        self.symbols = tuple(symbols)
        self.tickers = tuple(symbols.values())
        self.hours = hours
        self._ticker_of = dict(symbols)

    @classmethod
    def of(cls, release: Release, symbols: Mapping[str, str]) -> Instruments:
        """With the hours that the release has for these tickers."""
        by_exchange = {exchange: Hours(calendar) for exchange, calendar in release.calendars.items()}
        return cls(symbols, {ticker: by_exchange[release.tickers[ticker].exchange] for ticker in symbols.values()})

    def ticker(self, symbol: str) -> str | None:
        """The release's name for the vendor's symbol; None if it was not asked for."""
        return self._ticker_of.get(symbol)

    def session(self, ticker: str, at: datetime, clock: Clock) -> str | Heard:
        """The session of a trade at `at`, or the rule that leaves it out."""
        if at > clock.now() + LARGEST_LEAD:
            return Heard.AHEAD
        return self.hours[ticker].session(at) or Heard.OUT_OF_HOURS


def unreadable(counts: Counter[Heard], error: Exception, frame: bytes) -> None:
    """Count what can't be read; logged the first time and then ever more seldom, or it would be a flood of its own."""
    counts[Heard.UNREADABLE] += 1
    so_far = counts[Heard.UNREADABLE]
    if so_far & (so_far - 1) == 0:
        log.warning("frame_unreadable", error=str(error), begins=frame[:80].decode(errors="replace"), so_far=so_far)


def sentence(counts: Counter[Heard]) -> str:
    """What has been heard, for a person."""
    heard = [f"{counts[Heard.TICK]} ticks", *(f"{counts[rule]} {rule.value}" for rule in NOTABLE if counts[rule])]
    return ", ".join(heard)
