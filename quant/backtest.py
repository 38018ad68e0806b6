"""From signals to trades, an equity curve and its figures: what a rule would have made of real prices, net of costs.

A signal is decided at a close and executed at the next open. Deciding is `quant.signals`' business; the figures
themselves are `quant.performance`'s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
import numpy as np

from quant.bars import Floats
from quant.costs import BASIS_POINTS, Costs
from quant.errors import QuantError, TooShort
from quant.performance import (
    annualised_return,
    annualised_volatility,
    expected_maximum_sharpe,
    exposure,
    hit_rate,
    maximum_drawdown,
    probabilistic_sharpe,
    sharpe,
    turnover,
)
from quant.signals import Action
from quant.trades import Ints, Legs, Trade, legs_of, told

DIRECTIONS: Final = {Action.BUY: 1, Action.SELL: -1, Action.HOLD: 0}
# The figures of returns of which one is minus infinity.
RUINED: Final = {
    "annualised_return": -1.0,
    "annualised_volatility": math.inf,
    "sharpe": -math.inf,
    "probabilistic_sharpe": 0.0,
    "deflated_sharpe": 0.0,
    "maximum_drawdown": 1.0,
}


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """What became of a book that started with an equity of 1.

    Attributes
    ----------
    size : float
        Share of the equity that each trade took.
    equity : (n,) float64
        At each session's close; 0 from the session on in which the book was ruined.
    log_return : (n,) float64
        Of the equity over each session, 0 in the first. Minus infinity in the session of ruin, NaN after it.
    position : (n,) float64
        What is held at the close, as a share of the equity; negative if short. It drifts with the price.
    trades : tuple of Trade
        In the order of their entries; they don't overlap.
    """

    size: float
    equity: Floats
    log_return: Floats
    position: Floats
    trades: tuple[Trade, ...]

    def __len__(self) -> int:
        return len(self.equity)

    @property
    def closed(self) -> tuple[Trade, ...]:
        """The trades that are over."""
        return tuple(trade for trade in self.trades if trade.exit is not None)

    @property
    def ruined(self) -> bool:
        """Whether the equity came to nothing."""
        return bool(self.equity[-1] == 0)


def backtest(
    opens: Floats,
    closes: Floats,
    actions: Sequence[Action],
    *,
    costs: Costs,
    size: float = 1.0,
    sessions_per_year: int = 252,
) -> Backtest:
    """Trade a path of signals.

    Parameters
    ----------
    opens, closes : (n,) float64
        Adjusted for splits and dividends (`quant.bars.adjusted`), so that holding earns the total return. Finite
        and positive.
    actions : n of Action
        Decided at each session's close, executed at the next session's open: BUY to be long, SELL short, HOLD out.
        The last one has no next open, and changes nothing.
    costs : Costs
    size : float in (0, 1]
        Share of the equity that a trade takes.
    sessions_per_year : int
        Into how many parts a year's borrowing fee goes; only read where shorts pay one.

    Returns
    -------
    Backtest

    Raises
    ------
    QuantError
        If shapes differ, a price is not a positive number, an action is none, or `size` lies outside (0, 1].
    TooShort
        Without any session.

    Notes
    -----
    There is one position at a time. It is taken where the action changes, so that what is paid for it (or raised by
    selling short) is `size` of the equity at that open, costs included: a full purchase borrows nothing. The number of
    shares then stays until the action changes again; a reversal closes the one position and takes the other at the
    same open, and pays for both. Cash earns nothing. A short pays the fee for borrowing at each close.

    A book whose equity is nothing or less at an open or a close is ruined: it is closed out there, its equity is 0
    from that session on, and no later signal is executed. What it may owe beyond is not counted, and what happened
    between an open and a close is not seen.
    """
    _require(size=size, sessions_per_year=sessions_per_year)
    opens, closes = _prices(opens, closes)
    target = _target(actions, len(closes))
    # What one borrowed share has cost by each close; a difference of two is what it cost in between.
    fee = np.cumsum(np.where(target < 0, closes, 0.0)) * (costs.borrow_bp_per_year / BASIS_POINTS / sessions_per_year)
    legs = legs_of(target, opens, closes, fee, costs=costs, size=size)
    marks = _marks(legs, target, opens, closes, fee)

    equity = np.concatenate([[1.0], np.cumprod(legs.factor)])[marks.over] * marks.worth
    position, ruin = marks.position, np.flatnonzero(marks.lowest <= 0)
    if not len(ruin):
        return Backtest(size, equity, _log_returns(equity), position, told(legs, len(closes)))
    first = int(ruin[0])
    equity[first:] = position[first:] = 0.0
    return Backtest(size, equity, _log_returns(equity), position, _trades_until(first, legs, opens, closes, fee))


def buy_and_hold(opens: Floats, closes: Floats, *, costs: Costs) -> Backtest:
    """Everything into the ticker at the second session's open, and never sold; see `backtest` for the arguments."""
    return backtest(opens, closes, [Action.BUY] * len(closes), costs=costs)


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a backtest, all net of costs. Those of returns are of the equity, session by session.

    A ruined book lost everything: a return of -1, a drawdown of 1, an infinite volatility, a Sharpe ratio of minus
    infinity and no confidence in it. So it ranks behind any other by each of them.

    Attributes
    ----------
    annualised_return : float
        Compound, as a simple return.
    annualised_volatility, sharpe : float
        Annualised, of log returns, the riskless rate taken as 0.
    probabilistic_sharpe, deflated_sharpe : float in [0, 1]
        Confidence that the true Sharpe ratio is above 0, and above the best that luck gives in as many trials.
    maximum_drawdown : float in [0, 1]
        Of the equity at the closes.
    hit_rate : float or None
        Share of the closed trades that gained; None without any.
    turnover : float
        Capital traded a year, as a multiple of capital; a reversal at full size trades 2.
    exposure : float
        Mean absolute position at the closes, as a share of the equity.
    trades : int
        Those still held included.
    total_cost_bp : float
        Sum over the trades, each in basis points of the equity at its entry.
    """

    annualised_return: float
    annualised_volatility: float
    sharpe: float
    probabilistic_sharpe: float
    deflated_sharpe: float
    maximum_drawdown: float
    hit_rate: float | None
    turnover: float
    exposure: float
    trades: int
    total_cost_bp: float


def performance(book: Backtest, *, sessions_per_year: int, trials: int, trial_sharpe_variance: float) -> Performance:
    """The figures of a backtest of at least 2 sessions.

    Parameters
    ----------
    book : Backtest
    sessions_per_year : int
        By which figures are annualised: 252 for stocks, 365 for crypto.
    trials : int
        Strategies that were tried to find this one, itself included.
    trial_sharpe_variance : float
        Variance of their Sharpe ratios per session, not annualised.

    Raises
    ------
    TooShort
        With fewer than 2 sessions.
    QuantError
        If `trials` is under 1, or `trial_sharpe_variance` negative or not finite.
    """
    if len(book) < 2:
        raise TooShort(f"book: expected at least 2 sessions, got {len(book)}")
    # Before any return is looked at: bad arguments are refused whatever became of the book.
    by_luck = expected_maximum_sharpe(trials=trials, trial_sharpe_variance=trial_sharpe_variance)
    gains = [trade.log_return for trade in book.closed]
    return Performance(
        **(RUINED if book.ruined else _of_returns(book.log_return, by_luck, sessions_per_year=sessions_per_year)),
        # Only signs are asked for, and a trade that ruined the book lost infinitely much.
        hit_rate=hit_rate(np.sign(gains)) if gains else None,
        # A position that drifts with its price isn't traded.
        turnover=turnover(book.size * np.sign(book.position), sessions_per_year=sessions_per_year),
        exposure=exposure(book.position),
        trades=len(book.trades),
        total_cost_bp=sum(trade.cost_bp for trade in book.trades),
    )


def _of_returns(log_returns: Floats, by_luck: float, *, sessions_per_year: int) -> dict[str, float]:
    return {
        "annualised_return": annualised_return(log_returns, sessions_per_year=sessions_per_year),
        "annualised_volatility": annualised_volatility(log_returns, sessions_per_year=sessions_per_year),
        "sharpe": sharpe(log_returns, sessions_per_year=sessions_per_year),
        "probabilistic_sharpe": probabilistic_sharpe(log_returns, benchmark_sharpe_per_session=0.0),
        "deflated_sharpe": probabilistic_sharpe(log_returns, benchmark_sharpe_per_session=by_luck),
        "maximum_drawdown": maximum_drawdown(log_returns),
    }


def _require(*, size: float, sessions_per_year: int) -> None:
    if not 0 < size <= 1:
        raise QuantError(f"size: expected above 0 and at most 1, got {size}")
    if sessions_per_year < 1:
        raise QuantError(f"sessions_per_year: expected at least 1, got {sessions_per_year}")


def _prices(opens: Floats, closes: Floats) -> tuple[Floats, Floats]:
    opens, closes = np.asarray(opens, dtype=np.float64), np.asarray(closes, dtype=np.float64)
    if opens.ndim != 1 or opens.shape != closes.shape:
        raise QuantError(f"opens, closes: expected equal one-dimensional shapes, got {opens.shape}, {closes.shape}")
    if not len(opens):
        raise TooShort("opens, closes: expected at least 1 session, got none")
    for name, prices in (("opens", opens), ("closes", closes)):
        wrong = np.flatnonzero(~(np.isfinite(prices) & (prices > 0)))
        if len(wrong):
            raise QuantError(f"{name}: expected finite prices above 0, got {prices[wrong[0]]} in row {wrong[0]}")
    return opens, closes


def _target(actions: Sequence[Action], n: int) -> Ints:
    """The direction held after each session's open: that of the action before, and none in the first session."""
    if len(actions) != n:
        raise QuantError(f"actions: expected {n}, one a session, got {len(actions)}")
    try:
        decided = [DIRECTIONS[action] for action in actions]
    except (KeyError, TypeError):
        wrong = next(action for action in actions if not isinstance(action, Action))
        raise QuantError(f"actions: expected members of Action, got {wrong!r}") from None
    return np.array([0, *decided[:-1]], dtype=np.intp)


class _Marks(NamedTuple):
    """The book at each session, (n,) arrays, as if nothing could ruin it."""

    # How many trades were over after the open.
    over: Ints
    # At the close, and at the least at which it was seen that day, against the equity at the trade's entry; 1 if out.
    worth: Floats
    lowest: Floats
    position: Floats


def _marks(legs: Legs, target: Ints, opens: Floats, closes: Floats, fee: Floats) -> _Marks:
    """What the trades make of each session; `fee` is what one borrowed share has cost by each close."""
    n, held = len(target), np.flatnonzero(target)
    over = np.searchsorted(legs.left, np.arange(n), side="right")
    trade = over[held]
    shares, cash, before = legs.shares[trade], legs.cash[trade], fee[legs.entry[trade] - 1]

    worth, position = np.ones(n), np.zeros(n)
    worth[held] = cash + shares * (closes[held] + fee[held] - before)
    position[held] = np.divide(shares * closes[held], worth[held], out=np.zeros(len(held)), where=worth[held] > 0)
    lowest = worth.copy()
    lowest[held] = np.minimum(worth[held], cash + shares * (opens[held] + fee[held - 1] - before))
    leaving = legs.left < n
    at_exit = legs.left[leaving]
    lowest[at_exit] = np.minimum(lowest[at_exit], legs.factor[leaving])
    return _Marks(over, worth, lowest, position)


def _trades_until(ruin: int, legs: Legs, opens: Floats, closes: Floats, fee: Floats) -> tuple[Trade, ...]:
    """The trades up to the one that ruined the book in session `ruin`, that one included."""
    k = int(np.argmax((legs.left > ruin) | ((legs.left == ruin) & (legs.factor <= 0))))
    earlier = Legs._make(column[:k] for column in legs)
    entry, shares, cash = int(legs.entry[k]), float(legs.shares[k]), float(legs.cash[k])
    so_far = fee - fee[entry - 1]
    at_open = legs.left[k] == ruin or cash + shares * (opens[ruin] + so_far[ruin - 1]) <= 0
    borrowing = float(so_far[ruin - 1 if at_open else ruin])
    last = Trade(
        entry=entry,
        exit=ruin,
        direction=Action.BUY if shares > 0 else Action.SELL,
        entry_price=float(legs.entry_price[k]),
        exit_price=float(opens[ruin] if at_open else closes[ruin]),
        log_return=-math.inf,
        cost_bp=(float(legs.entry_cost[k]) + abs(shares) * borrowing) * BASIS_POINTS,
    )
    return (*told(earlier, len(closes)), last)


def _log_returns(equity: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        returns: Floats = np.diff(np.log(equity), prepend=0.0)
    return returns
