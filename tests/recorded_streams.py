"""What the vendors' streams say: Alpaca's documented session, and Yahoo's frames as its Python client defines them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from shared_data import shared_data
from yfinance.pricing_pb2 import PricingData

# A Monday: shortly after the recorded session, an hour and a half into New York's.
NOW = datetime(2021, 2, 22, 16, 0, tzinfo=UTC)
REGULAR = 1


def pricing_frame(
    symbol: str, price: float, at: datetime, *, volume: int = 0, hours: int = REGULAR, **more: Any
) -> str:
    """A frame of Yahoo's that tells a price."""
    message = PricingData(
        id=symbol,
        price=price,
        time=round(at.timestamp() * 1000),
        market_hours=hours,
        day_volume=volume,
        currency="USD",
        exchange="NMS",
        quote_type=8,
        change_percent=0.5,
        price_hint=2,
        **more,
    )
    return enveloped(message.SerializeToString())


def enveloped(data: bytes) -> str:
    """A frame of Yahoo's around any bytes."""
    return json.dumps({"type": "pricing", "message": base64.b64encode(data).decode()})


def alpaca_session() -> list[str]:
    """The frames of Alpaca's documented session, in order."""
    return shared_data("api/alpaca/ws/session.jsonl").read_text().splitlines()


def alpaca_errors() -> dict[int, str]:
    """The documented error frames by code."""
    frames = shared_data("api/alpaca/ws/errors.jsonl").read_text().splitlines()
    return {json.loads(frame)[0]["code"]: frame for frame in frames}
