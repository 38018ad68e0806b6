"""The options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from stock_assets.cli.console import CommandFailed

Home = Annotated[
    Path | None,
    typer.Option(help="Where everything is written and read. [dim]Default: STOCK_ASSETS_HOME, else .stock-assets[/]"),
]
Source = Annotated[
    str | None,
    typer.Option(
        metavar="sample|files|yahoo|alpaca",
        help="Real bars out of a bundled data set, files of your own, or a vendor. [dim]Default: what the home was "
        "filled from, else sample; with --data, files[/]",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(help="For files: a CSV, CSV.gz or Parquet file, a folder of them, or a quoted glob."),
]
Tickers = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Only these. [dim]Default: those of the home, else the source's[/]"),
]
Names = Annotated[list[str], typer.Argument(metavar="TICKER...", help="One or more, by spaces or commas.")]
AsOf = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Keep bars after this date from the graph."),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Worker processes. [dim]Default: one a core[/]")]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for programs.")]


def split_tickers(text: str | None) -> tuple[str, ...]:
    """``"aapl, MSFT"`` as ``("AAPL", "MSFT")``; the empty tuple for None."""
    return tuple(dict.fromkeys(name.strip().upper() for name in (text or "").split(",") if name.strip()))


def named_tickers(names: list[str]) -> tuple[str, ...]:
    """The tickers of `Names`, at least one."""
    tickers = split_tickers(",".join(names))
    if not tickers:
        raise CommandFailed(f"ticker: expected at least one, got {' '.join(names)!r}")
    return tickers
