"""What the log asks of a database; the tables and the few statements that both kinds share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from release.audit.chain import GENESIS, Entry, Receipt, content_hash, entry_hash
from release.audit.records import Record, columns, encode, kind_of
from release.errors import AuditFailed

Row = tuple[Any, ...]

ENTRY: Final = ", ".join(Entry._fields)
# What a reader is told who comes before the first writer.
NO_LOG: Final = "expected an audit log, which the live engine makes when it first starts, got a database without one"
# Rows that a reader of the whole log holds at a time.
BATCH: Final = 500

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS audit_entries (
    id {bigint} PRIMARY KEY,
    kind TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    term {bigint} NOT NULL,
    ticker TEXT NOT NULL,
    session TEXT NOT NULL,
    target_session TEXT,
    forecast_id {bigint},
    body TEXT NOT NULL,
    content TEXT NOT NULL UNIQUE,
    previous TEXT NOT NULL,
    sha256 TEXT NOT NULL
) {options};
CREATE INDEX IF NOT EXISTS audit_by_ticker ON audit_entries (ticker, kind, id);
CREATE INDEX IF NOT EXISTS audit_by_target ON audit_entries (ticker, target_session) WHERE kind = 'forecast';
CREATE UNIQUE INDEX IF NOT EXISTS audit_one_outcome ON audit_entries (forecast_id) WHERE forecast_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS audit_head (
    one {bigint} PRIMARY KEY CHECK (one = 1),
    id {bigint} NOT NULL,
    sha256 TEXT NOT NULL
) {options};
INSERT INTO audit_head (one, id, sha256) VALUES (1, 0, '{genesis}') ON CONFLICT DO NOTHING;
"""


class Database(Protocol):
    """A connection to the log's database, for one thread. Statements mark values with ``?``.

    Attributes
    ----------
    errors : tuple of exception types
        What its driver raises.
    triggers : tuple of str
        The names of those that refuse to change what is written.
    """

    errors: tuple[type[Exception], ...]
    triggers: tuple[str, ...]

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """What the statement finds; nothing if it isn't one that finds."""
        ...

    def stream(self, statement: str) -> AbstractContextManager[Iterator[Row]]:
        """What the statement finds, `BATCH` rows in memory at a time; inside `snapshot` only."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """A transaction in which everything is read as it was when that began, whatever writers do meanwhile."""
        ...

    def writing(self) -> AbstractContextManager[None]:
        """A transaction that no other writer's can overlap; what it wrote is on disk when it ends without an error."""
        ...

    def standing_triggers(self) -> set[str]:
        """Those of `triggers` that are there, switched on and as they were made."""
        ...

    def mended(self) -> bool:
        """Whether the connection had broken and there is a new one now."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


def tables(*, bigint: str, options: str) -> str:
    """The script that makes what isn't there of tables, indexes and the head."""
    return _TABLES.format(bigint=bigint, options=options, genesis=GENESIS)


def read_head(database: Database) -> Receipt:
    """The head: where the newest entry stands, number 0 while there is none.

    Raises
    ------
    AuditFailed
        If its row is gone: somebody was here.
    """
    found = database.rows("SELECT id, sha256 FROM audit_head")
    if not found:
        raise AuditFailed("audit_head: expected the newest entry's id and hash, got no row")
    return Receipt(*found[0])


def insert(database: Database, head: Receipt, record: Record, *, recorded_at: str, term: int) -> tuple[Receipt, bool]:
    """Where the record stands, and whether it is new: chained to `head`, which the caller then has to move."""
    kind, body = kind_of(record).value, encode(record)
    content = content_hash(kind, body)
    known = database.rows("SELECT id, sha256 FROM audit_entries WHERE content = ?", (content,))
    if known:
        return Receipt(*known[0]), False
    number = head.audit_id + 1
    sha256 = entry_hash(head.sha256, number, kind=kind, recorded_at=recorded_at, term=term, body=body)
    entry = Entry(number, kind, recorded_at, term, *columns(record), body, content, head.sha256, sha256)
    database.rows(f"INSERT INTO audit_entries ({ENTRY}) VALUES ({', '.join('?' * len(entry))})", entry)
    return entry.receipt, True


def move_head(database: Database, head: Receipt) -> None:
    """Let the head be the newest entry; in the transaction that wrote it."""
    database.rows("UPDATE audit_head SET id = ?, sha256 = ?", head)
