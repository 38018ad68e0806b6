"""What follows a run: a release after a ticker's success, and in MLflow the truth after a failure."""

import contextlib
from collections.abc import Collection, Sequence
from datetime import datetime

import dagster as dg

from stock_assets.errors import LakeUnreadable
from stock_assets.jobs import publish, refresh_ticker, update_ticker
from stock_assets.partitions import known_tickers, week_of
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
    context: dg.RunStatusSensorContext, lake: dg.ResourceParam[Lake]
) -> dg.RunRequest | dg.SkipReason:
    """Publish once the last of the running tickers is done, so that many runs make one release."""
    jobs = {refresh_ticker.name, update_ticker.name}
    running = context.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    waiting = sorted(run.tags.get("dagster/partition", "?") for run in running if run.job_name in jobs)
    if waiting:
        return dg.SkipReason(f"still running: {', '.join(waiting)}")
    newest = newest_session(lake, known_tickers(context.instance))
    if newest is None:
        return dg.SkipReason("no ticker has signals yet")
    # Every run that is done is heard of by itself: keyed by the last one of all, they ask for the same release.
    return dg.RunRequest(run_key=_last_success(context.instance, jobs), partition_key=week_of(newest.date()))


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


@dg.run_failure_sensor(monitor_all_code_locations=False, default_status=dg.DefaultSensorStatus.STOPPED)
def mlflow_follows_failures(context: dg.RunFailureSensorContext, settings: dg.ResourceParam[PipelineSettings]) -> None:
    """Set the MLflow run of a failed Dagster run to FAILED, also where the process died before it could."""
    corrected = mark_failed(settings.tracking_uri, context.dagster_run.run_id)
    context.log.info("%d MLflow runs of %s set to FAILED", corrected, context.dagster_run.run_id)
