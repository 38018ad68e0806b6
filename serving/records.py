"""What REST answers look like, where they are neither live messages nor records of a release as they are.

The portfolio's are in `serving.portfolio.records`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from quant.forecast import ForecastParameters
from release.manifest import Refusal, SignalRow, Succession, TickerLineage, TickerMetrics, TradingRecord
from serving.messages import PredictionMessage, PriceMessage, SignalMessage


class TickerCard(msgspec.Struct, frozen=True, kw_only=True):
    """A ticker that can be asked for: its exchange, its bars' span (ISO dates) and its last close as traded."""

    ticker: str
    exchange: str
    source: str
    first_session: str
    last_session: str
    bars: int
    last_close: float


class Tickers(msgspec.Struct, frozen=True, kw_only=True):
    """The tickers of the release in force, and those of the universe that it had to refuse."""

    release_id: str
    as_of: str
    tickers: tuple[TickerCard, ...]
    refused: tuple[Refusal, ...]


class Predictions(msgspec.Struct, frozen=True, kw_only=True):
    """The newest prediction of every ticker."""

    predictions: tuple[PredictionMessage, ...]


class Signals(msgspec.Struct, frozen=True, kw_only=True):
    """The signal in force of every ticker."""

    signals: tuple[SignalMessage, ...]


class SignalHistory(msgspec.Struct, frozen=True, kw_only=True):
    """Out-of-sample signals of one ticker, newest first; `next` is the cursor of the page before, null on the last."""

    ticker: str
    release_id: str
    signals: tuple[SignalRow, ...]
    next: str | None


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """A ticker's model: its lineage, and its out-of-sample scores with each one's baseline beside it.

    `metrics` and `parameters` go by horizon, in sessions; signals act on the first of `horizons`, and `trading` is what
    they would have earned beside buying and holding; `succession` says how this version came into force.
    """

    ticker: str
    release_id: str
    version: str
    horizons: tuple[int, ...]
    window: int
    features: int
    metrics: dict[int, TickerMetrics]
    trading: TradingRecord
    succession: Succession
    lineage: TickerLineage
    parameters: dict[int, ForecastParameters]


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """The models of the release in force."""

    models: tuple[ModelCard, ...]


class PriceBar(msgspec.Struct, frozen=True, kw_only=True):
    """One session's bar: prices in the ticker's currency, volume in shares."""

    session: str
    open: float
    high: float
    low: float
    close: float
    volume: float


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """Bars of one ticker, oldest first.

    `adjusted` bars have splits and dividends taken out up to the last bar of the release; the others are as traded.
    `live` is the newest live price, null without a live feed. `live_bars` are of the sessions after the release's last
    bar, as traded, as far as this server has heard of them since it started: the last is of the session of `live` and
    is provisional where that is, and a session may be missing.
    """

    ticker: str
    release_id: str
    adjusted: bool
    bars: tuple[PriceBar, ...]
    live: PriceMessage | None
    live_bars: tuple[PriceBar, ...]


class Indicators(msgspec.Struct, frozen=True, kw_only=True):
    """Indicators of one ticker, a value a session, oldest first; null where the past is too short for one.

    They are made of the bars that `/v1/prices/{ticker}` answers with for the same query, and of those before them:
    `adjusted` or as traded, where a split is a move like any other. Averages, Bollinger's bands (20 sessions, 2
    standard deviations; `sma_20` is their middle) and `atr_14` are in the ticker's currency, `rsi_14` goes from 0 to
    100, `realised_volatility_21` is annualised. No value is made of more than 252 bars, so none depends on where the
    history begins; the model's features of the same names are made by the same weights.
    """

    ticker: str
    release_id: str
    adjusted: bool
    sessions: tuple[str, ...]
    sma_20: tuple[float | None, ...]
    sma_50: tuple[float | None, ...]
    sma_200: tuple[float | None, ...]
    ema_20: tuple[float | None, ...]
    bollinger_upper: tuple[float | None, ...]
    bollinger_lower: tuple[float | None, ...]
    rsi_14: tuple[float | None, ...]
    atr_14: tuple[float | None, ...]
    realised_volatility_21: tuple[float | None, ...]


class SentBar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A daily bar as traded: new shares per old one in `split` if it split that day, cash per share in `dividend`."""

    session: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="ISO date.")]
    open: float
    high: float
    low: float
    close: float
    volume: float
    split: float = 1.0
    dividend: float = 0.0


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """What is here: `links` by what they lead to, relative to this server."""

    name: str
    version: str
    links: dict[str, str]


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The server has a release to answer from."""

    status: str
    release_id: str


class FeedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The live feed as this server sees it.

    `configured` is whether there is one to listen to, `state` what the feed last said of itself. `stale` is true when
    live numbers can't be relied on: none came for longer than the feed allows, or the way to them is cut.
    """

    configured: bool
    state: str | None
    detail: str | None
    last_message_at: str | None
    last_message_age_seconds: float | None
    stale: bool


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """Where a person finds what numbers came from, as this server was told: Dagster's pages and MLflow's, or null."""

    dagster: str | None
    mlflow: str | None


class ServerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The process that answered, one of several where there are workers.

    `worker` is its process id, `sockets` the number of stream connections that it holds.
    """

    version: str
    started_at: str
    worker: int
    sockets: int


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What is served, and from where it comes live."""

    ready: bool
    reason: str | None
    release_id: str | None
    as_of: str | None
    published_at: str | None
    tickers: tuple[str, ...]
    reload_error: str | None
    feed: FeedStatus


class Status(Served, frozen=True, kw_only=True):
    """What this server is serving from."""

    links: Links
    server: ServerStatus
