"""The sessions of an exchange, as plain arrays: which days trade, when they open and close, what comes next.

Where the sessions come from (an exchange-calendar library, a release file) does not belong here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quant.bars import Sessions
from quant.errors import QuantError


@dataclass(frozen=True, slots=True, eq=False)
class SessionCalendar:
    """Consecutive sessions of one exchange.

    Attributes
    ----------
    exchange : str
        Market identifier code, for instance ``XNYS``.
    sessions_per_year : int
        By which daily figures are annualised: 252 for stocks, 365 for crypto.
    session : (n,) datetime64[D]
        Ascending, without gaps in the exchange's own sequence.
    open_utc, close_utc : (n,) datetime64[s]
        When each session opens and closes, in UTC; half days close early.
    """

    exchange: str
    sessions_per_year: int
    session: Sessions
    open_utc: Sessions
    close_utc: Sessions

    def __post_init__(self) -> None:
        n = len(self.session)
        if not (len(self.open_utc) == len(self.close_utc) == n and n):
            got = (len(self.open_utc), len(self.close_utc))
            raise QuantError(f"open_utc, close_utc: expected {max(n, 1)} rows, got {got}")

    def __contains__(self, day: np.datetime64) -> bool:
        i = int(self.session.searchsorted(day))
        return i < len(self.session) and bool(self.session[i] == day)

    def index(self, day: np.datetime64) -> int:
        """Row of session `day`; `QuantError` if the exchange does not trade on it or the calendar does not reach it."""
        i = int(self.session.searchsorted(day))
        if i == len(self.session) or self.session[i] != day:
            first, last = self.session[0], self.session[-1]
            raise QuantError(f"session: expected a session of {self.exchange} in {first}..{last}, got {day}")
        return i

    def ahead(self, day: np.datetime64, *, steps: int) -> np.datetime64:
        """The session `steps` sessions after session `day`."""
        i = self.index(day) + steps
        if not 0 <= i < len(self.session):
            raise QuantError(
                f"session: the calendar of {self.exchange} ends at {self.session[-1]}, {steps} after {day} is beyond"
            )
        return np.datetime64(self.session[i], "D")

    def last_closed(self, now: np.datetime64) -> np.datetime64:
        """The newest session whose close is at or before `now` (UTC)."""
        i = int(np.searchsorted(self.close_utc, now, side="right")) - 1
        if i < 0:
            raise QuantError(f"now: expected a time after the first close {self.close_utc[0]}, got {now}")
        return np.datetime64(self.session[i], "D")

    def between(self, first: np.datetime64, last: np.datetime64) -> Sessions:
        """The sessions in ``first..last``, both included."""
        lo = int(np.searchsorted(self.session, first, side="left"))
        hi = int(np.searchsorted(self.session, last, side="right"))
        return self.session[lo:hi]
