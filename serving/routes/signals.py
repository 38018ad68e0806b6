"""Signals: those in force, their out-of-sample history, and what that has been worth."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from serving import queries
from serving.evidence.records import SignalPerformance
from serving.messages import SignalMessage
from serving.openapi import answers
from serving.records import SignalHistory, Signals
from serving.routes.common import LatestState, TickerPath, json_response
from serving.view import V1, performance_path

router = APIRouter(prefix=f"{V1}/signals", tags=["signals"])

Limit = Annotated[int, Query(ge=1, le=1000, description="Signals on a page.")]
Cursor = Annotated[
    str | None, Query(description="`next` of the page before; none for the newest page.", examples=["2012-02-29"])
]


@router.get("", responses=answers(Signals, 503))
async def list_signals(latest: LatestState) -> Response:
    """The signal in force of every ticker."""
    return latest.signals().response(latest.now())


@router.get("/{ticker}", responses=answers(SignalMessage, 404, 503))
async def get_signal(ticker: TickerPath, latest: LatestState) -> Response:
    """The signal in force of one ticker."""
    return latest.signal(ticker).response(latest.now())


@router.get("/{ticker}/history", responses=answers(SignalHistory, 404, 422, 503, cached=False))
async def get_signal_history(
    ticker: TickerPath, latest: LatestState, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """What the champion would have signalled, out of sample only, newest first, with what came of it."""
    view = latest.view
    before = queries.iso_date("cursor", cursor)
    page = queries.history(
        view.release, view.ticker(ticker), before=None if before is None else str(before), limit=limit
    )
    return json_response(page, age_seconds=view.age_seconds(latest.now()))


@router.get("/{ticker}/performance", responses=answers(SignalPerformance, 404, 503))
async def get_signal_performance(ticker: TickerPath, latest: LatestState) -> Response:
    """What one ticker's out-of-sample signals have been worth: equity beside buying and holding, and hits."""
    return latest.released(performance_path(latest.view.ticker(ticker).ticker)).response(latest.now())
