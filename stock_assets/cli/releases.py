"""`release list|show|card|rollback`: what has been published, what it says of itself, and the way back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from release.manifest import Manifest
from stock_assets.cli import home as homes
from stock_assets.cli import report
from stock_assets.cli.console import CommandFailed, print_json, say, show_table, stdout
from stock_assets.cli.options import Home, Json
from stock_assets.cli.report import minute

if TYPE_CHECKING:
    from release.store import Store

app = typer.Typer(help="List, inspect and roll back published releases.", rich_markup_mode="rich")


@app.command("list")
def list_releases(home: Home = None, json: Json = False) -> None:
    """Every release in the store, newest first; the one in force is marked."""
    store = _store(home)
    current = store.current()
    rows = [_row(manifest, current) for manifest in store.list()]
    if json:
        print_json(rows)
        return
    table = report.plain_table("release", "in force", "as of", "published", "tickers", "refused")
    for row in rows:
        mark = "●" if row["current"] else ""
        refused = ", ".join(refusal["ticker"] for refusal in row["refused"]) or "none"
        table.add_row(
            row["release_id"], mark, row["as_of"], minute(row["created_at"]), ", ".join(row["tickers"]), refused
        )
    if rows:
        show_table(table)
    else:
        say(f"no release in {store.path} yet; `stock-assets materialize` publishes one")


@app.command()
def show(
    release_id: Annotated[str | None, typer.Argument(help="[dim]Default: the one in force[/]")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """One release after verifying all of it: its lineage, and its out-of-sample scores beside their baselines."""
    release = _store(home).load(release_id)
    metrics = {name: ticker.metrics for name, ticker in release.tickers.items()}
    if json:
        print_json(
            {
                **msgspec.to_builtins(release.manifest),
                "metrics": metrics,
                "parameters": {name: ticker.parameters for name, ticker in release.tickers.items()},
                "portfolio": release.portfolio,
            }
        )
        return
    manifest = release.manifest
    stdout().print(
        f"[bold]{manifest.release_id}[/]  verified: {len(manifest.files)} files, "
        f"{sum(file.size for file in manifest.files) / 1e6:.1f} MB, every digest and parity vector",
        soft_wrap=True,
    )
    stdout().print(
        f"as of {manifest.as_of}, published {minute(manifest.created_at)} by Dagster run {manifest.dagster_run_id}",
        soft_wrap=True,
    )
    for table in report.results(release):
        show_table(table)
    show_table(report.lineage(manifest.tickers))
    report.print_refusals(manifest.refused)


@app.command()
def card(
    release_id: Annotated[str | None, typer.Argument(help="[dim]Default: the one in force[/]")] = None,
    home: Home = None,
) -> None:
    """A release's model card, in Markdown: what it was trained on, what it can and can't do, beside the baselines."""
    # As it is: a page for a file or a pager, whose tables a terminal's width must not break.
    sys.stdout.write(_store(home).load(release_id).model_card)


@app.command()
def rollback(
    home: Home = None,
    to: Annotated[str | None, typer.Option(metavar="RELEASE", help="[dim]Default: the one in force before[/]")] = None,
    json: Json = False,
) -> None:
    """Put an earlier release back in force, after verifying it; running servers take it up by themselves."""
    store = _store(home)
    before = store.current()
    if before is None:
        raise CommandFailed(f"{store.path}: expected a published release, found none")
    manifest = store.switch(to) if to else store.rollback()
    if json:
        print_json({"before": before, "current": manifest.release_id})
    else:
        stdout().print(f"in force: [bold]{manifest.release_id}[/] (before: {before})", soft_wrap=True)


def _store(home: Home) -> Store:
    from release.store import Store

    return Store(homes.settings_for(home=home).releases)


def _row(manifest: Manifest, current: str | None) -> dict[str, Any]:
    return {
        "release_id": manifest.release_id,
        "current": manifest.release_id == current,
        "as_of": manifest.as_of,
        "created_at": manifest.created_at,
        "code_version": manifest.code_version,
        "tickers": [lineage.ticker for lineage in manifest.tickers],
        "refused": msgspec.to_builtins(manifest.refused),
    }
