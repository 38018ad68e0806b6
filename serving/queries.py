"""Answers that depend on what the client asks for: ranges of bars and of indicators, pages of signals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from datetime import date

import numpy as np

from quant.bars import Bars, Floats, Sessions, adjusted
from quant.features import WINDOW
from quant.indicators import indicators as draw
from release.reader import Release, ReleasedTicker
from serving.errors import BadRequest, Invalid
from serving.messages import PriceMessage
from serving.records import Indicators, PriceBar, Prices, SignalHistory


def prices(
    release: Release,
    ticker: ReleasedTicker,
    *,
    first: np.datetime64 | None,
    last: np.datetime64 | None,
    limit: int,
    adjust: bool,
    live: Sequence[PriceMessage],
) -> Prices:
    """The newest `limit` bars of the sessions in ``first..last`` (both included; None: no bound), oldest first.

    `live` has the last live price of each session, oldest first, whatever is asked for.
    """
    session = ticker.bars.session
    rows = _rows(session, first=first, last=last, limit=limit)
    ohlcv = _adjusted_tail(ticker.bars, rows.start)[: rows.stop - rows.start] if adjust else ticker.bars.ohlcv[rows]
    bars = tuple(
        PriceBar(session=day, open=o, high=h, low=lo, close=c, volume=v)
        for day, (o, h, lo, c, v) in zip(np.datetime_as_string(session[rows]).tolist(), ohlcv.tolist(), strict=True)
    )
    return Prices(
        ticker=ticker.ticker,
        release_id=release.manifest.release_id,
        adjusted=adjust,
        bars=bars,
        live=live[-1] if live else None,
        live_bars=tuple(_live_bar(price) for price in live if price.session > str(session[-1])),
    )


def _live_bar(price: PriceMessage) -> PriceBar:
    """A session's bar by its last price; who says no range says that it was that price's."""
    return PriceBar(
        session=price.session,
        open=price.price if price.open is None else price.open,
        high=price.price if price.high is None else price.high,
        low=price.price if price.low is None else price.low,
        close=price.price,
        volume=price.volume,
    )


def indicators(
    release: Release,
    ticker: ReleasedTicker,
    *,
    first: np.datetime64 | None,
    last: np.datetime64 | None,
    limit: int,
    adjust: bool,
) -> Indicators:
    """The indicators of the bars that `prices` answers with, made of those before them too."""
    session = ticker.bars.session
    rows = _rows(session, first=first, last=last, limit=limit)
    # No indicator looks further back, so the rest of a long history changes nothing.
    start = max(0, rows.start - (WINDOW - 1))
    bars = _adjusted_tail(ticker.bars, start) if adjust else ticker.bars.ohlcv[start:]
    drawn = draw(bars[: rows.stop - start], sessions_per_year=release.calendars[ticker.exchange].sessions_per_year)
    return Indicators(
        ticker=ticker.ticker,
        release_id=release.manifest.release_id,
        adjusted=adjust,
        sessions=tuple(np.datetime_as_string(session[rows]).tolist()),
        **{line.name: _line(getattr(drawn, line.name)[rows.start - start :]) for line in fields(drawn)},
    )


def _line(values: Floats) -> tuple[float | None, ...]:
    """None where there is no value."""
    return tuple(None if math.isnan(value) else value for value in values.tolist())


def _rows(
    session: Sessions, *, first: np.datetime64 | None, last: np.datetime64 | None, limit: int
) -> slice[int, int, None]:
    """Of the newest `limit` sessions in ``first..last``."""
    stop = len(session) if last is None else int(np.searchsorted(session, last, side="right"))
    start = 0 if first is None else int(np.searchsorted(session, first, side="left"))
    return slice(max(start, stop - limit), max(start, stop))


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
