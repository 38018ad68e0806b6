"""Yahoo's frames become trades; what is none of them is left out by a rule and counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_streams import NOW, enveloped, pricing_frame

from release.clock import FixedClock
from serving.live.feeds import yahoo
from serving.live.feeds.dialect import Heard, Instruments
from serving.live.feeds.yahoo import Yahoo
from serving.live.ticks import Tick, decode, encode

LATER = timedelta(milliseconds=250)


@pytest.fixture
def hear(carrying, clock):
    """Hears frames, one dialect for all of a test; gives the ticks."""
    dialect = Yahoo(yahoo.instruments(carrying("AAPL", "BRK.B")), market="yahoo", clock=clock)

    def frames(*those: str | bytes) -> list[Tick]:
        said = [dialect.hear(each.encode() if isinstance(each, str) else each) for each in those]
        assert not any(each.answers for each in said)
        return [tick for each in said for tick in each.ticks]

    frames.dialect = dialect
    return frames


def heard(hear) -> dict[Heard, int]:
    """What has been counted."""
    return {rule: n for rule, n in hear.dialect.counts.items() if n}


# A trade.


def test_a_price_becomes_a_trade_of_the_session_with_its_quote(hear):
    (tick,) = hear(pricing_frame("AAPL", 126.55, NOW, volume=1_000, bid=126.54, ask=126.56))

    assert tick == Tick(
        market="yahoo",
        ticker="AAPL",
        session="2021-02-22",
        at=NOW,
        number=1000 * round(1000 * NOW.timestamp()),
        price=126.55,
        size=0.0,
        bid=126.54,
        ask=126.56,
    )
    assert decode(encode(tick)) == tick


def test_a_quote_that_is_not_there_is_none(hear):
    (tick,) = hear(pricing_frame("AAPL", 126.55, NOW))

    assert (tick.bid, tick.ask) == (None, None)


def test_a_class_of_shares_is_asked_for_with_a_hyphen_and_told_with_a_point(hear):
    (tick,) = hear(pricing_frame("BRK-B", 245.1, NOW))

    assert tick.ticker == "BRK.B"
    assert [json.loads(message) for message in hear.dialect.begin()] == [{"subscribe": ["AAPL", "BRK-B"]}]
    assert hear.dialect.heartbeat() == hear.dialect.begin()


def test_the_size_is_what_the_day_s_volume_has_grown_by(hear):
    volumes = (1_000, 1_000, 1_250, 1_240, 1_300)

    ticks = hear(*(pricing_frame("AAPL", 126 + i / 4, NOW + i * LATER, volume=v) for i, v in enumerate(volumes)))

    assert [tick.size for tick in ticks] == [0, 0, 250, 0, 60]


@pytest.mark.parametrize(("next_day", "size"), [(300, 300), (5_000, 0), (6_000, 0)])
def test_a_new_session_s_volume_begins_from_nothing_once_it_has_been_set_back(hear, clock, next_day, size):
    hear(pricing_frame("AAPL", 126.5, NOW, volume=5_000))
    clock.at = NOW + timedelta(days=1)

    (tick,) = hear(pricing_frame("AAPL", 127.5, clock.at, volume=next_day))

    assert (tick.session, tick.size) == ("2021-02-23", size)


def test_what_changes_within_a_millisecond_has_numbers_of_its_own(hear):
    ticks = hear(*(pricing_frame("AAPL", price, NOW) for price in (126.5, 126.75, 126.5)))

    first = ticks[0].number
    assert [tick.number for tick in ticks] == [first, first + 1, first + 2]


@given(st.floats(width=32, min_value=2**-10, max_value=500_000))
def test_a_price_is_the_shortest_decimal_that_its_single_precision_means(price):
    frame = json.loads(pricing_frame("AAPL", price, NOW))

    found = yahoo.pricing_of(frame["message"]).price

    assert abs(found - price) <= abs(price) * 2**-23
    assert len(repr(found)) <= len(repr(price))


# What is left out.


def test_the_same_again_is_a_repetition(hear):
    frame = pricing_frame("AAPL", 126.55, NOW, volume=10)

    assert len(hear(frame, frame)) == 1
    assert heard(hear) == {Heard.TICK: 1, Heard.REPEATED: 1}


@pytest.mark.parametrize("hours", [0, 2, 3])
def test_what_yahoo_calls_before_or_after_the_market_is_out_of_hours(hear, hours):
    assert hear(pricing_frame("AAPL", 126.55, NOW, hours=hours)) == []
    assert heard(hear) == {Heard.OUT_OF_HOURS: 1}


@pytest.mark.parametrize(
    ("moment", "counts"),
    [("2021-02-22T21:00:30", True), ("2021-02-22T21:01:30", False), ("2021-02-22T14:29:00", False)],
)
def test_the_calendar_decides_too_and_the_closing_auction_counts(hear, clock, moment, counts):
    clock.at = datetime.fromisoformat(moment).replace(tzinfo=UTC)

    assert bool(hear(pricing_frame("AAPL", 126.55, clock.at))) is counts


def test_a_trade_from_tomorrow_is_none_today(hear):
    assert hear(pricing_frame("AAPL", 126.55, NOW + timedelta(days=1))) == []
    assert heard(hear) == {Heard.AHEAD: 1}


def test_a_symbol_that_was_not_asked_for_is_left_out(hear):
    assert hear(pricing_frame("GME", 44.0, NOW)) == []
    assert heard(hear) == {Heard.NOT_ASKED: 1}


def test_a_frame_of_another_type_is_passed_over(hear):
    assert hear('{"type": "notice", "message": "hello"}') == []
    assert heard(hear) == {Heard.PASSED_OVER: 1}


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "Will be right back...",
        "[]",
        "{}",
        '{"type": 7}',
        '{"type": "pricing", "message": "no base64"}',
        '{"type": "pricing", "message": "CgRBQVBM!"}',
        '{"type": "pricing"}',
        enveloped(b"\x0a\x05AAPL"),
        enveloped(b"\x0a\x04AAPL"),  # without a time
        enveloped(b"\x0a\x04AAPL\x15\x00\x00\x80\x7f\x18\x80\xe0\xb0\xaf\xbd\x5c"),  # at an infinite price
        enveloped(b"\x0a\x04AAPL\x18" + b"\xff" * 9 + b"\x01"),  # in the year -290 million
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
def test_what_can_not_be_read_is_counted_and_spoils_nothing(hear, frame):
    good = pricing_frame("AAPL", 126.55, NOW)

    ticks = hear(frame, good)

    assert len(ticks) == 1
    assert heard(hear) == {Heard.UNREADABLE: 1, Heard.TICK: 1}


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda data: enveloped(data).encode())))
def test_no_bytes_break_it(frame):
    dialect = Yahoo(Instruments({}, {}), market="yahoo", clock=FixedClock(NOW))

    assert dialect.hear(frame).ticks == []
    assert dialect.counts.total() == 1
