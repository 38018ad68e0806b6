"""What feed and engine say of themselves: how the feed stands, whether the engine leads, what it has counted."""

from __future__ import annotations

import contextlib
import enum
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import structlog

from serving.live.book import Taken
from serving.messages import FeedState, Figures

MOVES: Final = {
    FeedState.CONNECTING: {FeedState.LIVE, FeedState.STALE, FeedState.CLOSED, FeedState.BACKING_OFF},
    FeedState.LIVE: {FeedState.STALE, FeedState.CLOSED, FeedState.BACKING_OFF},
    FeedState.STALE: {FeedState.LIVE, FeedState.CLOSED, FeedState.BACKING_OFF},
    FeedState.CLOSED: {FeedState.LIVE, FeedState.BACKING_OFF},
    FeedState.BACKING_OFF: {FeedState.CONNECTING},
}
# Seconds: a turn takes half a millisecond, a commit as long as the disk.
BOUNDS: Final = (0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
# Enough for a median that follows the last minutes.
LATENCIES_KEPT: Final = 1_000
# A tick that is older, or of the future, doesn't tell our time.
LARGEST_LAG: Final = timedelta(days=1)

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


class EngineState(enum.Enum):
    """What an engine is doing."""

    STANDBY = "standby"  # another one speaks; this one follows it
    LEADING = "leading"
    AWAY = "away"  # Redis doesn't answer


class Spread:
    """How often a duration fell between which bounds; plain numbers, for the loop that has no time to lose."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class Counts:
    """What went through the engine in this run.

    Attributes
    ----------
    ticks : Counter of Taken
    predictions, conflated, gaps : int
        Gaps: how often ticks were trimmed away before they were read.
    backlog : int
        How many ticks the newest turn found waiting.
    tick_lag_ms : float or None
        The newest tick's age when it came; None of a market that is not of our time.
    predicted_at : dict of str to float
        When each ticker's newest prediction was made, Unix time.
    latencies, commits : Spread
        Of turns, from a tick's arrival to its messages in Redis, and of what was appended to the audit log.
    session : str
        The newest; empty before the first.
    silent : dict of str to str
        Tickers without predictions, and why.
    """

    def __init__(self) -> None:
        self.predicted_at: dict[str, float] = {}
        self.latencies = Spread()
        self.commits = Spread()
        self.ticks: Counter[Taken] = Counter()
        self.predictions = 0
        self.conflated = 0
        self.gaps = 0
        self.backlog = 0
        self.tick_lag_ms: float | None = None
        self.audit_id: int | None = None
        self.audit_commit_ms: float | None = None
        self.session = ""
        self.silent: dict[str, str] = {}
        self._latencies: deque[float] = deque(maxlen=LATENCIES_KEPT)

    def latency(self, milliseconds: float) -> None:
        """From a tick's arrival to its message in Redis, for the oldest tick behind a batch of messages."""
        self._latencies.append(milliseconds)
        self.latencies.add(milliseconds / 1000)

    def lag(self, since: timedelta) -> None:
        """So long ago is the newest tick's trade."""
        self.tick_lag_ms = 1000 * since.total_seconds() if abs(since) < LARGEST_LAG else None

    @contextlib.contextmanager
    def audit_commit(self) -> Iterator[None]:
        """Around what appends to the audit log."""
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        self.audit_commit_ms = 1000 * seconds
        self.commits.add(seconds)

    def latency_at(self, share: float) -> float | None:
        """Milliseconds within which the `share` of all turns were done; None before the first."""
        ordered = sorted(self._latencies)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None

    def figures(self, *, engine: str, term: int) -> Figures:
        """Everything, for a program."""
        return Figures(
            engine=engine,
            term=term,
            ticks=self.ticks.total(),
            predictions=self.predictions,
            conflated=self.conflated,
            backlog=self.backlog,
            tick_lag_ms=self.tick_lag_ms,
            latency_p50_ms=self.latency_at(0.5),
            latency_p99_ms=self.latency_at(0.99),
            audit_id=self.audit_id,
            audit_commit_ms=self.audit_commit_ms,
        )

    def sentence(self) -> str:
        """Most of it, for a person."""
        median = self.latency_at(0.5)
        parts = [
            f"session {self.session}" if self.session else "no session yet",
            f"{self.ticks.total()} ticks",
            f"{self.predictions} predictions",
            *([f"median {median:.1f} ms from tick to message"] if median is not None else []),
            *(f"{n} {kind.value}" for kind, n in self.ticks.items() if kind is not Taken.COUNTED),
            *([f"ticks lost unread: {self.gaps}"] if self.gaps else []),
            *([f"no predictions of {' '.join(self.silent)}"] if self.silent else []),
        ]
        return ", ".join(parts)
