"""The WebSocket stream's fan-out: what each listener asked for, what it was sent, and what it missed.

Knows no Redis: `serving.follower` brings what the live engine says. The frames are in `serving.messages`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
import structlog

from serving.errors import Invalid
from serving.latest import Latest
from serving.messages import (
    LiveMessage,
    PredictionMessage,
    PriceMessage,
    SignalMessage,
    StatusMessage,
    encode,
)
from serving.metrics import Metrics
from serving.protocol import (
    CHANNELS,
    PROTOCOL,
    Channel,
    Delta,
    ErrorCode,
    Frame,
    Hello,
    Ping,
    Pong,
    Refused,
    Snapshot,
    Stale,
    Subscribe,
    decode_request,
)

# A listener this many frames behind is better served by one snapshot than by all of them.
MOST_WAITING: Final = 64
# Nobody who reads at all takes this long for one frame.
SEND_SECONDS: Final = 20.0
TRY_AGAIN_LATER: Final = 1013

log = structlog.get_logger()


class Disconnected(Exception):
    """The other side of a connection has gone."""


class Connection(Protocol):
    """One WebSocket, as `serving.routes.stream` opens it. Both of its ways raise `Disconnected`."""

    async def receive(self) -> str | bytes:
        """The next frame that the client sends."""

    async def send(self, frame: str) -> None:
        """Send a text frame; returns when the transport takes more."""

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye."""


class Subscription(msgspec.Struct, frozen=True):
    """What a listener wants to hear; None means every ticker. The feed's status is everybody's."""

    tickers: frozenset[str] | None = None
    channels: frozenset[Channel] = frozenset(Channel)

    def wants(self, message: LiveMessage) -> bool:
        """Whether the message is for this listener."""
        if CHANNELS[type(message)] not in self.channels:
            return False
        return self.tickers is None or getattr(message, "ticker", None) in (None, *self.tickers)


class Listener:
    """One connection's side of the stream: its subscription and the frames that wait for it.

    Attributes
    ----------
    seq : int
        What the last frame put here told up to.
    """

    def __init__(self) -> None:
        self.subscription = Subscription()
        self.seq = 0
        self.behind = False
        self._waiting: deque[str] = deque()
        self._news = asyncio.Event()

    def put(self, frame: str, *, seq: int) -> None:
        """Let a frame wait to be sent; with too many waiting, all are dropped and `behind` says so."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
            self.behind = True
        if not self.behind:
            self._waiting.append(frame)
            self.seq = seq
        self._news.set()

    async def news(self) -> None:
        """Wait until there is something to send."""
        await self._news.wait()

    def take(self) -> str | None:
        """The next frame to send, None if there is none."""
        if self._waiting:
            return self._waiting.popleft()
        self._news.clear()
        return None


class Hub:
    """All listeners of this process.

    Lives on the event loop. Frames are encoded once for all listeners that want the same and stand at the same place.

    Parameters
    ----------
    latest : Latest
        What a snapshot tells.
    metrics : Metrics

    Attributes
    ----------
    epoch : str or None
        The engine's run that `seq` counts in; None before an engine has spoken.
    seq : int
        The number of the engine's newest message known here.
    """

    def __init__(self, latest: Latest, metrics: Metrics) -> None:
        self.latest = latest
        self.metrics = metrics
        self.epoch: str | None = None
        self.seq = 0
        self._listeners: set[Listener] = set()
        self._told_stale: str | None = None

    # What the follower and the reloader tell.

    def restart(self, *, epoch: str | None, seq: int) -> None:
        """The newest state was read whole: count from here, and tell everybody all of it."""
        self.epoch, self.seq, self._told_stale = epoch, seq, None
        self.announce()

    def publish(self, messages: Sequence[LiveMessage], *, seq: int) -> None:
        """Tell what is new, up to the engine's message number `seq`."""
        if self._told_stale is not None:
            self.restart(epoch=self.epoch, seq=seq)
            return
        self.seq = seq
        made: dict[tuple[Subscription, int], str | None] = {}
        for listener in self._listeners:
            key = (listener.subscription, listener.seq)
            if key not in made:
                wanted = tuple(message for message in messages if listener.subscription.wants(message))
                made[key] = _encoded(Delta(seq=seq, prev=listener.seq, messages=wanted)) if wanted else None
            frame = made[key]
            if frame is not None:
                listener.put(frame, seq=seq)

    def announce(self) -> None:
        """Tell everybody everything: a release was installed, or the engine began anew."""
        made: dict[Subscription, str] = {}
        for listener in self._listeners:
            if listener.subscription not in made:
                made[listener.subscription] = _encoded(self._snapshot(listener.subscription))
            listener.put(made[listener.subscription], seq=self.seq)

    def stale(self, reason: str) -> None:
        """Tell everybody, once, that there is no news to be had."""
        if self._told_stale is None:
            self._told_stale = reason
            for listener in self._listeners:
                self._put(listener, self._stale(listener, reason))

    # What a connection does.

    async def serve(self, connection: Connection) -> None:
        """Greet a connection, tell it everything, keep it up to date until it ends."""
        listener = Listener()
        greeting = Hello(protocol=PROTOCOL, epoch=self.epoch, seq=self.seq, release_id=self.latest.release_id)
        self._put(listener, greeting)
        self._tell_all(listener)
        self._listeners.add(listener)
        self.metrics.listeners(len(self._listeners))
        sending = asyncio.create_task(self._send(connection, listener), name="send")
        hearing = asyncio.create_task(self._hear(connection, listener), name="hear")
        try:
            ended, _ = await asyncio.wait((sending, hearing), return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                await task
        except Disconnected:
            pass
        finally:
            self._listeners.discard(listener)
            self.metrics.listeners(len(self._listeners))
            for task in (sending, hearing):
                task.cancel()
            await asyncio.gather(sending, hearing, return_exceptions=True)

    async def _send(self, connection: Connection, listener: Listener) -> None:
        """Send what waits, until the listener reads nothing more."""
        while True:
            await listener.news()
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    while (frame := listener.take()) is not None:
                        await connection.send(frame)
            except TimeoutError:
                log.warning("listener_dropped", reason=f"no frame taken within {SEND_SECONDS:g} s")
                await connection.close(TRY_AGAIN_LATER, "too slow: no frame was taken for too long")
                return
            if listener.behind:
                self.metrics.conflated()
                listener.behind = False
                self._tell_all(listener)

    async def _hear(self, connection: Connection, listener: Listener) -> None:
        """Answer what the client sends."""
        while True:
            frame = await connection.receive()
            try:
                request = decode_request(frame)
            except msgspec.MsgspecError as error:
                self._put(listener, Refused(code=ErrorCode.MALFORMED, field="frame", message=_expected(error)))
                continue
            if isinstance(request, Ping):
                self._put(listener, Pong(seq=listener.seq))
            else:
                self._subscribe(listener, request)

    def _subscribe(self, listener: Listener, request: Subscribe) -> None:
        """Change what the listener hears and tell it all of that; a ticker that nobody serves is refused by name."""
        view = self.latest.view if self.latest.release_id else None
        known = tuple(view.release.tickers) if view else ()
        unknown = [name for name in request.tickers or () if name not in known]
        if unknown:
            invalid = Invalid("tickers", ", ".join(unknown[:20]), f"some of {', '.join(known) or 'none'}")
            self._put(listener, Refused(code=ErrorCode.UNKNOWN_TICKER, field=invalid.field, message=str(invalid)))
            return
        listener.subscription = Subscription(
            tickers=None if request.tickers is None else frozenset(request.tickers),
            channels=frozenset(Channel) if request.channels is None else frozenset(request.channels),
        )
        self._tell_all(listener)

    def _tell_all(self, listener: Listener) -> None:
        """A snapshot for one listener, and that it may be out of date if it may."""
        listener.put(_encoded(self._snapshot(listener.subscription)), seq=self.seq)
        if self._told_stale is not None:
            self._put(listener, self._stale(listener, self._told_stale))

    def _put(self, listener: Listener, frame: Frame) -> None:
        """A frame that tells nothing new leaves the listener's place where it is."""
        listener.put(_encoded(frame), seq=listener.seq)

    def _stale(self, listener: Listener, reason: str) -> Stale:
        since = self.latest.arrived_at or self.latest.clock.now()
        return Stale(seq=listener.seq, since=since, reason=reason)

    def _snapshot(self, subscription: Subscription) -> Snapshot:
        wanted = [message for message in self.latest.messages() if subscription.wants(message)]
        return Snapshot(
            epoch=self.epoch,
            seq=self.seq,
            release_id=self.latest.release_id,
            prices=tuple(message for message in wanted if isinstance(message, PriceMessage)),
            predictions=tuple(message for message in wanted if isinstance(message, PredictionMessage)),
            signals=tuple(message for message in wanted if isinstance(message, SignalMessage)),
            portfolio=None,
            alerts=(),
            status=next((message for message in wanted if isinstance(message, StatusMessage)), None),
        )


def _encoded(frame: Frame) -> str:
    # Text frames are made of str: decoding once here saves it for every listener.
    return encode(frame).decode()


def _expected(error: msgspec.MsgspecError) -> str:
    """What is wrong with a frame, and what one looks like."""
    return f'expected {{"type": "subscribe", ...}} or {{"type": "ping"}}, got: {error}'
