"""Weeks of a vendor's life, day after day: what is stored is right every evening, whatever the vendor does by day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from vendor_life import Desk, Share, VendorLife, at, desk_at, share
from vendor_server import Waits, instead

from quant.bars import VOLUME
from quant.faults import Rule
from stock_assets.errors import BudgetSpent, SourceError, VendorUnavailable
from stock_assets.ingest.assessment import Finding, Outcome
from stock_assets.ingest.restatements import Outcome as Became
from stock_assets.market import Look
from stock_assets.price_checks import evaluate
from stock_assets.settings import RestatementPolicy, SourceName

FIRST = date(2023, 9, 1)
# Sessions before the story begins, and the one in which something happens.
BEFORE, EVENT, SESSIONS = 60, 62, 76
YAHOO, ALPACA = SourceName.YAHOO, SourceName.ALPACA
BOTH = pytest.mark.parametrize("vendor", [YAHOO, ALPACA])

Opened = Callable[..., Desk]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Opened]:
    """``desk(vendor, shares..., settings...)``: a home that asks a vendor of these shares."""
    with ExitStack() as stack:

        def opened(vendor: SourceName, *shares: Share, **changes: object) -> Desk:
            life = stack.enter_context(VendorLife(Waits(datetime(2023, 9, 1, tzinfo=UTC)), *shares).running())
            return desk_at(life, tmp_path / "home", vendor, **changes)

        yield opened


def a_share(**told) -> Share:
    return share("AAPL", FIRST, SESSIONS, **told)


def right(desk: Desk, of: Share, sessions: int) -> bool:
    """Whether exactly the first sessions are stored, as they were traded."""
    stored, traded = desk.vault.read(of.ticker).bars, of.bars[:sessions]
    return (
        np.array_equal(stored.session, traded.session)
        and np.allclose(stored.ohlcv[:, :VOLUME], traded.ohlcv[:, :VOLUME], rtol=1e-6)
        and np.allclose(stored.ohlcv[:, VOLUME], traded.ohlcv[:, VOLUME], rtol=5e-3)
        and np.allclose(stored.split, traded.split)
        and np.allclose(stored.dividend, traded.dividend, atol=1e-5)
    )


def quiet(seen: Look) -> bool:
    """Whether a fetch gave no cause for anything."""
    return not (seen.intake.held or seen.intake.restatements or seen.assessment.findings or seen.intake.quarantined)


def evenings(desk: Desk, of: Share, first: int, end: int) -> Iterator[tuple[int, Look]]:
    """A refresh on each session's evening, with how many sessions have closed by then."""
    for n in range(first, end):
        yield n + 1, desk.refresh(of.ticker, at(of.day(n), 23.5))


# Splits and dividends


@pytest.mark.parametrize(("vendor", "ratio"), [(YAHOO, 4.0), (YAHOO, 3.0), (YAHOO, 0.1), (ALPACA, 4.0), (ALPACA, 0.1)])
def test_a_split_and_dividends_around_it_restate_nothing(desk, vendor, ratio):
    of = a_share(split={EVENT: ratio}, dividend={20: 0.5, EVENT - 2: 0.52, EVENT + 5: 0.52 / ratio})
    home = desk(vendor, of)

    for closed, seen in evenings(home, of, BEFORE, SESSIONS):
        assert right(home, of, closed)
        assert quiet(seen)


@BOTH
@pytest.mark.parametrize("twice", [False, True])
def test_on_the_day_of_a_split_the_bar_enters_in_the_evening(desk, vendor, twice):
    of = a_share(split={EVENT: 4.0}, dividend={EVENT: 0.2})
    of.twice = twice
    home = desk(vendor, of)
    home.refresh(of.ticker, at(of.day(EVENT - 1), 23.5))

    for hour in (9, 15, 20.9, 21.1, 21.9):
        seen = home.refresh(of.ticker, at(of.day(EVENT), hour))
        assert right(home, of, EVENT)
        assert quiet(seen)
    assert seen.assessment.unfinished == (of.day(EVENT),)

    assert quiet(home.refresh(of.ticker, at(of.day(EVENT), 22)))
    assert right(home, of, EVENT + 1)


def test_prices_divided_by_a_split_that_is_not_told_yet_are_held_until_it_is(desk):
    of = a_share(split={EVENT: 4.0})
    of.event_told = {of.day(EVENT): of.day(EVENT + 2)}
    home = desk(YAHOO, of)
    days = evenings(home, of, EVENT - 1, EVENT + 4)
    next(days)

    for _ in range(2):
        _, seen = next(days)
        assert seen.intake.held
        assert right(home, of, EVENT)
    for closed, seen in days:
        assert quiet(seen)
        assert right(home, of, closed)

    assert {one.outcome for one in home.vault.record(of.ticker)} == {Became.WITHDRAWN}


def test_under_the_policy_that_accepts_both_tellings_of_a_late_split_are_whole(desk):
    of = a_share(split={EVENT: 4.0}, dividend={20: 0.5})
    of.event_told = {of.day(EVENT): of.day(EVENT + 1)}
    home = desk(YAHOO, of, restatements=RestatementPolicy.ACCEPT)
    days = evenings(home, of, EVENT - 1, EVENT + 3)
    next(days)

    _, divided = next(days)
    assert divided.intake.after.bars.close[:EVENT] == pytest.approx(of.bars.close[:EVENT] / 4, rel=1e-6)
    for closed, _ in days:
        assert right(home, of, closed)


def test_a_split_that_alpaca_tells_late_is_a_jump_first_and_then_held(desk):
    of = a_share(split={EVENT: 4.0})
    of.event_told = {of.day(EVENT): of.day(EVENT + 1)}
    home = desk(ALPACA, of)

    (_, before), (_, unknown), (_, told) = evenings(home, of, EVENT - 1, EVENT + 2)

    assert quiet(before)
    assert [one.rule for one in unknown.assessment.findings] == [Rule.JUMP]
    assert told.intake.held
    assert [(one.session, one.field, one.new) for one in told.intake.restatements] == [(of.day(EVENT), "split", "4.0")]


def test_a_repair_that_the_adjusted_closes_prove_stays_through_dividends_and_splits(desk):
    of = a_share(split={EVENT: 4.0}, dividend={20: 0.5, 40: 0.5, EVENT - 2: 0.5, EVENT + 4: 0.13})
    of.misbooked = {of.day(20): 100.0}
    home = desk(YAHOO, of)

    for _, seen in evenings(home, of, BEFORE, SESSIONS):
        (mended,) = seen.assessment.findings
        assert (mended.rule, mended.session, mended.outcome) == (Rule.DIVIDEND_UNIT, of.day(20), Outcome.REPAIRED)
        assert seen.assessment.bars.dividend[20] == pytest.approx(0.5, rel=1e-3)


# Sessions under way


def test_a_half_day_enters_an_hour_after_its_early_close(desk):
    of = a_share()
    home = desk(YAHOO, of)
    half = of.bars.session.astype(str).tolist().index("2023-11-24")

    for hour, closed in [(17.9, half), (18.1, half), (18.9, half), (19, half + 1), (20, half + 1)]:
        assert quiet(home.refresh(of.ticker, at("2023-11-24", hour)))
        assert right(home, of, closed)


@BOTH
def test_a_pairs_day_is_utcs_and_an_answer_of_before_midnight_does_not_speak_of_it(desk, vendor):
    of = share("BTC-USD", FIRST, SESSIONS, price=27000.0)
    home = desk(vendor, of)

    for n in range(BEFORE, BEFORE + 3):
        for hour, closed in [(0.1, n - 1), (0.9, n - 1), (1, n), (12, n), (23.95, n)]:
            seen = home.refresh(of.ticker, at(of.day(n), hour))
            if n > BEFORE:
                assert quiet(seen)
                assert right(home, of, closed)


def test_a_volume_that_settles_for_days_is_followed(desk):
    of = a_share()
    home = desk(YAHOO, of)

    for n in range(BEFORE, BEFORE + 8):
        of.volume = {of.day(n): 0.9, of.day(n - 1): 0.97}
        seen = home.refresh(of.ticker, at(of.day(n), 23.5))
        assert not seen.intake.held
    of.volume = {}
    home.refresh(of.ticker, at(of.day(n + 1), 23.5))

    assert right(home, of, n + 2)
    assert {(one.field, one.outcome) for one in home.vault.record(of.ticker)} == {("volume", Became.ACCEPTED)}


# Rows that are none


@pytest.mark.parametrize("acts", [{}, {"split": 4.0}, {"split": 0.1, "dividend": 1.3}])
@pytest.mark.parametrize("blank", [[0], [1], [3], [0, 1], [1, 2]])
def test_a_row_of_nulls_for_some_evenings_leaves_no_trace(desk, acts, blank):
    of = a_share(**{kind: {EVENT: value} for kind, value in acts.items()})
    home = desk(YAHOO, of)
    home.refresh(of.ticker, at(of.day(EVENT - 1), 23.5))

    for evening in range(5):
        of.blank = {of.day(EVENT)} if evening in blank else set()
        seen = home.refresh(of.ticker, at(of.day(EVENT + evening), 23.5))
        assert not seen.intake.held
        total = seen.assessment.bars
        if of.day(EVENT) in total.session.astype(str):
            assert right(home, of, EVENT + evening + 1)
        elif evening:
            # The next bar has the split of the one that is not there.
            assert np.prod(total.split) == pytest.approx(np.prod(of.bars.split))

    assert seen.assessment.of([Rule.FINITE, Rule.MISSING_SESSION, Rule.SPLIT_NOT_APPLIED]) == ()


def test_a_row_on_a_holiday_never_enters(desk):
    of = a_share()
    of.also = {"2023-11-23": 190.0}
    home = desk(YAHOO, of)

    for closed, seen in evenings(home, of, 56, 64):
        assert right(home, of, closed)
        assert not seen.intake.restatements

    assert home.vault.quarantine(of.ticker)["session"].tolist() == ["2023-11-23"]


def test_a_page_without_bars_between_two_others_ends_nothing(desk):
    of = a_share()
    home = desk(ALPACA, of)
    home.life.empty_page = True

    for closed, seen in evenings(home, of, BEFORE, BEFORE + 3):
        assert quiet(seen)
        assert right(home, of, closed)


# Vendors that stop


def test_a_share_that_is_delisted_keeps_its_bars_and_is_told_to_have_stopped(desk):
    of = a_share()
    home = desk(YAHOO, of)
    home.refresh(of.ticker, at(of.day(50), 23.5))
    of.gone = True

    late = home.refresh(of.ticker, at(of.day(51), 23.5))
    stopped = home.refresh(of.ticker, at(of.day(74), 23.5))

    assert right(home, of, 51)
    assert [rules(one) for one in (late.assessment.findings, stopped.assessment.findings)] == [
        [Rule.LATE],
        [Rule.STOPPED],
    ]
    assert stopped.assessment.notes == (
        "ticker: expected one that yahoo carries, got AAPL: No data found, symbol may be delisted",
    )
    assert [result.check_name for result in evaluate(stopped.assessment) if not result.passed] == ["up_to_date"]


def rules(findings: tuple[Finding, ...]) -> list[Rule]:
    return [one.rule for one in findings]


def refreshed(home: Desk, moment: datetime, tickers: str) -> dict[str, SourceError | int]:
    """What became of each ticker: sessions that were added, or the error."""
    became: dict[str, SourceError | int] = {}
    for ticker in tickers:
        try:
            became[ticker] = home.refresh(ticker, moment).intake.added
        except SourceError as error:
            became[ticker] = error
    return became


def test_tickers_that_are_turned_away_keep_what_they_have_and_go_on_the_next_day(desk):
    shares = [share(ticker, FIRST, SESSIONS) for ticker in "ABCD"]
    home = desk(YAHOO, *shares, request_attempts=2)
    day = shares[0].day
    refreshed(home, at(day(50), 23.5), "ABCD")

    first = refreshed(home, at(day(51), 23.5), "AB")
    home.life.always(instead(status=429))
    second = refreshed(home, at(day(51), 23.6), "CD")
    home.life.always(None)
    after = refreshed(home, at(day(52), 23.5), "ABCD")

    assert first == {"A": 1, "B": 1}
    assert all(isinstance(error, VendorUnavailable) for error in second.values())
    assert str(second["C"]) == "yahoo: expected an answer for C within 2 attempts, got status 429"
    assert after == {"A": 1, "B": 1, "C": 2, "D": 2}
    assert all(right(home, of, 53) for of in shares)


def test_a_budget_is_of_all_tickers_and_there_again_after_an_hour(desk):
    shares = [share(ticker, FIRST, SESSIONS) for ticker in "ABCD"]
    home = desk(YAHOO, *shares, request_budget=5)
    day = shares[0].day(50)

    first = refreshed(home, at(day, 22), "ABCD")
    after = refreshed(home, at(day, 23), "CD")

    assert (first["A"], first["B"]) == (51, 51)
    assert all(isinstance(first[ticker], BudgetSpent) for ticker in "CD")
    assert str(first["D"]).endswith(f"for D; the next may be made at {day}T23:00:00Z")
    assert after == {"C": 51, "D": 51}
