"""How far live prices have moved the released portfolio from the weights it was published with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from quant.bars import Bars, log_returns
from release.portfolio import Portfolio
from serving.live.book import Book
from serving.messages import PortfolioMessage


def drifted(portfolio: Portfolio, books: Mapping[str, Book], *, at: datetime, release_id: str) -> PortfolioMessage:
    """The champion's weights, moved by what each ticker has returned since the closes that the portfolio was made at.

    Returns are simple and total: a dividend stays in its ticker, as adjusted closes have it, and a split changes
    nothing. A ticker without a book, or whose book misses a session, stands at its released close, as does cash.

    Parameters
    ----------
    portfolio : Portfolio
        As released; its closes are those of `data_through`.
    books : mapping of Book
        By ticker.
    at : datetime
        The market's time, aware.
    release_id : str
    """
    released = np.datetime64(portfolio.data_through, "D")
    live = {ticker: books[ticker] for ticker in portfolio.tickers if ticker in books and books[ticker].whole}
    allocation = portfolio.allocations[portfolio.champion]
    weights = dict(zip(portfolio.tickers, allocation.weights, strict=True))
    worth = {
        ticker: weight * (_growth(_bars_since(live[ticker], released)) if ticker in live else 1.0)
        for ticker, weight in weights.items()
    }
    value = allocation.cash + sum(worth.values())
    sessions = [book.last if book.open is None else book.open.session for book in live.values()]
    return PortfolioMessage(
        at=at,
        session=str(max(sessions, default=released)),
        release_id=release_id,
        strategy=portfolio.champion.value,
        weights=weights,
        drifted={ticker: amount / value for ticker, amount in worth.items()},
        cash=allocation.cash / value,
        simple_return=value - 1.0,
        provisional=any(book.open is not None for book in live.values()),
    )


def _bars_since(book: Book, released: np.datetime64) -> Bars:
    """The bar of session `released` and all after it, the one under way included; none if the book doesn't have it."""
    bars = book.closed if book.open is None else book.closed.append(book.open.bar())
    first = int(np.searchsorted(bars.session, released))
    return bars[first:] if first < len(bars) and bars.session[first] == released else bars[:0]


def _growth(bars: Bars) -> float:
    """What one unit held from the first bar's close is worth at the last one's."""
    return float(np.exp(log_returns(bars)[1:].sum())) if len(bars) else 1.0
