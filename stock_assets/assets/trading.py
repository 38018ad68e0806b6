"""Group `trading`: what the champion says to do, and how its forecasts have done since they went live."""

import dagster as dg
import msgspec
import pandas as pd

from release.tables import digest
from stock_assets.champions import PARAMETERS, Champion
from stock_assets.frames import bars_of, history_of
from stock_assets.freshness import FINGERPRINT, fingerprint
from stock_assets.live import outcomes
from stock_assets.partitions import tickers
from stock_assets.presentation import figures, table_metadata
from stock_assets.resources.lake import Lake
from stock_assets.settings import PipelineSettings
from stock_assets.signals import TRADING, flattened_books, parameters_now, rolled_forward, signal_table, trading_record
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
    record = trading_record(table, bars, champion)
    files = {PARAMETERS: parameters_now(champion, forecasts), TRADING: msgspec.json.encode(record)}
    lake.write_files("signals", context.partition_key, files)
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
