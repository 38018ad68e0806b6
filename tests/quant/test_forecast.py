"""From model outputs to a distribution."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import special

from quant.errors import QuantError
from quant.forecast import ForecastParameters, distribution, expit, forecast, price

PARAMETERS = ForecastParameters(
    historical_mean=0.001,
    ridge_weight=0.5,
    forest_weight=0.25,
    volatility_scale=2.0,
    lower_quantile=-1.5,
    upper_quantile=1.6,
    up_intercept=0.1,
    up_slope=1.5,
)


def test_each_models_departure_from_the_historical_mean_is_believed_by_its_weight():
    made = forecast(
        ridge=np.array([0.003]), forest=np.array([-0.003]), volatility=np.array([0.01]), parameters=PARAMETERS
    )

    assert_allclose(made.mean, 0.001 + 0.5 * 0.002 - 0.25 * 0.004)
    assert_allclose(made.vol, 0.02)
    assert_allclose([made.lower_90, made.upper_90], [made.mean - 1.5 * 0.02, made.mean + 1.6 * 0.02])
    assert_allclose(made.p_up, 1 / (1 + np.exp(-(0.1 + 1.5 * made.mean / 0.02))))


def test_models_without_weight_leave_the_historical_mean():
    silent = msgspec.structs.replace(PARAMETERS, ridge_weight=0.0, forest_weight=0.0)

    made = forecast(ridge=np.array([9.0]), forest=np.array([-9.0]), volatility=np.array([0.01]), parameters=silent)

    assert made.mean == 0.001


def test_a_nan_row_stays_in_its_row():
    made = forecast(
        ridge=np.array([np.nan, 0.0]), forest=np.zeros(2), volatility=np.full(2, 0.01), parameters=PARAMETERS
    )

    assert np.isnan(made.mean[0])
    assert np.isnan(made.p_up[0])
    assert np.isfinite([made.mean[1], made.p_up[1]]).all()


@given(st.lists(st.floats(-800.0, 800.0), min_size=1))
def test_the_logistic_function_is_scipys_at_both_ends_too(x):
    # Below 1e-300 scipy and we lose different digits of what is zero to anyone.
    assert_allclose(expit(np.array(x)), special.expit(np.array(x)), rtol=1e-14, atol=1e-300)


@given(st.floats(-0.1, 0.1), st.floats(1e-4, 0.1))
def test_a_higher_mean_is_likelier_up_and_every_interval_holds_its_mean(mean, vol):
    means = np.array([mean, mean + 0.01])

    made = distribution(mean=means, vol=np.full(2, vol), parameters=PARAMETERS)

    assert made.p_up[1] >= made.p_up[0]
    assert (made.lower_90 < made.mean).all()
    assert (made.mean < made.upper_90).all()


def test_a_price_is_the_close_grown_by_the_log_return():
    assert price(100.0, np.log(1.05)) == pytest.approx(105.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ridge_weight": -0.1}, "ridge_weight, forest_weight: expected at least 0"),
        ({"ridge_weight": 0.9}, "together at most 1"),
        ({"volatility_scale": 0.0}, "volatility_scale: expected above 0, got 0.0"),
        ({"lower_quantile": 0.1}, "expected lower < 0 < upper"),
    ],
)
def test_parameters_that_make_no_distribution_are_refused(change, message):
    with pytest.raises(QuantError, match=message):
        msgspec.structs.replace(PARAMETERS, **change)
