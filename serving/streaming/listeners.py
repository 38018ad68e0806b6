"""One client's side of the stream: what it asked for, and how far it has been told. Nothing waits here for anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final, Protocol

from serving.messages import LiveMessage
from serving.protocol import CHANNELS, Channel
from serving.streaming.frames import Watcher

EVERYTHING: Final = frozenset(Channel)


class Subscription:
    """What a listener wants to hear; equal ones are told by the same frames.

    Parameters
    ----------
    tickers : collection of str, optional
        None means every one. What concerns no ticker is heard by all who have its channel.
    channels : collection of Channel
    """

    __slots__ = ("_hash", "channels", "kinds", "tickers")

    def __init__(self, tickers: Collection[str] | None = None, channels: Collection[Channel] = EVERYTHING) -> None:
        self.tickers = None if tickers is None else frozenset(tickers)
        self.channels = frozenset(channels)
        # Looked up for every message: a type hashes much faster than a member of an enum.
        self.kinds = frozenset(kind for kind, channel in CHANNELS.items() if channel in self.channels)
        self._hash = hash((self.tickers, self.kinds))

    def wants(self, message: LiveMessage) -> bool:
        """Whether the message is for this listener."""
        if type(message) not in self.kinds:
            return False
        if self.tickers is None:
            return True
        ticker = getattr(message, "ticker", None)
        return ticker is None or ticker in self.tickers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subscription) and (self.tickers, self.kinds) == (other.tickers, other.kinds)

    def __hash__(self) -> int:
        return self._hash


class Connection(Protocol):
    """The way to one client; `serving.streaming.frames.FrameProtocol` is one. None of it waits but `room`."""

    watcher: Watcher | None

    @property
    def is_full(self) -> bool:
        """Whether more waits for the client than should."""

    def write(self, frame: bytes) -> None:
        """Send a whole frame, however much waits; nothing if the connection is over."""

    def end(self, code: int, reason: str) -> None:
        """Close with a code."""

    async def room(self) -> None:
        """Wait until the client takes more, or is gone."""


class Keeper(Protocol):
    """Who looks after listeners; `serving.streaming.hub.Hub` does."""

    def fell_behind(self, listener: Listener) -> None:
        """The listener's connection is full."""

    def caught_up(self, listener: Listener) -> None:
        """It takes more again."""


class Listener:
    """One client.

    Attributes
    ----------
    connection : Connection
    subscription : Subscription or None
        None before it has subscribed.
    seq : int
        That of the last frame with news that it was sent.
    place : int
        While it is behind: that of the last entry of the history that it was told or that was not for it.
    """

    __slots__ = ("_keeper", "connection", "deadline", "place", "seq", "subscription")

    def __init__(self, connection: Connection, keeper: Keeper) -> None:
        self.connection = connection
        self.subscription: Subscription | None = None
        self.seq = 0
        self.place = 0
        self.deadline: asyncio.TimerHandle | None = None
        self._keeper = keeper

    def full(self) -> None:
        """Told by the connection."""
        self._keeper.fell_behind(self)

    def drained(self) -> None:
        """Told by the connection."""
        self._keeper.caught_up(self)

    def expect(self, deadline: asyncio.TimerHandle | None) -> None:
        """Have one thing at most hang over the listener: the new deadline in place of the old one, or none."""
        if self.deadline is not None:
            self.deadline.cancel()
        self.deadline = deadline
