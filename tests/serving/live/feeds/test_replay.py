"""History played as a live market: in its order, after the release only, the same every time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
import redis
from real_release import AS_OF
from shared_data import sample_bars
from waiting import until

from quant.bars import Bars
from release.tables import save_bars
from serving.errors import CannotStart
from serving.live import bus
from serving.live.feeds.replay import MarketClock, Replay, ReplayFeed, events_after, load_replay
from serving.live.ticks import Beat, FeedEvent, MarketEnd, SessionClose, Tick, decode
from serving.messages import FeedState


def bars_played(replay: Replay, ticker: str) -> list[str]:
    """The sessions of a ticker that a replay holds."""
    return [str(session) for session in replay.bars[ticker].session]


# What is played.


def test_only_the_bars_after_the_release_are_played(release, keep, later, tmp_path):
    replay = load_replay(keep(tmp_path, sessions=3), release, seed=7)

    assert bars_played(replay, "AAPL") == ["2012-03-02", "2012-03-05", "2012-03-06"]
    for ticker in release.tickers:
        np.testing.assert_array_equal(replay.bars[ticker].ohlcv, later[ticker].ohlcv[:3])


def test_events_come_in_the_order_of_market_time_and_end_with_the_end(play):
    *events, end = play(sessions=3).events(market="m")

    assert all(before.at <= after.at for before, after in pairwise(events))
    assert end == MarketEnd(market="m", at=events[-1].at)
    assert not any(isinstance(event, MarketEnd) for event in events)


def test_each_session_of_each_ticker_closes_once_after_its_last_tick(play, later):
    *events, _ = play(sessions=3).events(market="m")

    closes = [event for event in events if isinstance(event, SessionClose)]
    said = Counter((event.ticker, event.session) for event in closes)
    assert set(said.values()) == {1}
    assert set(said) == {(ticker, str(session)) for ticker in later for session in later[ticker].session[:3]}
    for close in closes:
        of_session = [event for event in events if (event.ticker, event.session) == (close.ticker, close.session)]
        assert of_session[-1] is close
        assert [tick.number for tick in of_session[:-1]] == list(range(27))


def test_the_same_session_has_the_same_ticks_wherever_the_replay_starts(play):
    whole = play(sessions=5)
    tail = Replay({ticker: bars[3:] for ticker, bars in whole.bars.items()}, whole.calendars, whole.seed)
    first = str(tail.bars["AAPL"].session[0])

    def from_first(replay: Replay) -> list:
        return [event for event in replay.events(market="m") if getattr(event, "session", first) >= first]

    assert from_first(tail) == from_first(whole)
    assert len(from_first(tail)) == 2 * 2 * 28 + 1


def test_a_ticker_has_the_same_ticks_whoever_else_is_played(play):
    both = play(sessions=2)
    alone = Replay({"IBM": both.bars["IBM"]}, both.calendars, both.seed)

    *events, _ = alone.events(market="m")

    assert events == [event for event in both.events(market="m") if getattr(event, "ticker", None) == "IBM"]


def test_every_session_and_ticker_takes_a_way_of_its_own(play):
    *events, _ = play(sessions=5).events(market="m")

    shares: dict[tuple[str, str], list[float]] = {}
    for event in events:
        if isinstance(event, Tick):
            shares.setdefault((event.ticker, event.session), []).append(event.size)
    ways = {tuple(np.round(np.array(sizes) / sum(sizes), 3)) for sizes in shares.values()}

    assert len(ways) == len(shares) == 10


def test_another_seed_takes_another_way(play):
    replay = play(sessions=1)
    other = Replay(replay.bars, replay.calendars, replay.seed + 1)

    assert list(replay.events(market="m")) != list(other.events(market="m"))


# What can't be played.


def test_a_ticker_without_a_file_is_passed_over(release, keep, tmp_path):
    (keep(tmp_path, sessions=2) / "AAPL.npz").unlink()

    assert list(load_replay(tmp_path, release, seed=7).bars) == ["IBM"]


def test_a_ticker_with_nothing_after_the_release_is_passed_over(release, keep, tmp_path):
    keep(tmp_path, sessions=2)
    save_bars(tmp_path / "AAPL.npz", sample_bars("AAPL").through(AS_OF))

    assert list(load_replay(tmp_path, release, seed=7).bars) == ["IBM"]


def test_without_a_folder_it_does_not_start_and_says_what_it_looked_for(release, tmp_path):
    with pytest.raises(CannotStart) as refused:
        load_replay(tmp_path / "nowhere", release, seed=7)

    expected = f"replay: expected bars after 2012-03-01 of AAPL, IBM in {tmp_path / 'nowhere'}, found none"
    assert str(refused.value) == expected


def test_with_nothing_left_after_the_release_it_does_not_start(release, keep, tmp_path):
    keep(tmp_path, sessions=0)

    with pytest.raises(CannotStart, match=r"^replay: expected bars after 2012-03-01 of AAPL, IBM in .*, found none$"):
        load_replay(tmp_path, release, seed=7)


def test_a_file_that_holds_no_bars_is_named(release, keep, tmp_path):
    (keep(tmp_path, sessions=2) / "IBM.npz").write_bytes(b"no bars")

    with pytest.raises(CannotStart, match=r"^replay: expected sound bars in .*/IBM\.npz, got: "):
        load_replay(tmp_path, release, seed=7)


def test_a_folder_in_place_of_a_file_is_named(release, keep, tmp_path):
    (keep(tmp_path, sessions=2) / "IBM.npz").unlink()
    (tmp_path / "IBM.npz").mkdir()

    with pytest.raises(CannotStart, match=r"^replay: expected sound bars in .*/IBM\.npz, got: "):
        load_replay(tmp_path, release, seed=7)


def test_unsound_bars_are_refused_with_what_is_wrong(release, keep, later, tmp_path):
    bars = later["IBM"][:3]
    ohlcv = bars.ohlcv.copy()
    ohlcv[1, 3] = -1.0
    save_bars(keep(tmp_path, sessions=2) / "IBM.npz", Bars(bars.session, ohlcv, bars.split, bars.dividend))

    with pytest.raises(CannotStart, match=r"IBM\.npz, got: IBM: 2012-03-05 close: expected a price above 0, got -1\.0"):
        load_replay(tmp_path, release, seed=7)


def test_bars_off_the_exchange_s_calendar_are_refused(release, keep, later, tmp_path):
    bars = later["IBM"][:2]
    saturday = np.array(["2012-03-02", "2012-03-03"], dtype="datetime64[D]")
    save_bars(keep(tmp_path, sessions=2) / "IBM.npz", Bars(saturday, bars.ohlcv, bars.split, bars.dividend))

    with pytest.raises(CannotStart, match=r"IBM\.npz, got: session: expected a session of XNYS .*, got 2012-03-03"):
        load_replay(tmp_path, release, seed=7)


# When it is played.


def test_market_time_passes_at_its_speed():
    clock, opens = MarketClock(speed=9.0), datetime(2012, 3, 2, 14, 30, tzinfo=UTC)

    first = clock.seconds_until(opens)
    quarter = clock.seconds_until(opens + timedelta(minutes=15))
    half = clock.seconds_until(opens + timedelta(minutes=30))

    assert first <= 0
    assert quarter == pytest.approx(100, abs=1)
    assert half == pytest.approx(200, abs=1)


def test_what_happens_at_the_same_market_time_is_due_at_once():
    clock, opens = MarketClock(speed=9.0), datetime(2012, 3, 2, 14, 30, tzinfo=UTC)

    clock.seconds_until(opens)

    assert clock.seconds_until(opens) <= 0


def test_a_night_and_a_weekend_pass_like_one_tick():
    clock, friday = MarketClock(speed=9.0), datetime(2012, 3, 2, 21, 0, tzinfo=UTC)

    clock.seconds_until(friday)

    assert clock.seconds_until(datetime(2012, 3, 5, 14, 30, tzinfo=UTC)) == pytest.approx(100, abs=1)


def test_between_two_moments_the_market_s_time_goes_from_one_to_the_other():
    clock, opens = MarketClock(speed=9e-9), datetime(2012, 3, 2, 14, 30, tzinfo=UTC)
    clock.seconds_until(opens)
    at_the_open = clock.now()

    clock.seconds_until(opens + timedelta(minutes=15))

    assert at_the_open == opens
    assert opens <= clock.now() < opens + timedelta(seconds=1)


def test_over_a_night_the_market_s_time_is_short_before_the_open():
    clock, friday = MarketClock(speed=9e-9), datetime(2012, 3, 2, 21, 0, tzinfo=UTC)
    monday = datetime(2012, 3, 5, 14, 30, tzinfo=UTC)
    clock.seconds_until(friday)

    clock.seconds_until(monday)

    assert monday - timedelta(minutes=15) <= clock.now() < monday - timedelta(minutes=14)


def test_before_its_first_moment_a_market_has_no_time():
    with pytest.raises(ValueError, match=r"^market time: expected `seconds_until` to be asked first$"):
        MarketClock(speed=1.0).now()


# How it gets to the stream.


def stream(valkey) -> list[tuple[str, FeedEvent]]:
    """The ids and events on the stream of ticks, beats aside."""
    with redis.Redis.from_url(valkey.url) as client:
        entries = [(entry.decode(), decode(fields[b"event"])) for entry, fields in client.xrange(bus.TICKS)]
    return [(entry, event) for entry, event in entries if not isinstance(event, Beat)]


def beats(valkey) -> list[Beat]:
    """The beats on the stream of ticks."""
    with redis.Redis.from_url(valkey.url) as client:
        events = [decode(fields[b"event"]) for _, fields in client.xrange(bus.TICKS)]
    return [event for event in events if isinstance(event, Beat)]


@pytest.mark.anyio
async def test_a_feed_writes_every_event_in_order(play, valkey):
    replay = play(sessions=3)
    feed = ReplayFeed(replay, redis_url=valkey.url, speed=1e9)

    await feed.open()
    await feed.run()

    assert [event for _, event in stream(valkey)] == list(replay.events(market=feed.market))


@pytest.mark.anyio
async def test_another_feed_begins_another_market_and_what_the_first_left_goes(play, valkey):
    first, second = (ReplayFeed(play(sessions=1), redis_url=valkey.url, speed=1e9) for _ in range(2))
    await first.open()
    await first.run()
    last_of_first = stream(valkey)[-1][0]

    await second.open()
    emptied = stream(valkey)
    await second.run()

    found = stream(valkey)
    assert emptied == []
    assert {event.market for _, event in found} == {second.market} != {first.market}
    assert [int(part) for part in found[0][0].split("-")] > [int(part) for part in last_of_first.split("-")]


@pytest.mark.anyio
async def test_a_feed_takes_the_time_that_its_speed_says(play, valkey):
    feed = ReplayFeed(play(sessions=1), redis_url=valkey.url, speed=26 * 900 / 0.5)
    await feed.open()

    began = time.monotonic()
    await feed.run()

    assert 0.45 < time.monotonic() - began < 5


@pytest.mark.anyio
async def test_it_says_that_it_is_live_and_before_the_end_that_it_is_closed(play, valkey):
    feed = ReplayFeed(play(sessions=1), redis_url=valkey.url, speed=1e9)
    await feed.open()

    await feed.run()

    assert [beat.state for beat in beats(valkey)] == [FeedState.LIVE, FeedState.CLOSED]
    assert {beat.market for beat in beats(valkey)} == {feed.market}
    assert isinstance(stream(valkey)[-1][1], MarketEnd)


@pytest.mark.anyio
async def test_beats_tell_the_market_s_time(play, valkey, monkeypatch):
    monkeypatch.setattr("serving.live.feeds.outlet.BEAT_SECONDS", 0.005)
    feed = ReplayFeed(play(sessions=1), redis_url=valkey.url, speed=26 * 900 / 0.5)
    await feed.open()
    told: list[FeedEvent] = []
    after = bus.FIRST_READ

    playing = asyncio.create_task(feed.run())
    async with bus.connection(valkey.url, blocking=True) as client:
        while not told or not isinstance(told[-1], MarketEnd):
            entries = await bus.read(client, bus.TICKS, after=after, seconds=0.1)
            told.extend(decode(fields[b"event"]) for _, fields in entries)
            after = entries[-1][0] if entries else after
    await playing

    traded = {event.at for event in told if isinstance(event, Tick)}
    assert [event for event in told if isinstance(event, Beat) and event.at not in traded]
    assert all(before.at <= after.at for before, after in pairwise(told))


# Where it goes on.


def test_what_comes_behind_any_event_is_the_rest(play):
    events = list(play(sessions=1).events(market="m"))

    for place, event in enumerate(events):
        assert list(events_after(event, iter(events))) == events[place + 1 :]


def test_behind_an_event_that_is_none_of_them_comes_what_is_not_earlier(play):
    events = list(play(sessions=2).events(market="m"))
    stranger = msgspec.structs.replace(events[10], price=1.0)

    rest = list(events_after(stranger, iter(events)))

    assert rest == [event for event in events if event.at >= stranger.at]


def test_sessions_that_have_closed_before_are_not_made_again(play):
    replay = play(sessions=3)
    events = list(replay.events(market="m"))
    into_the_second = next(event for event in events if getattr(event, "session", "") == "2012-03-05")

    since = list(replay.events(market="m", since=into_the_second.at))

    assert since == events[events.index(into_the_second) :]


@pytest.mark.anyio
async def test_a_feed_that_starts_again_under_its_name_goes_on_without_a_gap_or_a_repetition(play, valkey):
    replay = play(sessions=2)
    expected = list(replay.events(market="spring"))

    for wanted in (20, 21, 60, len(expected)):
        feed = ReplayFeed(replay, redis_url=valkey.url, speed=26 * 900 / 0.3, market="spring")
        await feed.open()
        playing = asyncio.create_task(feed.run())
        await until(lambda wanted=wanted: len(stream(valkey)) >= wanted)
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)

    assert [event for _, event in stream(valkey)] == expected


@pytest.mark.anyio
async def test_a_market_that_has_ended_stays_ended_under_its_name(play, valkey):
    for _ in range(2):
        feed = ReplayFeed(play(sessions=1), redis_url=valkey.url, speed=1e9, market="spring")
        await feed.open()
        await feed.run()

    assert [event for _, event in stream(valkey)] == list(play(sessions=1).events(market="spring"))
    assert [beat.state for beat in beats(valkey)] == [FeedState.LIVE, FeedState.CLOSED]


@pytest.mark.anyio
async def test_under_another_name_another_market_begins(play, valkey):
    for market in ("spring", "autumn"):
        feed = ReplayFeed(play(sessions=1), redis_url=valkey.url, speed=1e9, market=market)
        await feed.open()
        await feed.run()

    assert [event for _, event in stream(valkey)] == list(play(sessions=1).events(market="autumn"))


@contextlib.contextmanager
def feed_process(home: Path, valkey) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is nothing but the feed, under a name; killed on the way out."""
    program = """
import asyncio, sys
from release.clock import SystemClock
from release.store import Store
from serving.live.feeds import feed_for
from serving.live.settings import LiveSettings

async def play():
    settings = LiveSettings()
    feed = feed_for(settings, Store(settings.releases).load(), clock=SystemClock())
    await feed.open()
    await feed.run()

asyncio.run(play())
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STOCK_ASSETS_")} | {
        "STOCK_ASSETS_HOME": str(home),
        "STOCK_ASSETS_REDIS_URL": valkey.url,
        "STOCK_ASSETS_MARKET": "spring",
        "STOCK_ASSETS_SPEED": str(26 * 900 / 0.5),
    }
    root = Path(__file__).resolve().parents[4]
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.anyio
async def test_a_feed_process_that_is_killed_goes_on_where_it_was(home, keep, release, valkey):
    keep(home / "replay", sessions=2)
    expected = list(load_replay(home / "replay", release, seed=7).events(market="spring"))

    # Somewhere in the first session, in the middle of a moment that two tickers share, and in the second one.
    for wanted in (7, 24, 75):
        with feed_process(home, valkey):
            await until(lambda wanted=wanted: len(stream(valkey)) >= wanted)
    with feed_process(home, valkey) as process:
        await until(lambda: process.poll() is not None)
        status = process.returncode

    assert status == 0
    assert [event for _, event in stream(valkey)] == expected
