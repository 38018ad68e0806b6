"""The conversation without sockets: whatever is cut, dropped or forgotten, no signal twice and none lost unsaid."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_stream import RELEASE, delta, hello, price, signal, snapshot

from serving.client import Gap, News, Resumed
from serving.client.errors import TryAgain
from serving.client.session import Session
from serving.messages import LiveMessage, PriceMessage, SignalMessage
from serving.protocol import Delta, ErrorCode, Frame, Refused, Resume, Subscribe

TICKERS = ("AAPL", "IBM")


@dataclass
class ModelServer:
    """What a server does by the protocol, as plainly as it can be written down."""

    epoch: str = "e1"
    seq: int = 0
    release: str = RELEASE
    said: list[tuple[int, LiveMessage]] = field(default_factory=list)
    forgotten: int = 0
    released_at: int = 0
    told: int = 0
    audit_id: int = 0
    subscribed: bool = False
    sent: list[Frame] = field(default_factory=list)

    def say(self, *, signals: int) -> None:
        """A price of each ticker and some signals; told to who has subscribed."""
        before = self.seq
        for ticker in TICKERS:
            self._number(price(float(self.seq + 1), ticker))
        for _ in range(signals):
            self.audit_id += 1
            self._number(signal(self.audit_id, TICKERS[self.audit_id % 2]))
        if self.subscribed:
            self.sent.append(delta(self.told, self.seq, *(message for seq, message in self.said if seq > before)))
            self.told = self.seq

    def _number(self, message: LiveMessage) -> None:
        self.seq += 1
        self.said.append((self.seq, message))

    def install(self) -> None:
        """Another release comes into force."""
        self.release += "+"
        self.released_at = self.seq
        if self.subscribed:
            self.sent.append(self.whole())

    def begin_anew(self) -> None:
        """The engine's run is another one."""
        self.epoch += "+"
        self.said = [(number, message) for number, message in enumerate(self.newest(), 1)]
        self.seq = self.told = self.forgotten = len(self.said)
        if self.subscribed:
            self.sent.append(self.whole())

    def newest(self) -> list[LiveMessage]:
        return list({(type(message), message.ticker): message for _, message in self.said}.values())

    def whole(self) -> Frame:
        self.told = self.seq
        return snapshot(self.seq, *self.newest(), epoch=self.epoch, release_id=self.release)

    def connect(self) -> Frame:
        self.subscribed = False
        self.sent.clear()
        return hello(epoch=self.epoch, seq=self.seq, release_id=self.release)

    def hear(self, request: Subscribe) -> None:
        self.subscribed = True
        place = request.resume
        if place is not None and place.epoch == self.epoch and self.forgotten <= place.last_seq <= self.seq:
            missed = [message for seq, message in self.said if seq > place.last_seq]
            self.told = self.seq
            self.sent.append(delta(place.last_seq, self.seq, *missed))
            if place.release_id != self.release:
                self.sent.append(self.whole())
            return
        if place is not None and place.epoch != self.epoch:
            self.sent.append(Refused(code=ErrorCode.UNKNOWN_EPOCH, field="resume", message="expected another"))
        self.sent.append(self.whole())


class Wire:
    """A session and a server, with all that can happen between them."""

    def __init__(self) -> None:
        self.server = ModelServer()
        self.session = Session()
        self.updates: list[object] = []
        self.connect()

    def connect(self) -> None:
        self.session.lost("cut")
        self.server.hear(self.session.greet(self.server.connect()))

    def deliver(self, frames: int) -> None:
        for _ in range(frames):
            if self.server.sent:
                self._take(self.server.sent.pop(0))

    def drop(self) -> None:
        """The server fails to send what only the chain of numbers can show the lack of."""
        if self.server.sent and isinstance(self.server.sent[0], Delta):
            self.server.sent.pop(0)

    def settle(self) -> None:
        """Deliver everything; a session that waits for an answer that was dropped loses patience."""
        self.deliver(len(self.server.sent))
        while self.server.sent or not self.session.is_answered:
            if not self.server.sent:
                self.connect()
            self.deliver(len(self.server.sent))

    def _take(self, frame: Frame) -> None:
        try:
            updates, request = self.session.take(frame)
        except TryAgain:
            self.connect()
            return
        self.updates += updates
        if request is not None:
            self.server.hear(request)

    def signals(self) -> list[int]:
        return [
            update.message.audit_id
            for update in self.updates
            if isinstance(update, News) and isinstance(update.message, SignalMessage)
        ]


EVENTS = st.one_of(
    st.tuples(st.just("say"), st.integers(0, 3)),
    st.tuples(st.just("deliver"), st.integers(1, 4)),
    st.tuples(st.sampled_from(["drop", "cut", "install", "forget", "begin_anew"]), st.just(0)),
)


def happen(wire: Wire, event: tuple[str, int]) -> None:
    match event:
        case ("say", signals):
            wire.server.say(signals=signals)
        case ("deliver", frames):
            wire.deliver(frames)
        case ("drop", _):
            wire.drop()
        case ("cut", _):
            wire.connect()
        case ("install", _):
            wire.server.install()
        case ("forget", _):
            wire.server.forgotten = wire.server.seq
        case ("begin_anew", _):
            wire.server.begin_anew()


@settings(max_examples=400, deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_whatever_happens_no_signal_comes_twice_and_none_is_lost_unsaid(events):
    wire = Wire()
    wire.settle()
    for event in events:
        happen(wire, event)
    wire.settle()
    wire.server.say(signals=1)
    wire.settle()

    heard = wire.signals()
    gaps = [update for update in wire.updates if isinstance(update, Gap)]
    assert heard == sorted(set(heard))
    if not gaps:
        assert heard == list(range(1, wire.server.audit_id + 1))
    assert heard[-1] == wire.server.audit_id
    newest = wire.server.newest()
    assert wire.session.state.prices == {each.ticker: each for each in newest if isinstance(each, PriceMessage)}
    assert wire.session.state.signals == {each.ticker: each for each in newest if isinstance(each, SignalMessage)}
    assert wire.session.state.release_id == wire.server.release


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS.filter(lambda event: event[0] not in ("forget", "begin_anew")), max_size=40))
def test_a_server_that_has_what_was_missed_leaves_no_gap(events):
    wire = Wire()
    wire.settle()
    for event in events:
        # A server that keeps back its very answer to a resume is one that hasn't what was missed.
        if event[0] != "drop" or wire.session.is_answered:
            happen(wire, event)
    wire.settle()
    wire.server.say(signals=1)
    wire.settle()

    assert wire.signals() == list(range(1, wire.server.audit_id + 1))
    assert not any(isinstance(update, Gap) for update in wire.updates)


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_numbers_never_go_back_within_a_run(events):
    wire = Wire()
    wire.settle()
    for event in events:
        happen(wire, event)
    wire.settle()

    reached: dict[str | None, int] = {}
    for update in wire.updates:
        if isinstance(update, News | Resumed):
            assert update.seq >= reached.get(update.epoch, 0)
            reached[update.epoch] = update.seq


def test_a_gap_names_where_it_begins_and_holds_what_there_is():
    wire = Wire()
    wire.settle()
    wire.server.say(signals=1)
    wire.settle()
    wire.server.connect()
    wire.server.say(signals=4)
    wire.server.forgotten = wire.server.seq
    wire.connect()
    wire.settle()

    (gap,) = (update for update in wire.updates if isinstance(update, Gap))
    assert gap.since == Resume(epoch="e1", last_seq=3, release_id=RELEASE)
    assert gap.snapshot.seq == 9
    # Of four that were missed the newest of each ticker holds.
    assert wire.signals() == [1, 4, 5]


def test_a_state_can_be_kept_while_the_next_frame_changes_it():
    wire = Wire()
    wire.server.say(signals=1)
    wire.settle()
    kept = wire.session.state.copy()
    before = msgspec.json.encode(sorted(kept.prices.items()))
    wire.server.say(signals=1)
    wire.settle()

    assert msgspec.json.encode(sorted(kept.prices.items())) == before
    assert wire.session.state.prices != kept.prices
