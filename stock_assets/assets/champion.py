"""Group `forecast`: which model serves, and why."""

import io
from typing import Any

import dagster as dg
import msgspec
import pandas as pd

from release.manifest import TickerLineage
from stock_assets import checks, parquet
from stock_assets.assets.forecast import GROUP, flattened, model
from stock_assets.champions import LINEAGE, RECORD, Champion
from stock_assets.learning.promotion import decide
from stock_assets.partitions import ticker_check, tickers
from stock_assets.presentation import figures
from stock_assets.resources import registry
from stock_assets.resources.lake import Lake
from stock_assets.settings import PipelineSettings
from stock_assets.version import code_version


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
    settings: dg.ResourceParam[PipelineSettings],
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses one beside checks
    """The model that serves: the new one, unless a paired test on the same days or a guard speaks against it."""
    ticker = context.partition_key
    before = lake.read_files("champion", ticker) if lake.has_files("champion", ticker) else None
    decision = decide(
        oos_predictions,
        None if before is None else parquet.frame(io.BytesIO(before[RECORD])),
        horizon=settings.horizon,
    )
    challenger = lake.read_files("model", ticker)
    lineage = msgspec.json.decode(challenger[LINEAGE], type=TickerLineage)
    if decision.promote:
        evaluation = lake.read_files("oos_predictions", ticker)
        lake.write_files("champion", ticker, {**challenger, **evaluation, RECORD: _parquet(oos_predictions)})
    elif before is None:
        raise dg.Failure(f"{ticker}: no model to serve; {'; '.join(decision.reasons)}", allow_retries=False)
    reason = f"{decision.verdict.value}: {'; '.join(decision.reasons)}"
    registry.log_decision(mlflow, ticker, lineage.model_version, promoted=decision.promote, reason=reason)
    serving = Champion.read(lake, ticker)
    return dg.MaterializeResult(
        metadata={
            "promoted": decision.promote,
            "decision": reason,
            "model_version": f"{serving.lineage.model_name} v{serving.lineage.model_version}",
            **figures(decision.figures),
            **figures(flattened(serving.parameters)),
        },
        check_results=[checks.promotion(decision)],
    )


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()
