"""Answers that depend on what the client asks for: ranges of bars and pages of signals."""

from __future__ import annotations

from datetime import date

import numpy as np

from quant.bars import Bars, Floats, adjusted
from release.reader import Release, ReleasedTicker
from serving.errors import BadRequest, Invalid
from serving.messages import PriceMessage
from serving.records import PriceBar, Prices, SignalHistory


def prices(
    release: Release,
    ticker: ReleasedTicker,
    *,
    first: np.datetime64 | None,
    last: np.datetime64 | None,
    limit: int,
    adjust: bool,
    live: PriceMessage | None,
) -> Prices:
    """The newest `limit` bars of the sessions in ``first..last`` (both included; None: no bound), oldest first."""
    session = ticker.bars.session
    stop = len(session) if last is None else int(np.searchsorted(session, last, side="right"))
    start = 0 if first is None else int(np.searchsorted(session, first, side="left"))
    rows = slice(max(start, stop - limit), max(start, stop))
    ohlcv = _adjusted_tail(ticker.bars, rows.start)[: rows.stop - rows.start] if adjust else ticker.bars.ohlcv[rows]
    bars = tuple(
        PriceBar(session=day, open=o, high=h, low=lo, close=c, volume=v)
        for day, (o, h, lo, c, v) in zip(np.datetime_as_string(session[rows]).tolist(), ohlcv.tolist(), strict=True)
    )
    return Prices(ticker=ticker.ticker, release_id=release.manifest.release_id, adjusted=adjust, bars=bars, live=live)


def _adjusted_tail(bars: Bars, start: int) -> Floats:
    """The bars from row `start` on, adjusted to the last one; none for a start at the end."""
    return adjusted(bars[start:]) if start < len(bars) else bars.ohlcv[start:]


def history(release: Release, ticker: ReleasedTicker, *, before: str | None, limit: int) -> SignalHistory:
    """The newest `limit` signals of sessions before `before` (ISO date; None: all), newest first."""
    rows = [row for row in ticker.signals if before is None or row.session < before]
    page = rows[-limit:][::-1]
    following = page[-1].session if len(rows) > limit else None
    return SignalHistory(
        ticker=ticker.ticker, release_id=release.manifest.release_id, signals=tuple(page), next=following
    )


def iso_date(field: str, text: str | None) -> np.datetime64 | None:
    """A query's ISO date; `BadRequest` naming `field` if it is none."""
    if text is None:
        return None
    try:
        return np.datetime64(date.fromisoformat(text), "D")
    except ValueError:
        raise BadRequest(Invalid(field=field, value=repr(text), expected="an ISO date such as 2012-03-01")) from None
