"""`tickers list|add|remove`: the universe, which can change while everything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from release.manifest import Manifest
from stock_assets.cli import home as homes
from stock_assets.cli.console import CommandFailed, print_json, say, stdout
from stock_assets.cli.options import Home, Json, Names, Workers, named_tickers
from stock_assets.cli.report import without_ticker
from stock_assets.supervisor import signals_interrupt

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from stock_assets.settings import PipelineSettings

app = typer.Typer(help="List, add and remove tickers.", rich_markup_mode="rich")


@app.command("list")
def list_tickers(home: Home = None, json: Json = False) -> None:
    """The home's tickers and what the release in force has of each."""
    from stock_assets.partitions import known_tickers

    settings, instance = _open(home)
    manifest = _manifest_in_force(settings)
    with instance:
        rows = [_row(name, manifest, instance) for name in known_tickers(instance)]
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
def add(
    names: Names,
    no_fill: Annotated[bool, typer.Option("--no-fill", help="Leave the filling to the next materialize.")] = False,
    workers: Workers = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Add tickers that the source carries, fill them and publish a release with them.

    If the source lacks one of them, none is added. One whose bars turn out unusable stays, with the reason, in
    `tickers list`: exit 1, the others are published all the same. Where a universe file is followed, write them
    there too: its next change removes what it does not name.
    """
    from stock_assets.cli import fill
    from stock_assets.cli.universe import universe
    from stock_assets.partitions import known_tickers
    from stock_assets.sources.catalogue import opened

    wanted = named_tickers(names)
    settings, instance = _open(home)
    with instance:
        new = [name for name in wanted if name not in known_tickers(instance)]
        universe(settings, instance, opened(settings), asked=wanted)
    if no_fill:
        _tell("added", new, json=json)
        return
    with signals_interrupt():
        outcome = fill.fill(settings, asked=wanted, workers=workers)
    if json:
        print_json({"added": new, **fill.document(outcome)})
    else:
        _tell("added", new, json=False)
        fill.tell(outcome)
    if outcome.failed or outcome.standing:
        raise typer.Exit(1)


@app.command()
def remove(names: Names, home: Home = None, json: Json = False) -> None:
    """Remove tickers from the universe; the next release is without them, their tables, runs and releases stay."""
    from stock_assets.partitions import TICKERS, known_tickers

    gone = named_tickers(names)
    _, instance = _open(home)
    with instance:
        at_home = known_tickers(instance)
        for name in gone:
            if name not in at_home:
                raise CommandFailed(f"ticker: expected one of {', '.join(at_home) or 'none'}, got {name}")
        for name in gone:
            instance.delete_dynamic_partition(TICKERS, name)
    _tell("removed", gone, json=json)


def _open(home: Home) -> tuple[PipelineSettings, DagsterInstance]:
    settings = homes.settings_for(home=home)
    homes.claim(settings.home)
    from stock_assets.instance import open_instance

    return settings, open_instance(settings)


def _manifest_in_force(settings: PipelineSettings) -> Manifest | None:
    from release.store import Store

    store = Store(settings.releases)
    current = store.current()
    return store.manifest(current) if current else None


def _row(name: str, manifest: Manifest | None, instance: DagsterInstance) -> dict[str, Any]:
    from stock_assets.failures import last_failure

    lineage = next((line for line in manifest.tickers if line.ticker == name), None) if manifest else None
    refused = next((refusal.reason for refusal in manifest.refused if refusal.ticker == name), "") if manifest else ""
    if lineage is None and not refused:
        refused = last_failure(instance, name)
    return {
        "ticker": name,
        "released": lineage is not None,
        "bars": lineage and lineage.bars,
        "first_session": lineage and lineage.first_session,
        "last_session": lineage and lineage.last_session,
        "model_version": lineage and lineage.model_version,
        "refused": without_ticker(refused, name) or None,
    }


def _tell(verb: str, names: list[str] | tuple[str, ...], *, json: bool) -> None:
    if json:
        print_json({verb: names})
    else:
        say(f"{verb} {', '.join(names)}" if names else f"nothing {verb}: known already")
