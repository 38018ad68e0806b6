"""The last bar of each ticker against its exchange's calendar. A policy on the asset would hide one stale ticker."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
import numpy as np

from release.clock import Clock
from stock_assets.calendars import exchange_of, newest_due, session_calendar
from stock_assets.jobs import refresh_ticker, update_ticker
from stock_assets.partitions import known_tickers
from stock_assets.resources.lake import Lake
from stock_assets.settings import PipelineSettings

# Which session's bar a run is for.
DUE_TAG: Final = "stock_assets/due"
FAILED: Final = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
FIRST_WAIT: Final = timedelta(hours=1)
LONGEST_WAIT: Final = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Staleness:
    """A ticker whose last bar (None before the first) is older than the newest session that has closed."""

    ticker: str
    last: np.datetime64 | None
    due: np.datetime64

    def __str__(self) -> str:
        return f"{self.ticker} (last bar {self.last or 'none'}, due {self.due})"


def staleness(ticker: str, lake: Lake, *, now: datetime, settings: PipelineSettings) -> Staleness | None:
    """What is stale about the ticker; None if it has the bar of the newest closed session, or of `as_of` if earlier."""
    calendar = session_calendar(exchange_of(ticker), through=now.date())
    due = newest_due(calendar, now=now, as_of=settings.as_of)
    last = lake.read("prices", ticker)["date"].iloc[-1] if lake.has("prices", ticker) else None
    day = None if last is None else np.datetime64(last, "D")
    return Staleness(ticker, day, due) if day is None or day < due else None


@dg.sensor(
    jobs=[refresh_ticker, update_ticker],
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.STOPPED,
)
def freshness(
    context: dg.SensorEvaluationContext,
    lake: dg.ResourceParam[Lake],
    clock: dg.ResourceParam[Clock],
    settings: dg.ResourceParam[PipelineSettings],
) -> dg.SensorResult | dg.SkipReason:
    """Ask for a run of each ticker without the bar of the newest closed session: once a ticker and session.

    Where that run has failed (a vendor was down), it is asked for again an hour later, then after twice as long each
    time, until the bar is there or another session is due.
    """
    known = known_tickers(context.instance)
    stale = [
        found for name in known if (found := staleness(name, lake, now=clock.now(), settings=settings)) is not None
    ]
    if not stale:
        return dg.SkipReason(f"fresh: {', '.join(known)}" if known else "no ticker is known")
    asked = dict(line.split("=", 1) for line in (context.cursor or "").split())
    new = [found for found in stale if asked.get(found.ticker) != str(found.due)]
    attempts = [(found, 1 if found in new else _next_try(context.instance, found, now=clock.now())) for found in stale]
    due = [(found, attempt) for found, attempt in attempts if attempt is not None]
    if not due:
        return dg.SkipReason("stale, and asked for already: " + ", ".join(map(str, stale)))
    context.log.info("stale: %s", ", ".join(str(found) for found, _ in due))
    requests = [
        _request(found, trained=lake.has_files("champion", found.ticker), attempt=attempt) for found, attempt in due
    ]
    cursor = {**asked, **{found.ticker: str(found.due) for found in new}}
    return dg.SensorResult(
        run_requests=requests, cursor=" ".join(f"{name}={due}" for name, due in sorted(cursor.items()))
    )


def _next_try(instance: dg.DagsterInstance, found: Staleness, *, now: datetime) -> int | None:
    """Which attempt is due once every run for this bar has failed, the newest of them long enough ago; else None."""
    runs = instance.get_run_records(dg.RunsFilter(tags=_tags(found)))
    if not runs or any(record.dagster_run.status not in FAILED for record in runs):
        return None
    waited = now - max(record.update_timestamp.astimezone(UTC) for record in runs)
    return len(runs) + 1 if waited >= min(FIRST_WAIT * 2 ** (len(runs) - 1), LONGEST_WAIT) else None


def _tags(found: Staleness) -> dict[str, str]:
    return {"ticker": found.ticker, DUE_TAG: str(found.due)}


def _request(found: Staleness, *, trained: bool, attempt: int) -> dg.RunRequest:
    """New bars for a ticker that has a champion; the whole way for one that has none yet."""
    return dg.RunRequest(
        run_key=f"{found.ticker}-{found.due}" + (f"-{attempt}" if attempt > 1 else ""),
        job_name=(update_ticker if trained else refresh_ticker).name,
        partition_key=found.ticker,
        tags=_tags(found),
    )
