"""Recorded charts of Yahoo, to be answered as they are or edited by a test."""

from __future__ import annotations

import copy
from datetime import date, datetime
from pathlib import Path
from typing import Any

from vendor_server import VendorServer, Waits, as_json, pace_of, recording, settings_for

from stock_assets.sources.vendors.yahoo import Yahoo

FOLDER = "yahoo/recorded_2025"
AAPL = f"{FOLDER}/chart-AAPL-2020-08-31-to-2020-11-07.json"
NVDA = f"{FOLDER}/historical-via-chart-NVDA-split-2021-02-01-to-2022-01-31.csv.json"
MSFT = f"{FOLDER}/historical-via-chart-MSFT-dividends-2021-02-01-to-2022-01-31.csv.json"
SPAN = (date(2020, 8, 31), date(2020, 11, 7))
# What yfinance asks for with a history, and not with its look at the time zone.
HISTORY = {"events": "div,splits,capitalGains"}


def yahoo_at(server: VendorServer, home: Path, waits: Waits, **changes: object) -> Yahoo:
    """A Yahoo on loopback that is impatient and takes no time."""
    return Yahoo(settings_for(server, home, request_timeout_seconds=0.2, **changes), pace=pace_of(waits))


def path_of(symbol: str) -> str:
    """Where a symbol's chart is."""
    return f"/v8/finance/chart/{symbol}"


def series_of(name: str) -> dict[str, Any]:
    """A recorded series, to be edited."""
    series: dict[str, Any] = copy.deepcopy(recording(name)["body"]["chart"]["result"][0])
    return series


def write(server: VendorServer, series: dict[str, Any]) -> None:
    """Have the server answer histories of its symbol with the series."""
    body = {"chart": {"result": [series], "error": None}}
    server.write(path_of(series["meta"]["symbol"]), as_json(body), **HISTORY)


def add_bar(series: dict[str, Any], at: datetime, price: float, *, volume: float | None = 1e6) -> None:
    """A bar more at the end of a series."""
    series["timestamp"].append(int(at.timestamp()))
    quote = series["indicators"]["quote"][0]
    for name in ("open", "high", "low", "close"):
        quote[name].append(price)
    quote["volume"].append(volume)
    series["indicators"]["adjclose"][0]["adjclose"].append(price)


def add_split(series: dict[str, Any], at: datetime, new: int, old: int) -> None:
    """A split more among a series' events."""
    stamp = int(at.timestamp())
    split = {"date": stamp, "numerator": new, "denominator": old, "splitRatio": f"{new}:{old}"}
    series.setdefault("events", {}).setdefault("splits", {})[str(stamp)] = split
