"""Real releases for tests, made without the graph: real bars, models really fitted to them, the real writer.

The fits are quick and careless (no walk-forward, in-sample scores): only their shape is for tests to rely on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
from shared_data import sample_bars

from quant.bars import Bars, log_returns
from quant.features import NAMES, VOLATILITY, WINDOW, column, feature_table
from quant.forecast import Forecast, ForecastParameters, forecast
from quant.sessions import SessionCalendar
from quant.signals import SignalRule, replay
from release.manifest import Allocation, Manifest, Portfolio, Refusal, SignalRow, TickerLineage, TickerMetrics
from release.tables import digest
from release.writer import Draft, DraftTicker, publish

AS_OF = np.datetime64("2012-03-01")
CREATED_AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
TICKERS = ("AAPL", "GOOG", "IBM", "MSFT")
SIGNAL_ROWS = 300


def publish_release(
    store: Path,
    *,
    tickers: tuple[str, ...] = ("AAPL", "IBM"),
    as_of: str = str(AS_OF),
    created_at: datetime = CREATED_AT,
) -> Manifest:
    """Publish a real release of some sample tickers with bars through `as_of`."""
    return publish(store, draft(tickers=tickers, as_of=as_of, created_at=created_at))


def draft(
    *, tickers: tuple[str, ...] = ("AAPL", "IBM"), as_of: str = str(AS_OF), created_at: datetime = CREATED_AT
) -> Draft:
    """A real draft; an `as_of` that is no session is refused by the writer."""
    parts = [draft_ticker(ticker, as_of) for ticker in tickers]
    return Draft(
        as_of=as_of,
        horizon=1,
        window=WINDOW,
        features=NAMES,
        code_version="0.1.0+test",
        dagster_run_id="a-test-run",
        created_at=created_at,
        calendars={"XNYS": new_york()},
        tickers=parts,
        portfolio=_portfolio(parts),
        refused=(Refusal(ticker="FB", reason="expected at least 1008 bars, got 196"),),
    )


@cache
def new_york() -> SessionCalendar:
    """The sessions of the New York exchange over the sample's years and one beyond."""
    import exchange_calendars

    schedule = exchange_calendars.get_calendar("XNYS", start="2000-01-03", end="2014-12-31").schedule
    return SessionCalendar(
        exchange="XNYS",
        sessions_per_year=252,
        session=schedule.index.to_numpy().astype("datetime64[D]"),
        open_utc=schedule["open"].dt.tz_localize(None).to_numpy().astype("datetime64[s]"),
        close_utc=schedule["close"].dt.tz_localize(None).to_numpy().astype("datetime64[s]"),
    )


def draft_ticker(ticker: str, as_of: str = str(AS_OF)) -> DraftTicker:
    """A ridge and a small forest fitted to the ticker's bars through `as_of`, with everything a release wants."""
    return _fitted(ticker, as_of)


@cache
def _fitted(ticker: str, as_of: str) -> DraftTicker:
    bars = sample_bars(ticker).through(np.datetime64(as_of))
    session, X = feature_table(bars)
    y = np.append(log_returns(bars)[WINDOW:], np.nan)
    onnx, ridge, forest = _fit(X, y)
    parameters = _parameters(X, y, ridge, forest)
    made = forecast(ridge=ridge, forest=forest, volatility=X[:, column(VOLATILITY)], parameters=parameters)
    return DraftTicker(
        lineage=_lineage(ticker, bars),
        bars=bars,
        onnx=onnx,
        parity=(X[-32:], ridge[-32:], forest[-32:]),
        parameters=parameters,
        metrics=_metrics(bars.close[WINDOW - 1 : -1], y[:-1], made, session),
        signals=_signals(session, y, made),
    )


def _fit(X: np.ndarray, y: np.ndarray) -> tuple[bytes, np.ndarray, np.ndarray]:
    """The ONNX bytes of both models and what scikit-learn itself says of every row."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType
    from skl2onnx.sklapi import CastTransformer
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = np.isfinite(y)
    trees = RandomForestRegressor(n_estimators=40, max_depth=5, min_samples_leaf=20, random_state=7)
    models = [make_pipeline(StandardScaler(), Ridge(1e3)), make_pipeline(StandardScaler(), CastTransformer(), trees)]
    inputs = [("features", DoubleTensorType([None, X.shape[1]]))]
    graphs = []
    for model in models:
        model.fit(X[known], y[known])
        graphs.append(to_onnx(model, initial_types=inputs, target_opset=21))
    ridge, forest = (model.predict(X) for model in models)
    return _joined(*graphs), ridge, forest


def _joined(ridge, forest) -> bytes:
    """Two graphs of the input ``features`` as one with the outputs ``ridge`` and ``forest``, both float64."""
    from onnx import TensorProto, compose, helper

    nodes, weights, opsets = [], [], {}
    for name, graph in (("ridge", ridge), ("forest", forest)):
        own = compose.add_prefix(graph, f"{name}/")
        nodes.append(helper.make_node("Identity", ["features"], [own.graph.input[0].name]))
        nodes.extend(own.graph.node)
        nodes.append(helper.make_node("Cast", [own.graph.output[0].name], [name], to=TensorProto.DOUBLE))
        weights.extend(own.graph.initializer)
        opsets |= {opset.domain: max(opset.version, opsets.get(opset.domain, 0)) for opset in own.opset_import}
    given = [helper.make_tensor_value_info("features", TensorProto.DOUBLE, [None, len(NAMES)])]
    outputs = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 1]) for name in ("ridge", "forest")]
    graph = helper.make_graph(nodes, "forecast", given, outputs, weights)
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    return helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString()


def _parameters(X: np.ndarray, y: np.ndarray, ridge: np.ndarray, forest: np.ndarray) -> ForecastParameters:
    neutral = ForecastParameters(
        historical_mean=float(np.nanmean(y)),
        ridge_weight=0.2,
        forest_weight=0.2,
        volatility_scale=1.0,
        lower_quantile=-1.0,
        upper_quantile=1.0,
        up_intercept=0.0,
        up_slope=1.0,
    )
    made = forecast(ridge=ridge, forest=forest, volatility=X[:, column(VOLATILITY)], parameters=neutral)
    lower, upper = np.nanquantile((y - made.mean) / made.vol, [0.05, 0.95])
    return msgspec.structs.replace(neutral, lower_quantile=float(lower), upper_quantile=float(upper))


def _metrics(close: np.ndarray, y: np.ndarray, made: Forecast, session: np.ndarray) -> TickerMetrics:
    mean, p_up = made.mean[:-1], made.p_up[:-1]
    price, total = close * np.exp(y), np.sum((close * np.exp(y) - np.mean(close * np.exp(y))) ** 2)
    hit, up = np.mean((mean > 0) == (y > 0)), np.mean(y > 0)
    inside = (made.lower_90[:-1] <= y) & (y <= made.upper_90[:-1])
    return TickerMetrics(
        n=len(y),
        first=str(session[0]),
        last=str(session[-2]),
        price_r2=float(1 - np.sum((price - close * np.exp(mean)) ** 2) / total),
        price_r2_random_walk=float(1 - np.sum((price - close) ** 2) / total),
        return_r2=float(1 - np.sum((y - mean) ** 2) / np.sum(y**2)),
        return_r2_historical_mean=float(1 - np.sum((y - y.mean()) ** 2) / np.sum(y**2)),
        clark_west_p=0.5,
        directional_accuracy=float(hit),
        directional_accuracy_se=float(np.sqrt(hit * (1 - hit) / len(y))),
        base_rate=float(max(up, 1 - up)),
        coverage_90=float(np.mean(inside)),
        brier=float(np.mean((p_up - (y > 0)) ** 2)),
        brier_base_rate=float(up * (1 - up)),
    )


def _signals(session: np.ndarray, y: np.ndarray, made: Forecast) -> tuple[SignalRow, ...]:
    target = [str(new_york().ahead(day, steps=1)) for day in session]
    rows = zip(session, target, replay(made, rule=SignalRule()), made.p_up, y, strict=True)
    return tuple(
        SignalRow(
            session=str(day),
            target_session=following,
            action=signal.action.value,
            confidence=signal.confidence,
            edge_bp=signal.edge_bp,
            p_up=float(p_up),
            reason=signal.reason,
            realised=float(realised) if np.isfinite(realised) else None,
        )
        for day, following, signal, p_up, realised in rows
    )[-SIGNAL_ROWS:]


def _lineage(ticker: str, bars: Bars) -> TickerLineage:
    return TickerLineage(
        ticker=ticker,
        exchange="XNYS",
        source="sample",
        data_sha256=digest(bars),
        first_session=str(bars.session[0]),
        last_session=str(bars.session[-1]),
        bars=len(bars),
        dagster_run_id=f"run-{ticker}",
        mlflow_run_id=f"mlflow-{ticker}",
        model_name=f"stock-assets-{ticker}",
        model_version="1",
        trained_at="2026-11-23T07:00:00Z",
    )


def _portfolio(parts: list[DraftTicker]) -> Portfolio | None:
    """Equal weights with the sample covariance of the last 750 sessions; None for fewer than two tickers."""
    if len(parts) < 2:
        return None
    returns = np.column_stack([log_returns(part.bars)[-750:] for part in parts])
    covariance = np.cov(returns, rowvar=False) * 252
    scale = np.sqrt(np.diag(covariance))
    weights = np.full(len(parts), 1 / len(parts))
    equal = Allocation(
        weights=tuple(weights.tolist()),
        expected_return_in_sample=float(returns.mean(axis=0) @ weights * 252),
        volatility_in_sample=float(np.sqrt(weights @ covariance @ weights)),
    )
    return Portfolio(
        week=str(parts[0].bars.session[-1]),
        data_through=str(parts[0].bars.session[-1]),
        tickers=tuple(part.lineage.ticker for part in parts),
        allocations={"equal_weight": equal, "minimum_variance": equal, "maximum_sharpe": equal},
        covariance=tuple(map(tuple, covariance.tolist())),
        correlation=tuple(map(tuple, (covariance / np.outer(scale, scale)).tolist())),
    )
