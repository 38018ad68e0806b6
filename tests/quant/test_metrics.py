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
