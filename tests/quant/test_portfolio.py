"""Allocations: the constraints always, the optimum against an independent optimiser, units that don't matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from shared_data import sample_bars
from sklearn.covariance import LedoitWolf

from quant import portfolio
from quant.bars import log_returns
from quant.errors import Infeasible, QuantError, TooShort

BOUND = 1e-9


def factor_returns(seed: int, assets: int, sessions: int = 300) -> np.ndarray:
    rng = np.random.default_rng(seed)
    market = rng.normal(0.0004, 0.01, (sessions, 1))
    own = rng.normal(0.0, rng.uniform(0.005, 0.02, assets), (sessions, assets))
    return market * rng.uniform(0.5, 1.5, assets) + own + rng.normal(0.0002, 0.0002, assets)


def real_returns() -> np.ndarray:
    columns = [log_returns(sample_bars(ticker).through(np.datetime64("2013-03-01"))[-504:]) for ticker in
               ("AAPL", "GOOG", "IBM", "MSFT")]  # fmt: skip
    return np.column_stack(columns)[1:]


@pytest.mark.parametrize("returns", [factor_returns(0, 5), factor_returns(1, 80, 60), real_returns()])
def test_ledoit_wolf_is_scikit_learns(returns):
    covariance, shrinkage = portfolio.ledoit_wolf(returns)

    oracle = LedoitWolf().fit(returns)
    assert_allclose(covariance, oracle.covariance_, rtol=1e-12, atol=1e-12 * oracle.covariance_.max())
    assert shrinkage == pytest.approx(oracle.shrinkage_, rel=1e-12)


instances = st.tuples(st.integers(0, 10_000), st.integers(2, 12), st.sampled_from([1.0, 0.6]))


@settings(max_examples=40, deadline=None)
@given(instances)
def test_weights_sum_to_one_within_their_bounds(instance):
    seed, assets, upper = instance
    returns = factor_returns(seed, assets)
    covariance, _ = portfolio.ledoit_wolf(returns)
    mean = np.maximum(returns.mean(axis=0), 1e-6)

    for weights in (
        portfolio.minimum_variance(covariance, upper=upper),
        portfolio.maximum_sharpe(mean, covariance, upper=upper),
    ):
        assert abs(weights.sum() - 1.0) <= BOUND
        assert weights.min() >= 0.0
        assert weights.max() <= upper + BOUND


@settings(max_examples=15, deadline=None)
@given(instances)
def test_no_feasible_step_lowers_the_variance(instance):
    seed, assets, upper = instance
    covariance, _ = portfolio.ledoit_wolf(factor_returns(seed, assets))

    weights = portfolio.minimum_variance(covariance, upper=upper)

    scale = np.trace(covariance) / assets
    found = minimize(
        lambda w: w @ covariance @ w / scale,
        portfolio.equal_weight(assets),
        jac=lambda w: 2 * covariance @ w / scale,
        bounds=[(0.0, upper)] * assets,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert weights @ covariance @ weights / scale <= found.fun + 1e-8


@settings(max_examples=15, deadline=None)
@given(instances)
def test_no_other_allocation_has_a_higher_sharpe_ratio(instance):
    seed, assets, upper = instance
    returns = factor_returns(seed, assets)
    covariance, _ = portfolio.ledoit_wolf(returns)
    mean = returns.mean(axis=0) + 0.002
    rng = np.random.default_rng(seed)

    weights = portfolio.maximum_sharpe(mean, covariance, upper=upper)

    best = mean @ weights / np.sqrt(weights @ covariance @ weights)
    for _ in range(200):
        other = rng.dirichlet(np.ones(assets))
        if other.max() <= upper:
            assert mean @ other / np.sqrt(other @ covariance @ other) <= best * (1 + 1e-7)
        near = np.clip(weights + 1e-3 * rng.normal(size=assets), 0.0, upper)
        near /= near.sum()
        if near.max() <= upper:
            assert mean @ near / np.sqrt(near @ covariance @ near) <= best * (1 + 1e-7)


@settings(max_examples=20, deadline=None)
@given(instances, st.floats(1e-4, 1e4))
def test_neither_the_assets_order_nor_the_unit_matters(instance, unit):
    seed, assets, _ = instance
    returns = factor_returns(seed, assets)
    covariance, _ = portfolio.ledoit_wolf(returns)
    mean = returns.mean(axis=0) + 0.002
    order = np.random.default_rng(seed).permutation(assets)

    plain = portfolio.maximum_sharpe(mean, covariance)
    other = portfolio.maximum_sharpe(unit * mean[order], unit**2 * covariance[np.ix_(order, order)])

    assert_allclose(other, plain[order], atol=1e-5)


def test_a_singular_covariance_still_has_a_minimum():
    returns = factor_returns(3, 40, sessions=20)

    covariance = np.cov(returns.T)

    weights = portfolio.minimum_variance(covariance)

    # Karush-Kuhn-Tucker: what is held has equal marginal variance, nothing left out has less.
    variance, marginal = weights @ covariance @ weights, covariance @ weights
    assert weights.sum() == pytest.approx(1.0)
    assert_allclose(marginal[weights > 1e-6], variance, rtol=1e-4)
    assert marginal.min() >= variance * (1 - 1e-4)


def test_a_singular_covariance_still_has_a_greatest_sharpe_ratio():
    returns = factor_returns(4, 40, sessions=20)
    covariance, mean = np.cov(returns.T), np.linspace(0.0001, 0.002, 40)
    covariance[0] = covariance[:, 0] = 0.0
    covariance += 1e-4  # an asset that only the common risk moves, so that nothing is free of it

    weights = portfolio.maximum_sharpe(mean, covariance)

    # Karush-Kuhn-Tucker: held assets earn alike for the risk they add, nothing left out earns more.
    earned = mean @ weights / (weights @ covariance @ weights) * (covariance @ weights)
    assert weights.sum() == pytest.approx(1.0)
    assert_allclose(mean[weights > 1e-5], earned[weights > 1e-5], rtol=1e-3)
    assert (mean <= earned * (1 + 1e-3) + 1e-9).all()


def test_two_uncorrelated_assets_are_held_in_inverse_proportion_to_variance():
    assert_allclose(portfolio.minimum_variance(np.diag([1.0, 3.0])), [0.75, 0.25], atol=1e-8)
    assert_allclose(portfolio.maximum_sharpe(np.array([1.0, 3.0]), np.diag([1.0, 3.0])), [0.5, 0.5], atol=1e-7)


def test_nothing_worth_holding_is_said():
    with pytest.raises(Infeasible, match=r"an allocation that earns above 0, the best one earns -0\.001"):
        portfolio.maximum_sharpe(np.array([-0.001, -0.002]), np.eye(2))


def test_a_bound_that_forces_losers_in_is_said_before_the_solver_is_asked():
    with pytest.raises(Infeasible, match=r"the best one earns -0\.5996"):
        portfolio.maximum_sharpe(np.array([0.001, -1.0, -1.0]), np.eye(3), upper=0.4)


def test_a_bound_too_low_for_the_number_of_assets_is_refused():
    with pytest.raises(Infeasible, match=r"upper: expected at least 1/3 .* got 0\.3"):
        portfolio.minimum_variance(np.eye(3), upper=0.3)


def test_a_bound_that_is_not_a_number_is_refused():
    with pytest.raises(Infeasible, match=r"upper: expected at least 1/3 .* got nan"):
        portfolio.minimum_variance(np.eye(3), upper=float("nan"))


def test_a_lopsided_matrix_is_refused():
    with pytest.raises(QuantError, match=r"expected a symmetric matrix, got one 0\.5 away"):
        portfolio.minimum_variance(np.array([[1.0, 0.5], [0.0, 1.0]]))


def test_a_matrix_that_is_none_is_refused():
    with pytest.raises(QuantError, match="covariance: expected a finite square matrix"):
        portfolio.minimum_variance(np.array([[1.0, np.nan], [np.nan, 1.0]]))
    with pytest.raises(TooShort, match="at least 2 sessions, got 1"):
        portfolio.ledoit_wolf(np.ones((1, 3)))


def test_risk_contributions_sum_to_one_and_correlations_have_a_unit_diagonal():
    covariance, _ = portfolio.ledoit_wolf(real_returns())
    weights = portfolio.minimum_variance(covariance)

    shares = portfolio.risk_contributions(weights, covariance)

    # At minimum variance every held asset contributes in proportion to its weight.
    held = weights > 1e-6
    assert_allclose(shares[held], weights[held], atol=1e-6)
    assert_allclose(np.diag(portfolio.correlation(covariance)), 1.0)
    assert np.abs(portfolio.correlation(covariance)).max() <= 1.0


def test_means_shrink_towards_each_other_and_noise_shrinks_nearly_all_the_way():
    returns = np.random.default_rng(5).normal(0.0, 0.01, (504, 6))

    shrunk = portfolio.shrunk_mean(returns)

    assert np.ptp(shrunk) < 0.6 * np.ptp(returns.mean(axis=0))


def test_too_few_sessions_tell_no_assets_mean_from_another():
    returns = factor_returns(6, 10, sessions=12)

    assert_allclose(portfolio.shrunk_mean(returns), returns.mean())
