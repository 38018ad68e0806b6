"""Conflicts: told exactly where there is one, naming what can't be kept together and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import optimize
from scipy.optimize import linprog

from quant.conflicts import explain, highest_return
from quant.constraints import INFINITY, Constraints, Group, long_only
from quant.errors import Infeasible
from quant.portfolio import maximum_sharpe, maximum_utility, minimum_variance, risk_budgeting, target_volatility

FAR = 1e6


def random_constraints(seed: int) -> Constraints:
    """Bounds of all kinds on a grid of 0.05, so that they are met or missed by a clear margin; most can't be met."""
    rng = np.random.default_rng(seed)
    assets = int(rng.integers(3, 6))

    def some(low: float, high: float) -> float:
        return float(rng.integers(round(low / 0.05), round(high / 0.05) + 1)) * 0.05

    held = np.round(rng.dirichlet(np.ones(assets)) * 20) / 20
    lower = np.array([some(-0.3, 0.2) for _ in range(assets)])
    groups = tuple(
        Group(name=f"g{k}", members=tuple(range(k, k + 2)), lower=some(-0.2, 0.5), upper=some(0.2, 0.8))
        for k in range(int(rng.integers(0, 3)))
    )
    least = some(0.2, 1.0)
    shut = rng.random(assets) < 0.2
    return Constraints(
        lower=np.where(shut, 0.0, lower),
        upper=np.where(shut, 0.0, lower + np.array([some(-0.05, 0.6) for _ in range(assets)])),
        net=(least, least if rng.random() < 0.5 else some(0.5, 1.0)),
        gross=some(0.5, 1.5) if rng.random() < 0.5 else None,
        groups=groups,
        held=held,
        turnover=some(0.0, 0.6) if rng.random() < 0.5 else None,
        names=tuple("ABCDE"[:assets]),
    )


def can_be_met(c: Constraints) -> bool:
    """By another program: weights as what is long and short and as what is bought and sold, none of them negative."""
    n = c.assets
    eye, zero, one = np.eye(n), np.zeros((n, n)), np.ones(n)
    held = np.zeros(n) if c.held is None else c.held
    # (long, short, bought, sold), with long - short = held + bought - sold
    equal, equals = np.hstack([eye, -eye, -eye, eye]), held
    weight = np.hstack([eye, -eye, zero, zero])
    rows, bounds = [-one @ weight, one @ weight], [-c.net[0], c.net[1]]
    for asset in range(n):
        rows += [-weight[asset], weight[asset]]
        bounds += [-c.lower[asset], c.upper[asset]]
    for group in c.groups:
        share = weight[list(group.members)].sum(axis=0)
        rows, bounds = [*rows, -share, share], [*bounds, -group.lower, group.upper]
    if c.gross is not None:
        rows, bounds = [*rows, np.concatenate([one, one, 0 * one, 0 * one])], [*bounds, c.gross]
    if c.turnover is not None:
        rows, bounds = [*rows, np.concatenate([0 * one, 0 * one, one, one])], [*bounds, c.turnover]
    limited = np.isfinite(bounds)
    found = linprog(
        np.zeros(4 * n), np.array(rows)[limited], np.array(bounds)[limited] + 1e-9, equal, equals, bounds=(0, None)
    )
    assert found.status in (0, 2)
    return bool(found.status == 0)


def without(c: Constraints, named: str) -> Constraints:
    """The constraints less one that was named, in the words that name it."""
    if named.startswith("net exposure"):
        least, greatest = c.net
        return replace(
            c,
            net=(
                -FAR if "of" in named or "least" in named else least,
                FAR if "of" in named or "most" in named else greatest,
            ),
        )
    if named.startswith("gross"):
        return replace(c, gross=None)
    if named.startswith("turnover"):
        return replace(c, turnover=None)
    side, free = ("lower", -INFINITY) if "at least" in named else ("upper", INFINITY)
    if group := re.match(r"group (\w+) ", named):
        return replace(c, groups=tuple(replace(g, **{side: free}) if g.name == group[1] else g for g in c.groups))
    told = [part.split(" ")[0] for part in named.split(", ")]
    bound = getattr(c, side).copy()
    bound[[c.names.index(name) for name in told]] = free
    return replace(c, **{side: bound})


def only(c: Constraints, named: tuple[str, ...]) -> Constraints:
    """Nothing but the constraints that were named."""
    bare = c
    for label in named:
        bare = without(bare, label)
    # What is left in `bare` is what was not named: take it from the whole.
    return replace(
        c,
        lower=np.where(np.isinf(bare.lower), c.lower, -INFINITY),
        upper=np.where(np.isinf(bare.upper), c.upper, INFINITY),
        net=(c.net[0] if bare.net[0] == -FAR else -FAR, c.net[1] if bare.net[1] == FAR else FAR),
        gross=c.gross if bare.gross is None else None,
        turnover=c.turnover if bare.turnover is None else None,
        groups=tuple(
            replace(
                whole,
                lower=whole.lower if np.isinf(rest.lower) else -INFINITY,
                upper=whole.upper if np.isinf(rest.upper) else INFINITY,
            )
            for whole, rest in zip(c.groups, bare.groups, strict=True)
        ),
    )


def conflict_of(constraints: Constraints) -> tuple[str, ...] | None:
    """What was named, None where nothing was raised."""
    try:
        explain(constraints)
    except Infeasible as told:
        return told.conflicting
    return None


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 100_000))
def test_a_conflict_is_told_where_there_is_one_and_nowhere_else(seed: int):
    constraints = random_constraints(seed)

    told = conflict_of(constraints)

    assert (told is None) == can_be_met(constraints)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 100_000))
def test_what_is_named_conflicts_by_itself_and_not_without_each_of_its_kinds(seed: int):
    constraints = random_constraints(seed)
    named = conflict_of(constraints)
    if named is None:
        return

    assert named
    conflict = only(constraints, named)
    assert not can_be_met(conflict)
    for label in named:
        assert can_be_met(without(conflict, label)), (label, named)


@pytest.mark.parametrize("turnover", [None, 0.3])
def test_a_conflict_among_many_groups_is_found_in_a_few_programs(monkeypatch, turnover: float | None):
    rng = np.random.default_rng(0)
    halves = (tuple(rng.choice(40, 20, replace=False).tolist()) for _ in range(100))
    many = replace(
        long_only(40, upper=0.2 if turnover else 0.0251),
        groups=tuple(Group(name=str(k), members=half, lower=0.54, upper=0.56) for k, half in enumerate(halves)),
        held=np.eye(40)[0],
        turnover=turnover,
    )
    asked = []
    solve = optimize.linprog
    monkeypatch.setattr(optimize, "linprog", lambda *args, **options: asked.append(1) or solve(*args, **options))

    assert conflict_of(many)

    assert len(asked) <= 30


RISK = np.diag([0.01, 0.02, 0.04])
MEAN = np.array([0.1, 0.2, 0.3])
NAMES = ("AAPL", "GOOG", "IBM")
PLAIN = Constraints(lower=np.zeros(3), upper=np.ones(3), names=NAMES)


@pytest.mark.parametrize(
    ("constraints", "named"),
    [
        (
            replace(PLAIN, upper=np.full(3, 0.3)),
            ("net exposure of 1", "AAPL at most 0.3, GOOG at most 0.3, IBM at most 0.3"),
        ),
        (
            replace(PLAIN, upper=np.array([0.5, 0.0, 0.0])),
            ("net exposure of 1", "AAPL at most 0.5, GOOG at most 0, IBM at most 0"),
        ),
        (
            replace(PLAIN, upper=np.zeros(3)),
            ("net exposure of 1", "AAPL at most 0, GOOG at most 0, IBM at most 0"),
        ),
        (
            replace(PLAIN, upper=np.array([1.0, 0.0, 0.0]), groups=(Group(name="tech", members=(1, 2), lower=0.2),)),
            ("GOOG at most 0, IBM at most 0", "group tech at least 0.2"),
        ),
        (
            replace(PLAIN, lower=np.array([0.5, 0, 0]), upper=np.array([0.4, 1, 1])),
            ("AAPL at least 0.5", "AAPL at most 0.4"),
        ),
        (replace(PLAIN, gross=0.9), ("net exposure of 1", "gross exposure at most 0.9")),
        (
            replace(PLAIN, upper=np.array([0.3, 1, 1]), held=np.array([1.0, 0, 0]), turnover=0.2),
            ("AAPL at most 0.3", "turnover at most 0.2"),
        ),
        (
            replace(PLAIN, groups=(Group(name="a", members=(0, 1), lower=0.7), Group(name="b", members=(1,), upper=0.1),
                                   Group(name="c", members=(0, 2), upper=0.5))),
            ("net exposure of 1", "group b at most 0.1", "group c at most 0.5"),
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("solve", [
    lambda constraints: minimum_variance(RISK, constraints),
    lambda constraints: maximum_sharpe(MEAN, RISK, constraints),
    lambda constraints: maximum_utility(MEAN, RISK, constraints, risk_aversion=1.0),
    lambda constraints: target_volatility(MEAN, RISK, constraints, volatility=1.0),
    lambda constraints: risk_budgeting(RISK, constraints),
], ids=["variance", "sharpe", "utility", "volatility", "budgets"])  # fmt: skip
def test_every_strategy_names_the_assets_that_conflict(solve, constraints: Constraints, named: tuple[str, ...]):
    with pytest.raises(Infeasible) as raised:
        solve(constraints)

    assert raised.value.conflicting == named
    assert str(raised.value).endswith(f"got a conflict of {'; '.join(named)}")


def test_a_net_exposure_that_contradicts_itself():
    with pytest.raises(Infeasible) as raised:
        minimum_variance(RISK, replace(PLAIN, net=(1.0, 0.5)))

    assert raised.value.conflicting == ("net exposure at least 1", "net exposure at most 0.5")


@pytest.mark.parametrize("missing", [1e-8, 1e-7, 1e-6])
def test_a_conflict_by_a_hair_is_one(missing: float):
    with pytest.raises(Infeasible) as raised:
        minimum_variance(RISK, long_only(3, upper=1 / 3 - missing))

    assert raised.value.conflicting[0] == "net exposure of 1"


def test_bounds_that_only_just_sum_to_one_are_no_conflict():
    assert_allclose(minimum_variance(RISK, long_only(3, upper=1 / 3)), 1 / 3, atol=1e-9)


def test_an_expected_return_out_of_reach_is_part_of_the_conflict():
    with pytest.raises(Infeasible) as raised:
        minimum_variance(
            RISK, replace(PLAIN, lower=-np.ones(3), upper=np.full(3, 0.5)), expected_return=MEAN, at_least=0.26
        )

    assert raised.value.conflicting == (
        "net exposure of 1",
        "GOOG at most 0.5, IBM at most 0.5",
        "expected return at least 0.26",
    )


def test_an_expected_return_that_costs_put_out_of_reach():
    dear = replace(PLAIN, held=np.array([1.0, 0.0, 0.0]), cost=np.full(3, 0.05))
    explain(replace(dear, cost=None), expected_return=MEAN, at_least=0.25)

    with pytest.raises(Infeasible) as raised:
        explain(dear, expected_return=MEAN, at_least=0.25)

    assert "expected return at least 0.25" in raised.value.conflicting


def test_the_highest_return_there_is():
    assert highest_return(MEAN, PLAIN) == pytest.approx(0.3, abs=1e-12)
    assert highest_return(MEAN, replace(PLAIN, upper=np.array([1.0, 1.0, 0.5]))) == pytest.approx(0.25, abs=1e-12)
    assert highest_return(MEAN, replace(PLAIN, upper=np.array([1.0, 1.0, 0.0]))) == pytest.approx(0.2, abs=1e-12)
    assert highest_return(MEAN, replace(PLAIN, upper=np.full(3, INFINITY), lower=-np.ones(3))) == pytest.approx(0.6)
    assert highest_return(MEAN, replace(PLAIN, lower=np.full(3, -INFINITY), upper=np.full(3, INFINITY))) == INFINITY
    held = replace(PLAIN, held=np.array([1.0, 0.0, 0.0]), cost=np.full(3, 0.04))
    assert highest_return(MEAN, held) == pytest.approx(0.3 - 2 * 0.04, abs=1e-12)


@pytest.mark.parametrize("unit", [1e-15, 1e-4, 1e6])
def test_the_unit_of_returns_does_not_matter(unit: float):
    capped = replace(PLAIN, upper=np.full(3, 0.5))

    assert highest_return(unit * MEAN, capped) == pytest.approx(unit * 0.25, rel=1e-12)
    explain(capped, expected_return=unit * MEAN, at_least=unit * 0.25)
    with pytest.raises(Infeasible):
        explain(capped, expected_return=unit * MEAN, at_least=unit * 0.2501)
