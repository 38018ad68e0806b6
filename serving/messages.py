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


class Further(msgspec.Struct, frozen=True, kw_only=True):
    """The same forecast over another horizon: to the close of `target_session`, `horizon` sessions later.

    The fields are those of a prediction, per this horizon.
    """

    horizon: int
    target_session: IsoDate
    mean: LogReturn
    vol: LogReturn
    p_up: float
    lower_90: LogReturn
    lower_50: LogReturn
    upper_50: LogReturn
    upper_90: LogReturn
    price_median: float
    price_lower_90: float
    price_lower_50: float
    price_upper_50: float
    price_upper_90: float


class PredictionMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="prediction"):
    """The predictive distribution of one ticker's next log return, and the prices that follow from it.

    Made at `close` of `session` (the price so far, while `provisional`), for the close of `target_session`, `horizon`
    sessions later. `vol` is the standard deviation of the log return over the horizon, `p_up` the calibrated
    probability of a gain; the intervals are conformal and hold 90 and 50 % of outcomes. The prices are `close` times
    the exponential of the returns. Signals act on this horizon; `further` is what the ticker's model says of others at
    the same close, in the order of the release's horizons.
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
    lower_50: LogReturn
    upper_50: LogReturn
    upper_90: LogReturn
    price_median: float
    price_lower_90: float
    price_lower_50: float
    price_upper_50: float
    price_upper_90: float
    further: tuple[Further, ...]
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


encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder(LiveMessage).decode


class Channel(enum.Enum):
    """What a WebSocket client can ask for."""

    PRICES = "prices"
    PREDICTIONS = "predictions"
    SIGNALS = "signals"
    STATUS = "status"


CHANNELS: Final[dict[type[LiveMessage], Channel]] = {
    PriceMessage: Channel.PRICES,
    PredictionMessage: Channel.PREDICTIONS,
    SignalMessage: Channel.SIGNALS,
    StatusMessage: Channel.STATUS,
}


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """The first frame of a connection. `epoch` names the engine's run that `seq` counts in, null without one."""

    protocol: int
    epoch: str | None
    seq: int
    release_id: str | None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="snapshot"):
    """All that is known at `seq`; it replaces whatever the client knew, and ends a `Stale`."""

    epoch: str | None
    seq: int
    release_id: str | None
    prices: tuple[PriceMessage, ...]
    predictions: tuple[PredictionMessage, ...]
    signals: tuple[SignalMessage, ...]
    status: StatusMessage | None


class Delta(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="delta"):
    """What is new since `prev`, which is the `seq` of the frame before on this connection, or something was missed."""

    seq: int
    prev: int
    messages: tuple[LiveMessage, ...]


class Stale(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="stale"):
    """Nothing new since `since`: what was sent before may be out of date. A `Snapshot` follows on recovery."""

    seq: int
    since: datetime
    reason: str


class Pong(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="pong"):
    """The answer to a `Ping`."""

    seq: int


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """A frame of the client's that can't be used, and the field that is wrong; the connection goes on."""

    field: str
    message: str


Frame = Hello | Snapshot | Delta | Stale | Pong | Refused


class Subscribe(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="subscribe", forbid_unknown_fields=True
):
    """From now on only these; null or left out means all. Answered by a `Snapshot` of them."""

    tickers: tuple[str, ...] | None = None
    channels: tuple[Channel, ...] | None = None


class Ping(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="ping", forbid_unknown_fields=True):
    """Is anybody there?"""


decode_request: Final = msgspec.json.Decoder(Subscribe | Ping).decode
