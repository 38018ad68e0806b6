"""What Alpaca's answers say: bars, corporate actions, and the ways in which it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from quant.bars import Floats, Sessions
from stock_assets.calendars import AROUND_THE_CLOCK, exchange_of
from stock_assets.errors import BadValue, ErrorBody, UnknownTicker, VendorRefused, WrongTicker
from stock_assets.sources.rows import Rows
from stock_assets.sources.vendors.bodies import json_object
from stock_assets.sources.vendors.response_cache import Answer

VENDOR: Final = "alpaca"
KEY_VARIABLE: Final = "APCA_API_KEY_ID"
SECRET_VARIABLE: Final = "APCA_API_SECRET_KEY"
# A daily bar is stamped with midnight of its exchange.
NEW_YORK_TIME: Final = ZoneInfo("America/New_York")
FIELDS: Final = ("o", "h", "l", "c", "v")
DIVIDENDS: Final = "cash_dividends"
SPLITS: Final = ("forward_splits", "reverse_splits")


def content(answer: Answer, *, ticker: str, name: str) -> dict[str, Any]:
    """The object `name` of an answer.

    Raises
    ------
    VendorRefused
        For keys that Alpaca doesn't accept, and for any other status that is none of data.
    UnknownTicker
        If it says that the symbol is none.
    ErrorBody
        For an answer of status 200 without the object.
    """
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise VendorRefused(
            f"{VENDOR}: expected keys that may ask for {ticker} ({KEY_VARIABLE}, {SECRET_VARIABLE}), "
            f"got status {answer.status}{_message(answer)}"
        )
    if answer.status != HTTPStatus.OK:
        said = _message(answer)
        if "invalid symbol" in said:
            raise UnknownTicker(f"ticker: expected one that {VENDOR} carries, got {ticker}{said}")
        raise VendorRefused(f"{VENDOR}: expected {name} of {ticker}, got status {answer.status}{said}")
    body = json_object(answer, vendor=VENDOR, about=ticker)
    found = body.get(name)
    if not isinstance(found, dict):
        got = _message(answer).removeprefix(": ") or f"JSON of {', '.join(body) or 'nothing'}"
        raise ErrorBody(f"{VENDOR}: expected {name} of {ticker}, got {got}")
    return found


def next_page(answer: Answer) -> str | None:
    """The token of the page after this one, or None after the last."""
    token = json.loads(answer.body).get("next_page_token")
    return str(token) if token else None


def bars_of(content: dict[str, Any], *, ticker: str, symbol: str) -> list[dict[str, Any]]:
    """The symbol's bars on a page; `WrongTicker` if there are others', `ErrorBody` if they are no list."""
    for other in content:
        if other != symbol:
            raise WrongTicker(f"{VENDOR}: expected bars of {symbol}, got some of {other}")
    bars = content.get(symbol) or []
    if not isinstance(bars, list) or not all(isinstance(bar, dict) for bar in bars):
        raise ErrorBody(f"{VENDOR}: expected a list of bars of {ticker}, got {type(bars).__name__}")
    return bars


def rows_of(bars: Sequence[dict[str, Any]], *, ticker: str) -> Rows:
    """The rows that the bars are, actions not among them; `BadValue` for a cell that is no time or number."""
    return Rows(
        session=np.array([_session(bar, ticker=ticker) for bar in bars], dtype="datetime64[D]"),
        ohlcv=np.array([[_number(bar, field, ticker=ticker) for field in FIELDS] for bar in bars], dtype=np.float64),
    )


def actions_on(
    session: Sessions, pages: Iterable[dict[str, Any]], *, ticker: str
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Splits and dividends by session, and a note for each one between the bars that has no session of its own.

    Parameters
    ----------
    session : (n,) datetime64[D]
        Of the bars, in any order; a session that stands twice has its actions twice.
    pages : iterable of dict
        Corporate actions by kind. One that is said twice, word for word, is one.

    Returns
    -------
    split, dividend : (n,) float64
        As in `quant.bars.Bars`; several of one day are multiplied and added up.
    notes : tuple of str
    """
    split, dividend, notes = np.ones(len(session)), np.zeros(len(session)), []
    said: set[str] = set()
    for kind, action in ((kind, action) for page in pages for kind, listed in page.items() for action in listed or ()):
        word_for_word = json.dumps([kind, action], sort_keys=True)
        if word_for_word in said or kind not in (DIVIDENDS, *SPLITS):
            continue
        said.add(word_for_word)
        day = np.datetime64(_ex_date(action, ticker=ticker))
        rows = np.flatnonzero(session == day)
        if kind == DIVIDENDS:
            amount = _number(action, "rate", ticker=ticker)
            dividend[rows] += amount
        else:
            amount = _new_per_old(action, ticker=ticker)
            split[rows] *= amount
        if not len(rows) and session.min() < day < session.max():
            notes.append(f"{kind}: {amount:g} on {day}, where there is no bar")
    return split, dividend, tuple(notes)


def _session(bar: dict[str, Any], *, ticker: str) -> date:
    stamp = bar.get("t")
    try:
        moment = datetime.fromisoformat(str(stamp))
    except ValueError:
        raise BadValue(f"{ticker} t: expected a time such as 2022-02-01T05:00:00Z, got {stamp!r}") from None
    zone = UTC if exchange_of(ticker) == AROUND_THE_CLOCK else NEW_YORK_TIME
    return moment.astimezone(zone).date()


def _ex_date(action: dict[str, Any], *, ticker: str) -> date:
    stamp = action.get("ex_date")
    try:
        return date.fromisoformat(str(stamp))
    except ValueError:
        raise BadValue(f"{ticker} ex_date: expected a date such as 2022-02-01, got {stamp!r}") from None


def _new_per_old(action: dict[str, Any], *, ticker: str) -> float:
    new, old = (_number(action, field, ticker=ticker) for field in ("new_rate", "old_rate"))
    if not old > 0:
        day, got = action.get("ex_date"), action.get("old_rate")
        raise BadValue(f"{ticker} {day} old_rate: expected a number above 0, got {got!r}")
    return new / old


def _number(cells: dict[str, Any], field: str, *, ticker: str) -> float:
    """A cell's number; NaN for null, which `admit` has a rule for."""
    value = cells.get(field)
    if value is None:
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError):
        when = cells.get("t") or cells.get("ex_date")
        raise BadValue(f"{ticker} {when} {field}: expected a number, got {value!r}") from None


def _message(answer: Answer) -> str:
    """What Alpaca says about it, to be put behind a status; nothing where it says nothing."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return ""
    message = body.get("message") if isinstance(body, dict) else None
    return f": {' '.join(str(message).split())}" if message else ""
