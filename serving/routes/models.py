"""Models: which version serves, where it comes from and how it scored out of sample; and the card that says it all."""

from __future__ import annotations

from fastapi import APIRouter, Response

from serving.answers import MARKDOWN
from serving.openapi import answers, text_answers
from serving.records import ModelCard, Models
from serving.routes.common import LatestState, TickerPath
from serving.view import MODEL_CARD, V1

router = APIRouter(tags=["models"])


@router.get(f"{V1}/models", responses=answers(Models, 503))
async def list_models(latest: LatestState) -> Response:
    """The model of every ticker."""
    return latest.released(f"{V1}/models").response(latest.now())


@router.get(f"{V1}/models/{{ticker}}", responses=answers(ModelCard, 404, 503))
async def get_model(ticker: TickerPath, latest: LatestState) -> Response:
    """One ticker's model: version, lineage, and every score beside its baseline."""
    name = latest.view.ticker(ticker).ticker
    return latest.released(f"{V1}/models/{name}").response(latest.now())


@router.get(MODEL_CARD, response_class=Response, responses=text_answers(MARKDOWN, "The card, in Markdown.", 503))
async def get_model_card(latest: LatestState) -> Response:
    """What was trained on what, what it can and can't do, and its figures beside their baselines: for a person."""
    return latest.released(MODEL_CARD).response(latest.now())
