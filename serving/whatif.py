"""Bars that a client sends: bounded and checked, so that only sound ones reach the model."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np

from quant.bars import Bars, log_returns
from quant.faults import faults
from quant.features import WINDOW
from quant.sessions import SessionCalendar
from serving.bodies import decoded
from serving.errors import BadRequest, Invalid
from serving.records import SentBar

MAX_BARS: Final = 2_000
MAX_BYTES: Final = 512 * 1024
MAX_REPORTED: Final = 20
MOVING: Final = f"prices that move, of ordinary size, in the last {WINDOW} bars"


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
    sent = decoded(body, list[SentBar], name="bars", what="a JSON list of bars")
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
