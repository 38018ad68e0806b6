"""Whether rows come one a session: files of minutes or weeks are no daily bars, however well they read."""

from __future__ import annotations

from typing import Final

import numpy as np

from quant.bars import Sessions
from stock_assets.errors import DataUnreadable
from stock_assets.sources.files.dates import Ints

# Above that share of sessions with several times of day, it is no slip of a daily file.
INTRADAY: Final = 0.25
# Between daily bars lie weekends and holidays, half of the steps are shorter nevertheless.
WEEKLY_DAYS: Final = 5.0
FEW_SESSIONS: Final = 8


def require_daily(session: Sessions, second: Ints, *, what: str) -> None:
    """Return if a ticker's rows come one a session.

    Parameters
    ----------
    session : (n,) datetime64[D]
        In any order; NaT is left out.
    second : (n,) int64
        Seconds since midnight.
    what : str
        File or files, for the message.

    Raises
    ------
    DataUnreadable
        If many sessions have rows of several times of day, or if half of the steps between sessions are 5 days or more.
    """
    known = ~np.isnat(session)
    session, second = session[known], second[known]
    if len(session) and (second != second[0]).any():
        _require_one_a_day(session, second, what=what)
    days = np.unique(session)
    if len(days) >= FEW_SESSIONS:
        step = float(np.median(np.diff(days).astype(np.int64)))
        if step >= WEEKLY_DAYS:
            raise DataUnreadable(f"{what}: expected one bar a session, got one every {step:.0f} days")


def _require_one_a_day(session: Sessions, second: Ints, *, what: str) -> None:
    times = np.unique(session.astype("datetime64[s]") + second.astype("timedelta64[s]"))
    days, rows = np.unique(times.astype("datetime64[D]"), return_counts=True)
    if (rows > 1).mean() > INTRADAY:
        day = days[int(np.argmax(rows))]
        at = [str(time)[11:16] for time in times[times.astype("datetime64[D]") == day]]
        listed = ", ".join(at[:3]) + (", ..." if len(at) > 3 else "")
        raise DataUnreadable(f"{what}: expected one bar a day, got {len(at)} on {day} ({listed})")
