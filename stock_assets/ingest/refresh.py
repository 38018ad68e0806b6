"""A ticker's bars brought up to date: ask the source, decide, then write; and what a person decides on a held fetch.

When a source is asked for what and in which order things are written belongs here; what a difference means is
`intake`'s and `comparison`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial

import numpy as np
import structlog

from quant.sessions import SessionCalendar
from release.clock import iso
from stock_assets.errors import DataEmpty, UnknownTicker
from stock_assets.ingest.comparison import compared
from stock_assets.ingest.delivery import Delivery, delivery, no_delivery
from stock_assets.ingest.errors import NothingHeld, VaultChanged
from stock_assets.ingest.intake import Intake, decide, raises_questions
from stock_assets.ingest.restatements import Outcome, Restatement, decided, recorded, restated
from stock_assets.ingest.vault import Stored, Vault, merged
from stock_assets.settings import RestatementPolicy
from stock_assets.sources.market_data import Fetched, MarketData

__all__ = ["Intake", "accept", "brings_news", "commit", "reject", "set_aside", "take_in"]

log = structlog.get_logger()


def take_in(
    ticker: str,
    *,
    source: MarketData,
    vault: Vault,
    calendar: SessionCalendar,
    now: datetime,
    end: date | None,
    policy: RestatementPolicy,
    overlap: int,
) -> Intake:
    """Ask the source and decide what becomes of its answer; `commit` writes it.

    Parameters
    ----------
    ticker : str
    source : MarketData
        A remote one is asked for everything once, and then for what is missing and an overlap. It is asked for
        everything again where that part shows other prices or actions than before, where it is not the source of the
        stored bars, and as long as a fetch is held. A local one is asked for everything each time.
    vault : Vault
        Read only.
    calendar : SessionCalendar
        Of the ticker's exchange.
    now : datetime
        Aware; bars of sessions that have not settled by then don't enter.
    end : date, optional
        The last session to ask for. What is stored beyond it stays, and is asked for and compared as well.
    policy : RestatementPolicy
        Of restated prices and actions, and bars that are gone. Volumes that settle and bars that come late are
        accepted and recorded under either, as long as nothing else about them is in doubt.
    overlap : int
        Sessions before the last stored one to ask a remote source for again.

    Raises
    ------
    SourceError
        As of `MarketData.fetch`; `DataEmpty` and `UnknownTicker` only where everything was asked for.
    LakeUnreadable
        If what is stored is damaged.
    """
    before = vault.read(ticker)
    until = end if end is None or before is None else max(end, date.fromisoformat(str(before.bars.session[-1])))

    def ask(since: np.datetime64 | None) -> Delivery:
        start = None if since is None else date.fromisoformat(str(since))
        return delivery(source.fetch(ticker, start, until), calendar=calendar, now=now, since=since)

    record = partial(vault.record, ticker)
    in_part = source.remote and before is not None and vault.decision(ticker) is not Outcome.HELD
    if before is None or not in_part:
        return decide(ticker, before, ask(None), record=record, policy=policy)
    try:
        delivered = ask(before.bars.session[max(0, len(before.bars) - 1 - overlap)])
    except (DataEmpty, UnknownTicker) as error:
        # The vendor has not even what it had, or carries the ticker no longer: that says nothing of what is stored. How
        # old its last bar becomes is for a check to tell.
        nothing = no_delivery(before, at=iso(now), notes=(" ".join(str(error).split()),))
        return decide(ticker, before, nothing, record=record, policy=policy)
    if raises_questions(before, delivered, record=record):
        delivered = ask(None)
    return decide(ticker, before, delivered, record=record, policy=policy)


def brings_news(vault: Vault, intake: Intake) -> bool:
    """Whether `commit` would change anything but when the source was last asked.

    A remote source is asked for another part of its history each day, so that two answers without news are not equal.
    """
    if intake.held:
        waiting = vault.held(intake.ticker)
        return waiting is None or waiting.fetch_digest != intake.offered.fetch_digest
    if intake.before is None or intake.added or intake.restatements or intake.source_changed:
        return True
    return bool(vault.unknown(intake.ticker, intake.quarantined, source=intake.offered.source))


def commit(vault: Vault, intake: Intake) -> None:
    """Write what was decided: the evidence first and then the bars, so that nothing is lost wherever it ends.

    Done again, after a crash or not, it adds nothing twice.

    Raises
    ------
    VaultChanged
        If what is stored is neither what was decided on nor what comes of it.
    """
    ticker, offered, before, after = intake.ticker, intake.offered, intake.before, intake.after
    with vault.locked(ticker):
        _require_unchanged(vault, intake)
        if before is None or before.fetch_digest != offered.fetch_digest:
            vault.set_aside(
                ticker, intake.quarantined, source=offered.source, origin=offered.origin, seen_at=offered.fetched_at
            )
        waiting = vault.held(ticker)
        if intake.held:
            vault.hold(ticker, offered)
        if intake.restatements or (waiting is not None and after is not before):
            _record(vault, ticker, intake.restatements, at=offered.fetched_at)
        if after is not before and len(after.bars):
            vault.write(ticker, after)
            if waiting is not None:
                vault.hold(ticker, waiting, Outcome.WITHDRAWN)
    _tell(intake)


def set_aside(vault: Vault, ticker: str, fetched: Fetched, *, now: datetime) -> None:
    """Put the refused rows of a fetch without a single bar into the quarantine; nothing else changes."""
    told = fetched.provenance
    with vault.locked(ticker):
        vault.set_aside(ticker, fetched.refused, source=told.source, origin=told.origin, seen_at=iso(now))


def accept(vault: Vault, ticker: str, now: datetime) -> Stored:
    """Put the fetch in force that was held, or rejected since; what was in force goes to the restatements.

    A stored bar that the fetch does not speak of stays if the sessions beside it agree, as of
    `Comparison.replaced`; the others are gone from force and are recorded whole.

    Returns
    -------
    Stored
        What is in force now.

    Raises
    ------
    NothingHeld
        If no fetch of the stored bars' source waits or was rejected.
    """
    with vault.locked(ticker):
        before, fetch = _waiting(vault, ticker, Outcome.HELD, Outcome.REJECTED)
        refused = set(vault.quarantine(ticker)["session"])
        told, at = compared(before.bars, fetch.bars, since=None, refused=refused), iso(now)
        bars, dropped = told.replaced()
        after = merged(bars, before=before, fetch=fetch)
        changes = told.changes(dropped=dropped)
        seen = restated(changes, ticker=ticker, source=fetch.source, at=at, outcome=Outcome.ACCEPTED)
        _record(vault, ticker, seen, at=at)
        vault.write(ticker, after)
        vault.hold(ticker, fetch, Outcome.ACCEPTED)
    log.info("restatement_accepted", ticker=ticker, source=fetch.source, changes=len(seen), last=str(bars.session[-1]))
    return after


def reject(vault: Vault, ticker: str, now: datetime) -> None:
    """Keep what is in force against the fetch that is held.

    The source's telling of these values is not held again; its new sessions come in again with the next refresh. The
    fetch is kept, and `accept` can still put it in force.

    Raises
    ------
    NothingHeld
        If no fetch waits.
    """
    with vault.locked(ticker):
        _, fetch = _waiting(vault, ticker, Outcome.HELD)
        vault.set_record(ticker, decided(vault.record(ticker), Outcome.REJECTED, at=iso(now)))
        vault.hold(ticker, fetch, Outcome.REJECTED)
    log.info("restatement_rejected", ticker=ticker, source=fetch.source)


def _record(vault: Vault, ticker: str, seen: Sequence[Restatement], *, at: str) -> None:
    known = vault.record(ticker)
    record = recorded(known, seen, at=at)
    if record != known:
        vault.set_record(ticker, record)


def _waiting(vault: Vault, ticker: str, *outcomes: Outcome) -> tuple[Stored, Stored]:
    """What is in force, and the fetch to decide on."""
    before, fetch, became = vault.read(ticker), vault.last_held(ticker), vault.decision(ticker)
    if before is None or fetch is None or became not in outcomes or fetch.source != before.source:
        got = "none" if became is None else f"one that was {became.value}"
        raise NothingHeld(f"{ticker}: expected a fetch that is held for a decision, got {got}")
    return before, fetch


def _require_unchanged(vault: Vault, intake: Intake) -> None:
    told = vault.told(intake.ticker)
    before = None if intake.before is None else intake.before.told
    if told not in (before, intake.after.told):
        expected, got = ("no bars" if one is None else f"the bars of {one['fetched_at']}" for one in (before, told))
        raise VaultChanged(f"{intake.ticker}: expected {expected} in force as when it was decided, got {got}")


def _tell(intake: Intake) -> None:
    about = log.bind(ticker=intake.ticker, source=intake.offered.source)
    if intake.held:
        about.warning("history_held", restatements=len(intake.restatements))
    if intake.source_changed and intake.before is not None:
        about.warning("source_changed", before=intake.before.source, restatements=len(intake.restatements))
    about.info(
        "taken_in",
        added=intake.added,
        bars=len(intake.after.bars),
        restatements=len(intake.restatements),
        quarantined=len(intake.quarantined),
        unfinished=list(intake.unfinished),
    )
