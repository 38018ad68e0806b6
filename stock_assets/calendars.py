"""Exchange calendars, from a library into the plain arrays of `quant.sessions`. Nothing else knows the library."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np

from quant.bars import Sessions
from quant.sessions import SessionCalendar
from stock_assets.errors import UnknownExchange

NEW_YORK: Final = "XNYS"
AROUND_THE_CLOCK: Final = "24/7"
# By convention: no exchange trades on exactly 252 days of every year.
EXCHANGE_SESSIONS_PER_YEAR: Final = 252
DAYS_PER_YEAR: Final = 365
# How far a calendar reaches beyond the last bar: a release is served for a while after it was made.
AHEAD: Final = timedelta(days=400)
# Vendors take a while to settle a day's bar.
SETTLING: Final = timedelta(hours=1)

QUOTES: Final = "USD USDT USDC EUR GBP JPY CHF CAD AUD KRW INR BRL BTC ETH"
PAIR: Final = re.compile(rf"[A-Z0-9]+-({QUOTES.replace(' ', '|')})")
# Yahoo's suffixes by exchange. Where the library lacks an exchange, one with the same days and hours stands for it:
# Shanghai for Shenzhen, Bombay for India's National, Düsseldorf for Germany's other regional floors.
SUFFIXES: Final = {
    "XLON": "L IL", "XDUB": "IR", "XPAR": "PA", "XAMS": "AS", "XBRU": "BR", "XLIS": "LS", "XMAD": "MC", "XMIL": "MI",
    "XETR": "DE", "XFRA": "F", "XDUS": "DU BE MU SG", "XHAM": "HM", "XSWX": "SW", "XWBO": "VI",
    "XSTO": "ST", "XCSE": "CO", "XOSL": "OL", "XHEL": "HE", "XICE": "IC", "XTAL": "TL", "XRIS": "RG", "XLIT": "VS",
    "XWAR": "WA", "XPRA": "PR", "XBUD": "BD", "XBSE": "RO", "ASEX": "AT", "XIST": "IS",
    "XHKG": "HK", "XTKS": "T", "XKRX": "KS KQ", "XSHG": "SS SZ", "XTAI": "TW TWO", "XBOM": "BO NS", "XSES": "SI",
    "XIDX": "JK", "XKLS": "KL", "XBKK": "BK", "XPHS": "PS", "XASX": "AX", "XNZE": "NZ",
    "XJSE": "JO", "XTAE": "TA", "XSAU": "SR",
    "XTSE": "TO V NE CN", "XMEX": "MX", "BVMF": "SA", "XBUE": "BA", "XSGO": "SN",
}  # fmt: skip
BY_SUFFIX: Final = {suffix: exchange for exchange, listed in SUFFIXES.items() for suffix in listed.split()}
EXCHANGES: Final = (NEW_YORK, AROUND_THE_CLOCK, *SUFFIXES)

FIRST_DAY: Final = "1970-01-02"
# The library knows the holidays of these from then on only.
FIRST_DAYS: Final = {
    "XTKS": "1997-01-01",
    "XSHG": "1990-12-03",
    "XBOM": "1997-01-01",
    "XSES": "1986-01-01",
    "XSAU": "2021-01-01",
}


def exchange_of(ticker: str) -> str:
    """The exchange whose sessions a ticker keeps, by market identifier code.

    Pairs such as BTC-USD never close. One of Yahoo's suffixes names the exchange (``SHEL.L`` is London's); any other
    end is part of the symbol (``BRK.B``, ``BF-B``), and the symbol New York's.
    """
    if PAIR.fullmatch(ticker):
        return AROUND_THE_CLOCK
    symbol, _, suffix = ticker.rpartition(".")
    # Two dots are never Yahoo's: BAC.PR.L is a preferred share of New York.
    return NEW_YORK if "." in symbol or not symbol else BY_SUFFIX.get(suffix, NEW_YORK)


def sessions_per_year(exchange: str) -> int:
    """By which daily figures of an exchange are annualised: 365 around the clock, 252 elsewhere by convention."""
    return DAYS_PER_YEAR if exchange == AROUND_THE_CLOCK else EXCHANGE_SESSIONS_PER_YEAR


def calendar_of(ticker: str, *, as_of: date) -> SessionCalendar:
    """The calendar of the ticker's exchange, up to about 400 days after `as_of` or as far as the library knows."""
    return session_calendar(exchange_of(ticker), through=as_of + AHEAD)


@lru_cache(maxsize=1024)
def session_calendar(exchange: str, *, through: date) -> SessionCalendar:
    """All sessions of an exchange from 1970 through a date, or up to the library's end where that comes first.

    A few exchanges begin later (`FIRST_DAYS`). Around the clock a session is a day of UTC: it opens at 00:00 and
    closes at the next day's 00:00.

    Raises
    ------
    UnknownExchange
        If there is no calendar for it, or none as early as that.
    """
    if exchange not in EXCHANGES:
        raise UnknownExchange(f"exchange: expected one of {', '.join(EXCHANGES)}, got {exchange}")
    whole = _utc_days(through) if exchange == AROUND_THE_CLOCK else _library(exchange)
    # Views: hundreds of tickers, each with a last day of its own, share one exchange's arrays.
    n = int(np.searchsorted(whole[0], np.datetime64(through), side="right"))
    if not n:
        raise UnknownExchange(f"through: expected a date from {whole[0][0]} on for {exchange}, got {through}")
    session, open_utc, close_utc = (column[:n] for column in whole)
    return SessionCalendar(exchange, sessions_per_year(exchange), session, open_utc, close_utc)


Hours = tuple[Sessions, Sessions, Sessions]


def _utc_days(through: date) -> Hours:
    first = date.fromisoformat(FIRST_DAY)
    days = max((through - first).days, 0) + 1
    day: Sessions = np.datetime64(first) + np.arange(days)
    return day, day.astype("datetime64[s]"), (day + 1).astype("datetime64[s]")


@cache
def _library(exchange: str) -> Hours:
    """Sessions and hours of everything that the library knows of an exchange: a year ahead of today as a rule."""
    # Takes half a second, and the command line's --help has no use for it.
    import exchange_calendars

    schedule: Any = exchange_calendars.get_calendar(exchange, start=FIRST_DAYS.get(exchange, FIRST_DAY)).schedule
    opens, closes = (schedule[name].dt.tz_localize(None).to_numpy() for name in ("open", "close"))
    return (
        schedule.index.to_numpy().astype("datetime64[D]"),
        opens.astype("datetime64[s]"),
        closes.astype("datetime64[s]"),
    )


def last_settled(calendar: SessionCalendar, *, now: datetime) -> np.datetime64:
    """The newest session whose close is `SETTLING` old: its bar can be asked for."""
    return calendar.last_closed(_utc(now - SETTLING))


def newest_due(calendar: SessionCalendar, *, now: datetime, as_of: date | None) -> np.datetime64:
    """The session that the newest bar should be of: the last one settled, or the last through `as_of` if earlier."""
    settled = last_settled(calendar, now=now)
    if as_of is None or settled <= np.datetime64(as_of):
        return settled
    return np.datetime64(calendar.between(calendar.session[0], np.datetime64(as_of))[-1], "D")


def closed_between(calendar: SessionCalendar, *, after: datetime, until: datetime) -> Sessions:
    """The sessions that closed later than `after` and not later than `until`, (n,) datetime64[D]."""
    first, last = np.searchsorted(calendar.close_utc, [_utc(after), _utc(until)], side="right")
    return calendar.session[first:last]


def _utc(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")
