"""One entry with what it is chained to and what belongs to it: the way from a served number into the log and back."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from release.audit.chain import GENESIS, Entry, Receipt
from release.audit.database import ENTRY, Database, read_head
from release.audit.records import Kind


@dataclass(frozen=True, slots=True)
class Trail:
    """An entry and those beside it.

    Attributes
    ----------
    entry : Entry
    before, after : Entry or None
        Its neighbours in the chain, whatever they are of.
    head : Receipt
        The newest entry's.
    forecast, outcome : Entry or None
        What was forecast with it, at the same close, and what came of that; the entry itself where it is one of them.
    earlier, later : int or None
        The nearest entries of the same ticker and kind.
    """

    entry: Entry
    before: Entry | None
    after: Entry | None
    head: Receipt
    forecast: Entry | None
    outcome: Entry | None
    earlier: int | None
    later: int | None

    @property
    def genuine(self) -> bool:
        """Whether its hash is that of what it says, follows the entry before it, and is followed by what comes next.

        This is its own place alone; `release.audit.verification` looks at all of the log.
        """
        entry = self.entry
        follows = self.before.hashed() if self.before else GENESIS if entry.id == 1 else None
        followed = self.after.previous if self.after else self.head.sha256 if self.head.audit_id == entry.id else None
        return entry.hashed() == entry.sha256 == followed and entry.previous == follows


def trail(database: Database, audit_id: int) -> Trail | None:
    """What belongs to an entry, all read at one moment; none if there is no such entry."""
    with database.snapshot():
        beside = _entries(database, "id BETWEEN ? AND ?", audit_id - 1, audit_id + 1)
        by_number = {entry.id: entry for entry in beside}
        entry = by_number.get(audit_id)
        if entry is None:
            return None
        forecast = _forecast(database, entry)
        outcome = _entries(database, "forecast_id = ?", forecast.id) if forecast else []
        return Trail(
            entry=entry,
            before=by_number.get(audit_id - 1),
            after=by_number.get(audit_id + 1),
            head=read_head(database),
            forecast=forecast,
            outcome=outcome[0] if outcome else None,
            earlier=_nearest(database, entry, "max(id)", "<"),
            later=_nearest(database, entry, "min(id)", ">"),
        )


def _forecast(database: Database, entry: Entry) -> Entry | None:
    """The forecast that the entry is, is of, or was made with: out of the same window of the same release."""
    if entry.kind == Kind.FORECAST.value:
        return entry
    if entry.forecast_id is not None:
        return next(iter(_entries(database, "id = ? AND kind = 'forecast'", entry.forecast_id)), None)
    condition = "ticker = ? AND kind = 'forecast' AND session = ?"
    made = _entries(database, condition, entry.ticker, entry.session)
    return next((forecast for forecast in made if _inputs(forecast) == _inputs(entry)), None)


def _inputs(entry: Entry) -> tuple[object, object]:
    """What a number was made of; bodies are read as they are, since somebody may have changed them."""
    try:
        said = msgspec.json.decode(entry.body, type=dict[str, object])
    except msgspec.MsgspecError:
        return (None, entry.id)
    return (said.get("inputs_sha256"), said.get("release_id"))


def _nearest(database: Database, entry: Entry, which: str, side: str) -> int | None:
    query = f"SELECT {which} FROM audit_entries WHERE ticker = ? AND kind = ? AND id {side} ?"
    ((found,),) = database.rows(query, (entry.ticker, entry.kind, entry.id))
    return found if found is None else int(found)


def _entries(database: Database, condition: str, *values: object) -> list[Entry]:
    rows = database.rows(f"SELECT {ENTRY} FROM audit_entries WHERE {condition} ORDER BY id", values)
    return [Entry._make(row) for row in rows]
