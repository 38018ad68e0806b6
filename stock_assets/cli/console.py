"""How the command line speaks: answers on stdout, everything else on stderr, JSON for programs."""

from __future__ import annotations

import functools
import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from stock_assets.errors import StockAssetsError


class CommandFailed(StockAssetsError):
    """A failure whose message is one clear line for the person who typed the command.

    `details` are further lines worth showing below it, such as the end of a log.
    """

    def __init__(self, message: str, *, details: str = "") -> None:
        super().__init__(message)
        self.details = details


@functools.cache
def stdout() -> Console:
    """Where answers go."""
    return Console(highlight=False)


@functools.cache
def stderr() -> Console:
    """Where progress, notes and failures go."""
    return Console(stderr=True, highlight=False)


def show_table(table: Table) -> None:
    """A table on stdout at the width it needs: a figure is never cut short for a narrow terminal or a pipe."""
    console = stdout()
    needs = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
    Console(highlight=False, width=max(needs, console.width)).print(table)


def say(message: str, *, style: str = "") -> None:
    """One line of news on stderr, never broken by the width of the terminal."""
    stderr().print(Text(message, style=style), soft_wrap=True)


def say_error(message: str, *, details: str = "") -> None:
    """One failure, on one line of stderr whatever line ends its message holds."""
    line = Text.assemble(("error: ", "bold red"), " ".join(message.split()))
    stderr().print(line, soft_wrap=True)
    if details:
        stderr().print(Text(details, style="dim"), soft_wrap=True)


def print_json(value: Any) -> None:
    """A value of plain types, dates or msgspec structs, as indented JSON on stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
    sys.stdout.flush()
