"""What the hub works out for who fell behind or comes back, against a queue for each client that keeps everything."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_messages import price, signal
from stream_server import alert

from release.clock import SystemClock
from release.store import Store
from serving.latest import Latest
from serving.messages import AlertMessage, LiveMessage, PriceMessage, SignalMessage
from serving.metrics import Metrics
from serving.protocol import DELIVERED_ONE_BY_ONE, Channel, Delta, Frame, Hello, Resume, Snapshot, Stale, decode_frame
from serving.streaming.frames import Watcher
from serving.streaming.history import History
from serving.streaming.hub import Hub, Numbered
from serving.streaming.listeners import Listener, Subscription
from serving.view import View, view

TICKERS = ("AAPL", "IBM")
SUBSCRIPTIONS = (
    Subscription(),
    Subscription(["AAPL"]),
    Subscription(["IBM"], [Channel.PRICES, Channel.SIGNALS]),
    Subscription(None, [Channel.ALERTS]),
)


@dataclass
class Wire:
    """A connection that is full when the test says so, and keeps what is written to it."""

    watcher: Watcher | None = None
    is_full: bool = False
    frames: list[Frame] = field(default_factory=list)

    def write(self, frame: bytes) -> None:
        assert not self.is_full or self.watcher is None, "more was written to a connection that is full"
        header = 2 if frame[1] < 126 else 4 if frame[1] == 126 else 10
        self.frames.append(decode_frame(frame[header:]))

    def end(self, code: int, reason: str) -> None:
        raise AssertionError(f"sent away: {code} {reason}")

    async def room(self) -> None:
        return

    def fill(self) -> None:
        if not self.is_full and self.watcher is not None:
            self.is_full = True
            self.watcher.full()

    def drain(self) -> None:
        if self.is_full and self.watcher is not None:
            self.is_full = False
            self.watcher.drained()


class Client:
    """One client: what it was sent, and beside it all that an endless queue would have brought it."""

    def __init__(self, hub: Hub, subscription: Subscription) -> None:
        self.subscription = subscription
        self.queue: list[LiveMessage] = []
        self.prices: dict[str, PriceMessage] = {}
        self.each: list[LiveMessage] = []
        self.seq = -1
        self.connect(hub, resume=None)

    def connect(self, hub: Hub, *, resume: Resume | None) -> None:
        self.wire = Wire()
        self.listener: Listener = hub.greet(self.wire)
        self.is_stale = False
        if resume is None or not hub.resume(self.listener, self.subscription, resume):
            hub.subscribe(self.listener, self.subscription)

    def come_back(self, hub: Hub) -> None:
        """Lose the connection with whatever was not written to it, and resume on another."""
        self.read()
        hub.leave(self.listener)
        release = hub.latest.release_id
        self.connect(hub, resume=Resume(epoch=hub.epoch or "", last_seq=self.seq, release_id=release))

    def read(self) -> None:
        """Take in what came, and check each frame's place in the chain."""
        for frame in self.wire.frames:
            assert isinstance(frame, Hello | Snapshot | Delta | Stale)
            if isinstance(frame, Delta):
                assert frame.prev == self.seq
                for message in frame.messages:
                    assert self.subscription.wants(message)
                    self.take(message)
            if isinstance(frame, Snapshot):
                self.prices = {message.ticker: message for message in frame.prices}
                self.is_stale = False
            if isinstance(frame, Stale):
                self.is_stale = True
            if isinstance(frame, Delta | Snapshot):
                assert frame.seq >= self.seq
                self.seq = frame.seq
        self.wire.frames.clear()

    def take(self, message: LiveMessage) -> None:
        if isinstance(message, PriceMessage):
            before = self.prices.get(message.ticker)
            assert before is None or before.price < message.price, "told twice"
            self.prices[message.ticker] = message
        elif isinstance(message, DELIVERED_ONE_BY_ONE):
            self.each.append(message)

    def has_all(self) -> None:
        """Compare with the queue: the newest price of each ticker, and every signal and alert once, in order."""
        heard = [message for message in self.queue if self.subscription.wants(message)]
        assert self.prices == {message.ticker: message for message in heard if isinstance(message, PriceMessage)}
        assert self.each == [message for message in heard if isinstance(message, DELIVERED_ONE_BY_ONE)]


@pytest.fixture(scope="module")
def released(published_home: Path) -> View:
    return view(Store(published_home / "releases").load())


CLIENTS = range(len(SUBSCRIPTIONS))
MESSAGES = st.lists(
    st.tuples(st.sampled_from(("price", "price", "signal", "alert")), st.sampled_from(TICKERS)), min_size=1, max_size=3
)
STEPS = st.one_of(
    st.tuples(st.sampled_from(("say", "read_whole")), MESSAGES),
    st.tuples(st.sampled_from(("fill", "drain", "come_back")), st.sampled_from(CLIENTS)),
    st.tuples(st.sampled_from(("stale", "install")), st.none()),
)


@given(steps=st.lists(STEPS, min_size=12, max_size=40))
def test_whoever_falls_behind_or_comes_back_has_all_in_the_end_that_a_queue_would_have_brought(released, steps):
    asyncio.run(_play(released, steps))


async def _play(released: View, steps: list[tuple[str, object]]) -> None:
    latest = Latest(SystemClock(), Metrics())
    latest.install(released)
    hub = Hub(latest, latest.metrics)
    hub.restart(epoch="only", seq=0)
    clients = [Client(hub, subscription) for subscription in SUBSCRIPTIONS]
    number = 0
    last_words = ("say", [("price", "AAPL")])
    for step, what in [*steps, last_words, *(("drain", each) for each in CLIENTS)]:
        if step in ("say", "read_whole"):
            news, before = [], number
            for kind, ticker in what:
                number += 1
                message = _message(kind, ticker, number)
                latest.apply(message)
                news.append(Numbered(number, message))
                for client in clients:
                    client.queue.append(message)
            if step == "say":
                hub.publish(news, seq=number)
            else:
                hub.restart(epoch="only", seq=number, after=before, history=news)
        elif step == "stale":
            hub.stale("nothing to be had")
        elif step == "install":
            hub.announce()
        elif step == "come_back":
            clients[what].come_back(hub)
        else:
            getattr(clients[what].wire, step)()

    for client in clients:
        client.read()
        client.has_all()
        assert not client.is_stale


def _message(kind: str, ticker: str, number: int) -> LiveMessage:
    if kind == "price":
        return price(ticker, float(number))
    return signal(ticker, number) if kind == "signal" else alert(ticker, text=str(number))


SAID = st.lists(st.tuples(st.sampled_from(("price", "signal", "alert")), st.sampled_from(TICKERS)), max_size=60)


@given(said=SAID, since=st.integers(min_value=0, max_value=60), most_kept=st.integers(min_value=1, max_value=8))
def test_a_history_tells_exactly_what_came_since_or_that_it_can_not(said, since, most_kept):
    since %= len(said) + 1
    numbered = [(seq, _message(kind, ticker, seq)) for seq, (kind, ticker) in enumerate(said, start=1)]
    history = History(most_kept=most_kept)
    for seq, message in numbered:
        history.add(message, seq=seq)

    missed = history.after_seq(since)

    later = numbered[since:]
    each = [pair for pair in later if isinstance(pair[1], SignalMessage | AlertMessage)]
    newest = {pair[1].ticker: pair for pair in later if isinstance(pair[1], PriceMessage)}
    if len(each) <= most_kept:
        assert not missed.snapshot
        assert [(kept.seq, kept.message) for kept in missed.messages] == sorted([*each, *newest.values()])
    else:
        assert missed.snapshot
        assert missed.messages == []


def test_who_needs_an_older_signal_than_is_kept_is_told_everything_by_a_snapshot(released):
    async def play() -> list[Frame]:
        latest = Latest(SystemClock(), Metrics())
        latest.install(released)
        hub = Hub(latest, latest.metrics)
        hub._history = History(most_kept=3)
        hub.restart(epoch="only", seq=0)
        client = Client(hub, Subscription(None, [Channel.SIGNALS]))
        client.read()
        client.wire.fill()
        for number in range(1, 5):
            hub.publish([Numbered(number, signal("AAPL", number))], seq=number)
        client.wire.drain()
        return client.wire.frames

    frames = asyncio.run(play())

    assert [type(frame) for frame in frames] == [Snapshot]
