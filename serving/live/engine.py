"""The engine: reads ticks, hands them to the floor, and publishes what comes back.

One loop does everything in turn, so that a tick, a new release and a heartbeat never meet half way. When ticks have
piled up it takes in all of them and computes once a ticker; only a session's close is never passed over.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import structlog
from msgspec import MsgspecError

from release.audit import AuditLog
from release.clock import Clock, SystemClock
from release.reader import Release
from release.store import Store
from serving.live import bus
from serving.live.floor import Floor
from serving.live.outbox import Outbox
from serving.live.releases import ReleaseFollower
from serving.live.status import Counts, FeedStatus
from serving.live.ticks import decode
from serving.messages import FeedState, StatusMessage

HEARTBEAT_SECONDS: Final = 1.0

log = structlog.get_logger()


class Engine:
    """Turns ticks into prices, predictions and signals until it is cancelled.

    Parameters
    ----------
    release : Release
        What to begin with; a newer one in `store` is taken up between two ticks.
    store : Store
    audit : AuditLog
    redis_url : str
    silence_seconds : float
        After how long without a tick the feed counts as stale.
    clock : Clock, optional
        For heartbeats and latencies; the market's time comes with the ticks.
    """

    def __init__(
        self,
        release: Release,
        *,
        store: Store,
        audit: AuditLog,
        redis_url: str,
        silence_seconds: float,
        clock: Clock | None = None,
    ) -> None:
        self.outbox = Outbox()
        self.counts = Counts()
        self.status = FeedStatus()
        self.floor = Floor(release, audit, self.counts)
        self._releases = ReleaseFollower(store, release.manifest.release_id)
        self._redis_url = redis_url
        self._silence_seconds = silence_seconds
        self._clock = clock or SystemClock()
        self._read_through = bus.FIRST_READ
        self._heartbeat_at = 0.0
        self._heard_at = 0.0

    async def run(self) -> None:
        """Work until cancelled. Redis may come and go: the engine waits and goes on with the tick after the last."""
        backoff = bus.Backoff()
        while True:
            try:
                async with bus.connection(self._redis_url, blocking=True) as client:
                    await self._introduce(client)
                    while True:
                        await self._turn(client)
                        backoff.reset()
            except bus.GONE as error:
                self.status.move(FeedState.BACKING_OFF)
                wait = backoff.seconds()
                log.warning("engine_backing_off", error=str(error), seconds=round(wait, 3))
                await asyncio.sleep(wait)
                self.status.move(FeedState.CONNECTING)

    async def _introduce(self, client: Any) -> None:
        """Tell a server that may know nothing where everything stands."""
        self._heard_at = _time()
        self.outbox.write_whole()
        self._say(heard=False)
        await self.outbox.flush(client)

    async def _turn(self, client: Any) -> None:
        """Read what there is, take it in, say what follows from it."""
        until_heartbeat = self._heartbeat_at + HEARTBEAT_SECONDS - _time()
        entries = await bus.read(client, bus.TICKS, after=self._read_through, seconds=until_heartbeat)
        if (release := await self._releases.newer()) is not None:
            log.info("release_taken_up", release_id=release.manifest.release_id, before=self._release_id())
            self.floor.adopt(release)
        for entry_id, fields in entries:
            self._take(entry_id, fields)
        self._say(heard=bool(entries))
        await self.outbox.flush(client)
        if entries:
            arrived = int(entries[0][0].partition("-")[0])
            self.counts.latency(1000 * self._clock.now().timestamp() - arrived)

    def _take(self, entry_id: str, fields: dict[bytes, bytes]) -> None:
        try:
            event = decode(fields[b"event"])
        except (MsgspecError, KeyError) as error:
            log.warning("tick_unreadable", entry=entry_id, error=str(error))
        else:
            self.floor.take(event)
        self._read_through = entry_id

    def _say(self, *, heard: bool) -> None:
        """Put everything new into the outbox, and the status if it has changed or a heartbeat is due."""
        for message in self.floor.say():
            self.outbox.put(message)
        if heard:
            self._heard_at = _time()
        moved = self.status.move(self._state(heard=heard))
        if moved or _time() >= self._heartbeat_at + HEARTBEAT_SECONDS:
            self._heartbeat_at = _time()
            self.outbox.put(self._status())

    def _state(self, *, heard: bool) -> FeedState:
        if self.floor.ended:
            return FeedState.CLOSED
        if heard:
            return FeedState.LIVE
        return FeedState.STALE if _time() - self._heard_at > self._silence_seconds else self.status.state

    def _status(self) -> StatusMessage:
        return StatusMessage(
            feed=self.status.state,
            at=self._clock.now(),
            release_id=self._release_id(),
            detail=self.counts.sentence(),
        )

    def _release_id(self) -> str:
        return self.floor.release.manifest.release_id


def _time() -> float:
    return asyncio.get_running_loop().time()
