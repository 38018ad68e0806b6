"""Group `market_data`: bars as traded, and the features of every window of them."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from quant.bars import CLOSE, adjusted
from quant.faults import faults
from quant.features import NAMES
from release.tables import digest
from stock_assets import checks
from stock_assets.calendars import calendar_of
from stock_assets.frames import bars_of, feature_frame, price_table
from stock_assets.learning.dataset import dataset
from stock_assets.partitions import tickers
from stock_assets.presentation import drawing, table_metadata
from stock_assets.settings import PipelineSettings
from stock_assets.sources.market_data import MarketData
from stock_assets.version import code_version

GROUP = "market_data"


@dg.asset(
    partitions_def=tickers,
    group_name=GROUP,
    kinds={"parquet"},
    code_version=code_version(),
    output_required=False,
    check_specs=[
        checks.spec("prices", checks.SOUND, "Every bar keeps every rule of quant.bars.", blocking=True),
        checks.spec("prices", checks.HISTORY, "Enough bars to train a model and to judge it.", blocking=True),
        checks.spec("prices", checks.CALENDAR, "A bar for each of the exchange's sessions.", blocking=False),
    ],
)
def prices(
    context: dg.AssetExecutionContext,
    market: dg.ResourceParam[MarketData],
    settings: dg.ResourceParam[PipelineSettings],
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[pd.DataFrame]]:
    """Daily bars as traded, with splits and dividends beside them. Unsound bars never replace sound ones."""
    ticker = context.partition_key
    fetched = market.fetch(ticker, end=settings.as_of)
    bars = fetched.bars
    found = faults(bars)
    yield checks.sound_bars(ticker, found)
    if found:
        raise dg.Failure(checks.told(ticker, found), allow_retries=False)
    yield checks.enough_history(ticker, bars)
    yield checks.sessions_of_the_calendar(bars, calendar_of(ticker, as_of=bars.session[-1].item()))
    table, data_sha256 = price_table(bars, ticker=ticker), digest(bars)
    yield dg.MaterializeResult(
        value=table,
        metadata=table_metadata(
            table,
            source=fetched.provenance.source,
            origin=fetched.provenance.origin,
            data_sha256=data_sha256,
            last_close=float(bars.close[-1]),
            close=drawing(f"{ticker} close, adjusted", close=adjusted(bars)[:, CLOSE]),
        ),
        data_version=dg.DataVersion(data_sha256[:32]),
    )


@dg.asset(partitions_def=tickers, group_name=GROUP, kinds={"numpy", "parquet"}, code_version=code_version())
def features(
    context: dg.AssetExecutionContext, prices: pd.DataFrame, settings: dg.ResourceParam[PipelineSettings]
) -> dg.MaterializeResult[pd.DataFrame]:
    """The model's view of each session, and the return that followed it; no feature sees a later bar."""
    ticker, bars = context.partition_key, bars_of(prices)
    calendar = calendar_of(ticker, as_of=bars.session[-1].item())
    data = dataset(bars, calendar, ticker=ticker, horizon=settings.horizon)
    table = feature_frame(data)
    seen = drawing(f"{ticker} volatility, EWMA, per session", volatility=data.volatility)
    metadata = table_metadata(table, features=len(NAMES), labelled=data.labelled, volatility=seen)
    return dg.MaterializeResult(value=table, metadata=metadata)
