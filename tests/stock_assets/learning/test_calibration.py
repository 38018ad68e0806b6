"""How likely up: the base rate and a normal distribution's slope without evidence, the posterior mode with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit
from scipy.stats import norm

from stock_assets.learning.calibration import LIMIT, NORMAL_SLOPE, SLOPE_PRIOR_SD, fit_up

NONE = np.empty(0)


def outcomes(rng: np.random.Generator, ratio: np.ndarray, *, slope: float, shift: float = 0.0) -> np.ndarray:
    """Returns whose sign follows the odds ``shift + slope * ratio``."""
    up = rng.random(len(ratio)) < expit(shift + slope * ratio)
    return np.where(up, 0.01, -0.01)


def test_with_nothing_known_a_gain_is_as_likely_as_a_loss():
    up = fit_up(NONE, NONE, NONE, horizon=1)

    assert up(np.zeros(1))[0] == pytest.approx(0.5)
    assert up.slope == NORMAL_SLOPE


def test_the_slope_before_evidence_is_a_normal_distributions():
    ratio = np.linspace(-LIMIT, LIMIT, 7)

    up = fit_up(NONE, NONE, NONE, horizon=1)

    assert_allclose(up(ratio), norm.cdf(ratio), atol=1e-3)


def test_without_forecasts_to_judge_the_base_rate_speaks():
    target = np.where(np.arange(20_000) % 100 < 54, 0.01, -0.01)

    up = fit_up(target, NONE, NONE, horizon=1)

    assert up.slope == NORMAL_SLOPE
    assert up(np.zeros(1))[0] == pytest.approx(0.54, abs=0.002)


def test_a_base_rate_of_few_days_is_held_near_even_odds():
    assert fit_up(np.full(20, 0.01), NONE, NONE, horizon=1)(np.zeros(1))[0] < 0.55


@pytest.mark.parametrize("still", [0.0, 0.3])
def test_days_without_a_move_are_no_gains_and_say_nothing_of_the_odds(still):
    rng = np.random.default_rng(0)
    target = outcomes(rng, np.zeros(5_000), slope=0.0)
    moving = target.copy()
    moving[rng.random(5_000) < still] = 0.0

    up = fit_up(moving, NONE, NONE, horizon=1)

    assert up.moving == pytest.approx(1.0 - still, abs=0.09)
    assert up(np.zeros(1))[0] == pytest.approx(0.5 * (1.0 - still), abs=0.06)


def test_how_often_a_price_moves_is_a_matter_of_the_last_year():
    target = np.where(np.arange(3_000) % 2 == 0, 0.01, -0.01)
    target[:2_500:3] = 0.0

    assert fit_up(target, NONE, NONE, horizon=1).moving == pytest.approx(1.0)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(0, 3_000),
    slope=st.floats(-3.0, 6.0),
    horizon=st.sampled_from([1, 5, 21]),
)
def test_the_slope_is_the_posterior_mode_that_a_general_optimiser_finds(seed, rows, slope, horizon):
    rng = np.random.default_rng(seed)
    ratio = 0.1 * rng.normal(size=rows)
    judged = outcomes(rng, ratio, slope=slope)
    judged[rng.random(rows) < 0.05] = 0.0

    up = fit_up(judged, ratio, judged, horizon=horizon)

    moved, held = judged != 0, np.clip(ratio, -LIMIT, LIMIT)
    sign = np.sign(judged[moved])

    def cost(candidate: float) -> float:
        log_likelihood = log_expit(sign * (up.intercept + candidate * held[moved])).sum() / horizon
        return 0.5 * ((candidate - NORMAL_SLOPE) / SLOPE_PRIOR_SD) ** 2 - log_likelihood

    found = minimize_scalar(cost, bracket=(NORMAL_SLOPE - 1, NORMAL_SLOPE + 1), options={"xtol": 1e-10})
    assert up.slope == pytest.approx(found.x, abs=1e-5)


def test_outcomes_move_the_slope_as_far_as_they_speak():
    rng = np.random.default_rng(1)
    ratio = rng.uniform(-LIMIT, LIMIT, 200_000)

    steep, flat = (outcomes(rng, ratio, slope=slope) for slope in (3.0, 0.0))

    assert fit_up(steep, ratio, steep, horizon=1).slope > 2.5
    assert fit_up(flat, ratio, flat, horizon=1).slope < 0.6
    few = fit_up(steep[:500], ratio[:500], steep[:500], horizon=1).slope
    assert few == pytest.approx(NORMAL_SLOPE, abs=0.2)


def test_overlapping_outcomes_count_for_one_in_so_many():
    rng = np.random.default_rng(2)
    ratio = rng.uniform(-LIMIT, LIMIT, 1_000)
    target = outcomes(rng, ratio, slope=4.0)

    fivefold = np.repeat(target, 5), np.repeat(ratio, 5)

    once = fit_up(target, ratio, target, horizon=1).slope
    assert fit_up(target, fivefold[1], fivefold[0], horizon=5).slope == pytest.approx(once, abs=1e-9)


@given(st.integers(0, 10_000), st.floats(0.16, 100.0))
def test_a_mean_beyond_the_limit_is_no_likelier_right(seed, ratio):
    rng = np.random.default_rng(seed)
    target = 0.01 * rng.normal(size=300)
    up = fit_up(target, 0.1 * rng.normal(size=300), target, horizon=1)

    assert up(np.array([ratio]))[0] == up(np.array([LIMIT]))[0]
    assert up(np.array([-ratio]))[0] == up(np.array([-LIMIT]))[0]
    assert (up(np.linspace(-1, 1, 50)) > 0).all()
    assert (up(np.linspace(-1, 1, 50)) < 1).all()
