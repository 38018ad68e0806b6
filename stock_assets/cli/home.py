"""The home of one installation: its settings, what it remembers, its lock.

A home remembers the source it was filled from in ``source.json``, so that later commands need no options. An option
wins over the environment (``STOCK_ASSETS_*``), and that over what the home remembers. The outcome is put into the
environment, where Dagster, the workers and the servers find it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from release.files import replace_synced
from stock_assets.cli.console import CommandFailed
from stock_assets.workers import ONE_THREAD

if TYPE_CHECKING:
    from stock_assets.settings import PipelineSettings

RECORD: Final = "source.json"
LOCK: Final = "demo.lock"
DEFAULT: Final = Path(".stock-assets")


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What a home was filled from; `data` is an absolute path, `as_of` an ISO date."""

    source: str
    data: str | None = None
    as_of: str | None = None


def settings_for(
    *,
    home: Path | None = None,
    source: str | None = None,
    data: Path | None = None,
    as_of: datetime | None = None,
    recall_as_of: bool = True,
) -> PipelineSettings:
    """The settings that options, environment and the home's memory amount to; the environment then says them too.

    With `recall_as_of` False the remembered date is left out: a demo chooses it anew.

    Raises
    ------
    CommandFailed
        If one of them makes no sense, naming it.
    """
    from pydantic import ValidationError

    given = {
        "STOCK_ASSETS_HOME": home and str(home.absolute()),
        "STOCK_ASSETS_SOURCE": source or (data and "files"),
        "STOCK_ASSETS_DATA": data and str(data.absolute()),
        "STOCK_ASSETS_AS_OF": as_of and as_of.date().isoformat(),
    }
    os.environ.update({name: value for name, value in given.items() if value})
    folder = Path(os.environ.setdefault("STOCK_ASSETS_HOME", str(DEFAULT.absolute())))
    if remembered := recall(folder):
        _fill_in(remembered, as_of=recall_as_of)
    from stock_assets.settings import PipelineSettings

    try:
        return PipelineSettings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        told = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        if ", got " not in told:
            told = f"expected {told}, got {first['input']}"
        raise CommandFailed(f"{name}: {told}") from error


def _fill_in(remembered: Remembered, *, as_of: bool) -> None:
    """Say in the environment what it leaves open; a source named anew owes nothing to the remembered data."""
    if os.environ.setdefault("STOCK_ASSETS_SOURCE", remembered.source) != remembered.source:
        return
    if os.environ.get("STOCK_ASSETS_DATA", remembered.data) != remembered.data:
        return
    if remembered.data:
        os.environ["STOCK_ASSETS_DATA"] = remembered.data
    if as_of and remembered.as_of:
        os.environ.setdefault("STOCK_ASSETS_AS_OF", remembered.as_of)


def tell(settings: PipelineSettings, *, redis_url: str) -> None:
    """Put the settings where every process started from here will find them, Dagster's own among them."""
    told = {
        "STOCK_ASSETS_HOME": str(settings.home),
        "STOCK_ASSETS_SOURCE": settings.source.value,
        "STOCK_ASSETS_DATA": settings.data and str(settings.data),
        "STOCK_ASSETS_AS_OF": settings.as_of and settings.as_of.isoformat(),
        "STOCK_ASSETS_REDIS_URL": redis_url,
        "DAGSTER_HOME": str(settings.dagster),
    }
    os.environ.update({name: value for name, value in told.items() if value})
    # Dagster's daemon runs as many at once as there are cores.
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)


def recall(folder: Path) -> Remembered | None:
    """What the home remembers, None for a new one; `CommandFailed` if its record is damaged."""
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=Remembered)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise CommandFailed(f"{folder / RECORD}: expected the home's source, got {error}; mend or remove it") from error


def remember(settings: PipelineSettings) -> None:
    """Have the home remember its source for later commands."""
    record = Remembered(
        source=settings.source.value,
        data=str(settings.data) if settings.data else None,
        as_of=settings.as_of.isoformat() if settings.as_of else None,
    )
    replace_synced(settings.home / RECORD, msgspec.json.encode(record))


def claim(folder: Path) -> None:
    """Make the home, or tell in one line why it can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CommandFailed(f"home: expected a writable folder, got {folder} ({error.strerror})") from error


@contextlib.contextmanager
def only_demo(folder: Path) -> Iterator[None]:
    """Hold the home for one demo; the system lets go of it with the process, however that ends."""
    path = folder / LOCK
    with path.open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise CommandFailed(
                f"home: expected one demo at a time on {folder}, got a second; "
                f"process {holder} runs the first (end it, or choose another --home)"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
