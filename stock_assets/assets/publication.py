"""Group `release`: what the server gets, published whole or not at all."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import msgspec
import numpy as np
import pandas as pd

from quant.errors import QuantError
from quant.features import NAMES, WINDOW
from quant.forecast import ForecastParameters
from release.clock import Clock
from release.errors import ReleaseError
from release.manifest import Refusal, SignalRow, Succession, TickerLineage, TradingCurves, TradingRecord
from release.onnx_model import OnnxModel
from release.portfolio import Portfolio
from release.store import Store
from release.tables import unpack
from release.writer import Draft, DraftTicker, publish
from stock_assets import checks
from stock_assets.calendars import calendar_of
from stock_assets.champions import LINEAGE, PARAMETERS, PARITY, Archive, Champion
from stock_assets.errors import LakeUnreadable, NothingToPublish, NotMaterialized, SignalsOfAnother, StockAssetsError
from stock_assets.failures import last_failure, why
from stock_assets.frames import bars_of
from stock_assets.learning.errors import ExportRefused
from stock_assets.model_card import release_card
from stock_assets.partitions import known_tickers, week_of
from stock_assets.portfolios import ALL, PERFORMANCE, PORTFOLIO
from stock_assets.resources.lake import Lake
from stock_assets.settings import PipelineSettings
from stock_assets.signals import BOUNDS, EQUITY, TRADING, are_of, read_signals
from stock_assets.succession import export_guard
from stock_assets.version import code_version

GROUP = "release"


@dg.asset(
    group_name=GROUP,
    kinds={"onnx", "json"},
    code_version=code_version(),
    deps=[
        dg.AssetDep("signals", partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep("champion", partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep(PERFORMANCE),
    ],
    check_specs=[
        dg.AssetCheckSpec(
            checks.VERIFIES,
            asset="published_release",
            description="A server could load what was published.",
            blocking=True,
        )
    ],
)
def published_release(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    clock: dg.ResourceParam[Clock],
    settings: dg.ResourceParam[PipelineSettings],
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses one beside checks
    """The release in force: every ticker that has a champion, the newest portfolio, and who was refused and why."""
    parts, refused = [], []
    for ticker in known_tickers(context.instance):
        if not (lake.has_files("champion", ticker) and lake.has("signals", ticker)):
            refused.append(Refusal(ticker=ticker, reason=last_failure(context.instance, ticker)))
            continue
        try:
            parts.append(draft_ticker(lake, ticker, horizons=settings.horizons))
        except (StockAssetsError, ReleaseError, QuantError, msgspec.MsgspecError) as error:
            # Whatever is wrong with one ticker's files is no reason to keep the others' from being published.
            refused.append(Refusal(ticker=ticker, reason=str(error)))
    if not parts:
        told = why({refusal.ticker: refusal.reason for refusal in refused})
        raise NothingToPublish(f"release: expected a ticker with a champion, got none ({told})")
    manifest = publish(settings.releases, _draft(context.run.run_id, parts, refused, lake, clock, settings))
    return dg.MaterializeResult(
        metadata={
            "release_id": manifest.release_id,
            "as_of": manifest.as_of,
            "tickers": ", ".join(part.lineage.ticker for part in parts),
            "refused": "; ".join(f"{refusal.ticker}: {refusal.reason}" for refusal in refused) or "none",
            "files": len(manifest.files),
            "bytes": sum(file.size for file in manifest.files),
        },
        check_results=[_verifies(settings, manifest.release_id)],
    )


def draft_ticker(lake: Lake, ticker: str, *, horizons: Sequence[int]) -> DraftTicker:
    """What the lake holds of a ticker with a champion, up to the session of its newest signal.

    A champion whose signals have not been made yet waits: the version that the signals are of is drafted with them.

    Raises
    ------
    LakeUnreadable, NotMaterialized, ReleaseError, QuantError, msgspec.MsgspecError
        If it can't be read.
    NotMaterialized
        If its model has other horizons than a release is to have, or other code made its signals.
    ExportRefused
        If its model does not repeat on this machine what it said in training.
    SignalsOfAnother
        If no version is kept that the signals are of.
    """
    signals, files = read_signals(lake, ticker)
    champion = Champion.read(lake, ticker)
    if not are_of(champion.lineage, files):
        champion = _version_of(lake, ticker, files)
    if tuple(champion.parameters) != tuple(horizons):
        wanted, got = (", ".join(map(str, each)) for each in (horizons, champion.parameters))
        raise NotMaterialized(f"{ticker}: expected a model of the horizons {wanted}, got {got}; materialize it")
    guard = export_guard(champion)
    if not guard.passed:
        raise ExportRefused(f"{ticker}: {guard}")
    if EQUITY not in files:
        raise NotMaterialized(
            f"{ticker}: expected {EQUITY} beside its signals, got those of other code; materialize it"
        )
    outputs = OnnxModel(champion.onnx).outputs
    return DraftTicker(
        lineage=champion.lineage,
        bars=bars_of(lake.read("prices", ticker)).through(np.datetime64(signals["date"].iloc[-1], "D")),
        onnx=champion.onnx,
        parity=unpack(champion.parity, names=("features", *outputs), file=PARITY),
        parameters=msgspec.json.decode(files[PARAMETERS], type=dict[int, ForecastParameters]),
        metrics=champion.metrics,
        signals=signal_rows(signals),
        trading=msgspec.json.decode(files[TRADING], type=TradingRecord),
        curves=msgspec.json.decode(files[EQUITY], type=TradingCurves),
        succession=_succession(lake, champion.lineage),
    )


def _version_of(lake: Lake, ticker: str, files: Mapping[str, bytes]) -> Champion:
    """The kept version that the files beside a ticker's signals are of."""
    found = None
    if LINEAGE in files:
        found = Archive(lake, ticker).of_lineage(msgspec.json.decode(files[LINEAGE], type=TickerLineage))
    if found is None:
        raise SignalsOfAnother(f"{ticker}: expected signals of a version that is kept, got others; materialize signals")
    return found


def _succession(lake: Lake, lineage: TickerLineage) -> Succession:
    """How the version came into force, by the ticker's ledger."""
    told = Archive(lake, lineage.ticker).ledger().succession(lineage.model_version)
    if told is None:
        raise LakeUnreadable(
            f"{lineage.ticker}: expected a ledger of how v{lineage.model_version} came, got none of it"
        )
    return told


def signal_rows(signals: pd.DataFrame) -> list[SignalRow]:
    """The table's rows as a release keeps them."""
    # Typed for mypy: pandas' stubs know nothing of a row's attributes.
    rows: list[Any] = list(signals.itertuples(index=False))
    return [
        SignalRow(
            session=str(row.date.date()),
            target_session=str(row.target_date.date()),
            action=row.action,
            confidence=row.confidence,
            edge_bp=row.edge_bp,
            vol=row.vol,
            p_up=row.p_up,
            **{name: getattr(row, name) for name in BOUNDS},
            reason=row.reason,
            realised=row.realised if np.isfinite(row.realised) else None,
        )
        for row in rows
    ]


def _draft(
    run_id: str, parts: list[DraftTicker], refused: list[Refusal], lake: Lake, clock: Clock, settings: PipelineSettings
) -> Draft:
    as_of: date = max(part.bars.session[-1] for part in parts).item()
    calendars = [calendar_of(part.lineage.ticker, as_of=as_of) for part in parts]
    portfolio = _portfolio(lake, as_of)
    return Draft(
        as_of=as_of.isoformat(),
        horizons=settings.horizons,
        window=WINDOW,
        features=NAMES,
        code_version=code_version(),
        dagster_run_id=run_id,
        created_at=clock.now(),
        calendars={calendar.exchange: calendar for calendar in calendars},
        tickers=parts,
        model_card=release_card(parts, refused, as_of=as_of.isoformat(), portfolio=portfolio),
        portfolio=portfolio,
        refused=refused,
    )


def _portfolio(lake: Lake, as_of: date) -> Portfolio | None:
    """The newest portfolio if it is of the week that the newest bar is in; a release may go without."""
    if not lake.has_files(PERFORMANCE, ALL):
        return None
    portfolio = msgspec.json.decode(lake.read_files(PERFORMANCE, ALL)[PORTFOLIO], type=Portfolio)
    return portfolio if portfolio.week == week_of(as_of) else None


def _verifies(settings: PipelineSettings, release_id: str) -> dg.AssetCheckResult:
    try:
        release = Store(settings.releases).load(release_id)
    except ReleaseError as error:
        return dg.AssetCheckResult(check_name=checks.VERIFIES, passed=False, description=str(error))
    return dg.AssetCheckResult(check_name=checks.VERIFIES, passed=True, metadata={"tickers": len(release.tickers)})
