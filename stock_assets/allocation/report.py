"""From weights and walks to the records that a release has of them: risk, frontier, performance, and why who leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np

from quant.bars import Floats, Sessions
from quant.frontier import efficient_frontier
from quant.moments import correlation
from quant.performance import sharpe, trial_variance
from quant.rebalanced import scores
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
from stock_assets.allocation.champion import LEAST_RECORD, Champions, book_as_chosen
from stock_assets.allocation.panel import Known, Panel
from stock_assets.allocation.strategies import Estimates
from stock_assets.allocation.walk import Book, Walk
from stock_assets.errors import NotMaterialized

FRONTIER_POINTS: Final = 60
TAIL_LEVELS: Final = (0.95, 0.99)
STRESS_SESSIONS: Final = (1, 5, 21, 63)
# Points of an equity curve: a page has no more columns of pixels for it.
POINTS: Final = 260
# Sessions below which a Sharpe ratio's interval would say nothing.
LEAST_SCORED: Final = 63


def portfolio_of(
    week: str,
    panel: Panel,
    known: Known,
    weights: Mapping[Strategy, Floats],
    estimates: Estimates,
    *,
    walk: Walk,
    chosen: Champions,
) -> Portfolio:
    """The week's portfolio.

    Parameters
    ----------
    week : str
    panel, known, estimates
        What its weights were made of.
    weights : mapping of (N,) float64
        By strategy, in the order of `known.column`.
    walk, chosen
        The record up to now.
    """
    performance = performance_of(walk, chosen, panel.session) if walk.sessions >= LEAST_SCORED else None
    frontier = efficient_frontier(estimates.mean, estimates.covariance, points=FRONTIER_POINTS)
    related = correlation(estimates.covariance)
    session, returns = panel.history(known.column)
    return Portfolio(
        week=week,
        data_through=str(panel.session[known.row]),
        tickers=tuple(panel.tickers[place] for place in known.column),
        left_out=tuple(Refusal(ticker=name, reason=reason) for name, reason in known.left_out.items()),
        champion=chosen.now,
        why=why(chosen, performance),
        allocations={
            strategy: _allocation(held, estimates, known.returns, (session, returns))
            for strategy, held in weights.items()
        },
        close=tuple(panel.price[known.row, known.column].tolist()),
        expected_return=tuple(estimates.mean.tolist()),
        covariance=tuple(map(tuple, estimates.covariance.tolist())),
        correlation=tuple(map(tuple, related.tolist())),
        cluster_order=tuple(cluster_order(related).tolist()),
        frontier=tuple(
            FrontierPoint(expected_return=float(mean), volatility=float(risk), weights=tuple(row.tolist()))
            for mean, risk, row in zip(frontier.expected_return, frontier.volatility, frontier.weights, strict=True)
        ),
        performance=performance,
    )


def _allocation(weights: Floats, estimates: Estimates, window: Floats, history: tuple[Sessions, Floats]) -> Allocation:
    return Allocation(
        weights=tuple(weights.tolist()),
        expected_return_in_sample=float(weights @ estimates.mean),
        volatility_in_sample=volatility(weights, estimates.covariance),
        risk_contributions=tuple(risk_contributions(weights, estimates.covariance).tolist()),
        effective_number=effective_number(weights),
        tails=tuple(
            msgspec.convert(tail_risk(window @ weights, level=level), Tail, from_attributes=True)
            for level in TAIL_LEVELS
        ),
        stress=tuple(_stress(weights, *history)),
    )


def _stress(weights: Floats, session: Sessions, returns: Floats) -> list[Stress]:
    book, equal = returns @ weights, returns.mean(axis=1)
    told = []
    for length in STRESS_SESSIONS:
        if length > len(book):
            break
        worst = worst_windows(book, sessions=length)[0]
        meanwhile = equal[worst.start : worst.end + 1]
        told.append(
            Stress(
                sessions=length,
                first=str(session[worst.start]),
                last=str(session[worst.end]),
                loss=worst.loss,
                equal_weight=1.0 - float(np.prod(1.0 + meanwhile)),
            )
        )
    return told


def performance_of(walk: Walk, chosen: Champions, session: Sessions) -> PortfolioPerformance:
    """Every strategy's record, that of the champion of the time, and of buying once; `session` is the panel's."""
    days = session[walk.first_session :]
    equal = walk.books[Strategy.EQUAL_WEIGHT]
    ratios = [sharpe(np.expm1(book.log_return), sessions_per_year=1) for book in walk.books.values()]
    by_luck = trial_variance(np.array(ratios), sessions=len(days))
    shown = np.unique(np.linspace(0, len(days) - 1, min(POINTS, len(days))).astype(int))

    def record(book: Book) -> StrategyRecord:
        return _record(book, equal, walk, by_luck=by_luck, shown=shown)

    return PortfolioPerformance(
        first=str(days[0]),
        last=str(days[-1]),
        sessions=len(days),
        weeks=len(np.unique(walk.rows)),
        trials=len(walk.books),
        cost_bp=walk.cost_bp,
        strategies={strategy: record(book) for strategy, book in walk.books.items()},
        champion=record(book_as_chosen(walk, chosen)),
        buy_and_hold=record(walk.book_of(equal.targets, trades=1)),
        sessions_shown=tuple(str(day) for day in days[shown]),
        # The newest decision may still wait for the session that it is traded in.
        champions={str(days[min(walk.known[k], len(days) - 1)]): name for k, name in chosen.since.items()},
    )


def _record(book: Book, equal: Book, walk: Walk, *, by_luck: float, shown: np.ndarray) -> StrategyRecord:
    per_year = walk.sessions_per_year
    if book.book is None:
        raise NotMaterialized("portfolio: expected a week that has been traded, got none")
    scored = scores(
        book.log_return,
        book.book,
        sessions_per_year=per_year,
        trials=len(walk.books),
        trial_sharpe_variance=by_luck,
    )
    over = sharpe_difference(np.expm1(book.log_return), np.expm1(equal.log_return), sessions_per_year=per_year)
    return StrategyRecord(
        annualised_return=scored.annualised_return,
        annualised_volatility=scored.annualised_volatility,
        sharpe=scored.sharpe,
        sharpe_lower_95=scored.sharpe_lower,
        sharpe_upper_95=scored.sharpe_upper,
        probabilistic_sharpe=scored.probabilistic_sharpe,
        deflated_sharpe=scored.deflated_sharpe,
        sharpe_over_equal_weight=over.difference,
        p_equal_weight=over.p_value,
        maximum_drawdown=scored.maximum_drawdown,
        turnover=scored.turnover,
        effective_number=scored.effective_number,
        total_cost_bp=scored.total_cost_bp,
        equity=tuple(np.exp(np.cumsum(book.log_return))[shown].tolist()),
    )


def why(chosen: Champions, performance: PortfolioPerformance | None) -> str:
    """The evidence for the champion, in two sentences."""
    if performance is None:
        return (
            f"{chosen.now.value} leads until there is evidence: it holds every strategy as far as its record goes, at "
            "a bearable risk, and there are too few weeks yet to score anything."
        )
    held, equal = performance.strategies[chosen.now], performance.strategies[Strategy.EQUAL_WEIGHT]
    told = (
        f"{chosen.now.value}: Sharpe ratio {held.sharpe:.2f} (95 %: {held.sharpe_lower_95:.2f} to "
        f"{held.sharpe_upper_95:.2f}) out of sample, net of {performance.cost_bp:g} bp, beside {equal.sharpe:.2f} of "
        f"equal weight (p {held.p_equal_weight:.2f}), over {performance.sessions:,} sessions."
    )
    if chosen.nearest is None:
        return f"{told} It led from the start; before {LEAST_RECORD} sessions no other may challenge it."
    if chosen.p_value is not None and len(chosen.since) > 1 and max(chosen.since) == len(chosen.at) - 1:
        return (
            f"{told} It has just replaced the champion before: better by a paired test, p {chosen.p_value:.3f}, "
            "corrected for challengers and reviews."
        )
    times = "1 review" if chosen.reviews == 1 else f"{chosen.reviews} reviews"
    return (
        f"{told} In {times} {'no' if len(chosen.since) == 1 else 'a'} challenger was better "
        f"by a paired test; the nearest now is {chosen.nearest.value}, p {chosen.p_value:.2f}, corrected for "
        "challengers and reviews."
    )
