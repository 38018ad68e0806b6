"""What a trade is and what becomes of it, each by itself, net of fees, half spreads and shares borrowed to sell.

What those are is `quant.costs`' business; when to trade is for `quant.signals` to say; what a book that makes one trade
after the other comes to, for `quant.backtest`.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from quant.bars import Floats
from quant.costs import BASIS_POINTS, Costs
from quant.signals import Action

Ints = npt.NDArray[np.intp]


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One position, from the open that it was taken at to the open that it was left at.

    Attributes
    ----------
    entry : int
        Row of the session at whose open it was taken.
    exit : int or None
        Row of the session at whose open it was left, or in which the book was ruined; None if it is held still.
    direction : Action
        BUY for long, SELL for short.
    entry_price, exit_price : float
        Paid or got per share, slippage included and fees not; the exit's is None if the trade is held still, and
        the open or close that ruined the book if one did.
    log_return : float
        Of the book's equity over the trade, net of all costs; up to the last close if it is held still; minus
        infinity if it ruined the book.
    cost_bp : float
        Fees, slippage and borrowing so far, in basis points of the equity at entry.
    """

    entry: int
    exit: int | None
    direction: Action
    entry_price: float
    exit_price: float | None
    log_return: float
    cost_bp: float


class Legs(NamedTuple):
    """Trades as columns, each for an equity of 1 at its entry: (trades,) arrays."""

    # The sessions at whose open it was taken and left; the number of sessions if it is held still.
    entry: Ints
    left: Ints
    shares: Floats
    cash: Floats
    entry_price: Floats
    exit_price: Floats
    # What getting in cost, and the trade in all, out of the equity of 1.
    entry_cost: Floats
    cost: Floats
    # What the equity of 1 became, at the exit or at the last close.
    factor: Floats


def legs_of(target: Ints, opens: Floats, closes: Floats, fee: Floats, *, costs: Costs, size: float) -> Legs:
    """The trades that follow a path of directions; for prices, costs and size see `quant.backtest.backtest`.

    Parameters
    ----------
    target : (n,) int
        1 for long, -1 for short or 0 for out, after each session's open; 0 in the first.
    opens, closes : (n,) float64
    fee : (n,) float64
        What it has cost by each close to have borrowed one share in every session with a short before it.
    costs : Costs
    size : float
    """
    n, before = len(target), np.concatenate([[0], target[:-1]])
    entry = np.flatnonzero((target != before) & (target != 0))
    left = np.flatnonzero((target != before) & (before != 0))
    left = np.concatenate([left, np.full(len(entry) - len(left), n, dtype=np.intp)])
    # What is held still is worth its last close, and has not paid for leaving.
    leaving = left < n
    quoted = np.where(leaving, opens[np.minimum(left, n - 1)], closes[-1])

    direction = target[entry].astype(np.float64)
    slippage, charge = direction * costs.slippage_bp / BASIS_POINTS, direction * costs.cost_bp / BASIS_POINTS
    entry_price, exit_price = opens[entry] * (1.0 + slippage), quoted * (1.0 - slippage * leaving)
    # Per share, fees included, whichever way it goes: who is short gets the first and pays the second.
    paid, got = entry_price * (1.0 + charge), exit_price * (1.0 - charge * leaving)

    shares, cash, borrowing = direction * size / paid, 1.0 - direction * size, fee[left - 1] - fee[entry - 1]
    entry_cost = np.abs(shares * (paid - opens[entry]))
    return Legs(
        entry=entry,
        left=left,
        shares=shares,
        cash=cash,
        entry_price=entry_price,
        exit_price=exit_price,
        entry_cost=entry_cost,
        cost=entry_cost + np.abs(shares) * (np.abs(got - quoted) + borrowing),
        factor=cash + shares * (got + borrowing),
    )


def told(legs: Legs, n: int) -> tuple[Trade, ...]:
    """The trades as they are told, none of which ruined the book; `n` sessions were there to leave in."""
    columns = (legs.entry, legs.left, legs.shares, legs.entry_price, legs.exit_price, np.log(legs.factor), legs.cost)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return tuple(
        Trade(
            entry=entry,
            exit=left if left < n else None,
            direction=Action.BUY if shares > 0 else Action.SELL,
            entry_price=entry_price,
            exit_price=exit_price if left < n else None,
            log_return=log_return,
            cost_bp=cost * BASIS_POINTS,
        )
        for entry, left, shares, entry_price, exit_price, log_return, cost in rows
    )
