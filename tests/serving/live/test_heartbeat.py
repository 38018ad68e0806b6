"""What a leading engine says of itself, and when; without a connection and without waiting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from release.clock import SystemClock
from serving.live.floor import Floor
from serving.live.heartbeat import CHANGED_SECONDS, HEARTBEAT_SECONDS, Heartbeat
from serving.live.lease import Lease
from serving.live.releases import Refusal
from serving.live.status import Counts
from serving.live.ticks import Beat
from serving.live.watch import Watch
from serving.messages import AlertKind, AlertMessage, FeedState, LiveMessage, PortfolioMessage, StatusMessage

AT = datetime(2012, 3, 2, 15, tzinfo=UTC)
BEGAN = 1_000.0
Speak = Callable[..., list[LiveMessage]]


@pytest.fixture
def floor(release, audit) -> Floor:
    """One that has heard nothing yet."""
    return Floor(release, audit, Counts())


@pytest.fixture
def heartbeat() -> Heartbeat:
    """Of an engine that has just taken over."""
    heartbeat = Heartbeat(Watch(silence_seconds=30.0, clock=SystemClock()), Counts(), Lease(), SystemClock())
    heartbeat.lead(BEGAN)
    return heartbeat


@pytest.fixture
def speak(heartbeat, floor) -> Speak:
    """Lets it say what there is to say so many seconds after it began."""

    def messages(seconds: float, *, heard: bool = False, gaps: int = 0, refused: Refusal | None = None):
        return heartbeat.messages(floor, heard=heard, gaps=gaps, refused=refused, now=BEGAN + seconds)

    return messages


def test_it_beats_at_once_and_then_once_a_second(heartbeat, speak):
    first, early, second = speak(0.0), speak(0.9 * HEARTBEAT_SECONDS), speak(HEARTBEAT_SECONDS)

    assert [type(message) for message in (*first, *second)] == [StatusMessage, StatusMessage]
    assert early == []
    assert heartbeat.seconds_left(BEGAN + 1.25 * HEARTBEAT_SECONDS) == 0.75 * HEARTBEAT_SECONDS


def test_a_feed_whose_state_changes_is_told_at_once_and_the_second_counts_from_there(heartbeat, speak, floor):
    speak(0.0)
    floor.take(Beat(market="m", at=AT, state=FeedState.LIVE, detail="replaying"))

    (status,) = speak(0.5, heard=True)

    assert (status.feed, status.detail.endswith("; feed: replaying")) == (FeedState.LIVE, True)
    assert heartbeat.seconds_left(BEGAN + 0.5) == HEARTBEAT_SECONDS


def test_ticks_that_were_lost_unread_are_told_at_once(speak):
    speak(0.0)

    alert, status = speak(0.1, gaps=2)

    assert (alert.kind, alert.subject) == (AlertKind.FEED_DISTURBED, "ticks")
    assert alert.text.endswith("times so far: 2")
    assert status.detail.endswith("ticks lost unread: 2")


def test_a_release_that_is_refused_is_an_alert_for_as_long_as_it_is(speak):
    refused = Refusal("2012-03-02-0123", "portfolio.json: expected an object, got nothing")

    raised, again, over = speak(0.0, refused=refused), speak(1.0, refused=refused), speak(2.0)

    assert [(type(said), getattr(said, "active", None)) for said in (*raised, *again, *over)] == [
        (AlertMessage, True),
        (StatusMessage, None),
        (StatusMessage, None),
        (AlertMessage, False),
        (StatusMessage, None),
    ]


def test_a_change_of_engines_is_among_the_alerts_for_a_minute(heartbeat, speak):
    heartbeat.succeed(3)

    told, later, over = speak(0.0), speak(CHANGED_SECONDS), speak(CHANGED_SECONDS + 1.0)

    alerts = [[said for said in beat if isinstance(said, AlertMessage)] for beat in (told, later, over)]
    changes = [[said for said in beat if said.kind is AlertKind.ENGINE_CHANGED] for beat in alerts]
    assert [[change.active for change in beat] for beat in changes] == [[True], [], [False]]
    assert changes[0][0].text.endswith("from the one of term 3")


def test_the_portfolio_is_told_once_for_all_prices_since_the_last_beat(heartbeat, speak):
    heartbeat.trade(AT)
    heartbeat.trade(AT)

    first, second = speak(0.0), speak(HEARTBEAT_SECONDS)

    assert [type(message) for message in first] == [PortfolioMessage, StatusMessage]
    assert [type(message) for message in second] == [StatusMessage]
