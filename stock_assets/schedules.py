"""When runs are due by the clock. Whether something has become stale or has drifted is the sensors' question."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import dagster as dg
import numpy as np

from stock_assets.calendars import NEW_YORK, exchange_of, session_calendar
from stock_assets.jobs import refresh_ticker, update_ticker
from stock_assets.partitions import known_tickers

EXCHANGE_TIME: Final = "America/New_York"
TICKER_TAG: Final = "ticker"


@dg.schedule(
    job=update_ticker,
    cron_schedule="0 18 * * 1-5",
    execution_timezone=EXCHANGE_TIME,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def daily_after_close(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Two hours after New York's close: every ticker's new bars and signals, on days with a session."""
    due = context.scheduled_execution_time
    today = np.datetime64(due.date())
    traded = [
        name
        for name in known_tickers(context.instance)
        if today in session_calendar(exchange_of(name), through=due.date())
    ]
    if not traded:
        yield dg.SkipReason(f"{today}: {NEW_YORK} had no session, or no ticker is known")
    yield from (_request(name, due) for name in traded)


@dg.schedule(
    job=refresh_ticker,
    cron_schedule="0 6 * * 6",
    execution_timezone=EXCHANGE_TIME,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def weekly_retraining(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """On Saturday morning: every ticker trained and evaluated anew."""
    names = known_tickers(context.instance)
    if not names:
        yield dg.SkipReason("no ticker is known; `stock-assets tickers add` adds one")
    yield from (_request(name, context.scheduled_execution_time) for name in names)


def _request(ticker: str, due: datetime) -> dg.RunRequest:
    return dg.RunRequest(run_key=f"{ticker}-{due.date()}", partition_key=ticker, tags={TICKER_TAG: ticker})


SCHEDULES: Final = (daily_after_close, weekly_retraining)
