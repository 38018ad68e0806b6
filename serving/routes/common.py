"""What the routes share: the state, the ticker in a path, and the way from a record to a response."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Depends, Path, Request, Response

from serving.answers import AGE_HEADER
from serving.latest import Latest
from serving.view import encode


async def _latest(request: Request) -> Latest:
    latest: Latest = request.app.state.latest
    return latest


LatestState = Annotated[Latest, Depends(_latest)]
TickerPath = Annotated[str, Path(description="Symbol, as `/v1/tickers` lists it.", examples=["AAPL"], max_length=32)]


def json_response(record: msgspec.Struct, *, age_seconds: float | None = None) -> Response:
    """A record made for this request; `age_seconds` is how old its numbers are."""
    headers = {"cache-control": "no-cache"}
    if age_seconds is not None:
        headers[AGE_HEADER] = str(int(max(0.0, age_seconds)))
    return Response(encode(record), headers=headers, media_type="application/json")
