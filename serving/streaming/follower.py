"""Following the live engine: its messages come over Redis, go into `Latest`, and out to everybody by the `Hub`.

The server answers without it; what it was told last stays, with its age, while Redis is away. Whatever goes missing on
the way (a gap, another run of the engine, a server that was restarted) is mended in one way: the newest state is read
whole, with the last events before it, so that signals and alerts among them are still told one by one.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any, Final

import structlog
from msgspec import MsgspecError

from serving.latest import SILENCE_SECONDS
from serving.live import bus
from serving.messages import StatusMessage, decode
from serving.streaming.hub import Hub, Numbered

# A few gateways that ask once a second at most are no load for a server that comes back, and all find it soon.
LONGEST_WAIT_SECONDS: Final = 1.0
# Between two tellings, as a share of what the first took, and at most.
PAUSE_SHARE: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 0.005
# Of the events before the newest state: as much as clients may have missed while this process was started again.
EVENTS_READ_BACK: Final = 5_000

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
        while True:
            try:
                async with bus.connection(self._redis_url, blocking=True) as client:
                    await self._catch_up(client)
                    log.info("following", seq=self._hub.seq, epoch=self._hub.epoch)
                    while True:
                        await self._turn(client)
            except bus.GONE as error:
                self._latest.connected = False
                self._hub.stale(f"live feed: expected Redis to answer, got: {error}")
                wait = random.uniform(0.0, LONGEST_WAIT_SECONDS)
                log.warning("follower_backing_off", error=str(error), seconds=round(wait, 3))
                await asyncio.sleep(wait)

    async def _catch_up(self, client: Any) -> None:
        """Take in the newest state whole; if no engine has spoken yet, wait for one."""
        state = await bus.state(client)
        past = await self._read_back(client, state) if state.epoch is not None else []
        self._read_through, self._installed = state.last, self._latest.release_id
        # A server that was emptied has nothing to tell before an engine speaks to it.
        self._latest.connected = state.epoch is not None
        if state.epoch is not None:
            if state.epoch == self._hub.epoch and state.seq < self._hub.seq:
                # It lost what it had acknowledged. Nobody is told the past as news: wait for what is.
                self._hub.stale(f"live feed: expected message {self._hub.seq} or a later one, got {state.seq}")
                return
            self._take_whole(state, past)
        self._look()

    async def _read_back(self, client: Any, state: bus.State) -> list[Numbered]:
        """The last events up to the newest state, without a gap."""
        bus.heed_cancellation()
        entries = await client.xrevrange(bus.EVENTS, max=state.last, count=EVENTS_READ_BACK)
        past: list[Numbered] = []
        for _, fields in entries:
            try:
                event = bus.event(fields)
                if (event.epoch, event.seq) != (state.epoch, state.seq - len(past)):
                    break
                past.append(Numbered(event.seq, decode(event.data)))
            except (MsgspecError, KeyError, ValueError):
                break
        return past[::-1]

    def _take_whole(self, state: bus.State, past: list[Numbered]) -> None:
        assert state.epoch is not None
        messages = []
        for data in state.messages:
            try:
                messages.append(decode(data))
            except MsgspecError as error:
                log.warning("state_unreadable", error=str(error))
        # Those that are not there are over.
        self._latest.forget_alerts()
        # Everything there is as old as the engine's last heartbeat, however recently it was read.
        said_at = next((message.at for message in messages if isinstance(message, StatusMessage)), None)
        for message in messages:
            self._latest.apply(message, at=said_at)
        self._hub.restart(
            epoch=state.epoch,
            seq=state.seq,
            after=past[0].seq - 1 if past else state.seq,
            history=[numbered for numbered in past if self._latest.carries(numbered.message)],
        )

    async def _turn(self, client: Any) -> None:
        """Read what is new, take it in, tell it."""
        entries = await bus.read(client, bus.EVENTS, after=self._read_through, seconds=bus.BLOCK_SECONDS)
        if self._latest.release_id != self._installed:
            # What the release before did not carry was passed over.
            await self._catch_up(client)
            return
        if entries:
            self._note_lag(entries[0][0])
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
                log.info("events_missing", epoch=event.epoch, seq=event.seq, after=seq)
                await self._catch_up(client)
                return
            seq = event.seq
            if self._latest.apply(message):
                news.append(Numbered(seq, message))
        if seq > self._hub.seq:
            self._latest.connected = True
            await self._publish(news, seq)
        self._look()

    async def _publish(self, news: list[Numbered], seq: int) -> None:
        """Tell it, and leave some time to everything else; what comes meanwhile is told together.

        With many clients, telling one price after the other would take all the time there is.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._hub.publish(news, seq=seq)
        # What was written goes out at the end of the loop's turn.
        await asyncio.sleep(0)
        await asyncio.sleep(min(PAUSE_SHARE * (loop.time() - begun), LONGEST_PAUSE_SECONDS))

    def _note_lag(self, entry_id: str) -> None:
        """How long ago Redis, whose clock is in its ids, took in the oldest of what was read."""
        taken_in_at = int(entry_id.partition("-")[0]) / 1000
        self._latest.metrics.event_lag(max(0.0, self._latest.now() - taken_in_at))

    def _look(self) -> None:
        """Tell of silence where there is too much of it."""
        if self._latest.stale:
            self._hub.stale(f"live feed: expected news within {SILENCE_SECONDS:g} s, got none")
