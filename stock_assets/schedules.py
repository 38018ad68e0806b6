"""When runs are due by the clock. Whether something has become stale or has drifted is the sensors' question."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from quant.bars import Sessions
from stock_assets.calendars import SETTLING, closed_between, exchange_of, session_calendar
from stock_assets.jobs import refresh_ticker, update_ticker
from stock_assets.partitions import known_tickers
from stock_assets.resources.lake import Lake

TICKER_TAG: Final = "ticker"
NO_CHAMPION: Final = "no ticker has a champion yet"
NO_TICKER: Final = "no ticker is known; `stock-assets tickers add` adds one"
# How often `daily_after_close` looks.
EVERY: Final = timedelta(hours=1)


@dg.schedule(
    job=update_ticker,
    cron_schedule="0 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def daily_after_close(
    context: dg.ScheduleEvaluationContext, lake: dg.ResourceParam[Lake]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every hour: new bars and signals of the tickers whose exchange's close has settled since the hour before.

    The hours follow one another without a gap, so each session of each ticker is asked for once: New York's on the
    evening of its day, half days earlier, London's and Tokyo's after theirs, a pair's after midnight UTC. A ticker
    without a champion has nobody to speak of its bars: the whole way is the freshness sensor's to ask for.
    """
    due = context.scheduled_execution_time.astimezone(UTC)
    settled = due - SETTLING
    names = [name for name in known_tickers(context.instance) if lake.has_files("champion", name)]
    found = [(name, session) for name in names for session in _closed(name, settled)]
    if not found:
        exchanges = ", ".join(sorted({exchange_of(name) for name in names}))
        span = f"{settled - EVERY:%Y-%m-%d %H:%M} to {settled:%H:%M} UTC"
        yield dg.SkipReason(f"no session of {exchanges} closed from {span}" if names else NO_CHAMPION)
    yield from (_request(name, str(session)) for name, session in found)


def _closed(ticker: str, settled: datetime) -> Sessions:
    """The ticker's sessions whose close has settled in the hour that ended at `settled`."""
    calendar = session_calendar(exchange_of(ticker), through=settled.date())
    return closed_between(calendar, after=settled - EVERY, until=settled)


@dg.schedule(
    job=refresh_ticker,
    cron_schedule="0 6 * * 6",
    execution_timezone="America/New_York",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def weekly_retraining(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """On Saturday morning: every ticker trained and evaluated anew."""
    names = known_tickers(context.instance)
    if not names:
        yield dg.SkipReason(NO_TICKER)
    yield from (_request(name, str(context.scheduled_execution_time.date())) for name in names)


def _request(ticker: str, day: str) -> dg.RunRequest:
    return dg.RunRequest(run_key=f"{ticker}-{day}", partition_key=ticker, tags={TICKER_TAG: ticker})


SCHEDULES: Final = (daily_after_close, weekly_retraining)
