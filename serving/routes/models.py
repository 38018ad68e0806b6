"""Models: which version serves, where it comes from and how it scored out of sample."""

from __future__ import annotations

from fastapi import APIRouter, Response

from serving.openapi import answers
from serving.records import ModelCard, Models
from serving.routes.common import LatestState, TickerPath
from serving.view import V1

router = APIRouter(prefix=f"{V1}/models", tags=["models"])


@router.get("", responses=answers(Models, 503))
async def list_models(latest: LatestState) -> Response:
    """The model of every ticker."""
    return latest.released(f"{V1}/models").response(latest.now())


@router.get("/{ticker}", responses=answers(ModelCard, 404, 503))
async def get_model(ticker: TickerPath, latest: LatestState) -> Response:
    """One ticker's model: version, lineage, and every score beside its baseline."""
    name = latest.view.ticker(ticker).ticker
    return latest.released(f"{V1}/models/{name}").response(latest.now())
