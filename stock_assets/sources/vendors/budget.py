"""How many requests a process makes of a vendor in an hour."""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta
from typing import Final

from release.clock import Clock, iso
from stock_assets.errors import BudgetSpent

HOUR: Final = timedelta(hours=1)


class Budget:
    """At most `per_hour` requests in any 60 minutes; every attempt counts, whatever comes of it.

    Parameters
    ----------
    vendor : str
    per_hour : int
    clock : Clock
    """

    def __init__(self, vendor: str, *, per_hour: int, clock: Clock) -> None:
        self.vendor = vendor
        self.per_hour = per_hour
        self._clock = clock
        self._spent: deque[datetime] = deque()
        self._lock = threading.Lock()

    def spend(self, *, about: str) -> None:
        """Take one request out of the budget; `BudgetSpent` if none is left, saying when the next one will be."""
        with self._lock:
            now = self._clock.now()
            while self._spent and now - self._spent[0] >= HOUR:
                self._spent.popleft()
            if len(self._spent) >= self.per_hour:
                raise BudgetSpent(
                    f"{self.vendor}: expected at most {self.per_hour} requests an hour (request_budget), "
                    f"got one more, for {about}; the next may be made at {iso(self._spent[0] + HOUR)}"
                )
            self._spent.append(now)
