"""What a model card tells of the portfolio: who leads and why, and every strategy beside equal weight.

Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Iterator

from release.portfolio import Portfolio, PortfolioPerformance, StrategyRecord
from stock_assets.markdown import bullets, table, wrapped


def portfolio_section(portfolio: Portfolio) -> Iterator[str]:
    """The paragraphs of Markdown."""
    yield "## The portfolio"
    yield wrapped(f"Week of {portfolio.week}, from sessions up to {portfolio.data_through}. {portfolio.why}")
    if portfolio.performance is not None:
        yield from _records(portfolio.performance)
    if portfolio.left_out:
        yield "Left out:"
        yield bullets(f"{each.ticker}: {each.reason}" for each in portfolio.left_out)


def _records(performance: PortfolioPerformance) -> Iterator[str]:
    yield wrapped(
        f"Each week's weights, made of what was known by its end and traded at the next open at "
        f"{performance.cost_bp:g} basis points a side, from {performance.first} to {performance.last}; between two "
        "weeks they drift. Sharpe ratios are of simple returns, their intervals and p values allow for fat tails and "
        "autocorrelation; p is of being no better than equal weight, each strategy taken alone. Deflated: how sure "
        f"one may be that it is not the luck of the best of {performance.trials} strategies. "
        "The book of the champion held whichever led at the time, without hindsight."
    )
    rows = [("champion, as chosen", performance.champion)]
    rows += [(strategy.value, of) for strategy, of in performance.strategies.items()]
    rows += [("buy and hold", performance.buy_and_hold)]
    header = (
        "strategy",
        "a year",
        "volatility",
        "Sharpe",
        "95 %",
        "deflated",
        "p",
        "drawdown",
        "turnover",
        "positions",
    )
    yield table(header, [(name, *_figures(of)) for name, of in rows])


def _figures(of: StrategyRecord) -> tuple[str, ...]:
    return (
        f"{of.annualised_return:+.1%}",
        f"{of.annualised_volatility:.1%}",
        f"{of.sharpe:.2f}",
        f"{of.sharpe_lower_95:.2f} to {of.sharpe_upper_95:.2f}",
        f"{of.deflated_sharpe:.0%}",
        f"{of.p_equal_weight:.2f}",
        f"{of.maximum_drawdown:.1%}",
        f"{of.turnover:.2f}",
        f"{of.effective_number:.1f}",
    )
