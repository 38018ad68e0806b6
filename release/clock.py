"""Time, passed in wherever "now" matters, so that the same code runs live, replayed and in tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Something that knows what time it is."""

    def now(self) -> datetime:
        """The present moment, aware and in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The machine's time, aware and in UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class FixedClock:
    """A clock that stands at `at` (aware) until someone moves it."""

    at: datetime

    def now(self) -> datetime:
        """The time it was set to, in UTC."""
        return self.at.astimezone(UTC)


def iso(at: datetime) -> str:
    """An aware time as ISO 8601 in UTC with a ``Z``, to the microsecond where there is one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
