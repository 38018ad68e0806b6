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


def moves_over(horizon, *, rng, sessions=1_000, memory=60):
    """Moves over the next `horizon` sessions, told every session, and persistent forecasts that know nothing."""
    price = np.cumsum(rng.normal(size=sessions + horizon))
    rumour = np.cumsum(rng.normal(size=sessions + memory))
    return price[horizon:] - price[:-horizon], rumour[memory:] - rumour[:-memory]


def test_forecasts_that_overlap_get_an_error_near_that_of_repeated_histories():
    rng = np.random.default_rng(5)
    histories = [moves_over(5, rng=rng) for _ in range(400)]

    scored = [metrics.directional_accuracy(*history, horizon=5) for history in histories]
    binomial = [metrics.directional_accuracy(*history)[1] for history in histories]

    spread = np.std([accuracy for accuracy, _ in scored])
    assert 0.75 < np.mean([error for _, error in scored]) / spread < 1.0
    assert np.mean(binomial) / spread < 0.6


def test_the_overlap_changes_the_error_alone():
    actual, predicted = moves_over(5, rng=np.random.default_rng(6))

    assert (
        metrics.directional_accuracy(actual, predicted, horizon=5)[0]
        == metrics.directional_accuracy(actual, predicted)[0]
    )


def test_a_day_that_says_nothing_keeps_its_place_among_the_lags():
    actual, predicted = np.array([1.0, 0.0, 1.0, -1.0]), np.ones(4)

    _, error = metrics.directional_accuracy(actual, predicted, horizon=2)

    # Hits 1, -, 1, 0 deviate from 2/3 by 1/3, 0, 1/3, -2/3: one pair of neighbours, half weighted, in both orders.
    assert error == pytest.approx(np.sqrt(6 / 9 - 2 / 9) / 3)


def test_a_forecast_of_no_step_ahead_is_refused():
    with pytest.raises(QuantError, match="horizon: expected at least 1, got 0"):
        metrics.directional_accuracy(np.ones(3), np.ones(3), horizon=0)


def test_without_a_single_move_there_is_no_direction():
    with pytest.raises(TooShort, match="at least one with a move"):
        metrics.directional_accuracy(np.zeros(3), np.ones(3))
    with pytest.raises(TooShort, match="at least one with a move"):
        metrics.base_rate(np.zeros(3))


def test_a_baseline_without_error_is_no_baseline():
    with pytest.raises(QuantError, match="baseline: expected some error"):
        metrics.r2(np.ones(3), np.zeros(3), np.ones(3))
