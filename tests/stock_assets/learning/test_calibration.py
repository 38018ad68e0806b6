"""Weights, widths and odds from evidence: without any they say nothing, with it they say what was planted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assets.learning.calibration import (
    FEWEST_ROWS,
    conformal_quantiles,
    fit_parameters,
    prior_parameters,
    shrunk_logistic,
    shrunk_weights,
)
from stock_assets.learning.errors import LearningError


def test_models_without_skill_are_hardly_believed():
    rng = np.random.default_rng(0)
    totals = [sum(shrunk_weights(0.05 * rng.normal(size=(1_000, 2)), rng.normal(size=1_000))) for _ in range(50)]

    assert np.mean(totals) < 0.15


def test_a_model_that_is_right_is_believed_and_its_useless_rival_is_not():
    rng = np.random.default_rng(1)
    departures = 0.2 * rng.normal(size=(5_000, 2))
    realised = departures[:, 1] + rng.normal(size=5_000)

    ridge, forest = shrunk_weights(departures, realised)

    assert forest > 0.75
    assert ridge < 0.15


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_weights_are_never_negative_nor_together_above_one(seed):
    rng = np.random.default_rng(seed)
    departures = rng.normal(size=(200, 2))

    ridge, forest = shrunk_weights(departures, departures.sum(axis=1) * rng.normal() + 0.01 * rng.normal(size=200))

    assert min(ridge, forest) >= 0
    assert ridge + forest <= 1 + 1e-12


def test_conformal_bounds_cover_a_new_draw_at_least_as_often_as_promised():
    rng = np.random.default_rng(2)
    hits = []
    for _ in range(2_000):
        residual = rng.standard_t(4, size=200)
        lower, upper = conformal_quantiles(residual[:-1], coverage=0.9)
        hits.append(lower <= residual[-1] <= upper)

    # Exact coverage is 180/200; the tolerance is three standard errors of 2,000 trials.
    assert np.mean(hits) == pytest.approx(0.9, abs=0.02)


def test_odds_without_information_are_the_base_rate():
    rng = np.random.default_rng(3)
    up = rng.random(2_000) < 0.54

    intercept, slope = shrunk_logistic(0.05 * rng.normal(size=2_000), up)

    assert 1 / (1 + np.exp(-intercept)) == pytest.approx(up.mean(), abs=0.01)
    assert 0 <= slope < 0.8


def test_odds_that_would_contradict_the_forecast_fall_back_to_the_base_rate():
    score = np.linspace(-1, 1, 1_000)

    intercept, slope = shrunk_logistic(score, score < 0)

    assert slope == 0.0
    assert 1 / (1 + np.exp(-intercept)) == pytest.approx((score < 0).mean())


def test_before_there_is_evidence_the_base_rate_and_normal_quantiles_speak():
    parameters = prior_parameters(historical_mean=1e-4, up_rate=0.52, horizon=4)

    assert (parameters.ridge_weight, parameters.forest_weight, parameters.up_slope) == (0.0, 0.0, 0.0)
    assert parameters.volatility_scale == 2.0
    assert 1 / (1 + np.exp(-parameters.up_intercept)) == pytest.approx(0.52)


def test_too_few_or_unfinished_rows_are_refused():
    rows = {name: np.ones(FEWEST_ROWS - 1) for name in ("ridge", "forest", "volatility", "realised", "historical_mean")}

    with pytest.raises(LearningError, match=f"at least {FEWEST_ROWS} finite rows, got {FEWEST_ROWS - 1}"):
        fit_parameters(**rows, next_mean=0.0)
