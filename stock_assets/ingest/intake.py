"""What is to become of a delivery, beside what is stored: the decision, before anything is written.

Two histories are never mixed. A delivery either changes nothing that was stored but what vendors settle every day
(volumes, bars that come late), or the source's whole history comes in force, or it is held for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stock_assets.ingest.comparison import Comparison
from stock_assets.ingest.delivery import Delivery
from stock_assets.ingest.restatements import Outcome, Restatement, rejected, restated
from stock_assets.ingest.vault import Stored, merged
from stock_assets.settings import RestatementPolicy
from stock_assets.sources.market_data import Fetched, Refused

# What was restated of a ticker before: asked for only where something is told otherwise, for it may be long.
Record = Callable[[], Sequence[Restatement]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Intake:
    """What a fetch brought and what is to become of it; nothing is written yet.

    Attributes
    ----------
    ticker : str
    before : Stored, optional
        What was in force; None before the first fetch.
    after : Stored
        What is in force once committed.
    fetched : Fetched
        As the source delivered it; without a bar where it had nothing in the range.
    offered : Stored
        What the fetch alone would put in force.
    added : int
        Sessions in force afterwards that were not before.
    restatements : tuple of Restatement
    held : bool
        Whether nothing of the fetch enters until a person decides (`accept`, `reject`).
    unfinished : tuple of str
        Sessions that were cut because they had not settled.
    quarantined : tuple of Refused
        Rows that are no bars, and bars of days that are no sessions.
    source_changed : bool
        Whether another source than before was asked, whose history replaces the old one's.
    """

    ticker: str
    before: Stored | None
    after: Stored
    fetched: Fetched
    offered: Stored
    added: int
    restatements: tuple[Restatement, ...]
    held: bool
    unfinished: tuple[str, ...]
    quarantined: tuple[Refused, ...]
    source_changed: bool


def raises_questions(before: Stored, delivered: Delivery, *, record: Record) -> bool:
    """Whether a part of a source's history asks for the whole: another source's, or other prices or actions."""
    if delivered.stored.source != before.source:
        return True
    return bool(len(delivered.bars)) and _undecided(before, delivered.against(before), record).serious


def decide(
    ticker: str,
    before: Stored | None,
    delivered: Delivery,
    *,
    record: Record,
    policy: RestatementPolicy,
) -> Intake:
    """What comes in force of a delivery.

    Parameters
    ----------
    ticker : str
    before : Stored, optional
        What is in force.
    delivered : Delivery
        All that the source has, unless it does not raise questions.
    record : callable
        What was restated before: what a person has rejected of it is not asked again.
    policy : RestatementPolicy
    """
    if before is None:
        return _intake(ticker, before, delivered, after=delivered.stored)
    if not len(delivered.bars):
        return _intake(ticker, before, delivered, after=before)
    if delivered.stored.source != before.source:
        return _of_another_source(ticker, before, delivered)
    told = delivered.against(before)
    undecided = _undecided(before, told, record)
    if not undecided.serious:
        return _amended(ticker, before, delivered, undecided)
    if policy is RestatementPolicy.HOLD:
        return _held(ticker, before, delivered, undecided)
    return _replaced(ticker, before, delivered, told)


def _undecided(before: Stored, told: Comparison, record: Record) -> Comparison:
    """The comparison without what a person has rejected."""
    return told.without(rejected(record(), source=before.source)) if told.any else told


def _of_another_source(ticker: str, before: Stored, delivered: Delivery) -> Intake:
    """A person chose another source: its history in place of the old one's, whole, and nothing of both."""
    told = delivered.against(before)
    dropped = np.setdiff1d(np.arange(len(before.bars)), told.old)
    seen = restated(
        told.changes(dropped=dropped),
        ticker=ticker,
        source=delivered.stored.source,
        at=delivered.at,
        outcome=Outcome.ACCEPTED,
    )
    return _intake(ticker, before, delivered, after=delivered.stored, restatements=seen, source_changed=True)


def _amended(ticker: str, before: Stored, delivered: Delivery, told: Comparison) -> Intake:
    """The stored bars, the new ones, and what was settled of the stored ones."""
    seen = restated(told.changes(), ticker=ticker, source=before.source, at=delivered.at, outcome=Outcome.ACCEPTED)
    after = merged(told.amended(), before=before, fetch=delivered.stored)
    return _intake(ticker, before, delivered, after=after, restatements=seen)


def _replaced(ticker: str, before: Stored, delivered: Delivery, told: Comparison) -> Intake:
    """The source's new history, with what a person had rejected of it too: half of one is none."""
    bars, dropped = told.replaced()
    changes = told.changes(dropped=dropped)
    seen = restated(changes, ticker=ticker, source=before.source, at=delivered.at, outcome=Outcome.ACCEPTED)
    after = merged(bars, before=before, fetch=delivered.stored)
    return _intake(ticker, before, delivered, after=after, restatements=seen)


def _held(ticker: str, before: Stored, delivered: Delivery, told: Comparison) -> Intake:
    """The stored bars as they are: not even new sessions enter, which may stand on another share count."""
    seen = restated(told.changes(), ticker=ticker, source=before.source, at=delivered.at, outcome=Outcome.HELD)
    return _intake(ticker, before, delivered, after=before, restatements=seen, held=True)


def _intake(
    ticker: str,
    before: Stored | None,
    delivered: Delivery,
    *,
    after: Stored,
    restatements: tuple[Restatement, ...] = (),
    held: bool = False,
    source_changed: bool = False,
) -> Intake:
    known = after.bars.session[:0] if before is None else before.bars.session
    return Intake(
        ticker=ticker,
        before=before,
        after=after,
        fetched=delivered.fetched,
        offered=delivered.stored,
        added=int(np.count_nonzero(~np.isin(after.bars.session, known))),
        restatements=restatements,
        held=held,
        unfinished=delivered.unfinished,
        quarantined=delivered.refused,
        source_changed=source_changed,
    )
