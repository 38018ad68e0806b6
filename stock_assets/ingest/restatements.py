"""History that a source tells otherwise than before: each change with its old and its new value, and what became of it.

Which bars differ is `comparison`'s business, what happens then `refresh`'s; here it is put on record.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from stock_assets.ingest.comparison import Change


class Outcome(enum.Enum):
    """What became of a restatement, or of a fetch that was held."""

    ACCEPTED = "accepted"  # the new value is in force
    HELD = "held"  # the old one is, until a person decides
    REJECTED = "rejected"  # a person decided for the old one
    WITHDRAWN = "withdrawn"  # the source said something else again before anybody decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """One value of one session, told otherwise.

    Attributes
    ----------
    ticker : str
    session : str
        ISO date.
    field : str
        A column of the bars, or ``bar`` for a whole one that came late or is gone.
    old, new : str
        The value in force and the one that replaces it, or would; a whole bar is a JSON object; "" for none.
    seen_at : str
        When it was first seen, ISO UTC.
    source : str
        Whose telling the new one is.
    outcome : Outcome
    decided_at : str
        When that became of it, ISO UTC; "" while it is held.
    """

    ticker: str
    session: str
    field: str
    old: str
    new: str
    seen_at: str
    source: str
    outcome: Outcome
    decided_at: str = ""

    def __str__(self) -> str:
        told = f"{self.old or 'none'} restated as {self.new or 'none'}"
        return f"{self.session} {self.field}: {told}, {self.outcome.value}"


COLUMNS: Final = tuple(field.name for field in dataclasses.fields(Restatement))


def restated(
    changes: Sequence[Change], *, ticker: str, source: str, at: str, outcome: Outcome
) -> tuple[Restatement, ...]:
    """The changes as restatements of a ticker, seen at `at` (ISO UTC), all with one outcome."""
    return tuple(
        Restatement(
            ticker=ticker,
            session=change.session,
            field=change.field,
            old=change.old,
            new=change.new,
            seen_at=at,
            source=source,
            outcome=outcome,
            decided_at="" if outcome is Outcome.HELD else at,
        )
        for change in changes
    )


def recorded(known: Sequence[Restatement], seen: Sequence[Restatement], *, at: str) -> list[Restatement]:
    """What is known with what one fetch restates, each change once, in the order they were first seen.

    A change seen again keeps its ``seen_at`` and takes the outcome that it has now; one to and fro is two. Held ones
    that the fetch does not make are withdrawn.
    """
    record = list(known)
    newest = {(one.session, one.field): place for place, one in enumerate(record)}
    said = set()
    for one in seen:
        # Only the last word on a value can be said again.
        place = newest.get((one.session, one.field), -1)
        if place >= 0 and _same(record[place], one):
            record[place] = _became(record[place], one.outcome, at=at)
        else:
            place = len(record)
            record.append(one)
        said.add(place)
    return [
        _became(one, Outcome.WITHDRAWN, at=at) if one.outcome is Outcome.HELD and place not in said else one
        for place, one in enumerate(record)
    ]


def decided(known: Sequence[Restatement], outcome: Outcome, *, at: str) -> list[Restatement]:
    """What is known with every held restatement decided one way."""
    return [_became(one, outcome, at=at) if one.outcome is Outcome.HELD else one for one in known]


def choice(ticker: str) -> str:
    """What a person can do about the ticker's held fetch."""
    return f"`stock-assets data accept {ticker}` takes the new history, `data reject {ticker}` keeps the stored one"


def rejected(known: Sequence[Restatement], *, source: str) -> tuple[Change, ...]:
    """What a person has rejected of a source's telling and not accepted since."""
    final = {}
    for one in known:
        if one.source == source and one.outcome in (Outcome.ACCEPTED, Outcome.REJECTED):
            final[Change(one.session, one.field, one.old, one.new)] = one.outcome
    return tuple(change for change, outcome in final.items() if outcome is Outcome.REJECTED)


def restatement_table(known: Sequence[Restatement]) -> pd.DataFrame:
    """A row each, all of it text; the columns are `Restatement`'s attributes."""
    rows = [[*(getattr(one, name) for name in COLUMNS)] for one in known]
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    return table.assign(outcome=[one.outcome.value for one in known]).astype(object)


def restatements_of(table: pd.DataFrame) -> list[Restatement]:
    """The restatements that `restatement_table` took."""
    rows = (dict(zip(COLUMNS, row, strict=True)) for row in table[list(COLUMNS)].to_numpy().tolist())
    return [Restatement(**row | {"outcome": Outcome(row["outcome"])}) for row in rows]


def _same(one: Restatement, other: Restatement) -> bool:
    return (one.old, one.new, one.source) == (other.old, other.new, other.source)


def _became(one: Restatement, outcome: Outcome, *, at: str) -> Restatement:
    if one.outcome is outcome:
        return one
    return dataclasses.replace(one, outcome=outcome, decided_at="" if outcome is Outcome.HELD else at)
