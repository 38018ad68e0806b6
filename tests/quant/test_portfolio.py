"""Allocations: constraints always kept, optima that nothing beats, and answers that know no order and no unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from portfolio_instances import REGULAR, Instance, Kind, costs, factor_returns, instance, miss, permuted

from quant import portfolio
from quant.constraints import Constraints, Group, long_only
from quant.errors import Infeasible, QuantError
from quant.moments import factor_model
from quant.problem import variance
from quant.program import Program
from quant.risk import risk_contributions

BOUND = 1e-9
SAME = 1e-6
# Budgets of risk where a bound binds: a barrier's optimum is so flat that the solver stops this far from it.
SAME_BEHIND_A_BARRIER = 1e-5
AVERSION = 4.0

Solve = Callable[[Instance], np.ndarray]


def minimum_variance(given: Instance) -> np.ndarray:
    return portfolio.minimum_variance(given.covariance, given.constraints)


def least_variance_for_a_return(given: Instance) -> np.ndarray:
    earned = float(given.expected_return @ given.held) - costs(given.held, given.constraints)
    return portfolio.minimum_variance(
        given.covariance, given.constraints, expected_return=given.expected_return, at_least=0.9 * earned
    )


def maximum_sharpe(given: Instance) -> np.ndarray:
    return portfolio.maximum_sharpe(given.expected_return, given.covariance, given.constraints)


def maximum_utility(given: Instance) -> np.ndarray:
    # An aversion is per return: of variances of 1e-24, nothing is seen with one of 4.
    aversion = AVERSION / given.deviation
    return portfolio.maximum_utility(given.expected_return, given.covariance, given.constraints, risk_aversion=aversion)


def target_volatility(given: Instance) -> np.ndarray:
    allowed = np.sqrt(variance(given.held, given.covariance)) + 0.01 * given.deviation
    return portfolio.target_volatility(
        given.expected_return, given.covariance, given.constraints, volatility=float(allowed)
    )


def risk_budgeting(given: Instance) -> np.ndarray:
    return portfolio.risk_budgeting(given.covariance, given.constraints)


MEAN_VARIANCE = (
    minimum_variance,
    least_variance_for_a_return,
    maximum_sharpe,
    maximum_utility,
    target_volatility,
)
by_mean_and_variance = pytest.mark.parametrize("solve", MEAN_VARIANCE, ids=lambda solve: solve.__name__)
by_any = pytest.mark.parametrize("solve", [*MEAN_VARIANCE, risk_budgeting], ids=lambda solve: solve.__name__)

seeds, sizes = st.integers(0, 10_000), st.integers(3, 12)
instances = st.builds(instance, st.sampled_from(Kind), sizes, seeds)
regular_instances = st.builds(instance, st.sampled_from(REGULAR), sizes, seeds)


def with_costs(given: Instance, seed: int) -> Instance:
    """The instance with a cost of trading each asset, of the size of what it is expected to earn."""
    cost = np.random.default_rng(seed).uniform(0.0, 0.3, len(given.held)) * np.abs(given.expected_return).max()
    return replace(given, constraints=replace(given.constraints, held=given.held, cost=cost))


def feasible_points(given: Instance, seed: int, count: int = 50) -> list[np.ndarray]:
    """Weights within the constraints: from those held some way, as far as it is allowed, in random directions."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        other = rng.normal(1.0 / len(given.held), 0.3, len(given.held))
        direction = (other - other.sum() / len(other)) * (rng.random(len(other)) < 0.5)
        direction -= direction.mean()
        step = 1.0
        while miss(given.held + step * direction, given.constraints) > 1e-12:
            step /= 2
        found.append(given.held + step * direction)
    return found


# --- constraints ------------------------------------------------------------------------------------------------------


@by_any
@settings(max_examples=40, deadline=None)
@given(instances)
def test_weights_keep_to_every_constraint(solve: Solve, given: Instance):
    weights = solve(given)

    assert miss(weights, given.constraints) <= BOUND


@by_mean_and_variance
@settings(max_examples=20, deadline=None)
@given(instances, seeds)
def test_weights_keep_to_every_constraint_where_trading_costs(solve: Solve, given: Instance, seed: int):
    given = with_costs(given, seed)
    earned = float(given.expected_return @ given.held)

    weights = solve(given)

    assert miss(weights, given.constraints) <= BOUND
    if solve is least_variance_for_a_return:
        net = float(given.expected_return @ weights) - costs(weights, given.constraints)
        assert net >= 0.9 * earned - BOUND * np.abs(given.expected_return).max()


@by_any
@settings(max_examples=15, deadline=None)
@given(st.sampled_from(REGULAR), sizes, seeds)
def test_what_is_closed_gets_nothing_at_all(solve: Solve, kind: Kind, assets: int, seed: int):
    given = instance(kind, assets + 2, seed)
    shut = np.arange(assets + 2) < 2
    given = replace(given, constraints=replace(
        long_only(assets + 2), lower=np.zeros(assets + 2), upper=np.where(shut, 0.0, 1.0)
    ), held=np.where(shut, 0.0, 1.0 / assets), expected_return=np.abs(given.expected_return))  # fmt: skip

    weights = solve(given)

    assert_array_equal(weights[shut], 0.0)
    assert miss(weights, given.constraints) <= BOUND


@pytest.mark.parametrize("assets", [5, 20, 100])
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("solve", [minimum_variance, maximum_sharpe], ids=lambda solve: solve.__name__)
def test_no_instance_fails(solve: Solve, kind: Kind, assets: int):
    for seed in range(2 if assets == 100 else 10):
        given = instance(kind, assets, 1_000 + seed)

        weights = solve(given)

        assert miss(weights, given.constraints) <= BOUND


@settings(max_examples=20, deadline=None)
@given(sizes, seeds)
def test_what_is_not_invested_is_cash_where_the_net_exposure_may_vary(assets: int, seed: int):
    given = instance(Kind.FACTORS, assets, seed)
    may_hold_cash = replace(long_only(assets), net=(0.0, 1.0))
    calm = 0.2 * np.sqrt(variance(minimum_variance(given), given.covariance))

    least = portfolio.minimum_variance(given.covariance, may_hold_cash)
    target = portfolio.target_volatility(given.expected_return, given.covariance, may_hold_cash, volatility=calm)

    assert_allclose(least, 0.0, atol=1e-5)
    assert np.sqrt(variance(target, given.covariance)) == pytest.approx(calm, rel=SAME)
    assert target.sum() < 1.0
    assert miss(target, may_hold_cash) <= BOUND


# --- neither order nor unit -------------------------------------------------------------------------------------------


@by_any
@settings(max_examples=15, deadline=None)
@given(regular_instances, seeds)
def test_the_order_of_the_assets_does_not_matter(solve: Solve, given: Instance, seed: int):
    order = np.random.default_rng(seed).permutation(len(given.held))
    reordered = Instance(
        given.kind,
        given.expected_return[order],
        given.covariance[np.ix_(order, order)],
        permuted(given.constraints, order),
        given.held[order],
    )

    weights, other = solve(given), solve(reordered)

    assert_allclose(other, weights[order], atol=SAME_BEHIND_A_BARRIER if solve is risk_budgeting else SAME)


@by_mean_and_variance
@settings(max_examples=15, deadline=None)
@given(regular_instances, st.sampled_from([1e-5, 0.01, 12.0, 1e6]), seeds)
def test_the_unit_does_not_matter(solve: Solve, given: Instance, unit: float, seed: int):
    given = with_costs(given, seed)
    cost = given.constraints.cost
    assert cost is not None
    other_unit = replace(
        given,
        expected_return=unit * given.expected_return,
        covariance=unit**2 * given.covariance,
        constraints=replace(given.constraints, cost=unit * cost),
    )

    weights, other = solve(given), solve(other_unit)

    assert_allclose(other, weights, atol=SAME)


@settings(max_examples=15, deadline=None)
@given(regular_instances, st.sampled_from([1e-10, 252.0, 1e12]))
def test_the_unit_does_not_matter_to_budgets_of_risk(given: Instance, unit: float):
    other_unit = replace(given, covariance=unit * given.covariance)

    assert_allclose(risk_budgeting(other_unit), risk_budgeting(given), atol=SAME_BEHIND_A_BARRIER)
    assert_allclose(
        portfolio.risk_budgeting(other_unit.covariance), portfolio.risk_budgeting(given.covariance), atol=BOUND
    )


@settings(max_examples=15, deadline=None)
@given(sizes, seeds, st.floats(0.1, 5.0))
def test_a_book_of_another_size_is_the_same_book(assets: int, seed: int, size: float):
    given = instance(Kind.FACTORS, assets, seed)
    one = long_only(assets, upper=0.5)
    other = Constraints(lower=size * one.lower, upper=size * one.upper, net=(size, size))
    mean = np.abs(given.expected_return)

    for solve in (
        lambda constraints: portfolio.maximum_sharpe(mean, given.covariance, constraints),
        lambda constraints: portfolio.risk_budgeting(given.covariance, constraints),
    ):
        assert_allclose(solve(other), size * solve(one), atol=SAME_BEHIND_A_BARRIER * size)


@by_any
@settings(max_examples=10, deadline=None)
@given(st.integers(6, 30), seeds)
def test_a_factor_model_gives_what_its_covariance_gives(solve: Solve, assets: int, seed: int):
    rng = np.random.default_rng(seed)
    returns = factor_returns(rng, assets, 100)
    model = factor_model(returns, factors=4)
    given = replace(
        instance(Kind.FACTORS, assets, seed),
        expected_return=np.abs(returns.mean(axis=0)),
        covariance=model.covariance(),
        constraints=long_only(assets, upper=0.4),
        held=np.full(assets, 1.0 / assets),
    )

    whole = solve(given)
    by_factors = {
        minimum_variance: lambda: portfolio.minimum_variance(model, given.constraints),
        least_variance_for_a_return: lambda: portfolio.minimum_variance(
            model,
            given.constraints,
            expected_return=given.expected_return,
            at_least=0.9 * float(given.expected_return @ given.held),
        ),
        maximum_sharpe: lambda: portfolio.maximum_sharpe(given.expected_return, model, given.constraints),
        maximum_utility: lambda: portfolio.maximum_utility(
            given.expected_return, model, given.constraints, risk_aversion=AVERSION / given.deviation
        ),
        target_volatility: lambda: portfolio.target_volatility(
            given.expected_return,
            model,
            given.constraints,
            volatility=float(np.sqrt(variance(given.held, model))) + 0.01 * given.deviation,
        ),
        risk_budgeting: lambda: portfolio.risk_budgeting(model, given.constraints),
    }[solve]()

    assert_allclose(by_factors, whole, atol=SAME_BEHIND_A_BARRIER if solve is risk_budgeting else SAME)
    assert variance(whole, model) == pytest.approx(variance(whole, given.covariance))


# --- nothing within the constraints is better -------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(instances, seeds)
def test_no_allocation_within_the_constraints_is_better(given: Instance, seed: int):
    given = with_costs(given, seed)
    least, ratio, useful = minimum_variance(given), maximum_sharpe(given), maximum_utility(given)
    aversion = AVERSION / given.deviation
    unit = np.abs(given.expected_return).max()

    def net(weights: np.ndarray) -> float:
        return float(given.expected_return @ weights) - costs(weights, given.constraints)

    def utility(weights: np.ndarray) -> float:
        return net(weights) - aversion / 2 * variance(weights, given.covariance)

    for point in [given.held, *feasible_points(given, seed)]:
        risk = variance(point, given.covariance)
        assert variance(least, given.covariance) <= risk * (1 + BOUND) + BOUND * given.deviation**2
        assert utility(useful) >= utility(point) - BOUND * (unit + given.deviation)
        if given.kind is not Kind.CONSTANT and net(point) > 0:
            # net / deviation, without dividing by the deviation of what hardly moves
            slack = 1e-6 * unit * given.deviation
            assert net(ratio) * np.sqrt(risk) >= net(point) * np.sqrt(variance(ratio, given.covariance)) - slack


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(REGULAR), sizes, seeds)
def test_at_its_volatility_no_allocation_earns_more(kind: Kind, assets: int, seed: int):
    given = instance(kind, assets, seed)

    weights = target_volatility(given)

    allowed = np.sqrt(variance(given.held, given.covariance)) + 0.01 * given.deviation
    assert np.sqrt(variance(weights, given.covariance)) <= allowed * (1 + BOUND)
    for point in [given.held, *feasible_points(given, seed)]:
        if np.sqrt(variance(point, given.covariance)) <= allowed:
            earned = float(given.expected_return @ weights)
            assert earned >= float(given.expected_return @ point) - BOUND * np.abs(given.expected_return).max()


def test_a_cost_above_what_a_trade_is_worth_leaves_the_book_alone():
    given = instance(Kind.FACTORS, 6, 0)
    prohibitive = replace(given.constraints, held=given.held, cost=np.full(6, 10 * given.expected_return.max()))

    weights = portfolio.maximum_utility(given.expected_return, given.covariance, prohibitive, risk_aversion=AVERSION)

    assert_allclose(weights, given.held, atol=1e-9)


def test_two_uncorrelated_assets_by_hand():
    covariance = np.diag([0.01, 0.04])
    mean = np.array([0.05, 0.10])

    assert_allclose(portfolio.minimum_variance(covariance), [0.8, 0.2], atol=1e-9)
    assert_allclose(portfolio.maximum_sharpe(mean, covariance), [2 / 3, 1 / 3], atol=1e-9)
    assert_allclose(portfolio.risk_budgeting(covariance), [2 / 3, 1 / 3], atol=1e-7)
    # mean - aversion * covariance @ w is the same for both
    assert_allclose(portfolio.maximum_utility(mean, covariance, risk_aversion=2.0), [0.3, 0.7], atol=1e-9)


def test_equal_weight():
    assert_array_equal(portfolio.equal_weight(4), [0.25, 0.25, 0.25, 0.25])


# --- budgets of risk --------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(sizes, seeds, st.sampled_from([1e-12, 1.0, 1e6]))
def test_each_asset_contributes_its_budget(assets: int, seed: int, unit: float):
    rng = np.random.default_rng(seed)
    covariance = unit**2 * np.cov(factor_returns(rng, assets, 100).T)
    budgets = rng.uniform(0.2, 3.0, assets)

    weights = portfolio.risk_budgeting(covariance, budgets=budgets)

    contributions = risk_contributions(weights, covariance)
    assert_allclose(contributions, budgets / budgets.sum(), atol=1e-6)


def test_a_bound_that_binds_takes_its_share_of_the_budgets():
    covariance = np.diag([1.0, 4.0, 9.0])

    weights = portfolio.risk_budgeting(covariance, long_only(3, upper=0.4))

    assert weights[0] == pytest.approx(0.4, abs=1e-9)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert weights[1] > weights[2] > 0


def test_what_is_closed_has_no_budget():
    covariance = np.diag([1.0, 4.0, 9.0])
    constraints = Constraints(lower=np.zeros(3), upper=np.array([1.0, 0.0, 1.0]))

    weights = portfolio.risk_budgeting(covariance, constraints)

    assert_allclose(weights, [0.75, 0.0, 0.25], atol=1e-7)


def among_narrow_groups(assets: int, groups: int, seed: int) -> tuple[np.ndarray, np.ndarray, Constraints]:
    """Means, a covariance, and constraints of which most bind: so many groups, each of 0.002 at most to move in."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(assets, 10)) * 0.1
    loadings[:, 0] += 0.15
    covariance = loadings @ loadings.T + np.diag(rng.uniform(0.01, 0.1, assets))
    inside, narrow = rng.dirichlet(np.ones(assets)), []
    for group in range(groups):
        members = rng.choice(assets, int(rng.integers(assets // 5, 4 * assets // 5)), replace=False)
        middle = float(inside[members].sum())
        narrow.append(
            Group(name=str(group), members=tuple(members.tolist()), lower=middle - 0.001, upper=middle + 0.001)
        )
    mean = rng.normal(0.08, 0.05, assets)
    held = rng.dirichlet(np.full(assets, 0.1))
    bounds = {"lower": np.full(assets, -0.01), "upper": np.full(assets, 0.1)}
    return mean, covariance, Constraints(**bounds, groups=tuple(narrow), gross=1.4, held=held, turnover=1.9)


@pytest.mark.parametrize(("assets", "groups", "seed"), [(150, 70, 0), (200, 100, 5)])
def test_a_target_of_volatility_is_met_where_many_constraints_bind(assets: int, groups: int, seed: int):
    mean, covariance, constraints = among_narrow_groups(assets, groups, seed)

    weights = portfolio.target_volatility(mean, covariance, constraints, volatility=0.1)

    assert miss(weights, constraints) <= BOUND
    assert np.sqrt(variance(weights, covariance)) <= 0.1 + BOUND


def test_a_second_attempt_has_the_time_that_the_first_one_left(monkeypatch):
    mean, covariance, constraints = among_narrow_groups(150, 70, 0)
    granted, solution = [], Program._solution

    def at_the_third_attempt(self: Program, *given: float) -> object:
        """How the solver fares depends on how many threads add up its sums: here it takes its time and fails twice."""
        granted.append(given[-1])
        found = solution(self, *given)
        return (
            SimpleNamespace(status="InsufficientProgress", solve_time=found.solve_time) if len(granted) < 3 else found
        )

    monkeypatch.setattr(Program, "_solution", at_the_third_attempt)

    portfolio.target_volatility(mean, covariance, constraints, volatility=0.1, time_limit=60.0)

    assert 60.0 == granted[0] > granted[1] > granted[2]


# --- few positions ----------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 20), seeds, st.sampled_from([0.0, 0.02, 0.05]), st.integers(3, 8) | st.none())
def test_few_positions_none_of_them_small(assets: int, seed: int, smallest: float, most: int | None):
    given = instance(Kind.FACTORS, assets, seed)
    constraints = long_only(assets, upper=0.4)

    weights = portfolio.few(
        lambda kept: portfolio.minimum_variance(given.covariance, kept), constraints, smallest=smallest, most=most
    )

    held = weights > 0
    assert miss(weights, constraints) <= BOUND
    assert weights[held].min() >= smallest - BOUND
    assert np.count_nonzero(held) <= (most or assets)


@settings(max_examples=20, deadline=None)
@given(st.integers(5, 12), seeds)
def test_few_positions_of_a_book_with_shorts(assets: int, seed: int):
    given = instance(Kind.FACTORS, assets, seed)
    constraints = replace(long_only(assets), lower=np.full(assets, -0.3), gross=1.6)

    weights = portfolio.few(
        lambda kept: portfolio.minimum_variance(given.covariance, kept), constraints, smallest=0.03, most=5
    )

    size = np.abs(weights[weights != 0])
    assert miss(weights, constraints) <= BOUND
    assert size.min() >= 0.03 - BOUND
    assert len(size) <= 5


def test_a_position_that_has_to_stay_is_not_dropped():
    constraints = Constraints(lower=np.array([0.01, 0.0, 0.0]), upper=np.ones(3))

    with pytest.raises(Infeasible, match=r"asset 0: expected a bound that lets its position be dropped"):
        portfolio.few(
            lambda kept: portfolio.minimum_variance(np.diag([100.0, 1.0, 1.0]), kept), constraints, smallest=0.05
        )


def test_too_few_to_be_fully_invested():
    with pytest.raises(Infeasible) as raised:
        portfolio.few(
            lambda kept: portfolio.minimum_variance(np.diag([1.0, 2.0, 3.0, 4.0]), kept),
            long_only(4, upper=0.3),
            most=3,
        )

    # Not "asset 3 at most 0", which nobody asked for.
    assert raised.value.conflicting == ("most 3",)
    assert "3 positions left can meet, got constraints: expected weights that meet them all" in str(raised.value)


def test_of_positions_of_the_same_size_half_are_dropped_at_a_time():
    weights = portfolio.few(
        lambda kept: np.where(kept.closed, 0.0, 1.0 / np.count_nonzero(~kept.closed)), long_only(20), smallest=0.08
    )

    assert_allclose(weights[weights > 0], 0.1)


# --- what can't be answered -------------------------------------------------------------------------------------------

RISK = np.diag([0.01, 0.02, 0.04])
MEAN = np.array([0.1, 0.2, 0.3])
BAD_RISK = {
    "NaN": (np.where(np.eye(3) == 1, np.nan, 0.0), r"covariance: expected a finite \(3, 3\) matrix"),
    "infinite": (np.diag([1.0, np.inf, 1.0]), "covariance: expected a finite"),
    "not square": (np.ones((3, 2)), r"covariance: expected a finite \(3, 3\) matrix, got shape \(3, 2\)"),
    "a vector": (np.ones(3), r"covariance: expected a finite \(3, 3\) matrix, got shape \(3,\)"),
    "asymmetric": (np.array([[1.0, 0.2, 0], [0.1, 1, 0], [0, 0, 1]]), "covariance: expected a symmetric matrix"),
    "indefinite": (np.array([[1.0, 2, 0], [2, 1, 0], [0, 0, 1]]), "covariance: expected a positive semi-definite"),
    "negative": (-np.eye(3), "covariance: expected a positive semi-definite"),
}


@pytest.mark.parametrize("solve", [
    portfolio.minimum_variance,
    portfolio.risk_budgeting,
    lambda risk: portfolio.maximum_sharpe(MEAN, risk),
    lambda risk: portfolio.maximum_utility(MEAN, risk, risk_aversion=1.0),
    lambda risk: portfolio.target_volatility(MEAN, risk, volatility=1.0),
])  # fmt: skip
@pytest.mark.parametrize("bad", BAD_RISK)
def test_a_covariance_that_is_none(bad: str, solve: Callable[[np.ndarray], np.ndarray]):
    risk, told = BAD_RISK[bad]

    with pytest.raises(QuantError, match=told):
        solve(risk)


@pytest.mark.parametrize("mean", [np.array([0.1, np.nan, 0.1]), np.full(2, 0.1), np.full((3, 1), 0.1)])
@pytest.mark.parametrize("solve", [
    lambda mean: portfolio.maximum_sharpe(mean, RISK),
    lambda mean: portfolio.maximum_utility(mean, RISK, risk_aversion=1.0),
    lambda mean: portfolio.target_volatility(mean, RISK, volatility=1.0),
    lambda mean: portfolio.minimum_variance(RISK, expected_return=mean, at_least=0.1),
])  # fmt: skip
def test_an_expected_return_that_is_none(solve: Callable[[np.ndarray], np.ndarray], mean: np.ndarray):
    with pytest.raises(QuantError, match=r"expected_return: expected a finite \(3,\) array"):
        solve(mean)


@pytest.mark.parametrize(
    ("solve", "told"),
    [
        (lambda: portfolio.equal_weight(0), "assets: expected at least 1, got 0"),
        (lambda: portfolio.minimum_variance(RISK, long_only(2)), r"covariance: expected a finite \(2, 2\)"),
        (lambda: portfolio.minimum_variance(RISK, at_least=0.1), "expected_return: expected one beside at_least"),
        (
            lambda: portfolio.minimum_variance(RISK, expected_return=MEAN, at_least=np.nan),
            "at_least: expected a finite number, got nan",
        ),
        (lambda: portfolio.maximum_utility(MEAN, RISK, risk_aversion=0.0), "risk_aversion: expected above 0"),
        (lambda: portfolio.maximum_utility(MEAN, RISK, risk_aversion=np.nan), "risk_aversion: expected above 0"),
        (lambda: portfolio.target_volatility(MEAN, RISK, volatility=-1.0), "volatility: expected above 0"),
        (lambda: portfolio.risk_budgeting(RISK, budgets=np.array([1.0, 0.0, 1.0])), "budgets: expected"),
        (lambda: portfolio.risk_budgeting(RISK, budgets=np.ones(2)), "budgets: expected"),
        (
            lambda: portfolio.maximum_sharpe(MEAN, RISK, replace(long_only(3), net=(0.0, 1.0))),
            r"net: expected one number above 0, which sets the scale, got \(0.0, 1.0\)",
        ),
        (lambda: portfolio.few(lambda _: MEAN, long_only(3), most=0), "most: expected at least 1, got 0"),
        (lambda: portfolio.few(lambda _: MEAN, long_only(3), smallest=1.0), "smallest: expected 0 to below 1"),
    ],
)
def test_arguments_out_of_range(solve: Callable[[], np.ndarray], told: str):
    with pytest.raises(QuantError, match=told):
        solve()


def test_no_greatest_sharpe_ratio_where_nothing_earns():
    with pytest.raises(Infeasible, match=r"expected_return: .* the best one earns -0\.1") as raised:
        portfolio.maximum_sharpe(-MEAN, RISK)

    assert raised.value.conflicting == ()


def test_a_volatility_below_the_least_says_what_the_least_is():
    with pytest.raises(Infeasible, match=r"expected at least 0\.0755929") as raised:
        portfolio.target_volatility(MEAN, RISK, volatility=0.07)

    assert raised.value.conflicting == ("volatility at most 0.07",)


def test_a_budget_for_what_must_not_be_held():
    constraints = Constraints(lower=np.array([-1.0, 0, 0]), upper=np.array([-0.1, 1, 1]), names=("A", "B", "C"))

    with pytest.raises(Infeasible, match="upper: expected above 0 for A"):
        portfolio.risk_budgeting(RISK, constraints)
