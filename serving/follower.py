"""Following the live engine: its messages come over Redis, go into `Latest`, and out to everybody by the `Hub`.

The server answers without it; what it was told last stays, with its age, while Redis is away.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from msgspec import MsgspecError

from serving.latest import SILENCE_SECONDS
from serving.live import bus
from serving.messages import StatusMessage, decode
from serving.stream import Hub, Numbered

log = structlog.get_logger()


class Follower:
    """Brings one process of the server what the engine says.

    Parameters
    ----------
    redis_url : str
    hub : Hub
        Told of everything, and of silence.
    """

    def __init__(self, redis_url: str, hub: Hub) -> None:
        self._redis_url = redis_url
        self._hub = hub
        self._latest = hub.latest
        self._read_through = bus.FIRST_READ
        self._installed: str | None = None

    async def run(self) -> None:
        """Follow until cancelled. Redis may come and go."""
        backoff = bus.Backoff()
        while True:
            try:
                async with bus.connection(self._redis_url, blocking=True) as client:
                    await self._catch_up(client)
                    log.info("following", seq=self._hub.seq, epoch=self._hub.epoch)
                    while True:
                        await self._turn(client)
                        backoff.reset()
            except bus.GONE as error:
                self._latest.connected = False
                self._hub.stale(f"live feed: expected Redis to answer, got: {error}")
                wait = backoff.seconds()
                log.warning("follower_backing_off", error=str(error), seconds=round(wait, 3))
                await asyncio.sleep(wait)

    async def _catch_up(self, client: Any) -> None:
        """Take in the newest state whole; if no engine has spoken yet, wait for one."""
        state = await bus.state(client)
        self._read_through, self._installed = state.last, self._latest.release_id
        self._latest.connected = True
        if state.epoch is not None:
            messages = [decode(data) for data in state.messages]
            # Everything there is as old as the engine's last heartbeat, however recently it was read.
            said_at = next((message.at for message in messages if isinstance(message, StatusMessage)), None)
            for message in messages:
                self._latest.apply(message, at=said_at)
            self._hub.restart(epoch=state.epoch, seq=state.seq)
        self._look()

    async def _turn(self, client: Any) -> None:
        """Read what is new, take it in, tell it."""
        entries = await bus.read(client, bus.EVENTS, after=self._read_through, seconds=bus.BLOCK_SECONDS)
        if self._latest.release_id != self._installed:
            # What the release before did not carry was passed over.
            await self._catch_up(client)
            return
        news: list[Numbered] = []
        seq = self._hub.seq
        for entry_id, fields in entries:
            self._read_through = entry_id
            try:
                event = bus.event(fields)
                message = decode(event.data)
            except (MsgspecError, KeyError, ValueError) as error:
                log.warning("event_unreadable", entry=entry_id, error=str(error))
                continue
            if event.epoch == self._hub.epoch and event.seq <= seq:
                continue  # Sent twice, because its fate was unknown to the engine.
            if event.epoch != self._hub.epoch or event.seq != seq + 1:
                log.info("engine_began_anew", epoch=event.epoch, seq=event.seq, after=seq)
                await self._catch_up(client)
                return
            seq = event.seq
            if self._latest.apply(message):
                news.append(Numbered(event.seq, message))
        if entries:
            self._hub.publish(news, seq=seq)
        self._look()

    def _look(self) -> None:
        """Tell of silence where there is too much of it."""
        if self._latest.stale:
            self._hub.stale(f"live feed: expected news within {SILENCE_SECONDS:g} s, got none")
