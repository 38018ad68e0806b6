"""`audit verify|show`: is the live engine's log what was written, and what does one entry of it say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer
from rich.text import Text

from stock_assets.cli import home as homes
from stock_assets.cli.console import CommandFailed, print_json, stdout
from stock_assets.cli.options import Home, Json

if TYPE_CHECKING:
    from release.audit import AuditLog, Entry, Receipt

app = typer.Typer(help="Verify and inspect the live engine's audit log.", rich_markup_mode="rich")

RECEIPT: Final = re.compile(r"([1-9][0-9]*):([0-9a-f]{64})")

Url = Annotated[
    str | None,
    typer.Option(
        metavar="PATH|postgresql://...",
        help="Where the log is. [dim]Default: STOCK_ASSETS_AUDIT_URL, else the home's own file[/]",
    ),
]


@app.command()
def verify(
    home: Home = None,
    url: Url = None,
    receipt: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID:SHA256",
            help="What you have kept of a signal, its audit_id and audit_sha256: that shows even what somebody who can "
            "rewrite the whole log would hide. May be given more than once.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Look at every entry of the audit log; exit 1 if one was changed, removed, inserted, moved or cut off."""
    receipts = [_receipt(text) for text in receipt or ()]
    with _open(home, url) as log:
        found = log.verify(receipts=receipts)
    if json:
        head = found.head and found.head._asdict()
        print_json({"whole": found.whole, "entries": found.entries, "head": head, "findings": found.findings})
    else:
        for finding in found.findings:
            stdout().print(Text(str(finding), style="bold red"), soft_wrap=True)
        if found.whole:
            kept = f"; to be kept: --receipt {found.head}" if found.head else ""
            stdout().print(f"whole: {found.entries} entries, each as it was written{kept}", soft_wrap=True)
    if not found.whole:
        raise typer.Exit(1)


@app.command()
def show(
    audit_id: Annotated[int, typer.Argument(metavar="ID", help="A signal's audit_id, for instance.", min=1)],
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """One entry, with what it says and its place in the chain; exit 1 if its hash is not that of what it says."""
    with _open(home, url) as log:
        entry = log.entry(audit_id)
        head = log.head()
    if entry is None:
        raise CommandFailed(f"id: expected an entry of the log (1 to {head.audit_id if head else 0}), got {audit_id}")
    genuine = entry.hashed() == entry.sha256
    if json:
        print_json({**entry._asdict(), "body": _said(entry), "genuine": genuine})
    else:
        _print(entry, genuine=genuine)
    if not genuine:
        raise typer.Exit(1)


def _print(entry: Entry, *, genuine: bool) -> None:
    lines = {
        "entry": f"{entry.id}, {entry.kind}, recorded {entry.recorded_at} in term {entry.term}",
        "follows": entry.previous,
        "sha256": f"{entry.sha256} ({'as it ought to be' if genuine else f'expected {entry.hashed()}'})",
        **_said(entry),
    }
    for name, value in lines.items():
        stdout().print(Text.assemble((f"{name:<16}", "bold"), str(value)), soft_wrap=True)


def _said(entry: Entry) -> dict[str, object]:
    """What the entry says by name; all in one where somebody has made it unreadable."""
    try:
        return msgspec.json.decode(entry.body, type=dict[str, object])
    except msgspec.MsgspecError:
        return {"body": entry.body}


def _open(home: Path | None, url: str | None) -> AuditLog:
    from release.audit import AuditLog

    where = url or homes.settings_for(home=home).audit
    if isinstance(where, Path) and not where.exists():
        raise CommandFailed(f"{where}: expected an audit log, which `stock-assets live` makes, found none")
    return AuditLog.open(where, read_only=True)


def _receipt(text: str) -> Receipt:
    from release.audit import Receipt

    match = RECEIPT.fullmatch(text)
    if match is None:
        raise CommandFailed(f"receipt: expected an id and a hash of 64 digits, such as 17:5aca...01d2, got {text!r}")
    return Receipt(int(match[1]), match[2])
