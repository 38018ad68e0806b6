"""One example of each frame and request of the stream, for its AsyncAPI document. Typed, as `serving.examples` is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from serving.examples import EXAMPLES
from serving.messages import (
    AlertKind,
    AlertMessage,
    FeedState,
    Figures,
    PortfolioMessage,
    PredictionMessage,
    PriceMessage,
    Severity,
    SignalMessage,
    StatusMessage,
)
from serving.protocol import (
    PROTOCOL,
    Channel,
    CloseCode,
    Closing,
    Delta,
    ErrorCode,
    Hello,
    Ping,
    Pong,
    Refused,
    Resume,
    Snapshot,
    Stale,
    Subscribe,
)

_EPOCH: Final = "5d0f3c1e9a8b4f7d8c6e2a1b0f9d8e7c"
_RELEASE: Final = "2012-03-01-8e40cfceccde"
_AT: Final = datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC)

_PRICE: Final = msgspec.convert(EXAMPLES[PriceMessage], type=PriceMessage)
_PREDICTION: Final = msgspec.convert(EXAMPLES[PredictionMessage], type=PredictionMessage)
_RELEASED: Final = msgspec.convert(EXAMPLES[SignalMessage], type=SignalMessage)
_SIGNAL: Final = msgspec.structs.replace(
    _RELEASED,
    at=_AT,
    session="2012-03-02",
    provisional=True,
    audit_id=1842,
    audit_sha256="9f2c6d1b5a0e4c7f8b3d2a1e6f5c4b7a8d9e0f1a2b3c4d5e6f708192a3b4c5d6",
)
_PORTFOLIO: Final = PortfolioMessage(
    at=_AT,
    session="2012-03-02",
    release_id=_RELEASE,
    strategy="minimum_variance",
    weights={"AAPL": 0.35, "IBM": 0.6},
    drifted={"AAPL": 0.351, "IBM": 0.599},
    cash=0.05,
    simple_return=0.0004,
    provisional=True,
)
_ALERT: Final = AlertMessage(
    at=_AT,
    kind=AlertKind.RELEASE_REFUSED,
    severity=Severity.CRITICAL,
    subject="2012-03-02-0d9f3b2c1a4e",
    text="tickers/IBM/model.onnx: expected the digest that the manifest has, got another one",
    active=True,
)
_STATUS: Final = StatusMessage(
    feed=FeedState.LIVE,
    at=_AT,
    release_id=_RELEASE,
    detail="replaying 2012-03-02",
    figures=Figures(
        engine="7c1e",
        term=3,
        ticks=18_204,
        predictions=4_551,
        conflated=0,
        backlog=0,
        tick_lag_ms=None,
        latency_p50_ms=0.31,
        latency_p99_ms=1.12,
        audit_id=1842,
        audit_commit_ms=0.8,
    ),
)

STREAM_EXAMPLES: Final[dict[type[msgspec.Struct], Any]] = {
    type(value): msgspec.to_builtins(value, str_keys=True)
    for value in (
        Subscribe(
            tickers=("AAPL", "IBM"),
            channels=(Channel.PRICES, Channel.SIGNALS, Channel.ALERTS),
            resume=Resume(epoch=_EPOCH, last_seq=90_210, release_id=_RELEASE),
        ),
        Ping(id=7),
        Hello(protocol=PROTOCOL, epoch=_EPOCH, seq=90_214, release_id=_RELEASE),
        Snapshot(
            epoch=_EPOCH,
            seq=90_214,
            release_id=_RELEASE,
            prices=(_PRICE,),
            predictions=(_PREDICTION,),
            signals=(_SIGNAL,),
            portfolio=_PORTFOLIO,
            alerts=(_ALERT,),
            status=_STATUS,
        ),
        Delta(seq=90_217, prev=90_214, messages=(_PRICE, _PREDICTION, _SIGNAL, _PORTFOLIO, _ALERT, _STATUS)),
        Stale(seq=90_217, since=_AT, reason="live feed: expected news within 15 s, got none"),
        Pong(seq=90_217, id=7),
        Refused(
            code=ErrorCode.UNKNOWN_TICKER, field="tickers", message="tickers: expected some of AAPL, IBM, got NOPE"
        ),
        Closing(code=CloseCode.RESTARTING, reason="the server restarts", reconnect_after_seconds=0.74),
    )
}
