"""Sharpe ratios with their errors: against statsmodels' HAC matrix, and against worlds in which the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import norm
from shared_data import sample_bars
from statsmodels.stats.sandwich_covariance import S_hac_simple
from statsmodels.tsa.stattools import acf

from quant import performance
from quant import sharpe as sr
from quant.bars import log_returns
from quant.errors import QuantError, TooShort

YEAR = 252
fat_tailed = st.tuples(st.integers(0, 2**32 - 1), st.integers(30, 600), st.floats(-0.3, 0.3)).map(
    lambda drawn: 0.01 * (np.random.default_rng(drawn[0]).standard_t(5, size=(2, drawn[1])) + drawn[2])
)


# Of these, Andrews' rule asks for more lags than the fixed one.
persistent = fat_tailed.map(lambda columns: lfilter([1.0], [1.0, -0.7], columns))
either = st.one_of(fat_tailed, persistent)


def delta_method_error(columns: np.ndarray) -> float:
    """Annualised error of the ratio of the first column, less that of the second if there is one, in matrices."""
    n, books = columns.shape
    mean, square = columns.mean(axis=0), (columns**2).mean(axis=0)
    moments = np.column_stack([columns, columns**2]) - np.concatenate([mean, square])
    deviation = np.sqrt(square - mean**2)
    gradient = np.concatenate([square / deviation**3, -mean / (2 * deviation**3)])
    signs = np.tile([1.0, -1.0][:books], 2)
    weighted = signs * gradient
    memory = min(abs(acf(moments @ weighted, nlags=1)[1]), 0.97)
    lags = max(4 * (n / 100) ** (2 / 9), 1.1447 * (4 * memory**2 / (1 - memory**2) ** 2 * n) ** (1 / 3))
    covariance = S_hac_simple(moments, nlags=math.floor(lags)) / n
    variance = weighted @ covariance @ weighted / (n - 2 * books)
    return math.sqrt(variance * YEAR)


def autoregression(rng, *, memory: float, sharpe: float, n: int) -> np.ndarray:
    """Normal returns of a volatility of 1 and a first-order autocorrelation of `memory`."""
    noise = lfilter([1.0], [1.0, -memory], rng.standard_normal(n + 50))[50:]
    return noise * math.sqrt(1 - memory**2) + sharpe


# --- one book ---------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(either)
def test_the_error_is_the_delta_methods_with_statsmodels_hac_matrix(columns):
    ours = sr.sharpe_interval(columns[0], sessions_per_year=YEAR)

    assert ours.standard_error == pytest.approx(delta_method_error(columns[:1].T), rel=1e-8)


@settings(max_examples=30, deadline=None)
@given(fat_tailed, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_the_ratio_with_as_many_errors_as_it_has_to_cover(columns, coverage):
    ours = sr.sharpe_interval(columns[0], sessions_per_year=YEAR, coverage=coverage)

    reach = norm.ppf((1 + coverage) / 2) * ours.standard_error
    assert ours.sharpe == performance.sharpe(columns[0], sessions_per_year=YEAR)
    assert (ours.lower, ours.upper) == pytest.approx((ours.sharpe - reach, ours.sharpe + reach))
    assert ours.coverage == coverage


@settings(max_examples=30, deadline=None)
@given(fat_tailed, st.floats(1e-3, 1e3))
def test_neither_leverage_nor_a_session_without_a_return_changes_it(columns, leverage):
    plain = sr.sharpe_interval(columns[0], sessions_per_year=YEAR)

    scaled = sr.sharpe_interval(np.append(leverage * columns[0], np.nan), sessions_per_year=YEAR)

    assert scaled.sharpe == pytest.approx(plain.sharpe, rel=1e-9, abs=1e-12)
    assert scaled.standard_error == pytest.approx(plain.standard_error, rel=1e-9)


@pytest.mark.parametrize(
    ("memory", "n", "least"), [(0.0, 250, 0.935), (0.0, 1250, 0.935), (0.2, 1250, 0.93), (0.5, 1250, 0.925)]
)
def test_the_interval_covers_the_truth_about_as_often_as_it_says(memory, n, least):
    rng = np.random.default_rng(n)

    covered = []
    for _ in range(1_500):
        drawn = autoregression(rng, memory=memory, sharpe=0.06, n=n)
        interval = sr.sharpe_interval(drawn, sessions_per_year=YEAR)
        covered.append(interval.lower <= 0.06 * math.sqrt(YEAR) <= interval.upper)

    assert least < np.mean(covered) < 0.965


def test_an_interval_for_independent_returns_would_miss_a_persistent_books_truth_far_too_often():
    rng = np.random.default_rng(3)

    covered = []
    for _ in range(500):
        ratio = performance.sharpe(autoregression(rng, memory=0.5, sharpe=0.06, n=1250), sessions_per_year=1)
        covered.append(abs(ratio - 0.06) <= 1.96 / math.sqrt(1250))

    assert np.mean(covered) < 0.8


def test_for_independent_normal_returns_the_error_is_los():
    drawn = autoregression(np.random.default_rng(1), memory=0.0, sharpe=0.1, n=100_000)

    ours = sr.sharpe_interval(drawn, sessions_per_year=1)

    assert ours.standard_error == pytest.approx(math.sqrt((1 + ours.sharpe**2 / 2) / 100_000), rel=0.03)


def test_losses_with_a_fat_tail_make_a_good_ratio_less_sure():
    rng = np.random.default_rng(2)
    shock = np.where(rng.random(5_000) < 0.02, -0.06, 0.0)
    crashing = rng.normal(0.003, 0.008, 5_000) + shock
    thin = rng.normal(crashing.mean(), crashing.std(), 5_000)
    thin = (thin - thin.mean()) / thin.std() * crashing.std() + crashing.mean()

    sure, unsure = (sr.sharpe_interval(book, sessions_per_year=YEAR) for book in (thin, crashing))

    assert sure.sharpe == pytest.approx(unsure.sharpe)
    assert unsure.standard_error > 1.03 * sure.standard_error


def test_thirteen_years_of_a_real_stock_leave_its_ratio_open_by_about_one():
    returns = log_returns(sample_bars("IBM"))[1:]

    ours = sr.sharpe_interval(returns, sessions_per_year=YEAR)

    # The error of a year's ratio is about 1 over the square root of the years: 0.28 for 13.
    assert ours.standard_error == pytest.approx(1 / math.sqrt(len(returns) / YEAR), rel=0.15)
    assert ours.lower < 0 < ours.sharpe


@pytest.mark.parametrize("value", [0.0, 0.001])
def test_a_book_that_never_varies_has_a_ratio_of_zero_by_convention(value):
    ours = sr.sharpe_interval(np.full(50, value), sessions_per_year=YEAR)

    assert (ours.sharpe, ours.standard_error, ours.lower, ours.upper) == (0.0, 0.0, 0.0, 0.0)


# --- two books --------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(either)
def test_the_differences_error_is_the_delta_methods_too(columns):
    ours = sr.sharpe_difference(*columns, sessions_per_year=YEAR)

    assert ours.standard_error == pytest.approx(delta_method_error(columns.T), rel=1e-8)
    a, b = (performance.sharpe(book, sessions_per_year=YEAR) for book in columns)
    assert ours.difference == pytest.approx(a - b)
    assert ours.p_value == pytest.approx(norm.sf((a - b) / ours.standard_error))


@settings(max_examples=30, deadline=None)
@given(fat_tailed)
def test_the_other_way_round_is_the_other_tail(columns):
    one = sr.sharpe_difference(columns[0], columns[1], sessions_per_year=YEAR)
    other = sr.sharpe_difference(columns[1], columns[0], sessions_per_year=YEAR)

    assert other.difference == -one.difference
    assert other.standard_error == pytest.approx(one.standard_error)
    assert other.p_value == pytest.approx(1 - one.p_value)


def test_equal_books_are_found_better_no_more_often_than_the_p_value_says():
    rng = np.random.default_rng(5)

    p = []
    for _ in range(1_000):
        market = autoregression(rng, memory=0.1, sharpe=0.05, n=750)
        own = rng.standard_t(6, size=(2, 750)) * 0.5
        p.append(sr.sharpe_difference(market + own[0], market + own[1], sessions_per_year=YEAR).p_value)

    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.075


def test_a_small_steady_edge_shows_although_the_intervals_overlap():
    rng = np.random.default_rng(6)
    market = rng.normal(0.0004, 0.01, 2_500)
    better = market + rng.normal(0.0002, 0.001, 2_500)

    difference = sr.sharpe_difference(better, market, sessions_per_year=YEAR)
    apart = [sr.sharpe_interval(book, sessions_per_year=YEAR) for book in (better, market)]

    assert apart[0].lower < apart[1].sharpe
    assert difference.p_value < 1e-6


def test_a_book_is_no_better_than_itself_leveraged():
    book = np.random.default_rng(7).normal(0.0004, 0.01, 500)

    ours = sr.sharpe_difference(book, book, sessions_per_year=YEAR)
    leveraged = sr.sharpe_difference(2 * book, book, sessions_per_year=YEAR)

    assert (ours.difference, ours.standard_error, ours.p_value) == (0.0, 0.0, 0.5)
    assert leveraged.p_value == pytest.approx(0.5)


def test_against_cash_the_difference_is_the_book_itself():
    book = np.random.default_rng(8).normal(0.0004, 0.01, 500)

    ours = sr.sharpe_difference(book, np.zeros(500), sessions_per_year=YEAR)

    alone = sr.sharpe_interval(book, sessions_per_year=YEAR)
    assert ours.difference == alone.sharpe
    assert ours.standard_error == pytest.approx(alone.standard_error, rel=0.01)


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coverage", [0.0, 1.0, 95.0, math.nan])
def test_a_coverage_that_is_no_probability_is_refused(coverage):
    with pytest.raises(QuantError, match=rf"coverage: expected within \(0, 1\), got {coverage}"):
        sr.sharpe_interval(np.arange(9.0), sessions_per_year=YEAR, coverage=coverage)


def test_a_book_without_enough_sessions_or_in_ruin_is_refused():
    with pytest.raises(TooShort, match="returns: expected at least 5 sessions, got 4"):
        sr.sharpe_interval(np.array([1.0, 2.0, 3.0, np.nan, 5.0]), sessions_per_year=YEAR)
    with pytest.raises(TooShort, match="returns: expected at least 5 sessions, got 4"):
        sr.sharpe_difference(np.arange(4.0), np.arange(4.0), sessions_per_year=YEAR)
    with pytest.raises(QuantError, match="an infinite one in row 3"):
        sr.sharpe_interval(np.array([1.0, 2.0, 3.0, -np.inf, np.nan, 1.0]), sessions_per_year=YEAR)
