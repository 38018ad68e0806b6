"""A replayed session's ticks lead to exactly its bar, and are the same for the same seed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from real_release import TICKERS, new_york
from shared_data import sample_bars

from quant.bars import Bars, unadjusted
from quant.errors import QuantError
from serving.live.feeds.paths import session_events
from serving.live.ticks import SessionClose, Tick, decode, encode


def events_of(bar: Bars, *, ticker: str = "AAPL", seed: int = 7) -> tuple[list[Tick], SessionClose]:
    """The ticks of a bar's real session, and its close."""
    i = new_york().index(bar.session[0])
    opens, closes = new_york().open_utc[i], new_york().close_utc[i]
    rng = np.random.default_rng(seed)
    *ticks, close = session_events(bar, ticker=ticker, market="m", opens=opens, closes=closes, rng=rng)
    return ticks, close


def bar_on(ticker: str, session: str) -> Bars:
    """One row of the sample."""
    bars = sample_bars(ticker)
    row = int(np.searchsorted(bars.session, np.datetime64(session)))
    assert str(bars.session[row]) == session
    return bars[row : row + 1]


@pytest.mark.parametrize("ticker", TICKERS)
def test_the_ticks_of_a_session_lead_to_exactly_its_bar(ticker):
    bars = sample_bars(ticker)[-300:]

    for row in range(len(bars)):
        bar = bars[row : row + 1]
        ticks, _ = events_of(bar, ticker=ticker, seed=row)
        prices, volume = [tick.price for tick in ticks], sum(tick.size for tick in ticks)

        assert [prices[0], max(prices), min(prices), prices[-1], volume] == bar.ohlcv[0].tolist()


@pytest.mark.parametrize("volume", [0.0, 3.0, 0.1, 1234567.89])
def test_any_volume_is_spread_without_a_share_more_or_less(volume):
    bar = unadjusted(np.array(["2012-03-02"], dtype="datetime64[D]"), np.array([[10.0, 11.0, 9.0, 10.5, volume]]))

    ticks, _ = events_of(bar)

    assert sum(tick.size for tick in ticks) == volume
    assert min(tick.size for tick in ticks) >= 0


def test_a_price_that_never_moves_stays():
    bar = unadjusted(np.array(["2012-03-02"], dtype="datetime64[D]"), np.array([[9.7, 9.7, 9.7, 9.7, 100.0]]))

    ticks, _ = events_of(bar)

    assert {tick.price for tick in ticks} == {9.7}


def test_the_close_is_the_official_bar_on_the_far_side_of_the_wire_too():
    bar = bar_on("IBM", "2012-05-08")

    _, close = events_of(bar, ticker="IBM")
    arrived = decode(encode(close)).bar()

    assert_array_equal(arrived.session, bar.session)
    assert_array_equal(arrived.ohlcv, bar.ohlcv)
    assert_array_equal([*arrived.split, *arrived.dividend], [*bar.split, *bar.dividend])


def test_a_tick_is_the_same_on_the_far_side_of_the_wire():
    ticks, _ = events_of(bar_on("AAPL", "2012-03-02"))

    assert [decode(encode(tick)) for tick in ticks] == ticks


@pytest.mark.parametrize(
    ("field", "nonsense"),
    [
        ("session", "tomorrow"),
        ("session", "2012-02-30"),
        ("session", "2012-03-02T14:30"),
        ("session", ""),
        ("at", "2012-03-02T14:30:00"),
        ("price", "dear"),
        ("price", None),
        ("type", "rumour"),
    ],
)
def test_what_is_no_tick_does_not_arrive_as_one(field, nonsense):
    ticks, _ = events_of(bar_on("AAPL", "2012-03-02"))
    broken = msgspec.json.decode(encode(ticks[0])) | {field: nonsense}

    with pytest.raises(msgspec.ValidationError):
        decode(msgspec.json.encode(broken))


def test_equal_seeds_play_equal_ticks_and_others_another_way_to_the_same_bar():
    bar = bar_on("AAPL", "2012-03-02")

    once, again, otherwise = (events_of(bar, seed=seed) for seed in (7, 7, 8))

    assert once == again
    assert once[0] != otherwise[0]
    assert once[1] == otherwise[1]


@pytest.mark.parametrize(
    ("ticker", "session", "split", "pays"), [("AAPL", "2005-02-28", 2.0, False), ("IBM", "2012-05-08", 1.0, True)]
)
def test_the_first_tick_and_only_that_carries_split_and_dividend(ticker, session, split, pays):
    bar = bar_on(ticker, session)

    (first, *others), close = events_of(bar, ticker=ticker)

    assert (first.split, first.dividend) == (close.split, close.dividend) == (bar.split[0], bar.dividend[0])
    assert (first.split, first.dividend > 0) == (split, pays)
    assert {(tick.split, tick.dividend) for tick in others} == {(1.0, 0.0)}


@pytest.mark.parametrize(
    ("session", "hours"),
    [
        ("2012-03-02", ("14:30", "21:00")),
        ("2012-11-23", ("14:30", "18:00")),  # the day after Thanksgiving
    ],
)
def test_ticks_come_a_quarter_of_an_hour_apart_from_open_to_close(session, hours):
    opens, closes = (datetime.fromisoformat(f"{session}T{hour}").replace(tzinfo=UTC) for hour in hours)

    ticks, close = events_of(bar_on("AAPL", session))

    assert (ticks[0].at, ticks[-1].at, close.at) == (opens, closes, closes)
    assert {after.at - before.at for before, after in pairwise(ticks)} == {timedelta(minutes=15)}
    assert [tick.number for tick in ticks] == list(range(len(ticks)))


def test_a_session_too_short_for_open_high_low_and_close_is_refused():
    opens = np.datetime64("2012-03-02T14:30:00")

    with pytest.raises(QuantError, match=r"AAPL 2012-03-02: expected a session of at least 45 minutes, got 0:30:00"):
        session_events(
            bar_on("AAPL", "2012-03-02"),
            ticker="AAPL",
            market="m",
            opens=opens,
            closes=opens + np.timedelta64(30, "m"),
            rng=np.random.default_rng(7),
        )


def test_a_session_just_long_enough_still_leads_to_its_bar():
    bar, opens = bar_on("AAPL", "2012-03-02"), np.datetime64("2012-03-02T14:30:00")

    *ticks, _ = session_events(
        bar,
        ticker="AAPL",
        market="m",
        opens=opens,
        closes=opens + np.timedelta64(45, "m"),
        rng=np.random.default_rng(7),
    )

    assert sorted(tick.price for tick in ticks) == sorted(bar.ohlcv[0, :4].tolist())
