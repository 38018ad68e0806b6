"""The last part of history, which training never saw, played as a live market at a chosen speed."""

from __future__ import annotations

import heapq
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, dropwhile
from operator import attrgetter
from pathlib import Path
from typing import Final

import numpy as np
import structlog
from redis.asyncio import Redis

from quant.bars import Bars
from quant.errors import QuantError
from quant.faults import check
from quant.sessions import SessionCalendar
from release.errors import BadRelease
from release.reader import Release
from release.tables import load_bars
from serving.errors import CannotStart
from serving.live.feeds import minutes
from serving.live.feeds.minutes import Minutes, load_minutes
from serving.live.feeds.outlet import SENT_AT_ONCE, Outlet
from serving.live.feeds.paths import TICK, minute_events, session_events, utc
from serving.live.status import FeedStatus
from serving.live.ticks import FeedEvent, MarketEnd
from serving.messages import FeedState

# A process that was stopped for this long goes on from there instead of hurrying after the clock.
LARGEST_LAG: Final = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """Bars to play, by ticker, with the calendar of each; equal seeds play equal ticks.

    `minutes` has the tickers whose bars are the sums of bars of one minute, which then are played.
    """

    bars: Mapping[str, Bars]
    calendars: Mapping[str, SessionCalendar]
    seed: int
    minutes: Mapping[str, Minutes] = field(default_factory=dict)

    def events(self, *, market: str, since: datetime | None = None) -> Iterator[FeedEvent]:
        """Every ticker's ticks and closes in the order of market time, then the end.

        Sessions that have closed before `since` are left out.
        """
        last = None
        for event in heapq.merge(*(self._events(ticker, market, since) for ticker in self.bars), key=attrgetter("at")):
            last = event
            yield event
        if last is not None:
            yield MarketEnd(market=market, at=last.at)

    def _events(self, ticker: str, market: str, since: datetime | None) -> Iterator[FeedEvent]:
        bars, calendar, by_minute = self.bars[ticker], self.calendars[ticker], self.minutes.get(ticker)
        for row, session in enumerate(bars.session):
            if since is not None and utc(calendar.close_utc[calendar.index(session)]) < since:
                continue
            # By what it is for, not by what came before: the same session is the same wherever the replay starts.
            rng = np.random.default_rng([self.seed, zlib.crc32(ticker.encode()), int(session.astype(np.int64))])
            i, bar = calendar.index(session), bars[row : row + 1]
            opens, closes = calendar.open_utc[i], calendar.close_utc[i]
            if by_minute is None:
                yield from session_events(bar, ticker=ticker, market=market, opens=opens, closes=closes, rng=rng)
            else:
                of_session = by_minute.of_session(session, calendar)
                yield from minute_events(of_session, bar, ticker=ticker, market=market, closes=closes, rng=rng)


def load_replay(folder: Path, release: Release, *, seed: int) -> Replay:
    """The bars under `folder` of the release's tickers, as far as they come after the ticker's last released one.

    ``TICKER.minutes.npz`` (`serving.live.feeds.minutes`) goes before ``TICKER.npz``, which then is not read. The last
    released bar may be older than the release's newest: on a Friday evening New York's Friday has closed and a
    pair's, which is a day of UTC, has not.

    Raises
    ------
    CannotStart
        If there are none, or a file is unreadable, unsound or off the exchange's calendar.
    """
    bars, calendars, by_minute = {}, {}, {}
    for ticker, released in release.tickers.items():
        path = _file_of(ticker, folder)
        if path is None:
            log.warning("not_replayed", ticker=ticker, reason=f"no {ticker}.npz in the replay folder")
            continue
        calendar = release.calendars[released.exchange]
        try:
            if path.name.endswith(minutes.SUFFIX):
                by_minute[ticker] = minutes.check(load_minutes(path), calendar, ticker=ticker)
                later = minutes.daily(by_minute[ticker], calendar).after(released.bars.session[-1])
            else:
                later = _daily(path, calendar, ticker=ticker, after=released.bars.session[-1])
        except (OSError, BadRelease, QuantError) as error:
            raise CannotStart(f"replay: expected sound bars in {path}, got: {error}") from error
        if len(later):
            bars[ticker], calendars[ticker] = later, calendar
    if not bars:
        wanted, as_of = ", ".join(release.tickers), np.datetime64(release.manifest.as_of)
        raise CannotStart(f"replay: expected bars after {as_of} of {wanted} in {folder}, found none")
    return Replay(bars, calendars, seed, by_minute)


def _file_of(ticker: str, folder: Path) -> Path | None:
    """Where a ticker's bars are."""
    paths = (folder / f"{ticker}{suffix}" for suffix in (minutes.SUFFIX, ".npz"))
    return next((path for path in paths if path.exists()), None)


def _daily(path: Path, calendar: SessionCalendar, *, ticker: str, after: np.datetime64) -> Bars:
    """A file's bars of the sessions after one, checked."""
    later = load_bars(path).after(after)
    for session in check(later, ticker=ticker).session if len(later) else ():
        calendar.index(session)
    return later


class MarketClock:
    """Market time, `speed` times faster than the wall's and only while somebody trades.

    A step longer than the ticks are apart means that every market is shut: it is passed over as one tick.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._before: datetime | None = None
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
        self._before, self._at = self._at, at
        return self._due - now

    def now(self) -> datetime:
        """The market's time, between the last two moments that `seconds_until` was asked for."""
        if self._at is None:
            raise ValueError("market time: expected `seconds_until` to be asked first")
        ahead = max(0.0, self._due - time.monotonic()) * self._speed
        if self._before is None or ahead == 0:
            return self._at
        return max(self._before, self._at - timedelta(seconds=min(ahead, TICK.total_seconds())))


class ReplayFeed:
    """Writes a replay to the stream of ticks.

    Parameters
    ----------
    replay : Replay
    redis_url : str
    speed : float
        Market seconds per second, above 0.
    market : str, optional
        The run's name: a feed that starts again under it goes on behind the newest event that the stream holds of it.
        None begins a run of its own.
    """

    def __init__(self, replay: Replay, *, redis_url: str, speed: float, market: str | None = None) -> None:
        self.replay = replay
        self._clock = MarketClock(speed)
        self._outlet = Outlet(redis_url, market=market or uuid.uuid4().hex, now=self._clock.now)
        self._newest: FeedEvent | None = None

    @property
    def market(self) -> str:
        """The run's name."""
        return self._outlet.market

    @property
    def tickers(self) -> tuple[str, ...]:
        """The symbols that are played."""
        return tuple(self.replay.bars)

    @property
    def status(self) -> FeedStatus:
        """How its connection stands."""
        return self._outlet.status

    async def open(self) -> None:
        """Find the place to go on from; if there is none, what an earlier market left in the stream goes."""
        self._newest = await self._outlet.open()

    async def run(self) -> None:
        """Send everything when it is due, then return."""
        if isinstance(self._newest, MarketEnd):
            log.warning("replay_has_ended_before", market=self.market)
            return
        if self._newest is None:
            events = self.replay.events(market=self.market)
        else:
            log.info("replay_goes_on", market=self.market, after=self._newest.at.isoformat())
            events = events_after(self._newest, self.replay.events(market=self.market, since=self._newest.at))
        async with self._outlet.connection() as client:
            await self._play(client, events)
        log.info("replay_ended", market=self.market)

    async def _play(self, client: Redis, events: Iterable[FeedEvent]) -> None:
        self._outlet.move(FeedState.LIVE)
        batch: list[FeedEvent] = []
        for event in events:
            wait = self._clock.seconds_until(event.at)
            if batch and (wait > 0 or len(batch) >= SENT_AT_ONCE or isinstance(event, MarketEnd)):
                await self._outlet.send(client, batch)
                batch = []
            if wait > 0:
                await self._outlet.idle(client, wait)
            batch.append(event)
        self._outlet.move(FeedState.CLOSED)
        await self._outlet.send(client, ())
        await self._outlet.send(client, batch)


def events_after(newest: FeedEvent, events: Iterable[FeedEvent]) -> Iterator[FeedEvent]:
    """What comes behind `newest` in a replay's events.

    If it is none of them, because the bars are others now: what is not earlier than it. The engine leaves out by
    number what it then hears twice.
    """
    ahead = dropwhile(lambda event: event.at < newest.at, events)
    same: list[FeedEvent] = []
    for event in ahead:
        if event.at > newest.at:
            yield from chain(same, [event], ahead)
            return
        same = [] if event == newest else [*same, event]
    yield from same
