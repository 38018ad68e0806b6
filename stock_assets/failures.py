"""Why a run failed, in the one line that a person wants; the whole story stays in Dagster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dagster import AssetCheckSeverity, DagsterEventType, DagsterInstance, DagsterRunStatus, EventLogEntry, RunsFilter
from dagster._core.events import JobFailureData
from dagster_shared.error import SerializableErrorInfo

from stock_assets.jobs import refresh_ticker

PARTITION_TAG: Final = "dagster/partition"
NEVER_RUN: Final = "not materialized yet"
FINISHED: Final = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def cause(instance: DagsterInstance, run_id: str) -> str:
    """The first blocking check that failed, else the error that a step raised, as one line."""
    for record in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
        check = record.get_dagster_event().asset_check_evaluation_data
        # Dagster holds nothing up for a warning, whatever the check's kind.
        grave = check.blocking and check.severity is AssetCheckSeverity.ERROR
        if grave and not check.passed and check.description:
            return one_line(check.description)
    for record in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        return _step_cause(record)
    for record in instance.all_logs(run_id, of_type=DagsterEventType.RUN_FAILURE):
        # No step has failed where a resource could not be opened.
        failed = record.get_dagster_event()
        data = failed.event_specific_data
        error = data.error if isinstance(data, JobFailureData) else None
        return _told(error) if error is not None else one_line(failed.message or "the run failed")
    return "the run failed without saying why; see its log in Dagster"


def _step_cause(record: EventLogEntry) -> str:
    failure = record.get_dagster_event().step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return one_line(failure.user_failure_data.description)
    return _told(failure.error)


def _told(error: SerializableErrorInfo | None) -> str:
    # An error of ours is written for a person; what it was raised from is not.
    while error is not None and error.cause is not None and not _is_ours(error):
        error = error.cause
    return "a step failed" if error is None else one_line(_without_class(error))


def _is_ours(error: SerializableErrorInfo) -> bool:
    return error.message.startswith(("stock_assets.", "quant.", "release."))


def _without_class(error: SerializableErrorInfo) -> str:
    """The message of an error of ours alone; of anybody else's, with its class, which is half of what it says."""
    _, separator, message = error.message.partition(": ")
    return message if _is_ours(error) and separator else error.message


def one_line(text: str) -> str:
    """The text with its line ends and runs of blanks as single blanks."""
    return " ".join(text.split())


def why(refused: Mapping[str, str]) -> str:
    """Why none of the tickers can be published, on one line; their reasons by ticker."""
    told = (f"{ticker}: {reason.removeprefix(f'{ticker}: ')}" for ticker, reason in refused.items())
    return "; ".join(told) or "there are no tickers"


def last_failure(instance: DagsterInstance, ticker: str) -> str:
    """Why the ticker's newest finished run failed; if it went well but only fetched, why the newest other one did.

    That it is not materialized yet where there is none.
    """
    for job in (None, refresh_ticker.name):
        wanted = RunsFilter(job_name=job, tags={PARTITION_TAG: ticker}, statuses=FINISHED)
        for run in instance.get_runs(wanted, limit=1):
            if run.status is not DagsterRunStatus.SUCCESS:
                return cause(instance, run.run_id)
    return NEVER_RUN
