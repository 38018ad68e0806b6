"""Real releases for tests, made without the graph: real bars, models really fitted to them, the real writer.

The fits are quick and careless (settings untuned, no walk-forward, in-sample scores): only their shape is for tests to
rely on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
from real_portfolio import portfolio
from shared_data import sample_bars

from quant.backtest import Backtest, backtest, buy_and_hold, performance
from quant.bars import CLOSE, OPEN, Bars, Floats, adjusted
from quant.features import NAMES, WINDOW
from quant.forecast import NORMAL_BOUNDS, Bounds, Forecast, ForecastParameters, distribution, forecast
from quant.sessions import SessionCalendar
from quant.signals import Action, SignalRule, replay
from quant.trades import Costs
from release.inference import forecast_rows
from release.manifest import (
    CURVE_POINTS,
    Book,
    How,
    Manifest,
    Refusal,
    SignalRow,
    Succession,
    SuccessionMove,
    TickerLineage,
    TickerMetrics,
    TradingCurves,
    TradingRecord,
)
from release.onnx_model import OnnxModel, output_name
from release.tables import digest
from release.writer import Draft, DraftTicker, publish
from stock_assets.learning.candidates import FAMILIES
from stock_assets.learning.dataset import Dataset, history
from stock_assets.learning.export import Exported, export
from stock_assets.learning.scores import ticker_metrics
from stock_assets.learning.training import Trained
from stock_assets.learning.walk_forward import Model

AS_OF = np.datetime64("2012-03-01")
CREATED_AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
TICKERS = ("AAPL", "GOOG", "IBM", "MSFT")
HORIZONS = (1, 5)
SIGNAL_ROWS = 300
SEED = 7
TRIALS = 11
# A ridge that has learned too much and is believed all the same: its signals change often.
SETTINGS = {"ridge": {"alpha": 100.0}}
EDGE_WEIGHTS = {"forest": 0.2, "ridge": 0.8}
VARIANCE_WEIGHTS = {"ewma": 0.1, "garch": 0.3, "har": 0.6}
COSTS = Costs()
# Beyond ASCII on purpose: a card may say anything.
CARD = "# Model card, as of {as_of}\n\nTickers: {tickers}. Scores of R² stand beside their baselines.\n"


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
        horizons=HORIZONS,
        window=WINDOW,
        features=NAMES,
        code_version="0.1.0+test",
        dagster_run_id="a-test-run",
        created_at=created_at,
        calendars={"XNYS": new_york()},
        tickers=parts,
        model_card=CARD.format(as_of=as_of, tickers=", ".join(tickers)),
        portfolio=portfolio({part.lineage.ticker: part.bars for part in parts}),
        refused=(Refusal(ticker="FB", reason="expected at least 1008 bars, got 196"),),
    )


@cache
def new_york(*, start: str = "2000-01-03", end: str = "2014-12-31") -> SessionCalendar:
    """The sessions of the New York exchange; unless told otherwise over the sample's years and one beyond."""
    import exchange_calendars

    schedule = exchange_calendars.get_calendar("XNYS", start=start, end=end).schedule
    return SessionCalendar(
        exchange="XNYS",
        sessions_per_year=252,
        session=schedule.index.to_numpy().astype("datetime64[D]"),
        open_utc=schedule["open"].dt.tz_localize(None).to_numpy().astype("datetime64[s]"),
        close_utc=schedule["close"].dt.tz_localize(None).to_numpy().astype("datetime64[s]"),
    )


def draft_ticker(ticker: str, as_of: str = str(AS_OF)) -> DraftTicker:
    """Every family fitted to the ticker's bars through `as_of`, with everything a release wants."""
    return _fitted(ticker, as_of)


@cache
def _fitted(ticker: str, as_of: str) -> DraftTicker:
    bars = sample_bars(ticker).through(np.datetime64(as_of))
    rows = history(bars, new_york(), ticker=ticker, horizons=HORIZONS)
    data = {horizon: rows.dataset(horizon) for horizon in HORIZONS}
    exported = _fit(data)
    model = OnnxModel(exported.onnx)
    said = model.predict(rows.X)
    parameters = {horizon: _parameters(data[horizon], said) for horizon in HORIZONS}
    made = forecast_rows(model, parameters, rows.X)
    signals = _signals(data[HORIZONS[0]], made[HORIZONS[0]])
    lineage = _lineage(ticker, bars)
    trading, curves = _trading(signals, bars)
    return DraftTicker(
        lineage=lineage,
        bars=bars,
        onnx=exported.onnx,
        parity=exported.parity,
        parameters=parameters,
        metrics={horizon: _metrics(data[horizon], made[horizon], parameters[horizon]) for horizon in HORIZONS},
        signals=signals,
        trading=trading,
        curves=curves,
        succession=_succession(lineage),
    )


def _fit(data: Mapping[int, Dataset]) -> Exported:
    """One graph of every family at every horizon."""
    trained = []
    for horizon, rows in data.items():
        X, labels = rows.X[: rows.labelled], rows.labels[: rows.labelled]
        fitted = {family.name: family(**SETTINGS.get(family.name, {})).fit(X, labels, seed=SEED) for family in FAMILIES}
        trained.append(Trained(horizon, fitted, X, trials=TRIALS))
    return export(trained)


def _parameters(data: Dataset, said: Mapping[str, Floats]) -> ForecastParameters:
    """Fixed weights; level and bounds as the rows themselves want them."""
    known = slice(data.labelled)
    neutral = ForecastParameters(
        horizon=data.horizon,
        historical_mean=0.2 * float(np.mean(data.target[known])),
        edge_weights=EDGE_WEIGHTS,
        edge_limit=0.5,
        variance_weights=VARIANCE_WEIGHTS,
        log_scale=float(np.log(data.horizon)),
        bounds=NORMAL_BOUNDS,
        moving=1.0,
        up_intercept=0.0,
        up_slope=1.6,
        up_limit=0.5,
    )
    outputs = {name: said[output_name(name, horizon=data.horizon)] for name in neutral.models}
    made = forecast(outputs, neutral)
    quantiles = np.quantile((data.target - made.mean)[known] / made.vol[known], [0.05, 0.25, 0.75, 0.95])
    names = ("lower_90", "lower_50", "upper_50", "upper_90")
    return msgspec.structs.replace(neutral, bounds=Bounds(**dict(zip(names, quantiles.tolist(), strict=True))))


def _metrics(data: Dataset, made: Forecast, parameters: ForecastParameters) -> TickerMetrics:
    """Scores of the rows that the models were fitted to; every baseline is the same normal distribution."""
    zero, usual = np.zeros(len(data)), np.full(len(data), float(np.nanstd(data.target)))
    past = distribution(mean=zero + parameters.historical_mean, vol=usual, parameters=parameters)
    said = dict.fromkeys(Model, past) | {Model.CHAMPION: made}
    table = pd.concat([_rows(model, data, forecast) for model, forecast in said.items()], ignore_index=True)
    close = pd.Series(data.close, index=pd.DatetimeIndex(data.session))
    return ticker_metrics(table, horizon=data.horizon, close=close, trials=TRIALS)


def _rows(model: Model, data: Dataset, made: Forecast) -> pd.DataFrame:
    """A model's part of the graph's `oos_predictions`."""
    return pd.DataFrame(
        {
            "ticker": data.ticker,
            "date": data.session.astype("datetime64[s]"),
            "horizon": data.horizon,
            "target_date": data.target_session.astype("datetime64[s]"),
            "model": model.value,
            **{name: getattr(made, name) for name in made.__slots__},
            "realised": data.target,
            "realised_variance": data.realised_variance,
        }
    )


def _trading(signals: tuple[SignalRow, ...], bars: Bars) -> tuple[TradingRecord, TradingCurves]:
    """What the signals earned, and what holding did over the same sessions."""
    ohlcv = adjusted(bars)[-len(signals) :]
    opens, closes = np.ascontiguousarray(ohlcv[:, OPEN]), np.ascontiguousarray(ohlcv[:, CLOSE])
    acted = backtest(opens, closes, [Action(signal.action) for signal in signals], costs=COSTS)
    held = buy_and_hold(opens, closes, costs=COSTS)
    record = TradingRecord(
        first=signals[0].session,
        last=signals[-1].session,
        sessions=len(signals),
        cost_bp=COSTS.cost_bp,
        slippage_bp=COSTS.slippage_bp,
        trials=TRIALS * len(HORIZONS),
        signals=_book(acted),
        buy_and_hold=_book(held),
    )
    assert len(signals) <= CURVE_POINTS
    curves = TradingCurves(
        sessions=tuple(signal.session for signal in signals),
        signals=tuple(acted.equity.tolist()),
        buy_and_hold=tuple(held.equity.tolist()),
    )
    return record, curves


def _book(book: Backtest) -> Book:
    made = performance(book, sessions_per_year=252, trials=TRIALS, trial_sharpe_variance=1 / len(book))
    return msgspec.convert(msgspec.structs.asdict(made), Book)


def _signals(data: Dataset, made: Forecast) -> tuple[SignalRow, ...]:
    rows = enumerate(zip(data.session, data.target_session, replay(made, rule=SignalRule()), data.target, strict=True))
    said = ("vol", "p_up", "lower_90", "lower_50", "upper_50", "upper_90")
    return tuple(
        SignalRow(
            session=str(day),
            target_session=str(following),
            action=signal.action.value,
            confidence=signal.confidence,
            edge_bp=signal.edge_bp,
            reason=signal.reason,
            realised=float(realised) if np.isfinite(realised) else None,
            **{name: float(getattr(made, name)[row]) for name in said},
        )
        for row, (day, following, signal, realised) in rows
    )[-SIGNAL_ROWS:]


def _succession(lineage: TickerLineage) -> Succession:
    """The first version there was."""
    move = SuccessionMove(
        version=lineage.model_version,
        at="2026-11-23T07:30:00Z",
        how=How.TRAINING,
        why="first: no champion yet, and every guard passed",
        forced="",
        by=lineage.dagster_run_id,
    )
    return Succession(**msgspec.structs.asdict(move), challenger=None, moves=(move,))


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
