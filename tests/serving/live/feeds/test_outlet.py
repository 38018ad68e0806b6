"""Events reach the stream in order, once Redis takes them; beats tell every second how the feed stands."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import redis
from recorded_streams import NOW
from structlog.testing import capture_logs
from waiting import until

from release.clock import FixedClock
from serving.live import bus
from serving.live.feeds.outlet import BEATS_KEPT, CHANGES_KEPT, Outlet
from serving.live.ticks import Beat, FeedEvent, MarketEnd, Tick, decode, encode
from serving.messages import FeedState

pytestmark = pytest.mark.anyio


def tick(number: int, *, market: str = "m") -> Tick:
    """A trade."""
    at = NOW + timedelta(seconds=number)
    return Tick(market=market, ticker="AAPL", session="2021-02-22", at=at, number=number, price=1.0, size=1.0)


def events(valkey) -> list[FeedEvent]:
    """Everything on the stream."""
    with redis.Redis.from_url(valkey.url) as client:
        return [decode(fields[b"event"]) for _, fields in client.xrange(bus.TICKS)]


def said(valkey) -> list[tuple[FeedState, str]]:
    """What the beats on the stream say."""
    return [(event.state, event.detail) for event in events(valkey) if isinstance(event, Beat)]


def write(valkey, *those: FeedEvent | bytes) -> None:
    """Put events, or nonsense, on the stream as another feed would."""
    with redis.Redis.from_url(valkey.url) as client:
        for event in those:
            client.xadd(bus.TICKS, {"event": event if isinstance(event, bytes) else encode(event)})


@pytest.fixture
def outlet(valkey, clock: FixedClock) -> Outlet:
    """Of market "m"."""
    return Outlet(valkey.url, market="m", now=clock.now, sentence=lambda: "3 ticks")


# Events.


async def test_events_are_sent_in_order_and_the_first_beat_behind_them(outlet, valkey):
    those = [tick(number) for number in range(5)]

    async with outlet.connection() as client:
        await outlet.send(client, those)

    assert events(valkey) == [*those, Beat(market="m", at=NOW, state=FeedState.CONNECTING, detail="3 ticks")]


async def test_while_redis_is_away_it_tries_until_it_is_back(outlet, valkey):
    async with outlet.connection() as client:
        await outlet.send(client, [tick(1)])
        valkey.kill()
        with capture_logs() as logs:
            sending = asyncio.create_task(outlet.send(client, [tick(2), tick(3)]))
            await until(lambda: len(logs) >= 2)
        valkey.start()
        await sending

    assert {line["event"] for line in logs} == {"feed_backing_off"}
    assert [event for event in events(valkey) if isinstance(event, Tick)] == [tick(2), tick(3)]


async def test_a_feed_that_is_cancelled_while_redis_is_away_ends(outlet, valkey):
    async with outlet.connection() as client:
        valkey.kill()
        with capture_logs() as logs:
            sending = asyncio.create_task(outlet.send(client, [tick(1)]))
            await until(lambda: len(logs) >= 2)

        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(sending, timeout=5)


# Beats.


async def test_every_change_is_told_in_its_order_with_its_reason(outlet, valkey):
    async with outlet.connection() as client:
        await outlet.send(client, ())
        outlet.move(FeedState.LIVE)
        outlet.move(FeedState.BACKING_OFF, "hung up")
        outlet.move(FeedState.CONNECTING)
        await outlet.send(client, [tick(1)])

    assert said(valkey) == [
        (FeedState.CONNECTING, "3 ticks"),
        (FeedState.LIVE, "3 ticks"),
        (FeedState.BACKING_OFF, "hung up"),
        (FeedState.CONNECTING, "3 ticks"),
    ]


async def test_a_move_that_is_none_is_refused(outlet):
    outlet.move(FeedState.LIVE)

    with pytest.raises(ValueError, match=r"feed: expected a move from live to .*, got connecting"):
        outlet.move(FeedState.CONNECTING)


async def test_of_beats_that_say_the_same_the_newest_stay(outlet, valkey, clock, monkeypatch):
    monkeypatch.setattr("serving.live.feeds.outlet.BEAT_SECONDS", 0.0)
    outlet.move(FeedState.LIVE)

    async with outlet.connection() as client:
        await outlet.send(client, [tick(1)])
        for _ in range(50):
            clock.at += timedelta(seconds=1)
            await outlet.send(client, ())

    first, *beats = events(valkey)
    ats = [clock.at - timedelta(seconds=BEATS_KEPT - 1 - n) for n in range(BEATS_KEPT)]
    assert first == tick(1)
    assert beats == [Beat(market="m", at=at, state=FeedState.LIVE, detail="3 ticks") for at in ats]


async def test_the_beats_of_a_state_stay_when_another_begins(outlet, valkey, monkeypatch):
    monkeypatch.setattr("serving.live.feeds.outlet.BEAT_SECONDS", 0.0)

    async with outlet.connection() as client:
        for state in (FeedState.LIVE, FeedState.STALE, FeedState.LIVE):
            outlet.move(state)
            for _ in range(BEATS_KEPT + 3):
                await outlet.send(client, ())

    states = [state for state, _ in said(valkey)]
    assert states == [FeedState.LIVE] * BEATS_KEPT + [FeedState.STALE] * BEATS_KEPT + [FeedState.LIVE] * BEATS_KEPT


async def test_there_is_a_beat_each_second_while_nothing_happens(outlet, valkey):
    outlet.move(FeedState.LIVE)

    async with outlet.connection() as client:
        await outlet.idle(client, 0.0)
        await outlet.send(client, ())
        due = outlet.seconds_until_beat()
        with redis.Redis.from_url(valkey.url) as look:
            before = int(look.xinfo_stream(bus.TICKS)["entries-added"])
            await outlet.idle(client, 1.05)
            after = int(look.xinfo_stream(bus.TICKS)["entries-added"])

    assert 0.9 < due <= 1.0
    assert after == before + 1


async def test_changes_that_wait_are_bounded(outlet, valkey):
    for _ in range(CHANGES_KEPT):
        outlet.move(FeedState.BACKING_OFF, "away")
        outlet.move(FeedState.CONNECTING)

    async with outlet.connection() as client:
        await outlet.send(client, ())

    assert len(said(valkey)) == CHANGES_KEPT


# Where it goes on.


async def test_an_empty_stream_is_where_a_market_begins(outlet):
    assert await outlet.open() is None


async def test_the_newest_event_of_its_own_market_is_where_it_goes_on(outlet, valkey):
    beats = [Beat(market="m", at=NOW, state=FeedState.LIVE)] * 150
    write(valkey, tick(1), tick(2), b"nonsense", *beats)

    assert await outlet.open() == tick(2)
    assert len(events_there(valkey)) == 153


async def test_its_end_is_found_too(outlet, valkey):
    write(valkey, tick(1), MarketEnd(market="m", at=NOW))

    assert await outlet.open() == MarketEnd(market="m", at=NOW)


async def test_what_another_market_left_goes(outlet, valkey):
    write(valkey, tick(1), tick(2, market="other"))

    assert await outlet.open() is None
    assert events_there(valkey) == []


async def test_without_redis_it_is_an_error_of_redis(outlet, valkey):
    valkey.kill()

    with pytest.raises(bus.GONE):
        await outlet.open()


def events_there(valkey) -> list[object]:
    """The stream's entries, readable or not."""
    with redis.Redis.from_url(valkey.url) as client:
        return client.xrange(bus.TICKS)


async def test_the_stream_is_bounded(outlet, valkey, monkeypatch):
    monkeypatch.setattr(bus, "TICKS_KEPT", 100)

    async with outlet.connection() as client:
        for number in range(0, 2_000, 500):
            await outlet.send(client, [tick(number + each) for each in range(500)])

    # Redis trims whole nodes of a hundred entries.
    await until(lambda: len(events_there(valkey)) <= 300)
