"""For the people and machines that keep the server running."""

from __future__ import annotations

from fastapi import APIRouter, Response

from serving import metrics
from serving.openapi import answers
from serving.records import Ready, Status
from serving.routes.common import LatestState, json_response

router = APIRouter(tags=["operations"])


@router.get("/livez", responses={200: {"description": "The process answers.", "content": {"text/plain": {}}}})
async def livez() -> Response:
    """Whether the process answers at all."""
    return Response("ok\n", media_type="text/plain")


@router.get("/readyz", responses=answers(Ready, 503, cached=False))
async def readyz(latest: LatestState) -> Response:
    """Whether there is a release to answer from."""
    return json_response(Ready(status="ready", release_id=latest.view.release_id))


@router.get("/metrics", responses={200: {"description": "Prometheus' text format.", "content": {"text/plain": {}}}})
async def get_metrics(latest: LatestState) -> Response:
    """Counters and gauges of the worker that answers; `worker` tells the workers' series apart."""
    return Response(latest.metrics.text(), media_type=metrics.MEDIA_TYPE)


@router.get("/v1/status", responses=answers(Status, cached=False))
async def get_status(latest: LatestState) -> Response:
    """What is served: the release, a release that was refused, the feed and the age of its last message."""
    return json_response(latest.status())
