"""Finding what was done to a log behind its back: one pass over it, a few rows in memory at a time.

What can't be found: who can rewrite every later entry and the head can forge them, unless somebody kept a receipt.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from release.audit.chain import GENESIS, Entry, Receipt, content_hash
from release.audit.database import ENTRY, Database, read_head
from release.audit.records import Kind, columns, decode
from release.errors import AuditFailed

# A log that was rewritten has as many findings as rows; these say enough.
MOST: Final = 20
# How far from where it stands the place is looked for that an entry was written for.
REACH: Final = 100_000


class Tampering(enum.Enum):
    """What was done."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    UNGUARDED = "unguarded"  # a trigger that refuses all this is gone, off or another one


@dataclass(frozen=True, slots=True)
class Finding:
    """What was done, to which entry if it is one's, and how that shows."""

    tampering: Tampering
    audit_id: int | None
    detail: str

    def __str__(self) -> str:
        what = "audit log" if self.audit_id is None else f"entry {self.audit_id}"
        return f"{what}: {self.tampering.value}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk over the log came to.

    Attributes
    ----------
    entries : int
        That it has looked at.
    head : Receipt or None
        The newest entry's, to be kept by whoever wants to hold the log to it; none while the log is empty.
    findings : tuple of Finding
        In the order of the log; no more than `MOST`, after which it is not looked at any further.
    """

    entries: int
    head: Receipt | None
    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def verify(database: Database, *, receipts: Collection[Receipt] = ()) -> Verification:
    """Look at every entry, as the log stands now; writers may go on meanwhile.

    Each entry's hash has to be that of what it says, and to be followed by the next one; its columns have to agree
    with its body; the last one has to be the head; the triggers have to stand; and each of `receipts` has to be true.
    """
    with database.snapshot():
        walk = _Walk(database, receipts)
        with database.stream(f"SELECT {ENTRY} FROM audit_entries ORDER BY id") as rows:
            walk.through(map(Entry._make, rows))
        walk.guards(database)
    head = walk.head if walk.head.audit_id and walk.head.sha256 else None
    return Verification(walk.entries, head, tuple(walk.findings[:MOST]))


class _Walk:
    """The state of one pass.

    `due` is the number that an entry ought to have, which differs from its id by `shift` once entries were inserted
    or removed and the rest renumbered; `link` is the hash that the next one has to follow, None after one that is
    not to be trusted.
    """

    def __init__(self, database: Database, receipts: Collection[Receipt]) -> None:
        self.findings: list[Finding] = []
        self.entries = 0
        self._expected, self._shift = 1, 0
        self._link: str | None = GENESIS
        self._receipts: dict[int, set[str]] = {}
        for receipt in receipts:
            self._receipts.setdefault(receipt.audit_id, set()).add(receipt.sha256)
        self.head = self._read_head(database)

    def _read_head(self, database: Database) -> Receipt:
        """The head; without one, the last entry there is stands for it, by a hash that is none."""
        try:
            return read_head(database)
        except AuditFailed as error:
            self._found(Tampering.REMOVED, None, str(error))
        ((last,),) = database.rows("SELECT max(id) FROM audit_entries")
        return Receipt(last or 0, "")

    def through(self, entries: Iterable[Entry]) -> None:
        """Look at all of them, each with the one after it in sight."""
        entries = iter(entries)
        entry = next(entries, None)
        while entry is not None and len(self.findings) < MOST:
            following = next(entries, None)
            self.entries += 1
            self._look(entry, following)
            entry = following
        if entry is None:
            self._end()

    def guards(self, database: Database) -> None:
        """Whether the triggers stand."""
        for name in sorted(set(database.triggers) - database.standing_triggers()):
            self._found(Tampering.UNGUARDED, None, f"{name}: expected the trigger as it was made, got none or another")

    def _look(self, entry: Entry, following: Entry | None) -> None:
        due = entry.id - self._shift
        origin = self._origin(entry, due)
        if not 1 <= due <= self.head.audit_id:
            self._stray(entry, origin)
            return
        if due > self._expected:
            self._gone(self._expected, due - 1, Tampering.REMOVED)
            self._link = None
        if origin in (None, due) and following is not None and self._takes_the_place(following, due):
            self._found(Tampering.INSERTED, entry.id, "the entries after it go on as if it were not there")
            self._shift += 1
            return
        self._expected = due + 1
        if origin == due:
            self._genuine(entry, due)
        elif origin is not None and origin > due and (following is None or _is(following, origin + 1)):
            self._gone(due, origin - 1, Tampering.REMOVED)
            self._shift, self._expected, self._link = entry.id - origin, origin + 1, entry.sha256
        else:
            self._link = None
            self._misplaced_or_changed(entry, origin)

    def _genuine(self, entry: Entry, due: int) -> None:
        """An entry whose hash is that of what it says, where it is: does it follow, and do its columns say the same?"""
        if self._link is not None and entry.previous != self._link:
            # What an entry follows is under its own hash: it is the one before it that was written anew.
            detail = f"expected the hash {entry.previous} that the next entry follows, got {self._link}"
            self._found(Tampering.CHANGED, max(due - 1, 1), detail)
        self._link = entry.sha256
        for name, expected, got in _disagreements(entry):
            self._found(Tampering.CHANGED, entry.id, f"{name}: expected {expected!r} as its body has it, got {got!r}")
        for sha256 in self._receipts.pop(due, set()) - {entry.sha256}:
            self._found(Tampering.CHANGED, entry.id, f"expected the hash {sha256} of a receipt, got {entry.sha256}")

    def _misplaced_or_changed(self, entry: Entry, origin: int | None) -> None:
        self._receipts.pop(entry.id, None)
        if origin is None:
            detail = f"expected the hash {entry.hashed()} of what it says, got {entry.sha256}"
            self._found(Tampering.CHANGED, entry.id, detail)
        else:
            self._found(Tampering.REORDERED, entry.id, f"what stands here was written as entry {origin}")

    def _stray(self, entry: Entry, origin: int | None) -> None:
        """An entry before the first or after the head."""
        if origin is None or not 1 <= origin <= self.head.audit_id:
            self._found(Tampering.INSERTED, entry.id, f"expected entries 1 to {self.head.audit_id}, as the head has it")
        else:
            self._found(Tampering.REORDERED, entry.id, f"what stands here was written as entry {origin}")

    def _end(self) -> None:
        """What is missing at the end, by the head and by receipts."""
        if self._expected <= self.head.audit_id:
            self._gone(self._expected, self.head.audit_id, Tampering.TRUNCATED)
        elif self.head.sha256 and self._link not in (None, self.head.sha256):
            detail = f"expected the hash {self.head.sha256} that the head has, got {self._link}"
            self._found(Tampering.CHANGED, self.head.audit_id or None, detail)
        for number in sorted(self._receipts):
            if number > self.head.audit_id:
                self._found(Tampering.TRUNCATED, number, "there is a receipt for it, but no entry")

    def _gone(self, first: int, last: int, how: Tampering) -> None:
        self._receipts = {number: kept for number, kept in self._receipts.items() if not first <= number <= last}
        detail = "it is gone" if first == last else f"it and all up to entry {last} are gone"
        self._found(how, first, detail)

    def _takes_the_place(self, following: Entry, due: int) -> bool:
        """Whether the entry that comes next is the one that ought to have stood here."""
        return (self._link is None or following.previous == self._link) and _is(following, due)

    def _origin(self, entry: Entry, due: int) -> int | None:
        """The number that its hash was made with; None if with none, because something else was changed."""
        likely = (due, entry.id, due - 1, due + 1)
        middle = min(max(due, 1), self.head.audit_id)
        anywhere = range(max(1, middle - REACH), min(self.head.audit_id, middle + REACH) + 1)
        numbers = itertools.chain(likely, anywhere)
        return next((number for number in numbers if _is(entry, number)), None)

    def _found(self, tampering: Tampering, audit_id: int | None, detail: str) -> None:
        self.findings.append(Finding(tampering, audit_id, detail))


def _is(entry: Entry, number: int) -> bool:
    """Whether its hash was made with this number."""
    return entry.hashed(at=number) == entry.sha256


def _disagreements(entry: Entry) -> list[tuple[str, object, object]]:
    """Columns that say another thing than the body: name, what the body has, what the column has."""
    try:
        own = columns(decode(Kind(entry.kind), entry.body))
    except (AuditFailed, ValueError) as error:
        return [("body", "an audited record", str(error))]
    said = {**own._asdict(), "content": content_hash(entry.kind, entry.body)}
    return [(name, due, got) for name, due in said.items() if (got := getattr(entry, name)) != due]
