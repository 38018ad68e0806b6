"""A trade's session by the calendar: its hours, half days included, and the minute of the closing auction."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from serving.live.feeds.hours import Hours


def at(moment: str) -> datetime:
    """A moment of UTC."""
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        ("2021-02-22T14:29:59.999", None),
        ("2021-02-22T14:30", "2021-02-22"),
        ("2021-02-22T20:59:59.999", "2021-02-22"),
        ("2021-02-22T21:01", "2021-02-22"),  # the closing auction
        ("2021-02-22T21:01:00.001", None),
        ("2021-11-26T18:01", "2021-11-26"),  # the day after Thanksgiving closes at one
        ("2021-11-26T18:02", None),
        ("2021-02-20T16:00", None),  # a Saturday
        ("2020-12-31T16:00", None),  # before the calendar
        ("2026-01-02T16:00", None),  # behind it
    ],
)
def test_a_trade_belongs_to_the_session_whose_hours_it_is_in(recent, moment, session):
    assert Hours(recent).session(at(moment)) == session


@pytest.mark.parametrize(
    ("moment", "open_then"),
    [("2021-02-22T14:30", True), ("2021-02-22T21:00", False), ("2021-02-20T16:00", False), ("2019-02-20", False)],
)
def test_an_exchange_is_open_from_its_open_to_its_close(recent, moment, open_then):
    assert Hours(recent).is_open(at(moment)) is open_then
