"""The log in a SQLite file: WAL, every commit synced, changes refused by triggers."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from release.audit.database import BATCH, LOG, NO_LOG, WRITTEN_TO, Row, tables, triggers_of
from release.audit.legacy import take_over
from release.errors import AuditFailed

# A writer holds its lock for milliseconds; only a broken disk lasts this long.
BUSY_SECONDS: Final = 5.0

TRIGGERS: Final = {
    "audit_entries_no_update": "BEFORE UPDATE ON audit_entries",
    "audit_entries_no_delete": "BEFORE DELETE ON audit_entries",
    "audit_head_no_delete": "BEFORE DELETE ON audit_head",
    "audit_head_no_return": "BEFORE UPDATE ON audit_head WHEN NEW.id <= OLD.id",
}
TRIGGER: Final = (
    "CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, 'audit log: expected rows to be appended only'); END"
)


class SqliteDatabase:
    """A connection to the file at `path`; `sqlite3.Error` and `OSError` come as they are."""

    errors: tuple[type[Exception], ...] = (sqlite3.Error,)
    triggers = tuple(TRIGGERS)

    def __init__(self, path: Path, *, read_only: bool) -> None:
        if read_only:
            address = f"{path.absolute().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
            if not self._names() >= LOG:
                self.close()
                raise AuditFailed(f"{path}: {NO_LOG}")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A commit returns only when the disk has it: a signal must outlive a power cut once it has been seen.
        self._connection.execute("PRAGMA synchronous = FULL")
        if not self._names() >= WRITTEN_TO:
            self._make()

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """See `Database`."""
        return self._connection.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def stream(self, statement: str) -> Iterator[Iterator[Row]]:
        """See `Database`."""
        cursor = self._connection.execute(statement)
        cursor.arraysize = BATCH
        with contextlib.closing(cursor):
            yield cursor

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """See `Database`."""
        with self._transaction("DEFERRED"):
            yield

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """See `Database`."""
        with self._transaction("IMMEDIATE"):
            yield

    def standing_triggers(self) -> set[str]:
        """See `Database`."""
        standing: dict[str, str] = dict(self.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"))
        return {name for name, when in TRIGGERS.items() if standing.get(name) == TRIGGER.format(name=name, when=when)}

    def is_held(self, error: Exception) -> bool:
        """See `Database`."""
        # Only what the library itself complains of has a code.
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY

    def mended(self) -> bool:
        """Never: a file doesn't break off."""
        return False

    def close(self) -> None:
        """See `Database`."""
        self._connection.close()

    @contextlib.contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        self._connection.execute(f"BEGIN {kind}")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _names(self) -> set[str]:
        return {name for (name,) in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}

    def _make(self) -> None:
        """Tables, triggers and what an older log holds, all or nothing.

        A trigger that has gone missing later is not put back: `verify` has to see that.
        """
        with self.writing():
            if not (missing := WRITTEN_TO - self._names()):  # Another process was quicker.
                return
            for statement in _statements(tables(bigint="INTEGER", options="STRICT")):
                self._connection.execute(statement)
            for name, when in triggers_of(missing, TRIGGERS):
                self._connection.execute(TRIGGER.format(name=name, when=when))
            take_over(self, self._names())


def _statements(script: str) -> Iterator[str]:
    """The script's statements one by one: `executescript` would commit the transaction it runs in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
