"""Tables that a person reads: scores beside their baselines, lineage, refusals, where the time went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from release.manifest import Book, Refusal, TickerLineage, TickerMetrics, TradingRecord
from release.portfolio import Portfolio, PortfolioPerformance, StrategyRecord
from stock_assets.cli.console import say, stdout

if TYPE_CHECKING:
    from release.reader import Release
    from stock_assets.runs import TickerRun

SCORES: Final = (
    "A price R² near 1 is what repeating yesterday's close scores. p: Clark and West's, of a forecast of no return. "
    "Right: in direction. Brier: percent better than the base rate. QLIKE: under 1 beats EWMA's variance. Cover: "
    "percent inside the interval meant to hold 90 %, and in the worst 63 sessions."
)


def results(release: Release) -> Iterator[Table]:
    """What the release's forecasts are worth, horizon by horizon, and what their signals would have earned."""
    tickers = release.tickers
    yield from scores({name: ticker.metrics for name, ticker in tickers.items()})
    yield trading({name: ticker.trading for name, ticker in tickers.items()})
    if release.portfolio is not None and release.portfolio.performance is not None:
        yield strategies(release.portfolio, release.portfolio.performance)


def scores(metrics: Mapping[str, Mapping[int, TickerMetrics]]) -> Iterator[Table]:
    """A table a horizon, one row a ticker: out-of-sample scores, each with what the naive forecast scores beside it."""
    horizons = list(dict.fromkeys(horizon for by_horizon in metrics.values() for horizon in by_horizon))
    for horizon in horizons:
        table = _scores(horizon, {name: of[horizon] for name, of in metrics.items() if horizon in of})
        table.caption = SCORES if horizon == horizons[-1] else None
        yield table


def _scores(horizon: int, metrics: Mapping[str, TickerMetrics]) -> Table:
    ahead = "1 session ahead" if horizon == 1 else f"{horizon} sessions ahead"
    table = plain_table(
        title=f"{ahead}, out of sample: {_between([score.n for score in metrics.values()])} forecasts a ticker"
    )
    table.add_column("ticker", style="bold")
    # Percent signs would not fit into 80 columns.
    for name in ("price\nR²", "random\nwalk", "return\nR² %", "past\nmean", "p", "right\n%", "base\nrate"):
        table.add_column(name, justify="right")
    for name in ("Brier\nskill", "QLIKE\n/EWMA", "cover\n90 %", "worst\n63"):
        table.add_column(name, justify="right")
    for ticker, score in metrics.items():
        table.add_row(
            ticker,
            f"{score.price_r2:.5f}",
            f"{score.price_r2_random_walk:.5f}",
            f"{100 * score.return_r2:+.2f}",
            f"{100 * score.return_r2_historical_mean:+.2f}",
            f"{score.clark_west_p:.2f}",
            f"{100 * score.directional_accuracy:.1f}±{100 * score.directional_accuracy_se:.1f}",
            f"{100 * score.base_rate:.1f}",
            f"{100 * (1 - score.brier / score.brier_base_rate):+.2f}",
            f"{score.qlike / score.qlike_ewma:.2f}",
            f"{100 * score.coverage_90:.1f}",
            f"{100 * score.worst_coverage_63:.1f}",
        )
    return table


def trading(records: Mapping[str, TradingRecord]) -> Table:
    """Two rows a ticker: its signals as trades, and buying once and holding, net of the same costs."""
    costs = sorted({record.cost_bp + record.slippage_bp for record in records.values()})
    table = plain_table(
        title="The signals of the first horizon as trades, beside buying and holding",
        caption=f"Executed at the next open, at {_between(costs)} bp a side; return and volatility are a year's. "
        "Deflated: how sure one may be that the Sharpe ratio is not the luck of the best of "
        f"{_between([record.trials for record in records.values()])} settings; 95 % would be evidence.",
    )
    table.add_column("ticker", style="bold")
    table.add_column("")
    for name in ("return", "volatility", "Sharpe", "deflated", "drawdown", "trades", "exposure"):
        table.add_column(name, justify="right")
    for ticker, record in records.items():
        deflated = f"{record.signals.deflated_sharpe:.0%}"
        table.add_row(ticker, "signals", *_book(record.signals, deflated=deflated))
        table.add_row("", "buy and hold", *_book(record.buy_and_hold, deflated=""))
    return table


def _book(book: Book, *, deflated: str) -> Iterator[str]:
    yield f"{book.annualised_return:+.1%}"
    # A book that lost everything has neither.
    yield "ruined" if book.annualised_volatility is None else f"{book.annualised_volatility:.1%}"
    yield "ruined" if book.sharpe is None else f"{book.sharpe:+.2f}"
    yield deflated
    yield f"{abs(book.maximum_drawdown):.1%}"
    yield f"{book.trades}"
    yield f"{book.exposure:.0%}"


def strategies(portfolio: Portfolio, performance: PortfolioPerformance) -> Table:
    """A row a strategy, as walked forward; the champion of the time first, equal weight and buying once among them."""
    table = plain_table(
        title=f"Allocations walked forward, {performance.weeks} weeks to {performance.last}",
        caption=f"Net of {performance.cost_bp:g} bp a side, traded at the next open. p: that the Sharpe ratio is no "
        f"better than equal weight's, each taken alone. {portfolio.why}",
    )
    table.add_column("strategy", style="bold")
    for name in ("return", "volatility", "Sharpe", "95 %", "p", "drawdown"):
        table.add_column(name, justify="right")
    table.add_row("champion, as chosen", *_strategy(performance.champion))
    for strategy, record in performance.strategies.items():
        table.add_row(strategy.value.replace("_", " "), *_strategy(record))
    table.add_row("buy and hold", *_strategy(performance.buy_and_hold))
    return table


def _strategy(of: StrategyRecord) -> Iterator[str]:
    yield f"{of.annualised_return:+.1%}"
    yield f"{of.annualised_volatility:.1%}"
    yield f"{of.sharpe:+.2f}"
    yield f"{of.sharpe_lower_95:+.1f}..{of.sharpe_upper_95:+.1f}"
    yield f"{of.p_equal_weight:.2f}"
    yield f"{of.maximum_drawdown:.1%}"


def _between(values: Sequence[float]) -> str:
    least, most = min(values, default=0), max(values, default=0)
    return f"{least:,g}" if least == most else f"{least:,g} to {most:,g}"


def lineage(tickers: Iterable[TickerLineage]) -> Table:
    """One row a ticker: which bars, which model version, which runs."""
    table = plain_table("ticker", "source", "bars", "from", "to", "data", "model", "Dagster", "MLflow")
    for line in tickers:
        table.add_row(
            line.ticker,
            line.source,
            f"{line.bars:,}",
            line.first_session,
            line.last_session,
            line.data_sha256[:8],
            f"v{line.model_version}",
            line.dagster_run_id[:8],
            line.mlflow_run_id[:8],
        )
    return table


def plain_table(*columns: str, title: str | None = None, caption: str | None = None) -> Table:
    """A plain table for `console.show_table`."""
    return Table(
        *columns,
        title=title,
        title_justify="left",
        caption=caption,
        caption_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )


def print_refusals(refusals: Sequence[Refusal]) -> None:
    """Who is left out and why, a line each; nothing if nobody is."""
    for refusal in refusals:
        _print_line("refused", refusal.ticker, refusal.reason)


def print_failures(runs: Sequence[TickerRun]) -> None:
    """Runs that failed, a line each; nothing if none did."""
    for run in runs:
        _print_line("failed", run.ticker, f"{run.error} (Dagster run {run.run_id[:8] or 'none'})")


def print_standing(reasons: Mapping[str, str]) -> None:
    """Tickers that no run was made of, for it would fail as the last one did, a line each; their reasons by ticker."""
    for ticker, reason in reasons.items():
        _print_line("failing", ticker, reason)


def say_held(tickers: Iterable[str]) -> None:
    """What a person can do about restated histories that are held, a line each."""
    from stock_assets.ingest.restatements import choice

    for ticker in tickers:
        say(f"{ticker} is held until you decide: {choice(ticker)}", style="yellow")


def minute(moment: str) -> str:
    """An ISO time in UTC, as precise as a person wants it."""
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M} UTC"


def without_ticker(reason: str, ticker: str) -> str:
    """What is said of a ticker, for a line that begins with its name."""
    return reason.removeprefix(f"{ticker}: ").removeprefix(f"{ticker} ")


def _print_line(what: str, ticker: str, reason: str) -> None:
    line = Text.assemble((f"{what} ", "yellow"), (ticker, "bold"), f": {without_ticker(reason, ticker)}")
    stdout().print(line, soft_wrap=True)


def shares(seconds: Mapping[str, float]) -> Table:
    """Where the runs' time went, phase by phase; the start-up of processes is not in it."""
    total = sum(seconds.values()) or 1.0
    table = plain_table(title="Where the runs' time went")
    table.add_column("phase")
    table.add_column("seconds", justify="right")
    table.add_column("share", justify="right")
    for phase, spent in seconds.items():
        table.add_row(phase, f"{spent:.1f}", f"{spent / total:.0%}")
    return table
