"""A process that bears others which ingest version after version of a ticker's bars until they are killed.

Run as a program. It says the digest of each version, then bears a child for each line that it is told: where its lake
is; where to note each version before it is taken in; before which version to stop, -1 for none; and, counted from the
first version that it notes, at which call for the disk, or before which line of the function that replaces a file, it
is to be killed, 0 for none. It says the child's process id, and how it ended.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from types import FrameType

import structlog
from shared_data import sample_bars
from upath import UPath

from quant.bars import CLOSE, Bars
from quant.faults import Rule
from quant.sessions import SessionCalendar
from release.tables import digest
from stock_assets.calendars import calendar_of
from stock_assets.ingest.refresh import commit, take_in
from stock_assets.ingest.vault import Vault
from stock_assets.resources import lake
from stock_assets.settings import RestatementPolicy
from stock_assets.sources.market_data import Fetched, Provenance, Refused

TICKER = "AAPL"
VERSIONS = 6
NOW = datetime(2013, 3, 2, 12, 0, tzinfo=UTC)


def version(number: int) -> Bars:
    """The sample's bars with a run of closes of the version's own, low enough for every session's range."""
    bars = sample_bars(TICKER)
    ohlcv = bars.ohlcv.copy()
    rows = slice(500 * (number % VERSIONS), 500 * (number % VERSIONS) + 50)
    ohlcv[rows, CLOSE] = bars.ohlcv[rows, 2]
    return Bars(bars.session, ohlcv, bars.split, bars.dividend)


@dataclass(frozen=True, slots=True)
class Restating:
    """A source that tells one version."""

    number: int
    bars: Bars
    remote: bool = False

    def tickers(self) -> tuple[str, ...]:
        return (TICKER,)

    def require(self, ticker: str) -> None:
        assert ticker == TICKER

    def fetch(self, ticker: str, start: date | None = None, end: date | None = None) -> Fetched:
        assert (ticker, start, end) == (TICKER, None, None)
        row = Refused(
            rule=Rule.CONFLICT, session="2000-01-01", field="close", value=str(self.number), expected="one", row="{}"
        )
        provenance = Provenance(source="restating", origin=str(self.number))
        return Fetched(bars=self.bars, provenance=provenance, refused=(row,))


def ingest(root: str, noted: str, *, calendar: SessionCalendar, stop: int, arm: Callable[[], None]) -> None:
    """Take in the versions after the stored one, each noted before; `arm` is called once, after the first note."""
    vault = Vault(lake.Lake(UPath(root)))
    versions = [version(number) for number in range(VERSIONS)]
    stored = vault.read(TICKER)
    with Path(noted).open("a", buffering=1) as notes:
        for number in itertools.count(0 if stored is None else int(stored.origin) + 1):
            if number == stop:
                os._exit(0)
            notes.write(f"{number}\n")
            arm()
            arm = int
            intake = take_in(
                TICKER,
                source=Restating(number, versions[number % VERSIONS]),
                vault=vault,
                calendar=calendar,
                now=NOW + timedelta(seconds=number),
                end=None,
                policy=RestatementPolicy.ACCEPT,
                overlap=10,
            )
            commit(vault, intake)


def die(told: dict[str, int]) -> None:
    """Set up how the process is to be killed."""
    die_at_sync(told["die_at_sync"])
    die_at_line(told["die_at_line"])


def die_at_sync(call: int) -> None:
    """Be killed where the disk is asked for the `call`-th time to have what was written."""
    calls, sync = itertools.count(1), os.fsync

    def fsync(handle: int) -> None:
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(handle)

    os.fsync = fsync


def die_at_line(number: int) -> None:
    """Be killed before the `number`-th line that runs where a file is put in place of another."""
    lines = itertools.count(1)

    def trace(frame: FrameType, event: str, _: object) -> object:
        if frame.f_code is not lake._replace.__code__:
            return None
        if event == "line" and next(lines) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    calendar = calendar_of(TICKER, as_of=NOW.date())
    print(json.dumps([digest(version(number)) for number in range(VERSIONS)]), flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if not child:
            ingest(told["lake"], told["noted"], calendar=calendar, stop=told["stop"], arm=partial(die, told))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
