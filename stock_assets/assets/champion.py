"""Group `forecast`: which model serves, and why."""

import io
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import msgspec
import pandas as pd

from release.clock import Clock, iso
from release.manifest import TickerLineage
from stock_assets import checks, succession
from stock_assets.assets.forecast import GROUP, flattened, model
from stock_assets.champions import CHAMPION, EVALUATION, LINEAGE, MODEL, RECORD, Champion
from stock_assets.partitions import ticker_check, tickers
from stock_assets.presentation import figures
from stock_assets.resources.lake import FILES, Lake, files_digest
from stock_assets.settings import PipelineSettings
from stock_assets.succession import Settled
from stock_assets.version import code_version


@dg.asset(
    partitions_def=tickers,
    group_name=GROUP,
    kinds={"onnx", "mlflow"},
    code_version=code_version(),
    deps=[model],
    output_required=False,
    check_specs=[
        ticker_check(
            CHAMPION, checks.DECIDED, "The challenger is sound and no worse than the champion.", blocking=False
        )
    ],
)
def champion(
    context: dg.AssetExecutionContext,
    oos_predictions: pd.DataFrame,
    mlflow: dg.ResourceParam[Any],
    lake: dg.ResourceParam[Lake],
    clock: dg.ResourceParam[Clock],
    settings: dg.ResourceParam[PipelineSettings],
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:  # type: ignore[type-arg]  # it has no value
    """The model that serves: the new one, unless a paired test on the same days or a guard speaks against it.

    `stock-assets models` lists, compares, promotes and rolls back by hand; `docs/operations.md` says what to do about
    a challenger that was refused.
    """
    ticker = context.partition_key
    trained, evaluated = lake.read_files(MODEL, ticker), lake.read_files(EVALUATION, ticker)
    require_one_training(ticker, trained, evaluated, oos_predictions, told=lake.told(EVALUATION, ticker))
    settled = succession.settle(
        lake,
        ticker,
        {**trained, **evaluated, RECORD: _parquet(oos_predictions)},
        client=mlflow.MlflowClient(),
        horizons=settings.horizons,
        at=iso(clock.now()),
        by=context.run.run_id,
    )
    check = checks.promotion(settled.decision)
    if settled.ledger.champion is None:
        yield check
        raise dg.Failure(f"{ticker}: no model to serve; {settled.decision}", allow_retries=False)
    # In this order: Dagster takes a check to be of the newest materialisation that there is.
    yield dg.MaterializeResult(metadata=metadata(settled, Champion.read(lake, ticker)))
    yield check


def require_one_training(
    ticker: str,
    trained: Mapping[str, bytes],
    evaluated: Mapping[str, bytes],
    record: pd.DataFrame,
    *,
    told: Mapping[str, str],
) -> None:
    """`dg.Failure` unless model, evaluation and record are of the same bars: a run can be cut short between them."""
    through = msgspec.json.decode(trained[LINEAGE], type=TickerLineage).last_session
    judged = str(record["date"].max().date())
    if judged != through or told.get(FILES) != files_digest(evaluated):
        raise dg.Failure(
            f"{ticker}: expected an evaluation of the model trained through {through}, got one through {judged} or "
            "half of one; materialize oos_predictions",
            allow_retries=False,
        )


def metadata(settled: Settled, serving: Champion) -> dict[str, Any]:
    """What a person wants to see of a decision and of the model that serves after it, whoever decided."""
    ledger, since = settled.ledger, settled.ledger.since
    return {
        "promoted": ledger.in_force == settled.version.key,
        "decision": str(settled.decision),
        "model_version": f"{serving.lineage.model_name} v{serving.lineage.model_version}",
        "challenger": f"v{settled.version.version}",
        **({} if since is None else {"since": since.at, "how": since.how.value, "by": since.by, "why": since.why}),
        **({"forced": since.forced} if since is not None and since.forced else {}),
        **checks.decision_metadata(settled.decision),
        **figures(flattened(serving.parameters)),
    }


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()
