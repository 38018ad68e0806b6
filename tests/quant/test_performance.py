"""Equity curves by hand, and Sharpe ratios that know how many were tried."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quant import performance
from quant.errors import QuantError, TooShort

returns = st.tuples(st.integers(0, 2**32 - 1), st.integers(2, 400), st.floats(-0.3, 0.3)).map(
    lambda drawn: 0.01 * (np.random.default_rng(drawn[0]).standard_t(4, size=drawn[1]) + drawn[2])
)


def test_a_curve_that_halves_and_recovers_has_a_drawdown_of_one_half():
    log_returns = np.log([1.5, 0.5, 2.0])

    assert performance.maximum_drawdown(log_returns) == pytest.approx(0.5)
    assert performance.annualised_return(log_returns, sessions_per_year=3) == pytest.approx(0.5)


def test_sharpe_is_annualised_mean_over_volatility():
    log_returns = np.random.default_rng(4).normal(0.001, 0.01, 1_000)

    ours = performance.sharpe(log_returns, sessions_per_year=252)

    assert ours == pytest.approx(log_returns.mean() / log_returns.std(ddof=1) * np.sqrt(252))


@pytest.mark.parametrize("value", [0.0, 0.1, -0.1, 1e-300])
def test_returns_that_never_vary_have_no_volatility_and_no_sharpe(value):
    same = np.full(10, value)

    assert performance.annualised_volatility(same, sessions_per_year=252) == 0.0
    assert performance.sharpe(same, sessions_per_year=252) == 0.0
    assert performance.probabilistic_sharpe(same, benchmark_sharpe_per_session=-1.0) == 0.0
    assert performance.deflated_sharpe(same, trials=10, trial_sharpe_variance=0.01) == 0.0


def test_a_single_session_tells_no_volatility():
    with pytest.raises(TooShort, match="log_returns: expected at least 2, got 1"):
        performance.sharpe(np.array([0.01, np.nan]), sessions_per_year=252)
    with pytest.raises(TooShort, match="log_returns: expected at least 2, got 1"):
        performance.probabilistic_sharpe(np.array([0.01]), benchmark_sharpe_per_session=0.0)


@settings(max_examples=50, deadline=None)
@given(returns, st.floats(-0.5, 0.5))
def test_the_probabilistic_sharpe_is_its_formula_with_scipys_moments(log_returns, benchmark):
    ratio = log_returns.mean() / log_returns.std(ddof=1)
    skew, kurtosis = stats.skew(log_returns), stats.kurtosis(log_returns, fisher=False)
    error = np.sqrt((1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2) / (len(log_returns) - 1))

    ours = performance.probabilistic_sharpe(log_returns, benchmark_sharpe_per_session=benchmark)

    assert ours == pytest.approx(stats.norm.cdf((ratio - benchmark) / error), abs=1e-9)


def test_without_skill_the_probabilistic_sharpe_is_as_often_low_as_high():
    rng = np.random.default_rng(0)

    sure = [
        performance.probabilistic_sharpe(rng.standard_t(5, size=500), benchmark_sharpe_per_session=0.0)
        for _ in range(500)
    ]

    assert stats.kstest(sure, "uniform").pvalue > 0.001


def two_valued(sharpe_per_session: float) -> np.ndarray:
    """1 250 sessions with a skew of -3, a kurtosis of 10 and the ratio asked for: one in twelve loses."""
    losses = np.arange(1_250) < 105
    scaled = (~losses - np.mean(~losses)) / np.std(~losses, ddof=1)
    return 0.01 * (scaled + sharpe_per_session)


def test_the_deflated_sharpe_is_its_authors_example():
    # Bailey & Lopez de Prado (2014): 2.5 a year, the best of 100 trials of variance 1/2, five years of 250 sessions.
    log_returns = two_valued(2.5 / math.sqrt(250))
    assert stats.skew(log_returns) == pytest.approx(-3, abs=0.01)
    assert stats.kurtosis(log_returns, fisher=False) == pytest.approx(10, abs=0.05)

    best = performance.expected_maximum_sharpe(trials=100, trial_sharpe_variance=0.5 / 250)
    ours = performance.deflated_sharpe(log_returns, trials=100, trial_sharpe_variance=0.5 / 250)

    assert best == pytest.approx(0.1132, abs=5e-5)
    assert ours == pytest.approx(0.9004, abs=5e-4)


@pytest.mark.parametrize("trials", [5, 20, 100, 1_000])
def test_the_best_of_many_without_skill_is_about_as_good_as_expected(trials):
    drawn = np.random.default_rng(trials).normal(0.0, 0.1, size=(4_000, trials))

    expected = performance.expected_maximum_sharpe(trials=trials, trial_sharpe_variance=0.01)

    assert expected == pytest.approx(drawn.max(axis=1).mean(), rel=0.1)


@settings(max_examples=50, deadline=None)
@given(returns, st.integers(2, 10**6), st.floats(0, 0.1))
def test_more_trials_never_make_surer(log_returns, trials, variance):
    alone = performance.probabilistic_sharpe(log_returns, benchmark_sharpe_per_session=0.0)

    few = performance.deflated_sharpe(log_returns, trials=trials, trial_sharpe_variance=variance)
    many = performance.deflated_sharpe(log_returns, trials=2 * trials, trial_sharpe_variance=variance)

    assert 0 <= many <= few <= alone <= 1
    assert performance.deflated_sharpe(log_returns, trials=1, trial_sharpe_variance=variance) == alone
    assert performance.deflated_sharpe(log_returns, trials=trials, trial_sharpe_variance=0.0) == alone


@settings(max_examples=50, deadline=None)
@given(returns, st.floats(1e-3, 1e3), st.randoms(use_true_random=False))
def test_sharpe_ratios_know_neither_leverage_nor_order(log_returns, leverage, random):
    order = random.sample(range(len(log_returns)), len(log_returns))
    again = leverage * log_returns[order]

    assert performance.sharpe(again, sessions_per_year=252) == pytest.approx(
        performance.sharpe(log_returns, sessions_per_year=252), abs=1e-9
    )
    assert performance.probabilistic_sharpe(again, benchmark_sharpe_per_session=0.05) == pytest.approx(
        performance.probabilistic_sharpe(log_returns, benchmark_sharpe_per_session=0.05), abs=1e-9
    )


@settings(max_examples=50, deadline=None)
@given(returns)
def test_no_fall_is_deeper_than_everything(log_returns):
    assert 0 <= performance.maximum_drawdown(log_returns) <= 1
    assert performance.maximum_drawdown(np.abs(log_returns)) == 0


def test_trials_that_cannot_be_are_refused():
    with pytest.raises(QuantError, match="trials: expected at least 1, got 0"):
        performance.expected_maximum_sharpe(trials=0, trial_sharpe_variance=0.1)
    for variance in (-0.1, math.nan, math.inf):
        with pytest.raises(QuantError, match="trial_sharpe_variance: expected finite and at least 0"):
            performance.expected_maximum_sharpe(trials=2, trial_sharpe_variance=variance)
    with pytest.raises(QuantError, match="benchmark_sharpe_per_session: expected finite, got nan"):
        performance.probabilistic_sharpe(np.array([0.0, 0.1]), benchmark_sharpe_per_session=math.nan)


def test_a_trade_that_broke_even_is_no_hit_and_an_open_one_no_trade():
    assert performance.hit_rate(np.array([0.02, 0.0, -0.01, 0.005, np.nan])) == 0.5
    with pytest.raises(TooShort, match="at least one without a NaN"):
        performance.hit_rate(np.array([]))


def test_turnover_counts_the_way_in_the_turn_and_the_way_out():
    position = np.array([0.0, 1.0, 1.0, -1.0, 0.0])

    # In 1, turned 2, out 1: 4 in five sessions, of which a year has ten.
    assert performance.turnover(position, sessions_per_year=10) == pytest.approx(8.0)
    assert performance.exposure(position) == pytest.approx(0.6)


def test_buying_and_holding_for_a_year_turns_over_once():
    assert performance.turnover(np.ones(252), sessions_per_year=252) == 1.0
    assert performance.exposure(np.ones(252)) == 1.0


@settings(max_examples=30, deadline=None)
@given(returns)
def test_the_opposite_position_trades_and_risks_as_much(position):
    assert performance.turnover(-position, sessions_per_year=252) == performance.turnover(
        position, sessions_per_year=252
    )
    assert performance.exposure(-position) == performance.exposure(position)


def test_trials_that_resemble_each_other_are_taken_to_scatter_as_luck_does():
    alike, apart = np.array([0.05, 0.051, 0.049]), np.array([-0.2, 0.0, 0.2])

    assert performance.trial_variance(alike, sessions=1001) == pytest.approx(1 / 1000)
    assert performance.trial_variance(apart, sessions=1001) == pytest.approx(0.04)
    assert performance.trial_variance(np.array([0.05]), sessions=1001) == pytest.approx(1 / 1000)
    with pytest.raises(TooShort, match="sessions: expected at least 2, got 1"):
        performance.trial_variance(alike, sessions=1)
