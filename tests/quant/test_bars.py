"""Bars: what they refuse, and how splits and dividends come out of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import sample_bars, shared_data

from quant.bars import (
    CLOSE,
    VOLUME,
    Bars,
    Convention,
    actions_from_adjusted_close,
    adjusted,
    log_returns,
    unadjusted,
    windows,
)
from quant.errors import BadBars, QuantError, TooShort
from quant.faults import Rule, check, faults

DAY = np.datetime64("2020-01-01")


def flat_bars(n: int, price: float = 10.0) -> Bars:
    ohlcv = np.full((n, 5), price)
    ohlcv[:, VOLUME] = 100.0
    return unadjusted(DAY + np.arange(n), ohlcv)


def with_cell(bars: Bars, row: int, column: int, value: float) -> Bars:
    ohlcv = bars.ohlcv.copy()
    ohlcv[row, column] = value
    return Bars(bars.session, ohlcv, bars.split, bars.dividend)


@pytest.mark.parametrize("ticker", ["AAPL", "GOOG", "IBM", "MSFT", "FB"])
def test_real_bars_are_sound(ticker):
    assert faults(sample_bars(ticker)) == []


@pytest.mark.parametrize(
    ("column", "value", "rule", "field"),
    [
        (CLOSE, np.nan, Rule.FINITE, "close"),
        (CLOSE, np.inf, Rule.FINITE, "close"),
        (0, -1.0, Rule.POSITIVE_PRICE, "open"),
        (VOLUME, -5.0, Rule.NEGATIVE_VOLUME, "volume"),
        (1, 9.0, Rule.HIGH_LOW, "high"),
        (2, 11.0, Rule.HIGH_LOW, "low"),
    ],
)
def test_a_bad_cell_is_named_with_its_session_field_and_value(column, value, rule, field):
    bars = with_cell(flat_bars(5), 3, column, value)

    found = [fault for fault in faults(bars) if fault.rule is rule]

    assert [(fault.row, fault.session, fault.field, fault.value) for fault in found] == [
        (3, "2020-01-04", field, repr(float(value)))
    ]


def test_duplicates_and_disorder_are_told_apart():
    bars = flat_bars(4)
    session = bars.session[[0, 0, 3, 2]]

    found = faults(Bars(session, bars.ohlcv, bars.split, bars.dividend))

    assert [(fault.rule, fault.row) for fault in found] == [(Rule.DUPLICATE, 1), (Rule.ORDER, 3)]


def test_an_infinite_price_is_one_fault_and_not_a_second_one_for_the_high_below_it():
    found = faults(with_cell(flat_bars(5), 3, CLOSE, np.inf))

    assert [(fault.rule, fault.row, fault.field) for fault in found] == [(Rule.FINITE, 3, "close")]


@pytest.mark.parametrize(
    ("split", "dividend", "rule", "field"),
    [
        (np.inf, 0.0, Rule.ACTION, "split"),
        (1.0, np.inf, Rule.ACTION, "dividend"),
        (1.0, 10.0, Rule.PAYOUT, "dividend"),
        (4.0, 2.5, Rule.PAYOUT, "dividend"),
    ],
)
def test_an_action_that_would_leave_no_price_is_a_fault(split, dividend, rule, field):
    bars = flat_bars(3, price=10.0)
    splits, dividends = bars.split.copy(), bars.dividend.copy()
    splits[1], dividends[1] = split, dividend

    found = faults(Bars(bars.session, bars.ohlcv, splits, dividends))

    assert [(fault.rule, fault.row, fault.field) for fault in found] == [(rule, 1, field)]


def test_bad_splits_and_dividends_are_faults():
    bars = flat_bars(3)
    split, dividend = bars.split.copy(), bars.dividend.copy()
    split[1], dividend[2] = 0.0, np.nan

    found = faults(Bars(bars.session, bars.ohlcv, split, dividend))

    assert [(fault.row, fault.field) for fault in found] == [(1, "split"), (2, "dividend")]


def test_no_bars_are_a_fault_of_their_own():
    assert [fault.rule for fault in faults(flat_bars(0))] == [Rule.EMPTY]


def test_check_names_the_ticker_three_faults_and_how_many_more():
    bars = flat_bars(6)
    ohlcv = bars.ohlcv.copy()
    ohlcv[1:, CLOSE] = np.nan

    with pytest.raises(BadBars, match=r"^XYZ: 2020-01-02 close: expected a finite number, got nan;.*\(and 2 more\)$"):
        check(Bars(bars.session, ohlcv, bars.split, bars.dividend), ticker="XYZ")


def test_apples_two_splits_are_read_back_from_its_adjusted_closes():
    bars = sample_bars("AAPL")

    on = bars.session[bars.split != 1.0]

    assert [str(day) for day in on] == ["2000-06-21", "2005-02-28"]
    assert_array_equal(bars.split[bars.split != 1.0], [2.0, 2.0])


@pytest.mark.parametrize("ticker", ["AAPL", "GOOG", "IBM", "MSFT"])
def test_returns_in_yahoos_convention_match_its_adjusted_closes(ticker):
    from bokeh_sampledata import stocks

    vendor = np.asarray(getattr(stocks, ticker)["adj_close"])

    returns = log_returns(sample_bars(ticker), convention=Convention.YAHOO)

    ours = np.exp(np.nancumsum(returns))
    assert_allclose(ours / ours[-1], vendor / vendor[-1], rtol=1e-11)
    assert_allclose(returns[1:], np.diff(np.log(vendor)), rtol=0, atol=1e-11)


@pytest.mark.parametrize("ticker", ["AAPL", "GOOG", "IBM", "MSFT"])
def test_adjusted_closes_earn_the_total_return(ticker):
    bars = sample_bars(ticker)

    ours = adjusted(bars)[:, CLOSE]

    assert_allclose(np.diff(np.log(ours)), log_returns(bars)[1:], rtol=0, atol=1e-11)


def test_a_dividend_is_earned_at_the_close_of_its_ex_date():
    bars = Bars(
        np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]"),
        np.array([[100.0, 100.0, 100.0, 100.0, 1.0], [51.0, 51.0, 51.0, 51.0, 1.0]]),
        split=np.array([1.0, 2.0]),
        dividend=np.array([0.0, 1.0]),
    )

    assert_allclose(log_returns(bars)[1], np.log((51.0 + 1.0) * 2.0 / 100.0), rtol=1e-15)
    assert_allclose(log_returns(bars, convention=Convention.YAHOO)[1], np.log(51.0 * 2.0 / (100.0 - 2.0)), rtol=1e-15)


def test_recorded_splits_of_130_tickers_are_found_in_their_adjusted_closes():
    table = pd.read_parquet(shared_data("us130_daily_raw_2004_2021.parquet"))
    missed = []
    for ticker, rows in table.groupby("ticker"):
        split, _ = actions_from_adjusted_close(rows["close"].to_numpy(), rows["adj_close"].to_numpy())
        # RTX's spin-offs are booked as a split and a dividend at once: from prices alone nobody tells them apart.
        recorded = rows["split"].where(rows["dividend"] == 0, 1.0).to_numpy()
        for i in np.flatnonzero(recorded > 1.2):
            if i and abs(split[i] / recorded[i] - 1.0) > 0.05:
                missed.append((ticker, str(rows["date"].iloc[i]), recorded[i], split[i]))

    assert missed == []


def test_a_dividend_on_a_split_day_is_told_from_the_split():
    close = np.array([100.0, 49.0])
    vendor = np.array([49.5, 49.0])  # 2:1, then 0.50 a new share: 1 - 0.50 * 2 / 100 of half the price

    split, dividend = actions_from_adjusted_close(close, vendor)

    assert split[1] == 2.0
    assert_allclose(dividend[1], 0.5)


def test_windows_of_a_tail_equal_those_of_the_whole_history_bit_for_bit():
    bars = sample_bars("IBM")

    whole, tail = windows(bars, length=252), windows(bars[-300:], length=252)

    assert_array_equal(whole[-len(tail) :], tail)


@settings(max_examples=25, deadline=None)
@given(at=st.integers(260, 399), split=st.sampled_from([0.1, 2.0, 7.0]), paid=st.floats(0.0, 5.0))
def test_an_action_after_a_window_changes_nothing_in_it(at, split, paid):
    bars = sample_bars("MSFT")[:400]
    splits, dividends = bars.split.copy(), bars.dividend.copy()
    splits[at], dividends[at] = split, paid / split

    before = windows(bars, length=252)
    after = windows(Bars(bars.session, bars.ohlcv, splits, dividends), length=252)

    assert_array_equal(before[: at - 251], after[: at - 251])
    assert not np.array_equal(before[at - 251], after[at - 251])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0.5, 2.0), st.sampled_from([1.0, 2.0, 0.5])), min_size=3, max_size=30))
def test_splits_move_prices_and_never_returns(steps):
    factors, ratios = np.array(steps).T
    true = 100.0 * np.cumprod(factors)
    ratios[0] = 1.0
    traded = true / np.cumprod(ratios)
    ohlcv = np.column_stack([traded, traded, traded, traded, np.full(len(traded), 10.0)])
    bars = Bars(DAY + np.arange(len(traded)), ohlcv, ratios, np.zeros(len(traded)))

    assert_allclose(log_returns(bars)[1:], np.diff(np.log(true)), atol=1e-12)
    assert_allclose(np.diff(np.log(adjusted(bars)[:, CLOSE])), np.diff(np.log(true)), atol=1e-12)


def test_too_few_bars_for_a_window_are_refused():
    with pytest.raises(TooShort, match="expected at least 252, got 10"):
        windows(flat_bars(10), length=252)


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(QuantError, match=r"split: expected shape \(3,\), got \(2,\)"):
        Bars(DAY + np.arange(3), np.ones((3, 5)), np.ones(2), np.zeros(3))


def test_through_after_and_append_take_a_history_apart_and_put_it_together():
    bars = sample_bars("IBM")[:20]
    last = bars.session[9]

    head, tail = bars.through(last), bars.after(last)

    assert len(head) == 10
    assert_array_equal(head.append(tail).ohlcv, bars.ohlcv)
    with pytest.raises(BadBars, match="expected one after"):
        tail.append(head)
