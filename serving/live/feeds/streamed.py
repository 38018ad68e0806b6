"""A vendor's stream as a feed: what the line hears waits here until Redis has taken it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import NoReturn

from release.clock import Clock
from serving.live.feeds.dialect import Dialect, Instruments, sentence
from serving.live.feeds.hours import any_open
from serving.live.feeds.outlet import SENT_AT_ONCE, Outlet
from serving.live.feeds.socket import Line, Timing
from serving.live.feeds.waiting import Waiting
from serving.live.status import FeedStatus
from serving.live.ticks import Tick
from serving.messages import FeedState


class StreamedFeed:
    """Ticks off a vendor's WebSocket, until cancelled.

    Parameters
    ----------
    dialect : Dialect
    instruments : Instruments
    url : str
        The vendor's.
    redis_url : str
    market : str
        The same from run to run: who starts again goes on in the stream, and the engine with its bars.
    clock : Clock
    timing : Timing, optional
    rng : random.Random, optional
    """

    def __init__(
        self,
        dialect: Dialect,
        instruments: Instruments,
        *,
        url: str,
        redis_url: str,
        market: str,
        clock: Clock,
        timing: Timing | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.dialect = dialect
        self.waiting = Waiting()
        self.tickers = instruments.tickers
        self.outlet = Outlet(redis_url, market=market, now=clock.now, sentence=self._sentence)
        self._news = asyncio.Event()
        exchanges = set(instruments.hours.values())
        self._line = Line(
            url,
            dialect,
            take=self._take,
            move=self._move,
            trading=lambda: any_open(exchanges, clock.now()),
            timing=timing,
            rng=rng,
        )

    @property
    def status(self) -> FeedStatus:
        """How its connection stands."""
        return self.outlet.status

    async def open(self) -> None:
        """Make the stream ready; what another feed left in it goes."""
        await self.outlet.open()

    async def run(self) -> None:
        """Listen and send, each at its own pace."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._line.run(), name="line")
            tasks.create_task(self._send(), name="outlet")

    def _take(self, ticks: Sequence[Tick]) -> None:
        self.waiting.put(ticks)
        self._news.set()

    def _move(self, state: FeedState, reason: str) -> None:
        self.outlet.move(state, reason)
        self._news.set()

    async def _send(self) -> NoReturn:
        async with self.outlet.connection() as client:
            while True:
                await self._news_or_beat()
                await self.outlet.send(client, self.waiting.take(SENT_AT_ONCE))

    async def _news_or_beat(self) -> None:
        """Wait until there is something to send."""
        if len(self.waiting):
            return
        self._news.clear()
        try:
            async with asyncio.timeout(max(0.0, self.outlet.seconds_until_beat())):
                await self._news.wait()
        except TimeoutError:
            pass

    def _sentence(self) -> str:
        said = sentence(self.dialect.counts)
        return f"{said}, {self.waiting.condensed} condensed" if self.waiting.condensed else said
