"""The book of a walk-forward: target weights traded row by row, drift between them, costs, and the figures of it all.

The book starts as cash with a value of 1. At the start of the step of each target it is traded to the target's
weights; from there on the weights drift with the returns until the next target. Cash is what the weights leave of one;
it earns nothing, and costs nothing where it is negative. Returns are simple, since a book earns the weighted sum of
them; what the book itself earns is told in log returns, as everywhere in `quant.performance`.

Choosing weights belongs to `quant.portfolio`, trading a path of signals to `quant.backtest`, orders of whole shares to
`quant.rebalance`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from quant.backtest import RUINED
from quant.bars import Floats, Sessions
from quant.costs import ALL_OF_IT, BASIS_POINTS
from quant.errors import QuantError, TooShort
from quant.performance import (
    annualised_return,
    annualised_volatility,
    expected_maximum_sharpe,
    maximum_drawdown,
    probabilistic_sharpe,
)
from quant.risk import effective_number
from quant.sharpe import sharpe_interval
from quant.trades import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Which weights the book is traded to, and when.

    Attributes
    ----------
    row : (R,) int
        The steps at whose start the book is traded, ascending, each once. They were known before: weights decided at
        the close of step t are those of row t + 1.
    weights : (R, N) float64
        Shares of the book's value; finite, negative if short. An asset that isn't listed yet has a weight of 0.
    """

    row: Ints
    weights: Floats

    def __post_init__(self) -> None:
        if self.row.ndim != 1 or self.weights.ndim != 2 or len(self.row) != len(self.weights):
            raise QuantError(
                f"row, weights: expected (R,) and (R, N), got shapes {self.row.shape}, {self.weights.shape}"
            )
        if not len(self.row):
            raise TooShort("row: expected at least 1 target, got none")
        if (np.diff(self.row) <= 0).any() or self.row[0] < 0:
            raise QuantError("row: expected ascending rows from 0 on, each once, got others")
        wrong = np.argwhere(~np.isfinite(self.weights))
        if len(wrong):
            target, asset = wrong[0]
            found = self.weights[target, asset]
            raise QuantError(f"weights: expected finite ones, got {found} for asset {asset} in target {target}")


@dataclass(frozen=True, slots=True, eq=False)
class RebalancedBook:
    """What became of a book that was rebalanced R times over S steps.

    Attributes
    ----------
    log_return : (S,) float64
        Of the book's value over each step, net of the costs of trading at its start. 0 before the first target, minus
        infinity in the step of ruin, NaN after it.
    weights : (R, N) float64
        What the book had drifted to just before each target was traded; zeros before the first.
    turnover : (R,) float64
        Notional bought and sold at each target, as a share of the value before: from all in one asset to all in
        another is 2.
    cost : (R,) float64
        What that cost, as a share of the same value; at most all of it.
    concentration : (R,) float64
        `quant.risk.effective_number` of the weights after each target.

    After ruin nothing is traded any more: the last four are 0 there.
    """

    log_return: Floats
    weights: Floats
    turnover: Floats
    cost: Floats
    concentration: Floats

    def __len__(self) -> int:
        return len(self.log_return)

    @property
    def ruined(self) -> bool:
        """Whether the value came to nothing."""
        return bool(np.isneginf(self.log_return).any())


def rebalanced(returns: Floats, targets: Targets, *, cost_bp: float) -> RebalancedBook:
    """Trade a book to its targets, and let it drift between them.

    Parameters
    ----------
    returns : (S, N) float64
        Simple returns of each asset over each step, a session or a part of one; dividends included, at least -1. What
        stands where nothing is held, a NaN for instance, is never read.
    targets : Targets
        Their rows lie within the S steps.
    cost_bp : float
        Basis points paid of what is bought and of what is sold, the first purchase included; 0 to below 10,000.

    Returns
    -------
    RebalancedBook

    Raises
    ------
    QuantError
        If shapes don't fit, `cost_bp` is out of bounds, or a return is NaN, infinite or below -1 where something is
        held; the message names the first such step and asset.

    Notes
    -----
    Of a value V that has drifted to weights d, trading to w costs ``cost_bp / 10,000 * V * sum(|w - d|)``, which is
    taken out of the whole book: w are the weights of what is left. The notional is thus that of the value before
    costs, and the costs too high by what they are of it: by a thousandth, for 10 bp of all that there is.

    A book whose value is nothing or less after trading or at the end of a step is ruined, as in `quant.backtest`: what
    it may owe beyond is not counted. What happens within a step is not seen.
    """
    targets_in = _require(returns, targets, cost_bp)
    steps, assets = returns.shape
    log_return = np.zeros(steps)
    drifted, turnover, cost, concentration = np.zeros((targets_in, assets)), *np.zeros((3, targets_in))
    # What an interval makes of its target depends on no other one: the value so far only scales it.
    ends = np.append(targets.row[1:], steps)
    held = np.zeros(assets)
    for k, (start, end, target) in enumerate(zip(targets.row, ends, targets.weights, strict=True)):
        drifted[k] = held
        turnover[k] = np.abs(target - held).sum()
        cost[k] = min(turnover[k] * cost_bp / BASIS_POINTS, 1.0)
        concentration[k] = effective_number(target)
        value, held = _drift(_held_returns(returns[start:end], target, start), target)
        value *= 1.0 - cost[k]
        ruin = np.flatnonzero(value <= 0)
        if len(ruin):
            log_return[start : start + ruin[0]] = _log_steps(value[: ruin[0]])
            log_return[start + ruin[0]] = -math.inf
            log_return[start + ruin[0] + 1 :] = np.nan
            break
        log_return[start:end] = _log_steps(value)
    return RebalancedBook(log_return, drifted, turnover, cost, concentration)


def buy_and_hold(returns: Floats, weights: Floats, *, cost_bp: float) -> RebalancedBook:
    """Weights (N,) bought at the start of the first step and never traded again; see `rebalanced`."""
    return rebalanced(returns, Targets(np.zeros(1, dtype=np.intp), weights[None, :]), cost_bp=cost_bp)


def by_session(log_return: Floats, session_of_step: Ints | Sessions) -> Floats:
    """Log returns of steps (S,) summed into those of sessions, (n,), in the order of the sessions.

    Parameters
    ----------
    log_return : (S,) float64
        Per step; minus infinity in a step of ruin and NaN after it, which make a session of the former and NaN ones.
    session_of_step : (S,) int or datetime64[D]
        Number or date of each step's session, in ascending order.
    """
    if log_return.ndim != 1 or log_return.shape != session_of_step.shape:
        raise QuantError(
            f"log_return, session_of_step: expected equal one-dimensional shapes, got {log_return.shape}, "
            f"{session_of_step.shape}"
        )
    if not len(log_return):
        raise TooShort("log_return: expected at least 1 step, got none")
    session = np.unique(session_of_step, return_inverse=True)[1]
    if (np.diff(session) < 0).any():
        raise QuantError("session_of_step: expected ascending sessions, got others")
    first = np.flatnonzero(np.diff(session, prepend=-1))
    sums: Floats = np.add.reduceat(log_return, first)
    sums[np.logical_or.reduceat(np.isneginf(log_return), first)] = -math.inf
    return sums


class BookScores(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a rebalanced book, net of costs.

    A ruined book lost everything and ranks behind any other by each figure of its returns, as in
    `quant.backtest.Performance`.

    Attributes
    ----------
    annualised_return : float
        Compound, as a simple return.
    annualised_volatility, sharpe : float
        Annualised, of simple returns per session, the riskless rate taken as 0: as ratios of portfolios are published.
        One of log returns, as `quant.backtest` has it for a single ticker, is lower by half the volatility.
    sharpe_lower, sharpe_upper : float
        The 95 % interval of `quant.sharpe.sharpe_interval`.
    probabilistic_sharpe, deflated_sharpe : float in [0, 1]
        Confidence that the true Sharpe ratio is above 0, and above the best that luck gives in as many trials.
    maximum_drawdown : float in [0, 1]
        At the sessions' ends.
    turnover : float
        Bought and sold a year, as a multiple of the book's value; the first purchase included, what is still held at
        the end not counted as sold.
    effective_number : float
        Mean of `RebalancedBook.concentration` where anything was held; 0 if never.
    total_cost_bp : float
        Sum over the rebalances, each in basis points of the value at the time.
    """

    annualised_return: float
    annualised_volatility: float
    sharpe: float
    sharpe_lower: float
    sharpe_upper: float
    probabilistic_sharpe: float
    deflated_sharpe: float
    maximum_drawdown: float
    turnover: float
    effective_number: float
    total_cost_bp: float


def scores(
    log_returns: Floats,
    book: RebalancedBook,
    *,
    sessions_per_year: int,
    trials: int,
    trial_sharpe_variance: float,
) -> BookScores:
    """The figures of a book of at least 5 sessions.

    Parameters
    ----------
    log_returns : (n,) float64
        Of the book, per session: its own where a step is a session, else `by_session` of them. Sessions before the
        first target count as well, with returns of 0; start where it starts.
    book : RebalancedBook
    sessions_per_year : int
        By which figures are annualised: 252 for stocks, 365 for crypto.
    trials : int
        Strategies that were tried to find this one, itself included.
    trial_sharpe_variance : float
        Variance of their Sharpe ratios per session, not annualised.

    Raises
    ------
    QuantError
        If the returns don't add up to the book's, `trials` is under 1, or `trial_sharpe_variance` negative or not
        finite.
    TooShort
        With fewer than 5 sessions.
    """
    if len(log_returns) < 5:
        raise TooShort(f"log_returns: expected at least 5 sessions, got {len(log_returns)}")
    # Before any return is looked at: bad arguments are refused whatever became of the book.
    by_luck = expected_maximum_sharpe(trials=trials, trial_sharpe_variance=trial_sharpe_variance)
    told, total = float(np.nansum(log_returns)), float(np.nansum(book.log_return))
    if told != total and not abs(told - total) <= 1e-9 * max(1.0, float(np.nansum(np.abs(log_returns)))):
        raise QuantError(f"log_returns: expected the book's, which sum to {total:.9g}, got a sum of {told:.9g}")
    return BookScores(
        **(_ruined() if book.ruined else _of_returns(log_returns, by_luck, sessions_per_year=sessions_per_year)),
        turnover=float(book.turnover.sum()) / len(log_returns) * sessions_per_year,
        effective_number=float(book.concentration.sum()) / max(int(np.count_nonzero(book.concentration)), 1),
        total_cost_bp=float(book.cost.sum()) * BASIS_POINTS,
    )


def _ruined() -> dict[str, float]:
    return {**RUINED, "sharpe_lower": -math.inf, "sharpe_upper": -math.inf}


def _of_returns(log_returns: Floats, by_luck: float, *, sessions_per_year: int) -> dict[str, float]:
    simple = np.expm1(log_returns)
    trusted = sharpe_interval(simple, sessions_per_year=sessions_per_year)
    return {
        "annualised_return": annualised_return(log_returns, sessions_per_year=sessions_per_year),
        "annualised_volatility": annualised_volatility(simple, sessions_per_year=sessions_per_year),
        "sharpe": trusted.sharpe,
        "sharpe_lower": trusted.lower,
        "sharpe_upper": trusted.upper,
        "probabilistic_sharpe": probabilistic_sharpe(simple, benchmark_sharpe_per_session=0.0),
        "deflated_sharpe": probabilistic_sharpe(simple, benchmark_sharpe_per_session=by_luck),
        "maximum_drawdown": maximum_drawdown(log_returns),
    }


def _require(returns: Floats, targets: Targets, cost_bp: float) -> int:
    """How many targets there are, if the arguments fit."""
    if returns.ndim != 2 or returns.shape[1] != targets.weights.shape[1]:
        raise QuantError(f"returns: expected (S, {targets.weights.shape[1]}), got shape {returns.shape}")
    if targets.row[-1] >= len(returns):
        raise QuantError(f"targets: expected rows below {len(returns)}, got {targets.row[-1]}")
    if not 0 <= cost_bp < ALL_OF_IT:
        raise QuantError(f"cost_bp: expected 0 to below {ALL_OF_IT:g}, got {cost_bp}")
    return len(targets.row)


def _held_returns(returns: Floats, target: Floats, start: int) -> Floats:
    """The returns of an interval that begins at step `start`, 0 for what isn't held; all of them sound."""
    held = np.where(target != 0, returns, 0.0)
    wrong = np.argwhere(~(np.isfinite(held) & (held >= -1.0)))
    if len(wrong):
        step, asset = wrong[0]
        raise QuantError(
            f"returns: expected a finite one of at least -1 where something is held, got {held[step, asset]} in step "
            f"{start + step} for asset {asset}, with a weight of {target[asset]:g}"
        )
    return held


def _drift(returns: Floats, target: Floats) -> tuple[Floats, Floats]:
    """The value at the end of each step of an interval, begun at 1, and the weights at its end."""
    worth = target * np.cumprod(1.0 + returns, axis=0)
    value = 1.0 - float(target.sum()) + worth.sum(axis=1)
    return value, worth[-1] / value[-1] if value[-1] > 0 else np.zeros_like(target)


def _log_steps(value: Floats) -> Floats:
    steps: Floats = np.diff(np.log(value), prepend=0.0)
    return steps
