"""The audit log: from a served number back to the release, the model and the bars that it came from."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from release.audit import AuditLog, Kind
from release.store import Store
from serving.audit import records as auditing
from serving.audit.reader import AuditReader
from serving.audit.records import AuditEntries, AuditTrail, AuditVerification
from serving.errors import UnknownAuditEntry
from serving.latest import Latest
from serving.openapi import answers
from serving.routes.common import LatestState, json_response
from serving.view import View

router = APIRouter(prefix=auditing.AUDIT, tags=["audit"])

# What a database's integers hold.
LARGEST = 2**63 - 1

AuditId = Annotated[int, Path(ge=1, le=LARGEST, description="`audit_id` of a signal, for instance.", examples=[1])]
Ticker = Annotated[str | None, Query(max_length=32, description="Only this ticker's.", examples=["AAPL"])]
OfKind = Annotated[Kind | None, Query(description="Only entries of this kind.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Entries on a page.")]
Before = Annotated[int | None, Query(ge=1, le=LARGEST, description="`next` of the page before; none for the newest.")]


async def _reader(request: Request) -> AuditReader:
    reader: AuditReader = request.app.state.audit
    return reader


async def _store(request: Request) -> Store:
    return Store(request.app.state.settings.releases)


Reader = Annotated[AuditReader, Depends(_reader)]
Releases = Annotated[Store, Depends(_store)]


@router.get("", responses=answers(AuditEntries, 422, 503, cached=False))
async def list_audit_entries(
    reader: Reader, ticker: Ticker = None, kind: OfKind = None, limit: Limit = 100, before: Before = None
) -> Response:
    """What the live engine said and what came of it, newest first."""
    newest = partial(AuditLog.entries, ticker=ticker, kind=kind, before=before, limit=limit + 1)
    return json_response(
        await reader.ask(
            lambda log: auditing.page(newest(log), limit=limit), without=AuditEntries(entries=(), next=None)
        )
    )


@router.get("/verification", responses=answers(AuditVerification, 503, cached=False))
async def get_audit_verification(reader: Reader, latest: LatestState) -> Response:
    """Whether the whole log is as it was written: each entry, their chain, the head and the triggers that guard them.

    Half a minute's answer is the same one, and that of a log so long that reading it takes more than three seconds
    holds for nine times as long as that took. 503 before a live engine has begun a log.
    """
    return json_response(await reader.verifier.newest(latest.clock))


@router.get("/{audit_id}", responses=answers(AuditTrail, 404, 422, 503, cached=False))
async def get_audit_entry(audit_id: AuditId, reader: Reader, latest: LatestState, store: Releases) -> Response:
    """One entry with its place in the hash chain, and the way from it back to the bars."""
    found = await reader.ask(partial(_trail, audit_id, view=_view(latest), store=store), without=None)
    if found is None:
        raise UnknownAuditEntry(f"audit_id: expected an entry of the audit log, got {audit_id}")
    return json_response(found)


def _view(latest: Latest) -> View | None:
    """The release in force; an entry can be read without one."""
    return latest.view if latest.release_id is not None else None


def _trail(audit_id: int, log: AuditLog, *, view: View | None, store: Store) -> AuditTrail | None:
    trail = log.trail(audit_id)
    return auditing.answer(trail, view=view, store=store) if trail else None
