"""What a feed says on the stream of ticks. How it comes to say so is `serving.live.feeds`' business."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta

from quant.bars import Bars
from serving.messages import FeedState, IsoDate, Ticker

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
