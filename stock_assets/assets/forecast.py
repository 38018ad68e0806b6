"""Group `forecast`: the trained model, its out-of-sample record, and which model serves."""

import io
from typing import Any, Self

import dagster as dg
import msgspec
import numpy as np
import pandas as pd

from quant.bars import Bars
from quant.forecast import ForecastParameters
from release.clock import Clock, iso
from release.manifest import TickerLineage, TickerMetrics
from release.tables import digest, pack
from stock_assets import checks, parquet
from stock_assets.calendars import exchange_of
from stock_assets.frames import bars_of, dataset_of
from stock_assets.learning.export import Exported, export
from stock_assets.learning.promotion import decide
from stock_assets.learning.scores import by_model, ticker_metrics
from stock_assets.learning.training import train
from stock_assets.learning.walk_forward import Model, walk_forward
from stock_assets.partitions import ticker_check, tickers
from stock_assets.presentation import drawing, figures, table_metadata
from stock_assets.resources import tracking
from stock_assets.resources.lake import Lake
from stock_assets.settings import PipelineSettings
from stock_assets.version import code_digest, code_version

GROUP = "forecast"
SEED = 7
PARAMETERS, METRICS, LINEAGE, ONNX, PARITY, RECORD = (
    "forecast.json",
    "metrics.json",
    "lineage.json",
    "model.onnx",
    "parity.npz",
    "oos_predictions.parquet",
)


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
    """Ridge and random forest, tuned and fitted on every labelled session, as one ONNX graph in the registry."""
    ticker, bars = context.partition_key, bars_of(prices)
    data = dataset_of(features, horizon=settings.horizon)
    trained = train(data, seed=SEED)
    exported = export(trained)
    logged = tracking.log_training(
        mlflow,
        ticker,
        graph=exported.onnx,
        params={**trained.settings(), "horizon": settings.horizon, "seed": SEED, "labelled_rows": data.labelled},
        metrics={"onnx_max_error": exported.max_error},
        tags={"data_sha256": digest(bars), "code_version": code_version(), "code_digest": code_digest()},
    )
    tracking.log_dataset(
        mlflow, ticker, digest=digest(bars), source={"source": settings.source.value}, path=str(lake.root / "prices")
    )
    lineage = _lineage(context, bars, settings, clock, logged)
    lake.write_files("model", ticker, _files(exported, lineage))
    return dg.MaterializeResult(
        metadata={
            "model_version": f"{lineage.model_name} v{lineage.model_version}",
            "mlflow_run_id": lineage.mlflow_run_id,
            "rows": data.labelled,
            "onnx_bytes": len(exported.onnx),
            **figures(trained.settings()),
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
    parity = {
        "features": exported.parity_features,
        "ridge": exported.parity_ridge,
        "forest": exported.parity_forest,
    }
    return {ONNX: exported.onnx, PARITY: pack(parity), LINEAGE: msgspec.json.encode(lineage)}


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
    """Forecasts as they would have been made, refit quarter by quarter, every candidate beside its baselines."""
    walk = walk_forward(dataset_of(features, horizon=settings.horizon), seed=SEED)
    scores = ticker_metrics(walk.table, close=features.set_index("date")["adjusted_close"])
    lake.write_files(
        "oos_predictions",
        context.partition_key,
        {PARAMETERS: msgspec.json.encode(walk.parameters), METRICS: msgspec.json.encode(scores)},
    )
    numbers = {name: value for name, value in msgspec.to_builtins(scores).items() if not isinstance(value, str)}
    parameters = msgspec.to_builtins(walk.parameters)
    with tracking.timed("oos_predictions"):
        mlflow.log_metrics({**numbers, **parameters})
    return dg.MaterializeResult(
        value=walk.table,
        metadata=table_metadata(walk.table, **figures({**numbers, **parameters}), skill=_skill(walk.table)),
        check_results=[checks.sane_forecasts(walk.table)],
    )


def _skill(table: pd.DataFrame) -> dg.MarkdownMetadataValue:
    """Squared errors saved against forecasting zero, summed over time: above zero where the model was the better."""
    saved = {}
    for name in (Model.CHAMPION, Model.HISTORICAL_MEAN):
        rows = by_model(table, name)
        realised, mean = (rows[column].to_numpy(dtype=np.float64) for column in ("realised", "mean"))
        saved[name.value] = np.cumsum(realised**2 - (realised - mean) ** 2)
    return drawing("squared error saved against a forecast of zero", **saved)


@dg.asset(
    partitions_def=tickers,
    group_name=GROUP,
    kinds={"onnx", "mlflow"},
    code_version=code_version(),
    deps=[model],
    check_specs=[
        ticker_check("champion", checks.DECIDED, "The challenger is no worse than the champion.", blocking=False)
    ],
)
def champion(
    context: dg.AssetExecutionContext,
    oos_predictions: pd.DataFrame,
    mlflow: dg.ResourceParam[Any],
    lake: dg.ResourceParam[Lake],
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses one beside checks
    """The model that serves: the new one, unless a paired test on the same days or a guard speaks against it."""
    ticker = context.partition_key
    before = lake.read_files("champion", ticker) if lake.has_files("champion", ticker) else None
    decision = decide(oos_predictions, None if before is None else parquet.frame(io.BytesIO(before[RECORD])))
    challenger = lake.read_files("model", ticker)
    lineage = msgspec.json.decode(challenger[LINEAGE], type=TickerLineage)
    if decision.promote:
        evaluation = lake.read_files("oos_predictions", ticker)
        lake.write_files("champion", ticker, {**challenger, **evaluation, RECORD: _parquet(oos_predictions)})
    elif before is None:
        raise dg.Failure(f"{ticker}: no model to serve; {'; '.join(decision.reasons)}", allow_retries=False)
    reason = f"{decision.verdict.value}: {'; '.join(decision.reasons)}"
    tracking.log_decision(mlflow, ticker, lineage.model_version, promoted=decision.promote, reason=reason)
    serving = Champion.read(lake, ticker)
    return dg.MaterializeResult(
        metadata={
            "promoted": decision.promote,
            "decision": reason,
            "model_version": f"{serving.lineage.model_name} v{serving.lineage.model_version}",
            **figures(decision.figures),
            **figures(msgspec.to_builtins(serving.parameters)),
        },
        check_results=[checks.promotion(decision)],
    )


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


class Champion(msgspec.Struct, frozen=True, kw_only=True):
    """The promoted files of one ticker, decoded; `oos` is the record that it was promoted on."""

    lineage: TickerLineage
    parameters: ForecastParameters
    metrics: TickerMetrics
    onnx: bytes
    parity: bytes
    oos: bytes

    @classmethod
    def read(cls, lake: Lake, ticker: str) -> Self:
        """From the lake; `NotMaterialized` for a ticker without one."""
        files = lake.read_files("champion", ticker)
        return cls(
            lineage=msgspec.json.decode(files[LINEAGE], type=TickerLineage),
            parameters=msgspec.json.decode(files[PARAMETERS], type=ForecastParameters),
            metrics=msgspec.json.decode(files[METRICS], type=TickerMetrics),
            onnx=files[ONNX],
            parity=files[PARITY],
            oos=files[RECORD],
        )

    def forecasts(self) -> pd.DataFrame:
        """Its out-of-sample forecasts, one row a session, oldest first; `realised` is NaN while it isn't known."""
        table = parquet.frame(io.BytesIO(self.oos))
        return table[table["model"] == Model.CHAMPION.value].sort_values("date", ignore_index=True)
