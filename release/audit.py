"""What the live engine said, and what came of it: an append-only SQLite log that the graph reads back.

A forecast's outcome is a row of its own, so that nothing once written is ever changed; triggers refuse it to everyone.
Deciding what to log belongs to the engine, judging it to the drift sensor.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import numpy as np

from quant.bars import Floats, Sessions
from release.clock import Clock, SystemClock, iso
from release.errors import AuditFailed

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS signals (
    id INTEGER PRIMARY KEY,
    recorded_at TEXT NOT NULL,
    ticker TEXT NOT NULL,
    session TEXT NOT NULL,
    at TEXT NOT NULL,
    action TEXT NOT NULL,
    previous TEXT NOT NULL,
    confidence REAL NOT NULL,
    edge_bp REAL NOT NULL,
    reason TEXT NOT NULL,
    provisional INTEGER NOT NULL,
    inputs_sha256 TEXT NOT NULL,
    release_id TEXT NOT NULL,
    model_version TEXT NOT NULL,
    UNIQUE (ticker, session, at, release_id, inputs_sha256, action, previous, provisional)
) STRICT;
CREATE TABLE IF NOT EXISTS forecasts (
    id INTEGER PRIMARY KEY,
    recorded_at TEXT NOT NULL,
    ticker TEXT NOT NULL,
    session TEXT NOT NULL,
    target_session TEXT NOT NULL,
    close REAL NOT NULL,
    mean REAL NOT NULL,
    vol REAL NOT NULL,
    p_up REAL NOT NULL,
    lower_90 REAL NOT NULL,
    upper_90 REAL NOT NULL,
    inputs_sha256 TEXT NOT NULL,
    release_id TEXT NOT NULL,
    model_version TEXT NOT NULL,
    UNIQUE (ticker, session, release_id, inputs_sha256)
) STRICT;
CREATE TABLE IF NOT EXISTS outcomes (
    forecast_id INTEGER PRIMARY KEY REFERENCES forecasts (id),
    recorded_at TEXT NOT NULL,
    realised REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS forecasts_by_target ON forecasts (ticker, target_session);
"""
TABLES: Final = ("signals", "forecasts", "outcomes")
APPEND_ONLY: Final = """
CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table}: expected rows to be appended only, got {verb}'); END;
"""
# A reader holds its lock for milliseconds; only a broken disk lasts this long.
BUSY_SECONDS: Final = 5.0


class LoggedSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal as it is about to be published; times aware, `inputs_sha256` digests the window it was made from."""

    ticker: str
    session: str
    at: datetime
    action: str
    previous: str
    confidence: float
    edge_bp: float
    reason: str
    provisional: bool
    inputs_sha256: str
    release_id: str
    model_version: str


class LoggedForecast(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast made at the close of `session` for that of `target_session`: log returns over the horizon."""

    ticker: str
    session: str
    target_session: str
    close: float
    mean: float
    vol: float
    p_up: float
    lower_90: float
    upper_90: float
    inputs_sha256: str
    release_id: str
    model_version: str


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A forecast whose outcome is not known yet, and the session at whose close it was made."""

    forecast_id: int
    session: np.datetime64


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Settled forecasts of one ticker, oldest first; log returns per horizon, each array (n,)."""

    session: Sessions
    mean: Floats
    vol: Floats
    realised: Floats

    def __len__(self) -> int:
        return len(self.session)


class AuditLog:
    """The log, open for appending and reading; use it from one thread.

    Parameters
    ----------
    connection : sqlite3.Connection
        As `open` makes it.
    clock : Clock
        For when each row was written, as opposed to the market's time inside it.
    """

    def __init__(self, connection: sqlite3.Connection, *, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    @classmethod
    def open(cls, path: Path, *, clock: Clock | None = None) -> Self:
        """Open the log at `path`, made with its folder if need be.

        Raises
        ------
        AuditFailed
            If it can't be opened, or the file is something else.
        """
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            # A commit returns only when the disk has it: a signal must outlive a power cut once it has been seen.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.executescript(SCHEMA)
            for table in TABLES:
                for verb in ("UPDATE", "DELETE"):
                    connection.executescript(APPEND_ONLY.format(table=table, verb=verb))
        return cls(connection, clock=clock or SystemClock())

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append_signal(self, signal: LoggedSignal) -> int:
        """Write a signal and return its row's id once the disk has it; `AuditFailed` if it can't be written.

        An engine that starts again, or a market replayed twice, comes to the same signals at the same market times:
        those keep their first row.
        """
        return self._append("signals", {**msgspec.structs.asdict(signal), "at": iso(signal.at)})

    def append_forecast(self, forecast: LoggedForecast) -> int:
        """Write a forecast and return its row's id; one that is known already keeps its first row, as signals do."""
        return self._append("forecasts", msgspec.structs.asdict(forecast))

    def unsettled(self, ticker: str, *, target_session: np.datetime64) -> tuple[Unsettled, ...]:
        """The ticker's forecasts for the close of `target_session` that have no outcome yet."""
        rows = self._rows(
            "SELECT id, session FROM forecasts LEFT JOIN outcomes ON forecast_id = id"
            " WHERE ticker = ? AND target_session = ? AND forecast_id IS NULL ORDER BY id",
            (ticker, str(target_session)),
        )
        return tuple(Unsettled(forecast_id, np.datetime64(session, "D")) for forecast_id, session in rows)

    def settle(self, forecast_id: int, *, realised: float) -> None:
        """Write what came of a forecast: the log return from its session's close to its target's."""
        self._append("outcomes", {"forecast_id": forecast_id, "realised": realised})

    def outcomes(self, ticker: str, *, last: int) -> Outcomes:
        """The ticker's `last` newest settled forecasts; where a session was forecast twice, the later one counts."""
        rows = self._rows(
            "SELECT session, mean, vol, realised FROM forecasts JOIN outcomes ON forecast_id = id"
            " WHERE id IN (SELECT max(id) FROM forecasts JOIN outcomes ON forecast_id = id"
            "              WHERE ticker = ? GROUP BY session)"
            " ORDER BY session DESC LIMIT ?",
            (ticker, last),
        )[::-1]
        numbers = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), 3)
        return Outcomes(np.array([row[0] for row in rows], dtype="datetime64[D]"), *numbers.T)

    def _append(self, table: str, row: dict[str, object]) -> int:
        """The id of the row, added unless the table's own idea of sameness (its UNIQUE) finds it there."""
        stamped = {**row, "recorded_at": iso(self._clock.now())}
        names, places = ", ".join(stamped), ", ".join(f":{name}" for name in stamped)
        same = " AND ".join(f"{name} = :{name}" for name in row)
        with _explained(self):
            self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT DO NOTHING", stamped)
            found = self._connection.execute(f"SELECT rowid FROM {table} WHERE {same}", row).fetchone()
        if found is None:
            raise AuditFailed(f"{table}: expected a row that agrees with the one it repeats, got {row}")
        return int(found[0])

    def _rows(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with _explained(self):
            return self._connection.execute(query, values).fetchall()


@contextlib.contextmanager
def _explained(what: object) -> Iterator[None]:
    where = what if isinstance(what, Path) else "audit log"
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise AuditFailed(f"{where}: expected an audit log that can be read and appended to, got: {error}") from error
