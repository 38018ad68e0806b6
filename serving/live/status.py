"""What the engine says of itself: the state of its feed, and what it has counted."""

from __future__ import annotations

import statistics
from collections import Counter, deque
from typing import Final

import structlog

from serving.live.book import Taken
from serving.messages import FeedState

MOVES: Final = {
    FeedState.CONNECTING: {FeedState.LIVE, FeedState.STALE, FeedState.CLOSED, FeedState.BACKING_OFF},
    FeedState.LIVE: {FeedState.STALE, FeedState.CLOSED, FeedState.BACKING_OFF},
    FeedState.STALE: {FeedState.LIVE, FeedState.CLOSED, FeedState.BACKING_OFF},
    FeedState.CLOSED: {FeedState.LIVE, FeedState.BACKING_OFF},
    FeedState.BACKING_OFF: {FeedState.CONNECTING},
}
# Enough for a median that follows the last minutes.
LATENCIES_KEPT: Final = 1_000

log = structlog.get_logger()


class FeedStatus:
    """The feed's state; only the moves in `MOVES` are possible."""

    def __init__(self) -> None:
        self.state = FeedState.CONNECTING

    def move(self, state: FeedState) -> bool:
        """Go to `state`; False if that is where it is. `ValueError` for a move that is not one."""
        if state is self.state:
            return False
        if state not in MOVES[self.state]:
            legal = ", ".join(sorted(move.value for move in MOVES[self.state]))
            raise ValueError(f"feed: expected a move from {self.state.value} to {legal}, got {state.value}")
        log.info("feed", state=state.value, before=self.state.value)
        self.state = state
        return True


class Counts:
    """What went through the engine in this run."""

    def __init__(self) -> None:
        self.ticks: Counter[Taken] = Counter()
        self.predictions = 0
        self.session = ""
        self.silent: tuple[str, ...] = ()
        self._latencies: deque[float] = deque(maxlen=LATENCIES_KEPT)

    def latency(self, milliseconds: float) -> None:
        """From a tick's arrival in Redis to its message there, for the oldest tick behind a batch of messages."""
        self._latencies.append(milliseconds)

    def latency_median(self) -> float | None:
        """Milliseconds; None before the first message."""
        return statistics.median(self._latencies) if self._latencies else None

    def sentence(self) -> str:
        """Everything, for a person."""
        median = self.latency_median()
        parts = [
            f"session {self.session}" if self.session else "no session yet",
            f"{self.ticks.total()} ticks",
            f"{self.predictions} predictions",
            *([f"median {median:.1f} ms from tick to message"] if median is not None else []),
            *(f"{n} {kind.value}" for kind, n in self.ticks.items() if kind is not Taken.COUNTED),
            *([f"no predictions of {' '.join(self.silent)}"] if self.silent else []),
        ]
        return ", ".join(parts)
