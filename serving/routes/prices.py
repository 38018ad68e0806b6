"""Tickers, their bars and what charts draw over them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from serving import queries
from serving.openapi import answers
from serving.records import Indicators, Prices, Tickers
from serving.routes.common import LatestState, TickerPath, json_response
from serving.view import V1

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


async def _asked(
    ticker: TickerPath,
    latest: LatestState,
    first: First = None,
    last: Last = None,
    limit: Limit = 500,
    adjusted: Adjusted = True,
) -> queries.AskedBars:
    view = latest.view
    return queries.AskedBars(
        view,
        view.ticker(ticker),
        first=queries.iso_date("from", first),
        last=queries.iso_date("to", last),
        limit=limit,
        adjust=adjusted,
    )


AskedBars = Annotated[queries.AskedBars, Depends(_asked)]


@router.get("/prices/{ticker}", responses=answers(Prices, 404, 422, 503, cached=False))
async def get_prices(asked: AskedBars, latest: LatestState) -> Response:
    """Daily bars of one ticker, oldest first, with the newest live price."""
    bars = queries.prices(asked, live=latest.since_release(asked.ticker.ticker))
    return json_response(bars, age_seconds=asked.view.age_seconds(latest.now()))


@router.get("/prices/{ticker}/indicators", responses=answers(Indicators, 404, 422, 503, cached=False))
async def get_indicators(asked: AskedBars, latest: LatestState) -> Response:
    """Averages, Bollinger's bands, RSI, ATR and volatility of the bars that the same query has for prices."""
    return json_response(queries.indicators(asked), age_seconds=asked.view.age_seconds(latest.now()))
