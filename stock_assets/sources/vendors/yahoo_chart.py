"""What Yahoo's chart answers say, and every way in which they say that there is nothing."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from stock_assets.errors import DataEmpty, ErrorBody, UnknownTicker, VendorRefused, WrongTicker
from stock_assets.sources.vendors.bodies import json_object
from stock_assets.sources.vendors.response_cache import Answer

VENDOR: Final = "yahoo"
QUOTE_COLUMNS: Final = ("open", "high", "low", "close", "volume")
# What makes an answer a series of a known market; yfinance reads them without asking whether they are there.
META: Final = ("symbol", "exchangeTimezoneName", "instrumentType", "currency")
# Yahoo's own words; it has no code for either.
NOTHING_IN_RANGE: Final = "Data doesn't exist"
NOT_CARRIED: Final = "Not Found"


def chart(answer: Answer, *, ticker: str, symbol: str) -> dict[str, Any]:
    """The one series of a chart answer, with its market.

    Raises
    ------
    UnknownTicker, DataEmpty
        If Yahoo says that it has no such symbol, or nothing of it in the range.
    ErrorBody
        For an answer of status 200 that is no chart: an error, HTML, JSON of another shape.
    VendorRefused
        For any other status.
    WrongTicker
        If the series is another symbol's.
    """
    if answer.status != HTTPStatus.OK:
        raise _refusal(answer, ticker=ticker)
    body = json_object(answer, vendor=VENDOR, about=ticker)
    error = _error(body)
    if error:
        raise _told(error, status=HTTPStatus.OK, ticker=ticker)
    found = body.get("chart")
    results = found.get("result") if isinstance(found, dict) else None
    if not isinstance(results, list) or len(results) != 1 or not isinstance(results[0], dict):
        raise ErrorBody(f"{VENDOR}: expected a chart of {ticker}, got JSON of {', '.join(body) or 'nothing'}")
    series: dict[str, Any] = results[0]
    meta = series.get("meta")
    missing = [name for name in META if name not in meta] if isinstance(meta, dict) else ["meta"]
    if not isinstance(meta, dict) or missing:
        raise ErrorBody(f"{VENDOR}: expected a chart of {ticker} with {missing[0]}, got one without")
    if meta["symbol"] != symbol:
        raise WrongTicker(f"{VENDOR}: expected a chart of {symbol}, got one of {meta['symbol']}")
    return series


def bars_chart(answer: Answer, *, ticker: str, symbol: str) -> dict[str, Any]:
    """A `chart` with at least one bar, each with a time; also `DataEmpty` for one without, `ErrorBody` for half of one.

    A cell may be null.
    """
    series = chart(answer, ticker=ticker, symbol=symbol)
    times = series.get("timestamp") or []
    quote = _quote(series)
    if not times and not any(quote.values()):
        raise DataEmpty(f"{ticker}: expected bars, got an empty chart from {VENDOR}")
    for name in QUOTE_COLUMNS:
        values = quote.get(name)
        if not isinstance(values, list) or len(values) != len(times):
            got = f"{len(values)} and {len(times)} times" if isinstance(values, list) else "none"
            raise ErrorBody(f"{VENDOR}: expected {name} of {ticker} for each time, got {got}")
    return series


def has_adjusted_closes(series: dict[str, Any]) -> bool:
    """Whether the series says adjusted closes of its own."""
    return "adjclose" in series["indicators"]


def left_out(series: dict[str, Any], *, bars: int) -> list[str]:
    """A note for whatever a table of `bars` bars, read from the series by somebody else, doesn't show of it."""
    quote, notes = _quote(series), []
    delivered = sum(close is not None for close in quote["close"])
    if delivered != bars:
        notes.append(f"yahoo's answer has {delivered} bars, of which yfinance reads {bars}: one a session")
    pairs = zip(quote["close"], quote["volume"], strict=True)
    without = sum(close is not None and volume is None for close, volume in pairs)
    if without:
        notes.append(f"volume: {without} of the bars came without one, which yfinance reads as 0")
    gains = (series.get("events") or {}).get("capitalGains") or {}
    if gains:
        notes.append(f"capital gains: {len(gains)} paid out, which are not among the dividends")
    return notes


def _quote(series: dict[str, Any]) -> dict[str, Any]:
    indicators = series.get("indicators")
    quotes = indicators.get("quote") if isinstance(indicators, dict) else None
    return quotes[0] if isinstance(quotes, list) and quotes and isinstance(quotes[0], dict) else {}


def _error(body: dict[str, Any]) -> dict[str, Any] | None:
    """Yahoo's own account of what is wrong; which of its services answered makes no difference."""
    for service in body.values():
        if isinstance(service, dict) and isinstance(service.get("error"), dict):
            error: dict[str, Any] = service["error"]
            return error
    return None


def _refusal(answer: Answer, *, ticker: str) -> Exception:
    """What a status other than 200 means, by the error in its body where there is one."""
    try:
        error = _error(json_object(answer, vendor=VENDOR, about=ticker))
    except ErrorBody as other:
        return VendorRefused(str(other))
    if error:
        return _told(error, status=answer.status, ticker=ticker)
    return VendorRefused(f"{VENDOR}: expected a chart of {ticker}, got status {answer.status} without a reason")


def _told(error: dict[str, Any], *, status: int, ticker: str) -> Exception:
    code = str(error.get("code", "error"))
    description = " ".join(str(error.get("description") or "no description").split())
    said = f"got status {status} from {VENDOR}: {code}: {description}"
    if code == NOT_CARRIED:
        return UnknownTicker(f"ticker: expected one that {VENDOR} carries, got {ticker}: {description}")
    if NOTHING_IN_RANGE in description:
        return DataEmpty(f"{ticker}: expected bars, {said}")
    kind = ErrorBody if status == HTTPStatus.OK else VendorRefused
    return kind(f"{ticker}: expected bars, {said}")
