"""Predictions: the newest of each ticker, and what-ifs from bars that the client sends."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import numpy as np
from fastapi import APIRouter, Request, Response

from quant.bars import Bars
from quant.features import WINDOW
from serving.bodies import read_body
from serving.errors import BadRequest, Invalid
from serving.forecasts import predict
from serving.latest import Latest
from serving.messages import Further, PredictionMessage
from serving.openapi import SCHEMAS, answers
from serving.records import Predictions
from serving.routes.common import LatestState, TickerPath, json_response
from serving.view import V1, View
from serving.whatif import MAX_BARS, MAX_BYTES, MOVING, sent_bars

router = APIRouter(prefix=f"{V1}/predictions", tags=["predictions"])

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "Daily bars as traded, oldest first, at most 512 KiB.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "array",
                    "items": {"$ref": SCHEMAS.format(name="SentBar")},
                    "minItems": WINDOW,
                    "maxItems": MAX_BARS,
                }
            }
        },
    }
}


@router.get("", responses=answers(Predictions, 503))
async def list_predictions(latest: LatestState) -> Response:
    """The newest prediction of every ticker."""
    return latest.predictions().response(latest.now())


@router.get("/{ticker}", responses=answers(PredictionMessage, 404, 503))
async def get_prediction(ticker: TickerPath, latest: LatestState) -> Response:
    """The newest prediction of one ticker: live if the engine speaks, else at the release's last bar."""
    return latest.prediction(ticker).response(latest.now())


@router.post("/{ticker}", responses=answers(PredictionMessage, 404, 413, 422, 503, cached=False), openapi_extra=_BODY)
async def what_if(ticker: TickerPath, latest: LatestState, request: Request) -> Response:
    """What the ticker's model would say after the bars in the body. Nothing is kept of them.

    Only the last 252 bars count. The answer is marked provisional.
    """
    view = latest.view
    released = view.ticker(ticker)
    body = await read_body(request.stream(), limit=MAX_BYTES)
    calendar = view.release.calendars[released.exchange]
    bars = sent_bars(body, calendar, horizon=max(view.release.manifest.horizons))
    prediction = await asyncio.to_thread(_predict, latest, view, ticker, bars)
    return json_response(prediction)


def _predict(latest: Latest, view: View, ticker: str, bars: Bars) -> PredictionMessage:
    # Sound bars can still be of no use: 1e300 overflows.
    with np.errstate(all="ignore"):
        prediction = predict(view.release, view.ticker(ticker), bars, made_at=latest.clock.now(), provisional=True)
    made: tuple[PredictionMessage | Further, ...] = (prediction, *prediction.further)
    if not all(_is_forecast(part) for part in made):
        raise BadRequest(Invalid("bars", f"a forecast of {prediction.mean} +- {prediction.vol}", MOVING))
    return prediction


def _is_forecast(made: PredictionMessage | Further) -> bool:
    """Whether it is a distribution at all: every figure a number, and a volatility above 0."""
    figures = (made.mean, made.vol, made.p_up, made.price_lower_90, made.price_upper_90)
    return bool(np.all(np.isfinite(figures)) and made.vol > 0)
