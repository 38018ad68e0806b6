"""Bars that a client sends: read, bounded and checked, so that only sound ones reach the model."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import date
from typing import Any, Final

import msgspec
import numpy as np

from quant.bars import Bars, log_returns
from quant.faults import faults
from quant.features import WINDOW
from quant.sessions import SessionCalendar
from serving.errors import BadRequest, Invalid, TooLarge
from serving.records import SentBar

MAX_BARS: Final = 2_000
MAX_BYTES: Final = 512 * 1024
MAX_REPORTED: Final = 20
MOVING: Final = f"prices that move, of ordinary size, in the last {WINDOW} bars"
_PLACE: Final = re.compile(r"^(?P<said>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEP: Final = re.compile(r"\[(\d+)\]|\.(\w+)")


async def read_body(chunks: AsyncIterator[bytes]) -> bytes:
    """The whole request body; `TooLarge` as soon as it passes the limit, however long it says it is."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > MAX_BYTES:
            raise TooLarge(f"body: expected at most {MAX_BYTES} bytes, got more")
    return bytes(body)


def sent_bars(body: bytes, calendar: SessionCalendar, *, horizon: int) -> Bars:
    """The bars in a JSON list.

    Raises
    ------
    BadRequest
        If the body is no JSON list of bars, if there are fewer than a window or more than `MAX_BARS`, if any breaks a
        rule of `quant.faults.faults`, if the price never moves in the last window, or if the last is of a day from
        which the exchange's calendar can't look `horizon` sessions ahead. Names each place, up to `MAX_REPORTED` of
        them.
    """
    sent = _decoded(body)
    if not WINDOW <= len(sent) <= MAX_BARS:
        raise BadRequest(Invalid("bars", f"{len(sent)} bars", f"{WINDOW} to {MAX_BARS} bars, oldest first"))
    bars = Bars(
        np.array([_session(row, bar.session) for row, bar in enumerate(sent)], dtype="datetime64[D]"),
        np.array([(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in sent]),
        np.array([bar.split for bar in sent]),
        np.array([bar.dividend for bar in sent]),
    )
    found = faults(bars)[:MAX_REPORTED]
    if found:
        raise BadRequest(*(Invalid(f"bars[{f.row}].{f.field}", f.value, f.expected) for f in found))
    # Every model would say next to nothing of these, and the volatility would be the smallest it can express.
    if not np.any(log_returns(bars)[1 - WINDOW :]):
        raise BadRequest(Invalid("bars", f"the same price all along, {bars.close[-1]:g}", MOVING))
    _check_last_session(bars, calendar, horizon)
    return bars


def _decoded(body: bytes) -> list[SentBar]:
    try:
        return msgspec.json.decode(body, type=list[SentBar])
    except msgspec.ValidationError as error:
        raise BadRequest(_misfit(body, str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(Invalid("body", repr(body[:40]), f"a JSON list of bars ({error})")) from None


def _misfit(body: bytes, said: str) -> Invalid:
    """msgspec's account of a misfit ("Expected `float`, got `str` - at `$[3].close`") in our words."""
    match = _PLACE.match(said)
    path = (match["path"] or "") if match else ""
    expected = (match["said"] if match else said).replace("`", "").removeprefix("Expected ").split(", got ")[0]
    return Invalid(f"bars{path}", _value_at(body, path), expected)


def _value_at(body: bytes, path: str) -> str:
    """What the body holds at a path such as ``[3].close``, as JSON of bounded length."""
    try:
        value: Any = msgspec.json.decode(body)
    except msgspec.ValidationError:
        return "a number beyond what a float64 holds"
    for index, name in _STEP.findall(path):
        value = value[int(index)] if index else value[name]
    shown = msgspec.json.encode(value).decode()
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _session(row: int, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadRequest(Invalid(f"bars[{row}].session", repr(text), "an ISO date that exists")) from None


def _check_last_session(bars: Bars, calendar: SessionCalendar, horizon: int) -> None:
    first, last = calendar.session[0], calendar.session[-1 - horizon]
    session = bars.session[-1]
    if session not in calendar or session > last:
        expected = f"a session of {calendar.exchange} in {first}..{last}"
        raise BadRequest(Invalid(f"bars[{len(bars) - 1}].session", str(session), expected))
