"""An alert is said when it begins, when it changes and when it is over, and not in between."""

from __future__ import annotations

import pytest

from release.clock import SystemClock
from serving.live.alerts import Alerts
from serving.messages import AlertKind, Severity


@pytest.fixture
def alerts() -> Alerts:
    """No alert yet."""
    return Alerts(SystemClock())


def test_it_is_said_once_while_it_lasts_and_once_when_it_is_over(alerts):
    for _ in range(3):
        alerts.raise_(AlertKind.NO_PREDICTION, "AAPL", "none")
    raised = alerts.news()
    for _ in range(3):
        alerts.clear(AlertKind.NO_PREDICTION, "AAPL")
    cleared = alerts.news()

    assert [(each.subject, each.active, each.severity) for each in raised] == [("AAPL", True, Severity.WARNING)]
    assert [(each.subject, each.active, each.text) for each in cleared] == [("AAPL", False, "none")]
    assert alerts.news() == []


def test_it_is_said_again_with_another_text(alerts):
    alerts.raise_(AlertKind.RELEASE_REFUSED, "one", "torn")
    alerts.raise_(AlertKind.RELEASE_REFUSED, "one", "gone")

    assert [each.text for each in alerts.news()] == ["torn", "gone"]
    assert alerts.subjects(AlertKind.RELEASE_REFUSED) == {"one"}


def test_those_of_a_kind_are_over_together_and_others_are_not(alerts):
    for ticker in ("AAPL", "IBM"):
        alerts.raise_(AlertKind.NO_PREDICTION, ticker, "none")
    alerts.raise_(AlertKind.FEED_SILENT, "feed", "silence")
    alerts.news()

    alerts.clear(AlertKind.NO_PREDICTION)

    assert [(each.subject, each.active) for each in alerts.news()] == [("AAPL", False), ("IBM", False)]
    assert alerts.subjects(AlertKind.FEED_SILENT) == {"feed"}


def test_a_successor_says_of_its_predecessors_alerts_only_that_they_are_over(alerts):
    alerts.raise_(AlertKind.FEED_SILENT, "feed", "silence", severity=Severity.CRITICAL)
    successor = Alerts(SystemClock())

    successor.inherit(alerts.news())
    successor.raise_(AlertKind.FEED_SILENT, "feed", "silence")
    nothing_new = successor.news()
    successor.clear(AlertKind.FEED_SILENT)

    assert nothing_new == []
    assert [(each.active, each.severity) for each in successor.news()] == [(False, Severity.CRITICAL)]
