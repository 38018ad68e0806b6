"""Group `trading`: what the champion says to do, and how its forecasts have done since they went live."""

from dataclasses import replace

import dagster as dg
import msgspec
import pandas as pd

from quant.forecast import ForecastParameters
from release.manifest import TickerLineage, TickerMetrics, TradingRecord
from release.tables import digest
from stock_assets.champions import EVALUATION, LINEAGE, METRICS, MODEL, PARAMETERS, Champion
from stock_assets.errors import LakeUnreadable, NotMaterialized
from stock_assets.figures import equity_figure
from stock_assets.frames import bars_of, history_of
from stock_assets.freshness import FINGERPRINT, fingerprint
from stock_assets.live import outcomes
from stock_assets.model_card import Subject, ticker_card
from stock_assets.partitions import tickers
from stock_assets.presentation import figures, table_metadata
from stock_assets.resources import tracking
from stock_assets.resources.lake import FILES, Lake, files_digest
from stock_assets.settings import PipelineSettings
from stock_assets.signals import (
    EQUITY,
    TRADING,
    Books,
    flattened_books,
    parameters_now,
    rolled_forward,
    signal_table,
    traded,
    trading_curves,
    trading_record,
)
from stock_assets.version import code_version

GROUP = "trading"


@dg.asset(
    partitions_def=tickers, group_name=GROUP, kinds={"numpy", "parquet"}, code_version=code_version(), deps=["champion"]
)
def signals(
    context: dg.AssetExecutionContext,
    prices: pd.DataFrame,
    features: pd.DataFrame,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[PipelineSettings],
) -> dg.MaterializeResult[pd.DataFrame]:
    """BUY, SELL or HOLD for every session that was forecast out of sample, up to the newest, and what that earned."""
    champion, rows = Champion.read(lake, context.partition_key), history_of(features)
    forecasts = rolled_forward(champion, rows)
    table, bars = signal_table(champion, forecasts), bars_of(prices)
    books = traded(table, bars, champion)
    record = trading_record(books, champion)
    files = {
        PARAMETERS: parameters_now(champion, forecasts),
        TRADING: msgspec.json.encode(record),
        EQUITY: msgspec.json.encode(trading_curves(books)),
        LINEAGE: msgspec.json.encode(champion.lineage),
    }
    # Before anything is written: an MLflow that is down then leaves table and files of one version.
    _tell_run(context.run.run_id, lake, settings, champion, books, record)
    lake.write_files("signals", context.partition_key, files)
    table.attrs[FILES] = files_digest(files)
    newest = table.iloc[-1]
    return dg.MaterializeResult(
        value=table,
        metadata=table_metadata(
            table,
            now=f"{newest['action']} ({newest['confidence']:.0f} %): {newest['reason']}",
            **{f"{str(action).lower()}_sessions": int(n) for action, n in table["action"].value_counts().items()},
            **figures(flattened_books(record)),
            **{FINGERPRINT: fingerprint(digest(bars), settings)},
        ),
    )


def _tell_run(
    run_id: str, lake: Lake, settings: PipelineSettings, champion: Champion, books: Books, record: TradingRecord
) -> None:
    """If this run has trained a model: its card to MLflow, and what its signals earned, if it serves."""
    trained = _trained(lake, champion.lineage.ticker, by=run_id)
    if trained is None:
        return
    metrics: dict[str, float] = {}
    pictures = {}
    if trained.lineage == champion.lineage:
        trained = replace(trained, trading=record)
        metrics = flattened_books(record)
        pictures["equity.png"] = equity_figure(
            trained.lineage.ticker,
            books.session,
            signals=books.signals.equity,
            buy_and_hold=books.buy_and_hold.equity,
            cost_bp=books.costs.cost_bp + books.costs.slippage_bp,
        )
    tracking.log_outcome(
        settings.tracking_uri,
        trained.lineage.mlflow_run_id,
        card=ticker_card(trained),
        metrics=metrics,
        figures=pictures,
    )


def _trained(lake: Lake, ticker: str, *, by: str) -> Subject | None:
    """The model that a run has trained, whether or not it serves; None if the newest is another run's.

    One that can't be read was left by a training that was cut short, or by other code: not by a run that came this far.
    """
    try:
        lineage = msgspec.json.decode(lake.read_files(MODEL, ticker)[LINEAGE], type=TickerLineage)
    except (LakeUnreadable, NotMaterialized, msgspec.MsgspecError):
        return None
    if lineage.dagster_run_id != by:
        return None
    evaluation = lake.read_files(EVALUATION, ticker)
    return Subject(
        lineage=lineage,
        metrics=msgspec.json.decode(evaluation[METRICS], type=dict[int, TickerMetrics]),
        parameters=msgspec.json.decode(evaluation[PARAMETERS], type=dict[int, ForecastParameters]),
    )


@dg.asset(
    partitions_def=tickers, group_name=GROUP, kinds={"sqlite", "parquet"}, code_version=code_version(), deps=[signals]
)
def live_performance(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[PipelineSettings]
) -> dg.MaterializeResult[pd.DataFrame]:
    """Forecasts that the live engine made at a session's close, with what came of them; empty before it has run."""
    table = outcomes(settings.audit, context.partition_key)
    error = table["realised"] - table["mean"]
    scores = {"mean_squared_error": (error**2).mean(), "mean_squared_residual": ((error / table["vol"]) ** 2).mean()}
    return dg.MaterializeResult(value=table, metadata=table_metadata(table, **figures(scores)))
