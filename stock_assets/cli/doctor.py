"""`doctor`: is everything there, writable, reachable, fresh and whole, and what to do about what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from stock_assets.cli import home as homes
from stock_assets.cli.console import print_json, stdout
from stock_assets.cli.options import Home, Json

if TYPE_CHECKING:
    from stock_assets.cli.examination import Finding

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(home: Home = None, json: Json = False) -> None:
    """Look at versions, storage, Redis, the data's age and the release in force; exit 1 if anything fails."""
    from release.clock import SystemClock
    from stock_assets.cli.examination import Verdict, examine

    findings = []
    for finding in examine(homes.settings_for(home=home), clock=SystemClock()):
        findings.append(finding)
        if not json:
            _print(finding)
    failed = any(finding.verdict is Verdict.FAIL for finding in findings)
    if json:
        print_json({"ok": not failed, "findings": findings})
    if failed:
        raise typer.Exit(1)


def _print(finding: Finding) -> None:
    line = Text.assemble(
        (f"{finding.verdict.value:<5}", STYLES[finding.verdict.value]), (f"{finding.what:<10}", "bold"), finding.detail
    )
    if finding.mend:
        line.append(f" → {finding.mend}", style="cyan")
    stdout().print(line, soft_wrap=True)
