"""How the feed stands and what is wrong, as the engine tells it. Knows no connection; what time it is, it is told."""

from __future__ import annotations

from typing import Final

import structlog

from release.clock import Clock
from serving.live.alerts import Alerts
from serving.live.floor import Floor
from serving.live.releases import Refusal
from serving.live.status import Counts
from serving.live.ticks import Beat
from serving.messages import AlertKind, FeedState, LiveMessage

SOUND: Final = (FeedState.LIVE, FeedState.CLOSED)
TROUBLED: Final = (FeedState.STALE, FeedState.BACKING_OFF)

log = structlog.get_logger()


class Watch:
    """The engine's eye on its surroundings.

    Parameters
    ----------
    silence_seconds : float
        After how long without a tick or a beat the feed counts as stale.
    clock : Clock
        For the alerts.

    Attributes
    ----------
    alerts : Alerts
    feed : FeedState
        What is said of the feed.
    """

    def __init__(self, *, silence_seconds: float, clock: Clock) -> None:
        self.alerts = Alerts(clock)
        self.feed = FeedState.CONNECTING
        self._silence_seconds = silence_seconds
        self._heard_at = 0.0
        self._market: str | None = None
        self._gaps = 0

    def begin(self, now: float) -> None:
        """Listen from now on: what nobody listened to was no silence."""
        self._heard_at = now

    def inherit(self, messages: list[LiveMessage], *, market: str | None) -> None:
        """Go on with the alerts of the engine before this one."""
        self.alerts.inherit(messages)
        self._market = market

    def listen(self, floor: Floor, *, heard: bool, now: float) -> bool:
        """Know how the feed stands, something having been `heard` of it or not; whether that is new."""
        if heard:
            self._heard_at = now
        silent = now - self._heard_at > self._silence_seconds
        before, self.feed = self.feed, self._state(floor, heard=heard, silent=silent)
        self._complain(floor.feed, silent=silent)
        if self.feed is before:
            return False
        log.info("feed_state", state=self.feed.value, before=before.value)
        return True

    def _state(self, floor: Floor, *, heard: bool, silent: bool) -> FeedState:
        if floor.ended:
            return FeedState.CLOSED
        if heard:
            return floor.feed.state if floor.feed is not None else FeedState.LIVE
        return FeedState.STALE if silent else self.feed

    def _complain(self, beat: Beat | None, *, silent: bool) -> None:
        """Raise or clear the feed's alert. A feed that tries to connect again has yet to show that it is over."""
        if self.feed in SOUND:
            self.alerts.clear(AlertKind.FEED_SILENT)
        elif silent:
            text = f"feed: expected a tick or a beat within {self._silence_seconds:g} s, got none"
            self.alerts.raise_(AlertKind.FEED_SILENT, "feed", text)
        elif self.feed in TROUBLED and beat is not None:
            text = f"feed: expected it to be live, it is {self.feed.value}: {beat.detail}"
            self.alerts.raise_(AlertKind.FEED_SILENT, "feed", text)

    def look(self, counts: Counts, *, market: str | None, refused: Refusal | None) -> None:
        """Raise and clear the alerts of what can be seen now."""
        if market != self._market:
            # What is missing of another run is missed no more.
            self._market = market
            self.alerts.clear(AlertKind.FEED_DISTURBED)
        if counts.gaps != self._gaps:
            self._gaps = counts.gaps
            text = f"ticks: expected to read them all, got there too late for some; times so far: {counts.gaps}"
            self.alerts.raise_(AlertKind.FEED_DISTURBED, "ticks", text)
        if counts.audit_id is not None:
            # Something was appended: what ended an engine before this one has been mended.
            self.alerts.clear(AlertKind.AUDIT_BROKEN)
        self._set(AlertKind.RELEASE_REFUSED, {} if refused is None else {refused.release_id: refused.reason})
        silent = {
            ticker: f"{ticker}: expected a prediction at every price, got none: {reason}"
            for ticker, reason in counts.silent.items()
        }
        self._set(AlertKind.NO_PREDICTION, silent)

    def _set(self, kind: AlertKind, texts: dict[str, str]) -> None:
        """These alerts of a kind are raised, by subject, and no others."""
        for subject, text in texts.items():
            self.alerts.raise_(kind, subject, text)
        for subject in self.alerts.subjects(kind) - texts.keys():
            self.alerts.clear(kind, subject)
