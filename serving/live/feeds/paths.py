"""How a stored bar becomes trades that lead to exactly that bar: a session's, or a minute's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from quant.bars import CLOSE, HIGH, LOW, OPEN, VOLUME, Bars, Floats
from quant.errors import QuantError
from serving.live.feeds.minutes import MINUTE, Minutes
from serving.live.ticks import FeedEvent, SessionClose, Tick

TICK: Final = timedelta(minutes=15)
# Open, high, low and close have to find a place each.
FEWEST_TICKS: Final = 4
MINUTE_TICK: Final = MINUTE / FEWEST_TICKS


def session_events(
    bar: Bars, *, ticker: str, market: str, opens: np.datetime64, closes: np.datetime64, rng: np.random.Generator
) -> list[FeedEvent]:
    """One session's ticks, a quarter of an hour apart from its open to its close, and its closing bar.

    The price goes in straight legs from the open by the high and the low, in either order, to the close; the sizes
    add up to the volume exactly.

    Parameters
    ----------
    bar : Bars
        One row.
    opens, closes : datetime64[s]
        The session's hours, UTC.
    rng : numpy.random.Generator
        Decides the order of high and low, when they come, and how the volume is spread.

    Raises
    ------
    QuantError
        If the session is too short for `FEWEST_TICKS`.
    """
    start, end = utc(opens), utc(closes)
    steps = round((end - start) / TICK)
    if steps + 1 < FEWEST_TICKS:
        raise QuantError(f"{ticker} {bar.session[0]}: expected a session of at least 45 minutes, got {end - start}")
    ticks = _ticks(
        bar,
        ticker=ticker,
        market=market,
        moments=[start + (end - start) * step / steps for step in range(steps + 1)],
        first_number=0,
        rng=rng,
    )
    return [*ticks, _close(bar, ticker=ticker, market=market, at=end)]


def minute_events(
    minutes: Minutes, bar: Bars, *, ticker: str, market: str, closes: np.datetime64, rng: np.random.Generator
) -> Iterator[FeedEvent]:
    """One session's ticks, four to each of its minutes, and its closing bar.

    A minute's price goes from its open by its high and low, in either order, to its close, 15 seconds apart.

    Parameters
    ----------
    minutes : Minutes
        The session's.
    bar : Bars
        One row: what they add up to.
    closes : datetime64[s]
        When the session closes, UTC.
    rng : numpy.random.Generator
        As for `session_events`, minute by minute.
    """
    for row, start in enumerate(minutes.start):
        begins = utc(start)
        yield from _ticks(
            minutes.bar(row, session=bar.session[0]),
            ticker=ticker,
            market=market,
            moments=[begins + MINUTE_TICK * step for step in range(FEWEST_TICKS)],
            first_number=FEWEST_TICKS * row,
            rng=rng,
        )
    yield _close(bar, ticker=ticker, market=market, at=utc(closes))


def utc(moment: np.datetime64) -> datetime:
    """The moment as an aware datetime."""
    return moment.astype("datetime64[s]").item().replace(tzinfo=UTC)  # type: ignore[no-any-return]


def _ticks(
    bar: Bars, *, ticker: str, market: str, moments: Sequence[datetime], first_number: int, rng: np.random.Generator
) -> list[Tick]:
    """A bar's ticks, one at each of the moments; the first carries its split and dividend."""
    prices, sizes = _path(bar.ohlcv[0], len(moments), rng), _sizes(float(bar.ohlcv[0, VOLUME]), len(moments), rng)
    session, split, dividend = str(bar.session[0]), float(bar.split[0]), float(bar.dividend[0])
    return [
        Tick(
            market=market,
            ticker=ticker,
            session=session,
            at=at,
            number=first_number + step,
            price=price,
            size=size,
            split=split if step == 0 else 1.0,
            dividend=dividend if step == 0 else 0.0,
        )
        for step, (at, price, size) in enumerate(zip(moments, prices.tolist(), sizes.tolist(), strict=True))
    ]


def _close(bar: Bars, *, ticker: str, market: str, at: datetime) -> SessionClose:
    return SessionClose(
        market=market,
        ticker=ticker,
        session=str(bar.session[0]),
        at=at,
        split=float(bar.split[0]),
        dividend=float(bar.dividend[0]),
        **dict(zip(("open", "high", "low", "close", "volume"), bar.ohlcv[0].tolist(), strict=True)),
    )


def _path(bar: Floats, ticks: int, rng: np.random.Generator) -> Floats:
    extremes = [HIGH, LOW] if rng.random() < 0.5 else [LOW, HIGH]
    places = np.sort(rng.choice(np.arange(1, ticks - 1), size=2, replace=False))
    corners = bar[[OPEN, *extremes, CLOSE]]
    legs = np.interp(np.arange(ticks), [0, *places, ticks - 1], corners)
    # Rounding must not push a leg beyond its ends.
    path: Floats = np.clip(legs, corners.min(), corners.max())
    return path


def _sizes(volume: float, ticks: int, rng: np.random.Generator) -> Floats:
    """Whole shares that add up to the volume in floating point too; a fraction, if any, goes to the last tick."""
    sizes = rng.multinomial(int(volume), rng.dirichlet(np.ones(ticks))).astype(np.float64)
    sizes[-1] = volume - sizes[:-1].sum()
    return sizes
