"""To which session a trade belongs, by the calendar that the release carries."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime

from quant.sessions import SessionCalendar
from serving.live.book import AUCTION


class Hours:
    """The hours of one exchange's sessions."""

    def __init__(self, calendar: SessionCalendar) -> None:
        self._sessions = [str(day) for day in calendar.session.astype("datetime64[D]")]
        self._opens: list[int] = calendar.open_utc.astype("datetime64[s]").astype(int).tolist()
        self._closes: list[int] = calendar.close_utc.astype("datetime64[s]").astype(int).tolist()

    def session(self, at: datetime) -> str | None:
        """The session that a trade at `at` belongs to, until a minute after its close; None out of hours."""
        row = self._row(at)
        if row < 0 or at.timestamp() > self._closes[row] + AUCTION.total_seconds():
            return None
        return self._sessions[row]

    def is_open(self, at: datetime) -> bool:
        """Whether a session is under way."""
        row = self._row(at)
        return row >= 0 and at.timestamp() < self._closes[row]

    def _row(self, at: datetime) -> int:
        """Of the last session that has opened."""
        return bisect_right(self._opens, at.timestamp()) - 1


def any_open(hours: Iterable[Hours], at: datetime) -> bool:
    """Whether somebody trades."""
    return any(exchange.is_open(at) for exchange in hours)
