"""Our optima beside skfolio's, and beside SciPy's SLSQP for what skfolio doesn't have: what is sought, equal to 1e-6.

Where they differ at all, ours is the better one, up to 1e-8.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from portfolio_instances import Floats, Instance, Kind, costs, instance, miss
from portfolio_peers import STRICT, GivenMoments, by_skfolio, by_slsqp, unseen
from skfolio.datasets import load_sp500_dataset
from skfolio.moments import LedoitWolf, ShrunkMu
from skfolio.optimization import MeanRisk, ObjectiveFunction, RiskBudgeting
from skfolio.prior import EmpiricalPrior

from quant import portfolio
from quant.constraints import Constraints, Group, long_only
from quant.frontier import efficient_frontier
from quant.moments import ledoit_wolf
from quant.risk import risk_contributions

SAME = 1e-6


def real() -> Instance:
    """Annual moments of skfolio's twenty stocks, from their last 504 sessions."""
    returns = load_sp500_dataset().pct_change().to_numpy()[-504:]
    mean, covariance = 252 * returns.mean(axis=0), 252 * np.cov(returns.T)
    return Instance(Kind.FACTORS, mean, covariance, long_only(20), np.full(20, 0.05))


REAL = real()
CONSTRAINTS = {
    "long only": long_only(20),
    "capped": long_only(20, upper=0.1),
    "some short": Constraints(lower=np.full(20, -0.1), upper=np.full(20, 0.3)),
    "groups": replace(
        long_only(20, upper=0.25),
        groups=(
            Group(name="first", members=tuple(range(7)), upper=0.3),
            Group(name="second", members=tuple(range(7, 14)), lower=0.4, upper=0.6),
            Group(name="third", members=(15, 19), lower=0.05),
        ),
    ),
    "one shut": Constraints(lower=np.zeros(20), upper=np.where(np.arange(20) == 3, 0.0, 0.2)),
    "costs": replace(long_only(20), held=np.full(20, 0.05), cost=np.linspace(0.0, 0.05, 20)),
}
by_constraints = pytest.mark.parametrize("constraints", CONSTRAINTS.values(), ids=list(CONSTRAINTS))


def variance(weights: Floats, given: Instance = REAL) -> float:
    return float(weights @ given.covariance @ weights)


def net_return(weights: Floats, constraints: Constraints, given: Instance = REAL) -> float:
    return float(given.expected_return @ weights) - costs(weights, constraints)


def assert_same_and_never_worse(ours: float, theirs: float) -> None:
    """Both to be minimised."""
    assert ours == pytest.approx(theirs, rel=SAME)
    assert ours <= theirs + 1e-8 * abs(theirs)


# --- skfolio ----------------------------------------------------------------------------------------------------------


@by_constraints
def test_the_least_variance_is_skfolios(constraints: Constraints):
    free = replace(constraints, cost=None)

    ours = portfolio.minimum_variance(REAL.covariance, free)
    theirs = by_skfolio(REAL.expected_return, REAL.covariance, free, ObjectiveFunction.MINIMIZE_RISK)

    assert_same_and_never_worse(variance(ours), variance(theirs))
    assert_allclose(ours, theirs, atol=1e-4)


@by_constraints
def test_the_greatest_ratio_is_skfolios(constraints: Constraints):
    ours = portfolio.maximum_sharpe(REAL.expected_return, REAL.covariance, constraints)
    theirs = by_skfolio(REAL.expected_return, REAL.covariance, constraints, ObjectiveFunction.MAXIMIZE_RATIO)

    def ratio(weights: Floats) -> float:
        return net_return(weights, constraints) / np.sqrt(variance(weights))

    assert_same_and_never_worse(-ratio(ours), -ratio(theirs))


@pytest.mark.parametrize("aversion", [0.5, 4.0, 50.0])
@by_constraints
def test_the_greatest_utility_is_skfolios(constraints: Constraints, aversion: float):
    ours = portfolio.maximum_utility(REAL.expected_return, REAL.covariance, constraints, risk_aversion=aversion)
    theirs = by_skfolio(
        REAL.expected_return,
        REAL.covariance,
        constraints,
        ObjectiveFunction.MAXIMIZE_UTILITY,
        risk_aversion=aversion / 2,
    )

    def loss(weights: Floats) -> float:
        return aversion / 2 * variance(weights) - net_return(weights, constraints)

    assert_same_and_never_worse(loss(ours), loss(theirs))


@by_constraints
def test_the_greatest_return_at_a_volatility_is_skfolios(constraints: Constraints):
    least = np.sqrt(variance(portfolio.minimum_variance(REAL.covariance, constraints)))

    ours = portfolio.target_volatility(
        REAL.expected_return, REAL.covariance, constraints, volatility=float(1.1 * least)
    )
    theirs = by_skfolio(
        REAL.expected_return,
        REAL.covariance,
        constraints,
        ObjectiveFunction.MAXIMIZE_RETURN,
        max_standard_deviation=float(1.1 * least),
    )

    assert_same_and_never_worse(-net_return(ours, constraints), -net_return(theirs, constraints))


@by_constraints
def test_the_least_variance_for_a_return_is_skfolios(constraints: Constraints):
    calm = portfolio.minimum_variance(REAL.covariance, constraints)
    wanted = net_return(calm, constraints) + 0.02

    ours = portfolio.minimum_variance(
        REAL.covariance, constraints, expected_return=REAL.expected_return, at_least=wanted
    )
    theirs = by_skfolio(
        REAL.expected_return, REAL.covariance, constraints, ObjectiveFunction.MINIMIZE_RISK, min_return=wanted
    )

    assert_same_and_never_worse(variance(ours), variance(theirs))


def test_budgets_of_risk_are_skfolios():
    budgets = np.linspace(1.0, 3.0, 20)
    model = RiskBudgeting(
        risk_budget=budgets,
        prior_estimator=GivenMoments(REAL.expected_return, REAL.covariance),
        solver_params=STRICT,
    )

    ours = portfolio.risk_budgeting(REAL.covariance, budgets=budgets)
    theirs = model.fit(unseen(20)).weights_

    assert_allclose(ours, theirs, atol=1e-5)
    wanted = budgets / budgets.sum()
    missed, missed_by_skfolio = (
        np.abs(risk_contributions(weights, REAL.covariance) - wanted).max() for weights in (ours, theirs)
    )
    assert missed <= min(missed_by_skfolio, 1e-12)


def test_budgets_of_risk_behind_a_bound_are_skfolios():
    model = RiskBudgeting(
        prior_estimator=GivenMoments(REAL.expected_return, REAL.covariance), max_weights=0.06, solver_params=STRICT
    )

    ours = portfolio.risk_budgeting(REAL.covariance, long_only(20, upper=0.06))

    assert_allclose(ours, model.fit(unseen(20)).weights_, atol=1e-5)


def test_the_frontier_is_skfolios():
    ours = efficient_frontier(REAL.expected_return, REAL.covariance, long_only(20, upper=0.2), points=10)

    for earned, volatility in zip(ours.expected_return, ours.volatility, strict=True):
        theirs = by_skfolio(
            REAL.expected_return,
            REAL.covariance,
            long_only(20, upper=0.2),
            ObjectiveFunction.MINIMIZE_RISK,
            # At the very end there is one allocation, which skfolio's solver can't reach from the inside.
            min_return=float(earned) * (1 - 1e-9),
        )
        assert volatility == pytest.approx(np.sqrt(variance(theirs)), rel=SAME)


def test_from_returns_on_both_take_the_same_way():
    returns = load_sp500_dataset().pct_change().iloc[-504:]
    theirs = MeanRisk(
        objective_function=ObjectiveFunction.MINIMIZE_RISK,
        prior_estimator=EmpiricalPrior(mu_estimator=ShrunkMu(), covariance_estimator=LedoitWolf()),
        solver_params=STRICT,
    ).fit(returns)

    covariance, _ = ledoit_wolf(returns.to_numpy())
    ours = portfolio.minimum_variance(covariance)

    assert_same_and_never_worse(float(ours @ covariance @ ours), float(theirs.weights_ @ covariance @ theirs.weights_))


# --- SLSQP ------------------------------------------------------------------------------------------------------------


def bound_instances() -> list[Instance]:
    """Shorts, gross exposure, groups and turnover at once, a range of net exposure for some, costs for some."""
    made = []
    for seed in range(6):
        given = instance(Kind.BOUND, 6, seed)
        constraints = given.constraints
        if seed % 2:
            constraints = replace(constraints, net=(0.8, 1.1))
        if seed % 3:
            constraints = replace(constraints, cost=np.linspace(0.0, 0.2, 6) * np.abs(given.expected_return).max())
        made.append(replace(given, constraints=constraints))
    return made


by_instance = pytest.mark.parametrize("given", bound_instances(), ids=range(6))


@by_instance
def test_the_least_variance_is_slsqps(given: Instance):
    ours = portfolio.minimum_variance(given.covariance, given.constraints)
    theirs = by_slsqp(given.expected_return, given.covariance, given.constraints, start=given.held)

    assert miss(theirs, given.constraints) < 1e-9
    assert_same_and_never_worse(variance(ours, given), variance(theirs, given))


@by_instance
def test_the_greatest_ratio_is_slsqps(given: Instance):
    constraints = replace(given.constraints, net=(1.0, 1.0))

    ours = portfolio.maximum_sharpe(given.expected_return, given.covariance, constraints)
    theirs = by_slsqp(given.expected_return, given.covariance, constraints, start=given.held, ratio=True)

    def loss(weights: Floats) -> float:
        return -net_return(weights, constraints, given) / np.sqrt(variance(weights, given))

    assert miss(theirs, constraints) < 1e-9
    assert_same_and_never_worse(loss(ours), loss(theirs))


@by_instance
def test_the_greatest_utility_is_slsqps(given: Instance):
    def loss(weights: Floats) -> float:
        return 2.0 * variance(weights, given) - net_return(weights, given.constraints, given)

    ours = portfolio.maximum_utility(given.expected_return, given.covariance, given.constraints, risk_aversion=4.0)
    theirs = by_slsqp(given.expected_return, given.covariance, given.constraints, start=given.held, aversion=4.0)

    assert miss(theirs, given.constraints) < 1e-9
    assert_same_and_never_worse(loss(ours), loss(theirs))


@by_instance
def test_the_greatest_return_at_a_volatility_is_slsqps(given: Instance):
    least = portfolio.minimum_variance(given.covariance, given.constraints)
    volatility = float(1.05 * np.sqrt(variance(least, given)))

    ours = portfolio.target_volatility(
        given.expected_return, given.covariance, given.constraints, volatility=volatility
    )
    theirs = by_slsqp(given.expected_return, given.covariance, given.constraints, start=least, volatility=volatility)

    assert_same_and_never_worse(
        -net_return(ours, given.constraints, given), -net_return(theirs, given.constraints, given)
    )
