"""Black and Litterman: between prior and view as far as each is certain, and what skfolio and PyPortfolioOpt say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pypfopt import black_litterman as pypfopt
from shared_data import sample_bars
from skfolio.moments import EquilibriumMu
from skfolio.prior import BlackLitterman, EmpiricalPrior

from quant import moments, views
from quant.bars import log_returns
from quant.errors import QuantError
from quant.nearest import nearest_psd
from quant.views import Views

TICKERS = ["AAPL", "GOOG", "IBM", "MSFT"]
TAU = 0.05


def real_returns() -> np.ndarray:
    """Simple returns of four large caps over two years."""
    columns = [log_returns(sample_bars(name).through(np.datetime64("2013-03-01"))[-505:])[1:] for name in TICKERS]
    return np.expm1(np.column_stack(columns))


def some_market(seed: int, assets: int) -> tuple[np.ndarray, np.ndarray]:
    """A prior and a covariance."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(0.01, 0.004, (assets, 2))
    covariance = loadings @ loadings.T + np.diag(rng.uniform(5e-5, 3e-4, assets))
    return rng.normal(0.0004, 0.0003, assets), covariance


def some_views(seed: int, assets: int, count: int, *, scale: float = 1.0) -> Views:
    rng = np.random.default_rng(seed + 1)
    picks = np.round(rng.normal(size=(count, assets)), 2)
    return Views(picks, rng.normal(0.0, 0.002, count), scale * 10.0 ** rng.uniform(-7.0, -4.0, count))


markets = st.tuples(st.integers(0, 10_000), st.integers(2, 12))


# --- The posterior


@settings(max_examples=40, deadline=None)
@given(market=markets, count=st.integers(1, 15))
def test_any_views_on_any_market_give_pypfopts_posterior(market, count):
    seed, assets = market
    prior, covariance = some_market(seed, assets)
    view = some_views(seed, assets, count)

    posterior = views.posterior(prior, covariance, view, tau=TAU)

    oracle = pypfopt.BlackLittermanModel(
        covariance, pi=prior, P=view.picks, Q=view.returns, omega=np.diag(view.variance), tau=TAU
    )
    assert_allclose(posterior.mean, oracle.bl_returns(), rtol=1e-6, atol=1e-9)
    assert_allclose(posterior.covariance, oracle.bl_cov(), rtol=1e-8, atol=1e-11)


def test_views_on_real_stocks_give_skfolios_posterior():
    returns = pd.DataFrame(real_returns(), columns=TICKERS)
    covariance = moments.sample_covariance(real_returns())
    prior = views.implied_returns(np.full(4, 0.25), covariance, risk_aversion=2.5)
    picks = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 1.0]])
    view = Views(picks, np.array([0.0015, -0.0004]), np.diag(TAU * picks @ covariance @ picks.T))

    posterior = views.posterior(prior, covariance, view, tau=TAU)

    oracle = BlackLitterman(
        views=["AAPL == 0.0015", "MSFT - GOOG == -0.0004"],
        prior_estimator=EmpiricalPrior(mu_estimator=EquilibriumMu(risk_aversion=2.5)),
        tau=TAU,
    ).fit(returns)
    assert_allclose(prior, oracle.prior_estimator_.return_distribution_.mu, rtol=1e-9)
    assert_allclose(posterior.mean, oracle.return_distribution_.mu, rtol=1e-9)
    assert_allclose(posterior.covariance, oracle.return_distribution_.covariance, rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(market=markets, data=st.data())
def test_views_held_for_certain_are_met(market, data):
    seed, assets = market
    prior, covariance = some_market(seed, assets)
    view = some_views(seed, assets, data.draw(st.integers(1, assets)), scale=1e-9)

    posterior = views.posterior(prior, covariance, view, tau=TAU)

    # As far as they are certain: what is missed is a share of the error over the prior's own.
    own = np.linalg.eigvalsh(view.picks @ covariance @ view.picks.T)[0] * TAU
    missed = np.abs(view.picks @ posterior.mean - view.returns).max()
    surprise = np.linalg.norm(view.returns - view.picks @ prior)
    assert missed <= view.variance.max() / own * surprise + 1e-12


@settings(max_examples=40, deadline=None)
@given(market=markets, count=st.integers(1, 6))
def test_views_worth_nothing_leave_the_prior(market, count):
    seed, assets = market
    prior, covariance = some_market(seed, assets)
    view = some_views(seed, assets, count, scale=1e12)

    posterior = views.posterior(prior, covariance, view, tau=TAU)

    assert_allclose(posterior.mean, prior, rtol=1e-6, atol=1e-10)
    assert_allclose(posterior.covariance, (1 + TAU) * covariance, rtol=1e-7, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(market=markets, variance=st.floats(1e-9, 1e-2))
def test_one_view_lands_between_prior_and_itself_in_proportion_to_their_variances(market, variance):
    seed, assets = market
    prior, covariance = some_market(seed, assets)
    error = np.full(assets, np.inf)
    error[0] = variance

    mean = views.posterior(prior, covariance, Views.absolute(prior + 0.001, error), tau=TAU).mean

    own = TAU * covariance[0, 0]
    assert mean[0] - prior[0] == pytest.approx(0.001 * own / (own + variance), rel=1e-9, abs=1e-15)
    # The others follow as far as they go with it.
    assert_allclose(mean - prior, (mean[0] - prior[0]) * covariance[:, 0] / covariance[0, 0], rtol=1e-9, atol=1e-15)


@settings(max_examples=40, deadline=None)
@given(market=markets, count=st.integers(0, 15), scale=st.sampled_from([1e-9, 1.0, 1e6]))
def test_what_the_mean_may_miss_adds_to_the_risk_and_views_only_take_from_it(market, count, scale):
    seed, assets = market
    prior, covariance = some_market(seed, assets)

    after = views.posterior(prior, covariance, some_views(seed, assets, count, scale=scale), tau=TAU).covariance

    rounding = 1e-12 * np.trace(covariance)
    assert_array_equal(after, after.T)
    assert np.linalg.eigvalsh(after - covariance)[0] >= -rounding
    assert np.linalg.eigvalsh((1 + TAU) * covariance - after)[0] >= -rounding


@settings(max_examples=40, deadline=None)
@given(market=markets, unit=st.floats(1e-3, 1e3))
def test_neither_the_order_of_assets_and_views_nor_the_unit_matters(market, unit):
    seed, assets = market
    prior, covariance = some_market(seed, assets)
    view = some_views(seed, assets, 3)
    rng = np.random.default_rng(seed)
    order, rows = rng.permutation(assets), rng.permutation(3)

    plain = views.posterior(prior, covariance, view, tau=TAU)
    other = views.posterior(
        unit * prior[order],
        unit**2 * covariance[np.ix_(order, order)],
        Views(view.picks[rows][:, order], unit * view.returns[rows], unit**2 * view.variance[rows]),
        tau=TAU,
    )

    assert_allclose(other.mean, unit * plain.mean[order], rtol=1e-7, atol=1e-10 * unit)
    assert_allclose(other.covariance, unit**2 * plain.covariance[np.ix_(order, order)], rtol=1e-8, atol=1e-12 * unit**2)


@settings(max_examples=40, deadline=None)
@given(markets)
def test_views_told_one_after_the_other_come_to_what_they_do_at_once(market):
    seed, assets = market
    prior, covariance = some_market(seed, assets)
    view = some_views(seed, assets, 2)
    first, second = (Views(view.picks[[i]], view.returns[[i]], view.variance[[i]]) for i in range(2))

    at_once = views.posterior(prior, covariance, view, tau=TAU)

    # The mean's error after the first view is the covariance that the second one meets.
    halfway = views.posterior(prior, covariance, first, tau=TAU)
    left = halfway.covariance - covariance
    after = views.posterior(halfway.mean, left, second, tau=1.0)
    assert_allclose(after.mean, at_once.mean, rtol=1e-6, atol=1e-10)
    assert_allclose(after.covariance - left, at_once.covariance - covariance, rtol=1e-6, atol=1e-12)


def test_without_views_the_prior_stands():
    prior, covariance = some_market(0, 4)
    nothing = Views.absolute(np.full(4, np.nan), np.full(4, np.inf))

    posterior = views.posterior(prior, covariance, nothing, tau=TAU)

    assert nothing.picks.shape == (0, 4)
    assert_array_equal(posterior.mean, prior)
    assert_allclose(posterior.covariance, (1 + TAU) * covariance, rtol=1e-15)


def test_a_singular_covariance_will_do():
    returns = np.random.default_rng(1).normal(0.0, 0.01, (10, 30))
    covariance = moments.sample_covariance(returns)

    posterior = views.posterior(returns.mean(axis=0), covariance, some_views(1, 30, 30), tau=1 / 10)

    assert np.isfinite(posterior.mean).all()
    assert nearest_psd(posterior.covariance).moved == 0.0


# --- Reverse optimisation


@settings(max_examples=40, deadline=None)
@given(market=markets, risk_aversion=st.floats(0.1, 20.0))
def test_weights_are_the_best_answer_to_the_returns_they_imply(market, risk_aversion):
    seed, assets = market
    _, covariance = some_market(seed, assets)
    weights = np.random.default_rng(seed).dirichlet(np.ones(assets))

    implied = views.implied_returns(weights, covariance, risk_aversion=risk_aversion)

    # First-order condition of w'mu - risk_aversion / 2 w'Sigma w.
    assert_allclose(np.linalg.solve(risk_aversion * covariance, implied), weights, rtol=1e-8, atol=1e-10)


def test_implied_returns_are_pypfopts():
    covariance = moments.sample_covariance(real_returns())
    value = pd.Series([500.0, 250.0, 200.0, 250.0])

    implied = views.implied_returns((value / value.sum()).to_numpy(), covariance, risk_aversion=2.0)

    oracle = pypfopt.market_implied_prior_returns(value, 2.0, pd.DataFrame(covariance))
    assert_allclose(implied, oracle, rtol=1e-12)


def test_the_risk_aversion_of_a_sharpe_ratio_implies_that_ratio():
    covariance, weights = moments.sample_covariance(real_returns()), np.array([0.4, 0.3, 0.2, 0.1])
    sharpe = 0.5 / np.sqrt(252)

    risk_aversion = views.implied_risk_aversion(weights, covariance, sharpe=sharpe)

    implied = views.implied_returns(weights, covariance, risk_aversion=risk_aversion)
    assert implied @ weights / np.sqrt(weights @ covariance @ weights) == pytest.approx(sharpe, rel=1e-12)


# --- What is refused


def test_a_view_on_one_asset_each_leaves_out_those_without():
    view = Views.absolute(np.array([0.001, np.nan, -0.002]), np.array([1e-6, np.inf, 2e-6]))

    assert_array_equal(view.picks, [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert_array_equal(view.returns, [0.001, -0.002])
    assert_array_equal(view.variance, [1e-6, 2e-6])


@pytest.mark.parametrize(
    ("expected", "variance", "message"),
    [
        ([0.1, 0.2], [1.0], r"expected, variance: expected the same shape \(N,\), got \(2,\) and \(1,\)"),
        ([np.nan, np.inf], [np.inf, 1.0], "expected: expected finite returns where there is a view, got inf in row 1"),
        ([0.1, 0.2], [1.0, np.nan], "variance: expected above 0, got nan in row 1"),
        ([0.1, 0.2], [0.0, np.inf], r"variance: expected above 0, got 0\.0 in row 0"),
    ],
)
def test_a_view_on_one_asset_that_is_none_is_refused(expected, variance, message):
    with pytest.raises(QuantError, match=message):
        Views.absolute(np.array(expected), np.array(variance))


@pytest.mark.parametrize(
    ("picks", "returns", "variance", "message"),
    [
        ([1.0, 0.0], [0.1], [1.0], r"picks: expected shape \(K, N\), got \(2,\)"),
        ([[1.0, np.nan]], [0.1], [1.0], "picks: expected finite numbers, got nan in row 0, column 1"),
        ([[1.0, 0.0]], [0.1, 0.2], [1.0], r"returns: expected shape \(1,\), got \(2,\)"),
        ([[1.0, 0.0]], [np.inf], [1.0], "returns: expected finite numbers, got inf in row 0"),
        ([[1.0, 0.0]], [0.1], [1.0, 1.0], r"variance: expected shape \(1,\), got \(2,\)"),
        ([[1.0, 0.0]], [0.1], [0.0], r"variance: expected above 0, got 0\.0 in row 0"),
        ([[1.0, 0.0], [0.0, 0.0]], [0.1, 0.1], [1.0, 1.0], "picks: expected an asset in each view, got zeros only"),
    ],
)  # fmt: skip
def test_views_that_are_none_are_refused(picks, returns, variance, message):
    with pytest.raises(QuantError, match=message):
        Views(np.array(picks), np.array(returns), np.array(variance))


@pytest.mark.parametrize("seed", range(10))
def test_certain_views_that_follow_from_others_are_refused(seed):
    prior, covariance = some_market(seed, 3)
    picks = np.random.default_rng(seed).normal(size=(3, 3))
    picks[2] = picks[0] - 0.7 * picks[1]

    with pytest.raises(QuantError, match="views: expected an error that keeps each of the 3 apart"):
        views.posterior(prior, covariance, Views(picks, np.array([0.01, -0.01, 0.02]), np.full(3, 1e-30)), tau=TAU)


def test_views_of_very_different_certainty_each_count_for_what_they_are():
    prior, covariance = some_market(2, 3)
    expected = np.array([0.002, -0.001, 0.003])

    posterior = views.posterior(prior, covariance, Views.absolute(expected, np.array([1e-20, 1e12, 1e-20])), tau=TAU)

    assert_allclose(posterior.mean[[0, 2]], expected[[0, 2]], rtol=1e-9)
    told = np.linalg.solve(covariance[np.ix_([0, 2], [0, 2])], (expected - prior)[[0, 2]])
    assert posterior.mean[1] == pytest.approx(prior[1] + covariance[1, [0, 2]] @ told, rel=1e-9)


def test_moments_that_do_not_fit_are_refused():
    prior, covariance = some_market(3, 3)
    view = some_views(3, 3, 1)

    with pytest.raises(QuantError, match=r"covariance: expected shape \(3, 3\), got \(2, 2\)"):
        views.posterior(prior, covariance[:2, :2], view, tau=TAU)
    with pytest.raises(QuantError, match=r"prior: expected shape \(N,\), got \(3, 1\)"):
        views.posterior(prior[:, None], covariance, view, tau=TAU)
    with pytest.raises(QuantError, match="prior: expected finite numbers, got nan in row 0"):
        views.posterior(np.array([np.nan, 0.0, 0.0]), covariance, view, tau=TAU)
    with pytest.raises(QuantError, match=r"views: expected picks of shape \(K, 3\), got \(1, 4\)"):
        views.posterior(prior, covariance, some_views(3, 4, 1), tau=TAU)
    with pytest.raises(QuantError, match=r"weights: expected shape \(N,\), got \(\)"):
        views.implied_returns(np.float64(1.0), covariance, risk_aversion=1.0)


@pytest.mark.parametrize("value", [0.0, -1.0, np.inf, np.nan])
def test_scales_that_are_none_are_refused(value):
    prior, covariance = some_market(4, 3)

    with pytest.raises(QuantError, match=f"tau: expected above 0, got {value}"):
        views.posterior(prior, covariance, some_views(4, 3, 1), tau=value)
    with pytest.raises(QuantError, match=f"risk_aversion: expected above 0, got {value}"):
        views.implied_returns(np.full(3, 1 / 3), covariance, risk_aversion=value)


def test_a_sharpe_ratio_that_no_risk_aversion_gives_is_refused():
    _, covariance = some_market(5, 3)

    with pytest.raises(QuantError, match="weights: expected a portfolio with a variance above 0, got one of 0"):
        views.implied_risk_aversion(np.zeros(3), covariance, sharpe=0.1)
    with pytest.raises(QuantError, match="sharpe: expected a finite number, got nan"):
        views.implied_risk_aversion(np.full(3, 1 / 3), covariance, sharpe=np.nan)
