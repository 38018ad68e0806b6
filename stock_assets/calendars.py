"""Exchange calendars, from a library into the plain arrays of `quant.sessions`. Nothing else knows the library."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import cache
from typing import Any, Final

import numpy as np

from quant.sessions import SessionCalendar
from stock_assets.errors import UnknownExchange

NEW_YORK: Final = "XNYS"
AROUND_THE_CLOCK: Final = "24/7"
SESSIONS_PER_YEAR: Final = {NEW_YORK: 252, AROUND_THE_CLOCK: 365}
FIRST_DAY: Final = "1970-01-02"
# How far a calendar reaches beyond the last bar: a release is served for a while after it was made.
AHEAD: Final = timedelta(days=400)
PAIR: Final = re.compile(r".+-(USD|USDT|EUR|BTC)")


def exchange_of(ticker: str) -> str:
    """The exchange whose sessions a ticker keeps, by market identifier code; pairs such as BTC-USD never close."""
    return AROUND_THE_CLOCK if PAIR.fullmatch(ticker) else NEW_YORK


def calendar_of(ticker: str, *, as_of: date) -> SessionCalendar:
    """The calendar of the ticker's exchange, up to about 400 days after `as_of` or as far as the library knows."""
    return session_calendar(exchange_of(ticker), through=as_of + AHEAD)


@cache
def session_calendar(exchange: str, *, through: date) -> SessionCalendar:
    """All sessions of an exchange from 1970 through a date, or up to the library's end where that comes first.

    Raises
    ------
    UnknownExchange
        If there is no calendar for it.
    """
    schedule = _library(exchange).schedule.loc[: np.datetime64(through)]
    if schedule.empty:
        raise UnknownExchange(f"through: expected a date after {FIRST_DAY}, got {through}")
    return SessionCalendar(
        exchange=exchange,
        sessions_per_year=SESSIONS_PER_YEAR[exchange],
        session=schedule.index.to_numpy().astype("datetime64[D]"),
        open_utc=schedule["open"].dt.tz_localize(None).to_numpy().astype("datetime64[s]"),
        close_utc=schedule["close"].dt.tz_localize(None).to_numpy().astype("datetime64[s]"),
    )


@cache
def _library(exchange: str) -> Any:
    # Takes 0.1 s, and the command line's --help has no use for it.
    import exchange_calendars

    if exchange not in SESSIONS_PER_YEAR:
        raise UnknownExchange(f"exchange: expected one of {', '.join(SESSIONS_PER_YEAR)}, got {exchange}")
    return exchange_calendars.get_calendar(exchange, start=FIRST_DAY)
