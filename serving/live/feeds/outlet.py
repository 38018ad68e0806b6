"""The way from a feed to the stream of ticks: sent until taken, with a sign of life at least once a second.

What is sent twice, because the answer got lost, the engine leaves out by its number.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final

import structlog
from msgspec import MsgspecError
from redis.asyncio import Redis

from serving.backoff import Backoff
from serving.live import bus
from serving.live.status import FeedStatus
from serving.live.ticks import Beat, FeedEvent, decode, encode
from serving.messages import FeedState

SENT_AT_ONCE: Final = 500
BEAT_SECONDS: Final = 1.0
# Changes of state that wait while Redis is away; the oldest are of no use to anyone.
CHANGES_KEPT: Final = 16
# More seconds than it takes an engine to take over.
BEATS_KEPT: Final = 10
LOOKED_AT_ONCE: Final = 100

log = structlog.get_logger()


class Outlet:
    """Writes one feed's events.

    Of beats that say the same only the newest stay: a market that is shut for a week doesn't push its last ticks out of
    the stream. They stay long enough for an engine that takes over to hear those that the one before it has heard.

    Parameters
    ----------
    redis_url : str
    market : str
        The feed's run.
    now : callable
        The feed's own time, for beats.
    sentence : callable, optional
        What a beat says where the state has no reason of its own.

    Attributes
    ----------
    status : FeedStatus
    """

    def __init__(
        self, redis_url: str, *, market: str, now: Callable[[], datetime], sentence: Callable[[], str] = lambda: ""
    ) -> None:
        self.market = market
        self.status = FeedStatus()
        self._redis_url = redis_url
        self._now = now
        self._sentence = sentence
        self._backoff = Backoff(longest_seconds=bus.LONGEST_WAIT_SECONDS)
        self._reason = ""
        self._changes: deque[tuple[FeedState, str]] = deque(maxlen=CHANGES_KEPT)
        self._beat_due = 0.0
        self._beats_there: deque[bytes] = deque()

    def move(self, state: FeedState, reason: str = "") -> bool:
        """The feed's connection has changed; whether it has. The next `send` tells it."""
        self._reason = reason
        moved = self.status.move(state)
        if moved:
            self._changes.append((state, reason))
        return moved

    def connection(self) -> AbstractAsyncContextManager[Redis]:
        """A client to give to `send`."""
        return bus.connection(self._redis_url)

    async def open(self) -> FeedEvent | None:
        """Make the stream ready: what another market left in it goes.

        Returns
        -------
        FeedEvent or None
            The newest that the stream holds of this market, beats aside; None if the market begins.
        """
        async with self.connection() as client:
            newest = await _newest(client)
            if newest is None or newest.market != self.market:
                # Trimmed rather than deleted: the ids of the entries go on rising.
                await client.xtrim(bus.TICKS, maxlen=0, approximate=False)
                return None
            return newest

    async def send(self, client: Redis, events: Sequence[FeedEvent]) -> None:
        """Send the events, and behind them the beats that are due, until they have been taken."""
        while True:
            bus.heed_cancellation()
            try:
                await self._try(client, events)
            except bus.GONE as error:
                wait = self._backoff.seconds()
                log.warning("feed_backing_off", error=str(error), seconds=round(wait, 3))
                await asyncio.sleep(wait)
            else:
                self._backoff.reset()
                return

    def seconds_until_beat(self) -> float:
        """How long until `send` has a beat to send; at most 0 if it has one now."""
        return 0.0 if self._changes else self._beat_due - time.monotonic()

    async def idle(self, client: Redis, seconds: float) -> None:
        """Let the time pass, with its beats."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            until_beat = self.seconds_until_beat()
            if until_beat <= 0:
                await self.send(client, ())
            else:
                await asyncio.sleep(min(left, until_beat))

    async def _try(self, client: Redis, events: Sequence[FeedEvent]) -> None:
        changes = list(self._changes)
        beats = self._beats(changes)
        async with client.pipeline(transaction=False) as pipeline:
            for event in (*events, *beats):
                pipeline.xadd(bus.TICKS, {"event": encode(event)}, maxlen=bus.TICKS_KEPT, approximate=True)
            if beats and not changes and len(self._beats_there) >= BEATS_KEPT:
                pipeline.xdel(bus.TICKS, self._beats_there[0])
            answers: list[Any] = await pipeline.execute()
        for _ in changes:
            self._changes.popleft()
        if beats:
            self._note(answers[len(events) + len(beats) - 1], changed=bool(changes))

    def _note(self, beat: bytes, *, changed: bool) -> None:
        """A beat is there, under this id; those before a change stay."""
        if changed:
            self._beats_there.clear()
        elif len(self._beats_there) >= BEATS_KEPT:
            self._beats_there.popleft()
        self._beats_there.append(beat)
        self._beat_due = time.monotonic() + BEAT_SECONDS

    def _beats(self, changes: Sequence[tuple[FeedState, str]]) -> list[Beat]:
        if not changes and self.seconds_until_beat() > 0:
            return []
        said = changes or [(self.status.state, self._reason)]
        at = self._now()
        return [
            Beat(market=self.market, at=at, state=state, detail=reason or self._sentence()) for state, reason in said
        ]


async def _newest(client: Redis) -> FeedEvent | None:
    """The newest event on the stream, of whichever market, that is no beat."""
    before = "+"
    while True:
        entries: Any = await client.xrevrange(bus.TICKS, max=before, count=LOOKED_AT_ONCE)
        for _, fields in entries:
            event = _event(fields)
            if event is not None and not isinstance(event, Beat):
                return event
        if not entries:
            return None
        before = f"({entries[-1][0].decode()}"


def _event(fields: dict[bytes, bytes]) -> FeedEvent | None:
    try:
        event: FeedEvent = decode(fields[b"event"])
    except (MsgspecError, KeyError):
        return None
    return event
