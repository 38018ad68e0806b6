"""Alpaca's documented session is understood, each documented error has its answer, conditions decide what counts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_streams import NOW, alpaca_errors, alpaca_session

from release.clock import FixedClock
from serving.errors import CannotStart
from serving.live.feeds import alpaca
from serving.live.feeds.alpaca import Alpaca, ErrorCode, weight
from serving.live.feeds.dialect import Heard, Instruments, Refused, Said
from serving.live.ticks import Tick, decode, encode

AUTH = {"action": "auth", "key": "a-key", "secret": "a-secret"}
SUBSCRIBE = {"action": "subscribe", "trades": ["AAPL", "AMD", "BRK.B"], "quotes": ["AAPL", "AMD", "BRK.B"]}


@pytest.fixture
def dialect(carrying, clock) -> Alpaca:
    """Of three tickers."""
    asked_for = alpaca.instruments(carrying("AAPL", "AMD", "BRK.B"))
    return Alpaca(asked_for, key="a-key", secret="a-secret", market="alpaca", clock=clock)


def hear(dialect: Alpaca, *messages: dict) -> list[Tick]:
    """The ticks of a frame of these messages."""
    return dialect.hear(json.dumps(messages).encode()).ticks


def trade(**more) -> dict:
    """A trade of Apple's, `NOW`, that counts in full unless told otherwise."""
    whole = {"T": "t", "i": 1, "S": "AAPL", "x": "V", "p": 126.5, "s": 100, "t": NOW.isoformat(), "c": ["@"], "z": "C"}
    return whole | more


def heard(dialect: Alpaca) -> dict[Heard, int]:
    """What has been counted."""
    return {rule: n for rule, n in dialect.counts.items() if n}


def answers(said: Said) -> list[dict]:
    """What is said to the vendor."""
    return [json.loads(message) for message in said.answers]


# The session as documented.


def test_the_documented_session_is_followed_word_for_word(dialect):
    connected, authenticated, subscription, trades, quotes, bars = (frame.encode() for frame in alpaca_session())

    assert dialect.begin() == []
    assert answers(dialect.hear(connected)) == [AUTH]
    assert answers(dialect.hear(authenticated)) == [SUBSCRIBE]
    for data in (subscription, trades, quotes, bars):
        assert dialect.hear(data) == Said()

    # The one trade is an odd lot: its price doesn't count.
    assert heard(dialect) == {Heard.CONTROL: 3, Heard.VOLUME_ONLY: 1, Heard.QUOTE: 3, Heard.PASSED_OVER: 1}


def test_it_is_subscribed_when_everything_asked_for_is_confirmed(dialect):
    hear(dialect, {"T": "subscription", "trades": ["AAPL"], "quotes": [], "bars": []})
    some = dialect.subscribed
    hear(dialect, {"T": "subscription", **{name: SUBSCRIBE[name] for name in ("trades", "quotes")}})
    everything = dialect.subscribed
    dialect.begin()

    assert (some, everything, dialect.subscribed) == (False, True, False)


@pytest.mark.parametrize("code", [code for code in ErrorCode if code is not ErrorCode.ALREADY_AUTHENTICATED])
def test_a_documented_error_ends_the_connection_and_says_which(dialect, code):
    documented = alpaca_errors().get(code, json.dumps([{"T": "error", "code": code, "msg": "a later addition"}]))

    with pytest.raises(Refused) as refused:
        dialect.hear(documented.encode())

    assert f"({code.value})" in str(refused.value)
    assert json.loads(documented)[0]["msg"] in str(refused.value)


@pytest.mark.parametrize(
    ("code", "alone"),
    [(400, 300), (401, None), (402, 300), (404, None), (405, 300), (406, None), (407, None), (408, 300), (409, 300),
     (410, 300), (500, None), (599, None)],
)  # fmt: skip
def test_what_no_second_try_makes_better_is_left_alone_for_long(dialect, code, alone):
    with pytest.raises(Refused) as refused:
        hear(dialect, {"T": "error", "code": code, "msg": "no"})

    assert refused.value.seconds == alone


def test_who_is_authenticated_already_goes_on_to_subscribe(dialect):
    said = dialect.hear(alpaca_errors()[403].encode())

    assert answers(said) == [SUBSCRIBE]


# A trade.


def test_a_trade_is_told_with_the_quote_that_stands(dialect):
    quote = {"T": "q", "S": "AAPL", "bp": 126.49, "ap": 126.51, "bs": 1, "as": 1, "t": NOW.isoformat()}

    (tick,) = hear(dialect, quote, trade(i=96921))

    assert tick == Tick(
        market="alpaca",
        ticker="AAPL",
        session="2021-02-22",
        at=NOW,
        number=96921 * 128 + ord("V"),
        price=126.5,
        size=100.0,
        bid=126.49,
        ask=126.51,
    )
    assert decode(encode(tick)) == tick


def test_a_quote_without_a_bid_or_from_before_the_connection_broke_is_none(dialect):
    quote = {"T": "q", "S": "AAPL", "bp": 0, "ap": 126.51}
    (one_sided,) = hear(dialect, quote, trade(i=1))
    dialect.begin()
    (later,) = hear(dialect, trade(i=2))

    assert (one_sided.bid, one_sided.ask) == (None, 126.51)
    assert (later.bid, later.ask) == (None, None)


def test_trades_of_two_exchanges_with_one_id_have_two_numbers(dialect):
    one, other = hear(dialect, trade(i=7, x="V"), trade(i=7, x="Q"))

    assert one.number != other.number


def test_nanoseconds_are_read_to_the_microsecond(dialect):
    (tick,) = hear(dialect, trade(t="2021-02-22T15:51:45.335689322Z"))

    assert tick.at == datetime(2021, 2, 22, 15, 51, 45, 335689, tzinfo=UTC)


def test_shares_of_trades_whose_price_does_not_count_go_with_the_next_trade(dialect):
    odd = [trade(i=1, s=3, c=["@", "I"], p=99.0), trade(i=2, s=4, c=["I"], p=200.0), trade(i=3, s=5, c=["I"], S="AMD")]

    first, second = hear(dialect, *odd, trade(i=4), trade(i=5))

    assert [(tick.price, tick.size) for tick in (first, second)] == [(126.5, 107.0), (126.5, 100.0)]
    assert heard(dialect) == {Heard.VOLUME_ONLY: 3, Heard.TICK: 2}


def test_shares_are_not_carried_into_another_session(dialect, clock):
    hear(dialect, trade(i=1, s=3, c=["I"]))
    clock.at = NOW + timedelta(days=1)

    (tick,) = hear(dialect, trade(i=2, t=clock.at.isoformat()))

    assert (tick.session, tick.size) == ("2021-02-23", 100.0)


@pytest.mark.parametrize(
    ("conditions", "tape", "counts"),
    [
        ((), "C", Heard.TICK),
        (("@",), "C", Heard.TICK),
        ((" ",), "A", Heard.TICK),
        (("@", "F"), "C", Heard.TICK),  # intermarket sweep
        (("O",), "A", Heard.TICK),  # opening
        (("@", "6", "X"), "C", Heard.TICK),  # closing cross
        (("5",), "A", Heard.TICK),  # reopening
        (("@", "T"), "C", Heard.OUT_OF_HOURS),
        (("@", "T", "I"), "C", Heard.OUT_OF_HOURS),
        (("@", "U"), "C", Heard.OUT_OF_HOURS),
        (("@", "M"), "C", Heard.PASSED_OVER),  # official close
        (("Q",), "A", Heard.PASSED_OVER),  # official open
        (("9",), "A", Heard.PASSED_OVER),  # corrected close
        (("@", "I"), "C", Heard.VOLUME_ONLY),  # odd lot
        (("@", "F", "I"), "C", Heard.VOLUME_ONLY),
        (("Z",), "A", Heard.VOLUME_ONLY),  # sold out of sequence
        (("W",), "C", Heard.VOLUME_ONLY),  # average price on Nasdaq's tape
        (("B",), "A", Heard.VOLUME_ONLY),  # average price on New York's
        (("B",), "C", Heard.TICK),  # bunched on Nasdaq's
        (("4",), "A", Heard.VOLUME_ONLY),  # derivatively priced
        (("7", "V"), "A", Heard.VOLUME_ONLY),  # contingent
        (("a new one",), "C", Heard.TICK),
    ],
)
def test_its_conditions_decide_how_far_a_trade_counts(conditions, tape, counts):
    assert weight(conditions, tape=tape) is counts


# What is left out.


def test_a_trade_in_extended_hours_is_out_of_hours_by_its_condition_or_by_the_calendar(dialect, clock):
    clock.at = datetime(2021, 2, 22, 21, 5, tzinfo=UTC)
    in_the_auction = trade(i=3, t="2021-02-22T21:00:01Z", c=["@", "6"])

    ticks = hear(dialect, trade(c=["@", "T"]), trade(i=2, t="2021-02-22T21:04:00Z"), in_the_auction)

    assert [tick.session for tick in ticks] == ["2021-02-22"]
    assert heard(dialect) == {Heard.OUT_OF_HOURS: 2, Heard.TICK: 1}


def test_others_symbols_and_tomorrow_s_trades_are_left_out(dialect):
    tomorrow = (NOW + timedelta(days=1)).isoformat()

    assert hear(dialect, trade(S="GME"), {"T": "q", "S": "GME", "bp": 1, "ap": 2}, trade(t=tomorrow)) == []
    assert heard(dialect) == {Heard.NOT_ASKED: 2, Heard.AHEAD: 1}


@pytest.mark.parametrize(("kind", "rule"), [("c", Heard.REVOKED), ("x", Heard.REVOKED), ("d", Heard.PASSED_OVER),
                                            ("b", Heard.PASSED_OVER), ("s", Heard.PASSED_OVER)])  # fmt: skip
def test_corrections_and_what_is_no_trade_change_nothing_and_are_counted(dialect, kind, rule):
    assert hear(dialect, {"T": kind, "S": "AAPL"}) == []
    assert heard(dialect) == {rule: 1}


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"T": 7},
        {"T": "t"},
        trade(p="dear"),
        trade(p=None),
        trade(t="2021-02-22T16:00:00"),
        trade(t="soon"),
        trade(i=-1),
        trade(i=2**60),
        trade(c="@"),
        {"T": "q", "S": "AAPL"},
        {"T": "error"},
        [],
        "T",
        None,
    ],
)
def test_one_bad_message_spoils_no_other_of_its_frame(dialect, bad):
    assert len(hear(dialect, trade(i=1), bad, trade(i=2))) == 2
    assert heard(dialect) == {Heard.TICK: 2, Heard.UNREADABLE: 1}


@pytest.mark.parametrize("frame", [b"", b"{}", b"[", b"Will be right back...", b"\xff", b"[" * 100_000, b'["\xff"]'])
def test_a_frame_that_can_not_be_read_is_counted(dialect, frame):
    assert dialect.hear(frame) == Said(understood=False)
    assert heard(dialect) == {Heard.UNREADABLE: 1}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("TSiptcsxz"), inner, max_size=6),
    max_leaves=20,
)


@given(st.lists(st.fixed_dictionaries({"T": st.sampled_from(["t", "q", "c", "subscription", "success"])}).flatmap(
    lambda tag: st.dictionaries(st.sampled_from("SiptcsxzbpapmsgT"), json_values).map(lambda more: more | tag)
)))  # fmt: skip
def test_no_message_breaks_it(messages):
    dialect = Alpaca(Instruments({"AAPL": "AAPL"}, {}), key="k", secret="s", market="m", clock=FixedClock(NOW))

    dialect.hear(json.dumps(messages).encode())

    assert dialect.counts.total() >= min(1, len(messages))


# Which tickers.


def test_only_new_york_s_tickers_are_asked_for(release):
    assert alpaca.instruments(release).symbols == ("AAPL", "IBM")


def test_a_release_without_any_is_refused(release, recent):
    pair = release.tickers["IBM"]
    lineage = msgspec.structs.replace(pair.lineage, ticker="BTC-USD", exchange="24/7")
    crypto = replace(release, calendars={"24/7": recent}, tickers={"BTC-USD": replace(pair, lineage=lineage)})

    with pytest.raises(CannotStart, match=r"^feed: expected tickers of XNYS for alpaca, got BTC-USD$"):
        alpaca.instruments(crypto)
