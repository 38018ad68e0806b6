"""One example of each answer, for the OpenAPI document. Typed, so that an example can't outlive its type."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from quant.features import NAMES
from quant.forecast import Bounds, ForecastParameters
from quant.signals import Action
from release.manifest import Refusal, SignalRow, TickerLineage, TickerMetrics
from serving.audit.examples import AUDIT_EXAMPLES
from serving.csp import CSP_EXAMPLES
from serving.evidence.examples import EVIDENCE_EXAMPLES, SUCCESSION, TRADING
from serving.messages import Further, PredictionMessage, PriceMessage, SignalMessage
from serving.portfolio.examples import PORTFOLIO_EXAMPLES
from serving.records import (
    FeedStatus,
    Index,
    Indicators,
    Links,
    ModelCard,
    Models,
    Predictions,
    PriceBar,
    Prices,
    Ready,
    SentBar,
    ServerStatus,
    SignalHistory,
    Signals,
    Status,
    TickerCard,
    Tickers,
)

_RELEASE: Final = "2012-03-01-8e40cfceccde"
_PUBLISHED: Final = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
_TICK: Final = datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC)

_PREDICTION: Final = PredictionMessage(
    ticker="AAPL",
    made_at=_PUBLISHED,
    session="2012-03-01",
    target_session="2012-03-02",
    horizon=1,
    close=544.47,
    mean=0.0008,
    vol=0.0149,
    p_up=0.523,
    lower_90=-0.0232,
    lower_50=-0.0078,
    upper_50=0.0099,
    upper_90=0.0252,
    price_median=544.91,
    price_lower_90=531.98,
    price_lower_50=540.24,
    price_upper_50=549.89,
    price_upper_90=558.37,
    further=(
        Further(
            horizon=5,
            target_session="2012-03-08",
            mean=0.0035,
            vol=0.0331,
            p_up=0.561,
            lower_90=-0.0514,
            lower_50=-0.0179,
            upper_50=0.0246,
            upper_90=0.0573,
            price_median=546.38,
            price_lower_90=517.19,
            price_lower_50=534.81,
            price_upper_50=558.03,
            price_upper_90=576.58,
        ),
    ),
    provisional=False,
    release_id=_RELEASE,
    model_version="3",
)
_SIGNAL: Final = SignalMessage(
    ticker="AAPL",
    at=_PUBLISHED,
    session="2012-03-01",
    action=Action.BUY,
    previous=Action.HOLD,
    confidence=52.3,
    edge_bp=8.1,
    reason="expected +8.1 bp, 2.1 over the 6 bp that a round trip costs; P(up) 52%",
    provisional=False,
    release_id=_RELEASE,
    audit_id=None,
)
_PRICE: Final = PriceMessage(
    ticker="AAPL",
    session="2012-03-02",
    at=_TICK,
    price=545.1,
    volume=1_250_000.0,
    provisional=True,
    open=544.24,
    high=546.8,
    low=542.5,
    previous_close=544.47,
)
_BAR: Final = PriceBar(session="2012-03-01", open=548.17, high=548.21, low=538.77, close=544.47, volume=24_402_800.0)
_LIVE_BAR: Final = PriceBar(session="2012-03-02", open=544.24, high=546.8, low=542.5, close=545.1, volume=1_250_000.0)
_METRICS: Final = TickerMetrics(
    n=2012,
    first="2004-03-03",
    last="2012-02-29",
    price_r2=0.9991,
    price_r2_random_walk=0.9991,
    return_r2=0.0012,
    return_r2_historical_mean=0.0009,
    clark_west_p=0.08,
    clark_west_p_historical_mean=0.21,
    diebold_mariano=-0.6,
    diebold_mariano_p=0.55,
    directional_accuracy=0.525,
    directional_accuracy_se=0.011,
    base_rate=0.522,
    brier=0.2493,
    brier_base_rate=0.2495,
    log_score=0.6917,
    log_score_base_rate=0.6921,
    calibration_error=0.008,
    confident_right=0.61,
    confident_n=41,
    coverage_90=0.901,
    coverage_50=0.502,
    worst_coverage_63=0.81,
    interval_score=0.0641,
    interval_score_ewma=0.0675,
    qlike=1.55,
    qlike_ewma=1.66,
    qlike_rolling=1.71,
    qlike_log_har=1.6,
    qlike_garch=1.64,
    variance_r2_ewma=0.06,
    variance_r2_rolling=0.09,
    variance_r2_log_har=0.02,
    variance_r2_garch=0.05,
    trials=412,
)
_PARAMETERS: Final = ForecastParameters(
    horizon=1,
    historical_mean=0.0011,
    edge_weights={"forest": 0.1, "ridge": 0.05},
    edge_limit=0.1,
    variance_weights={"ewma": 0.02, "garch": 0.06, "har": 0.92},
    log_scale=0.04,
    bounds=Bounds(lower_90=-1.61, lower_50=-0.58, upper_50=0.61, upper_90=1.64),
    moving=0.997,
    up_intercept=0.02,
    up_slope=1.1,
    up_limit=0.12,
)
_MODEL: Final = ModelCard(
    ticker="AAPL",
    release_id=_RELEASE,
    version="3",
    horizons=(1, 5),
    window=252,
    features=len(NAMES),
    metrics={
        1: _METRICS,
        5: msgspec.structs.replace(_METRICS, n=2008, last="2012-02-23", price_r2=0.9954, price_r2_random_walk=0.9953),
    },
    trading=TRADING,
    succession=SUCCESSION,
    lineage=TickerLineage(
        ticker="AAPL",
        exchange="XNYS",
        source="sample",
        data_sha256="9f2c6d1b5a0e4c7f8b3d2a1e6f5c4b7a8d9e0f1a2b3c4d5e6f708192a3b4c5d6",
        first_session="2000-03-01",
        last_session="2012-03-01",
        bars=3019,
        dagster_run_id="5b1c2f3e-8a4d-4e6f-9b7a-0c1d2e3f4a5b",
        mlflow_run_id="7d3e9a1b2c4f4d5e8f6a7b8c9d0e1f2a",
        model_name="stock-assets-AAPL",
        model_version="3",
        trained_at="2026-11-23T07:55:12Z",
    ),
    parameters={
        1: _PARAMETERS,
        5: msgspec.structs.replace(_PARAMETERS, horizon=5, historical_mean=0.0054, log_scale=1.64),
    },
)
_HISTORY: Final = SignalHistory(
    ticker="AAPL",
    release_id=_RELEASE,
    signals=(
        SignalRow(
            session="2012-02-29",
            target_session="2012-03-01",
            action="BUY",
            confidence=52.1,
            edge_bp=9.4,
            vol=0.0152,
            p_up=0.521,
            lower_90=-0.0236,
            lower_50=-0.0079,
            upper_50=0.0102,
            upper_90=0.0258,
            reason="expected +9.4 bp, 3.4 over the 6 bp that a round trip costs; P(up) 52%",
            realised=0.0037,
        ),
    ),
    next="2012-02-29",
)
_CARD: Final = TickerCard(
    ticker="AAPL",
    exchange="XNYS",
    source="sample",
    first_session="2000-03-01",
    last_session="2012-03-01",
    bars=3019,
    last_close=544.47,
)
_STATUS: Final = Status(
    ready=True,
    reason=None,
    release_id=_RELEASE,
    as_of="2012-03-01",
    published_at="2026-11-23T08:00:00Z",
    tickers=("AAPL", "IBM"),
    reload_error=None,
    feed=FeedStatus(
        configured=True,
        state="live",
        detail="replaying 2012-03-02",
        last_message_at="2026-11-23T15:04:05Z",
        last_message_age_seconds=0.412,
        stale=False,
    ),
    links=Links(dagster="http://127.0.0.1:3000", mlflow=None),
    server=ServerStatus(version="0.1.0", started_at="2026-11-23T07:59:58Z", worker=4711, sockets=3),
)


def _of(value: msgspec.Struct) -> Any:
    return msgspec.to_builtins(value, str_keys=True)


EXAMPLES: Final[dict[type, Any]] = {
    type(value): _of(value)
    for value in (
        _PREDICTION,
        _SIGNAL,
        _PRICE,
        _MODEL,
        _HISTORY,
        _STATUS,
        Predictions(predictions=(_PREDICTION,)),
        Signals(signals=(_SIGNAL,)),
        Models(models=(_MODEL,)),
        Index(name="stock-assets", version="0.1.0", links={"predictions": "/v1/predictions", "stream": "/v1/stream"}),
        Ready(status="ready", release_id=_RELEASE),
        SentBar(session="2012-03-01", open=548.17, high=548.21, low=538.77, close=544.47, volume=24_402_800.0),
        Indicators(
            ticker="AAPL",
            release_id=_RELEASE,
            adjusted=True,
            sessions=("2012-02-29", "2012-03-01"),
            sma_20=(497.57, 501.98),
            sma_50=(450.0, 453.26),
            sma_200=(392.71, 393.77),
            ema_20=(499.98, 504.22),
            bollinger_upper=(549.22, 553.82),
            bollinger_lower=(445.93, 450.15),
            rsi_14=(85.51, 85.89),
            atr_14=(9.92, 9.88),
            realised_volatility_21=(0.2272, 0.2261),
        ),
        Prices(ticker="AAPL", release_id=_RELEASE, adjusted=True, bars=(_BAR,), live=_PRICE, live_bars=(_LIVE_BAR,)),
        Tickers(
            release_id=_RELEASE,
            as_of="2012-03-01",
            tickers=(_CARD,),
            refused=(Refusal(ticker="FB", reason="bars: expected at least 1008, got 196"),),
        ),
        *PORTFOLIO_EXAMPLES,
        *AUDIT_EXAMPLES,
        *CSP_EXAMPLES,
        *EVIDENCE_EXAMPLES,
    )
}
