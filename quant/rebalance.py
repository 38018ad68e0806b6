"""Whole-lot orders that bring a book to its target weights, as near as its cash, its lots and its rules allow.

The integers are in `quant.lots` and `quant.lot_program`; which weights to aim at is for `quant.portfolio` to say, and
what a book earns between rebalances for others.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from quant import lot_program, lots
from quant.account import Account, TradingRules, check_vector, exact
from quant.bars import Floats
from quant.errors import Infeasible, QuantError
from quant.lots import ROUNDING, LotProblem

# By how much targets may sum to more than 1: what optimisers leave.
WEIGHTS_SUM: Final = 1e-9


class Method(enum.Enum):
    """How the orders were found."""

    # No whole lots are better by more than `gap`: at most `quant.lots.TOLERANCE`, or twice that if nothing is ordered.
    OPTIMAL = "optimal"
    # The best the solver had when its time ran out; `gap` says how much better others can be at most.
    TIME_LIMIT = "time_limit"
    # No single order and no swap of two lots is better, others may be.
    GREEDY = "greedy"


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """Orders, and the book before and after them; N assets.

    Attributes
    ----------
    orders : (N,) float64
        Shares to buy, or to sell where negative; whole lots.
    shares_after : (N,) float64
    cash_after : float
        Never negative: without rounding, if prices, lots, cash and costs are the decimal numbers they are printed as.
    cost : float
        In currency; the value before less the value after.
    value_before, value_after : float
    weights_before, weights_after : (N,) float64
        Each of the book's value at that time.
    turnover : float
        Notional traded as a share of the value before.
    deviation : float
        Sum of the absolute differences of the weights after and their targets.
    method : Method
    gap : float or None
        By how much the sum of deviation and cost could be less at most, as a share of the value before; None if
        nothing is known about it, 0 within the band, where no other orders are allowed.
    limited : bool
        Whether turnover or the minimum order kept the book further away than it would be without. Then another run
        may order more; without, it orders nothing if the method is OPTIMAL or both runs are `greedy`.
    tracking_error : float or None
        Volatility of the difference to the target, in the covariance's unit; None without a covariance, as the others.
    volatility_before, volatility_after : float or None
    """

    orders: Floats
    shares_after: Floats
    cash_after: float
    cost: float
    value_before: float
    value_after: float
    weights_before: Floats
    weights_after: Floats
    turnover: float
    deviation: float
    method: Method
    gap: float | None
    limited: bool
    tracking_error: float | None = None
    volatility_before: float | None = None
    volatility_after: float | None = None


@dataclass(frozen=True, eq=False)
class _Found:
    """Lots, how they were found and how far they may be from the best."""

    lots: Floats
    method: Method
    gap: float | None


Solver = Callable[[LotProblem], _Found | None]


def rebalance(
    account: Account, target: Floats, rules: TradingRules, *, covariance: Floats | None = None, time_limit: float = 2.0
) -> Plan:
    """Orders after which the weights are as near to their targets as whole lots, cash and rules allow.

    Minimises the sum of absolute deviations, in currency and of the value after costs, and the cost on top of it.

    Parameters
    ----------
    account : Account
    target : (N,) float64
        Weights, 0 or more; what they miss to 1 is meant to be cash.
    rules : TradingRules
    covariance : (N, N) float64, optional
        For tracking error and volatilities only; it changes no order.
    time_limit : float
        Seconds, above 0, that HiGHS may take in all. The greedy search before it takes some milliseconds, at 500
        assets some ten, and up to a second where turnover is limited.

    Raises
    ------
    QuantError
        If an argument is not as said; the message names field and index.
    Infeasible
        If the limit on turnover doesn't allow for the sales that `upper` needs.

    Notes
    -----
    Rebalancing twice orders nothing the second time. Let F(y, x) be the objective of going from lots y to lots x and
    c(y, x) the cost of that, and let x be the best from y. Going on from x to z costs ``gap = c(y, x) + c(x, z) -
    c(y, z) >= 0`` more than to go from y to z at once. The value after is less by as much, and so the deviations change
    by no more than that, as targets sum to 1 at most: ``F(x, z) >= F(y, z) - c(y, x) >= F(y, x) - c(y, x) = F(x, x)``.
    What can be reached and paid from x can be from y, so that x is the best from x. The solver proves F up to
    `quant.lots.TOLERANCE` of the value, and nothing is ordered that gains less than that. The same holds for the
    greedy search, whose steps don't depend on where the book came from. It does not for limits on what is traded; see
    `Plan.limited`.

    References
    ----------
    Huangfu & Hall (2018), Parallelizing the dual revised simplex method: HiGHS.
    """
    if not 0.0 < time_limit < np.inf:
        raise QuantError(f"time_limit: expected above 0 seconds, and finite, got {time_limit}")
    # Where turnover or minimum order matter the program is solved without them and again with them.
    limits = rules.turnover is not None or rules.minimum_order > 0
    seconds = time_limit / 2 if limits else time_limit
    return _plan(account, target, rules, covariance, lambda problem: _optimal(problem, seconds))


def greedy(account: Account, target: Floats, rules: TradingRules, *, covariance: Floats | None = None) -> Plan:
    """The same by a search that improves order by order and swap by swap: quick, good, and without proof.

    What `rebalance` falls back to; parameters and errors are the same.
    """
    return _plan(account, target, rules, covariance, _greedily)


def _plan(account: Account, target: Floats, rules: TradingRules, covariance: Floats | None, solver: Solver) -> Plan:
    """Check, solve, and tell what the book looks like afterwards."""
    _check_target(target, len(account.price))
    if isinstance(rules.upper, np.ndarray):
        check_vector("upper", rules.upper, len(account.price), positive=True)
    if covariance is not None:
        _check_covariance(covariance, len(account.price))
    problem = _problem(account, target, rules)
    if _within_band(account, target, rules):
        found, limited = _Found(problem.held, Method.OPTIMAL, 0.0), False
    else:
        found, limited = _solved(problem, solver)
    return _told(account, target, problem, found, limited, covariance)


def _solved(problem: LotProblem, solver: Solver) -> tuple[_Found, bool]:
    """The best lots, and whether a limit on what is traded made them so."""
    free = solver(problem.unlimited())
    if free is not None and problem.allows(free.lots):
        return free, False
    found = solver(problem)
    if found is None:
        raise Infeasible(_conflict(problem))
    return found, True


def _optimal(problem: LotProblem, seconds: float) -> _Found | None:
    """The solver's lots or, if they are better, those of the greedy search."""
    known = lots.search(problem)
    answer = lot_program.solve(problem, known, time_limit=seconds)
    if answer.lots is None:
        return None
    best, method = answer.lots, Method.TIME_LIMIT
    gap = float(problem.objective(best)) - answer.bound
    if problem.allows(problem.held):
        gain = float(problem.objective(problem.held) - problem.objective(best))
        if gain <= problem.tolerance:
            best, gap = problem.held, gap + max(gain, 0.0)
    # Of the value that is left, so that the same holds for a second run, to which that is the value before.
    near = problem.tolerance * (1.0 - float(problem.costs(best).sum()))
    if gap <= (2.0 * near if best is problem.held else near):
        method = Method.OPTIMAL
    elif answer.lots is known:
        method = Method.GREEDY
    return _Found(best, method, max(gap, 0.0) if np.isfinite(gap) else None)


def _greedily(problem: LotProblem) -> _Found | None:
    found = lots.search(problem)
    return None if found is None else _Found(found, Method.GREEDY, None)


def _problem(account: Account, target: Floats, rules: TradingRules) -> LotProblem:
    """The account in lots and shares of its value."""
    value, per_lot = account.value, account.price * account.lots
    upper = np.broadcast_to(np.asarray(rules.upper, dtype=np.float64), target.shape)
    buy, sell = rules.rates
    return LotProblem(
        held=np.rint(account.shares / account.lots),
        size=per_lot / value,
        cash=account.cash / value,
        target=target,
        upper=upper,
        buy=float(buy),
        sell=float(sell),
        turnover=np.inf if rules.turnover is None else rules.turnover,
        minimum=rules.minimum_order / value,
        exact_price=tuple(exact(p) * exact(lot) for p, lot in zip(account.price, account.lots, strict=True)),
        exact_cash=exact(account.cash),
        exact_buy=buy,
        exact_sell=sell,
    )


def _within_band(account: Account, target: Floats, rules: TradingRules) -> bool:
    weights = account.weights
    near = bool((np.abs(weights - target) <= rules.band + ROUNDING).all())
    return near and bool((weights <= rules.upper + ROUNDING).all())


def _told(
    account: Account, target: Floats, problem: LotProblem, found: _Found, limited: bool, covariance: Floats | None
) -> Plan:
    """The book before and after."""
    changed = found.lots - problem.held
    cash_after = float(problem.exactly_left(found.lots))
    # Lots that are decimal numbers give shares that are: three of 0.1 are 0.3.
    after = np.array([float(int(n) * exact(lot)) for n, lot in zip(found.lots, account.lots, strict=True)])
    orders = np.array([float(int(n) * exact(lot)) for n, lot in zip(changed, account.lots, strict=True)])
    value_after = float(after @ account.price) + cash_after
    weights = after * account.price / value_after
    plan = Plan(
        orders=orders,
        shares_after=after,
        cash_after=cash_after,
        cost=float(problem.costs(found.lots).sum()) * account.value,
        value_before=account.value,
        value_after=value_after,
        weights_before=account.weights,
        weights_after=weights,
        turnover=float(problem.traded(found.lots).sum()),
        deviation=float(np.abs(weights - target).sum()),
        method=found.method,
        gap=found.gap,
        limited=limited,
    )
    if covariance is None:
        return plan
    return replace(
        plan,
        tracking_error=_volatility(weights - target, covariance),
        volatility_before=_volatility(account.weights, covariance),
        volatility_after=_volatility(weights, covariance),
    )


def _volatility(weights: Floats, covariance: Floats) -> float:
    return float(np.sqrt(max(float(weights @ covariance @ weights), 0.0)))


def _conflict(problem: LotProblem) -> str:
    """Which limits leave no allocation."""
    highest = np.floor(problem.upper / problem.size + ROUNDING)
    needed = float((problem.size * np.maximum(problem.held - highest, 0.0)).sum())
    if needed > problem.turnover:
        least = f"at least {needed:.6g}, which the sales down to upper need"
        return f"turnover, upper: expected a turnover of {least}, got {problem.turnover:g}"
    return (
        f"turnover, upper, minimum_order: expected orders that all of them allow, found none; down to upper at least "
        f"{needed:.6g} has to be sold, and turnover is {problem.turnover:g}"
    )


def _check_target(target: Floats, assets: int) -> None:
    check_vector("target", target, assets)
    if float(target.sum()) > 1.0 + WEIGHTS_SUM:
        raise QuantError(f"target: expected weights that sum to 1 at most, got {float(target.sum()):.12g}")


def _check_covariance(covariance: Floats, assets: int) -> None:
    if covariance.shape != (assets, assets) or not np.isfinite(covariance).all():
        raise QuantError(f"covariance: expected a finite ({assets}, {assets}) array, got shape {covariance.shape}")
