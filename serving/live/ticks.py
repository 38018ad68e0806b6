"""What a feed says on the stream of ticks, and how a replayed bar becomes trades that lead to exactly that bar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta

from quant.bars import CLOSE, HIGH, LOW, OPEN, VOLUME, Bars, Floats
from quant.errors import QuantError
from serving.messages import FeedState, IsoDate, Ticker

TICK: Final = timedelta(minutes=15)
# Open, high, low and close have to find a place each.
FEWEST_TICKS: Final = 4

Moment = Annotated[datetime, Meta(tz=True)]


class Tick(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="tick"):
    """A trade: `size` shares at `price`, at market time `at`, with the quote that stood then if the feed knows it.

    `market` names the run of the feed. `number` tells a ticker's ticks of one session apart, so that one that comes
    twice is known; which of them is the newest, `at` decides. A replay's first tick carries the session's split (new
    shares per old one) and dividend (cash per share).
    """

    market: str
    ticker: Ticker
    session: IsoDate
    at: Moment
    number: int
    price: float
    size: float
    split: float = 1.0
    dividend: float = 0.0
    bid: float | None = None
    ask: float | None = None

    def __post_init__(self) -> None:
        _check_date(self.session)


class SessionClose(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="close"):
    """The ticker's session has ended with this official bar, which stands even where ticks were lost on the way."""

    market: str
    ticker: Ticker
    session: IsoDate
    at: Moment
    open: float
    high: float
    low: float
    close: float
    volume: float
    split: float
    dividend: float

    def __post_init__(self) -> None:
        _check_date(self.session)

    def bar(self) -> Bars:
        """The official bar, as one row."""
        ohlcv = np.array([[self.open, self.high, self.low, self.close, self.volume]])
        session = np.array([self.session], dtype="datetime64[D]")
        return Bars(session, ohlcv, np.array([self.split]), np.array([self.dividend]))


class MarketEnd(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="end"):
    """The feed has nothing more to tell, ever."""

    market: str
    at: Moment


class Beat(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="beat"):
    """The feed is there, whether or not anything trades: how its connection stands, at its own time `at`.

    Sent at every change of `state` and at least once a second. It also tells the time of a market in which nothing
    trades, by which a session's end is known where the feed sends no `SessionClose`.
    """

    market: str
    at: Moment
    state: FeedState
    detail: str = ""


def _check_date(session: str) -> None:
    if date.fromisoformat(session).isoformat() != session:
        raise ValueError(f"session: expected an ISO date, got {session!r}")


FeedEvent = Tick | SessionClose | MarketEnd | Beat
encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder(FeedEvent).decode


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
    start, end = _utc(opens), _utc(closes)
    steps = round((end - start) / TICK)
    if steps + 1 < FEWEST_TICKS:
        raise QuantError(f"{ticker} {bar.session[0]}: expected a session of at least 45 minutes, got {end - start}")
    prices, sizes = _path(bar.ohlcv[0], steps + 1, rng), _sizes(float(bar.ohlcv[0, VOLUME]), steps + 1, rng)
    session, split, dividend = str(bar.session[0]), float(bar.split[0]), float(bar.dividend[0])
    events: list[FeedEvent] = [
        Tick(
            market=market,
            ticker=ticker,
            session=session,
            at=start + (end - start) * number / steps,
            number=number,
            price=price,
            size=size,
            split=split if number == 0 else 1.0,
            dividend=dividend if number == 0 else 0.0,
        )
        for number, (price, size) in enumerate(zip(prices.tolist(), sizes.tolist(), strict=True))
    ]
    ohlcv = dict(zip(("open", "high", "low", "close", "volume"), bar.ohlcv[0].tolist(), strict=True))
    close = SessionClose(market=market, ticker=ticker, session=session, at=end, split=split, dividend=dividend, **ohlcv)
    return [*events, close]


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


def _utc(moment: np.datetime64) -> datetime:
    return moment.astype("datetime64[s]").item().replace(tzinfo=UTC)  # type: ignore[no-any-return]
