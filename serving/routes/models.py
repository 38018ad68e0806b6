"""Models: which version serves, where it comes from, how it scored out of sample and does live; and the card of it."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Response

from serving.answers import MARKDOWN
from serving.evidence import live
from serving.evidence.records import Calibration, LivePerformance
from serving.openapi import answers, text_answers
from serving.records import ModelCard, Models
from serving.routes.audit import Reader
from serving.routes.common import LatestState, TickerPath, json_response
from serving.view import MODEL_CARD, V1, calibration_path

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


@router.get(f"{V1}/models/{{ticker}}/calibration", responses=answers(Calibration, 404, 503))
async def get_calibration(ticker: TickerPath, latest: LatestState) -> Response:
    """Whether one ticker's probabilities and intervals kept their promise, out of sample."""
    return latest.released(calibration_path(latest.view.ticker(ticker).ticker)).response(latest.now())


@router.get(f"{V1}/models/{{ticker}}/live", responses=answers(LivePerformance, 404, 503, cached=False))
async def get_live_performance(ticker: TickerPath, latest: LatestState, reader: Reader) -> Response:
    """How one ticker's forecasts have done since they went live, by the audit log, and whether they have drifted."""
    view = latest.view
    name = view.ticker(ticker).ticker
    nothing = live.performance(live.NOTHING, view=view, ticker=name)
    return json_response(await reader.ask(partial(live.read_performance, view=view, ticker=name), without=nothing))


@router.get(MODEL_CARD, response_class=Response, responses=text_answers(MARKDOWN, "The card, in Markdown.", 503))
async def get_model_card(latest: LatestState) -> Response:
    """What was trained on what, what it can and can't do, and its figures beside their baselines: for a person."""
    return latest.released(MODEL_CARD).response(latest.now())
