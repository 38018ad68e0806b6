"""Every message that the live engine says: JSON, tagged by ``type``, times aware and in UTC.

The frames in which a WebSocket client gets them, and what it may ask, are in `serving.protocol`.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from quant.signals import Action

IsoDate = Annotated[str, Meta(description="ISO date of an exchange session.", examples=["2012-03-01"])]
Ticker = Annotated[str, Meta(description="Symbol.", examples=["AAPL"])]
Instant = Annotated[datetime, Meta(tz=True, description="ISO 8601, in UTC.", examples=["2026-11-23T15:04:05Z"])]
LogReturn = Annotated[float, Meta(description="Log return over the horizon.")]


class FeedState(enum.Enum):
    """What the live feed's connection is doing."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    BACKING_OFF = "backing_off"
    CLOSED = "closed"


class PriceMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="price"):
    """A trade or quote of one ticker: `price` in its currency, `volume` in shares since the session's open.

    `open`, `high` and `low` are the session's so far, `previous_close` is the close of the session before in today's
    shares; null where the engine did not say.
    """

    ticker: Ticker
    session: IsoDate
    at: Instant
    price: float
    volume: float
    provisional: bool
    open: float | None = None
    high: float | None = None
    low: float | None = None
    previous_close: float | None = None


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
    made_at: Instant
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
    in the audit log and `audit_sha256` that row's link of the hash chain, both null for a signal that was published
    with the release: who keeps them can show later that the log has been tampered with.
    """

    ticker: Ticker
    at: Instant
    session: IsoDate
    action: Action
    previous: Action
    confidence: float
    edge_bp: float
    reason: str
    provisional: bool
    release_id: str
    audit_id: int | None
    audit_sha256: str | None = None


class PortfolioMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="portfolio"):
    """The released portfolio at the newest prices: `weights` as published, `drifted` as prices have moved them since.

    Weights are shares of the book's value; `cash` is what is left of it. `simple_return` is the book's since the
    release's last closes, before costs; a ticker without a live price stands at its released close.
    """

    at: Instant
    session: IsoDate
    release_id: str
    strategy: str
    weights: dict[str, float]
    drifted: dict[str, float]
    cash: float
    simple_return: float
    provisional: bool


class Severity(enum.Enum):
    """How soon somebody should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertKind(enum.Enum):
    """What an alert is about; with its subject, what tells it from others."""

    RELEASE_REFUSED = "release_refused"
    FEED_SILENT = "feed_silent"
    FEED_DISTURBED = "feed_disturbed"
    NO_PREDICTION = "no_prediction"
    ENGINE_CHANGED = "engine_changed"
    AUDIT_BROKEN = "audit_broken"


class AlertMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="alert"):
    """Something that an operator wants to be told; `active` false says that it is over.

    `subject` is the ticker, release or feed concerned. An alert of the same kind and subject replaces the one before.
    """

    at: Instant
    kind: AlertKind
    severity: Severity
    subject: str
    text: str
    active: bool


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine has measured in its run so far; null before there is anything to measure.

    `tick_lag_ms` is how old the newest tick is by the feed's clock when it is taken in (null for a replay, whose time
    is not ours), `latency_*_ms` from a tick's arrival to its messages over the last thousand turns, `conflated` the
    ticks that were passed over because a newer one of the ticker was there already.
    """

    engine: str
    term: int
    ticks: int
    predictions: int
    conflated: int
    backlog: int
    tick_lag_ms: float | None
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    audit_id: int | None
    audit_commit_ms: float | None


class StatusMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="status"):
    """What the live engine says of its feed and of itself, at least once a second."""

    feed: FeedState
    at: Instant
    release_id: str
    detail: str
    figures: Figures | None = None


LiveMessage = PriceMessage | PredictionMessage | SignalMessage | PortfolioMessage | AlertMessage | StatusMessage


encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder(LiveMessage).decode
