"""What the audit log answers with: one entry and the way from it back to the bars, and whether the log is whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, TypeVar

import msgspec
import numpy as np

from quant.features import WINDOW
from release.audit import (
    Entry,
    Kind,
    LoggedForecast,
    LoggedOutcome,
    LoggedPrediction,
    LoggedSignal,
    Record,
    Tampering,
    Trail,
    Verification,
)
from release.audit.records import decode
from release.clock import iso
from release.errors import AuditFailed, ReleaseError
from release.manifest import Manifest, TickerLineage
from release.store import Store
from release.tables import digest
from serving.view import MODEL_CARD, V1, View

AUDIT: Final = f"{V1}/audit"

T = TypeVar("T")


class AuditLink(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the audit log, and where it is found."""

    audit_id: int
    path: str


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in a list; `path` leads to all of it."""

    audit_id: int
    kind: Kind
    recorded_at: str
    ticker: str
    session: str
    sha256: str
    path: str


class AuditEntries(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of the audit log, newest first; `next` is `before` of the page that follows, null on the last."""

    entries: tuple[AuditRow, ...]
    next: int | None


class AuditPlace(msgspec.Struct, frozen=True, kw_only=True):
    """An entry's place in the hash chain.

    `sha256` covers what the entry says and `previous_sha256`, the hash of the entry before it; `next_sha256` is that of
    the one after it, null for the newest, which is entry number `newest`. `genuine` says whether the hash, worked out
    again, is the stored one and the neighbours agree; `/v1/audit/verification` says it of the whole log.
    """

    previous_sha256: str
    sha256: str
    next_sha256: str | None
    newest: int
    recorded_at: str
    term: int
    genuine: bool


class AuditHead(msgspec.Struct, frozen=True, kw_only=True):
    """The newest entry's number and hash: whoever keeps them can hold the log to them (`audit verify --receipt`)."""

    audit_id: int
    sha256: str


class AuditFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to the log, to which entry if it is one's, and how that shows."""

    tampering: Tampering
    audit_id: int | None
    detail: str


class AuditVerification(msgspec.Struct, frozen=True, kw_only=True):
    """What reading the whole log came to: it is `whole` if each entry is as it was written and none is missing.

    `entries` is how many were looked at, as the log stood at `verified_at`; the look took so many `seconds`. `findings`
    go by the log's order, 20 at most, after which it is not looked at any further. `head` is null while it is empty.
    """

    whole: bool
    entries: int
    head: AuditHead | None
    findings: tuple[AuditFinding, ...]
    verified_at: str
    seconds: float


class AuditRelease(msgspec.Struct, frozen=True, kw_only=True):
    """The release that a number was made from.

    `as_of` and `published_at` are null for a release that is in the store no longer; `model_card` only leads to the
    card of the one that is in force.
    """

    release_id: str
    in_force: bool
    as_of: str | None
    published_at: str | None
    model_card: str | None


class AuditInputs(msgspec.Struct, frozen=True, kw_only=True):
    """The bars that the model was shown: `bars` of them, the last one of `last_session`, digested as `sha256`.

    `found` says whether the release in force still has these very bars: false where they have been restated since,
    null where it can't know, because the session was under way or is later than its last.
    """

    sha256: str
    bars: int
    last_session: str
    found: bool | None


class AuditTrail(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the audit log, and the way from it back to the bars.

    `signal`, `forecast`, `prediction` and `outcome` are what the log says: the entry itself, and with a signal at a
    close or a forecast also what was forecast then and what came of it, once that is known. `lineage` is the model's:
    its runs, its version and the data it was trained on; null if its release is in the store no longer. `earlier` and
    `later` are the ticker's nearest entries of the same kind.
    """

    audit_id: int
    kind: Kind
    place: AuditPlace
    signal: LoggedSignal | None
    prediction: LoggedPrediction | None
    forecast: LoggedForecast | None
    forecast_entry: AuditLink | None
    outcome: LoggedOutcome | None
    outcome_entry: AuditLink | None
    release: AuditRelease | None
    lineage: TickerLineage | None
    inputs: AuditInputs | None
    earlier: AuditLink | None
    later: AuditLink | None


def page(found: Sequence[Entry], *, limit: int) -> AuditEntries:
    """A page out of the newest `limit` entries and one more, which says whether there is a page after it."""
    rows = tuple(
        AuditRow(
            audit_id=entry.id,
            kind=_kind(entry),
            recorded_at=entry.recorded_at,
            ticker=entry.ticker,
            session=entry.session,
            sha256=entry.sha256,
            path=_path(entry.id),
        )
        for entry in found[:limit]
    )
    return AuditEntries(entries=rows, next=rows[-1].audit_id if len(found) > limit else None)


def verified(found: Verification, *, at: datetime, seconds: float) -> AuditVerification:
    """What a walk over the log, begun `at` that time, came to."""
    return AuditVerification(
        whole=found.whole,
        entries=found.entries,
        head=found.head and AuditHead(audit_id=found.head.audit_id, sha256=found.head.sha256),
        findings=tuple(
            AuditFinding(tampering=each.tampering, audit_id=each.audit_id, detail=each.detail)
            for each in found.findings
        ),
        verified_at=iso(at),
        seconds=round(seconds, 6),
    )


def answer(trail: Trail, *, view: View | None, store: Store) -> AuditTrail:
    """What a trail leads to: into the store for the release it names, and into the bars of `view`, the one in force.

    Raises
    ------
    AuditFailed
        If the entry is of no kind that there is.
    """
    said = [_said(entry) for entry in (trail.entry, trail.forecast, trail.outcome) if entry is not None]
    signal, prediction = _one(said, LoggedSignal), _one(said, LoggedPrediction)
    forecast, outcome = _one(said, LoggedForecast), _one(said, LoggedOutcome)
    made = signal or prediction or forecast
    manifest = _manifest(made.release_id, view=view, store=store) if made else None
    return AuditTrail(
        audit_id=trail.entry.id,
        kind=_kind(trail.entry),
        place=_place(trail),
        signal=signal,
        prediction=prediction,
        forecast=forecast,
        forecast_entry=_link(trail.forecast and trail.forecast.id),
        outcome=outcome,
        outcome_entry=_link(trail.outcome and trail.outcome.id),
        release=_release(made.release_id, manifest, view=view) if made else None,
        lineage=_lineage(made.ticker, manifest) if made and manifest else None,
        inputs=_inputs(made, view=view) if made else None,
        earlier=_link(trail.earlier),
        later=_link(trail.later),
    )


def _kind(entry: Entry) -> Kind:
    try:
        return Kind(entry.kind)
    except ValueError as error:
        raise AuditFailed(f"entry {entry.id}: kind: expected one that there is, got {entry.kind!r}") from error


def _said(entry: Entry) -> Record | None:
    """What the entry says; none where somebody has made it unreadable, which its place tells."""
    try:
        return decode(_kind(entry), entry.body)
    except AuditFailed:
        return None


def _one(said: Iterable[Record | None], kind: type[T]) -> T | None:
    return next((record for record in said if isinstance(record, kind)), None)


def _place(trail: Trail) -> AuditPlace:
    entry = trail.entry
    return AuditPlace(
        previous_sha256=entry.previous,
        sha256=entry.sha256,
        next_sha256=trail.after and trail.after.sha256,
        newest=trail.head.audit_id,
        recorded_at=entry.recorded_at,
        term=entry.term,
        genuine=trail.genuine,
    )


def _manifest(release_id: str, *, view: View | None, store: Store) -> Manifest | None:
    """The release's manifest, whose id is the digest of what it says; none if it can't be had any more."""
    if view is not None and view.release_id == release_id:
        return view.release.manifest
    try:
        return store.manifest(release_id)
    except ReleaseError:
        return None


def _release(release_id: str, manifest: Manifest | None, *, view: View | None) -> AuditRelease:
    in_force = view is not None and view.release_id == release_id
    return AuditRelease(
        release_id=release_id,
        in_force=in_force,
        as_of=manifest.as_of if manifest else None,
        published_at=manifest.created_at if manifest else None,
        model_card=MODEL_CARD if in_force else None,
    )


def _lineage(ticker: str, manifest: Manifest) -> TickerLineage | None:
    return next((lineage for lineage in manifest.tickers if lineage.ticker == ticker), None)


def _inputs(made: LoggedSignal | LoggedPrediction | LoggedForecast, *, view: View | None) -> AuditInputs:
    return AuditInputs(
        sha256=made.inputs_sha256,
        bars=WINDOW,
        last_session=made.session,
        found=None
        if view is None or not _at_close(made)
        else _found(made.ticker, made.session, made.inputs_sha256, view),
    )


def _at_close(made: LoggedSignal | LoggedPrediction | LoggedForecast) -> bool:
    """Whether its session's bar was final, and may be in a release."""
    return isinstance(made, LoggedForecast) or (isinstance(made, LoggedSignal) and not made.provisional)


def _found(ticker: str, session: str, sha256: str, view: View) -> bool | None:
    """Whether the released bars up to the session are those of the digest; none if they don't reach it."""
    released = view.release.tickers.get(ticker)
    if released is None or np.datetime64(session, "D") > released.bars.session[-1]:
        return None
    return digest(released.bars.through(np.datetime64(session, "D"))[-WINDOW:]) == sha256


def _link(audit_id: int | None) -> AuditLink | None:
    return None if audit_id is None else AuditLink(audit_id=audit_id, path=_path(audit_id))


def _path(audit_id: int) -> str:
    return f"{AUDIT}/{audit_id}"
