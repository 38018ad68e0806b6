"""A vendor's stream into a real Valkey: through breaks on either side, with nothing that grows."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import redis
from recorded_streams import NOW, pricing_frame
from streaming_vendor import Call, vendor
from waiting import until

from serving.live import bus
from serving.live.feeds import yahoo
from serving.live.feeds.socket import Timing
from serving.live.feeds.streamed import StreamedFeed
from serving.live.feeds.waiting import Waiting
from serving.live.feeds.yahoo import Yahoo
from serving.live.ticks import Beat, FeedEvent, Tick, decode
from serving.messages import FeedState

pytestmark = pytest.mark.anyio


@pytest.fixture
def feed_of(carrying, clock, valkey):
    """Makes the feed of Apple from an address."""

    def make(url: str) -> StreamedFeed:
        asked_for = yahoo.instruments(carrying("AAPL"))
        dialect = Yahoo(asked_for, market="yahoo", clock=clock)
        return StreamedFeed(
            dialect,
            asked_for,
            url=url,
            redis_url=valkey.url,
            market="yahoo",
            clock=clock,
            timing=Timing(connect=0.5, close=0.1),
            rng=random.Random(7),
        )

    return make


@contextlib.asynccontextmanager
async def running(feed: StreamedFeed) -> AsyncIterator[None]:
    """The feed at work."""
    await feed.open()
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def events(valkey) -> list[FeedEvent]:
    """Everything on the stream."""
    with redis.Redis.from_url(valkey.url) as client:
        return [decode(fields[b"event"]) for _, fields in client.xrange(bus.TICKS)]


def ticks(valkey) -> list[Tick]:
    """The ticks on the stream."""
    return [event for event in events(valkey) if isinstance(event, Tick)]


def telling(numbers: range, *, and_then):
    """A life that tells a price for each number, a millisecond apart and a share each, and then does something."""

    async def life(call: Call) -> None:
        await call.hear()
        for number in numbers:
            at = NOW + timedelta(milliseconds=number)
            await call.say(pricing_frame("AAPL", 100 + number % 7, at, volume=1_000 + number))
        await and_then(call)

    return life


async def hang_up(call: Call) -> None:
    call.abort()


async def test_what_is_told_arrives_in_its_order_across_breaks(feed_of, valkey):
    lives = [
        telling(range(3), and_then=hang_up),
        telling(range(3, 6), and_then=hang_up),
        telling(range(6, 9), and_then=Call.listen),
    ]

    async with vendor(*lives) as served, running(feed_of(served.url)):
        await until(lambda: len(ticks(valkey)) == 9)

    found = ticks(valkey)
    assert [tick.at for tick in found] == [NOW + timedelta(milliseconds=number) for number in range(9)]
    # What was traded while the line was down is in the first tick behind it.
    assert sum(tick.size for tick in found) == 8


async def test_every_change_of_the_connection_is_on_the_stream(feed_of, valkey):
    lives = [telling(range(1), and_then=hang_up), telling(range(1, 2), and_then=Call.listen)]

    async with vendor(*lives) as served, running(feed_of(served.url)):
        await until(lambda: len(ticks(valkey)) == 2)
        await until(lambda: [event for event in events(valkey) if isinstance(event, Beat)][-1].state is FeedState.LIVE)

    beats = [event for event in events(valkey) if isinstance(event, Beat)]
    states = [state for state, _ in itertools.groupby(event.state for event in beats)]
    assert states == [
        FeedState.CONNECTING,
        FeedState.LIVE,
        FeedState.BACKING_OFF,
        FeedState.CONNECTING,
        FeedState.LIVE,
    ]
    assert all(event.detail for event in beats if event.state is FeedState.BACKING_OFF)


async def test_while_redis_is_away_what_waits_is_condensed_and_the_bar_is_the_same(feed_of, valkey):
    async with vendor(telling(range(2_000), and_then=Call.listen)) as served:
        feed = feed_of(served.url)
        feed.waiting = Waiting(most=50)
        await feed.open()
        valkey.kill()
        task = asyncio.create_task(feed.run())
        await until(lambda: feed.dialect.counts.total() == 2_000)
        most = len(feed.waiting)
        valkey.start()
        await until(lambda: len(ticks(valkey)) > 0 and ticks(valkey)[-1].at == NOW + timedelta(milliseconds=1_999))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    found = ticks(valkey)
    assert most <= 50
    assert len(found) + feed.waiting.condensed == 2_000
    assert (found[0].price, max(tick.price for tick in found), min(tick.price for tick in found)) == (100, 106, 100)
    assert (found[-1].price, sum(tick.size for tick in found)) == (100 + 1_999 % 7, 1_999)


async def test_a_feed_that_starts_again_leaves_its_market_in_the_stream(feed_of, valkey):
    async with vendor(telling(range(2), and_then=Call.listen)) as served:
        async with running(feed_of(served.url)):
            await until(lambda: len(ticks(valkey)) == 2)
        async with running(feed_of(served.url)):
            await until(lambda: len(ticks(valkey)) == 4)

    numbers = [tick.number for tick in ticks(valkey)]
    # The same trades have the same numbers, whichever process tells them.
    assert numbers[:2] == numbers[2:]
