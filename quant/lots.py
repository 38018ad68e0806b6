"""A book in whole lots: what an allocation of lots costs, leaves in cash and misses, and a local search for a good one.

Everything is in shares of the book's value before trading, but the cash that is left, which is told exactly as well.
The integer program is in `quant.lot_program`; what a person gives and gets, in `quant.rebalance`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from quant.bars import Floats

# What a search must gain, as a share of the book's value, before it is worth an order.
TOLERANCE: Final = 1e-6
# Rounding of float64 sums of shares of value; far below TOLERANCE, far above the sums' own error.
ROUNDING: Final = 1e-12
# What one step must gain; less than TOLERANCE, so that where a search ended no second one, with rounding, starts.
STEP: Final = TOLERANCE / 4
# How many steps are tried at once: enough for one of them to be good, few enough to be quick.
AT_ONCE: Final = 32

Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class LotProblem:
    """Allocations ``n`` of whole lots, (N,) float64, that can be reached from the lots held.

    Attributes
    ----------
    held : (N,) float64
        Lots before trading, whole numbers.
    size : (N,) float64
        A lot's price as a share of the book's value before trading.
    cash : float
        The same for the cash before trading.
    target, upper : (N,) float64
        Weights aimed at, and those that must not be exceeded, of the value after trading.
    buy, sell : float
        What a purchase and a sale cost per notional.
    turnover, minimum : float
        Most notional that may be traded in all, and least of an order that does not sell all that is held.
    exact_price : tuple of N Fraction
        Of a lot, in currency, as the decimal number that was given.
    exact_cash, exact_buy, exact_sell : Fraction
        Cash before trading in currency, and the two rates, likewise.
    """

    held: Floats
    size: Floats
    cash: float
    target: Floats
    upper: Floats
    buy: float
    sell: float
    turnover: float
    minimum: float
    exact_price: tuple[Fraction, ...]
    exact_cash: Fraction
    exact_buy: Fraction
    exact_sell: Fraction

    @property
    def tolerance(self) -> float:
        """How near to the least objective is near enough.

        With a limit on what is traded a quarter of the cheapest lot: so many allocations use up a limit equally well
        that a solver would take for ever to tell the best of them.
        """
        limited = np.isfinite(self.turnover) or self.minimum > 0
        return max(TOLERANCE, float(self.size.min()) / 4.0) if limited else TOLERANCE

    def unlimited(self) -> LotProblem:
        """The same without the limits that make it matter where the book comes from."""
        return replace(self, turnover=np.inf, minimum=0.0)

    def traded(self, n: Floats) -> Floats:
        """Notional of each order, unsigned; `n` may be (..., N)."""
        notional: Floats = self.size * np.abs(n - self.held)
        return notional

    def costs(self, n: Floats) -> Floats:
        """Cost of each order; `n` may be (..., N)."""
        change = n - self.held
        each: Floats = self.size * np.maximum(self.buy * change, -self.sell * change)
        return each

    def left(self, n: Floats) -> Floats:
        """Cash after trading, up to rounding; `n` may be (..., N)."""
        cash: Floats = self.cash + ((self.held - n) * self.size - self.costs(n)).sum(axis=-1)
        return cash

    def objective(self, n: Floats) -> Floats:
        """Sum of the absolute deviations from the target, and the cost on top; `n` may be (..., N).

        Both in the same currency and with the same weight: with less on the cost, a second run could gain by trading
        away value and have less to miss the target of (see `quant.rebalance`).
        """
        cost = self.costs(n).sum(axis=-1)
        missed = np.abs(self.size * n - self.target * (1.0 - cost)[..., None])
        total: Floats = missed.sum(axis=-1) + cost
        return total

    def within_caps(self, n: Floats) -> npt.NDArray[np.bool_]:
        """Whether each holding is within its cap; `n` may be (..., N)."""
        value = 1.0 - self.costs(n).sum(axis=-1)
        within: npt.NDArray[np.bool_] = self.size * n <= self.upper * value[..., None] + ROUNDING
        return within

    def small(self, n: Floats) -> npt.NDArray[np.bool_]:
        """Which orders are below the minimum and don't sell all that is held."""
        traded = self.traded(n)
        below: npt.NDArray[np.bool_] = (traded > 0) & (traded < self.minimum - ROUNDING) & (n > 0)
        return below

    def allows(self, n: Floats) -> bool:
        """Whether caps, turnover and minimum hold, and the cash exactly."""
        within = bool(self.within_caps(n).all()) and float(self.traded(n).sum()) <= self.turnover + ROUNDING
        return within and not self.small(n).any() and self.exactly_left(n) >= 0

    def exactly_left(self, n: Floats) -> Fraction:
        """Cash after trading, in currency, without any rounding."""
        cash = self.exact_cash
        for lot in np.flatnonzero(n != self.held):
            notional = int(n[lot] - self.held[lot]) * self.exact_price[lot]
            cash -= notional * (1 + self.exact_buy if notional > 0 else 1 - self.exact_sell)
        return cash


def search(problem: LotProblem) -> Floats | None:
    """Lots that no purchase, sale or swap of single lots improves; those held if that is true of them already.

    Starts at the target rounded down and takes good steps until none is left. None if it finds nothing that all limits
    allow.
    """
    held = problem.held
    staying = problem.allows(held)
    any_order = replace(problem, minimum=0.0)
    if staying and _step(any_order, held, TOLERANCE) is None:
        return held
    for found in _from_all_starts(problem, any_order):
        if found is not None and not (staying and problem.objective(found) >= problem.objective(held)):
            return found
    return held if staying else None


def _from_all_starts(problem: LotProblem, any_order: LotProblem) -> Iterator[Floats | None]:
    """Where the search ends from the largest orders, the target, the sales that caps need, and what is held."""
    if np.isfinite(problem.turnover) and problem.minimum > 0:
        yield _with_minimum(problem, _largest_first(problem))
    start = _rounded_down(problem)
    if start is not None:
        yield _with_minimum(problem, _descend(any_order, start))
    yield _with_minimum(problem, np.minimum(problem.held, _below(problem, problem.upper, _least_value(problem))))
    if problem.allows(problem.held):
        yield _with_minimum(problem, _descend(any_order, problem.held))


def _rounded_down(problem: LotProblem) -> Floats | None:
    """Whole lots below the target; sales come first where the limit on turnover does not allow for everything."""
    value = worst = _least_value(problem)
    for _ in range(3):
        value = 1.0 - float(problem.costs(_below(problem, np.minimum(problem.target, problem.upper), value)).sum())
    for after_costs in (value, worst):  # the first is nearly always met; the second never asks for more than there is
        start = _towards(problem, after_costs)
        if start is None or problem.within_caps(start).all():
            return start
    return None


def _largest_first(problem: LotProblem) -> Floats:
    """What caps force to be sold, then the largest orders that turnover allows, sales and purchases in turn.

    A share of every order would leave none above the minimum.
    """
    value = _least_value(problem)
    forced = np.minimum(problem.held, _below(problem, problem.upper, value))
    wanted = _below(problem, np.minimum(problem.target, problem.upper), value)
    room = problem.turnover - float(problem.traded(forced).sum())
    change = problem.size * (wanted - forced)
    n = forced.copy()
    # As much sold as bought, so that there is cash for it.
    for side in (change < 0, change > 0):
        left = room / 2.0
        for asset in sorted(np.flatnonzero(side), key=lambda asset: -abs(change[asset])):
            lots = np.floor(min(abs(change[asset]), left) / problem.size[asset] + ROUNDING)
            if lots * problem.size[asset] < problem.minimum:
                break
            n[asset] += np.copysign(lots, change[asset])
            left -= lots * problem.size[asset]
    return n


def _least_value(problem: LotProblem) -> float:
    """What no orders leave less than: everything is sold, and all there was is bought again."""
    return 1.0 - problem.sell * float(problem.held @ problem.size) - problem.buy


def _towards(problem: LotProblem, value: float) -> Floats | None:
    """As much of the way to the target as turnover and cash allow, for a value after costs."""
    wanted = _below(problem, np.minimum(problem.target, problem.upper), value)
    forced = np.minimum(problem.held, _below(problem, problem.upper, value))
    room = problem.turnover - float(problem.traded(forced).sum())
    if room < -ROUNDING:
        return None
    rest = float((problem.size * np.abs(wanted - forced)).sum())
    share = min(1.0, max(room, 0.0) / rest) if rest > 0 else 0.0
    return _paid_for(problem, forced + np.trunc(share * (wanted - forced)))


def _below(problem: LotProblem, weights: Floats, value: float) -> Floats:
    """Most whole lots within the weights of a value."""
    below: Floats = np.maximum(np.floor(weights * value / problem.size + ROUNDING), 0.0)
    return below


def _paid_for(problem: LotProblem, n: Floats) -> Floats:
    """The same with as many purchases given up as it takes to have cash for the others."""
    purchases = np.maximum(n - problem.held, 0.0)
    budget = float(problem.left(n - purchases))
    price = float((problem.size * purchases).sum()) * (1.0 + problem.buy)
    if price <= budget - ROUNDING or price == 0.0:
        return n
    kept: Floats = n - purchases + np.floor(purchases * max(budget - ROUNDING, 0.0) / price)
    return kept


def _descend(problem: LotProblem, start: Floats) -> Floats:
    """Where one good step after the other leads to."""
    n = start
    while (after := _step(problem, n, STEP)) is not None:
        n = _further(problem, n, after)
    return n


def _further(problem: LotProblem, n: Floats, after: Floats) -> Floats:
    """The step from `n` to `after` so many times over as it goes on to gain: lots may be tiny, and the way long."""
    step, times = after - n, 2.0
    while ((further := n + times * step) >= 0.0).all():
        better = _best_of(problem, after, further[None], 0.0)
        if better is None:
            break
        after, times = better, 2.0 * times
    return after


def _step(problem: LotProblem, n: Floats, gain: float) -> Floats | None:
    """An allocation one lot away or else a swap of two, better by more than `gain`; None if there is none."""
    best = _best_single(problem, n, gain)
    return best if best is not None else _best_swap(problem, n, gain)


def _best_single(problem: LotProblem, n: Floats, gain: float) -> Floats | None:
    """An allocation that has one lot more or less of one asset, better by more than `gain`."""
    bound = np.stack([_bound_on_gain(problem, n, -1.0), _bound_on_gain(problem, n, 1.0)])
    bound[0, n < 1.0] = -np.inf
    bound[1, problem.left(n) + _cash_of(problem, n, 1.0) < ROUNDING] = -np.inf
    for chosen in _most_hopeful(bound, gain):
        others = np.repeat(n[None], len(chosen), axis=0)
        others[np.arange(len(chosen)), chosen % len(n)] += np.where(chosen < len(n), -1.0, 1.0)
        best = _best_of(problem, n, others, gain)
        if best is not None:
            return best
    return None


def _best_swap(problem: LotProblem, n: Floats, gain: float) -> Floats | None:
    """An allocation that has one lot less of one asset and one more of another, better by more than `gain`."""
    sold = np.flatnonzero(n >= 1.0)
    bound = _bound_on_gain(problem, n, -1.0)[sold][:, None] + _bound_on_gain(problem, n, 1.0)
    cash = float(problem.left(n)) + _cash_of(problem, n, -1.0)[sold][:, None] + _cash_of(problem, n, 1.0)
    bound[cash < ROUNDING] = -np.inf
    bound[np.arange(len(sold)), sold] = -np.inf
    bound[:, problem.size * (n + 1.0) > problem.upper + ROUNDING] = -np.inf
    for chosen in _most_hopeful(bound, gain):
        rows = np.arange(len(chosen))
        others = np.repeat(n[None], len(chosen), axis=0)
        others[rows, sold[chosen // len(n)]] -= 1.0
        others[rows, chosen % len(n)] += 1.0
        best = _best_of(problem, n, others, gain)
        if best is not None:
            return best
    return None


def _most_hopeful(bound: Floats, gain: float) -> Iterator[Ints]:
    """Flat places where `bound` is above `gain`, the greatest first, a few at a time."""
    flat = bound.ravel()
    places = np.flatnonzero(flat > gain)
    places = places[np.argsort(-flat[places], kind="stable")]
    for first in range(0, len(places), AT_ONCE):
        yield places[first : first + AT_ONCE]


def _bound_on_gain(problem: LotProblem, n: Floats, lots: float) -> Floats:
    """Most that the objective falls by if each asset in turn has so many lots more.

    All but what the changed value does to the other assets' deviations, and that is no more than the change in cost.
    """
    costs, more = problem.costs(n), problem.costs(n + lots)
    at = problem.target * (1.0 - float(costs.sum()))
    fall: Floats = np.abs(problem.size * n - at) - np.abs(problem.size * (n + lots) - at)
    return fall + costs - more + np.abs(costs - more)


def _cash_of(problem: LotProblem, n: Floats, lots: float) -> Floats:
    """Cash that so many lots more of each asset in turn bring."""
    brought: Floats = problem.costs(n) - problem.costs(n + lots) - lots * problem.size
    return brought


def _best_of(problem: LotProblem, n: Floats, others: Floats, gain: float) -> Floats | None:
    """The best of `others` (M, N) that caps, turnover and cash allow, if it is better than `n` by more than `gain`."""
    fits = problem.within_caps(others).all(axis=1) & (problem.left(others) >= ROUNDING)
    fits &= problem.traded(others).sum(axis=1) <= problem.turnover + ROUNDING
    fits &= ~problem.small(others).any(axis=1)
    if not fits.any():
        return None
    reached = np.where(fits, problem.objective(others), np.inf)
    best = int(np.argmin(reached))
    return others[best] if reached[best] < problem.objective(n) - gain else None


def _with_minimum(problem: LotProblem, n: Floats) -> Floats | None:
    """The same with smaller orders left out or made larger, whichever is better; None if the limits forbid that."""
    small, bought = problem.small(n), n > problem.held
    if small.any():
        least = np.ceil(problem.minimum / problem.size - ROUNDING)
        larger = np.where(bought, problem.held + least, np.maximum(problem.held - least, 0.0))
        capped = bought & (problem.size * larger > problem.upper * (1.0 - float(problem.costs(n).sum())))
        forced = ~problem.within_caps(np.where(small, problem.held, n)) & ~bought
        undone = (capped | (np.abs(problem.held - n) < np.abs(larger - n))) & ~forced
        n = np.where(small, np.where(undone, problem.held, larger), n)
    n = _paid_for(problem, n)
    while problem.small(n).any():  # purchases that there was not enough cash for
        n = _paid_for(problem, np.where(problem.small(n), problem.held, n))
    return _descend(problem, n) if problem.allows(n) else None
