"""How entries are chained: each one's hash covers the hash before it, so that none can change unnoticed."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

import msgspec

# What the first entry follows.
GENESIS: Final = "0" * 64


class Receipt(NamedTuple):
    """Where a record stands in the log: who keeps it can show later that the log was tampered with."""

    audit_id: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.audit_id}:{self.sha256}"


class Entry(NamedTuple):
    """One row of the log, in the order of its columns; `kind` and the rest exactly as they are stored.

    `content` digests kind and body: what makes a record the same as another. `sha256` is the entry's own hash,
    `previous` that of the entry before it.
    """

    id: int
    kind: str
    recorded_at: str
    term: int
    ticker: str
    session: str
    target_session: str | None
    forecast_id: int | None
    body: str
    content: str
    previous: str
    sha256: str

    @property
    def receipt(self) -> Receipt:
        """What a client keeps of it."""
        return Receipt(self.id, self.sha256)

    def hashed(self, *, at: int | None = None) -> str:
        """The hash that it ought to have, or would have as entry number `at`."""
        return entry_hash(
            self.previous,
            self.id if at is None else at,
            kind=self.kind,
            recorded_at=self.recorded_at,
            term=self.term,
            body=self.body,
        )


def entry_hash(previous: str, entry_id: int, *, kind: str, recorded_at: str, term: int, body: str) -> str:
    """SHA-256 of a JSON array of the six, in this order and without spaces; hexadecimal."""
    return _digest([previous, entry_id, kind, recorded_at, term, body])


def content_hash(kind: str, body: str) -> str:
    """SHA-256 of a JSON array of the two: equal for records that say the same, whenever and by whom."""
    return _digest([kind, body])


def _digest(values: list[str | int]) -> str:
    return hashlib.sha256(msgspec.json.encode(values)).hexdigest()
