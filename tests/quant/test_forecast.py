"""From model outputs to a distribution."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special, stats

from quant.errors import QuantError
from quant.forecast import (
    COVERAGE,
    INNER_COVERAGE,
    NORMAL_BOUNDS,
    Bounds,
    ForecastParameters,
    distribution,
    expit,
    forecast,
    price,
)

BOUNDS = Bounds(lower_90=-1.5, lower_50=-0.6, upper_50=0.7, upper_90=1.6)
PARAMETERS = ForecastParameters(
    horizon=1,
    historical_mean=0.001,
    edge_weights={"ridge": 0.5, "forest": 0.25},
    edge_limit=0.2,
    variance_weights={"har": 0.75, "ewma": 0.25},
    log_scale=2.0 * math.log(2.0),
    bounds=BOUNDS,
    moving=0.9,
    up_intercept=0.1,
    up_slope=1.5,
    up_limit=0.15,
)
STILL = math.log(1e-4)  # a volatility of 1 % a session


def outputs(**said: float) -> dict[str, np.ndarray]:
    """One row; models that are not named say that there is no edge and a volatility of 1 %."""
    quiet = {"ridge": 0.0, "forest": 0.0, "har": STILL, "ewma": STILL}
    return {name: np.array([value]) for name, value in {**quiet, **said}.items()}


def test_edges_are_believed_by_their_weights_in_volatilities_over_the_historical_mean():
    made = forecast(outputs(ridge=0.1, forest=-0.08), PARAMETERS)

    assert_allclose(made.vol, 0.02)
    assert_allclose(made.mean, 0.001 + (0.5 * 0.1 - 0.25 * 0.08) * 0.02)


def test_log_variances_are_mixed_and_brought_to_level_before_they_are_a_volatility():
    made = forecast(outputs(har=math.log(4e-4), ewma=math.log(1e-4)), PARAMETERS)

    # The geometric mean of 2 % (three times) and 1 % (once), doubled.
    assert_allclose(made.vol, 2.0 * (0.02**3 * 0.01) ** 0.25)


def test_intervals_are_so_many_volatilities_around_the_mean():
    made = forecast(outputs(ridge=0.1), PARAMETERS)

    for name in ("lower_90", "lower_50", "upper_50", "upper_90"):
        assert_allclose(getattr(made, name), made.mean + getattr(BOUNDS, name) * made.vol)


def test_a_gain_needs_a_move_and_then_the_odds_follow_the_mean_over_the_volatility():
    made = forecast(outputs(ridge=0.1), PARAMETERS)

    assert_allclose(made.p_up, 0.9 * special.expit(0.1 + 1.5 * made.mean / made.vol))


def test_no_model_is_believed_beyond_the_limit():
    bold, held = forecast(outputs(ridge=50.0), PARAMETERS), forecast(outputs(ridge=0.2), PARAMETERS)

    assert_array_equal(bold.mean, held.mean)


def test_beyond_the_limit_a_bolder_mean_says_no_more_of_the_direction():
    made = distribution(mean=np.array([0.15, 0.5, -0.15, -0.5]), vol=np.ones(4), parameters=PARAMETERS)

    assert made.p_up[0] == made.p_up[1] > made.p_up[2] == made.p_up[3]


def test_models_without_weight_leave_the_historical_mean():
    silent = msgspec.structs.replace(PARAMETERS, edge_weights={"ridge": 0.0, "forest": 0.0})

    made = forecast(outputs(ridge=9.0, forest=-9.0), silent)

    assert made.mean == 0.001


def test_a_model_that_no_parameter_speaks_of_is_not_listened_to():
    plain = forecast(outputs(), PARAMETERS)

    made = forecast({**outputs(), "oracle": np.array([np.nan])}, PARAMETERS)

    assert (made.mean, made.vol) == (plain.mean, plain.vol)


def test_the_order_in_which_models_are_named_changes_no_bit():
    rng = np.random.default_rng(0)
    said = {name: rng.normal(size=200) for name in ("ridge", "forest", "har", "ewma")}
    turned = msgspec.structs.replace(
        PARAMETERS,
        edge_weights=dict(reversed(PARAMETERS.edge_weights.items())),
        variance_weights=dict(reversed(PARAMETERS.variance_weights.items())),
    )

    one, other = forecast(said, PARAMETERS), forecast(dict(reversed(said.items())), turned)

    assert_array_equal(one.mean, other.mean)
    assert_array_equal(one.vol, other.vol)


def test_a_nan_row_stays_in_its_row():
    said = {name: np.repeat(value, 2) for name, value in outputs().items()}
    said["ridge"] = np.array([np.nan, 0.0])

    made = forecast(said, PARAMETERS)

    assert np.isnan([made.mean[0], made.p_up[0], made.lower_90[0], made.upper_50[0]]).all()
    assert np.isfinite([made.mean[1], made.p_up[1], made.lower_90[1], made.upper_50[1]]).all()


def test_a_row_has_the_same_bits_alone_and_among_others():
    rng = np.random.default_rng(1)
    said = {name: rng.normal(size=100) for name in ("ridge", "forest", "har", "ewma")}

    many = forecast(said, PARAMETERS)

    for row in range(100):
        alone = forecast({name: values[row : row + 1] for name, values in said.items()}, PARAMETERS)
        assert (alone.mean[0], alone.vol[0], alone.p_up[0]) == (many.mean[row], many.vol[row], many.p_up[row])


def test_the_bounds_before_evidence_are_a_normal_distributions():
    assert_allclose(NORMAL_BOUNDS.upper_90, stats.norm.ppf(0.5 + COVERAGE / 2), atol=5e-4)
    assert_allclose(NORMAL_BOUNDS.upper_50, stats.norm.ppf(0.5 + INNER_COVERAGE / 2), atol=5e-4)
    assert (NORMAL_BOUNDS.lower_90, NORMAL_BOUNDS.lower_50) == (-NORMAL_BOUNDS.upper_90, -NORMAL_BOUNDS.upper_50)


@given(st.lists(st.floats(-800.0, 800.0), min_size=1))
def test_the_logistic_function_is_scipys_at_both_ends_too(x):
    # Below 1e-300 scipy and we lose different digits of what is zero to anyone.
    assert_allclose(expit(np.array(x)), special.expit(np.array(x)), rtol=1e-14, atol=1e-300)


@given(st.floats(-0.1, 0.1), st.floats(1e-4, 0.1))
def test_a_higher_mean_is_no_less_likely_up_and_every_interval_holds_its_mean(mean, vol):
    means = np.array([mean, mean + 0.01])

    made = distribution(mean=means, vol=np.full(2, vol), parameters=PARAMETERS)

    assert made.p_up[1] >= made.p_up[0]
    assert (made.lower_90 < made.lower_50).all()
    assert (made.lower_50 < made.mean).all()
    assert (made.mean < made.upper_50).all()
    assert (made.upper_50 < made.upper_90).all()


def test_a_price_is_the_close_grown_by_the_log_return():
    assert price(100.0, np.log(1.05)) == pytest.approx(105.0)


def test_parameters_go_through_json_whole():
    assert msgspec.json.decode(msgspec.json.encode(PARAMETERS), type=ForecastParameters) == PARAMETERS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizon": 0}, "horizon: expected at least 1 session, got 0"),
        ({"edge_weights": {"ridge": -0.1}}, "edge_weights: expected at least 0 and together at most 1, got .*-0.1"),
        ({"edge_weights": {"ridge": 0.9, "forest": 0.2}}, "edge_weights: expected .* together at most 1"),
        ({"variance_weights": {"har": 0.9}}, "variance_weights: expected at least 0 and together 1, got .*0.9"),
        ({"variance_weights": {"har": 1.5, "ewma": -0.5}}, "variance_weights: expected at least 0"),
        ({"moving": 0.0}, "moving: expected above 0 and at most 1, got 0.0"),
        ({"moving": 1.1}, "moving: expected above 0 and at most 1, got 1.1"),
        ({"edge_limit": 0.0}, "edge_limit: expected above 0, got 0.0"),
        ({"up_limit": math.nan}, "up_limit: expected above 0, got nan"),
    ],
)
def test_parameters_that_make_no_distribution_are_refused(change, message):
    with pytest.raises(QuantError, match=message):
        msgspec.structs.replace(PARAMETERS, **change)


@pytest.mark.parametrize(
    "change", [{"lower_90": -0.5}, {"lower_50": 0.1}, {"upper_50": 0.0}, {"upper_90": 0.5}, {"upper_90": math.nan}]
)
def test_bounds_that_are_inside_out_are_refused(change):
    with pytest.raises(QuantError, match="bounds: expected lower_90 <= lower_50 < 0 < upper_50 <= upper_90, got"):
        msgspec.structs.replace(BOUNDS, **change)
