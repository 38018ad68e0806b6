"""What a leading engine says of itself and of what it sees: status, alerts and the portfolio's prices.

Once a second, and at once when the feed's state changes. Knows no connection; what time it is, it is told. What belongs
to a ticker is said by the floor.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from release.clock import Clock
from serving.live.floor import Floor
from serving.live.lease import Lease
from serving.live.releases import Refusal
from serving.live.status import Counts
from serving.live.watch import Watch
from serving.messages import AlertKind, LiveMessage, Severity, StatusMessage

HEARTBEAT_SECONDS: Final = 1.0
# How long a change of engines stays among the alerts.
CHANGED_SECONDS: Final = 60.0


class Heartbeat:
    """The engine's sign of life, with all that it has to tell an operator.

    Parameters
    ----------
    watch : Watch
    counts : Counts
    lease : Lease
        Whose engine and term the status names.
    clock : Clock
        For the status.
    """

    def __init__(self, watch: Watch, counts: Counts, lease: Lease, clock: Clock) -> None:
        self._watch, self._counts, self._lease, self._clock = watch, counts, lease, clock
        self._due_at = self._led_since = 0.0
        # Of the newest price that the portfolio doesn't know yet.
        self._market_at: datetime | None = None

    def begin(self, now: float) -> None:
        """The next one is due at once, and the feed is listened to from now on."""
        self._due_at = now
        self._watch.begin(now)

    def lead(self, now: float) -> None:
        """The same, for an engine that has just taken over."""
        self.begin(now)
        self._led_since = now

    def succeed(self, before: int) -> None:
        """Tell that this engine follows the one of the term `before`."""
        text = f"engine {self._lease.engine} took over in term {self._lease.term}, from the one of term {before}"
        self._watch.alerts.raise_(AlertKind.ENGINE_CHANGED, "engine", text, severity=Severity.INFO)

    def seconds_left(self, now: float) -> float:
        """Until the next one is due; negative if it is late."""
        return self._due_at - now

    def trade(self, at: datetime) -> None:
        """There is a price of that market time."""
        self._market_at = at

    def messages(
        self, floor: Floor, *, heard: bool, gaps: int, refused: Refusal | None, now: float
    ) -> list[LiveMessage]:
        """What there is to say now; often nothing.

        Parameters
        ----------
        floor : Floor
        heard : bool
            Whether there was anything of the feed since the last call.
        gaps : int
            How often ticks were trimmed away unread since then.
        refused : Refusal or None
            The release that is in force and can't be used.
        now : float
            Seconds of the loop's time.

        Returns
        -------
        list of LiveMessage
            The portfolio, alerts and the status, in this order.
        """
        due = now >= self._due_at or gaps > 0
        if due:
            self._counts.gaps += gaps
            self._watch.look(self._counts, market=floor.standing().market, refused=refused)
            if now - self._led_since > CHANGED_SECONDS:
                self._watch.alerts.clear(AlertKind.ENGINE_CHANGED)
        moved = self._watch.listen(floor, heard=heard, now=now)
        if not (due or moved):
            return []
        self._due_at = now + HEARTBEAT_SECONDS
        return [*self._portfolio(floor), *self._watch.alerts.news(), self._status(floor)]

    def _portfolio(self, floor: Floor) -> list[LiveMessage]:
        """How prices have moved it, if they have since it was said last."""
        at, self._market_at = self._market_at, None
        portfolio = floor.portfolio(at) if at is not None else None
        return [] if portfolio is None else [portfolio]

    def _status(self, floor: Floor) -> StatusMessage:
        beat = floor.feed
        detail = self._counts.sentence() + (f"; feed: {beat.detail}" if beat is not None and beat.detail else "")
        return StatusMessage(
            feed=self._watch.feed,
            at=self._clock.now(),
            release_id=floor.release.manifest.release_id,
            detail=detail,
            figures=self._counts.figures(engine=self._lease.engine, term=self._lease.term),
        )
