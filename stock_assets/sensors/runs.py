"""What follows a run: a release after a ticker's success, and in MLflow the truth after a failure."""

import contextlib
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from stock_assets.allocation.weekly import first_week
from stock_assets.errors import LakeUnreadable, StockAssetsError
from stock_assets.jobs import publish, refresh_ticker, update_ticker
from stock_assets.partitions import known_tickers, week_of
from stock_assets.portfolios import WEIGHTS, read_panel
from stock_assets.resources.lake import Lake
from stock_assets.resources.tracking import mark_failed
from stock_assets.settings import PipelineSettings

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[refresh_ticker, update_ticker],
    request_job=publish,
    default_status=dg.DefaultSensorStatus.STOPPED,
)
def publish_after_tickers(
    context: dg.RunStatusSensorContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[PipelineSettings]
) -> dg.RunRequest | dg.SkipReason:
    """Publish once the last of the running tickers is done, so that many runs make one release."""
    jobs = {refresh_ticker.name, update_ticker.name}
    running = context.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    waiting = sorted(run.tags.get("dagster/partition", "?") for run in running if run.job_name in jobs)
    if waiting:
        return dg.SkipReason(f"still running: {', '.join(waiting)}")
    known = known_tickers(context.instance)
    newest = newest_session(lake, known)
    if newest is None:
        return dg.SkipReason("no ticker has signals yet")
    due = weeks_due(lake, known, week_of(newest.date()), most=settings.portfolio_weeks)
    # Every run that is done is heard of by itself: keyed by the last one of all, they ask for the same release.
    run_key = _last_success(context.instance, jobs)
    if isinstance(due, str):
        return dg.RunRequest(run_key=run_key, partition_key=due)
    return dg.RunRequest(run_key=run_key, tags=range_tags(*due))


def _last_success(instance: dg.DagsterInstance, jobs: Collection[str]) -> str:
    """The id of the newest successful run of any of the jobs."""
    succeeded = [dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS]) for job in jobs]
    records = [record for wanted in succeeded for record in instance.get_run_records(wanted, limit=1)]
    return max(records, key=lambda record: record.create_timestamp).dagster_run.run_id


def newest_session(lake: Lake, names: Sequence[str]) -> datetime | None:
    """The newest session that any ticker has a signal for, None without one that can be read."""
    last = []
    for name in names:
        if lake.has("signals", name):
            # A damaged file is its own ticker's to tell, at its next run and in the release that refuses it.
            with contextlib.suppress(LakeUnreadable):
                last.append(lake.read("signals", name)["date"].iloc[-1])
    return max(last, default=None)


def weeks_due(lake: Lake, known: Sequence[str], newest: str, *, most: int) -> str | tuple[str, str]:
    """The weeks whose weights are to be made: the newest one, or from the first to the last of those that are missing.

    Weeks before all that are there are not missing: what a vendor has told of them since was not known when they were.
    """
    # Later ones were asked for by hand, or made of bars that have been taken back since.
    there = [key for key in lake.keys(WEIGHTS) if key <= newest]
    if there and there[-1] == newest:
        return newest
    try:
        possible = first_week(read_panel(lake, known)[0])
    except StockAssetsError:
        # The run will meet it too, and tell it.
        return newest
    if possible is None:
        return newest
    # Between the weeks that are there and now there may have been nobody to hold.
    earliest = max((possible, *there[-1:]))
    first = max(date.fromisoformat(earliest), date.fromisoformat(newest) - timedelta(weeks=most - 1))
    return (first.isoformat(), newest) if first.isoformat() < newest else newest


def range_tags(first: str, last: str) -> dict[str, str]:
    """What makes one run of all partitions from a first to a last."""
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}


@dg.run_failure_sensor(monitor_all_code_locations=False, default_status=dg.DefaultSensorStatus.STOPPED)
def mlflow_follows_failures(context: dg.RunFailureSensorContext, settings: dg.ResourceParam[PipelineSettings]) -> None:
    """Set the MLflow run of a failed Dagster run to FAILED, also where the process died before it could."""
    corrected = mark_failed(settings.tracking_uri, context.dagster_run.run_id)
    context.log.info("%d MLflow runs of %s set to FAILED", corrected, context.dagster_run.run_id)
