"""Group `trading`: what the champion says to do, and how its forecasts have done since they went live."""

import dagster as dg
import numpy as np
import pandas as pd

from quant.features import NAMES
from quant.forecast import Forecast
from quant.signals import SignalRule, replay
from release.inference import forecast_rows
from release.onnx_model import OnnxModel
from release.tables import digest
from stock_assets.assets.forecast import Champion
from stock_assets.frames import bars_of
from stock_assets.freshness import FINGERPRINT, fingerprint
from stock_assets.live import outcomes
from stock_assets.partitions import tickers
from stock_assets.presentation import figures, table_metadata
from stock_assets.resources.lake import Lake
from stock_assets.settings import PipelineSettings
from stock_assets.version import code_version

GROUP = "trading"
FORECAST = ["mean", "vol", "p_up", "lower_90", "upper_90"]


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
    """BUY, SELL or HOLD for every session that was forecast out of sample, up to the newest."""
    table = signal_table(Champion.read(lake, context.partition_key), features)
    newest = table.iloc[-1]
    return dg.MaterializeResult(
        value=table,
        metadata=table_metadata(
            table,
            now=f"{newest['action']} ({newest['confidence']:.0f} %): {newest['reason']}",
            **{f"{str(action).lower()}_sessions": int(n) for action, n in table["action"].value_counts().items()},
            **{FINGERPRINT: fingerprint(digest(bars_of(prices)), settings)},
        ),
    )


def signal_table(champion: Champion, features: pd.DataFrame) -> pd.DataFrame:
    """A row a session: ticker, date, target_date, the forecast, action, confidence (0-100), edge_bp, reason, realised.

    Sessions whose outcome the champion was trained on keep the forecast that was made of them out of sample; those
    since are forecast by the champion itself, which has not seen their outcome either.
    """
    record = champion.forecasts()
    past = record[record["realised"].notna()]
    since = features[features["date"] > past["date"].iloc[-1]]
    X = np.ascontiguousarray(since[list(NAMES)].to_numpy(dtype=np.float64))
    now = forecast_rows(OnnxModel(champion.onnx), champion.parameters, X)
    rows = pd.concat(
        [
            past[["date", "target_date", *FORECAST, "realised"]],
            since[["date", "target_date"]].assign(
                **{name: getattr(now, name) for name in FORECAST}, realised=since["target"]
            ),
        ],
        ignore_index=True,
    )
    rows.insert(0, "ticker", champion.lineage.ticker)
    made = Forecast(*(rows[name].to_numpy(dtype=np.float64) for name in FORECAST))
    decided = list(replay(made, rule=SignalRule()))
    return rows.assign(
        action=[signal.action.value for signal in decided],
        confidence=[signal.confidence for signal in decided],
        edge_bp=[signal.edge_bp for signal in decided],
        reason=[signal.reason for signal in decided],
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
