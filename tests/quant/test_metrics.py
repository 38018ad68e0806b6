"""Scores and tests: an oracle where a library has one, and luck that stays luck."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from quant import metrics
from quant.errors import QuantError, TooShort

series = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).normal(size=(3, 200)))


@settings(max_examples=30, deadline=None)
@given(series)
def test_level_r2_is_scikit_learns(columns):
    actual, predicted, _ = columns

    assert metrics.level_r2(actual, predicted) == pytest.approx(sk.r2_score(actual, predicted))


def test_r2_is_zero_for_the_baseline_itself_and_one_for_the_truth():
    actual, baseline = np.array([1.0, -2.0, 3.0]), np.zeros(3)

    assert metrics.r2(actual, baseline, baseline) == 0.0
    assert metrics.r2(actual, actual, baseline) == 1.0


def test_a_row_with_a_nan_is_left_out():
    actual, predicted = np.array([1.0, np.nan, 3.0]), np.array([0.5, 1.0, 2.0])

    assert metrics.r2(actual, predicted, np.zeros(3)) == metrics.r2(actual[[0, 2]], predicted[[0, 2]], np.zeros(2))


@settings(max_examples=20, deadline=None)
@given(series, st.integers(0, 8))
def test_long_run_variance_is_statsmodels_newey_west(columns, lags):
    values = columns[0]
    fit = sm.OLS(values, np.ones(len(values))).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})

    ours = metrics.long_run_variance(values, lags=lags) / len(values)

    assert ours == pytest.approx(float(fit.cov_params()[0, 0]), rel=1e-9)


def test_clark_west_rejects_no_more_white_noise_than_it_says():
    rng = np.random.default_rng(0)
    p = []
    for _ in range(400):
        actual = rng.normal(size=500)
        # A forecast estimated from nothing: noise around the zero that it nests.
        p.append(metrics.clark_west(actual, 0.1 * rng.normal(size=500), np.zeros(500), horizon=1)[1])

    assert np.mean(np.array(p) < 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_clark_west_finds_a_planted_edge():
    rng = np.random.default_rng(1)
    signal = 0.1 * rng.normal(size=3_000)

    _, p = metrics.clark_west(signal + rng.normal(size=3_000), signal, np.zeros(3_000), horizon=1)

    assert p < 0.001


def test_diebold_mariano_is_the_t_test_of_the_loss_difference_without_lags():
    rng = np.random.default_rng(2)
    loss_a, loss_b = rng.random((2, 80)) + np.array([[0.1], [0.0]])

    statistic, p = metrics.diebold_mariano(loss_a, loss_b, horizon=1)

    difference = loss_a - loss_b
    lags = metrics.automatic_lags(80, horizon=1)
    fit = sm.OLS(difference, np.ones(80)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
    assert statistic == pytest.approx(float(fit.tvalues[0]))
    assert p == pytest.approx(float(fit.pvalues[0]))


def test_equal_losses_differ_in_nothing():
    loss = np.ones(50)

    assert metrics.diebold_mariano(loss, loss, horizon=5) == (0.0, 1.0)


def test_directional_accuracy_leaves_out_days_that_did_not_move():
    actual, predicted = np.array([1.0, -1.0, 0.0, 2.0]), np.array([1.0, 1.0, 1.0, 3.0])

    accuracy, error = metrics.directional_accuracy(actual, predicted)

    assert accuracy == pytest.approx(2 / 3)
    assert error == pytest.approx(np.sqrt(2 / 9 / 3))
    assert metrics.base_rate(actual) == pytest.approx(2 / 3)


@settings(max_examples=30, deadline=None)
@given(series)
def test_brier_is_scikit_learns(columns):
    happened, probability = (columns[0] > 0).astype(float), stats.norm.cdf(columns[1])

    assert metrics.brier(happened, probability) == pytest.approx(sk.brier_score_loss(happened, probability))


def test_a_probability_beyond_one_is_refused():
    with pytest.raises(QuantError, match="probability: expected 0 to 1"):
        metrics.brier(np.ones(2), np.array([0.5, 1.2]))


def test_the_interval_score_is_least_for_the_true_quantiles():
    actual = np.random.default_rng(3).normal(size=20_000)
    ones = np.ones(len(actual))
    scores = {z: metrics.interval_score(actual, -z * ones, z * ones, nominal=0.9) for z in (1.0, 1.645, 2.5)}

    assert min(scores, key=scores.get) == 1.645
    assert metrics.coverage(actual, -1.645 * ones, 1.645 * ones) == pytest.approx(0.9, abs=0.01)


def test_a_curve_that_halves_and_recovers_has_a_drawdown_of_one_half():
    log_returns = np.log([1.5, 0.5, 2.0])

    assert metrics.maximum_drawdown(log_returns) == pytest.approx(0.5)
    assert metrics.annualised_return(log_returns, sessions_per_year=3) == pytest.approx(0.5)


def test_sharpe_is_annualised_mean_over_volatility_and_zero_without_any():
    log_returns = np.random.default_rng(4).normal(0.001, 0.01, 1_000)

    ours = metrics.sharpe(log_returns, sessions_per_year=252)

    assert ours == pytest.approx(log_returns.mean() / log_returns.std(ddof=1) * np.sqrt(252))
    assert metrics.sharpe(np.zeros(10), sessions_per_year=252) == 0.0


def test_an_infinite_value_is_refused_and_not_quietly_left_out():
    with pytest.raises(QuantError, match="expected finite values or NaN, got an infinite one in row 2"):
        metrics.interval_score(np.array([np.nan, 0.0, np.inf]), -np.ones(3), np.ones(3), nominal=0.9)


def test_nothing_left_to_score_is_said():
    with pytest.raises(TooShort, match="at least one without a NaN"):
        metrics.coverage(np.array([np.nan]), np.zeros(1), np.ones(1))
    with pytest.raises(QuantError, match="equal one-dimensional shapes"):
        metrics.r2(np.ones(3), np.ones(2), np.ones(3))
