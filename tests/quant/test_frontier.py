"""The efficient frontier: exact at both ends, and bent the way it has to be in between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from portfolio_instances import REGULAR, Instance, Kind, factor_returns, instance, miss
from skfolio.datasets import load_sp500_dataset

from quant.conflicts import highest_return
from quant.constraints import INFINITY, Constraints, long_only
from quant.errors import Infeasible, QuantError
from quant.frontier import Frontier, efficient_frontier
from quant.moments import factor_model
from quant.portfolio import maximum_sharpe

BOUND = 1e-9

seeds, sizes = st.integers(0, 10_000), st.integers(3, 10)
# Of an optimum that may be 0: how far a variance of that size is reached, as a share of what assets have.
NOTHING = 1e-10


def frontier_of(given: Instance, points: int = 50) -> Frontier:
    return efficient_frontier(given.expected_return, given.covariance, given.constraints, points=points)


def above_the_least(weights: np.ndarray, given: Instance) -> float:
    """How far a variance may be above the least one: w' C w - v' C w for the v that makes most of it.

    By convexity no variance is further below; twice that is the gap of Frank and Wolfe (1956).
    """
    gradient = given.covariance @ weights
    return 2 * (float(weights @ gradient) + highest_return(-gradient, given.constraints))


@settings(max_examples=25, deadline=None)
@given(st.builds(instance, st.sampled_from(Kind), sizes, seeds))
def test_both_ends_are_exact(given: Instance):
    frontier = frontier_of(given)

    least = frontier.volatility[0] ** 2
    unit = np.abs(given.expected_return).max()
    assert len(frontier.weights) >= 50
    assert above_the_least(frontier.weights[0], given) <= BOUND * least + NOTHING * given.deviation**2
    highest = highest_return(given.expected_return, given.constraints)
    assert frontier.expected_return[-1] == pytest.approx(highest, abs=BOUND * unit)


@settings(max_examples=25, deadline=None)
@given(st.builds(instance, st.sampled_from(REGULAR), sizes, seeds))
def test_the_least_variance_is_exact_in_its_own_measure(given: Instance):
    frontier = frontier_of(given, points=2)

    assert above_the_least(frontier.weights[0], given) <= BOUND * frontier.volatility[0] ** 2


@settings(max_examples=25, deadline=None)
@given(st.builds(instance, st.sampled_from(Kind), sizes, seeds))
def test_every_point_keeps_to_the_constraints_and_earns_and_risks_what_it_says(given: Instance):
    frontier = frontier_of(given)

    for weights, earned, volatility in zip(
        frontier.weights, frontier.expected_return, frontier.volatility, strict=True
    ):
        assert miss(weights, given.constraints) <= BOUND
        assert earned == pytest.approx(given.expected_return @ weights, rel=1e-12)
        # never falls, which rounding alone would not have it do
        assert volatility == pytest.approx(
            np.sqrt(max(weights @ given.covariance @ weights, 0.0)), rel=1e-7, abs=1e-5 * given.deviation
        )


@settings(max_examples=25, deadline=None)
@given(st.builds(instance, st.sampled_from(Kind), sizes, seeds))
def test_more_is_only_earned_at_more_risk_and_ever_more_of_it(given: Instance):
    frontier = frontier_of(given)

    unit = np.abs(given.expected_return).max()
    earned, risk = frontier.expected_return / unit, frontier.volatility / given.deviation
    assert np.all(np.diff(earned) >= -BOUND)
    assert np.all(np.diff(risk) >= 0)
    # The volatility is convex in the return, which makes the return concave in the volatility. By cross products: the
    # chords' slopes would have to be divided by what is nearly 0.
    steps, climbs = np.diff(earned), np.diff(risk)
    tolerance = 1e-5 if frontier.volatility[0] < 1e-4 * given.deviation else 1e-7
    assert np.all(climbs[1:] * steps[:-1] - climbs[:-1] * steps[1:] >= -tolerance * max(steps.max(), BOUND))


@settings(max_examples=10, deadline=None)
@given(sizes, seeds)
def test_no_point_has_a_greater_ratio_than_the_greatest(assets: int, seed: int):
    given = instance(Kind.FACTORS, assets, seed)
    best = maximum_sharpe(given.expected_return, given.covariance, given.constraints)

    frontier = frontier_of(given, points=200)

    unit = np.abs(given.expected_return).max()
    earned, risk = frontier.expected_return / unit, frontier.volatility / given.deviation
    at, risked = given.expected_return @ best / unit, np.sqrt(best @ given.covariance @ best) / given.deviation
    assert (earned / risk).max() <= at / risked * (1 + BOUND)
    # Nor is the greatest one's risk less than the points have it: where the volatility is convex in the return, a chord
    # that is drawn on beyond its points lies below it. By cross products, and as exactly as a volatility is, as above.
    steps, climbs = np.diff(earned), np.diff(risk)
    within = int(np.searchsorted(earned, at, side="right")) - 1
    for chord in {within - 1, within + 1} & set(range(len(steps))):
        rise = climbs[chord] * (at - earned[chord])
        assert rise <= (risked - risk[chord]) * steps[chord] + 1e-5 * steps.max()


def test_the_frontier_of_real_stocks():
    returns = load_sp500_dataset().pct_change().to_numpy()[-504:]
    mean, covariance = returns.mean(axis=0), np.cov(returns.T)

    frontier = efficient_frontier(mean, covariance)

    assert frontier.weights.shape == (50, 20)
    assert frontier.expected_return[-1] == pytest.approx(mean.max(), rel=1e-9)
    assert_allclose(frontier.weights[-1], np.eye(20)[mean.argmax()], atol=1e-8)
    assert_allclose(np.diff(frontier.expected_return), np.diff(frontier.expected_return).mean(), rtol=1e-6)
    assert np.all(np.diff(frontier.volatility) > 0)


def test_two_assets_by_hand():
    # w of the first: variance w^2 0.04 + (1 - w)^2 0.01, least at w = 0.2
    mean, covariance = np.array([0.2, 0.1]), np.diag([0.04, 0.01])

    frontier = efficient_frontier(mean, covariance, points=51)

    share = np.linspace(0.2, 1.0, 51)
    assert_allclose(frontier.weights, np.column_stack([share, 1 - share]), atol=1e-7)
    assert_allclose(frontier.volatility, np.sqrt(0.04 * share**2 + 0.01 * (1 - share) ** 2), rtol=1e-7)


@pytest.mark.parametrize("earned", [0.0, 0.1, -0.1])
def test_where_all_earn_the_same_all_points_are_the_calmest(earned: float):
    frontier = efficient_frontier(np.full(3, earned), np.diag([0.01, 0.02, 0.04]))

    assert_allclose(frontier.weights, np.tile([4 / 7, 2 / 7, 1 / 7], (50, 1)), atol=1e-6)
    assert_allclose(frontier.expected_return, earned, rtol=1e-12)


@pytest.mark.parametrize(("seed", "points"), [(20, 50), (152, 200)])
def test_a_point_at_which_the_solvers_long_steps_turn_in_circles(seed: int, points: int):
    given = instance(Kind.FACTORS, 9, seed)

    frontier = frontier_of(given, points)

    assert len(frontier.weights) == points


def test_a_single_asset_is_all_there_is():
    assert_array_equal(efficient_frontier(np.array([0.1]), np.array([[0.04]])).weights, 1.0)


def test_a_single_factor_that_moves_all_alike():
    frontier = efficient_frontier(np.array([0.1, 0.2, 0.3]), np.ones((3, 3)))

    assert_allclose(frontier.volatility, 1.0, rtol=1e-9)
    assert frontier.expected_return[-1] == pytest.approx(0.3, rel=1e-9)


def test_costs_are_left_out():
    given = instance(Kind.FACTORS, 5, 0)
    dear = replace(given.constraints, held=given.held, cost=np.full(5, 1.0))

    assert_array_equal(
        efficient_frontier(given.expected_return, given.covariance, dear).weights, frontier_of(given).weights
    )


def test_a_factor_models_frontier_is_its_covariances():
    returns = factor_returns(np.random.default_rng(0), 30, 100)
    model, mean = factor_model(returns, factors=5), returns.mean(axis=0)

    ours, whole = efficient_frontier(mean, model), efficient_frontier(mean, model.covariance())

    assert_allclose(ours.volatility, whole.volatility, rtol=1e-7)
    assert_allclose(ours.expected_return, whole.expected_return, rtol=1e-7)


def test_what_has_no_frontier():
    mean, covariance = np.array([0.1, 0.2]), np.diag([0.01, 0.02])

    with pytest.raises(QuantError, match="points: expected at least 2, got 1"):
        efficient_frontier(mean, covariance, points=1)
    with pytest.raises(QuantError, match="upper: expected bounds that limit the expected return"):
        efficient_frontier(mean, covariance, Constraints(lower=np.full(2, -INFINITY), upper=np.full(2, INFINITY)))
    with pytest.raises(Infeasible) as raised:
        efficient_frontier(mean, covariance, long_only(2, upper=0.4))
    assert raised.value.conflicting[0] == "net exposure of 1"
    with pytest.raises(QuantError, match=r"expected_return: expected a finite \(2,\) array"):
        efficient_frontier(np.array([0.1, np.nan]), covariance)
    with pytest.raises(QuantError, match=r"expected_return: expected a finite \(2,\) array"):
        efficient_frontier(np.ones(3), covariance)
