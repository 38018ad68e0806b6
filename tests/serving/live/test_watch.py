"""What is said of the feed, and which alerts that raises, without a connection."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from shared_data import sample_bars

from release.clock import SystemClock
from serving.live.floor import Floor
from serving.live.status import Counts
from serving.live.ticks import Beat, FeedEvent, MarketEnd, SessionClose, Tick
from serving.live.watch import Watch
from serving.messages import AlertKind, AlertMessage, FeedState, Severity

AT = datetime(2012, 3, 2, 15, tzinfo=UTC)
SILENCE = 10.0
SILENT = "feed: expected a tick or a beat within 10 s, got none"


class Listening:
    """A watch at work: told of a feed's events, or of time that passes without one."""

    def __init__(self, floor: Floor, counts: Counts) -> None:
        self.watch = Watch(silence_seconds=SILENCE, clock=SystemClock())
        self._floor, self._counts = floor, counts
        self._now = 0.0
        self.watch.begin(self._now)

    def hear(self, event: FeedEvent) -> None:
        self._floor.take(event)
        self.watch.listen(self._floor, heard=True, now=self._now)

    def wait(self, seconds: float) -> None:
        self._now += seconds
        self.watch.listen(self._floor, heard=False, now=self._now)

    def look(self) -> None:
        self._floor.say()
        self.watch.look(self._counts, market="m", refused=None)

    def news(self) -> list[tuple[bool, str]]:
        return [(alert.active, alert.text) for alert in self.watch.alerts.news()]


@pytest.fixture
def listening(release, audit) -> Listening:
    """One that has heard nothing yet."""
    counts = Counts()
    return Listening(Floor(release, audit, counts), counts)


def beat(state: FeedState, detail: str = "", *, market: str = "m") -> Beat:
    return Beat(market=market, at=AT, state=state, detail=detail)


@pytest.mark.parametrize("state", [FeedState.STALE, FeedState.BACKING_OFF])
def test_a_feed_that_says_itself_that_it_is_in_trouble_raises_an_alert_with_its_reason(listening, state):
    listening.hear(beat(FeedState.LIVE))

    listening.hear(beat(state, "no frame for 30 s"))
    listening.hear(beat(state, "no frame for 30 s"))
    listening.wait(1.0)

    text = f"feed: expected it to be live, it is {state.value}: no frame for 30 s"
    assert listening.news() == [(True, text)]
    listening.hear(beat(FeedState.LIVE))
    assert listening.news() == [(False, text)]


def test_a_feed_that_tries_to_connect_again_is_in_trouble_until_it_is_live(listening):
    listening.hear(beat(FeedState.BACKING_OFF, "refused"))
    listening.hear(beat(FeedState.CONNECTING))
    listening.hear(beat(FeedState.BACKING_OFF, "refused"))
    listening.hear(beat(FeedState.CONNECTING))

    assert [active for active, _ in listening.news()] == [True]
    listening.hear(beat(FeedState.LIVE))
    assert [active for active, _ in listening.news()] == [False]


def test_one_that_falls_silent_in_its_trouble_is_told_to_be_silent(listening):
    listening.hear(beat(FeedState.BACKING_OFF, "refused"))
    listening.wait(SILENCE + 1)

    assert listening.watch.feed is FeedState.STALE
    assert listening.news()[-1] == (True, SILENT)


def test_a_market_that_has_ended_owes_nothing(listening):
    listening.hear(beat(FeedState.LIVE))
    listening.wait(SILENCE + 1)
    listening.hear(MarketEnd(market="m", at=AT))
    listening.wait(SILENCE + 1)

    assert listening.watch.feed is FeedState.CLOSED
    assert listening.news() == [(True, SILENT), (False, SILENT)]


def test_what_an_old_market_said_of_its_connection_does_not_hold_of_a_new_one(listening):
    listening.hear(beat(FeedState.CLOSED))

    listening.hear(Tick(market="another", ticker="AAPL", session="2012-03-02", at=AT, number=0, price=540.0, size=1.0))

    assert listening.watch.feed is FeedState.LIVE


def test_a_ticker_without_a_prediction_is_told_with_the_reason(listening):
    later = np.datetime64("2012-03-06")
    missed = sample_bars("AAPL").after(later)[:1]
    open_, high, low, close, volume = map(float, missed.ohlcv[0])
    session = str(missed.session[0])

    listening.hear(
        SessionClose(
            market="m", ticker="AAPL", session=session, at=AT, split=1.0, dividend=0.0,
            open=open_, high=high, low=low, close=close, volume=volume,
        )
    )  # fmt: skip
    listening.look()

    ((active, text),) = listening.news()
    assert active
    assert text.startswith("AAPL: expected a prediction at every price, got none: session: expected no session missing")


def test_an_inherited_alert_is_cleared_also_by_one_that_had_found_the_feed_live_before(listening):
    listening.hear(beat(FeedState.LIVE))
    raised = AlertMessage(
        at=AT, kind=AlertKind.FEED_SILENT, severity=Severity.WARNING, subject="feed", text=SILENT, active=True
    )
    listening.watch.inherit([raised], market="m")

    listening.hear(beat(FeedState.LIVE))

    assert listening.news() == [(False, SILENT)]
