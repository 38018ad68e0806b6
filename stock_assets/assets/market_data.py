"""Group `market_data`: bars as traded, and the features of every window of them."""

from collections.abc import Iterator, Sequence

import dagster as dg
import pandas as pd

from quant.bars import CLOSE, adjusted
from quant.features import NAMES
from release.clock import Clock
from release.tables import digest
from stock_assets import price_checks
from stock_assets.calendars import calendar_of
from stock_assets.errors import SourceError
from stock_assets.frames import PRICE_COLUMNS, bars_of, feature_frame, price_table
from stock_assets.ingest.findings import FINDINGS, findings_table
from stock_assets.ingest.refresh import set_aside
from stock_assets.ingest.vault import Vault
from stock_assets.learning.dataset import history
from stock_assets.market import Look, refresh, stored
from stock_assets.partitions import tickers
from stock_assets.presentation import drawing, findings_marks, findings_metadata, table_metadata
from stock_assets.resources.lake import Lake
from stock_assets.settings import PipelineSettings
from stock_assets.sources.market_data import MarketData, NothingUsable
from stock_assets.version import code_version

GROUP = "market_data"


@dg.asset(
    partitions_def=tickers,
    group_name=GROUP,
    kinds={"parquet"},
    code_version=code_version(),
    output_required=False,
    check_specs=price_checks.specs(),
)
def prices(
    context: dg.AssetExecutionContext,
    market: dg.ResourceParam[MarketData],
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[PipelineSettings],
    clock: dg.ResourceParam[Clock],
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[pd.DataFrame]]:
    """Daily bars as traded, with splits and dividends beside them. Unsound bars never replace sound ones.

    The checks are of one ticker each; `stock-assets data report` tells of all, and `docs/market-data.md` what they
    hold bars to, what is mended, and how to decide on history that is held.
    """
    ticker, vault = context.partition_key, Vault(lake)
    try:
        seen = refresh(ticker, source=market, vault=vault, settings=settings, now=clock.now())
    except SourceError as error:
        if isinstance(error, NothingUsable):
            set_aside(vault, ticker, error.fetched, now=clock.now())
        if finding := price_checks.unreadable(error):
            # What is stored stays in force, and with it what was found of it.
            known = stored(ticker, vault=vault, settings=settings, now=clock.now())
            lake.write(FINDINGS, ticker, findings_table(ticker, [finding, *(known.findings if known else ())]))
            yield price_checks.failed_by(finding)
        raise
    lake.write(FINDINGS, ticker, findings_table(ticker, seen.assessment.findings))
    results = list(price_checks.evaluate(seen.assessment))
    if reason := price_checks.refused_by(results):
        yield from results
        raise dg.Failure(reason, allow_retries=False)
    # In this order: Dagster takes a check to be of the newest materialisation that there is.
    yield _materialized(seen)
    yield from results


def _materialized(seen: Look) -> dg.MaterializeResult[pd.DataFrame]:
    bars, found, fetched = seen.assessment.bars, seen.assessment, seen.intake.fetched
    table, data_sha256 = price_table(bars, ticker=found.ticker), digest(bars)
    marks = findings_marks(found.findings, bars.session)
    return dg.MaterializeResult(
        value=table,
        metadata=table_metadata(
            table,
            PRICE_COLUMNS,
            last_close=float(bars.close[-1]),
            close=drawing(f"{found.ticker} close, adjusted", marks, close=adjusted(bars)[:, CLOSE]),
            source=fetched.provenance.source,
            origin=fetched.provenance.origin,
            sessions_added=seen.intake.added,
            rows_merged=found.merged,
            **_told("sessions_left_for_later", found.unfinished),
            **_told("notes", found.notes),
            **findings_metadata(found.findings),
            data_sha256=data_sha256,
            responses_sha256=list(fetched.provenance.sha256),
        ),
        data_version=dg.DataVersion(data_sha256[:32]),
    )


def _told(name: str, words: Sequence[str]) -> dict[str, str]:
    """One entry of metadata for a person to read, none where there is nothing to tell."""
    return {name: "; ".join(words)} if words else {}


@dg.asset(
    partitions_def=tickers,
    group_name=GROUP,
    kinds={"numpy", "parquet"},
    code_version=code_version(),
    output_required=False,
    check_specs=[price_checks.history_spec()],
)
def features(
    context: dg.AssetExecutionContext, prices: pd.DataFrame, settings: dg.ResourceParam[PipelineSettings]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[pd.DataFrame]]:
    """The model's view of each session, and the return that followed it; no feature sees a later bar."""
    ticker, bars = context.partition_key, bars_of(prices)
    enough = price_checks.enough_history(ticker, bars)
    if not enough.passed:
        yield enough
        raise dg.Failure(enough.description, allow_retries=False)
    calendar = calendar_of(ticker, as_of=bars.session[-1].item())
    rows = history(bars, calendar, ticker=ticker, horizons=settings.horizons)
    table = feature_frame(rows)
    seen = drawing(f"{ticker} volatility, EWMA, per session", volatility=rows.volatility)
    metadata = table_metadata(table, features=len(NAMES), volatility=seen)
    yield dg.MaterializeResult(value=table, metadata=metadata)
    yield enough
