"""What a stretch of history shows: on real bars as they are, and on real bars with one thing made wrong."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from planted_faults import adjusted_close, quiet, real, split_in_two, with_actions, with_cells, without
from shared_data import sample_bars, shared_data

from quant.bars import COLUMNS, VOLUME, Bars, actions_from_adjusted_close, unadjusted
from quant.evidence import noise, rounding, steps
from quant.faults import Rule
from quant.quality import examine
from stock_assets.calendars import session_calendar

NEW_YORK = session_calendar("XNYS", through=date(2023, 12, 29))
AROUND_THE_CLOCK = session_calendar("24/7", through=date(2024, 12, 31))
# Away from the ends, where a run has no other side.
ROWS = st.integers(20, 3200)


def rules(bars, *, calendar=NEW_YORK, **given_):
    return [fault.rule for fault in examine(bars, calendar, **given_)]


def of(rule, bars, *, calendar=NEW_YORK, **given_):
    return [fault for fault in examine(bars, calendar, **given_) if fault.rule is rule]


# --- Real bars as they are -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["GOOG", "IBM", "MSFT", "FB"])
def test_nothing_is_found_in_real_bars(name):
    assert rules(sample_bars(name)) == []


def test_apples_fall_by_half_in_a_day_is_named_once_and_as_no_more_than_a_jump():
    (jump,) = examine(sample_bars("AAPL"), NEW_YORK)

    assert (jump.rule, jump.session) == (Rule.JUMP, "2000-09-29")
    assert jump.value == "25.75"
    assert "-51.9%" in jump.expected


def test_40_years_of_five_large_companies_hold_one_jump_and_one_day_without_volume():
    table = pd.read_csv(shared_data("bigtech5_daily_1980_2022.csv.gz"))

    found = {}
    for name, rows in table.groupby("ticker"):
        ohlcv, vendor = rows[list(COLUMNS)].to_numpy(dtype=float), rows["adj_close"].to_numpy(dtype=float)
        bars = Bars(
            rows["date"].to_numpy(dtype="datetime64[D]"), ohlcv, *actions_from_adjusted_close(ohlcv[:, 3], vendor)
        )
        found |= {(name, f.session): f.rule for f in examine(bars, NEW_YORK, adjusted_close=vendor)}

    assert found == {("AAPL", "1981-08-10"): Rule.ZERO_VOLUME, ("AAPL", "2000-09-29"): Rule.JUMP}


def test_nothing_is_found_in_ten_years_of_bitcoin_and_ether():
    table = pd.read_csv(shared_data("crypto_daily_2014_2024.csv.gz"))

    for _, rows in table.groupby("ticker"):
        ohlcv = rows[list(COLUMNS)].to_numpy(dtype=float)
        bars = unadjusted(rows["date"].to_numpy(dtype="datetime64[D]"), ohlcv)
        assert rules(bars, calendar=AROUND_THE_CLOCK) == []


@given(seed=st.integers(0, 2**32 - 1), sigma=st.floats(0.003, 0.06), n=st.integers(0, 600))
@settings(max_examples=60, deadline=None)
def test_white_noise_is_never_named(seed, sigma, n):
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(sigma * rng.standard_normal(n)))
    opened = close * np.exp(sigma / 3 * rng.standard_normal(n))
    high, low = np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.999
    volume = np.round(1e6 * rng.lognormal(size=n)) + 1
    bars = unadjusted(NEW_YORK.session[5000 : 5000 + n], np.column_stack([opened, high, low, close, volume]))

    assert examine(bars, NEW_YORK, adjusted_close=close) == []


def test_no_bars_have_no_faults():
    assert examine(real("IBM")[:0], NEW_YORK, due=np.datetime64("2020-01-02")) == []


# --- The calendar --------------------------------------------------------------------------------------------------


@given(row=ROWS)
@settings(max_examples=20, deadline=None)
def test_a_dropped_session_is_named(row):
    bars = real("IBM")

    (fault,) = of(Rule.MISSING_SESSION, without(bars, row))

    assert fault.session == str(bars.session[row])
    assert fault.row == row
    assert fault.expected == "a bar on a session of XNYS"


def test_a_bar_on_a_saturday_is_named_and_one_beyond_the_calendar_is_not_judged():
    bars = real("IBM")[:10]
    session = bars.session.copy()
    session[4] = np.datetime64("2000-03-04")
    early = Bars(session - np.timedelta64(365 * 60, "D"), bars.ohlcv, bars.split, bars.dividend)

    extra = of(Rule.EXTRA_SESSION, Bars(np.sort(session), bars.ohlcv, bars.split, bars.dividend))

    assert [fault.session for fault in extra] == ["2000-03-04"]
    assert of(Rule.EXTRA_SESSION, early) == []


@pytest.mark.parametrize(("later", "rule"), [(0, None), (1, Rule.LATE), (20, Rule.LATE), (21, Rule.STOPPED)])
def test_a_ticker_is_late_and_after_20_sessions_it_has_stopped(later, rule):
    bars = real("IBM")
    due = NEW_YORK.ahead(bars.session[-1], steps=later)

    found = examine(bars, NEW_YORK, due=due)

    assert [fault.rule for fault in found] == ([rule] if rule else [])
    assert all(f"({later} sessions later)" in fault.expected for fault in found)


# --- Volume and stale prices ---------------------------------------------------------------------------------------


def test_days_without_volume_are_one_fault_a_run_that_says_how_long_it_is():
    bars = with_cells(with_cells(real("IBM"), slice(100, 103), shares=0.0), 500, shares=0.0)

    found = of(Rule.ZERO_VOLUME, bars)

    assert [fault.row for fault in found] == [100, 500]
    assert ["3 sessions" in found[0].expected, "1 session " in found[1].expected] == [True, True]


def test_a_ticker_that_hardly_trades_is_not_named_for_each_day():
    thin = with_cells(real("IBM"), np.flatnonzero(np.arange(3270) % 4), shares=0.0)

    assert of(Rule.ZERO_VOLUME, thin) == []


@given(row=ROWS, length=st.integers(2, 12))
@settings(max_examples=20, deadline=None)
def test_five_bars_that_are_the_same_to_the_last_digit_are_stale(row, length):
    bars = real("IBM")
    ohlcv = bars.ohlcv.copy()
    ohlcv[row : row + length, :VOLUME] = ohlcv[row, :VOLUME]

    found = of(Rule.UNCHANGED, Bars(bars.session, ohlcv, bars.split, bars.dividend))

    assert [(fault.row, f"({length} bars" in fault.expected) for fault in found] == (
        [(row, True)] if length > 4 else []
    )


# --- Prices and actions --------------------------------------------------------------------------------------------


@given(row=ROWS, factor=st.sampled_from([100.0, 0.01]), length=st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_a_run_of_bars_in_another_unit_is_named_once_and_no_jump_beside_it(row, factor, length):
    (fault,) = examine(with_cells(real("IBM"), slice(row, row + length), price=factor), NEW_YORK)

    assert (fault.rule, fault.row, fault.field) == (Rule.UNIT, row, "close")
    assert f"a run of {length} is" in fault.expected


@given(row=ROWS, field=st.integers(0, 3), factor=st.sampled_from([100.0, 0.01]))
@settings(max_examples=30, deadline=None)
def test_a_single_price_in_another_unit_is_named_by_its_field(row, field, factor):
    bars = real("MSFT")
    ohlcv = bars.ohlcv.copy()
    ohlcv[row, field] *= factor

    (fault,) = examine(Bars(bars.session, ohlcv, bars.split, bars.dividend), NEW_YORK)

    assert (fault.rule, fault.row, fault.field) == (Rule.UNIT, row, COLUMNS[field])


@pytest.mark.parametrize("row", [0, -1])
def test_a_bar_at_the_end_in_another_unit_is_named_though_it_may_be_the_first_of_many(row):
    assert rules(with_cells(real("IBM"), row, price=100.0)) == [Rule.UNIT]


@given(row=ROWS, ratio=st.sampled_from([4.0, 5.0, 10.0, 0.1]))
@settings(max_examples=20, deadline=None)
def test_a_split_that_is_recorded_nowhere_is_a_jump_and_is_named_where_the_adjusted_close_knows_it(row, ratio):
    assume(quiet("IBM", row))
    bars = split_in_two(real("IBM"), row, ratio)

    (alone,) = examine(bars, NEW_YORK)
    beside = examine(bars, NEW_YORK, adjusted_close=adjusted_close("IBM"))

    assert (alone.rule, alone.row) == (Rule.JUMP, row)
    assert {(f.rule, f.row) for f in beside} == {(Rule.SPLIT_MISSING, row), (Rule.ADJUSTED_CLOSE, row)}


@given(row=ROWS, ratio=st.sampled_from([2.0, 3.0, 5.0, 10.0]))
@settings(max_examples=20, deadline=None)
def test_a_split_booked_as_a_dividend_is_named(row, ratio):
    assume(quiet("IBM", row))
    bars = split_in_two(real("IBM"), row, ratio)
    booked = with_actions(bars, row, dividend=bars.close[row - 1] * (1 - 1 / ratio))

    (fault,) = examine(booked, NEW_YORK)

    assert (fault.rule, fault.row) == (Rule.SPLIT_AS_DIVIDEND, row)
    assert fault.expected == f"a split of {ratio:g} and no dividend"


@given(row=ROWS, ratio=st.sampled_from([2.0, 3.0, 5.0, 10.0, 0.1]))
@settings(max_examples=20, deadline=None)
def test_a_split_that_the_prices_do_not_show_is_named(row, ratio):
    assume(quiet("IBM", row))
    (fault,) = examine(with_actions(real("IBM"), row, split=ratio), NEW_YORK)

    assert (fault.rule, fault.row, fault.field) == (Rule.SPLIT_NOT_APPLIED, row, "split")


@given(row=ROWS, late=st.integers(-5, 5).filter(bool), ratio=st.sampled_from([3.0, 5.0, 0.1]))
@settings(max_examples=20, deadline=None)
def test_a_split_that_shows_on_another_day_is_named(row, late, ratio):
    assume(quiet("IBM", row, row + late))
    bars = with_actions(split_in_two(real("IBM"), row + late, ratio), row, split=ratio)

    found = examine(bars, NEW_YORK)

    assert {fault.rule for fault in found} == {Rule.SPLIT_NOT_APPLIED}


@pytest.mark.parametrize("ratio", [1.0688, 1.011, 1.159])
def test_a_spin_off_booked_as_a_split_is_named(ratio):
    (fault,) = examine(with_actions(real("IBM"), 700, split=ratio), NEW_YORK)

    assert (fault.rule, fault.value) == (Rule.DIVIDEND_AS_SPLIT, repr(ratio))


@pytest.mark.parametrize("ratio", [1.5, 4 / 3, 1.333333, 1.05, 21 / 20, 1.03, 7.000007, 0.05])
def test_ratios_that_companies_choose_are_not_taken_for_a_spin_off(ratio):
    assert Rule.DIVIDEND_AS_SPLIT not in rules(with_actions(real("IBM"), 700, split=ratio))


@given(which=st.integers(15, 50))
@settings(max_examples=20, deadline=None)
def test_a_dividend_a_hundred_times_too_large_is_named_with_or_without_an_adjusted_close(which):
    bars = real("IBM")
    row = int(np.flatnonzero(bars.dividend)[which])
    wrong = with_actions(bars, row, dividend=bars.dividend[row] * 100)

    alone, beside = of(Rule.DIVIDEND_UNIT, wrong), of(Rule.DIVIDEND_UNIT, wrong, adjusted_close=adjusted_close("IBM"))

    assert [fault.row for fault in alone] == [fault.row for fault in beside] == [row]


def test_a_dividend_said_twice_is_named_even_where_nothing_tells_which_one_is_right():
    bars = real("IBM")
    row = int(np.flatnonzero(bars.dividend)[9])

    (fault,) = of(Rule.DIVIDEND_PHANTOM, with_actions(bars, row + 2, dividend=bars.dividend[row]))

    assert fault.row in (row, row + 2)


@given(row=ROWS, off=st.sampled_from([-0.02, -0.0005, 0.0005, 0.02]))
@settings(max_examples=20, deadline=None)
def test_an_adjusted_close_that_is_off_is_named_there_and_back(row, off):
    vendor = adjusted_close("IBM").copy()
    vendor[row] *= 1 + off

    found = examine(real("IBM"), NEW_YORK, adjusted_close=vendor)

    assert [(fault.rule, fault.row) for fault in found] == [(Rule.ADJUSTED_CLOSE, row), (Rule.ADJUSTED_CLOSE, row + 1)]


def test_adjusted_closes_without_a_price_are_one_fault_a_run():
    vendor = adjusted_close("IBM").copy()
    vendor[:40], vendor[100] = -np.inf, np.nan

    found = of(Rule.ADJUSTED_CLOSE, real("IBM"), adjusted_close=vendor)

    assert [fault.row for fault in found] == [0, 100]


# --- The measures --------------------------------------------------------------------------------------------------


def test_the_rounding_of_a_figure_is_half_its_last_digit():
    vendor = np.array([0.5, 0.51, 0.52, 100.0])

    bound = rounding(vendor)

    assert bound[0] == np.inf
    assert bound[1:] == pytest.approx(
        [0.005 / 0.5 + 0.005 / 0.51, 0.005 / 0.51 + 0.005 / 0.52, 0.005 / 0.52 + 5e-5], rel=1e-3
    )


def test_single_precision_does_not_hide_the_last_digit():
    vendor = np.array([0.5123, 0.61, 312.4567], dtype=np.float32).astype(np.float64)

    assert rounding(vendor)[1] == pytest.approx(5e-5 / 0.5123 + 5e-5 / 0.61, rel=1e-2)


def test_noise_is_the_deviation_around_a_bar_and_does_not_see_the_bar_itself():
    step = 0.02 * np.random.default_rng(7).standard_normal(5000)
    wild = step.copy()
    wild[1000] = 4.6

    assert noise(step)[100:-100].mean() == pytest.approx(0.02, rel=0.02)
    assert noise(wild)[1000] == noise(step)[1000]
    assert noise(wild).max() < 0.04


def test_nothing_is_known_of_the_noise_of_three_bars():
    assert np.isinf(noise(steps(real("IBM")[:3]))).all()
