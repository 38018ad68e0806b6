"""What waits for a caller who is slow, and what counts as told."""

from __future__ import annotations

import pytest
from scripted_stream import alert, price, signal, snapshot

from serving.client import Disconnected, Gap, News, Overrun
from serving.client.inbox import Inbox
from serving.client.told import Told
from serving.protocol import Resume


def news(message, seq=1):
    return News(epoch="e1", seq=seq, message=message)


def drain(inbox):
    """All that waits."""
    updates = []
    while (update := inbox.take()) is not None:
        updates.append(update)
    return updates


def test_the_newest_of_a_kind_waits_behind_what_came_before_it():
    inbox = Inbox(most_kept=10)
    for update in (news(price(1.0)), news(price(2.0, "IBM")), news(signal(1)), news(price(3.0))):
        inbox.put(update)

    assert drain(inbox) == [news(price(2.0, "IBM")), news(signal(1)), news(price(3.0))]


def test_room_is_for_what_waits_not_for_what_was_read():
    inbox = Inbox(most_kept=2)
    for number in range(1, 10):
        inbox.put(news(signal(number)))
        assert inbox.take() == news(signal(number))
    inbox.put(news(signal(10)))
    inbox.put(news(alert("no tick")))

    with pytest.raises(Overrun, match="expected at most 2 unread signals and alerts, got one more"):
        inbox.put(news(signal(11)))


def test_two_gaps_that_nobody_has_read_of_are_one_from_where_the_first_begins():
    first, second = Resume(epoch="e1", last_seq=3), Resume(epoch="e2", last_seq=9)
    inbox = Inbox(most_kept=10)
    inbox.put(Gap(reason="another run", since=first, snapshot=snapshot(5, epoch="e2")))
    inbox.put(Gap(reason="another run", since=second, snapshot=snapshot(1, epoch="e3")))

    assert drain(inbox) == [Gap(reason="another run", since=first, snapshot=snapshot(1, epoch="e3"))]


def test_what_ends_it_comes_after_what_waits():
    inbox = Inbox(most_kept=10)
    inbox.put(Disconnected(reason="cut", retry_seconds=0.1))
    inbox.end(Overrun("first"))
    inbox.end(Overrun("second"))

    assert isinstance(inbox.take(), Disconnected)
    for _ in range(2):
        with pytest.raises(Overrun, match="first"):
            inbox.take()


def test_the_newest_of_a_ticker_is_remembered_however_much_comes_of_others():
    told = Told(most=3)
    told.is_new(signal(1, "AAPL"))
    for number in range(2, 20):
        assert told.is_new(signal(number, "IBM"))

    assert not told.is_new(signal(1, "AAPL"))
    assert not told.is_new(signal(18, "IBM"))


def test_an_alert_that_comes_back_is_news():
    told = Told()

    assert told.is_new(alert("no tick"))
    assert not told.is_new(alert("no tick"))
    assert told.is_new(alert("it is back", active=False))
