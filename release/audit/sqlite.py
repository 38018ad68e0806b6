"""The log in a SQLite file: WAL, every commit synced, changes refused by triggers."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from release.audit.chain import GENESIS
from release.audit.database import BATCH, TABLES, Row

# A writer holds its lock for milliseconds; only a broken disk lasts this long.
BUSY_SECONDS: Final = 5.0

TRIGGERS: Final = {
    "audit_entries_no_update": "BEFORE UPDATE ON audit_entries",
    "audit_entries_no_delete": "BEFORE DELETE ON audit_entries",
    "audit_head_no_delete": "BEFORE DELETE ON audit_head",
    "audit_head_no_return": "BEFORE UPDATE ON audit_head WHEN NEW.id <= OLD.id",
}
TRIGGER: Final = """
CREATE TRIGGER IF NOT EXISTS {name} {when}
BEGIN SELECT RAISE(ABORT, 'audit log: expected rows to be appended only'); END;
"""


class SqliteDatabase:
    """A connection to the file at `path`; `sqlite3.Error` and `OSError` come as they are."""

    errors: tuple[type[Exception], ...] = (sqlite3.Error,)
    triggers = tuple(TRIGGERS)

    def __init__(self, path: Path, *, read_only: bool) -> None:
        if read_only:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None
            )
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A commit returns only when the disk has it: a signal must outlive a power cut once it has been seen.
        self._connection.execute("PRAGMA synchronous = FULL")
        self._prepare()

    def _prepare(self) -> None:
        """Make the tables and triggers that are missing, at once or not at all; an older log's rows are taken over."""
        names = self._names("table")
        if {"audit_entries", "audit_head"} <= names and set(TRIGGERS) <= self._names("trigger"):
            return
        with self.writing():
            script = TABLES.format(bigint="INTEGER", strict="STRICT", genesis=GENESIS)
            script += "".join(TRIGGER.format(name=name, when=when) for name, when in TRIGGERS.items())
            for statement in _statements(script):
                self._connection.execute(statement)

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def stream(self, statement: str, values: Sequence[object] = ()) -> Iterator[Iterator[Row]]:
        cursor = self._connection.execute(statement, values)
        cursor.arraysize = BATCH
        try:
            yield cursor
        finally:
            cursor.close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def standing_triggers(self) -> set[str]:
        return self._names("trigger") & set(TRIGGERS)

    def mended(self) -> bool:
        return False

    def close(self) -> None:
        self._connection.close()

    def _names(self, what: str) -> set[str]:
        return {name for (name,) in self.rows("SELECT name FROM sqlite_schema WHERE type = ?", (what,))}


def _statements(script: str) -> Iterator[str]:
    """The script's statements: `executescript` would commit the transaction it runs in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
