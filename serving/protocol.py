"""The WebSocket protocol: what a client may ask, the frames it gets, and the codes with which a connection ends.

Served as AsyncAPI by `serving.streaming.asyncapi`. Everything is JSON in text frames, tagged by ``type``; what is said
to whom and when is `serving.streaming.hub`'s business.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from serving.messages import (
    AlertMessage,
    Instant,
    LiveMessage,
    PortfolioMessage,
    PredictionMessage,
    PriceMessage,
    SignalMessage,
    StatusMessage,
)

PROTOCOL: Final = 2


class Channel(enum.Enum):
    """What a WebSocket client can ask for."""

    PRICES = "prices"
    PREDICTIONS = "predictions"
    SIGNALS = "signals"
    PORTFOLIO = "portfolio"
    ALERTS = "alerts"
    STATUS = "status"


CHANNELS: Final[dict[type[LiveMessage], Channel]] = {
    PriceMessage: Channel.PRICES,
    PredictionMessage: Channel.PREDICTIONS,
    SignalMessage: Channel.SIGNALS,
    PortfolioMessage: Channel.PORTFOLIO,
    AlertMessage: Channel.ALERTS,
    StatusMessage: Channel.STATUS,
}
# Of everything else only the newest counts; of these each one is delivered, in order.
DELIVERED_ONE_BY_ONE: Final = (SignalMessage, AlertMessage)


class CloseCode(enum.IntEnum):
    """How a connection ends: RFC 6455's codes where one fits, ours from 4000 on."""

    RESTARTING = 1012  # come back after the advised pause
    NOT_TEXT = 1003
    MALFORMED = 1008  # one request after another that can't be read
    TOO_LARGE = 1009
    TOO_MANY = 1013  # sockets of one address
    TOO_SLOW = 4008
    TOO_FAST = 4029
    NO_SUBSCRIPTION = 4000


class ErrorCode(enum.Enum):
    """What was wrong with a request."""

    MALFORMED = "malformed"
    UNKNOWN_CHANNEL = "unknown_channel"
    UNKNOWN_TICKER = "unknown_ticker"
    TOO_MANY_TICKERS = "too_many_tickers"
    UNKNOWN_EPOCH = "unknown_epoch"
    TOO_FAST = "too_fast"


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """The first frame of a connection; nothing follows before the client subscribes.

    `epoch` names the run of events that `seq` counts in, null before an engine has spoken.
    """

    protocol: int
    epoch: str | None
    seq: int
    release_id: str | None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="snapshot"):
    """All that is known at `seq` of what was subscribed to; it replaces whatever the client knew, and ends a `Stale`.

    `alerts` are those that are still active.
    """

    epoch: str | None
    seq: int
    release_id: str | None
    prices: tuple[PriceMessage, ...]
    predictions: tuple[PredictionMessage, ...]
    signals: tuple[SignalMessage, ...]
    portfolio: PortfolioMessage | None
    alerts: tuple[AlertMessage, ...]
    status: StatusMessage | None


class Delta(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="delta"):
    """What is new since `prev`, which is the `seq` of the frame before on this connection, or something was missed.

    Signals and alerts are all there, in order; of prices, predictions, the portfolio and the status only the newest of
    each ticker.
    """

    seq: int
    prev: int
    messages: tuple[LiveMessage, ...]


class Stale(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="stale"):
    """Nothing new since `since`: what was sent before may be out of date. A `Snapshot` follows on recovery."""

    seq: int
    since: Instant
    reason: str


class Pong(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="pong"):
    """The answer to a `Ping`, with its `id`."""

    seq: int
    id: int | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """A request that can't be met: the field that is wrong, and what was expected of it. The connection goes on."""

    code: ErrorCode
    field: str
    message: str


class Closing(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="closing"):
    """The last frame before the server closes with `code`; come back no sooner than after `reconnect_after_seconds`."""

    code: CloseCode
    reason: str
    reconnect_after_seconds: float


Frame = Hello | Snapshot | Delta | Stale | Pong | Refused | Closing


class Resume(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a client has got to: the epoch it was told in, and the `seq` of the last frame it took in.

    `release_id` is that of the last snapshot: if another release is in force by now, its numbers come in a snapshot.
    """

    epoch: str
    last_seq: int
    release_id: str | None = None


class Subscribe(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="subscribe", forbid_unknown_fields=True
):
    """From now on only these; null or left out means all.

    Answered by a `Snapshot`; with `resume`, where what was missed is still known, by a `Delta` of it instead, whose
    `prev` is the `last_seq` that was resumed from. Where another release has come into force since, both come: the
    signals and alerts that were missed, then the snapshot.
    """

    tickers: tuple[str, ...] | None = None
    channels: tuple[Channel, ...] | None = None
    resume: Resume | None = None


class Ping(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="ping", forbid_unknown_fields=True):
    """Is anybody there?"""

    id: int | None = None


decode_request: Final = msgspec.json.Decoder(Subscribe | Ping).decode
decode_frame: Final = msgspec.json.Decoder(Frame).decode
