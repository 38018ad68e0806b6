"""For the people and machines that keep the server running."""

from __future__ import annotations

import os
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from release.clock import iso
from serving import metrics
from serving.openapi import answers
from serving.records import Index, Links, Ready, ServerStatus, Status
from serving.routes.common import LatestState, json_response
from serving.settings import ServerSettings
from serving.streaming import asyncapi
from serving.view import MODEL_CARD, V1

router = APIRouter(tags=["operations"])


LINKS: Final = {
    "dashboard": "/",
    "documentation": "/docs",
    "openapi": "/openapi.json",
    "stream_documentation": "/asyncapi.json",
    "tickers": f"{V1}/tickers",
    "predictions": f"{V1}/predictions",
    "signals": f"{V1}/signals",
    "portfolio": f"{V1}/portfolio",
    "models": f"{V1}/models",
    "model_card": MODEL_CARD,
    "status": f"{V1}/status",
    "stream": f"{V1}/stream",
    "metrics": "/metrics",
}


@router.get(V1, responses=answers(Index, cached=False))
async def get_index(request: Request) -> Response:
    """Where to go from here."""
    return json_response(Index(name=request.app.title, version=request.app.version, links=LINKS))


@router.get("/asyncapi.json", include_in_schema=False)
async def get_asyncapi(request: Request) -> Response:
    """The stream, for whom OpenAPI has no words."""
    return Response(
        msgspec.json.encode(asyncapi.document(title=request.app.title, version=request.app.version)),
        media_type="application/json",
    )


@router.get("/livez", response_class=PlainTextResponse, responses={200: {"description": "The process answers."}})
async def livez() -> Response:
    """Whether the process answers at all."""
    return PlainTextResponse("ok\n")


@router.get("/readyz", responses=answers(Ready, 503, cached=False))
async def readyz(request: Request, latest: LatestState) -> Response:
    """Whether there is a release to answer from, and the server is not about to stop."""
    request.app.state.draining.check()
    return json_response(Ready(status="ready", release_id=latest.view.release_id))


@router.get("/metrics", response_class=PlainTextResponse, responses={200: {"description": "Prometheus' text format."}})
async def get_metrics(latest: LatestState) -> Response:
    """Counters and gauges of the server: all of its workers', whichever answers."""
    return Response(latest.metrics.text(), media_type=metrics.MEDIA_TYPE)


@router.get("/v1/status", responses=answers(Status, cached=False))
async def get_status(request: Request, latest: LatestState) -> Response:
    """What is served: the release, a release that was refused, the feed and the age of its last message."""
    settings: ServerSettings = request.app.state.settings
    served = msgspec.structs.asdict(latest.status())
    links = Links(dagster=settings.dagster_url, mlflow=settings.mlflow_url)
    server = ServerStatus(
        version=request.app.version,
        started_at=iso(latest.metrics.started_at),
        worker=os.getpid(),
        sockets=latest.metrics.sockets,
    )
    return json_response(Status(**served, links=links, server=server))
