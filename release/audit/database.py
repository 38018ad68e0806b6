"""What the log asks of a database; the tables and the few statements that both kinds share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from release.audit.chain import GENESIS, Entry, Receipt, content_hash, entry_hash
from release.audit.records import Record, columns, encode, kind_of
from release.errors import AuditFailed

Row = tuple[Any, ...]

ENTRY: Final = ", ".join(Entry._fields)
# The log itself, and beside it what keeps a replaced writer out: an older log has no fence until it is written to.
LOG: Final = frozenset({"audit_entries", "audit_head"})
WRITTEN_TO: Final = LOG | {"audit_fence"}
# What a reader is told who comes before the first writer.
NO_LOG: Final = "expected an audit log, which the live engine makes when it first starts, got a database without one"
# Rows that a reader of the whole log holds, and that one statement writes, at a time.
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
CREATE TABLE IF NOT EXISTS audit_fence (
    one {bigint} PRIMARY KEY CHECK (one = 1),
    term {bigint} NOT NULL
) {options};
INSERT INTO audit_fence (one, term) VALUES (1, 0) ON CONFLICT DO NOTHING;
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

    def is_held(self, error: Exception) -> bool:
        """Whether that is the driver's word for having waited too long for another writer."""
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


def triggers_of(names: Collection[str], triggers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Those of the triggers that watch over one of the tables `names`; each with when it does, as they come."""
    for name, when in triggers.items():
        if any(f"ON {table}" in when for table in names):
            yield name, when


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


def insert(
    database: Database, head: Receipt, records: Sequence[Record], *, recorded_at: str, term: int
) -> tuple[list[Receipt], Receipt]:
    """Where each record stands, and the new head, to which the caller then has to `move_head`.

    New ones are chained to `head`, in their order; a database that is far away is asked once for all of them and told
    once.
    """
    said = [(record, kind_of(record).value, encode(record)) for record in records]
    contents = [content_hash(kind, body) for _, kind, body in said]
    places = dict(_known(database, contents))
    entries: list[Entry] = []
    for (record, kind, body), content in zip(said, contents, strict=True):
        if content in places:
            continue
        number = head.audit_id + 1
        sha256 = entry_hash(head.sha256, number, kind=kind, recorded_at=recorded_at, term=term, body=body)
        entry = Entry(number, kind, recorded_at, term, *columns(record), body, content, head.sha256, sha256)
        entries.append(entry)
        head = places[content] = entry.receipt
    for start in range(0, len(entries), BATCH):
        some = entries[start : start + BATCH]
        rows = ", ".join([f"({_marks(len(Entry._fields))})"] * len(some))
        database.rows(
            f"INSERT INTO audit_entries ({ENTRY}) VALUES {rows}", [value for entry in some for value in entry]
        )
    return [places[content] for content in contents], head


def _known(database: Database, contents: Sequence[str]) -> Iterator[tuple[str, Receipt]]:
    """Those of the contents that are in the log already, and where."""
    for start in range(0, len(contents), BATCH):
        some = contents[start : start + BATCH]
        query = f"SELECT content, id, sha256 FROM audit_entries WHERE content IN ({_marks(len(some))})"
        for content, *place in database.rows(query, some):
            yield content, Receipt(*place)


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def move_head(database: Database, head: Receipt) -> None:
    """Let the head be the newest entry; in the transaction that wrote it."""
    database.rows("UPDATE audit_head SET id = ?, sha256 = ?", head)
