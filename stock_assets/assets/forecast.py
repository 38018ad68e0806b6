"""Group `forecast`: the trained model and its out-of-sample record. Which model serves is `assets.champion`'s."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
import msgspec
import numpy as np
import pandas as pd

from quant.bars import Bars
from release.clock import Clock, iso
from release.manifest import TickerLineage
from release.tables import digest, pack
from stock_assets import checks
from stock_assets import figures as pictures
from stock_assets.calendars import exchange_of
from stock_assets.champions import EVALUATION, LINEAGE, METRICS, MODEL, ONNX, PARAMETERS, PARITY
from stock_assets.frames import bars_of, history_of
from stock_assets.learning import SEED
from stock_assets.learning.dataset import History
from stock_assets.learning.errors import named
from stock_assets.learning.export import Exported, export
from stock_assets.learning.importance import importance
from stock_assets.learning.scores import by_model, ticker_metrics
from stock_assets.learning.training import train
from stock_assets.learning.walk_forward import Model, WalkForward, walk_forward
from stock_assets.partitions import ticker_check, tickers
from stock_assets.presentation import drawing, figures, table_metadata
from stock_assets.resources import tracking
from stock_assets.resources.lake import FILES, Lake, files_digest
from stock_assets.settings import PipelineSettings
from stock_assets.version import code_digest, code_version

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUP = "forecast"


@dg.asset(
    partitions_def=tickers,
    group_name=GROUP,
    kinds={"scikitlearn", "onnx", "mlflow"},
    code_version=code_version(),
    check_specs=[ticker_check("model", checks.PARITY, "The ONNX graph says what scikit-learn says.", blocking=True)],
)
def model(
    context: dg.AssetExecutionContext,
    prices: pd.DataFrame,
    features: pd.DataFrame,
    mlflow: dg.ResourceParam[Any],
    lake: dg.ResourceParam[Lake],
    clock: dg.ResourceParam[Clock],
    settings: dg.ResourceParam[PipelineSettings],
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses one beside checks
    """Every family, tuned and fitted on every labelled session for each horizon, as one ONNX graph in the registry."""
    ticker, bars, rows = context.partition_key, bars_of(prices), history_of(features)
    trained = [train(rows.dataset(horizon), seed=SEED) for horizon in settings.horizons]
    with named(ticker):
        exported = export(trained)
    chosen = {name: value for part in trained for name, value in part.settings().items()}
    logged = tracking.log_training(
        mlflow,
        ticker,
        graph=exported.onnx,
        outputs=[name for name in exported.parity if name != "features"],
        params={
            **chosen,
            "horizons": settings.horizons,
            "seed": SEED,
            "rows": len(rows),
            "tuning_trials": sum(part.trials for part in trained),
        },
        metrics={"onnx_max_error": exported.max_error},
        tags={"data_sha256": digest(bars), "code_version": code_version(), "code_digest": code_digest()},
    )
    tracking.log_dataset(
        mlflow, ticker, digest=digest(bars), source={"source": settings.source.value}, path=str(lake.root / "prices")
    )
    lineage = _lineage(context, bars, settings, clock, logged)
    lake.write_files(MODEL, ticker, _files(exported, lineage))
    return dg.MaterializeResult(
        metadata={
            "model_version": f"{lineage.model_name} v{lineage.model_version}",
            "mlflow_run_id": lineage.mlflow_run_id,
            "rows": len(rows),
            "onnx_bytes": len(exported.onnx),
            **figures(chosen),
        },
        check_results=[checks.parity(exported.max_error)],
    )


def _lineage(
    context: dg.AssetExecutionContext,
    bars: Bars,
    settings: PipelineSettings,
    clock: Clock,
    logged: tuple[str, str, str],
) -> TickerLineage:
    run_id, name, version = logged
    return TickerLineage(
        ticker=context.partition_key,
        exchange=exchange_of(context.partition_key),
        source=settings.source.value,
        data_sha256=digest(bars),
        first_session=str(bars.session[0]),
        last_session=str(bars.session[-1]),
        bars=len(bars),
        dagster_run_id=context.run.run_id,
        mlflow_run_id=run_id,
        model_name=name,
        model_version=version,
        trained_at=iso(clock.now()),
    )


def _files(exported: Exported, lineage: TickerLineage) -> dict[str, bytes]:
    return {ONNX: exported.onnx, PARITY: pack(exported.parity), LINEAGE: msgspec.json.encode(lineage)}


@dg.asset(
    partitions_def=tickers,
    group_name=GROUP,
    kinds={"scikitlearn", "mlflow", "parquet"},
    code_version=code_version(),
    # With a check beside it, Dagster takes a result without a declared type for one without a value.
    dagster_type=dg.Any,
    check_specs=[
        ticker_check("oos_predictions", checks.SANE, "Finite forecasts whose intervals hold.", blocking=False)
    ],
)
def oos_predictions(
    context: dg.AssetExecutionContext,
    features: pd.DataFrame,
    mlflow: dg.ResourceParam[Any],
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[PipelineSettings],
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses one beside checks
    """Forecasts as they would have been made, refit again and again, every candidate beside its baselines."""
    rows, close = history_of(features), features.set_index("date")["adjusted_close"]
    walks = {horizon: walk_forward(rows.dataset(horizon), seed=SEED) for horizon in settings.horizons}
    table = pd.concat([walk.table for walk in walks.values()], ignore_index=True)
    scores = {
        horizon: ticker_metrics(table, horizon=horizon, close=close, trials=walk.trials)
        for horizon, walk in walks.items()
    }
    parameters = {horizon: walk.parameters for horizon, walk in walks.items()}
    numbers = {**flattened(scores), **flattened(parameters)}
    # Before anything is written: an MLflow that is down then leaves table and files of one evaluation.
    tracking.log_evaluation(mlflow, metrics=numbers, figures=_pictures(rows, table, walks, horizon=settings.horizon))
    files = {PARAMETERS: msgspec.json.encode(parameters), METRICS: msgspec.json.encode(scores)}
    lake.write_files(EVALUATION, context.partition_key, files)
    table.attrs[FILES] = files_digest(files)
    return dg.MaterializeResult(
        value=table,
        metadata=table_metadata(table, **figures(numbers), skill=_skill(table, horizon=settings.horizon)),
        check_results=[checks.sane_forecasts(table, horizon=settings.horizon)],
    )


def _pictures(
    rows: History, table: pd.DataFrame, walks: Mapping[int, WalkForward], *, horizon: int
) -> dict[str, "Figure"]:
    """What a person looks at first, by file name; importance is of the horizon that signals act on."""
    ticker, walk = rows.ticker, walks[horizon]
    forecasts = {ahead: by_model(table, Model.CHAMPION, horizon=ahead) for ahead in walks}
    told = importance(rows.dataset(horizon), walk.last_year, walk.parameters, seed=SEED)
    return {
        "reliability.png": pictures.reliability_figure(ticker, forecasts),
        "coverage.png": pictures.coverage_figure(ticker, forecasts),
        "importance.png": pictures.importance_figure(ticker, told),
    }


def flattened(by_horizon: Mapping[int, msgspec.Struct]) -> dict[str, float]:
    """Every number of the records, as ``<name>_<horizon>``; what is nested joins its names by underscores."""
    return {
        f"{name}_{horizon}": value
        for horizon, record in by_horizon.items()
        for name, value in _numbers(msgspec.to_builtins(record))
    }


def _numbers(record: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}_{inner}", number) for inner, number in _numbers(value))
        elif isinstance(value, int | float):
            yield name, float(value)


def _skill(table: pd.DataFrame, *, horizon: int) -> dg.MarkdownMetadataValue:
    """Squared errors saved against forecasting zero, summed over time: above zero where the model was the better."""
    saved = {}
    for name in (Model.CHAMPION, Model.HISTORICAL_MEAN):
        rows = by_model(table, name, horizon=horizon)
        realised, mean = (rows[column].to_numpy(dtype=np.float64) for column in ("realised", "mean"))
        saved[name.value] = np.cumsum(realised**2 - (realised - mean) ** 2)
    return drawing("squared error saved against a forecast of zero", **saved)
