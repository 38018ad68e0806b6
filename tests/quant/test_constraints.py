"""Constraints: rows that say the same as the definitions, and arguments that are told why they can't be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from portfolio_instances import Kind, instance, miss

from quant.constraints import INFINITY, Constraints, Group, Limit, are_met, limits, long_only
from quant.errors import QuantError

CLEAR = 1e-9


def constraints_of(seed: int) -> Constraints:
    """Some of each kind, with bounds that are infinite, closed or implied by others now and then."""
    rng = np.random.default_rng(seed)
    assets = int(rng.integers(3, 8))
    base = instance(Kind.BOUND, assets, seed).constraints
    lower = rng.choice([-INFINITY, -0.2, 0.0, 0.05], assets) if rng.random() < 0.5 else np.zeros(assets)
    upper = rng.choice([INFINITY, 0.5, 0.3, 1.0], assets)
    shut = rng.random(assets) < 0.2
    least = float(rng.choice([0.0, 0.8, 1.0]))
    return replace(
        base,
        lower=np.where(shut, 0.0, lower),
        upper=np.where(shut, 0.0, upper),
        net=(least, max(least, float(rng.choice([1.0, 1.1])))),
        gross=1.2 if rng.random() < 0.5 else None,
        groups=base.groups if rng.random() < 0.5 else (),
        turnover=0.7 if rng.random() < 0.5 else None,
    )


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from([0.02, 0.1, 0.5]))
def test_the_rows_say_what_the_definitions_say(seed: int, other: int, spread: float):
    constraints = constraints_of(seed)
    assert constraints.held is not None
    rng = np.random.default_rng(other)
    weights = constraints.held + rng.normal(0.0, spread, constraints.assets) * (rng.random(constraints.assets) < 0.5)
    weights = np.where(constraints.closed, 0.0, np.clip(weights, constraints.lower, constraints.upper))
    if weights.sum() > 0.1:
        weights *= constraints.net[1] / weights.sum()

    missed = miss(weights, constraints)

    if missed == 0.0 or missed > CLEAR:
        assert are_met(constraints, weights) == (missed == 0.0)


def test_the_constraints_are_met_by_the_weights_held_and_missed_just_beyond():
    given = instance(Kind.BOUND, 6, 0)

    assert are_met(given.constraints, given.held)
    assert not are_met(replace(given.constraints, groups=(Group(name="g", members=(0, 1), upper=0.0),)), given.held)
    assert not are_met(replace(given.constraints, gross=0.999), given.held)
    assert not are_met(replace(given.constraints, net=(0.9, 0.999)), given.held)


def of_one_weight(rows: list[Limit]) -> list[Limit]:
    return [row for row in rows if len(row.terms) == 1 and len(row.bound) == 3]


def test_what_others_imply_is_left_out():
    # None can be above 1 where all are at least 0 and sum to 1.
    (bounds,) = of_one_weight(list(limits(long_only(3))))

    assert_array_equal(bounds.bound, 0.0)
    assert len(of_one_weight(list(limits(long_only(3, upper=0.9))))) == 2


def test_bounds_of_what_is_closed_are_told_on_demand():
    closed = Constraints(lower=np.zeros(3), upper=np.array([1.0, 0.0, 0.0]))

    told = [len(row.bound) for row in limits(closed)]
    told_in_full = [len(row.bound) for row in limits(closed, of_closed=True)]

    assert_array_equal(closed.closed, [False, True, True])
    assert told == [1, 1]
    assert told_in_full == [1, 3, 2]


def test_rows_are_told_by_name():
    constraints = Constraints(
        lower=np.zeros(3),
        upper=np.full(3, 0.4),
        names=("AAPL", "GOOG", "IBM"),
        net=(0.5, 1.0),
        gross=2.0,
        groups=(Group(name="tech", members=(0, 1), lower=0.1, upper=0.7),),
        held=np.zeros(3),
        turnover=0.9,
    )

    told = [row.label(np.arange(len(row.bound))) for row in limits(constraints) if row.label is not None]

    assert told == [
        "net exposure at least 0.5",
        "net exposure at most 1",
        "AAPL at least 0, GOOG at least 0, IBM at least 0",
        "AAPL at most 0.4, GOOG at most 0.4, IBM at most 0.4",
        "group tech at least 0.1",
        "group tech at most 0.7",
        "gross exposure at most 2",
        "turnover at most 0.9",
    ]


def test_a_long_list_of_assets_is_cut_short():
    _, bounds = limits(replace(long_only(8), names=tuple("ABCDEFGH")))
    assert bounds.label is not None

    told = bounds.label(np.arange(8))

    assert told == "A at least 0, B at least 0, C at least 0, D at least 0, E at least 0 and so on for 3 more"


ONES, ZEROS = np.ones(3), np.zeros(3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"lower": np.zeros(0), "upper": np.zeros(0)}, r"lower: expected a bound for each .* got shape \(0,\)"),
        ({"lower": np.zeros((2, 2))}, r"lower: .* got shape \(2, 2\)"),
        ({"upper": np.ones(2)}, r"upper: expected shape \(3,\), got \(2,\)"),
        ({"lower": np.array([0.0, np.nan, 0.0])}, r"lower\[1\]: expected a number, got nan"),
        ({"upper": np.array([1.0, 1.0, np.nan])}, r"upper\[2\]: expected a number, got nan"),
        ({"lower": np.array([0.0, INFINITY, 0.0])}, r"lower\[1\]: expected a bound that a weight can meet, got inf"),
        ({"upper": np.array([-INFINITY, 1.0, 1.0])}, r"upper\[0\]: expected a bound that a weight can meet, got -inf"),
        ({"held": np.array([0.0, INFINITY, 0.0])}, r"held\[1\]: expected a finite number, got inf"),
        ({"held": np.ones(4)}, r"held: expected shape \(3,\), got \(4,\)"),
        ({"held": ZEROS, "cost": np.array([0.0, -0.1, 0.0])}, r"cost: expected 0 or more, got -0\.1"),
        ({"held": ZEROS, "cost": np.array([0.0, np.nan, 0.0])}, r"cost\[1\]: expected a finite number, got nan"),
        ({"net": (0.0, INFINITY)}, "net: expected two finite numbers"),
        ({"net": (np.nan, 1.0)}, "net: expected two finite numbers"),
        ({"gross": -1.0}, r"gross: expected 0 or more and finite, got -1\.0"),
        ({"gross": np.nan}, "gross: expected 0 or more and finite, got nan"),
        ({"gross": INFINITY}, "gross: expected 0 or more and finite, got inf"),
        ({"turnover": -0.1, "held": ZEROS}, "turnover: expected 0 or more and finite"),
        ({"turnover": 0.1}, "held: expected the weights before"),
        ({"cost": ZEROS}, "held: expected the weights before"),
        ({"groups": (Group(name="tech", members=(0, 3)),)}, r"group tech: expected members in 0..2, got \(0, 3\)"),
        ({"groups": (Group(name="tech", members=(-1,)),)}, r"group tech: expected members in 0..2, got \(-1,\)"),
        ({"groups": (Group(name="tech", members=()),)}, r"group tech: expected members in 0..2, got \(\)"),
        ({"groups": (Group(name="tech", members=(0,), lower=np.nan),)}, "group tech: expected bounds"),
        ({"groups": (Group(name="tech", members=(0,), lower=INFINITY),)}, "group tech: expected bounds"),
        ({"names": ("A", "B")}, "names: expected 3, got 2"),
    ],
)
def test_arguments_that_are_no_constraints(arguments: dict[str, object], told: str):
    with pytest.raises(QuantError, match=told):
        Constraints(**({"lower": ZEROS, "upper": ONES} | arguments))  # type: ignore[arg-type]


def test_what_a_book_may_do():
    long, short = long_only(3, upper=0.5), Constraints(lower=-ONES, upper=ONES, held=ZEROS, cost=ZEROS)

    assert long.long_only
    assert not short.long_only
    assert not long.has_costs
    assert not short.has_costs
    assert replace(short, cost=np.array([0.0, 0.1, 0.0])).has_costs
    assert long.assets == 3
    assert (long.name(1), replace(long, names=("A", "B", "C")).name(1)) == ("asset 1", "B")
