"""What one client may ask of the stream, how fast, and who is let in at all.

Behind a proxy the address is the client's as the proxy tells it (uvicorn believes only proxies it was told to).
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Collection
from typing import Final

# A whole message, text and headers of fragments apart: a subscription to `MOST_TICKERS` fits many times.
MOST_MESSAGE_BYTES: Final = 65_536
MOST_TICKERS: Final = 1_000

# Requests: so many at once, so many a second after that. Who goes on after the warning is closed.
REQUESTS_AT_ONCE: Final = 20
REQUESTS_PER_SECOND: Final = 5.0
REQUESTS_TOO_MANY: Final = 20
MALFORMED_IN_A_ROW: Final = 10

# A connection that never says what it wants, and one that takes nothing any more.
SUBSCRIBE_SECONDS: Final = 30.0
SLOW_SECONDS: Final = 10.0

# What a client that was turned away is told to wait at least, with as much again left to chance.
PAUSE_SECONDS: Final = 5.0


class Verdict(enum.Enum):
    """What becomes of a request."""

    ANSWER = "answer"
    WARN = "warn"
    IGNORE = "ignore"
    CLOSE = "close"


class Pace:
    """How fast one connection asks: a bucket of requests that fills up with time.

    Parameters
    ----------
    now : float
        Seconds of any clock that only goes forward.
    """

    __slots__ = ("_left", "_since", "_warned")

    def __init__(self, now: float) -> None:
        self._left = float(REQUESTS_AT_ONCE)
        self._since = now
        self._warned = False

    def spend(self, now: float) -> Verdict:
        """A request came."""
        filled = self._left + REQUESTS_PER_SECOND * (now - self._since)
        self._left, self._since = min(filled, float(REQUESTS_AT_ONCE)) - 1.0, now
        if self._left >= 0.0:
            self._warned = False
            return Verdict.ANSWER
        if self._left < -REQUESTS_TOO_MANY:
            return Verdict.CLOSE
        if self._warned:
            return Verdict.IGNORE
        self._warned = True
        return Verdict.WARN


class Refusal(enum.Enum):
    """Why a connection is not let in."""

    ORIGIN = "origin"
    DRAINING = "draining"
    FULL = "full"
    ADDRESS_FULL = "address_full"


class Doors:
    """Who is let in: counts the sockets of each address, and knows whose pages may open one.

    Parameters
    ----------
    most : int
        Sockets in all.
    most_per_address : int
    origins : collection of str
        Origins of other sites' pages that are let in, as ``https://example.org``.
    """

    def __init__(self, *, most: int = 10_000, most_per_address: int = 100, origins: Collection[str] = ()) -> None:
        self.most = most
        self.most_per_address = most_per_address
        self.closed = False
        self._origins = frozenset(origins)
        self._inside: Counter[str] = Counter()
        self._total = 0

    def refusal(self, address: str, *, origin: str | None, host: str | None) -> Refusal | None:
        """Why a connection can't come in, None if it can."""
        if not self._welcome(origin, host):
            return Refusal.ORIGIN
        if self.closed:
            return Refusal.DRAINING
        if self._total >= self.most:
            return Refusal.FULL
        if self._inside[address] >= self.most_per_address:
            return Refusal.ADDRESS_FULL
        return None

    def enter(self, address: str) -> None:
        """A connection came in."""
        self._inside[address] += 1
        self._total += 1

    def leave(self, address: str) -> None:
        """It has gone."""
        self._total -= 1
        self._inside[address] -= 1
        if not self._inside[address]:
            del self._inside[address]

    def _welcome(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of `origin` may listen to us, who were asked for as `host`; programs have no origin."""
        if origin is None or origin in self._origins:
            return True
        # Whatever claims to be an origin: one that is none can't be taken apart by its rules.
        return host is not None and host != "" and origin.lower().partition("://")[2] == host.lower()
