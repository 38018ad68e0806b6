"""Bars of one minute: the file, what they add up to, and which are refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import redis
from numpy.testing import assert_array_equal
from shared_data import shared_data

from quant.errors import BadBars
from release.errors import BadRelease
from release.tables import pack
from serving.errors import CannotStart
from serving.live import bus
from serving.live.book import Book, Taken
from serving.live.feeds.minutes import SUFFIX, Minutes, check, daily, load_minutes, save_minutes
from serving.live.feeds.replay import Replay, ReplayFeed, load_replay
from serving.live.ticks import SessionClose, Tick, decode, encode

SESSIONS = ["2025-11-11", "2025-11-12", "2025-11-13", "2025-11-14", *(f"2025-11-{day}" for day in range(17, 21))]
COLUMNS = ["open", "high", "low", "close", "volume"]


@cache
def recorded() -> pd.DataFrame:
    """Eight real sessions of nine tickers, minute by minute."""
    return pd.read_parquet(shared_data("intraday_1m_2025_11.parquet"))


def real_minutes(ticker: str, *, sessions: int = 8) -> Minutes:
    """The first sessions of a ticker."""
    table = recorded()
    rows = table[(table["ticker"] == ticker) & (table["date"] < pd.Timestamp(SESSIONS[sessions - 1] + " 23:00Z"))]
    start = rows["date"].dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    n = len(rows)
    return Minutes(start, rows[COLUMNS].to_numpy(dtype=np.float64), np.ones(n), np.zeros(n))


def real_days(ticker: str) -> pd.DataFrame:
    """What pandas makes of them."""
    rows = recorded().loc[lambda table: table["ticker"] == ticker].astype(dict.fromkeys(COLUMNS, np.float64))
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return rows.groupby(rows["date"].dt.date).agg(how)


@pytest.fixture
def minutes() -> Minutes:
    """One real session."""
    return real_minutes("AAPL", sessions=1)


# The file.


def test_what_was_written_is_read(minutes, tmp_path):
    path = tmp_path / f"AAPL{SUFFIX}"

    save_minutes(path, minutes)
    found = load_minutes(path)

    for name in ("start", "ohlcv", "split", "dividend"):
        assert_array_equal(getattr(found, name), getattr(minutes, name))


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "bars.npz"
    path.write_bytes(pack({"close": np.ones(3)}))

    with pytest.raises(BadRelease, match=r"expected the arrays start, ohlcv, split, dividend, got close"):
        load_minutes(path)


def test_arrays_that_do_not_fit_each_other_are_refused(tmp_path):
    path = tmp_path / "bars.npz"
    path.write_bytes(
        pack({"start": np.arange(3), "ohlcv": np.ones((3, 4)), "split": np.ones(3), "dividend": np.ones(3)})
    )

    with pytest.raises(BadBars, match=r"ohlcv: expected shape \(3, 5\), got \(3, 4\)"):
        load_minutes(path)


def test_words_in_place_of_numbers_are_refused(tmp_path):
    path = tmp_path / "bars.npz"
    words = np.array(["dear"] * 3)
    path.write_bytes(pack({"start": np.arange(3), "ohlcv": words, "split": words, "dividend": words}))

    with pytest.raises(BadBars, match=r"expected numbers, got could not convert"):
        load_minutes(path)


# Sound or not.


@pytest.mark.parametrize(
    ("row", "column", "value", "reason"),
    [
        (3, 3, np.nan, r"AAPL: 2025-11-11T14:33:00 close: expected a finite number, got nan"),
        (3, 2, -1.0, r"AAPL: 2025-11-11T14:33:00 low: expected a price above 0, got -1\.0"),
        (0, 4, -1.0, r"AAPL: 2025-11-11T14:30:00 volume: expected a volume of at least 0, got -1\.0"),
        (389, 1, 1.0, r"AAPL: 2025-11-11T20:59:00 high: expected high >= open and close >= low, got 1\.0"),
    ],
)
def test_a_minute_that_can_not_be_is_named(minutes, recent, row, column, value, reason):
    ohlcv = minutes.ohlcv.copy()
    ohlcv[row, column] = value

    with pytest.raises(BadBars, match=reason):
        check(replace(minutes, ohlcv=ohlcv), recent, ticker="AAPL")


@pytest.mark.parametrize("moved", [0, -60])
def test_minutes_out_of_order_are_refused(minutes, recent, moved):
    start = minutes.start.copy()
    start[5] = start[4] + np.timedelta64(moved, "s")

    with pytest.raises(BadBars, match=r"AAPL: start: expected a minute after 2025-11-11T14:34:00, got 2025-11-11T14:3"):
        check(replace(minutes, start=start), recent, ticker="AAPL")


@pytest.mark.parametrize("hours", [-1, 24 * 4, 7, 24 * 365])
def test_minutes_out_of_hours_are_refused(minutes, recent, hours):
    elsewhere = replace(minutes, start=minutes.start + np.timedelta64(hours, "h"))

    with pytest.raises(BadBars, match=r"AAPL: start: expected a minute of a session of XNYS, got 202"):
        check(elsewhere, recent, ticker="AAPL")


# What they add up to.


@pytest.mark.parametrize("ticker", ["AAPL", "GOOGL", "MSFT", "BRK-B"])
def test_they_add_up_to_the_days_that_pandas_makes_of_them(recent, ticker):
    days = daily(real_minutes(ticker), recent)

    assert days.session.astype(str).tolist() == SESSIONS
    assert_array_equal(days.ohlcv, real_days(ticker).to_numpy())
    assert_array_equal([days.split, days.dividend], [np.ones(8), np.zeros(8)])


def test_a_split_and_a_dividend_are_the_day_s(minutes, recent):
    split, dividend = minutes.split.copy(), minutes.dividend.copy()
    split[0], dividend[0] = 4.0, 0.25

    days = daily(replace(minutes, split=split, dividend=dividend), recent)

    assert (days.split[0], days.dividend[0]) == (4.0, 0.25)


# How they are played.


def replayed(recent, *tickers: str, sessions: int = 8, seed: int = 7) -> Replay:
    """The replay of these tickers' minutes."""
    by_minute = {ticker: real_minutes(ticker, sessions=sessions) for ticker in tickers}
    bars = {ticker: daily(those, recent) for ticker, those in by_minute.items()}
    return Replay(bars, dict.fromkeys(tickers, recent), seed, by_minute)


def test_the_ticks_of_real_sessions_lead_to_their_days_and_their_closes_say_so(recent):
    replay = replayed(recent, "MSFT", sessions=3)
    book = Book(daily(real_minutes("MSFT"), recent)[:1], recent)
    from_ticks, closes = {}, {}

    for event in replay.events(market="m"):
        arrived = decode(encode(event))
        if isinstance(arrived, Tick):
            book.fold(arrived)
        elif isinstance(arrived, SessionClose) and book.open is not None:
            from_ticks[arrived.session] = book.open.bar().ohlcv[0]
            closes[arrived.session] = arrived.bar().ohlcv[0]
            book.close(arrived.bar())

    # The book stands behind the first session.
    assert list(closes) == SESSIONS[1:3]
    for session, official in closes.items():
        assert_array_equal(official, real_days("MSFT").loc[pd.Timestamp(session).date()].to_numpy())
        assert_array_equal(from_ticks[session], official)


@pytest.mark.anyio
async def test_a_file_of_minutes_goes_over_the_stream_into_the_days_they_add_up_to(carrying, recent, valkey, tmp_path):
    release, tickers = carrying("AAPL", "BRK-B"), ("AAPL", "BRK-B")
    for ticker in tickers:
        save_minutes(tmp_path / f"{ticker}{SUFFIX}", real_minutes(ticker, sessions=2))
    feed = ReplayFeed(load_replay(tmp_path, release, seed=7), redis_url=valkey.url, speed=1e9)
    books = {ticker: Book(daily(real_minutes(ticker), recent)[:1], recent) for ticker in tickers}

    await feed.open()
    await feed.run()
    with redis.Redis.from_url(valkey.url) as client:
        arrived = [decode(fields[b"event"]) for _, fields in client.xrange(bus.TICKS)]
    taken = Counter(books[event.ticker].fold(event) for event in arrived if isinstance(event, Tick))

    # Each book stands behind the first session, whose ticks then are late.
    assert taken[Taken.LATE] == 2 * 4 * 390
    for ticker, book in books.items():
        assert_array_equal(book.open.bar().ohlcv[0], real_days(ticker).to_numpy()[1])


def test_each_minute_has_four_ticks_within_it_that_lead_to_it(recent, minutes):
    *events, close, _ = replayed(recent, "AAPL", sessions=1).events(market="m")

    assert [tick.number for tick in events] == list(range(4 * 390))
    for row, start in enumerate(minutes.start):
        four = events[4 * row : 4 * row + 4]
        prices, volume = [tick.price for tick in four], sum(tick.size for tick in four)
        assert [prices[0], max(prices), min(prices), prices[-1], volume] == minutes.ohlcv[row].tolist()
        assert {np.datetime64(tick.at.replace(tzinfo=None), "m") for tick in four} == {start.astype("datetime64[m]")}
    assert (str(close.at), close.session) == ("2025-11-11 21:00:00+00:00", "2025-11-11")


def test_equal_seeds_play_equal_ticks_wherever_they_begin(recent):
    whole, again = (list(replayed(recent, "AAPL", sessions=2).events(market="m")) for _ in range(2))
    other = list(replayed(recent, "AAPL", sessions=2, seed=8).events(market="m"))
    tail = replayed(recent, "AAPL", sessions=2)
    tail = replace(tail, bars={"AAPL": tail.bars["AAPL"][1:]})

    assert whole == again != other
    assert list(tail.events(market="m")) == whole[4 * 390 + 1 :]


def test_a_file_of_minutes_goes_before_one_of_days(carrying, tmp_path):
    save_minutes(tmp_path / f"AAPL{SUFFIX}", real_minutes("AAPL"))
    (tmp_path / "AAPL.npz").write_bytes(b"not looked at")

    replay = load_replay(tmp_path, carrying("AAPL"), seed=7)

    assert_array_equal(replay.bars["AAPL"].ohlcv, real_days("AAPL").to_numpy())
    assert len(replay.minutes["AAPL"]) == 8 * 390


def test_only_the_minutes_after_the_release_are_played(carrying, recent, tmp_path):
    save_minutes(tmp_path / f"AAPL{SUFFIX}", real_minutes("AAPL"))
    release = carrying("AAPL")
    until = replace(release.tickers["AAPL"], bars=daily(real_minutes("AAPL"), recent)[:6])

    replay = load_replay(tmp_path, replace(release, tickers={"AAPL": until}), seed=7)

    assert {event.session for event in replay.events(market="m") if isinstance(event, Tick)} == set(SESSIONS[6:])


def test_unsound_minutes_are_refused_with_their_file(carrying, minutes, tmp_path):
    save_minutes(tmp_path / f"AAPL{SUFFIX}", replace(minutes, start=minutes.start[::-1].copy()))

    with pytest.raises(CannotStart, match=r"^replay: expected sound bars in .*/AAPL\.minutes\.npz, got: AAPL: start: "):
        load_replay(tmp_path, carrying("AAPL"), seed=7)
