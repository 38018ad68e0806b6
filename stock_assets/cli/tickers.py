"""`tickers list|add|remove`: the universe, which can change while everything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from release.manifest import Manifest
from stock_assets.cli import home as homes
from stock_assets.cli.console import CommandFailed, print_json, say, stdout
from stock_assets.cli.options import Home, Json, split_tickers

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from stock_assets.settings import PipelineSettings

app = typer.Typer(help="List, add and remove tickers.", rich_markup_mode="rich")
Names = Annotated[list[str], typer.Argument(metavar="TICKER...", help="One or more, by spaces or commas.")]


@app.command("list")
def list_tickers(home: Home = None, json: Json = False) -> None:
    """The home's tickers and what the release in force has of each."""
    from stock_assets.partitions import known_tickers

    settings, instance = _open(home)
    with instance:
        names = known_tickers(instance)
    manifest = _manifest_in_force(settings)
    rows = [_row(name, manifest) for name in names]
    if json:
        print_json(rows)
        return
    if not rows:
        say("no tickers yet; `stock-assets materialize` takes the source's, `stock-assets tickers add` some of them")
        return
    table = Table("ticker", "released", "bars", "from", "to", "model", "why not", box=None)
    for row in rows:
        shown = (row["bars"] or "", row["first_session"] or "", row["last_session"] or "", row["model_version"] or "")
        table.add_row(
            row["ticker"], "yes" if row["released"] else "no", *(str(cell) for cell in shown), row["refused"] or ""
        )
    stdout().print(table)


@app.command()
def add(names: Names, home: Home = None, json: Json = False) -> None:
    """Add tickers that the source carries; the next `materialize` fills them."""
    from stock_assets.partitions import TICKERS, known_tickers
    from stock_assets.sources.catalogue import market_data
    from stock_assets.sources.market_data import known

    settings, instance = _open(home)
    carried = market_data(settings).tickers()
    wanted = [known(name, carried) for name in split_tickers(",".join(names))]
    with instance:
        new = [name for name in wanted if name not in known_tickers(instance)]
        instance.add_dynamic_partitions(TICKERS, new)
    _tell("added", new, json=json)


@app.command()
def remove(names: Names, home: Home = None, json: Json = False) -> None:
    """Remove tickers from the universe; the next release is without them, their tables and releases stay."""
    from stock_assets.partitions import TICKERS, known_tickers

    _, instance = _open(home)
    with instance:
        at_home = known_tickers(instance)
        gone = split_tickers(",".join(names))
        for name in gone:
            if name not in at_home:
                raise CommandFailed(f"ticker: expected one of {', '.join(at_home) or 'none'}, got {name}")
        for name in gone:
            instance.delete_dynamic_partition(TICKERS, name)
    _tell("removed", gone, json=json)


def _open(home: Home) -> tuple[PipelineSettings, DagsterInstance]:
    settings = homes.settings_for(home=home)
    homes.claim(settings.home)
    from stock_assets.runs import open_instance

    return settings, open_instance(settings)


def _manifest_in_force(settings: PipelineSettings) -> Manifest | None:
    from release.store import Store

    store = Store(settings.releases)
    current = store.current()
    return store.manifest(current) if current else None


def _row(name: str, manifest: Manifest | None) -> dict[str, Any]:
    lineage = next((line for line in manifest.tickers if line.ticker == name), None) if manifest else None
    refused = next((refusal for refusal in manifest.refused if refusal.ticker == name), None) if manifest else None
    return {
        "ticker": name,
        "released": lineage is not None,
        "bars": lineage and lineage.bars,
        "first_session": lineage and lineage.first_session,
        "last_session": lineage and lineage.last_session,
        "model_version": lineage and lineage.model_version,
        "refused": refused and refused.reason.removeprefix(f"{name}: "),
    }


def _tell(verb: str, names: list[str] | tuple[str, ...], *, json: bool) -> None:
    if json:
        print_json({verb: names})
    else:
        say(f"{verb} {', '.join(names)}" if names else f"nothing {verb}: known already")
