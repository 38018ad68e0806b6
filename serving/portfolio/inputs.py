"""What both of the portfolio's requests are made of: values by ticker, and tickers that the release may not know."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from quant.bars import Floats
from release.reader import Release
from serving.bodies import shown
from serving.errors import BadRequest, Invalid
from serving.portfolio.requests import MAX_TICKERS, ByTicker

# How many tickers a message names.
NAMED: Final = 20
# Beyond any return, volatility or cost, and below any that isn't nothing: between them, solvers keep their digits.
LARGEST: Final = 1e6
SMALLEST: Final = 1e-6
# A weight of a thousand is the whole book a thousand times over.
MOST_WEIGHT: Final = 1e3
# Money and shares may be many, prices and lots small.
MOST_MONEY: Final = 1e15
LEAST_MONEY: Final = 1e-9


def vector(
    field: str,
    given: float | ByTicker,
    tickers: Sequence[str],
    *,
    default: float | None = None,
    least: float = -LARGEST,
    most: float = LARGEST,
) -> Floats:
    """One number for all, or one by ticker, as (N,) in the order of `tickers`.

    Raises
    ------
    BadRequest
        Naming a ticker that is none of `tickers`, one that is missing where there is no `default`, or a value that is
        below `least` or above `most`.
    """
    if not isinstance(given, dict):
        require(field, given, least=least, most=most)
        return np.full(len(tickers), given)
    known = set(tickers)
    for ticker, value in given.items():
        if ticker not in known:
            raise BadRequest(Invalid(f"{field}.{ticker}", shown(value), f"a ticker among {named(tickers)}"))
        require(f"{field}.{ticker}", value, least=least, most=most)
    if default is None:
        for ticker in tickers:
            if ticker not in given:
                raise BadRequest(Invalid(f"{field}.{ticker}", "none", "a number for each ticker"))
    return np.array([given.get(ticker, default) for ticker in tickers], dtype=np.float64)


def require(field: str, value: float, *, least: float = -LARGEST, most: float = LARGEST) -> None:
    """`BadRequest` unless a number lies in ``least..most``."""
    if not value >= least:
        raise BadRequest(Invalid(field, shown(value), f"{least:g} or more"))
    if not value <= most:
        raise BadRequest(Invalid(field, shown(value), f"at most {most:g}"))


def check_tickers(field: str, tickers: Sequence[str]) -> None:
    """`BadRequest` unless there are some, not too many, and each once."""
    if not 1 <= len(tickers) <= MAX_TICKERS:
        raise BadRequest(Invalid(field, f"{len(tickers)} tickers", f"1 to {MAX_TICKERS} tickers"))
    if len(set(tickers)) < len(tickers):
        row = next(row for row, ticker in enumerate(tickers) if ticker in tickers[:row])
        raise BadRequest(Invalid(f"{field}[{row}]", tickers[row], "each ticker once"))


def unknown(field: str, ticker: str, release: Release) -> Invalid:
    """A ticker that the release's portfolio knows nothing of, with the reason if the release has one."""
    reason = reason_of(ticker, release)
    if reason is not None:
        return Invalid(field, ticker, f"a ticker with enough history, which {ticker} has not: {reason}")
    known = release.portfolio.tickers if release.portfolio is not None else ()
    return Invalid(field, ticker, f"a ticker among {named(known)}")


def reason_of(ticker: str, release: Release) -> str | None:
    """Why a ticker is not in the release's portfolio, if the release says."""
    left_out = release.portfolio.left_out if release.portfolio is not None else ()
    return next((one.reason for one in (*left_out, *release.manifest.refused) if one.ticker == ticker), None)


def named(tickers: Collection[str]) -> str:
    """The first few of some tickers."""
    first = ", ".join([*tickers][:NAMED])
    return f"{first} and {len(tickers) - NAMED} more" if len(tickers) > NAMED else first
