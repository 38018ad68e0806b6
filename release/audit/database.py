"""What the log asks of a database; the statements that both kinds share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from release.audit.chain import Entry

Row = tuple[Any, ...]

ENTRY: Final = ", ".join(Entry._fields)
# Rows that a reader of the whole log holds at a time.
BATCH: Final = 500

# The same in both, but for two words.
TABLES: Final = """
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
) {strict};
CREATE INDEX IF NOT EXISTS audit_by_ticker ON audit_entries (ticker, kind, id);
CREATE INDEX IF NOT EXISTS audit_by_target ON audit_entries (ticker, target_session) WHERE kind = 'forecast';
CREATE UNIQUE INDEX IF NOT EXISTS audit_one_outcome ON audit_entries (forecast_id) WHERE forecast_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS audit_head (
    one {bigint} PRIMARY KEY CHECK (one = 1),
    id {bigint} NOT NULL,
    sha256 TEXT NOT NULL
) {strict};
INSERT INTO audit_head (one, id, sha256) VALUES (1, 0, '{genesis}') ON CONFLICT DO NOTHING;
"""


class Database(Protocol):
    """A connection to the log's database, for one thread. Statements mark values with ``?``."""

    errors: tuple[type[Exception], ...]
    triggers: tuple[str, ...]

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """What the statement finds, or nothing if it isn't one that finds."""
        ...

    def stream(self, statement: str, values: Sequence[object] = ()) -> AbstractContextManager[Iterator[Row]]:
        """What the statement finds, as it was when it began, a few rows in memory at a time."""
        ...

    def writing(self) -> AbstractContextManager[None]:
        """A transaction that no other writer's can overlap; what it wrote is on disk when it ends without an error."""
        ...

    def standing_triggers(self) -> set[str]:
        """Those of `triggers` that are there and switched on."""
        ...

    def mended(self) -> bool:
        """Whether the connection had broken and there is a new one now."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...
