"""Random problems of an allocation, ordinary and degenerate, and how far weights miss what they were to keep to."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quant.constraints import Constraints, Group, long_only

Floats = NDArray[np.float64]


class Kind(enum.Enum):
    """What is special about an instance."""

    FACTORS = "five factors, more sessions than assets"
    FEW_SESSIONS = "more assets than sessions"
    TWINS = "two assets that are the same, more assets than sessions"
    STILL = "one asset that never moves"
    CONSTANT = "no asset moves"
    TINY = "units of 1e-12"
    HUGE = "units of 1e6"
    BOUND = "shorts, gross exposure, groups and turnover"


# Those with one optimum, for tests that compare weights and not only what they achieve.
REGULAR = (Kind.FACTORS, Kind.TINY, Kind.HUGE, Kind.BOUND)
UNITS = {Kind.TINY: 1e-12, Kind.HUGE: 1e6}


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """A problem; `held` (N,) meets its constraints and is expected to earn above 0."""

    kind: Kind
    expected_return: Floats
    covariance: Floats
    constraints: Constraints
    held: Floats

    @property
    def deviation(self) -> float:
        """A volatility of the size that assets have, 1 where none of them moves."""
        return float(np.sqrt(np.trace(self.covariance) / len(self.held))) or 1.0


def factor_returns(rng: np.random.Generator, assets: int, sessions: int) -> Floats:
    """Simple returns per session (sessions, assets): five factors and what is each asset's own."""
    factors = rng.normal(0.0003, 0.008, (sessions, 5))
    own = rng.normal(0.0002, 0.01, (sessions, assets)) * rng.uniform(0.5, 2.0, assets)
    made: Floats = factors @ rng.normal(0.4, 0.4, (5, assets)) + own
    return made


def instance(kind: Kind, assets: int, seed: int) -> Instance:
    """The instance of a kind, a size (at least 3) and a seed, always the same one."""
    rng = np.random.default_rng([assets, seed])
    few = kind in (Kind.FEW_SESSIONS, Kind.TWINS)
    returns = factor_returns(rng, assets, max(assets // 2, 3) if few else 2 * assets + 20)
    if kind is Kind.TWINS:
        returns[:, 1] = returns[:, 0]
    elif kind is Kind.STILL:
        returns[:, 0] = 0.0
    elif kind is Kind.CONSTANT:
        returns[:] = 0.001
    returns *= UNITS.get(kind, 1.0)
    held = rng.dirichlet(np.ones(assets))
    constraints = _bound(rng, held) if kind is Kind.BOUND else long_only(assets, upper=rng.choice([1.0, held.max()]))
    mean = returns.mean(axis=0)
    # An allocation that earns something there has to be, or there is no greatest Sharpe ratio.
    mean += max(0.1 * np.abs(mean).max() - float(mean @ held), 0.0)
    return Instance(kind, mean, np.cov(returns.T), constraints, held)


def _bound(rng: np.random.Generator, held: Floats) -> Constraints:
    """Constraints of every kind, which `held` meets with something to spare."""
    assets = len(held)
    half = tuple(int(asset) for asset in rng.permutation(assets)[: assets // 2])
    share = float(held[list(half)].sum())
    return Constraints(
        lower=np.full(assets, -0.1),
        upper=np.full(assets, held.max() + 0.05),
        gross=1.4,
        groups=(
            Group(name="half", members=half, lower=share - 0.1, upper=share + 0.05),
            Group(name="first", members=(0,), upper=float(held[0]) + 0.02),
        ),
        held=held,
        turnover=0.7,
    )


def miss(weights: Floats, constraints: Constraints) -> float:
    """By how much the constraint that is missed most is missed; 0 if none is. By their definitions, not by rows."""
    net = float(weights.sum())
    misses = [0.0, *(constraints.lower - weights), *(weights - constraints.upper)]
    misses += [constraints.net[0] - net, net - constraints.net[1]]
    if constraints.gross is not None:
        misses.append(float(np.abs(weights).sum()) - constraints.gross)
    if constraints.turnover is not None and constraints.held is not None:
        misses.append(float(np.abs(weights - constraints.held).sum()) - constraints.turnover)
    for group in constraints.groups:
        share = float(weights[list(group.members)].sum())
        misses += [group.lower - share, share - group.upper]
    return float(max(misses))


def costs(weights: Floats, constraints: Constraints) -> float:
    """What it costs to trade from what is held to the weights."""
    if constraints.cost is None or constraints.held is None:
        return 0.0
    return float(constraints.cost @ np.abs(weights - constraints.held))


def permuted(constraints: Constraints, order: NDArray[np.intp]) -> Constraints:
    """The same constraints of assets in another order."""
    place = np.argsort(order)
    groups = tuple(replace(g, members=tuple(int(place[member]) for member in g.members)) for g in constraints.groups)
    moved = {
        name: None if (values := getattr(constraints, name)) is None else values[order]
        for name in ("lower", "upper", "held", "cost")
    }
    return replace(constraints, groups=groups, **moved)
