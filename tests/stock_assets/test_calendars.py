"""Which sessions a ticker keeps: its exchange by its symbol, half days, days around the clock."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest

from stock_assets.calendars import (
    AROUND_THE_CLOCK,
    EXCHANGES,
    FIRST_DAY,
    FIRST_DAYS,
    calendar_of,
    closed_between,
    exchange_of,
    last_settled,
    session_calendar,
    sessions_per_year,
)
from stock_assets.errors import UnknownExchange

THROUGH = date(2025, 6, 30)


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


def hours(exchange: str, session: str) -> tuple[str, str]:
    """When a session opens and closes, in UTC."""
    calendar = session_calendar(exchange, through=THROUGH)
    i = calendar.index(day(session))
    return str(calendar.open_utc[i]), str(calendar.close_utc[i])


# By which exchange.


@pytest.mark.parametrize(
    ("ticker", "exchange"),
    [
        ("SHEL.L", "XLON"),
        ("MC.PA", "XPAR"),
        ("SAP.DE", "XETR"),
        ("ENI.MI", "XMIL"),
        ("0700.HK", "XHKG"),
        ("7203.T", "XTKS"),
        ("RY.TO", "XTSE"),
        ("BHP.AX", "XASX"),
        ("VOLV-B.ST", "XSTO"),
        ("NPN.JO", "XJSE"),
        ("TEVA.TA", "XTAE"),
        ("NOVO-B.CO", "XCSE"),
        ("EQNR.OL", "XOSL"),
        ("BBCA.JK", "XIDX"),
        ("SAN.MC", "XMAD"),
        ("NESN.SW", "XSWX"),
        ("ASML.AS", "XAMS"),
        ("UCB.BR", "XBRU"),
        ("EDP.LS", "XLIS"),
        ("NOKIA.HE", "XHEL"),
        ("005930.KS", "XKRX"),
        ("600519.SS", "XSHG"),
        ("000001.SZ", "XSHG"),
        ("RELIANCE.NS", "XBOM"),
        ("PETR4.SA", "BVMF"),
    ],
)
def test_a_suffix_names_the_exchange(ticker, exchange):
    assert exchange_of(ticker) == exchange


@pytest.mark.parametrize("ticker", ["AAPL", "BRK.B", "BF.B", "BRK-B", "BAC.PR.L", "RDS.A", "T", "L", "A"])
def test_a_share_class_or_a_symbol_of_one_letter_is_new_york_s(ticker):
    assert exchange_of(ticker) == "XNYS"


@pytest.mark.parametrize("ticker", ["BTC-USD", "ETH-USD", "BTC-EUR", "SOL-USDT", "ETH-BTC", "1INCH-USD"])
def test_a_pair_never_closes(ticker):
    assert exchange_of(ticker) == AROUND_THE_CLOCK


def test_the_library_has_every_exchange_that_a_suffix_can_name():
    import exchange_calendars

    assert set(EXCHANGES) <= set(exchange_calendars.get_calendar_names(include_aliases=False))


@pytest.mark.parametrize("exchange", ["XNYS", "XLON", "XETR", "XHKG", AROUND_THE_CLOCK, *FIRST_DAYS])
def test_a_calendar_begins_as_early_as_the_library_allows_and_goes_by_its_sessions_a_year(exchange):
    calendar = session_calendar(exchange, through=THROUGH)
    last_years = calendar.between(day("2022-01-01"), day("2024-12-31"))

    assert 0 <= (calendar.session[0] - day(FIRST_DAYS.get(exchange, FIRST_DAY))).astype(int) <= 5
    assert np.all(calendar.open_utc < calendar.close_utc)
    assert np.all(calendar.close_utc[:-1] <= calendar.open_utc[1:])
    assert len(last_years) == pytest.approx(3 * sessions_per_year(exchange), rel=0.05)
    assert calendar.sessions_per_year == sessions_per_year(exchange)


def test_an_exchange_that_nobody_knows_is_refused_with_those_there_are():
    with pytest.raises(UnknownExchange, match=r"^exchange: expected one of XNYS, 24/7, .*, got XXXX$"):
        session_calendar("XXXX", through=THROUGH)


@pytest.mark.parametrize(("exchange", "first"), [("24/7", "1970-01-02"), ("XSAU", "2021-01-03")])
def test_a_day_before_the_calendar_begins_is_refused(exchange, first):
    with pytest.raises(UnknownExchange, match=f"expected a date from {first} on for {exchange}, got 1969-12-31"):
        session_calendar(exchange, through=date(1969, 12, 31))


# Sessions and hours.


def test_a_calendar_reaches_a_year_beyond_and_knows_what_could_not_be_foreseen():
    stocks = calendar_of("AAPL", as_of=date(2013, 3, 1))

    assert day("2012-10-29") not in stocks  # Hurricane Sandy
    assert stocks.session[-1] > day("2014-03-01")


@pytest.mark.parametrize(
    ("exchange", "session", "opens", "closes"),
    [
        ("XNYS", "2024-07-03", "2024-07-03T13:30:00", "2024-07-03T17:00:00"),
        ("XNYS", "2024-11-29", "2024-11-29T14:30:00", "2024-11-29T18:00:00"),
        ("XLON", "2024-07-01", "2024-07-01T07:00:00", "2024-07-01T15:30:00"),
        ("XLON", "2024-12-24", "2024-12-24T08:00:00", "2024-12-24T12:30:00"),
        ("XHKG", "2024-12-24", "2024-12-24T01:30:00", "2024-12-24T04:00:00"),
        ("XTKS", "2024-11-06", "2024-11-06T00:00:00", "2024-11-06T06:30:00"),  # half an hour longer from then on
        ("XASX", "2024-12-24", "2024-12-23T23:00:00", "2024-12-24T03:10:00"),  # opens on the day before, in UTC
    ],
)
def test_half_days_and_summer_time_are_known(exchange, session, opens, closes):
    assert hours(exchange, session) == (opens, closes)


def test_around_the_clock_a_session_is_a_day_of_utc_and_every_day_has_one():
    calendar = session_calendar(AROUND_THE_CLOCK, through=THROUGH)

    assert hours(AROUND_THE_CLOCK, "2024-12-28") == ("2024-12-28T00:00:00", "2024-12-29T00:00:00")
    assert np.all(np.diff(calendar.session) == np.timedelta64(1, "D"))
    np.testing.assert_array_equal(calendar.close_utc[:-1], calendar.open_utc[1:])
    assert calendar.ahead(day("2024-12-27"), steps=1) == day("2024-12-28")  # a Saturday
    assert (calendar.sessions_per_year, str(calendar.session[-1])) == (365, str(THROUGH))


def test_around_the_clock_the_library_agrees():
    import exchange_calendars

    theirs = exchange_calendars.get_calendar("24/7", start="2024-01-01", end="2024-12-31").schedule
    ours = session_calendar(AROUND_THE_CLOCK, through=date(2024, 12, 31))
    year = slice(ours.index(day("2024-01-01")), None)

    np.testing.assert_array_equal(ours.session[year], theirs.index.to_numpy().astype("datetime64[D]"))
    for mine, name in ((ours.open_utc, "open"), (ours.close_utc, "close")):
        np.testing.assert_array_equal(mine[year], theirs[name].dt.tz_localize(None).to_numpy().astype("datetime64[s]"))


def test_one_more_calendar_of_an_exchange_costs_no_memory_and_next_to_no_time():
    whole = session_calendar("XNYS", through=THROUGH)

    # The processor's time: how busy the machine is otherwise is no matter of the calendar's.
    started = time.process_time()
    others = [session_calendar("XNYS", through=date(2020, 1, 1) + timedelta(days=n)) for n in range(100)]

    assert time.process_time() - started < 0.5
    assert all(np.shares_memory(other.close_utc, whole.close_utc) for other in others)


# What has closed.


def test_a_session_has_settled_an_hour_after_its_close():
    calendar = session_calendar("XNYS", through=THROUGH)
    close = datetime(2024, 11, 29, 18, 0, tzinfo=UTC)  # the half day after Thanksgiving

    assert last_settled(calendar, now=close + timedelta(minutes=59)) == day("2024-11-27")
    assert last_settled(calendar, now=close + timedelta(hours=1)) == day("2024-11-29")


def test_a_day_of_crypto_settles_an_hour_after_midnight_utc_at_weekends_too():
    calendar = session_calendar(AROUND_THE_CLOCK, through=THROUGH)

    assert last_settled(calendar, now=datetime(2024, 12, 29, 0, 59, tzinfo=UTC)) == day("2024-12-27")
    assert last_settled(calendar, now=datetime(2024, 12, 29, 1, 0, tzinfo=UTC)) == day("2024-12-28")


def test_the_time_may_be_told_in_any_zone():
    calendar, zone = session_calendar("XNYS", through=THROUGH), timezone(timedelta(hours=-5))
    evening = datetime(2024, 11, 29, 14, 0, tzinfo=zone)

    assert last_settled(calendar, now=evening) == day("2024-11-29")
    assert [str(found) for found in closed_between(calendar, after=evening - timedelta(hours=2), until=evening)] == [
        "2024-11-29"
    ]


@pytest.mark.parametrize("exchange", ["XNYS", "XLON", "XTKS", "XASX", "XNZE", AROUND_THE_CLOCK])
def test_the_hours_of_a_year_hold_each_of_its_closes_once(exchange):
    calendar, hour = session_calendar(exchange, through=THROUGH), timedelta(hours=1)
    start = datetime(2024, 1, 1, tzinfo=UTC)

    closed = [closed_between(calendar, after=start + n * hour, until=start + (n + 1) * hour) for n in range(366 * 24)]

    inside = (calendar.close_utc > day("2024-01-01")) & (calendar.close_utc <= day("2025-01-01"))
    np.testing.assert_array_equal(np.concatenate(closed), calendar.session[inside])
