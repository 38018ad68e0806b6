"""History played as a live market: in its order, after the release only, the same every time."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
import redis
from real_release import AS_OF
from shared_data import sample_bars

from quant.bars import Bars
from release.tables import save_bars
from serving.errors import CannotStart
from serving.live import bus
from serving.live.feeds.replay import MarketClock, Replay, ReplayFeed, load_replay
from serving.live.ticks import Beat, FeedEvent, MarketEnd, SessionClose, Tick, decode


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
