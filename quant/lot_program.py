"""The mixed-integer program of `quant.lots`, for HiGHS: the least deviation from the target, and the proof of it."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from quant.bars import Floats
from quant.lots import ROUNDING, TOLERANCE, LotProblem

# Cash, caps and turnover are held to this part of a lot by the solver; asked to spare as much, it holds them exactly.
SLACK: Final = 3e-6
INFEASIBLE: Final = 2  # scipy's status


Matrix = sparse.csr_array


class Solved(NamedTuple):
    """What the solver says."""

    # The best lots found, which the problem allows; None if it found none.
    lots: Floats | None
    # No allocation's objective is below this; infinite if there is no allocation at all.
    bound: float


class _Box(NamedTuple):
    """Where an allocation must be that is no worse than one that is known."""

    low: Floats
    high: Floats
    # Least and greatest cost in all, as a share of the value before trading.
    cheapest: float
    dearest: float
    # The lots just below the target, and the least deviation with so many lots and with one more.
    floor: Floats
    at_floor: Floats
    above_floor: Floats
    # No objective is below this.
    bound: float
    # Lots within, near to the best as far as anyone knows.
    near: Floats


def solve(problem: LotProblem, known: Floats | None, *, time_limit: float) -> Solved:
    """The lots of the least objective, `known` or better, to within half of the problem's tolerance.

    Parameters
    ----------
    problem : LotProblem
    known : (N,) float64 or None
        An allocation that the problem allows; the better it is, the smaller the program.
    time_limit : float
        Seconds for the solver, a quarter of them kept for a second try. Preparing takes a few milliseconds more.

    Notes
    -----
    A relaxation that ignores whole lots misses no target and so proves nothing: HiGHS would have to branch on every
    asset. So each deviation is held above the line through its values at the two whole numbers around the target,
    below which no whole number of lots can be, and lots outside of what could still be better are left out.
    """
    ceiling = np.inf if known is None else float(problem.objective(known))
    box = _box(problem, ceiling, known)
    if known is not None and ceiling - box.bound <= problem.tolerance / 2:
        return Solved(known, box.bound)
    found, bound = _ask(problem, box, ceiling, 0.75 * time_limit, slack=0.0)
    if found is not None and not problem.allows(found):
        # Within the solver's tolerances, but not exactly; what it proved still holds.
        found, _ = _ask(problem, box, ceiling, 0.25 * time_limit, slack=SLACK)
        found = found if found is not None and problem.allows(found) else None
    bound = max(bound, box.bound)
    if known is not None and bound > ceiling + problem.tolerance:
        bound = box.bound  # refuted by what is known: proves nothing
    if found is None or (known is not None and problem.objective(found) >= ceiling):
        return Solved(known, bound)
    return Solved(found, bound)


def _box(problem: LotProblem, ceiling: float, known: Floats | None) -> _Box:
    """Bounds that leave out nothing with an objective of at most `ceiling`."""
    cheapest, dearest = _range_of_cost(problem, ceiling)
    least, most = problem.target * (1.0 - dearest), problem.target * (1.0 - cheapest)
    floor = np.floor(least / problem.size)
    at_floor = least - problem.size * floor
    above_floor = np.maximum(problem.size * (floor + 1.0) - most, 0.0)
    missed = np.minimum(at_floor, above_floor)
    bound = cheapest + float(missed.sum())
    away = missed + max(ceiling - bound, 0.0) + 1e3 * ROUNDING
    affordable = np.floor(np.minimum(1.0, problem.upper * (1.0 - cheapest)) / problem.size + 1e-9)
    high = np.minimum(np.floor(np.minimum((most + away) / problem.size, 1e15)), affordable)
    low = np.maximum(np.ceil((least - away) / problem.size), 0.0) if np.isfinite(ceiling) else np.zeros_like(high)
    high = np.maximum(high, low)
    near = np.clip(floor if known is None else known, low, high)
    return _Box(low, high, cheapest, dearest, floor, at_floor, above_floor, bound, near)


def _range_of_cost(problem: LotProblem, ceiling: float) -> tuple[float, float]:
    """Least and greatest cost of an allocation with an objective of at most `ceiling`.

    It is that of trading to the target itself, give or take the rate times the deviation; what the target is worth
    depends on the cost, hence the rounds, each of which makes the range smaller by about the rate.
    """
    rate, invested = max(problem.buy, problem.sell), problem.held * problem.size
    low, high = 0.0, min(problem.sell * float(invested.sum()) + problem.buy, ceiling)
    for _ in range(6):
        first, last = problem.target * (1.0 - high), problem.target * (1.0 - low)
        deviation = ceiling - low
        if not np.isfinite(deviation):
            break
        nearest = problem.costs(np.clip(invested, first, last) / problem.size)
        farthest = np.maximum(problem.costs(first / problem.size), problem.costs(last / problem.size))
        low = max(low, float(nearest.sum()) - rate * deviation - ROUNDING)
        high = min(high, float(farthest.sum()) + rate * deviation + ROUNDING)
    return low, max(high, low)


def _ask(
    problem: LotProblem, box: _Box, ceiling: float, time_limit: float, *, slack: float
) -> tuple[Floats | None, float]:
    """The solver's lots, rounded, and its bound on the objective."""
    program = _program(problem, box, slack)
    tightness = problem.tolerance / 2.0 / min(max(ceiling, TOLERANCE), 2.0)
    answer = milp(
        program.objective,
        constraints=LinearConstraint(program.rows, -np.inf, program.right),
        bounds=Bounds(program.low, program.high),
        integrality=program.whole,
        options={"time_limit": time_limit, "mip_rel_gap": tightness},
    )
    if answer.status == INFEASIBLE:
        return None, np.inf
    lots = None if answer.x is None else program.origin + np.rint(answer.x[: len(program.origin)])
    bound = answer.mip_dual_bound
    return lots, -np.inf if bound is None or np.isnan(bound) else float(bound) * program.unit


class _Program(NamedTuple):
    """Minimise ``objective @ x``, ``rows @ x <= right``, ``low <= x <= high``; lots above `origin` come first in x."""

    objective: Floats
    rows: sparse.csc_array
    right: Floats
    low: Floats
    high: Floats
    whole: npt.NDArray[np.int_]
    origin: Floats
    unit: float


def _program(problem: LotProblem, box: _Box, slack: float) -> _Program:
    """The program in lots counted from those that are known, and money in average lots.

    So all figures are of the order of one, whatever the size of the book: the solver's tolerances are absolute. (Lots
    that cost more than there is count as much as there is.)
    """
    assets, unit = len(problem.size), float(np.mean(np.minimum(problem.size, 1.0)))
    origin = box.near
    rows = _deviation_rows(problem, box, origin, unit) + _money_rows(problem, box, origin, unit, slack)
    switches = 2 * assets if problem.minimum > 0 else 0
    if switches:
        rows += _minimum_rows(problem, box, origin)
    # Lots, deviations, lots bought, cost above the cheapest, the cheapest; whether bought, whether sold.
    plain, ones = np.zeros(assets), np.ones(assets)
    off = np.zeros(switches)
    return _Program(
        objective=np.concatenate([plain, ones, plain, [1.0, box.cheapest / unit], off]),
        rows=sparse.csc_array(sparse.vstack([_across(row, assets, switches) for row in rows])),
        right=np.concatenate([row.right for row in rows]),
        low=np.concatenate([box.low - origin, plain, plain, [0.0, 1.0], off]),
        high=np.concatenate([box.high - origin, np.full(2 * assets, np.inf), [np.inf, 1.0], off + 1.0]),
        whole=np.concatenate([ones, plain, plain, [0.0, 0.0], off + 1.0]).astype(np.int_),
        origin=origin,
        unit=unit,
    )


class _Rows(NamedTuple):
    """Some constraints: coefficients (M, N) of each group of columns, or (M,) of the cost's, where there are any."""

    right: Floats
    lots: Matrix | None = None
    deviation: Matrix | None = None
    bought: Matrix | None = None
    cost: Floats | None = None
    buying: Matrix | None = None
    selling: Matrix | None = None


def _across(row: _Rows, assets: int, switches: int) -> sparse.csr_array:
    """The coefficients side by side, with zeros where a group has none."""
    empty = sparse.csr_array((len(row.right), assets))
    cost = np.zeros((len(row.right), 2))
    if row.cost is not None:
        cost[:, 0] = row.cost
    groups = [row.lots, row.deviation, row.bought]
    parts = [empty if group is None else group for group in groups] + [sparse.csr_array(cost)]
    if switches:
        parts += [empty if group is None else group for group in (row.buying, row.selling)]
    return sparse.csr_array(sparse.hstack(parts))


def _deviation_rows(problem: LotProblem, box: _Box, origin: Floats, unit: float) -> list[_Rows]:
    """Deviations on both sides of the target, and above the line between the two whole numbers around it."""
    size, eye = problem.size / unit, _diagonal(np.ones(len(origin)))
    missed = (problem.target * (1.0 - box.cheapest) - problem.size * origin) / unit
    chord = (box.above_floor - box.at_floor) / unit
    at_origin = box.at_floor / unit + chord * (origin - box.floor)
    return [
        _Rows(lots=_diagonal(size), deviation=-eye, cost=problem.target, right=missed),
        _Rows(lots=_diagonal(-size), deviation=-eye, cost=-problem.target, right=-missed),
        _Rows(lots=_diagonal(chord), deviation=-eye, right=-at_origin),
    ]


def _money_rows(problem: LotProblem, box: _Box, origin: Floats, unit: float, slack: float) -> list[_Rows]:
    """What trading costs, and what cash, caps and the limit on turnover leave room for."""
    size, offset = problem.size / unit, origin - problem.held
    buys, sells = box.low >= problem.held, box.high <= problem.held
    either = np.where(buys | sells, 0.0, size)  # of the others it is known which: their costs are linear in lots
    sign = np.where(buys, size, -size)
    rate = np.where(buys, problem.buy, -problem.sell) * size
    cash = (problem.cash - float(problem.size @ offset) - box.cheapest) / unit
    # Cost and purchases may exceed what they are, which never helps; so inequalities are enough.
    rows = [
        _Rows(lots=_diagonal(np.ones(len(size))), bought=_diagonal(-np.ones(len(size))), right=-offset),
        _Rows(
            lots=sparse.csr_array(rate[None]),
            bought=sparse.csr_array((problem.buy + problem.sell) * either[None]),
            cost=np.array([-1.0]),
            right=np.array([box.cheapest / unit - float(rate @ offset)]),
        ),
        _Rows(lots=sparse.csr_array(size[None]), cost=np.array([1.0]), right=np.array([cash - slack])),
    ]
    capped = np.flatnonzero(problem.size * box.high > problem.upper * (1.0 - box.dearest))
    if len(capped):
        upper = problem.upper[capped]
        room = (upper * (1.0 - box.cheapest) - (problem.size * origin)[capped]) / unit
        rows.append(_Rows(lots=_diagonal(size)[capped], cost=upper, right=room - slack))
    if np.isfinite(problem.turnover):
        room = problem.turnover / unit - sign @ offset
        bought = sparse.csr_array(2.0 * either[None])
        rows.append(_Rows(lots=sparse.csr_array(sign[None]), bought=bought, right=np.array([room - slack])))
    return rows


def _minimum_rows(problem: LotProblem, box: _Box, origin: Floats) -> list[_Rows]:
    """Each asset is left, bought or sold; if bought or sold, by no less than the minimum or all that is held."""
    offset, eye = origin - problem.held, _diagonal(np.ones(len(origin)))
    least = np.ceil(problem.minimum / problem.size - ROUNDING)
    most_bought, most_sold = np.maximum(box.high - problem.held, 0.0), np.maximum(problem.held - box.low, 0.0)
    least_sold = np.minimum(least, problem.held)
    return [
        _Rows(lots=eye, buying=_diagonal(-most_bought), selling=_diagonal(least_sold), right=-offset),
        _Rows(lots=-eye, buying=_diagonal(least), selling=_diagonal(-most_sold), right=offset),
        _Rows(buying=eye, selling=eye, right=np.ones(len(origin))),
    ]


def _diagonal(values: Floats) -> Matrix:
    return sparse.csr_array(sparse.diags_array(values))
