"""A release whose calendar reaches our days, and a clock that stands in one of its sessions."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from real_release import new_york
from recorded_streams import NOW

from quant.sessions import SessionCalendar
from release.clock import FixedClock
from release.reader import Release, ReleasedTicker


@pytest.fixture(scope="session")
def recent() -> SessionCalendar:
    """New York's sessions of 2021 to 2025."""
    return new_york(start="2021-01-04", end="2025-12-31")


@pytest.fixture(scope="session")
def carrying(release: Release, recent: SessionCalendar):
    """Makes a release of any tickers of New York, whose calendar is `recent`."""

    def of(*tickers: str) -> Release:
        return replace(
            release, calendars={"XNYS": recent}, tickers={ticker: _named(release, ticker) for ticker in tickers}
        )

    return of


def _named(release: Release, ticker: str) -> ReleasedTicker:
    released = release.tickers["IBM"]
    return replace(released, lineage=msgspec.structs.replace(released.lineage, ticker=ticker))


@pytest.fixture
def clock() -> FixedClock:
    """Stands at `NOW`."""
    return FixedClock(NOW)
