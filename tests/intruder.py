"""Somebody who has the database's own password and changes an audit log behind its back."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from release.audit.chain import content_hash, entry_hash

MOVED = "kind, recorded_at, term, ticker, session, target_session, forecast_id, body, content, previous, sha256"


class Intruder:
    """A connection of theirs to the log at `where`."""

    def __init__(self, where: Path | str) -> None:
        self._connection: Any = (
            psycopg.connect(where, autocommit=True)
            if isinstance(where, str)
            else sqlite3.connect(where, isolation_level=None)
        )
        self._file = isinstance(where, Path)

    def do(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Anything at all; values are marked with ``?``."""
        if not self._file:
            statement = statement.replace("?", "%s")
        cursor = self._connection.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []

    @contextlib.contextmanager
    def unseen(self) -> Iterator[None]:
        """With the triggers out of the way meanwhile, and back afterwards as if nothing had been."""
        if not self._file:
            for verb in ("DISABLE", "ENABLE"):
                for table in ("audit_entries", "audit_head"):
                    self.do(f"ALTER TABLE {table} {verb} TRIGGER USER")
                if verb == "DISABLE":
                    yield
            return
        triggers = self.do("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        for name, _ in triggers:
            self.do(f"DROP TRIGGER {name}")
        yield
        for _, made in triggers:
            self.do(made)

    def remove(self, number: int) -> None:
        """Take an entry out."""
        self.do("DELETE FROM audit_entries WHERE id = ?", (number,))

    def renumber(self, start: int, by: int) -> None:
        """Move every entry from `start` on."""
        self.do("UPDATE audit_entries SET id = -(id + ?) WHERE id >= ?", (by, start))
        self.do("UPDATE audit_entries SET id = -id WHERE id < 0")

    def insert(self, number: int, *, forged: bool) -> None:
        """Put an entry in, at a number that is free; `forged` has the hash it ought to have there, else any."""
        before = self.do("SELECT sha256 FROM audit_entries WHERE id = ?", (number - 1,))
        previous = before[0][0] if before else "0" * 64
        ((body,),) = self.do("SELECT body FROM audit_entries WHERE kind = 'signal' AND id <> ? LIMIT 1", (number,))
        body = body.replace('"action":"buy"', '"action":"sell"')
        recorded_at = "2013-03-04T15:00:00Z"
        sha256 = entry_hash(previous, number, kind="signal", recorded_at=recorded_at, term=0, body=body)
        row = ("signal", recorded_at, 0, "AAPL", "2013-03-04", None, None, body, content_hash("signal", body), previous)
        values = (number, *row, sha256 if forged else "ab" * 32)
        self.do(f"INSERT INTO audit_entries (id, {MOVED}) VALUES ({', '.join('?' * len(values))})", values)

    def swap(self, one: int, other: int) -> None:
        """Let two entries stand in each other's place."""
        for old, new in ((one, -1), (other, one), (-1, other)):
            self.do("UPDATE audit_entries SET id = ? WHERE id = ?", (new, old))

    def rewrite(self, number: int) -> None:
        """Let an entry say another thing, under the hash that it ought to have then."""
        ((kind, recorded_at, term, body, previous),) = self.do(
            "SELECT kind, recorded_at, term, body, previous FROM audit_entries WHERE id = ?", (number,)
        )
        body = body.replace("2013-03-01-0123456789ab", "2013-03-01-ba9876543210").replace('"realised":-', '"realised":')
        sha256 = entry_hash(previous, number, kind=kind, recorded_at=recorded_at, term=term, body=body)
        values = (body, content_hash(kind, body), sha256, number)
        self.do("UPDATE audit_entries SET body = ?, content = ?, sha256 = ? WHERE id = ?", values)

    def close(self) -> None:
        """Leave."""
        self._connection.close()
