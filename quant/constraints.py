"""What an allocation has to keep to, and the linear inequalities that say so.

Weights are shares of the book's value; what they don't sum to is cash, or borrowed. The programs that keep to
the inequalities are `quant.portfolio`'s, finding out which can't be kept together is `quant.conflicts`'.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from quant.bars import Floats
from quant.errors import QuantError

Ints = npt.NDArray[np.intp]
INFINITY = float("inf")
# How many assets a message names.
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Assets that count together, such as a sector: the sum of their weights stays in [lower, upper]."""

    name: str
    members: tuple[int, ...]
    lower: float = -INFINITY
    upper: float = INFINITY


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Constraints:
    """What the weights w (N,) have to keep to.

    Attributes
    ----------
    lower, upper : (N,) float64
        Of each weight; may be infinite, may be negative (short).
    net : pair of float
        Least and greatest sum of the weights: (1, 1) is fully invested, (0, 1) may leave cash.
    gross : float, optional
        Greatest sum of the absolute weights.
    groups : tuple of Group
    held : (N,) float64, optional
        The weights before, from which `turnover` and costs count.
    turnover : float, optional
        Greatest sum of ``|w - held|``.
    cost : (N,) float64, optional
        What trading an asset costs per notional, in the unit and for the period of the expected return that it is
        taken from: 10 basis points paid once a month are 0.012 of an annual return.
    names : tuple of str, optional
        What the assets are called in messages.

    Raises
    ------
    QuantError
        Where a value is NaN, a shape doesn't fit, a member is no asset, or `turnover` and `cost` lack `held`. Limits
        that contradict each other are no error yet: see `quant.conflicts`.
    """

    lower: Floats
    upper: Floats
    net: tuple[float, float] = (1.0, 1.0)
    gross: float | None = None
    groups: tuple[Group, ...] = ()
    held: Floats | None = None
    turnover: float | None = None
    cost: Floats | None = None
    names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        shape = self.lower.shape
        if len(shape) != 1 or not shape[0]:
            raise QuantError(f"lower: expected a bound for each of at least one asset, got shape {shape}")
        for name in ("lower", "upper", "held", "cost"):
            _check_vector(name, getattr(self, name), shape, finite=name in ("held", "cost"))
        _check_limits(self)
        if self.names and len(self.names) != self.assets:
            raise QuantError(f"names: expected {self.assets}, got {len(self.names)}")

    @property
    def assets(self) -> int:
        """How many there are."""
        return len(self.lower)

    @property
    def closed(self) -> npt.NDArray[np.bool_]:
        """Which assets (N,) can't be held at all."""
        closed: npt.NDArray[np.bool_] = (self.lower == 0.0) & (self.upper == 0.0)
        return closed

    @property
    def long_only(self) -> bool:
        """Whether no weight may be negative."""
        return bool(np.all(self.lower >= 0.0))

    @property
    def has_costs(self) -> bool:
        """Whether trading costs anything."""
        return self.cost is not None and bool(np.any(self.cost > 0))

    def name(self, asset: int) -> str:
        """What an asset is called."""
        return self.names[asset] if self.names else f"asset {asset}"


def long_only(assets: int, *, upper: float = 1.0) -> Constraints:
    """Fully invested, no weight below zero or above `upper`."""
    return Constraints(lower=np.zeros(assets), upper=np.full(assets, upper))


def _check_vector(name: str, values: Floats | None, shape: tuple[int, ...], *, finite: bool) -> None:
    if values is None:
        return
    if values.shape != shape:
        raise QuantError(f"{name}: expected shape {shape}, got {values.shape}")
    wrong = ~np.isfinite(values) if finite else np.isnan(values)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise QuantError(f"{name}[{row}]: expected a {'finite ' if finite else ''}number, got {values[row]}")


def _check_limits(constraints: Constraints) -> None:
    least, greatest = constraints.net
    if not (np.isfinite(least) and np.isfinite(greatest)):
        raise QuantError(f"net: expected two finite numbers, got {constraints.net}")
    for name in ("gross", "turnover"):
        value = getattr(constraints, name)
        if value is not None and not 0.0 <= value < INFINITY:
            raise QuantError(f"{name}: expected 0 or more and finite, got {value}")
    for name, never in (("lower", INFINITY), ("upper", -INFINITY)):
        if (wrong := getattr(constraints, name) == never).any():
            raise QuantError(f"{name}[{int(np.argmax(wrong))}]: expected a bound that a weight can meet, got {never}")
    if constraints.held is None and (constraints.turnover is not None or constraints.cost is not None):
        raise QuantError("held: expected the weights before, which turnover and cost count from, got none")
    if constraints.cost is not None and np.any(constraints.cost < 0):
        raise QuantError(f"cost: expected 0 or more, got {constraints.cost.min()}")
    for group in constraints.groups:
        if not group.members or not all(0 <= member < constraints.assets for member in group.members):
            raise QuantError(
                f"group {group.name}: expected members in 0..{constraints.assets - 1}, got {group.members}"
            )
        if not (group.lower < INFINITY and group.upper > -INFINITY):
            raise QuantError(
                f"group {group.name}: expected bounds that weights can meet, got {group.lower} and {group.upper}"
            )


class Variable(enum.Enum):
    """What the inequalities are in, N of each: weights, what is traded of each, and each one's absolute size."""

    WEIGHT = "weight"
    TRADED = "traded"
    SIZE = "size"


@dataclass(frozen=True, slots=True, eq=False)
class Sparse:
    """A matrix by its entries other than zero."""

    row: Ints
    column: Ints
    value: Floats


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Limit:
    """Rows ``sum of term @ variable <= bound`` (or ``==``), (M,).

    `label` says what rows are to a person, given which; None for what only defines a variable.
    """

    terms: Mapping[Variable, Sparse]
    bound: Floats
    equality: bool = False
    label: Callable[[Ints], str] | None = None


def limits(constraints: Constraints, *, of_closed: bool = False) -> Iterator[Limit]:
    """The constraints as linear rows; those that others imply are left out, and bounds of what is closed on demand."""
    yield from _net(constraints)
    yield from _bounds(constraints, of_closed=of_closed)
    yield from _groups(constraints)
    yield from _gross(constraints)
    yield from _trading(constraints)


def are_met(constraints: Constraints, weights: Floats, *, tolerance: float = 1e-12) -> bool:
    """Whether weights (N,) miss no constraint by more than a tolerance."""
    held = np.zeros(constraints.assets) if constraints.held is None else constraints.held
    values = {Variable.WEIGHT: weights, Variable.TRADED: np.abs(weights - held), Variable.SIZE: np.abs(weights)}
    for limit in limits(constraints, of_closed=True):
        over = -limit.bound
        for variable, term in limit.terms.items():
            np.add.at(over, term.row, term.value * values[variable][term.column])
        if (np.abs(over) if limit.equality else over).max() > tolerance:
            return False
    return True


def identity(assets: int, scale: float = 1.0) -> Sparse:
    """`scale` on the diagonal."""
    every = np.arange(assets)
    return Sparse(every, every, np.full(assets, scale))


def one_row(values: Floats) -> Sparse:
    """A single row."""
    return Sparse(np.zeros(len(values), dtype=np.intp), np.arange(len(values)), values)


def _net(constraints: Constraints) -> Iterator[Limit]:
    ones, (least, greatest) = np.ones(constraints.assets), constraints.net
    if least == greatest:
        yield Limit(
            terms={Variable.WEIGHT: one_row(ones)},
            bound=np.array([least]),
            equality=True,
            label=_said(f"net exposure of {least:g}"),
        )
        return
    for sign, bound, word in ((-1.0, least, "at least"), (1.0, greatest, "at most")):
        yield Limit(
            terms={Variable.WEIGHT: one_row(sign * ones)},
            bound=np.array([sign * bound]),
            label=_said(f"net exposure {word} {bound:g}"),
        )


def _bounds(constraints: Constraints, *, of_closed: bool) -> Iterator[Limit]:
    lower, upper = constraints.lower, constraints.upper
    # With a finite floor under all others, the net exposure is itself a ceiling.
    ceiling = constraints.net[1] - (lower.sum() - lower) if np.isfinite(lower).all() else np.full(len(lower), INFINITY)
    for sign, bound, chosen, word in (
        (-1.0, lower, np.isfinite(lower), "at least"),
        (1.0, upper, upper < ceiling - 1e-12, "at most"),
    ):
        assets = np.flatnonzero(chosen if of_closed else chosen & ~constraints.closed)
        if len(assets):
            yield Limit(
                terms={Variable.WEIGHT: Sparse(np.arange(len(assets)), assets, np.full(len(assets), sign))},
                bound=sign * bound[assets],
                label=_bound_label(constraints, assets, bound, word),
            )


def _bound_label(constraints: Constraints, assets: Ints, bound: Floats, word: str) -> Callable[[Ints], str]:
    def label(rows: Ints) -> str:
        told = [f"{constraints.name(int(asset))} {word} {bound[asset]:g}" for asset in assets[rows]]
        return ", ".join(told[:SHOWN]) + (f" and so on for {len(told) - SHOWN} more" if len(told) > SHOWN else "")

    return label


def _said(text: str) -> Callable[[Ints], str]:
    return lambda _: text


def _groups(constraints: Constraints) -> Iterator[Limit]:
    for group in constraints.groups:
        members = np.array(group.members, dtype=np.intp)
        for sign, bound, word in ((-1.0, group.lower, "at least"), (1.0, group.upper, "at most")):
            if np.isfinite(bound):
                entries = Sparse(np.zeros(len(members), dtype=np.intp), members, np.full(len(members), sign))
                yield Limit(
                    terms={Variable.WEIGHT: entries},
                    bound=np.array([sign * bound]),
                    label=_said(f"group {group.name} {word} {bound:g}"),
                )


def _gross(constraints: Constraints) -> Iterator[Limit]:
    if constraints.gross is None:
        return
    label = _said(f"gross exposure at most {constraints.gross:g}")
    counted = Variable.WEIGHT if constraints.long_only else Variable.SIZE
    ones = one_row(np.ones(constraints.assets))
    yield Limit(terms={counted: ones}, bound=np.array([constraints.gross]), label=label)
    if counted is Variable.SIZE:
        yield from _at_least_absolute(Variable.SIZE, np.zeros(constraints.assets))


def _trading(constraints: Constraints) -> Iterator[Limit]:
    if constraints.held is None or (constraints.turnover is None and not constraints.has_costs):
        return
    yield from _at_least_absolute(Variable.TRADED, constraints.held)
    if constraints.turnover is not None:
        yield Limit(
            terms={Variable.TRADED: one_row(np.ones(constraints.assets))},
            bound=np.array([constraints.turnover]),
            label=_said(f"turnover at most {constraints.turnover:g}"),
        )


def _at_least_absolute(variable: Variable, centre: Floats) -> Iterator[Limit]:
    """``|w - centre| <= variable``, from both sides."""
    for sign in (1.0, -1.0):
        yield Limit(
            terms={Variable.WEIGHT: identity(len(centre), sign), variable: identity(len(centre), -1.0)},
            bound=sign * centre,
        )
