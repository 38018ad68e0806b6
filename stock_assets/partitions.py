"""How the graph is cut: by ticker up to the signals, by week for the portfolio. Never ticker by date."""

from __future__ import annotations

import warnings
from datetime import date, timedelta
from typing import Final

import dagster as dg

FIRST_WEEK: Final = "1980-01-06"

TICKERS: Final = "tickers"
tickers: Final = dg.DynamicPartitionsDefinition(name=TICKERS)


def known_tickers(instance: dg.DagsterInstance) -> tuple[str, ...]:
    """The tickers that the instance knows, sorted."""
    return tuple(sorted(instance.get_dynamic_partitions(TICKERS)))


def ticker_check(asset: str, name: str, description: str, *, blocking: bool) -> dg.AssetCheckSpec:
    """A check whose results are kept by ticker: without that, each ticker's would hide the one before it.

    A blocking one keeps what comes after from running.
    """
    with warnings.catch_warnings():
        # Dagster calls checks by partition a preview: nothing that every command need say.
        warnings.simplefilter("ignore", category=dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name=name, asset=asset, description=description, blocking=blocking, partitions_def=tickers
        )


# The running week counts too: after Friday's close its portfolio is due, and the week has not ended yet.
weeks: Final = dg.WeeklyPartitionsDefinition(start_date=FIRST_WEEK, end_offset=1)


def week_of(session: date) -> str:
    """The partition key of the week that holds a session: its Sunday."""
    return (session - timedelta(days=(session.weekday() + 1) % 7)).isoformat()


def last_day(week: str) -> date:
    """The Saturday that ends the week of a partition key."""
    return date.fromisoformat(week) + timedelta(days=6)
