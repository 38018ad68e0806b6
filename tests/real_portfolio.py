"""A real release's portfolio for tests, made without the graph: real bars, the real optimiser, a quick walk-forward.

The estimates are plain ones and the walk is monthly and short: only their shape, and that figures fit each other, is
for tests to rely on.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from quant.bars import Bars, Floats, log_returns
from quant.constraints import Constraints
from quant.frontier import efficient_frontier
from quant.moments import correlation, ledoit_wolf, shrunk_mean
from quant.portfolio import equal_weight, maximum_sharpe, minimum_variance, risk_budgeting, target_volatility
from quant.rebalanced import RebalancedBook, Targets, buy_and_hold, rebalanced, scores
from quant.risk import cluster_order, effective_number, risk_contributions, tail_risk, volatility, worst_windows
from quant.sharpe import sharpe_difference
from release.manifest import Refusal
from release.portfolio import (
    Allocation,
    FrontierPoint,
    Portfolio,
    PortfolioPerformance,
    Strategy,
    StrategyRecord,
    Stress,
    Tail,
)

YEAR = 252
SESSIONS = 1_000
WINDOW = 252
MONTH = 21
COST_BP = 10.0
TARGET = 0.15
CHAMPION = Strategy.RISK_BUDGETING
WHY = "the highest Sharpe ratio of those whose turnover is below 2 a year"


def portfolio(bars: Mapping[str, Bars], *, left_out: tuple[Refusal, ...] = ()) -> Portfolio | None:
    """Allocations of some tickers by their last common sessions; None for fewer than two tickers."""
    if len(bars) < 2:
        return None
    returns = np.column_stack([np.expm1(log_returns(one)[-SESSIONS:]) for one in bars.values()])
    session = next(iter(bars.values())).session[-SESSIONS:]
    mean, covariance = _moments(returns)
    points = efficient_frontier(mean, covariance)
    unit = correlation(covariance)
    return Portfolio(
        week=str(_sunday(session[-1])),
        data_through=str(session[-1]),
        tickers=tuple(bars),
        left_out=left_out,
        champion=CHAMPION,
        why=WHY,
        allocations={
            name: _allocation(weights, mean, covariance, returns, session)
            for name, weights in _strategies(mean, covariance).items()
        },
        close=tuple(float(one.close[-1]) for one in bars.values()),
        expected_return=tuple(mean.tolist()),
        covariance=_rows(covariance),
        correlation=_rows(unit),
        cluster_order=tuple(cluster_order(unit).tolist()),
        frontier=tuple(
            FrontierPoint(expected_return=earned, volatility=risked, weights=tuple(weights))
            for earned, risked, weights in zip(
                points.expected_return.tolist(), points.volatility.tolist(), points.weights.tolist(), strict=True
            )
        ),
        performance=_performance(returns, session),
    )


def _sunday(day: np.datetime64) -> np.datetime64:
    """The day itself or the last Sunday before it; the calendar of datetime64 begins on a Thursday."""
    return day - (int(day.astype(int)) + 4) % 7


def _moments(returns: Floats) -> tuple[Floats, Floats]:
    """Annualised."""
    return YEAR * shrunk_mean(returns), YEAR * ledoit_wolf(returns)[0]


def _strategies(mean: Floats, covariance: Floats) -> dict[Strategy, Floats]:
    assets = len(mean)
    cash = Constraints(lower=np.zeros(assets), upper=np.ones(assets), net=(0.0, 1.0))
    return {
        Strategy.EQUAL_WEIGHT: equal_weight(assets),
        Strategy.MINIMUM_VARIANCE: minimum_variance(covariance),
        # Where nothing is expected to earn, the ratio is not defined; the calmest will do.
        Strategy.MAXIMUM_SHARPE: maximum_sharpe(np.maximum(mean, 1e-3), covariance),
        Strategy.MAXIMUM_DIVERSIFICATION: maximum_sharpe(np.sqrt(np.diag(covariance)), covariance),
        Strategy.RISK_BUDGETING: risk_budgeting(covariance),
        Strategy.TARGET_VOLATILITY: target_volatility(np.maximum(mean, 1e-3), covariance, cash, volatility=TARGET),
    }


def _allocation(
    weights: Floats, mean: Floats, covariance: Floats, returns: Floats, session: npt.NDArray[np.datetime64]
) -> Allocation:
    book, equal = returns @ weights, returns.mean(axis=1)
    worst = {length: worst_windows(book, sessions=length)[0] for length in (1, 5, MONTH)}
    tail = tail_risk(book, level=0.95)
    return Allocation(
        weights=tuple(weights.tolist()),
        expected_return_in_sample=float(mean @ weights),
        volatility_in_sample=volatility(weights, covariance),
        risk_contributions=tuple(risk_contributions(weights, covariance).tolist()),
        effective_number=effective_number(weights),
        tails=(
            Tail(
                level=tail.level,
                historical_var=tail.historical_var,
                historical_cvar=tail.historical_cvar,
                normal_var=tail.normal_var,
                normal_cvar=tail.normal_cvar,
            ),
        ),
        stress=tuple(
            Stress(
                sessions=length,
                first=str(session[window.start]),
                last=str(session[window.end]),
                loss=window.loss,
                equal_weight=1.0 - float(np.prod(1.0 + equal[window.start : window.end + 1])),
            )
            for length, window in worst.items()
        ),
    )


def _performance(returns: Floats, session: npt.NDArray[np.datetime64]) -> PortfolioPerformance:
    """Every strategy refit each month on the year before."""
    rows = np.arange(WINDOW, len(returns), MONTH)
    made = [_strategies(*_moments(returns[row - WINDOW : row])) for row in rows]
    targets = {name: np.array([weights[name] for weights in made]) for name in made[0]}
    books = {
        name: rebalanced(returns[WINDOW:], Targets(rows - WINDOW, weights), cost_bp=COST_BP)
        for name, weights in targets.items()
    }
    held = buy_and_hold(returns[WINDOW:], equal_weight(returns.shape[1]), cost_bp=COST_BP)
    equal = books[Strategy.EQUAL_WEIGHT]
    shown = np.append(rows - WINDOW, len(equal) - 1)
    records = {name: _record(book, equal, shown, trials=len(books)) for name, book in books.items()}
    return PortfolioPerformance(
        first=str(session[WINDOW]),
        last=str(session[-1]),
        sessions=len(equal),
        weeks=len(rows),
        trials=len(books),
        cost_bp=COST_BP,
        strategies=records,
        champion=records[CHAMPION],
        buy_and_hold=_record(held, equal, shown, trials=len(books)),
        sessions_shown=tuple(str(session[WINDOW + row]) for row in shown),
        champions={str(session[WINDOW]): Strategy.EQUAL_WEIGHT, str(session[WINDOW + MONTH]): CHAMPION},
    )


def _record(book: RebalancedBook, equal: RebalancedBook, shown: npt.NDArray[np.intp], *, trials: int) -> StrategyRecord:
    figures = scores(
        book.log_return, book, sessions_per_year=YEAR, trials=trials, trial_sharpe_variance=1.0 / len(book)
    )
    versus = sharpe_difference(book.log_return, equal.log_return, sessions_per_year=YEAR)
    return StrategyRecord(
        annualised_return=figures.annualised_return,
        annualised_volatility=figures.annualised_volatility,
        sharpe=figures.sharpe,
        sharpe_lower_95=figures.sharpe_lower,
        sharpe_upper_95=figures.sharpe_upper,
        probabilistic_sharpe=figures.probabilistic_sharpe,
        deflated_sharpe=figures.deflated_sharpe,
        sharpe_over_equal_weight=versus.difference,
        p_equal_weight=versus.p_value,
        maximum_drawdown=figures.maximum_drawdown,
        turnover=figures.turnover,
        effective_number=figures.effective_number,
        total_cost_bp=figures.total_cost_bp,
        equity=tuple(np.exp(np.cumsum(book.log_return))[shown].tolist()),
    )


def _rows(matrix: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, matrix.tolist()))
