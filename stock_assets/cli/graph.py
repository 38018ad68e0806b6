"""`materialize`: bring the graph up to date, ticker by ticker, then publish."""

from __future__ import annotations

from typing import Annotated

import typer

from stock_assets.cli import home as homes
from stock_assets.cli.options import AsOf, Data, Home, Json, Source, Tickers, Workers, split_tickers
from stock_assets.supervisor import signals_interrupt


def materialize(
    select: Annotated[
        str | None,
        typer.Option(
            metavar="SELECTION",
            help="Dagster's selection of a ticker's assets, such as [bold]model+[/] or [bold]signals[/]: made anew "
            "whether fresh or not. [dim]Default: all assets of the tickers that are not fresh[/]",
        ),
    ] = None,
    tickers: Tickers = None,
    workers: Workers = None,
    source: Source = None,
    data: Data = None,
    as_of: AsOf = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """One Dagster run a ticker by a pool of warm processes, then portfolio and release once.

    Exit 0 if every ticker made it, 1 if one failed or is refused; the others are published all the same.
    """
    from stock_assets.cli import fill

    settings = homes.settings_for(home=home, source=source, data=data, as_of=as_of)
    homes.claim(settings.home)
    with signals_interrupt():
        outcome = fill.fill(settings, asked=split_tickers(tickers), select=select, workers=workers)
        fill.tell(outcome, json=json)
    if outcome.failed or outcome.standing:
        raise typer.Exit(1)
