"""Tickers, their bars and what charts draw over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Query, Response

from release.reader import ReleasedTicker
from serving import queries
from serving.openapi import answers
from serving.records import Indicators, Prices, Tickers
from serving.routes.common import LatestState, TickerPath, json_response
from serving.view import V1, View

router = APIRouter(prefix=V1, tags=["prices"])

First = Annotated[
    str | None, Query(alias="from", description="First session, ISO date; none: no bound.", examples=["2011-03-01"])
]
Last = Annotated[
    str | None, Query(alias="to", description="Last session, ISO date; none: no bound.", examples=["2012-03-01"])
]
Limit = Annotated[int, Query(ge=1, le=10_000, description="At most so many bars, the newest of the range.")]
Adjusted = Annotated[bool, Query(description="With splits and dividends taken out, or as traded.")]


@router.get("/tickers", responses=answers(Tickers, 503))
async def list_tickers(latest: LatestState) -> Response:
    """The tickers that can be asked for, and those that were refused with the reason."""
    return latest.released(f"{V1}/tickers").response(latest.now())


@dataclass(frozen=True, slots=True)
class Asked:
    """Bars of one ticker that a query asks for, by the release in force when it came."""

    view: View
    ticker: ReleasedTicker
    first: np.datetime64 | None
    last: np.datetime64 | None
    limit: int
    adjust: bool


async def _asked(
    ticker: TickerPath,
    latest: LatestState,
    first: First = None,
    last: Last = None,
    limit: Limit = 500,
    adjusted: Adjusted = True,
) -> Asked:
    view = latest.view
    released = view.ticker(ticker)
    return Asked(view, released, queries.iso_date("from", first), queries.iso_date("to", last), limit, adjusted)


AskedBars = Annotated[Asked, Depends(_asked)]


@router.get("/prices/{ticker}", responses=answers(Prices, 404, 422, 503, cached=False))
async def get_prices(asked: AskedBars, latest: LatestState) -> Response:
    """Daily bars of one ticker, oldest first, with the newest live price."""
    bars = queries.prices(
        asked.view.release,
        asked.ticker,
        first=asked.first,
        last=asked.last,
        limit=asked.limit,
        adjust=asked.adjust,
        live=latest.since_release(asked.ticker.ticker),
    )
    return json_response(bars, age_seconds=latest.now() - asked.view.made_at.timestamp())


@router.get("/prices/{ticker}/indicators", responses=answers(Indicators, 404, 422, 503, cached=False))
async def get_indicators(asked: AskedBars, latest: LatestState) -> Response:
    """Averages, Bollinger's bands, RSI, ATR and volatility of the bars that the same query has for prices."""
    drawn = queries.indicators(
        asked.view.release,
        asked.ticker,
        first=asked.first,
        last=asked.last,
        limit=asked.limit,
        adjust=asked.adjust,
    )
    return json_response(drawn, age_seconds=latest.now() - asked.view.made_at.timestamp())
