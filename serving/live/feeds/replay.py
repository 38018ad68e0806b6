"""The last part of history, which training never saw, played as a live market at a chosen speed."""

from __future__ import annotations

import asyncio
import heapq
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog

from quant.bars import Bars
from quant.errors import QuantError
from quant.faults import check
from quant.sessions import SessionCalendar
from release.errors import BadRelease
from release.reader import Release
from release.tables import load_bars
from serving.errors import CannotStart
from serving.live import bus
from serving.live.ticks import TICK, FeedEvent, MarketEnd, encode, session_events

SENT_AT_ONCE: Final = 500
# A process that was stopped for this long goes on from there instead of hurrying after the clock.
LARGEST_LAG: Final = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """Bars to play, by ticker, with the calendar of each; equal seeds play equal ticks."""

    bars: Mapping[str, Bars]
    calendars: Mapping[str, SessionCalendar]
    seed: int

    def events(self, *, market: str) -> Iterator[FeedEvent]:
        """Every ticker's ticks and closes in the order of market time, then the end."""
        last = None
        for event in heapq.merge(*(self._events(ticker, market) for ticker in self.bars), key=attrgetter("at")):
            last = event
            yield event
        if last is not None:
            yield MarketEnd(market=market, at=last.at)

    def _events(self, ticker: str, market: str) -> Iterator[FeedEvent]:
        bars, calendar = self.bars[ticker], self.calendars[ticker]
        for row, session in enumerate(bars.session):
            # By what it is for, not by what came before: the same session is the same wherever the replay starts.
            rng = np.random.default_rng([self.seed, zlib.crc32(ticker.encode()), int(session.astype(np.int64))])
            i = calendar.index(session)
            hours = {"opens": calendar.open_utc[i], "closes": calendar.close_utc[i]}
            yield from session_events(bars[row : row + 1], ticker=ticker, market=market, rng=rng, **hours)


def load_replay(folder: Path, release: Release, *, seed: int) -> Replay:
    """The bars under `folder` of the release's tickers, as far as they come after the ticker's last released one.

    That one may be older than the release's newest: on a Friday evening New York's Friday has closed and a pair's,
    which is a day of UTC, has not.

    Raises
    ------
    CannotStart
        If there are none, or a file is unreadable, unsound or off the exchange's calendar.
    """
    bars, calendars = {}, {}
    as_of = np.datetime64(release.manifest.as_of)
    for ticker, released in release.tickers.items():
        path = folder / f"{ticker}.npz"
        if not path.exists():
            log.warning("not_replayed", ticker=ticker, reason=f"no {path.name} in the replay folder")
            continue
        calendar = release.calendars[released.exchange]
        try:
            later = load_bars(path).after(released.bars.session[-1])
            for session in check(later, ticker=ticker).session if len(later) else ():
                calendar.index(session)
        except (OSError, BadRelease, QuantError) as error:
            raise CannotStart(f"replay: expected sound bars in {path}, got: {error}") from error
        if len(later):
            bars[ticker], calendars[ticker] = later, calendar
    if not bars:
        wanted = ", ".join(release.tickers)
        raise CannotStart(f"replay: expected bars after {as_of} of {wanted} in {folder}, found none")
    return Replay(bars, calendars, seed)


class MarketClock:
    """Market time, `speed` times faster than the wall's and only while somebody trades.

    A step longer than the ticks are apart means that every market is shut: it is passed over as one tick.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._at: datetime | None = None
        self._due = 0.0

    def seconds_until(self, at: datetime) -> float:
        """How long to wait for the market time `at`, which then is the market's time; at most 0 if it is due."""
        now = time.monotonic()
        if self._at is None:
            self._due = now
        else:
            step = min(max(at - self._at, at - at), TICK)
            self._due = max(self._due + step.total_seconds() / self._speed, now - LARGEST_LAG)
        self._at = at
        return self._due - now


class ReplayFeed:
    """Writes a replay to the stream of ticks.

    Parameters
    ----------
    replay : Replay
    redis_url : str
    speed : float
        Market seconds per second, above 0.
    """

    def __init__(self, replay: Replay, *, redis_url: str, speed: float) -> None:
        self.replay = replay
        self.market = uuid.uuid4().hex
        self._redis_url = redis_url
        self._clock = MarketClock(speed)
        self._backoff = bus.Backoff()

    @property
    def tickers(self) -> tuple[str, ...]:
        """The symbols that are played."""
        return tuple(self.replay.bars)

    async def open(self) -> None:
        """Begin a new market: what an earlier one left in the stream goes."""
        async with bus.connection(self._redis_url) as client:
            # Trimmed rather than deleted: the ids of the entries go on rising.
            await client.xtrim(bus.TICKS, maxlen=0, approximate=False)

    async def run(self) -> None:
        """Send everything when it is due, then return."""
        async with bus.connection(self._redis_url) as client:
            batch: list[FeedEvent] = []
            for event in self.replay.events(market=self.market):
                wait = self._clock.seconds_until(event.at)
                if batch and (wait > 0 or len(batch) >= SENT_AT_ONCE):
                    await self._send(client, batch)
                    batch = []
                if wait > 0:
                    await asyncio.sleep(wait)
                batch.append(event)
            await self._send(client, batch)
        log.info("replay_ended", market=self.market)

    async def _send(self, client: Any, batch: list[FeedEvent]) -> None:
        """Send until it has been taken; what was taken twice, because the answer got lost, the engine leaves out."""
        while True:
            bus.heed_cancellation()
            try:
                async with client.pipeline(transaction=False) as pipeline:
                    for event in batch:
                        pipeline.xadd(bus.TICKS, {"event": encode(event)}, maxlen=bus.TICKS_KEPT, approximate=True)
                    await pipeline.execute()
            except bus.GONE as error:
                wait = self._backoff.seconds()
                log.warning("feed_backing_off", error=str(error), seconds=round(wait, 3))
                await asyncio.sleep(wait)
            else:
                self._backoff.reset()
                return
