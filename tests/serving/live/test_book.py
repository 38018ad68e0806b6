"""A book takes the ticks that count, says which don't, and ends up with exactly the bars of history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from real_release import AS_OF
from shared_data import sample_bars

from quant.bars import Bars
from quant.features import WINDOW
from serving.live.book import GRACE, KEPT, NUMBERS_KEPT, Book, Taken
from serving.live.ticks import SessionClose, Tick

OPENS, CLOSES = datetime(2012, 3, 2, 14, 30, tzinfo=UTC), datetime(2012, 3, 2, 21, 0, tzinfo=UTC)
FRIDAY, SATURDAY, MONDAY, TUESDAY = "2012-03-02", "2012-03-03", "2012-03-05", "2012-03-06"


@pytest.fixture
def book(release, calendar) -> Book:
    """AAPL's book as released through a Thursday."""
    return Book(release.tickers["AAPL"].bars, calendar)


def tick(
    number: int, price: float, *, session: str = FRIDAY, size: float = 100.0, at: datetime | None = None, **more: float
) -> Tick:
    """AAPL's tick `number` of a session, a quarter of an hour after the one before it unless `at` says otherwise."""
    at = at or datetime.fromisoformat(f"{session}T14:30").replace(tzinfo=UTC) + number * timedelta(minutes=15)
    return Tick(market="m", ticker="AAPL", session=session, at=at, number=number, price=price, size=size, **more)


def bar_of(session: str, ohlcv: tuple[float, ...] = (10.0, 11.0, 9.0, 10.5, 100.0), **more: float) -> Bars:
    """One row."""
    dividend, split = np.array([more.get("dividend", 0.0)]), np.array([more.get("split", 1.0)])
    return Bars(np.array([session], dtype="datetime64[D]"), np.array([ohlcv]), split, dividend)


def assert_same_bars(found: Bars, expected: Bars) -> None:
    """Equal to the last bit."""
    assert_array_equal(found.session, expected.session)
    assert_array_equal(found.ohlcv, expected.ohlcv)
    assert_array_equal(found.split, expected.split)
    assert_array_equal(found.dividend, expected.dividend)


def ohlcv(book: Book) -> list[float]:
    """The bar under way."""
    return book.open.bar().ohlcv[0].tolist()


# What counts.


def test_ticks_in_order_make_the_bar(book):
    taken = [book.fold(tick(n, price)) for n, price in enumerate([540.0, 545.0, 538.0, 542.0])]

    assert set(taken) == {Taken.COUNTED}
    assert ohlcv(book) == [540.0, 545.0, 538.0, 542.0, 400.0]
    assert book.open.at == tick(3, 542.0).at


def test_a_tick_seen_twice_counts_once(book):
    book.fold(tick(0, 540.0))
    before = ohlcv(book)

    assert book.fold(tick(0, 540.0)) is Taken.DUPLICATE
    assert ohlcv(book) == before


def test_a_tick_out_of_order_counts_for_range_and_volume_but_is_not_the_last_price(book):
    for number, price in ((0, 540.0), (2, 542.0)):
        book.fold(tick(number, price))

    assert book.fold(tick(1, 550.0)) is Taken.OUT_OF_ORDER
    assert ohlcv(book) == [540.0, 550.0, 540.0, 542.0, 300.0]
    assert book.open.at == tick(2, 542.0).at


def test_a_first_tick_that_comes_late_is_the_open_all_the_same(book):
    book.fold(tick(1, 542.0))

    assert book.fold(tick(0, 540.0, split=2.0, dividend=0.5)) is Taken.OUT_OF_ORDER
    assert ohlcv(book) == [540.0, 542.0, 540.0, 542.0, 200.0]
    assert (book.open.split, book.open.dividend) == (2.0, 0.5)


def test_the_order_in_which_ticks_arrive_changes_nothing(book, release, calendar, play):
    ticks = [event for event in play(sessions=1).events(market="m") if isinstance(event, Tick)]
    ticks = [event for event in ticks if event.ticker == "AAPL"]
    shuffled = Book(release.tickers["AAPL"].bars, calendar)

    for event in ticks:
        book.fold(event)
    for i in np.random.default_rng(7).permutation(len(ticks)):
        shuffled.fold(ticks[i])

    assert_same_bars(shuffled.open.bar(), book.open.bar())
    assert shuffled.open.at == book.open.at


def test_a_tick_of_a_session_that_has_closed_is_late(book):
    before = book.window()

    assert book.fold(tick(3, 540.0, session=str(AS_OF))) is Taken.LATE
    assert book.open is None
    assert_same_bars(book.window(), before)


def test_a_tick_of_a_session_before_the_one_under_way_is_late(book):
    book.fold(tick(0, 540.0, session=MONDAY))

    assert book.fold(tick(3, 530.0, session=FRIDAY)) is Taken.LATE
    assert ohlcv(book) == [540.0, 540.0, 540.0, 540.0, 100.0]


@pytest.mark.parametrize("price", [float("nan"), float("inf"), -float("inf"), 0.0, -540.0])
def test_a_price_that_is_none_does_not_count(book, price):
    assert book.fold(tick(0, price)) is Taken.BAD_PRICE
    assert book.open is None


@pytest.mark.parametrize("size", [float("nan"), float("inf"), -1.0])
def test_a_size_that_is_none_does_not_count(book, size):
    assert book.fold(tick(0, 540.0, size=size)) is Taken.BAD_PRICE
    assert book.open is None


@pytest.mark.parametrize(
    "impossible", [{"split": 0.0}, {"split": -2.0}, {"split": float("nan")}, {"dividend": -1.0}, {"dividend": 1e6}]
)
def test_a_split_or_dividend_that_leaves_no_price_to_adjust_does_not_count(book, impossible):
    assert book.fold(tick(0, 540.0, **impossible)) is Taken.BAD_PRICE
    assert book.open is None


def test_a_bad_price_in_the_middle_of_a_session_leaves_its_bar_alone(book):
    book.fold(tick(0, 540.0))

    assert book.fold(tick(1, float("nan"))) is Taken.BAD_PRICE
    assert book.fold(tick(2, 541.0)) is Taken.COUNTED
    assert ohlcv(book) == [540.0, 541.0, 540.0, 541.0, 200.0]


@pytest.mark.parametrize("day", [SATURDAY, "2012-04-06", "2099-03-02"], ids=["weekend", "good_friday", "beyond"])
def test_a_tick_of_a_day_without_session_does_not_count(book, day):
    assert book.fold(tick(0, 540.0, session=day)) is Taken.NO_SESSION
    assert book.open is None


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        (OPENS - timedelta(microseconds=1), Taken.OUT_OF_HOURS),
        (OPENS, Taken.COUNTED),
        (CLOSES, Taken.COUNTED),
        (CLOSES + timedelta(minutes=1), Taken.COUNTED),
        (CLOSES + timedelta(minutes=1, microseconds=1), Taken.OUT_OF_HOURS),
    ],
    ids=["before", "open", "close", "auction", "after"],
)
def test_what_trades_before_the_open_or_after_the_closing_auction_does_not_count(book, at, taken):
    assert book.fold(tick(0, 540.0, at=at)) is taken
    assert (book.open is not None) is (taken is Taken.COUNTED)


@pytest.mark.parametrize(
    ("bid", "ask", "taken"),
    [
        (540.2, 540.1, Taken.CROSSED),
        (540.1, 540.1, Taken.COUNTED),
        (540.0, 540.1, Taken.COUNTED),
        (None, 540.1, Taken.COUNTED),
        (540.2, None, Taken.COUNTED),
    ],
    ids=["crossed", "locked", "apart", "no_bid", "no_ask"],
)
def test_a_trade_under_a_crossed_quote_does_not_count(book, bid, ask, taken):
    assert book.fold(tick(0, 540.0, bid=bid, ask=ask)) is taken
    assert (book.open is not None) is (taken is Taken.COUNTED)


def test_of_two_ticks_of_one_time_the_first_to_arrive_is_the_older_one(book):
    taken = [book.fold(tick(number, price, at=OPENS)) for number, price in ((7, 540.0), (3, 541.0), (5, 542.0))]

    assert taken == [Taken.COUNTED] * 3
    assert ohlcv(book) == [540.0, 542.0, 540.0, 542.0, 300.0]


# A price out of reach.


@pytest.mark.parametrize("slip", [5_400.0, 54.0], ids=["ten_times", "a_tenth"])
def test_a_price_out_of_reach_that_nobody_confirms_was_a_slip(book, slip):
    book.fold(tick(0, 540.0))

    taken = [book.fold(tick(1, slip)), book.fold(tick(2, 541.0)), book.fold(tick(3, slip))]

    assert taken == [Taken.UNCONFIRMED, Taken.COUNTED, Taken.UNCONFIRMED]
    assert ohlcv(book) == [540.0, 541.0, 540.0, 541.0, 200.0]


def test_a_price_out_of_reach_counts_with_the_tick_that_confirms_it(book):
    book.fold(tick(0, 540.0))

    taken = [book.fold(tick(1, 200.0)), book.fold(tick(2, 210.0)), book.fold(tick(3, 205.0))]

    assert taken == [Taken.UNCONFIRMED, Taken.COUNTED, Taken.COUNTED]
    assert ohlcv(book) == [540.0, 540.0, 200.0, 205.0, 400.0]
    assert book.open.at == tick(3, 205.0).at


def test_a_tick_does_not_confirm_itself(book):
    book.fold(tick(0, 540.0))

    assert [book.fold(tick(1, 54.0)), book.fold(tick(1, 54.0))] == [Taken.UNCONFIRMED, Taken.DUPLICATE]
    assert ohlcv(book) == [540.0, 540.0, 540.0, 540.0, 100.0]


def test_the_first_tick_of_a_session_is_held_against_the_close_before_it_and_the_split_since(book):
    assert book.fold(tick(0, 54.0)) is Taken.UNCONFIRMED
    assert book.open is None
    assert book.fold(tick(1, 77.0, split=7.0)) is Taken.COUNTED
    assert ohlcv(book) == [77.0, 77.0, 77.0, 77.0, 100.0]


# What is remembered.


def test_memory_of_numbers_is_bounded_and_no_trade_counts_twice(book):
    moment = timedelta(milliseconds=1)
    ticks = [tick(number, 540.0, at=OPENS + number * moment) for number in range(NUMBERS_KEPT + 100)]
    for event in ticks:
        assert book.fold(event) is Taken.COUNTED

    again = [book.fold(event) for event in ticks]

    assert again == [Taken.FORGOTTEN] * 100 + [Taken.DUPLICATE] * NUMBERS_KEPT
    assert book.open.ticks == len(ticks)
    assert book.open.volume == 100.0 * len(ticks)


def test_a_tick_that_comes_late_counts_as_long_as_it_is_newer_than_what_is_forgotten(book):
    moment = timedelta(milliseconds=1)
    for number in range(NUMBERS_KEPT + 100):
        book.fold(tick(number, 540.0, at=OPENS + number * moment))

    new_to_all = 1_000_000
    late = [tick(new_to_all + row, 540.0, at=OPENS + row * moment) for row in (99, 100)]

    assert [book.fold(event) for event in late] == [Taken.FORGOTTEN, Taken.OUT_OF_ORDER]


def test_another_session_may_use_the_same_numbers(book):
    book.fold(tick(0, 540.0))
    book.close(bar_of(FRIDAY, (540.0, 540.0, 540.0, 540.0, 100.0)))

    assert book.fold(tick(0, 541.0, session=MONDAY)) is Taken.COUNTED


# When a session is over.


def test_a_session_is_past_when_its_close_and_a_grace_are(book):
    before_any = book.is_past(CLOSES + GRACE)
    book.fold(tick(0, 540.0))

    assert not before_any
    assert not book.is_past(CLOSES + GRACE - timedelta(microseconds=1))
    assert book.is_past(CLOSES + GRACE)


@pytest.mark.parametrize(
    "unbelievable",
    [{"at": OPENS}, {"price": float("nan")}, {"bid": 2.0, "ask": 1.0}],
    ids=["out_of_hours", "bad_price", "crossed"],
)
def test_a_tick_that_does_not_count_does_not_show_that_a_session_is_over(book, unbelievable):
    book.fold(tick(0, 540.0, session=FRIDAY))

    assert book.ends_with(tick(0, 540.0, session=MONDAY))
    assert not book.ends_with(tick(0, **({"price": 540.0, "session": MONDAY} | unbelievable)))


def test_only_a_later_session_shows_that_the_one_under_way_is_over(book):
    before_any = book.is_over(MONDAY)
    book.fold(tick(0, 540.0, session=FRIDAY))

    assert not before_any
    assert [book.is_over(day) for day in (str(AS_OF), FRIDAY, SATURDAY, MONDAY)] == [False, False, False, True]


# Closes.


def test_a_close_is_taken_once(book):
    bar = bar_of(FRIDAY)
    assert book.check_close(bar) is Taken.COUNTED

    book.close(bar)

    assert book.check_close(bar) is Taken.LATE
    assert (book.last, book.open) == (np.datetime64(FRIDAY), None)
    assert book.fold(tick(20, 10.0)) is Taken.LATE


def test_a_close_of_a_session_before_the_one_under_way_is_late(book):
    book.fold(tick(0, 540.0, session=MONDAY))

    assert book.check_close(bar_of(FRIDAY)) is Taken.LATE


def test_a_close_on_a_day_without_session_is_not_taken(book):
    assert book.check_close(bar_of(SATURDAY)) is Taken.NO_SESSION


@pytest.mark.parametrize(
    "bar",
    [
        bar_of(FRIDAY, (10.0, float("nan"), 9.0, 10.5, 100.0)),
        bar_of(FRIDAY, (10.0, 11.0, -9.0, 10.5, 100.0)),
        bar_of(FRIDAY, (10.0, 10.2, 9.0, 10.5, 100.0)),
        bar_of(FRIDAY, (10.0, 11.0, 9.0, 10.5, -1.0)),
        bar_of(FRIDAY, split=0.0),
        bar_of(FRIDAY, dividend=1e6),
    ],
    ids=["nan", "negative", "high_under_close", "volume", "split", "dividend_over_previous_close"],
)
def test_an_unsound_official_bar_is_not_taken(book, bar):
    assert book.check_close(bar) is Taken.BAD_PRICE


def test_the_official_bar_stands_where_ticks_were_lost(book):
    book.fold(tick(5, 540.0))

    book.close(bar_of(FRIDAY))

    assert_same_bars(book.closed[-1:], bar_of(FRIDAY))


# The window.


@pytest.mark.parametrize("ticker", ["AAPL", "IBM"])
def test_after_every_session_the_window_is_that_of_history_to_the_last_bit(ticker, release, calendar, play):
    book, history = Book(release.tickers[ticker].bars, calendar), sample_bars(ticker)
    events = list(play(sessions=50).events(market="m"))[:-1]
    closes = 0

    for event in (event for event in events if event.ticker == ticker):
        if not isinstance(event, SessionClose):
            assert book.fold(event) is Taken.COUNTED
            continue
        expected = history.through(np.datetime64(event.session))[-WINDOW:]
        assert_same_bars(book.window(), expected)
        book.close(event.bar())
        assert_same_bars(book.window(), expected)
        closes += 1

    assert closes == 50
    assert len(book.closed) == KEPT


def test_the_window_of_a_session_under_way_ends_with_its_bar_so_far(book, release):
    book.fold(tick(0, 540.0))

    window = book.window()

    assert len(window) == WINDOW
    assert_same_bars(window[:-1], release.tickers["AAPL"].bars[-(WINDOW - 1) :])
    assert_same_bars(window[-1:], book.open.bar())


# Holes.


def test_a_book_is_whole_as_long_as_session_follows_session_over_a_weekend_too(book):
    whole = [book.whole]
    for session in (FRIDAY, MONDAY):
        book.fold(tick(0, 540.0, session=session))
        whole.append(book.whole)
        book.close(bar_of(session))
        whole.append(book.whole)

    assert whole == [True] * 5


def test_a_missing_session_is_a_hole_from_the_next_ones_first_tick_on(book):
    book.fold(tick(0, 540.0, session=MONDAY))
    at_first_tick = book.whole
    book.close(bar_of(MONDAY))
    at_close = book.whole
    book.fold(tick(0, 540.0, session=TUESDAY))

    assert [at_first_tick, at_close, book.whole] == [False, False, False]


# A new release.


def test_a_release_that_reaches_further_takes_the_place_of_what_the_book_had(book, calendar):
    book.close(bar_of(FRIDAY))
    book.fold(tick(0, 540.0, session=MONDAY))
    released = sample_bars("AAPL").through(np.datetime64(MONDAY))

    book.rebase(released, calendar)

    assert_same_bars(book.closed, released[-KEPT:])
    assert book.open is None
    assert book.whole


def test_what_is_later_than_a_new_release_stays(book, calendar):
    released = sample_bars("AAPL").through(np.datetime64(FRIDAY))
    for session in (FRIDAY, MONDAY):
        book.close(bar_of(session))
    book.fold(tick(0, 10.0, session=TUESDAY))

    book.rebase(released, calendar)

    assert_same_bars(book.closed, released.append(bar_of(MONDAY))[-KEPT:])
    assert ohlcv(book) == [10.0, 10.0, 10.0, 10.0, 100.0]
    assert book.whole


def test_a_release_that_covers_a_hole_makes_the_book_whole(book, calendar):
    book.close(bar_of(MONDAY))
    assert not book.whole

    book.rebase(sample_bars("AAPL").through(np.datetime64(MONDAY)), calendar)

    assert book.whole


def test_a_release_that_ends_earlier_leaves_no_hole_behind_it(book, calendar):
    book.close(bar_of(FRIDAY))
    earlier = sample_bars("AAPL").through(np.datetime64("2012-02-28"))

    book.rebase(earlier, calendar)

    assert_same_bars(book.closed[-3:-1], sample_bars("AAPL").through(AS_OF)[-2:])
    assert book.whole
