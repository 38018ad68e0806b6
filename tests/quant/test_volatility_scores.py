"""Variance forecasts: scores by hand, the right order under noise, statsmodels' regression."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from arch import arch_model
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from shared_data import sample_bars

from quant import volatility_scores as scores
from quant.bars import log_returns
from quant.errors import QuantError, TooShort

variances = st.integers(0, 2**32 - 1).map(lambda seed: 1e-4 * np.exp(np.random.default_rng(seed).normal(size=(3, 100))))


def test_qlike_by_hand():
    # Realised twice, then half of what was forecast: 2 - log 2 - 1 and 1/2 + log 2 - 1.
    assert scores.qlike(np.array([2.0, 1.0]), np.array([1.0, 2.0])) == pytest.approx(0.25)


@settings(max_examples=30, deadline=None)
@given(variances, st.floats(1e-6, 1e6))
def test_qlike_is_positive_and_knows_no_unit(columns, unit):
    realised, forecast, _ = columns

    score = scores.qlike(realised, forecast)

    assert score > 0
    assert score == pytest.approx(np.mean(realised / forecast - np.log(realised / forecast) - 1))
    assert scores.qlike(unit * realised, unit * forecast) == pytest.approx(score)
    assert scores.qlike(realised, realised) == 0.0


def test_too_low_a_forecast_costs_more_than_too_high_a_one():
    one = np.ones(1)

    assert scores.qlike(one, one / 2) > scores.qlike(one, one * 2)


def test_a_forecast_that_is_nearly_right_keeps_its_digits():
    one = np.ones(1)

    assert scores.qlike(one * (1 + 1e-9), one) == pytest.approx(0.5e-18, rel=1e-6)


def test_qlike_prefers_the_true_variance_even_against_squared_returns():
    rng = np.random.default_rng(0)
    true = np.exp(rng.normal(size=20_000))
    squared_returns = true * rng.normal(size=20_000) ** 2

    right = scores.qlike(squared_returns, true)

    assert right < scores.qlike(squared_returns, 1.3 * true)
    assert right < scores.qlike(squared_returns, true / 1.3)
    assert right < scores.qlike(squared_returns, np.full(20_000, true.mean()))


def test_apples_garch_beats_its_constant_variance_on_days_it_was_not_fitted_to():
    returns = 100 * log_returns(sample_bars("AAPL"))[1:]
    fitted = arch_model(returns, mean="Zero", vol="GARCH").fit(disp="off", last_obs=1_500)
    forecast = fitted.forecast(start=1_499, reindex=False).variance["h.1"].to_numpy()[:-1]
    moved = returns[1_500:] != 0
    realised, forecast = returns[1_500:][moved] ** 2, forecast[moved]
    constant = np.full(len(realised), np.mean(returns[:1_500] ** 2))

    assert len(realised) > 1_000
    assert scores.qlike(realised, forecast) < scores.qlike(realised, constant)
    assert scores.variance_r2(realised, forecast, constant) > 0


@settings(max_examples=30, deadline=None)
@given(variances, st.floats(1e-6, 1e6))
def test_the_r2_of_variances_is_that_of_volatilities_in_any_unit(columns, unit):
    realised, forecast, baseline = columns

    score = scores.variance_r2(realised, forecast, baseline)

    assert score == pytest.approx(scores.variance_r2(*np.sqrt(unit * columns)))
    assert scores.variance_r2(realised, realised, baseline) == 1.0
    assert scores.variance_r2(realised, baseline, baseline) == 0.0


@settings(max_examples=30, deadline=None)
@given(variances)
def test_mincer_zarnowitz_is_statsmodels_regression(columns):
    realised, forecast, _ = columns
    fit = sm.OLS(realised, sm.add_constant(forecast)).fit()

    intercept, slope, r2 = scores.mincer_zarnowitz(realised, forecast)

    assert_allclose([intercept, slope], fit.params, rtol=1e-8)
    assert r2 == pytest.approx(fit.rsquared, abs=1e-12)


def test_a_line_is_found_again():
    forecast = np.array([1.0, 2.0, 4.0, np.nan])

    assert_allclose(scores.mincer_zarnowitz(0.5 + 2 * forecast, forecast), (0.5, 2.0, 1.0))


def test_what_never_varies_is_explained_by_its_constant_alone():
    assert scores.mincer_zarnowitz(np.full(3, 0.1), np.array([1.0, 2.0, 4.0])) == (0.1, 0.0, 0.0)


def test_a_forecast_that_never_varies_has_no_slope():
    with pytest.raises(QuantError, match=r"forecast: expected to vary, got 0\.1 throughout"):
        scores.mincer_zarnowitz(np.array([1.0, 2.0, 3.0]), np.full(3, 0.1))


@pytest.mark.parametrize("wrong", [0.0, -1.0])
def test_a_variance_of_nothing_is_named_by_its_row(wrong):
    bad, good = np.array([1.0, np.nan, wrong, 1.0]), np.ones(4)

    with pytest.raises(QuantError, match=f"realised_variance: expected above 0, got {wrong} in row 2"):
        scores.qlike(bad, good)
    with pytest.raises(QuantError, match=f"forecast_variance: expected above 0, got {wrong} in row 2"):
        scores.qlike(good, bad)
    with pytest.raises(QuantError, match=f"baseline: expected above 0, got {wrong} in row 2"):
        scores.variance_r2(good, good, bad)


def test_rows_with_a_nan_are_left_out_until_none_is_left():
    realised = np.array([2.0, math.nan])

    assert scores.qlike(realised, np.ones(2)) == pytest.approx(1 - math.log(2))
    with pytest.raises(TooShort, match="at least one without a NaN"):
        scores.qlike(realised[1:], np.ones(1))
