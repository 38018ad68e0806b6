"""Dagster runs started from this process, on the persistent instance: one ticker, one run.

A pool of warm worker processes calls these functions; nothing here starts a process. Every argument and result can be
pickled but the instance, which a worker opens for itself.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import dagster as dg
from dagster import DagsterEventType, DagsterInstance, EventLogEntry, ExecuteInProcessResult

from quant.bars import Bars
from quant.faults import Rule
from release.store import Store
from release.tables import digest
from stock_assets.champions import Champion
from stock_assets.definitions import definitions
from stock_assets.errors import (
    BadSelection,
    LakeUnreadable,
    NothingToPublish,
    NotMaterialized,
    SignalsOfAnother,
    SourceError,
)
from stock_assets.failures import cause, last_failure, one_line, why
from stock_assets.freshness import FINGERPRINT, fingerprint
from stock_assets.ingest.refresh import brings_news
from stock_assets.ingest.vault import Vault
from stock_assets.instance import open_instance
from stock_assets.jobs import TRAINING, fetch_ticker, publish, refresh_ticker
from stock_assets.market import look, stored
from stock_assets.partitions import known_tickers, week_of
from stock_assets.price_checks import refusal
from stock_assets.resources.lake import Lake, lake_of
from stock_assets.resources.registry import RegistryUnavailable
from stock_assets.resources.stopwatch import stopwatch
from stock_assets.resources.tracking import mark_failed
from stock_assets.sensors.runs import UNFINISHED, newest_session, range_tags, weeks_due
from stock_assets.settings import PipelineSettings
from stock_assets.signals import are_of, read_signals
from stock_assets.sources.catalogue import opened

# Which process of this machine a run is in.
PROCESS_TAG: Final = "stock_assets/process"
# Progress is the caller's to show; the events themselves are in the instance.
Report = Callable[[str], None]
QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How one Dagster run went.

    Attributes
    ----------
    run_id : str
    ok : bool
    error : str
        One line for a person; empty if it went well.
    seconds : float
        Wall time of the whole run.
    step_seconds : dict
        Wall time of each step by asset, without what MLflow took in it.
    tracking_seconds : float
        What MLflow took, in the steps and around them; the rest of `seconds` is Dagster's own.
    """

    run_id: str
    ok: bool
    error: str
    seconds: float
    step_seconds: dict[str, float] = field(default_factory=dict)
    tracking_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerRun(Run):
    """The run of one ticker."""

    ticker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestRun(Run):
    """The run that made the portfolio and the release; `release_id` is the one in force after it."""

    week: str
    release_id: str | None


def materialize_ticker(
    instance: DagsterInstance,
    settings: PipelineSettings,
    ticker: str,
    selection: str | None = None,
    *,
    report: Report | None = None,
) -> TickerRun:
    """Run one ticker's chain in this process. A failure is told, not raised.

    Parameters
    ----------
    instance : DagsterInstance
    settings : PipelineSettings
    ticker : str
    selection : str, optional
        In Dagster's words, such as ``model+``; what it picks outside the chain is left out.
    report : callable, optional
        Is given each asset's name as its step starts.
    """
    job, tags = refresh_ticker.name, {"ticker": ticker}
    keys = chosen(settings, selection)
    return TickerRun(
        ticker=ticker, **_execute(instance, settings, job, ticker, selection=keys, tags=tags, report=report)
    )


def chosen(settings: PipelineSettings, selection: str | None) -> list[dg.AssetKey] | None:
    """The keys of the ticker's chain that a selection picks; None, which means all, without one.

    `BadSelection` if it can't be read, or picks none of them.
    """
    if selection is None:
        return None
    graph = definitions(settings).resolve_asset_graph()
    try:
        picked = dg.AssetSelection.from_string(selection).resolve(graph)
    except dg.DagsterError as error:
        raise BadSelection(
            f"selection: expected one such as model+, got {selection!r} ({one_line(str(error))})"
        ) from None
    keys = [key for key in picked if key.to_user_string() in TRAINING]
    if not keys:
        raise BadSelection(f"selection: expected some of {', '.join(TRAINING)}, got {selection!r}")
    return keys


def run_ticker(
    settings: PipelineSettings, ticker: str, selection: str | None = None, *, report: Report | None = None
) -> TickerRun:
    """`materialize_ticker` for a worker process, on an instance that it keeps open from run to run."""
    return materialize_ticker(_kept_instance(settings), settings, ticker, selection, report=report)


def run_fetch(settings: PipelineSettings, ticker: str, *, report: Report | None = None) -> TickerRun:
    """Bring one ticker's bars up to date and check them, for a worker process; nothing is trained."""
    instance, tags = _kept_instance(settings), {"ticker": ticker}
    return TickerRun(ticker=ticker, **_execute(instance, settings, fetch_ticker.name, ticker, tags=tags, report=report))


def run_rest(settings: PipelineSettings, *, report: Report | None = None) -> RestRun:
    """`materialize_rest` for a worker process."""
    return materialize_rest(_kept_instance(settings), settings, report=report)


@lru_cache(maxsize=1)
def _kept_instance(settings: PipelineSettings) -> DagsterInstance:
    return open_instance(settings)


def materialize_rest(instance: DagsterInstance, settings: PipelineSettings, *, report: Report | None = None) -> RestRun:
    """Run the portfolio of the newest week and publish a release of every ticker with a champion.

    Raises
    ------
    NothingToPublish
        If no ticker has come that far.
    """
    lake = lake_of(settings)
    known = known_tickers(instance)
    newest = newest_session(lake, known)
    if newest is None:
        refused = {ticker: last_failure(instance, ticker) for ticker in known}
        raise NothingToPublish(f"release: expected a ticker with a champion, got none ({why(refused)})")
    week = week_of(newest.date())
    due = weeks_due(lake, known, week, most=settings.portfolio_weeks)
    summary = _execute(instance, settings, publish.name, due, report=report)
    return RestRun(week=week, release_id=Store(settings.releases).current(), **summary)


def _execute(
    instance: DagsterInstance,
    settings: PipelineSettings,
    job: str,
    partition: str | tuple[str, str],
    *,
    selection: Sequence[dg.AssetKey] | None = None,
    tags: dict[str, str] | None = None,
    report: Report | None = None,
) -> dict[str, Any]:
    """Run a job here, of one partition or of all from a first to a last; the fields of its `Run`."""

    def listen(entry: EventLogEntry) -> None:
        if report is not None and entry.dagster_event is not None and entry.dagster_event.is_step_start:
            report(entry.dagster_event.step_key or "")

    started, run_id = time.perf_counter(), str(uuid.uuid4())
    key, of_range = (partition, {}) if isinstance(partition, str) else (None, range_tags(*partition))
    instance.add_event_listener(run_id, listen)
    with stopwatch() as tracking:
        result = (
            definitions(settings)
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                run_id=run_id,
                partition_key=key,
                asset_selection=selection,
                run_config=QUIET,
                tags={**(tags or {}), **of_range, PROCESS_TAG: str(os.getpid())},
                raise_on_error=False,
            )
        )
    return {
        "run_id": run_id,
        "ok": result.success,
        "error": "" if result.success else cause(instance, run_id),
        "seconds": time.perf_counter() - started,
        "step_seconds": {step: took - tracking.get(step, 0.0) for step, took in _steps(result).items()},
        "tracking_seconds": sum(tracking.values()),
    }


def _steps(result: ExecuteInProcessResult) -> dict[str, float]:
    """Seconds of each step that went well."""
    return {
        event.step_key: event.step_success_data.duration_ms / 1e3
        for event in result.all_events
        if event.event_type is DagsterEventType.STEP_SUCCESS and event.step_key is not None
    }


def bury_dead_runs(instance: DagsterInstance, settings: PipelineSettings) -> list[str]:
    """Tell Dagster and MLflow of runs whose process has died under them; their ids.

    Nobody else would: they would count as running for ever, and what waits for the last running ticker would wait on.
    """
    buried = []
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        process = run.tags.get(PROCESS_TAG)
        if process is not None and not _lives(int(process)):
            try:
                mark_failed(settings.tracking_uri, run.run_id)
            except RegistryUnavailable:
                # Left for the next look: of a run that Dagster knows to be over, nobody would tell MLflow any more.
                continue
            instance.report_run_failed(run, "its process has died")
            buried.append(run.run_id)
    return buried


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def standing_refusal(
    instance: DagsterInstance, settings: PipelineSettings, ticker: str, *, now: datetime
) -> str | None:
    """Why the source's bars of the ticker won't do, if its newest run has failed of just that; None otherwise.

    A vendor is not asked here: what it would answer may be better by now, so its tickers are always due for a run.
    """
    source = opened(settings)
    if source.remote:
        return None
    try:
        seen = look(ticker, source=source, vault=Vault(lake_of(settings)), settings=settings, now=now)
    except SourceError as error:
        reason: str | None = one_line(str(error))
    else:
        reason = refusal(seen.assessment)
    return reason if reason is not None and reason == last_failure(instance, ticker) else None


def is_fresh(instance: DagsterInstance, settings: PipelineSettings, ticker: str, *, now: datetime) -> bool:
    """Whether the ticker's newest signals were made of the bars that there are now, by this code and settings.

    A file is read for that. A vendor is not asked: its ticker is fresh if the newest session that has closed is stored.
    One whose restated history is held is not: it stays a failure, and told, until a person decides.
    """
    lake = lake_of(settings)
    if not (lake.has("signals", ticker) and lake.has_files("champion", ticker)):
        return False
    made = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey("signals"), asset_partitions=[ticker]), limit=1
    ).records
    if not made or made[0].asset_materialization is None:
        return False
    if not _signals_are_the_champions(lake, ticker):
        return False
    recorded = made[0].asset_materialization.metadata.get(FINGERPRINT)
    bars = _bars_now(settings, ticker, now=now)
    return bars is not None and recorded is not None and recorded.value == fingerprint(digest(bars), settings)


def _signals_are_the_champions(lake: Lake, ticker: str) -> bool:
    """Not where a process died between a move of the champion and its signals, or wrote what can't be read now."""
    try:
        return are_of(Champion.read(lake, ticker).lineage, read_signals(lake, ticker)[1])
    except (LakeUnreadable, NotMaterialized, SignalsOfAnother):
        return False


def _bars_now(settings: PipelineSettings, ticker: str, *, now: datetime) -> Bars | None:
    """What a run would work with; None if only the run can find that out, or a history is held for a decision."""
    source, vault = opened(settings), Vault(lake_of(settings))
    if source.remote:
        known = stored(ticker, vault=vault, settings=settings, now=now)
        late = known is None or known.of([Rule.LATE, Rule.STOPPED])
        return None if known is None or late or vault.held(ticker) else known.bars
    try:
        seen = look(ticker, source=source, vault=vault, settings=settings, now=now)
    except SourceError:
        # Not fresh: the run will fail on the same error and tell it.
        return None
    return None if seen.intake.held or brings_news(vault, seen.intake) else seen.assessment.bars
