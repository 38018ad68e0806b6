"""Means and covariances: the figures of well-known libraries, in any unit and order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moment_samples import least_eigenvalue, market_returns
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import sample_bars
from skfolio.moments import EWCovariance, ShrunkMu, ShrunkMuMethods
from skfolio.moments import LedoitWolf as SkfolioLedoitWolf
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA

from quant import moments
from quant.bars import log_returns
from quant.errors import QuantError, TooShort
from quant.moments import FactorModel
from quant.nearest import nearest_psd
from quant.volatility import SEED, ewma_variance


def real_returns() -> np.ndarray:
    """Simple returns of four large caps over two years."""
    columns = [log_returns(sample_bars(ticker).through(np.datetime64("2013-03-01"))[-505:])[1:] for ticker in
               ("AAPL", "GOOG", "IBM", "MSFT")]  # fmt: skip
    return np.expm1(np.column_stack(columns))


def one_factor(returns: np.ndarray) -> np.ndarray:
    return moments.factor_model(returns, factors=1).covariance()


def monthly_ewma(returns: np.ndarray) -> np.ndarray:
    return moments.ewma_covariance(returns, half_life=21)


def shrunk_covariance(returns: np.ndarray) -> np.ndarray:
    return moments.ledoit_wolf(returns)[0]


MEANS = [moments.mean, moments.shrunk_mean]
COVARIANCES = [moments.sample_covariance, shrunk_covariance, monthly_ewma, one_factor]
samples = st.builds(
    market_returns, seed=st.integers(0, 10_000), assets=st.integers(2, 12), sessions=st.sampled_from([6, 40, 120])
)


# --- Every estimator


@pytest.mark.parametrize("covariance", COVARIANCES)
@settings(max_examples=25, deadline=None)
@given(returns=samples)
def test_a_covariance_is_symmetric_and_leaves_no_portfolio_a_negative_variance(covariance, returns):
    estimate = covariance(returns)

    assert_array_equal(estimate, estimate.T)
    assert least_eigenvalue(estimate) >= -1e-12


@pytest.mark.parametrize("estimator", MEANS + COVARIANCES)
@settings(max_examples=25, deadline=None)
@given(returns=samples, seed=st.integers(0, 1000))
def test_the_order_of_the_assets_does_not_matter(estimator, returns, seed):
    order = np.random.default_rng(seed).permutation(returns.shape[1])

    plain, other = estimator(returns), estimator(returns[:, order])

    expected = plain[order] if plain.ndim == 1 else plain[np.ix_(order, order)]
    assert_allclose(other, expected, rtol=1e-9, atol=1e-10 * np.abs(plain).max())


@settings(max_examples=25, deadline=None)
@given(returns=samples, unit=st.floats(1e-4, 1e4))
def test_in_other_units_a_mean_scales_with_the_unit_and_a_covariance_with_its_square(returns, unit):
    for mean in MEANS:
        assert_allclose(mean(unit * returns), unit * mean(returns), rtol=1e-7)
    for covariance in COVARIANCES:
        plain = covariance(returns)
        assert_allclose(covariance(unit * returns), unit**2 * plain, rtol=1e-9, atol=1e-10 * unit**2 * plain.max())


@pytest.mark.parametrize("estimator", MEANS + COVARIANCES)
def test_returns_that_are_none_are_refused(estimator):
    gap = market_returns(0, 3)
    gap[7, 2] = np.nan

    with pytest.raises(QuantError, match="returns: expected finite numbers, got nan in row 7, column 2"):
        estimator(gap)
    with pytest.raises(QuantError, match=r"returns: expected a finite \(T, N\) array, got shape \(5,\)"):
        estimator(np.zeros(5))
    with pytest.raises(QuantError, match=r"got shape \(5, 0\)"):
        estimator(np.zeros((5, 0)))
    with pytest.raises(TooShort, match="returns: expected at least 2 sessions, got 1"):
        estimator(np.ones((1, 3)))


# --- Means


def test_the_mean_of_a_portfolio_is_the_portfolio_of_the_means():
    returns, weights = real_returns(), np.array([0.4, 0.3, 0.2, 0.1])

    expected = (returns @ weights).mean()

    assert moments.mean(returns) @ weights == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("returns", [market_returns(1, 5), market_returns(2, 40, 504), real_returns()])
def test_bayes_stein_is_skfolios_on_ledoit_and_wolfs_covariance(returns):
    oracle = ShrunkMu(SkfolioLedoitWolf(), vol_weighted_target=True, method=ShrunkMuMethods.BAYES_STEIN).fit(returns)

    assert_allclose(moments.shrunk_mean(returns), oracle.mu_, rtol=1e-9)


def test_means_shrink_towards_each_other_and_noise_shrinks_nearly_all_the_way():
    returns = np.random.default_rng(5).normal(0.0, 0.01, (504, 6))

    shrunk = moments.shrunk_mean(returns)

    assert np.ptp(shrunk) < 0.6 * np.ptp(returns.mean(axis=0))


def test_too_few_sessions_tell_no_assets_mean_from_another():
    returns = market_returns(6, 10, sessions=12)

    assert_allclose(moments.shrunk_mean(returns), returns.mean())


def test_a_single_assets_mean_has_nothing_to_shrink_towards():
    returns = market_returns(8, 1)

    assert_allclose(moments.shrunk_mean(returns), returns.mean(axis=0), rtol=1e-15)
    assert_allclose(moments.shrunk_mean(np.full((10, 1), 0.25)), 0.25, rtol=1e-15)


def test_constants_have_no_bayes_stein_mean():
    with pytest.raises(QuantError, match="returns: expected some that vary on their own"):
        moments.shrunk_mean(np.zeros((20, 3)))


# --- Covariances


def test_the_sample_covariance_is_the_unbiased_one():
    returns = real_returns()

    assert_allclose(moments.sample_covariance(returns), np.cov(returns.T, ddof=1), rtol=1e-12)


@pytest.mark.parametrize("returns", [market_returns(0, 5), market_returns(1, 80, 60), real_returns()])
def test_ledoit_wolf_is_scikit_learns(returns):
    covariance, shrinkage = moments.ledoit_wolf(returns)

    oracle = LedoitWolf().fit(returns)
    assert_allclose(covariance, oracle.covariance_, rtol=1e-12, atol=1e-12 * oracle.covariance_.max())
    assert shrinkage == pytest.approx(oracle.shrinkage_, rel=1e-12)


@pytest.mark.parametrize("half_life", [5.0, 11.2, 126.0])
def test_the_exponentially_weighted_covariance_is_skfolios(half_life):
    returns = real_returns()

    oracle = EWCovariance(half_life=half_life, nearest=False).fit(returns)

    assert_allclose(moments.ewma_covariance(returns, half_life=half_life), oracle.covariance_, rtol=1e-10)


def test_its_variances_are_those_of_the_forecast_for_one_ticker():
    returns = real_returns()
    decay = 0.5 ** (1 / 11.2)

    covariance = moments.ewma_covariance(returns, half_life=11.2)

    forecast = ewma_variance(returns[:, 0], horizon=1, decay=decay)[-1]
    assert decay ** (len(returns) - SEED) < 1e-11  # what either started from is forgotten
    assert covariance[0, 0] == pytest.approx(forecast, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(samples)
def test_a_half_life_beyond_all_sessions_weighs_them_alike(returns):
    sessions = len(returns)
    mean = moments.mean(returns)

    long = moments.ewma_covariance(returns, half_life=1e9)

    alike = moments.sample_covariance(returns) * (sessions - 1) / sessions + np.outer(mean, mean)
    assert_allclose(long, alike, rtol=1e-6, atol=1e-7 * alike.max())
    assert_allclose(moments.ewma_covariance(returns, half_life=np.inf), alike, rtol=1e-9, atol=1e-12 * alike.max())


@pytest.mark.parametrize("half_life", [0.0, -1.0, np.nan])
def test_a_half_life_that_is_none_is_refused(half_life):
    with pytest.raises(QuantError, match=f"half_life: expected above 0, got {half_life}"):
        moments.ewma_covariance(real_returns(), half_life=half_life)


# --- Factors


@pytest.mark.parametrize(("assets", "sessions"), [(4, 504), (60, 40), (40, 60)])
def test_factors_are_scikit_learns_principal_components(assets, sessions):
    returns = real_returns() if assets == 4 else market_returns(3, assets, sessions)

    model = moments.factor_model(returns, factors=3)

    oracle = PCA(3, svd_solver="full").fit(returns)
    expected = oracle.components_.T * np.sqrt(oracle.explained_variance_)
    assert_allclose(model.loadings @ model.loadings.T, expected @ expected.T, rtol=1e-7, atol=1e-12)
    assert_allclose(np.sum(model.loadings**2, axis=0), oracle.explained_variance_, rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(returns=samples, factors=st.integers(1, 2))
def test_factors_and_what_they_leave_make_up_each_assets_variance(returns, factors):
    model = moments.factor_model(returns, factors=factors)

    variance = np.diag(moments.sample_covariance(returns))
    floored = model.specific <= moments.LEAST_SPECIFIC * variance * (1 + 1e-9)
    assert model.assets == returns.shape[1]
    assert_allclose(np.diag(model.covariance())[~floored], variance[~floored], rtol=1e-10)
    assert (np.diag(model.covariance()) <= variance * (1 + 1.01 * moments.LEAST_SPECIFIC)).all()
    assert (model.specific > 0).all()


@settings(max_examples=25, deadline=None)
@given(samples)
def test_a_factor_more_explains_no_less(returns):
    sample = moments.sample_covariance(returns)
    most = min(returns.shape[1], len(returns) - 1)

    errors = []
    for factors in range(1, most + 1):
        loadings = moments.factor_model(returns, factors=factors).loadings
        errors.append(np.linalg.norm(sample - loadings @ loadings.T))

    assert (np.diff(errors) <= 1e-12 * np.linalg.norm(sample)).all()
    assert errors[-1] <= 1e-9 * np.linalg.norm(sample)


def test_fewer_sessions_than_assets_give_a_covariance_that_can_be_inverted():
    returns = market_returns(4, 80, sessions=30)

    model = moments.factor_model(returns, factors=3)

    np.linalg.cholesky(model.covariance())
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.cholesky(moments.sample_covariance(returns) - 1e-12 * np.eye(80))


def test_an_asset_that_does_not_move_has_neither_loadings_nor_risk():
    returns = market_returns(5, 4)
    returns[:, 2] = 0.0001

    model = moments.factor_model(returns, factors=2)

    assert_allclose(model.covariance()[2], 0.0, atol=1e-15)


def test_a_factor_model_is_the_same_from_run_to_run_with_the_market_going_up():
    first, second = (moments.factor_model(market_returns(6, 30), factors=3) for _ in range(2))

    assert_array_equal(first.loadings, second.loadings)
    assert (first.loadings[:, 0] > 0).all()


@pytest.mark.parametrize("factors", [0, 4, 5])
def test_more_factors_than_there_can_be_are_refused(factors):
    with pytest.raises(QuantError, match=f"factors: expected 1 to 3 for 4 sessions of 5 assets, got {factors}"):
        moments.factor_model(market_returns(7, 5, sessions=4), factors=factors)


def test_a_factor_model_that_is_none_is_refused():
    with pytest.raises(QuantError, match=r"loadings: expected shape \(N, K\), got \(3,\)"):
        FactorModel(loadings=np.ones(3), specific=np.ones(3))
    with pytest.raises(QuantError, match="loadings: expected finite numbers, got inf in row 1, column 0"):
        FactorModel(loadings=np.array([[1.0], [np.inf]]), specific=np.ones(2))
    with pytest.raises(QuantError, match=r"specific: expected shape \(3,\), got \(2,\)"):
        FactorModel(loadings=np.ones((3, 1)), specific=np.ones(2))
    with pytest.raises(QuantError, match=r"specific: expected variances of at least 0, got -0\.5 in row 1"):
        FactorModel(loadings=np.ones((2, 1)), specific=np.array([1.0, -0.5]))


# --- Correlations


@settings(max_examples=25, deadline=None)
@given(returns=samples)
def test_correlations_are_numpys(returns):
    correlations = moments.correlation(moments.sample_covariance(returns))

    assert_allclose(correlations, np.corrcoef(returns.T), atol=1e-12)
    assert_array_equal(np.diag(correlations), 1.0)
    assert np.abs(correlations).max() <= 1.0


def test_an_asset_without_variance_correlates_with_itself_only():
    assert_array_equal(moments.correlation(np.diag([0.0, 4.0])), np.eye(2))


# --- Nothing to repair


@pytest.mark.parametrize("covariance", COVARIANCES)
@settings(max_examples=15, deadline=None)
@given(returns=samples)
def test_an_estimate_is_left_as_it_is(covariance, returns):
    estimate = covariance(returns)

    nearest = nearest_psd(estimate)

    assert nearest.moved == 0.0
    assert nearest.exact
    assert_array_equal(nearest.matrix, estimate)
