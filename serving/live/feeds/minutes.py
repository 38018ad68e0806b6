"""Bars of one minute as a replay reads them: ``TICKER.minutes.npz``, and the daily bars that they add up to.

The file is an ``.npz`` of plain arrays: ``start`` (n,) int64, the minutes' starts in seconds since 1970 UTC, ascending;
``ohlcv`` (n, 5) float64, as traded; ``split`` and ``dividend`` (n,) float64, given at the first minute that they are
in force, 1 and 0 elsewhere. A minute in which nothing traded is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np

from quant.bars import CLOSE, HIGH, LOW, OPEN, VOLUME, Bars, Floats, Sessions
from quant.errors import BadBars
from quant.faults import faults
from quant.sessions import SessionCalendar
from release.files import replace_synced
from release.tables import pack, unpack

SUFFIX: Final = ".minutes.npz"
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, eq=False)
class Minutes:
    """Bars of one minute of one ticker, ascending.

    Attributes
    ----------
    start : (n,) datetime64[s]
        UTC.
    ohlcv : (n, 5) float64
    split, dividend : (n,) float64
        As in `quant.bars.Bars`.
    """

    start: Sessions
    ohlcv: Floats
    split: Floats
    dividend: Floats

    def __post_init__(self) -> None:
        n = len(self.start)
        for name, array, shape in (
            ("ohlcv", self.ohlcv, (n, 5)),
            ("split", self.split, (n,)),
            ("dividend", self.dividend, (n,)),
        ):
            if array.shape != shape:
                raise BadBars(f"{name}: expected shape {shape}, got {array.shape}")

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, rows: slice) -> Minutes:
        return Minutes(self.start[rows], self.ohlcv[rows], self.split[rows], self.dividend[rows])

    def bar(self, row: int, *, session: np.datetime64) -> Bars:
        """One minute as a bar of its session."""
        rows = slice(row, row + 1)
        return Bars(np.array([session]), self.ohlcv[rows], self.split[rows], self.dividend[rows])

    def of_session(self, session: np.datetime64, calendar: SessionCalendar) -> Minutes:
        """The minutes of one session."""
        i = calendar.index(session)
        first, last = np.searchsorted(self.start, [calendar.open_utc[i], calendar.close_utc[i]])
        return self[int(first) : int(last)]


def check(minutes: Minutes, calendar: SessionCalendar, *, ticker: str) -> Minutes:
    """The minutes, unless they are not sound.

    Raises
    ------
    BadBars
        Naming the ticker and the first minute that is out of order, outside the calendar's sessions or breaks a rule
        of `quant.faults`.
    """
    late = np.flatnonzero(np.diff(minutes.start) <= np.timedelta64(0))
    if len(late):
        before, after = minutes.start[late[0]], minutes.start[late[0] + 1]
        raise BadBars(f"{ticker}: start: expected a minute after {before}, got {after}")
    outside = np.flatnonzero(_sessions(minutes, calendar) < 0)
    if len(outside):
        moment = minutes.start[outside[0]]
        raise BadBars(f"{ticker}: start: expected a minute of a session of {calendar.exchange}, got {moment}")
    # The rules look at a row, or at it and the one before: to them a minute is as good as a day.
    days = np.arange(len(minutes)).astype("datetime64[D]")
    for fault in faults(Bars(days, minutes.ohlcv, minutes.split, minutes.dividend)):
        start = minutes.start[fault.row]
        raise BadBars(f"{ticker}: {start} {fault.field}: expected {fault.expected}, got {fault.value}")
    return minutes


def daily(minutes: Minutes, calendar: SessionCalendar) -> Bars:
    """The daily bars that sound minutes add up to.

    Open of the first minute, highest high, lowest low, close of the last, volumes summed, splits multiplied, dividends
    summed.
    """
    sessions, first = np.unique(_sessions(minutes, calendar), return_index=True)
    last = np.append(first[1:], len(minutes)) - 1
    ohlcv = np.column_stack(
        [
            minutes.ohlcv[first, OPEN],
            np.maximum.reduceat(minutes.ohlcv[:, HIGH], first),
            np.minimum.reduceat(minutes.ohlcv[:, LOW], first),
            minutes.ohlcv[last, CLOSE],
            np.add.reduceat(minutes.ohlcv[:, VOLUME], first),
        ]
    )
    split, dividend = np.multiply.reduceat(minutes.split, first), np.add.reduceat(minutes.dividend, first)
    return Bars(calendar.session[sessions].astype("datetime64[D]"), ohlcv, split, dividend)


def save_minutes(path: Path, minutes: Minutes) -> None:
    """Write the minutes to `path` in one step, replacing what was there."""
    start = minutes.start.astype("datetime64[s]").astype("<i8")
    arrays = {"start": start, "ohlcv": minutes.ohlcv, "split": minutes.split, "dividend": minutes.dividend}
    replace_synced(path, pack(arrays))


def load_minutes(path: Path) -> Minutes:
    """The minutes that `save_minutes` wrote.

    Raises
    ------
    OSError
        If the file can't be read.
    BadRelease
        If it is no such file.
    BadBars
        If its arrays don't fit each other.
    """
    arrays = unpack(path.read_bytes(), names=("start", "ohlcv", "split", "dividend"), file=str(path))
    try:
        floats = {name: np.asarray(arrays[name], dtype=np.float64) for name in ("ohlcv", "split", "dividend")}
        return Minutes(arrays["start"].astype("<i8").astype("datetime64[s]"), **floats)
    except (TypeError, ValueError) as error:
        raise BadBars(f"{path}: expected numbers, got {error}") from error


def _sessions(minutes: Minutes, calendar: SessionCalendar) -> Floats:
    """(n,) the row of each minute's session in the calendar, -1 outside of every session."""
    rows = np.searchsorted(calendar.open_utc, minutes.start, side="right") - 1
    return np.where((rows >= 0) & (minutes.start < calendar.close_utc[rows]), rows, -1)
