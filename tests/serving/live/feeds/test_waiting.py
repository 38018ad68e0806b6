"""What waits is bounded, and leads to the same bar whatever had to go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.live.feeds.waiting import SESSIONS_KEPT, Waiting, condense
from serving.live.ticks import Tick

OPENS = datetime(2021, 2, 22, 14, 30, tzinfo=UTC)


def tick(number: int, price: float, *, ticker: str = "AAPL", size: float = 1.0, session: str = "2021-02-22") -> Tick:
    """A trade so many seconds after the open."""
    at = OPENS + timedelta(seconds=number)
    return Tick(market="m", ticker=ticker, session=session, at=at, number=number, price=price, size=size)


ticks = st.lists(
    st.builds(
        tick,
        st.integers(0, 1_000),
        st.integers(1, 50).map(float),
        ticker=st.sampled_from(["AAPL", "IBM"]),
        size=st.integers(0, 100).map(float),
    ),
    min_size=1,
    unique_by=lambda each: (each.ticker, each.at),
)


def bars(those: list[Tick]) -> dict[str, tuple[float, ...]]:
    """Open, high, low, close and volume by ticker."""
    found = {}
    for ticker in {each.ticker for each in those}:
        ordered = sorted((each for each in those if each.ticker == ticker), key=lambda each: each.at)
        prices, volume = [each.price for each in ordered], sum(each.size for each in ordered)
        found[ticker] = (prices[0], max(prices), min(prices), prices[-1], volume)
    return found


@given(ticks)
def test_condensed_ticks_lead_to_the_same_bars(those):
    assert bars(condense(those)) == bars(those)


@given(ticks)
def test_at_most_four_ticks_of_a_ticker_stay_and_in_their_order(those):
    kept = condense(those)

    arrived = {(each.ticker, each.at): place for place, each in enumerate(those)}
    places = [arrived[each.ticker, each.at] for each in kept]
    assert places == sorted(places)
    assert all(sum(each.ticker == ticker for each in kept) <= 4 for ticker in ("AAPL", "IBM"))


@given(ticks)
def test_what_is_condensed_already_stays_as_it_is(those):
    once = condense(those)

    assert condense(once) == once


def test_of_the_sessions_of_a_long_outage_the_newest_stay():
    those = [tick(number, 1.0, session=f"2021-02-{number:02}") for number in range(1, 29)]

    assert [each.session for each in condense(those)] == [f"2021-02-{day}" for day in range(29 - SESSIONS_KEPT, 29)]


def test_while_they_are_few_they_pass_through_untouched():
    waiting, those = Waiting(most=10), [tick(number, float(1 + number)) for number in range(10)]

    waiting.put(those)

    assert (waiting.take(4), waiting.take(100), len(waiting)) == (those[:4], those[4:], 0)
    assert waiting.condensed == 0


def test_when_too_many_wait_they_are_condensed_and_counted():
    waiting, those = Waiting(most=10), [tick(number, float(1 + number % 7)) for number in range(1_000)]

    for each in those:
        waiting.put([each])
        assert len(waiting) <= 10

    left = waiting.take(100)
    assert bars(left) == bars(those)
    assert waiting.condensed == 1_000 - len(left)


def test_more_tickers_than_the_bound_are_not_condensed_with_every_tick():
    waiting = Waiting(most=10)

    for number in range(100):
        waiting.put(tick(number, 1.0 + number, ticker=f"T{each}") for each in range(20))

    assert len(waiting) <= 2 * 4 * 20


@pytest.mark.parametrize("order", [1, -1])
def test_of_ticks_of_one_time_the_last_to_come_is_the_newest(order):
    those = [tick(5, price) for price in (3.0, 9.0, 1.0, 4.0)][::order]

    assert condense(those)[-1].price == those[-1].price
