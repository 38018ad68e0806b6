"""Answers that depend on what the client asks for: ranges of bars and of indicators, pages of signals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date

import numpy as np

from quant.bars import Floats, adjusted
from quant.features import WINDOW
from quant.indicators import indicators as draw
from release.reader import Release, ReleasedTicker
from serving.errors import BadRequest, Invalid
from serving.messages import PriceMessage
from serving.records import Indicators, PriceBar, Prices, SignalHistory
from serving.view import View


@dataclass(frozen=True, slots=True, eq=False)
class AskedBars:
    """The newest `limit` bars of a ticker's sessions in ``first..last`` (both included; None: no bound).

    With `adjust`, splits and dividends are taken out. `view` was in force when they were asked for.
    """

    view: View
    ticker: ReleasedTicker
    first: np.datetime64 | None
    last: np.datetime64 | None
    limit: int
    adjust: bool

    @property
    def rows(self) -> slice[int, int, None]:
        """Theirs among the ticker's bars."""
        session = self.ticker.bars.session
        stop = len(session) if self.last is None else int(np.searchsorted(session, self.last, side="right"))
        start = 0 if self.first is None else int(np.searchsorted(session, self.first, side="left"))
        return slice(max(start, stop - self.limit), max(start, stop))

    def ohlcv(self, rows: slice[int, int, None]) -> Floats:
        """Those of the ticker's rows, adjusted to its last one if that is asked for."""
        bars = self.ticker.bars
        if not self.adjust or rows.start >= len(bars):
            return bars.ohlcv[rows]
        return adjusted(bars[rows.start :])[: rows.stop - rows.start]


def prices(asked: AskedBars, *, live: Sequence[PriceMessage]) -> Prices:
    """The bars, oldest first.

    `live` has the last live price of each session, oldest first, whatever is asked for.
    """
    session, rows = asked.ticker.bars.session, asked.rows
    bars = tuple(
        PriceBar(session=day, open=o, high=h, low=lo, close=c, volume=v)
        for day, (o, h, lo, c, v) in zip(
            np.datetime_as_string(session[rows]).tolist(), asked.ohlcv(rows).tolist(), strict=True
        )
    )
    return Prices(
        ticker=asked.ticker.ticker,
        release_id=asked.view.release_id,
        adjusted=asked.adjust,
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


def indicators(asked: AskedBars) -> Indicators:
    """The indicators of the bars that `prices` answers with, made of those before them too."""
    ticker, rows = asked.ticker, asked.rows
    # No indicator looks further back, so the rest of a long history changes nothing.
    start = max(0, rows.start - (WINDOW - 1))
    sessions_per_year = asked.view.release.calendars[ticker.exchange].sessions_per_year
    drawn = draw(asked.ohlcv(slice(start, rows.stop)), sessions_per_year=sessions_per_year)
    return Indicators(
        ticker=ticker.ticker,
        release_id=asked.view.release_id,
        adjusted=asked.adjust,
        sessions=tuple(np.datetime_as_string(ticker.bars.session[rows]).tolist()),
        **{line.name: _line(getattr(drawn, line.name)[rows.start - start :]) for line in fields(drawn)},
    )


def _line(values: Floats) -> tuple[float | None, ...]:
    """None where there is no value."""
    return tuple(None if math.isnan(value) else value for value in values.tolist())


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
