"""Every message that travels on the bus or the WebSocket: JSON, tagged by ``type``, times aware and in UTC."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from quant.signals import Action

IsoDate = Annotated[str, Meta(description="ISO date of an exchange session.", examples=["2012-03-01"])]
Ticker = Annotated[str, Meta(description="Symbol.", examples=["AAPL"])]
LogReturn = Annotated[float, Meta(description="Log return over the horizon.")]


class FeedState(enum.Enum):
    """What the live feed's connection is doing."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    BACKING_OFF = "backing_off"
    CLOSED = "closed"


class PriceMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="price"):
    """A trade or quote of one ticker: `price` in its currency, `volume` in shares since the session's open."""

    ticker: Ticker
    session: IsoDate
    at: datetime
    price: float
    volume: float
    provisional: bool


class PredictionMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="prediction"):
    """The predictive distribution of one ticker's next log return, and the prices that follow from it.

    Made at `close` of `session` (the price so far, while `provisional`), for the close of `target_session`, `horizon`
    sessions later. `vol` is the standard deviation of the log return over the horizon, `p_up` the calibrated
    probability of a gain, the 90 % interval conformal. The prices are `close` times the exponential of the returns.
    """

    ticker: Ticker
    made_at: datetime
    session: IsoDate
    target_session: IsoDate
    horizon: int
    close: float
    mean: LogReturn
    vol: LogReturn
    p_up: float
    lower_90: LogReturn
    upper_90: LogReturn
    price_median: float
    price_lower_90: float
    price_upper_90: float
    provisional: bool
    release_id: str
    model_version: str


class SignalMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="signal"):
    """The signal in force for one ticker, what was in force before, and why.

    `confidence` is 0-100, `edge_bp` the expected log return over the horizon in basis points. `audit_id` is its row
    in the live engine's audit log, null for a signal that was published with the release.
    """

    ticker: Ticker
    at: datetime
    session: IsoDate
    action: Action
    previous: Action
    confidence: float
    edge_bp: float
    reason: str
    provisional: bool
    release_id: str
    audit_id: int | None


class StatusMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="status"):
    """What the live engine says of its feed."""

    feed: FeedState
    at: datetime
    release_id: str
    detail: str


LiveMessage = PriceMessage | PredictionMessage | SignalMessage | StatusMessage


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What one WebSocket frame carries: messages in order, and the number of the last of them."""

    seq: int
    messages: tuple[LiveMessage, ...]


encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder(LiveMessage).decode
