"""The released market of the live tests: a real release, and the real bars that came after it to play on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_release import AS_OF
from shared_data import sample_bars

from quant.bars import Bars
from quant.sessions import SessionCalendar
from release.audit import AuditLog
from release.reader import Release
from release.store import Store
from release.tables import save_bars
from serving.live.feeds.replay import Replay

SEED = 7


@pytest.fixture(scope="session")
def release(published_home: Path) -> Release:
    """The published release: AAPL and IBM through `AS_OF`."""
    return Store(published_home / "releases").load()


@pytest.fixture(scope="session")
def calendar(release: Release) -> SessionCalendar:
    """The sessions of New York, as released."""
    return release.calendars["XNYS"]


@pytest.fixture(scope="session")
def later(release: Release) -> dict[str, Bars]:
    """Each released ticker's bars after the release."""
    return {ticker: sample_bars(ticker).after(AS_OF) for ticker in release.tickers}


@pytest.fixture
def play(release: Release, later: dict[str, Bars]):
    """Makes the replay of the first `sessions` sessions after the release."""

    def replay(*, sessions: int) -> Replay:
        calendars = {ticker: release.calendars[released.exchange] for ticker, released in release.tickers.items()}
        return Replay({ticker: bars[:sessions] for ticker, bars in later.items()}, calendars, SEED)

    return replay


@pytest.fixture
def keep(release: Release):
    """Writes the bars around and after the release into a replay folder, as the graph does."""

    def write(folder: Path, *, sessions: int) -> Path:
        for ticker in release.tickers:
            bars = sample_bars(ticker)
            n = len(bars.through(AS_OF))
            save_bars(folder / f"{ticker}.npz", bars[n - 5 : n + sessions])
        return folder

    return write


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[AuditLog]:
    """An empty audit log."""
    with AuditLog.open(tmp_path / "audit" / "audit.sqlite3") as log:
        yield log
