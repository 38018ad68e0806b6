"""Tables that a person reads: scores beside their baselines, lineage, refusals, where the time went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from release.manifest import Refusal, TickerLineage, TickerMetrics
from stock_assets.cli.console import say, stdout

if TYPE_CHECKING:
    from stock_assets.runs import TickerRun


def scores(metrics: Mapping[str, Mapping[int, TickerMetrics]]) -> Table:
    """One row a ticker: out-of-sample scores, each with what the naive forecast scores on the same days."""
    table = plain_table(
        title="Out of sample: the champion beside what costs nothing",
        caption="A price R² near 1 is what repeating yesterday's close scores.\n"
        "p: Clark and West's, of a forecast of no return. Coverage: of intervals meant to hold 90 %.",
    )
    table.add_column("ticker", style="bold")
    for name in ("price\nR²", "random\nwalk", "return\nR²", "past\nmean", "p", "direction", "base\nrate"):
        table.add_column(name, justify="right")
    table.add_column("cover-\nage", justify="right")
    table.add_column("n", justify="right")
    for ticker, score in ((ticker, next(iter(by_horizon.values()))) for ticker, by_horizon in metrics.items()):
        table.add_row(
            ticker,
            f"{score.price_r2:.5f}",
            f"{score.price_r2_random_walk:.5f}",
            f"{score.return_r2:+.5f}",
            f"{score.return_r2_historical_mean:+.5f}",
            f"{score.clark_west_p:.2f}",
            f"{score.directional_accuracy:.1%} ± {score.directional_accuracy_se:.1%}",
            f"{score.base_rate:.1%}",
            f"{score.coverage_90:.1%}",
            f"{score.n}",
        )
    return table


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
