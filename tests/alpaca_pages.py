"""Pages of Alpaca, written after its documentation: bars, and the corporate actions that were never recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vendor_server import Reply, VendorServer, Waits, as_json, pace_of, settings_for

from stock_assets.sources.vendors.alpaca import Alpaca

BARS = "/v2/stocks/bars"
PAIRS = "/v1beta3/crypto/us/bars"
ACTIONS = "/v1/corporate-actions"
NO_ACTIONS = as_json({"corporate_actions": {}, "next_page_token": None})


def alpaca_at(server: VendorServer, home: Path, waits: Waits, **changes: object) -> Alpaca:
    """An Alpaca on loopback that is impatient and takes no time."""
    return Alpaca(settings_for(server, home, request_timeout_seconds=0.2, **changes), pace=pace_of(waits))


def bar(day: str, close: float, volume: float = 1e6) -> dict[str, Any]:
    """A bar whose prices are all the same."""
    return {"t": f"{day}T04:00:00Z", "o": close, "h": close, "l": close, "c": close, "v": volume, "n": 1, "vw": close}


AROUND_THE_SPLIT = [bar("2020-08-27", 500.04), bar("2020-08-28", 499.23), bar("2020-08-31", 129.04)]


def page(bars: list[dict[str, Any]], *, symbol: str = "AAPL", token: str | None = None) -> Reply:
    """A page of bars."""
    return as_json({"bars": {symbol: bars} if bars else {}, "next_page_token": token})


def actions(*, token: str | None = None, **kinds: list[dict[str, Any]]) -> Reply:
    """A page of corporate actions by kind."""
    return as_json({"corporate_actions": kinds, "next_page_token": token})


def split(day: str, new: float, old: float) -> dict[str, Any]:
    """A split as Alpaca tells it."""
    return {"symbol": "AAPL", "ex_date": day, "process_date": day, "new_rate": new, "old_rate": old}


def dividend(day: str, rate: float, *, special: bool = False) -> dict[str, Any]:
    """A cash dividend, processed weeks later."""
    return {"symbol": "AAPL", "ex_date": day, "process_date": "2020-09-10", "rate": rate, "special": special}
