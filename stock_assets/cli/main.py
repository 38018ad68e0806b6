"""The `stock-assets` command: its groups, and the one place where a failure becomes a line and an exit code."""

from __future__ import annotations

import gc
import inspect
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import typer
from typer.exceptions import TyperException

from quant.errors import QuantError
from release.errors import ReleaseError
from release.logs import configure_logging
from stock_assets.cli import audit, demo, doctor, export, graph, market_data, models, releases, servers, skill, tickers
from stock_assets.cli.console import CommandFailed, say_error
from stock_assets.errors import StockAssetsError

INTERRUPTED = 130


def prose(command: Callable[..., object]) -> str:
    """A command's docstring with each paragraph on one line, so that it breaks where the terminal ends."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


app = typer.Typer(
    name="stock-assets",
    help="Stock forecasts, signals and allocations as partitioned Dagster assets, served live.\n\n"
    "Everything is written under one home: --home, else STOCK_ASSETS_HOME, else .stock-assets/. "
    "A home remembers the source it was filled from, so later commands need no options.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    demo.demo,
    graph.materialize,
    servers.serve,
    servers.live,
    skill.skill,
    export.export,
    doctor.doctor,
):
    app.command(help=prose(command))(command)
app.add_typer(market_data.app, name="data")
app.add_typer(tickers.app, name="tickers")
app.add_typer(models.app, name="models")
app.add_typer(releases.app, name="release")
app.add_typer(audit.app, name="audit")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 when done, 1 on a failure, 2 on wrong usage, 130 on Ctrl-C."""
    code = run(sys.argv[1:] if arguments is None else arguments)
    # Nothing is left to tidy, and walking every object of Dagster and pandas once more takes the interpreter seconds.
    gc.freeze()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """The exit code of one command; every failure has become one line on stderr."""
    # A person is told by the commands themselves; what else goes on is in the logs of those who do it.
    configure_logging(logging.WARNING)
    try:
        code = int(app(args=list(arguments) or ["--help"], prog_name="stock-assets", standalone_mode=False) or 0)
        if code == INTERRUPTED:  # What a KeyboardInterrupt has become by now.
            say_error("interrupted")
        return code
    except TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "stock-assets"
        say_error(f"{error.format_message()} (see {command} --help)")
        return 2
    except CommandFailed as error:
        say_error(str(error), details=error.details)
        return 1
    except (QuantError, ReleaseError, StockAssetsError) as error:
        say_error(str(error))
        return 1
    except ModuleNotFoundError as error:
        say_error(f"{error.name}: expected it to be installed, which pip install 'stock-assets[pipeline]' does")
        return 1
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing to tell, and nobody to tell it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: recorded whole, told in one line
        say_error(f"unexpected {type(error).__name__}: {error} (traceback in {_record()})")
        return 1


def _record() -> Path:
    """Write the traceback of the exception at hand where it can be found again: into the home, if it takes it."""
    name = f"failure-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.log"
    for folder in (Path(os.environ.get("STOCK_ASSETS_HOME", ".stock-assets")) / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(traceback.format_exc(), "utf-8")
        except OSError:
            continue
        return folder / name
    return Path("no file: neither the home nor the temporary folder is writable")
