"""Which constraints can't be kept together, found by linear programs; and what the best allocation would earn.

Only asked for once a program has turned out to have no solution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from quant.bars import Floats
from quant.constraints import Constraints, Ints, Limit, Sparse, Variable, limits, one_row
from quant.errors import Infeasible, QuantError

# By how much rows may be missed and still count as met, in weight.
TOLERANCE: Final = 1e-9
UNBOUNDED: Final = 3  # scipy's status
# As strict as HiGHS can be told to be: by its own 1e-7 it would meet rows that the solver of the program couldn't.
OPTIONS: Final[Any] = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def explain(constraints: Constraints, *, expected_return: Floats | None = None, at_least: float | None = None) -> None:
    """Raise `Infeasible` naming constraints that conflict; return where some weights meet them all.

    Parameters
    ----------
    constraints : Constraints
    expected_return : (N,) float64, optional
    at_least : float, optional
        The least expected return, net of costs, as one more constraint.

    Notes
    -----
    The rows with a dual in a program that violates the constraints least hold a conflict (Farkas). Where the greatest
    violation is least, a vertex's are few: the dual is an extreme ray, none of whose rows can do without the others.
    Kinds that are not needed all the same are then left out one after the other.

    References
    ----------
    Chinneck & Dravnieks (1991), Locating minimal infeasible constraint sets in linear programs.
    """
    rows = list(limits(constraints, of_closed=True))
    if expected_return is not None and at_least is not None:
        rows.append(_return_limit(constraints, expected_return, at_least))
    parts = _Parts(rows, constraints.assets)
    suspects = parts.suspects()
    if not suspects:
        return
    for limit in () if parts.need_each_other(suspects) else list(suspects):
        rest = {other: chosen for other, chosen in suspects.items() if other != limit}
        if parts.violation(rest) > TOLERANCE:
            suspects = rest
    named = tuple(label(chosen) for limit, chosen in suspects.items() if (label := rows[limit].label) is not None)
    raise Infeasible(
        f"constraints: expected weights that meet them all, got a conflict of {'; '.join(named)}", conflicting=named
    )


def highest_return(expected_return: Floats, constraints: Constraints) -> float:
    """The greatest expected return, net of costs, within constraints that can be met; infinite without a bound."""
    from scipy.optimize import linprog

    # In units of the largest one, since the solver's tolerances are absolute.
    mean, unit = in_units(expected_return, constraints.assets)
    parts = _Parts(list(limits(constraints, of_closed=True)), constraints.assets)
    objective = np.zeros(parts.columns)
    objective[: constraints.assets] = -mean
    if constraints.has_costs and constraints.cost is not None:
        start = parts.start[Variable.TRADED]
        objective[start : start + constraints.assets] = constraints.cost / unit
    below, equal = parts.split()
    found = linprog(objective, *below, *equal, bounds=(None, None), method="highs", options=OPTIONS)
    if found.status == UNBOUNDED:
        return float("inf")
    _check_solved(found)
    return -unit * float(np.asarray(found.fun))


def in_units(expected_return: Floats, assets: int) -> tuple[Floats, float]:
    """Expected returns (N,) in units of the largest one, and that one; `QuantError` where they are not finite."""
    if expected_return.shape != (assets,) or not np.isfinite(expected_return).all():
        raise QuantError(f"expected_return: expected a finite ({assets},) array, got shape {expected_return.shape}")
    unit = float(np.abs(expected_return).max())
    return (expected_return / unit, unit) if unit > 0 else (expected_return, 1.0)


def _check_solved(found: Any) -> None:
    """`Infeasible` where HiGHS gave up, as it does on numbers that are many orders of magnitude apart."""
    if found.status != 0:
        raise Infeasible(f"constraints: expected numbers that a linear program can work with, got {found.message}")


def _return_limit(constraints: Constraints, expected_return: Floats, at_least: float) -> Limit:
    mean, unit = in_units(expected_return, constraints.assets)
    terms: dict[Variable, Sparse] = {Variable.WEIGHT: one_row(-mean)}
    if constraints.has_costs and constraints.cost is not None:
        terms[Variable.TRADED] = one_row(constraints.cost / unit)
    return Limit(
        terms=terms, bound=np.array([-at_least / unit]), label=lambda _: f"expected return at least {at_least:g}"
    )


class _Parts:
    """All rows as one matrix, and the `limit` that each belongs to."""

    def __init__(self, rows: list[Limit], assets: int) -> None:
        from scipy import sparse

        self.start: dict[Variable, int] = {Variable.WEIGHT: 0}
        for limit in rows:
            for variable in limit.terms:
                self.start.setdefault(variable, len(self.start) * assets)
        self.columns = len(self.start) * assets
        first = np.concatenate([[0], np.cumsum([len(limit.bound) for limit in rows])])
        triplets = [
            (term.row + first[k], term.column + self.start[variable], term.value)
            for k, limit in enumerate(rows)
            for variable, term in limit.terms.items()
        ]
        row, column, value = (np.concatenate(part) for part in zip(*triplets, strict=True))
        self.matrix: Any = sparse.csr_matrix((value, (row, column)), shape=(first[-1], self.columns))
        self.bound = np.concatenate([limit.bound for limit in rows])
        self.limit = np.repeat(np.arange(len(rows)), np.diff(first))
        self.first = first
        self.equality = np.array([limit.equality for limit in rows])[self.limit]
        self.can_conflict = np.array([limit.label is not None for limit in rows])[self.limit]

    def split(self) -> tuple[tuple[Any, Floats], tuple[Any, Floats]]:
        """Inequalities and equalities, each a matrix with its bounds."""
        below, equal = ~self.equality, self.equality
        return (self.matrix[below], self.bound[below]), (self.matrix[equal], self.bound[equal])

    def suspects(self) -> dict[int, Ints]:
        """The rows of a conflict, and perhaps some more, by limit; none if all can be met."""
        every = np.ones(len(self.bound), dtype=bool)
        violation, dual = self._least_violation(every)
        if violation <= TOLERANCE:
            return {}
        few = self._by_limit(self._least_violation(every, together=True)[1])
        return few if self.violation(few) > TOLERANCE else self._by_limit(dual)

    def need_each_other(self, suspects: Mapping[int, Ints]) -> bool:
        """Whether rows that conflict surely don't without each; false where it takes a program to tell.

        Where no row only defines, they do if a single combination of them, but for its scale, is zero.
        """
        if not self.can_conflict.all():
            return False
        rows = np.concatenate([self.first[limit] + chosen for limit, chosen in suspects.items()])
        return bool(np.linalg.matrix_rank(self.matrix[rows].toarray()) == len(rows) - 1)

    def _by_limit(self, dual: Floats) -> dict[int, Ints]:
        rows = np.flatnonzero(self.can_conflict & (np.abs(dual) > 1e-7))
        return {int(k): rows[self.limit[rows] == k] - self.first[k] for k in np.unique(self.limit[rows])}

    def violation(self, kept: Mapping[int, Ints]) -> float:
        """By how much the rows that are kept, with those that only define, have to be missed."""
        chosen = ~self.can_conflict
        for limit, rows in kept.items():
            chosen[self.first[limit] + rows] = True
        return self._least_violation(chosen)[0]

    def _least_violation(self, chosen: npt.NDArray[np.bool_], *, together: bool = False) -> tuple[float, Floats]:
        """By how much the chosen rows are missed at least, in sum, and the dual of each.

        `together` counts the greatest miss of all inequalities in place of their sum.
        """
        from scipy import sparse
        from scipy.optimize import linprog

        rows = np.arange(len(self.bound))
        column = np.where(self.equality, 1 + rows, 0) if together else rows
        columns = 1 + len(rows)
        missed = [
            sparse.csr_matrix((self.can_conflict * side, (rows, column)), shape=(len(rows), columns))
            for side in (np.full(len(rows), -1.0), self.equality.astype(np.float64))
        ]
        wide = sparse.hstack([self.matrix, *missed], format="csr")
        below, equal = chosen & ~self.equality, chosen & self.equality
        found = linprog(
            np.concatenate([np.zeros(self.columns), np.ones(2 * columns)]),
            wide[below],
            self.bound[below],
            wide[equal],
            self.bound[equal],
            bounds=[(None, None)] * self.columns + [(0.0, None)] * (2 * columns),
            method="highs",
            options=OPTIONS,
        )
        _check_solved(found)
        dual = np.zeros(len(self.bound))
        dual[below], dual[equal] = found.ineqlin.marginals, found.eqlin.marginals
        return float(np.asarray(found.fun)), dual
