"""Dagster's SQLite storage with its connections kept open from one write to the next.

Dagster makes an engine, a connection and a plan of every statement anew for each event, and SQLite folds its log back
whenever the last connection is closed. Runs of a second write dozens of events: kept connections halve what they cost.
Files, tables and transactions are Dagster's own, so its daemon and pages read and write them as ever.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, event

# Files of runs that are kept open, beside the index of all runs: the newest is being written.
OPEN_RUNS: Final = 2
WAITING: Final = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}


class KeptEventLog(SqliteEventLogStorage):
    """Events, a file a run and an index of all runs."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> KeptEventLog:
        """As Dagster makes it of an instance's configuration."""
        return cls(inst_data=inst_data, **config_value)

    @cached_property
    def _engines(self) -> dict[str, Engine]:
        return {}

    @contextlib.contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engines.get(shard) or self._opened(shard)
            with engine.begin() as connection:
                yield connection

    def _opened(self, shard: str) -> Engine:
        runs = [name for name in self._engines if name != INDEX_SHARD_NAME]
        for name in runs[: 1 - OPEN_RUNS]:
            self._engines.pop(name).dispose()
        engine = _opened_engine(self.conn_string_for_shard(shard))
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        self._engines[shard] = engine
        return engine


class KeptRuns(SqliteRunStorage):
    """The runs themselves, in one file."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> KeptRuns:
        """As Dagster makes it of an instance's configuration, whose schema it brings up to date."""
        return cls.from_local(inst_data=inst_data, **config_value)

    @cached_property
    def _engine(self) -> Engine:
        return _opened_engine(self._conn_string)

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction."""
        with self._engine.begin() as connection:
            yield connection


def _opened_engine(url: str) -> Engine:
    """An engine whose commits don't wait for the disk: as the log is written ahead, a power cut costs the last ones.

    A process that dies costs none. What a run has made is in the lake, which does wait (`release.files`).
    """
    engine = create_engine(url, connect_args=WAITING)

    @event.listens_for(engine, "connect")
    def _(connection: Any, _: object) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


def kept_open(folder: Path) -> dict[str, Any]:
    """The instance's configuration that chooses both, for the folder that Dagster keeps its history in."""
    return {
        "event_log_storage": {
            "module": __name__,
            "class": KeptEventLog.__name__,
            "config": {"base_dir": str(folder / "runs")},
        },
        "run_storage": {"module": __name__, "class": KeptRuns.__name__, "config": {"base_dir": str(folder)}},
    }
