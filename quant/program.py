"""Convex programs, put together part by part and handed to clarabel. What is minimised, and why, is the caller's.

``minimise x' P x / 2 + q' x`` subject to rows that are zero, at most their bound, or lie in a second-order or
exponential cone. Entries are collected as triplets, because the server solves small programs by the thousand and
assembling them by blocks would take longer than solving them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np

from quant.bars import Floats
from quant.constraints import Ints, Sparse
from quant.errors import Infeasible, QuantError

TIME_LIMIT: Final = 10.0
# Tried one after the other: tolerance, and how far to go towards the edge of the cones in a step. Long steps are the
# fastest, but one program in ten thousand turns in circles with them; the third is for those so nearly singular that
# even short ones stall, the last for second-order cones beside a hundred groups, which lose digits on the way to more.
ATTEMPTS: Final = ((1e-11, 0.99), (1e-11, 0.9), (1e-9, 0.9), (1e-8, 0.99))
# More than twice what any program of 3 to 500 assets took to its solution.
ITERATIONS: Final = 100


class Cone(enum.Enum):
    """What ``bound - rows @ x`` has to lie in, in the order in which clarabel is told of them."""

    ZERO = "zero"
    NONNEGATIVE = "nonnegative"
    SECOND_ORDER = "second order"  # the first row at least the norm of the others
    EXPONENTIAL = "exponential"  # three rows (r, s, t) with s exp(r / s) <= t


class TimeLimit(Infeasible):
    """The solver was stopped before it had found a solution."""


class Unsolvable(Infeasible):
    """No solution exists, or none was reached; the program doesn't know which constraint is to blame."""


@dataclass(slots=True)
class Program:
    """A program under construction; variables and rows are numbered as they are added."""

    columns: int = 0
    _linear: list[tuple[int, Floats]] = field(default_factory=list)
    _quadratic: list[tuple[int, Sparse]] = field(default_factory=list)
    _rows: dict[Cone, list[tuple[Sparse, ...]]] = field(default_factory=dict)
    _bounds: dict[Cone, list[Floats]] = field(default_factory=dict)
    _sizes: dict[Cone, list[int]] = field(default_factory=dict)
    _zero: list[Ints] = field(default_factory=list)

    def add(self, count: int) -> int:
        """Room for `count` variables; where they start."""
        start, self.columns = self.columns, self.columns + count
        return start

    def minimise(self, start: int, linear: Floats) -> None:
        """Add ``linear @ x[start:]`` to the objective."""
        self._linear.append((start, linear))

    def minimise_square(self, start: int, upper_triangle: Sparse) -> None:
        """Add ``x' P x / 2`` of the variables from `start` on, P by its upper triangle, sorted by column."""
        self._quadratic.append((start, upper_triangle))

    def require(self, cone: Cone, bound: Floats, *terms: tuple[int, Sparse]) -> None:
        """Have ``bound - sum of term @ x[start:]`` in the cone; each term with where its variables start."""
        moved = tuple(Sparse(term.row, term.column + start, term.value) for start, term in terms)
        self._rows.setdefault(cone, []).append(moved)
        self._bounds.setdefault(cone, []).append(bound)
        self._sizes.setdefault(cone, []).append(len(bound))

    def keep_at_zero(self, columns: Ints) -> None:
        """Take variables out of the program: they are zero."""
        self._zero.append(columns)

    def solve(self, *, time_limit: float = TIME_LIMIT) -> Floats:
        """The variables (columns,) at the optimum.

        Raises
        ------
        Unsolvable
            If there is none, or the solver does not reach it.
        TimeLimit
            If it takes longer than `time_limit` seconds, all attempts together.
        """
        status, left = "", time_limit
        for tolerance, step in ATTEMPTS:
            solution = self._solution(tolerance, step, left)
            left = max(left - float(solution.solve_time), 0.0)
            status = str(solution.status)
            if status in ("Solved", "AlmostSolved") and _is_close(solution, tolerance):
                found = np.zeros(self.columns)
                found[self._free()] = solution.x
                return found
            if status == "MaxTime":
                raise TimeLimit(f"solver: expected a solution within {time_limit:g} s, got none")
            if status in ("PrimalInfeasible", "DualInfeasible"):
                break
        raise Unsolvable(f"solver: expected a solution, got {status}")

    def _solution(self, tolerance: float, step: float, time_limit: float) -> Any:
        import clarabel  # not at import: much of the server never solves anything

        options = clarabel.DefaultSettings()
        options.verbose = False
        options.time_limit = time_limit
        options.max_step_fraction = step
        options.max_iter = ITERATIONS
        options.tol_gap_abs = options.tol_gap_rel = options.tol_feas = tolerance
        kinds = {
            Cone.ZERO: clarabel.ZeroConeT,
            Cone.NONNEGATIVE: clarabel.NonnegativeConeT,
            Cone.SECOND_ORDER: clarabel.SecondOrderConeT,
        }
        cones: list[Any] = []
        for cone, sizes in self._ordered(self._sizes):
            if cone in (Cone.ZERO, Cone.NONNEGATIVE):
                cones.append(kinds[cone](sum(sizes)))
            elif cone is Cone.SECOND_ORDER:
                cones.extend(kinds[cone](size) for size in sizes)
            else:
                cones.extend(clarabel.ExponentialConeT() for size in sizes for _ in range(size // 3))
        bound = np.concatenate([part for _, parts in self._ordered(self._bounds) for part in parts])
        linear = np.zeros(self.columns)
        for start, values in self._linear:
            linear[start : start + len(values)] += values
        objective, constraints = self._objective(), self._constraints(len(bound))
        if self._zero:
            free = self._free()
            objective, linear, constraints = objective[free][:, free], linear[free], constraints[:, free]
        return clarabel.DefaultSolver(objective, linear, constraints, bound, cones, options).solve()

    def _free(self) -> Ints:
        free = np.ones(self.columns, dtype=bool)
        for columns in self._zero:
            free[columns] = False
        return np.flatnonzero(free)

    @staticmethod
    def _ordered(by_cone: dict[Cone, list[Any]]) -> Iterable[tuple[Cone, list[Any]]]:
        return ((cone, by_cone[cone]) for cone in Cone if cone in by_cone)

    def _objective(self) -> Any:
        from scipy import sparse

        shape = (self.columns, self.columns)
        if not self._quadratic:
            return sparse.csc_matrix(shape)
        parts = [Sparse(part.row + start, part.column + start, part.value) for start, part in self._quadratic]
        # Sorted within each part, and the parts in the order of their variables: as CSC wants them.
        row, column, value = (np.concatenate([getattr(part, name) for part in parts]) for name in Sparse.__slots__)
        pointer = np.searchsorted(column, np.arange(self.columns + 1))
        return sparse.csc_matrix((value, row, pointer), shape=shape)

    def _constraints(self, rows: int) -> Any:
        from scipy import sparse

        triplets: list[Sparse] = []
        start = 0
        for cone, blocks in self._ordered(self._rows):
            for terms, size in zip(blocks, self._sizes[cone], strict=True):
                triplets.extend(Sparse(term.row + start, term.column, term.value) for term in terms)
                start += size
        row, column, value = (np.concatenate([getattr(part, name) for part in triplets]) for name in Sparse.__slots__)
        return sparse.csc_matrix((value, (row, column)), shape=(rows, self.columns))


def _is_close(solution: Any, tolerance: float) -> bool:
    """Whether what the solver gave up on is as good as what is asked for elsewhere."""
    return str(solution.status) == "Solved" or max(float(solution.r_prim), float(solution.r_dual)) < 100 * tolerance


@lru_cache(maxsize=16)
def _triangle(assets: int) -> tuple[Ints, Ints]:
    """Rows and columns of an upper triangle, column by column."""
    column, row = np.tril_indices(assets)
    return row.astype(np.intp), column.astype(np.intp)


def upper_triangle(matrix: Floats) -> Sparse:
    """A symmetric matrix as `Program.minimise_square` wants it."""
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise QuantError(f"matrix: expected a square one, got shape {matrix.shape}")
    row, column = _triangle(len(matrix))
    return Sparse(row, column, matrix[row, column])


def diagonal(values: Floats) -> Sparse:
    """A diagonal matrix."""
    every = np.arange(len(values))
    return Sparse(every, every, values)


def dense(matrix: Floats) -> Sparse:
    """All entries of a matrix."""
    row, column = np.indices(matrix.shape)
    return Sparse(row.ravel(), column.ravel(), matrix.ravel())


def one_column(values: Floats) -> Sparse:
    """A single column, without its zeros."""
    rows = np.flatnonzero(values)
    return Sparse(rows, np.zeros(len(rows), dtype=np.intp), values[rows])
