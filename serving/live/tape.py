"""Reading the stream of ticks: where one has got to in it, and how much of it was trimmed away before it was read."""

from __future__ import annotations

import time
from collections import deque
from datetime import datetime
from typing import Any, Final, NamedTuple

import structlog
from msgspec import MsgspecError

from serving.live import bus
from serving.live.ticks import FeedEvent, decode

# Of a backlog, so much is taken in before anything else gets its turn.
READ_AT_ONCE: Final = 2_000
# Who has read everything this short a time ago can't have missed a full stream of them.
KEEPS_UP_SECONDS: Final = 2.0

log = structlog.get_logger()


class Entry(NamedTuple):
    """An entry of the stream; None for what can't be read."""

    id: str
    event: FeedEvent | None


class Tape:
    """One reader's way along the stream of ticks.

    Attributes
    ----------
    through : str
        Id of the last entry that was taken.
    waiting : deque of Entry
        Read, but not taken yet.
    gaps : int
        How often entries were trimmed away before they were read.
    """

    def __init__(self) -> None:
        self.through = bus.FIRST_READ
        self.waiting: deque[Entry] = deque()
        self.gaps = 0
        self._behind = True
        self._read_at = 0.0

    @property
    def caught_up(self) -> bool:
        """Whether everything has been taken that was in the stream when it was read last."""
        return not self.waiting and not self._behind

    def waited_ms(self, now: datetime) -> float:
        """How long the oldest entry that waits has been in Redis, to the millisecond of which the ids know."""
        if not self.waiting:
            return 0.0
        arrived, _ = place(self.waiting[0].id)
        return max(0.0, 1000 * now.timestamp() - arrived - 1)

    def take(self) -> FeedEvent | None:
        """The next entry that waits."""
        entry = self.waiting.popleft()
        self.through = entry.id
        return entry.event

    async def read(self, client: bus.Client, *, seconds: float) -> None:
        """Let what is new wait here, once there is something or after `seconds`; what waits already comes first."""
        if self.waiting:
            return
        if self._behind or time.monotonic() - self._read_at > KEEPS_UP_SECONDS:
            self.gaps += await self._is_gap(client)
        read = await bus.read(client, bus.TICKS, after=self.through, seconds=seconds, count=READ_AT_ONCE)
        self._behind, self._read_at = len(read) == READ_AT_ONCE, time.monotonic()
        self.waiting.extend(map(_entry, read))

    async def read_through(self, client: bus.Client, last: str) -> None:
        """Let what there is up to the id `last` wait here, or the first part of it, and nothing else.

        Who has just lost the lead has read further than whom it follows now.
        """
        self.waiting.clear()
        found: Any = await client.xrange(bus.TICKS, f"({self.through}", last, count=READ_AT_ONCE)
        self.waiting.extend(_entry((entry_id.decode(), fields)) for entry_id, fields in found)

    async def _is_gap(self, client: bus.Client) -> bool:
        """Whether entries behind `through` are gone unread.

        Nothing is removed from the end of a stream that isn't full, but by a feed that begins a new market.
        """
        if self.through == bus.FIRST_READ:
            return False
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.xlen(bus.TICKS)
            pipeline.xrange(bus.TICKS, count=1)
            kept, first = await pipeline.execute()
        gap = kept >= bus.TICKS_KEPT and place(first[0][0].decode()) > place(self.through)
        if gap:
            log.error("ticks_lost", after=self.through, kept_from=first[0][0].decode())
        return bool(gap)


def place(entry_id: str) -> tuple[int, int]:
    """What orders entries."""
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)


def _entry(read: bus.Entry) -> Entry:
    entry_id, fields = read
    try:
        return Entry(entry_id, decode(fields[b"event"]))
    except (MsgspecError, KeyError) as error:
        log.warning("tick_unreadable", entry=entry_id, error=str(error))
        return Entry(entry_id, None)
