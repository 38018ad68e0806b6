"""What a client makes of the frames it is sent, and what it asks next. Knows no socket and no time.

The rule that all of this serves: whatever goes wrong on the way, the caller gets each signal and alert once and in
order, or is told that some may be missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

import msgspec

from serving.client.ending import announced
from serving.client.errors import SubscriptionRefused, TryAgain, WrongProtocol
from serving.client.reading import NewerRefusal
from serving.client.state import State
from serving.client.told import Told
from serving.client.updates import Gap, News, Resumed, Update
from serving.messages import AlertMessage, LiveMessage, SignalMessage
from serving.protocol import (
    PROTOCOL,
    Channel,
    Closing,
    Delta,
    ErrorCode,
    Frame,
    Hello,
    Refused,
    Resume,
    Snapshot,
    Stale,
    Subscribe,
)

# A server that breaks its own chain more often than this in a row is not worth asking again on this connection.
MOST_BREAKS: Final = 3

Reaction = tuple[list[Update], Subscribe | None]


class Session:
    """One client's side of the conversation, across all of its connections.

    Parameters
    ----------
    tickers, channels : collection, optional
        What to subscribe to; None means all.

    Attributes
    ----------
    state : State
    """

    def __init__(self, *, tickers: Collection[str] | None = None, channels: Collection[Channel] | None = None) -> None:
        self.state = State()
        self._told = Told()
        self._wanted = _subscribe(tickers, channels)
        # What the server has agreed to; `state` is of this.
        self._agreed: Subscribe | None = None
        self._agreed_here = False
        self._asked: Subscribe | None = None
        # Up to where the caller has had every signal and alert. The state may be newer, while the rest is asked for.
        self._place: Resume | None = None
        self._resume_is_hopeless = False
        self._breaks = 0

    @property
    def is_agreed(self) -> bool:
        """Whether the server has agreed to what is wanted, on this connection or the last."""
        return self._agreed == self._wanted

    @property
    def has_agreed(self) -> bool:
        """Whether the server has ever agreed to anything."""
        return self._agreed is not None

    @property
    def is_answered(self) -> bool:
        """Whether the server owes no answer to a subscription."""
        return self._asked is None

    def greet(self, hello: Hello) -> Subscribe:
        """What to ask first on a new connection: to go on from where the last one ended, where that may work."""
        if hello.protocol != PROTOCOL:
            raise WrongProtocol(PROTOCOL, hello.protocol)
        if hello.release_id is None and self._wanted.tickers is not None:
            raise TryAgain("release: expected the server to have one, it has none yet")
        self._agreed_here, self._resume_is_hopeless, self._breaks = False, False, 0
        place = self._place
        # A delta of what was missed makes the state whole again only if it was whole at that place.
        resumable = place is not None and place.epoch == hello.epoch == self.state.epoch
        return self._ask(place if resumable and self.is_agreed else None)

    def want(self, *, tickers: Collection[str] | None, channels: Collection[Channel] | None) -> None:
        """Listen to something else from the next `ask` or `greet` on."""
        self._wanted = _subscribe(tickers, channels)

    def ask(self) -> Subscribe:
        """What to ask on a connection that stands, to hear what is wanted by now."""
        return self._ask(None)

    def keep(self) -> Subscribe | None:
        """Go on with what was agreed to before a change was refused; what to ask for that, if anything."""
        self._wanted = self._agreed or self._wanted
        return None if self._agreed_here else self._ask(None)

    def lost(self, reason: str) -> None:
        """The connection has gone."""
        self._asked = None
        self.state.stale = reason

    def take(self, frame: Frame | NewerRefusal) -> Reaction:
        """What a frame means to the caller, and what to ask the server for because of it.

        Raises
        ------
        SubscriptionRefused
            If what was asked for last can't be had.
        TryAgain, ServerClosed
            If only another connection helps, or not even that.
        """
        match frame:
            case Delta():
                return self._delta(frame)
            case Snapshot():
                return self._snapshot(frame)
            case Stale():
                self.state.stale = frame.reason
                return [frame], None
            case Refused() | NewerRefusal():
                return self._refused(frame)
            case Closing():
                raise announced(frame)
        return [], None

    def _ask(self, resume: Resume | None) -> Subscribe:
        wanted = self._wanted
        self._asked = Subscribe(tickers=wanted.tickers, channels=wanted.channels, resume=resume)
        return self._asked

    # Deltas.

    def _delta(self, delta: Delta) -> Reaction:
        resume = self._asked.resume if self._asked else None
        if resume is not None:
            if delta.prev == resume.last_seq and delta.seq >= self.state.seq:
                return self._resumed(delta, resume), None
            # What was on its way when we asked comes again with the answer; a server's own word has no number.
            return (self._news(delta.messages) if delta.prev == delta.seq else []), None
        if delta.prev != self.state.seq or delta.seq < delta.prev:
            return self._broken(delta)
        self._breaks = 0
        self._advance(delta.seq)
        return self._news(delta.messages), None

    def _resumed(self, delta: Delta, since: Resume) -> list[Update]:
        self._answered()
        self.state.epoch = since.epoch
        self._advance(delta.seq)
        missed = self._news(delta.messages)
        self._count_as_told(self.state.signals.values(), self.state.alerts.values())
        return [Resumed(epoch=since.epoch, seq=delta.seq, since=since), *missed]

    def _broken(self, delta: Delta) -> Reaction:
        """Something is missing before this frame: ask for it. The frame itself comes again with the answer."""
        self._breaks += 1
        if self._breaks > MOST_BREAKS:
            raise TryAgain(f"prev: expected {self.state.seq}, the frame before, got {delta.prev} time and again")
        return [], self._ask(self._place if self.state.epoch is not None else None)

    def _advance(self, seq: int) -> None:
        self.state.seq = seq
        if self.state.epoch is not None:
            self._place = Resume(epoch=self.state.epoch, last_seq=seq, release_id=self.state.release_id)

    def _news(self, messages: Iterable[LiveMessage]) -> list[Update]:
        """Take messages into the state; those of them that the caller has not had."""
        state, news = self.state, list[Update]()
        for message in messages:
            state.apply(message)
            if self._told.is_new(message):
                news.append(News(epoch=state.epoch, seq=state.seq, message=message))
        return news

    def _count_as_told(self, *groups: Iterable[LiveMessage]) -> None:
        for messages in groups:
            for message in messages:
                self._told.is_new(message)

    # Snapshots.

    def _snapshot(self, snapshot: Snapshot) -> Reaction:
        place = self._place
        if place is None or snapshot.epoch is None:
            # The first; or a server that has not found the engine's run yet, of which it can tell more later.
            return self._whole(snapshot), None
        if snapshot.epoch != place.epoch:
            return self._gap(snapshot, place, "the engine's run, in which messages are numbered, is another one"), None
        if snapshot.seq < place.last_seq:
            raise TryAgain(f"seq: expected {place.last_seq} or more, got {snapshot.seq}: the server is behind")
        if snapshot.seq == place.last_seq:
            return self._whole(snapshot), None
        return self._ahead(snapshot, place)

    def _ahead(self, snapshot: Snapshot, place: Resume) -> Reaction:
        """A snapshot newer than what the caller has had: were there signals or alerts in between?"""
        asked, resuming = self._asked, self._asked is not None and self._asked.resume is not None
        # Of another release: not the answer, which is still to come.
        unasked = resuming and snapshot.release_id != self.state.release_id
        if self._resume_is_hopeless or (resuming and not unasked):
            return self._gap(snapshot, place, "the server no longer has all that was missed"), None
        self._answered()
        self.state.replace(snapshot)
        if unasked:
            self._asked = asked
            return [snapshot], None
        return [snapshot], self._ask(place)

    def _whole(self, snapshot: Snapshot) -> list[Update]:
        self._answered()
        self.state.replace(snapshot)
        self._advance(snapshot.seq)
        self._count_as_told(snapshot.signals, snapshot.alerts)
        return [snapshot]

    def _gap(self, snapshot: Snapshot, since: Resume, reason: str) -> list[Update]:
        self._answered()
        self.state.replace(snapshot)
        self._advance(snapshot.seq)
        holding: list[SignalMessage | AlertMessage] = [*snapshot.signals, *snapshot.alerts]
        holding.sort(key=_order)
        return [Gap(reason=reason, since=since, snapshot=snapshot), *self._news(holding)]

    def _answered(self) -> None:
        if self._asked is not None:
            self._agreed, self._agreed_here = msgspec.structs.replace(self._asked, resume=None), True
        self._asked, self._resume_is_hopeless = None, False
        self.state.stale = None

    # Refusals.

    def _refused(self, refused: Refused | NewerRefusal) -> Reaction:
        if self._asked is None:
            # A ping too many: what it asked for has been answered by any frame since.
            return [], None
        if refused.code is ErrorCode.UNKNOWN_EPOCH and self._asked.resume is not None:
            # A snapshot follows by itself.
            self._resume_is_hopeless = True
            return [], None
        if refused.code is ErrorCode.TOO_FAST and self._asked.resume is not None:
            # It was this client's own asking, not its caller's.
            raise TryAgain(refused.message)
        self._asked = None
        raise SubscriptionRefused(refused.code, refused.field, refused.message)


def _order(message: SignalMessage | AlertMessage) -> tuple[datetime, int]:
    """Oldest first."""
    return message.at, (message.audit_id or 0) if isinstance(message, SignalMessage) else 0


def _subscribe(tickers: Collection[str] | None, channels: Collection[Channel] | None) -> Subscribe:
    if isinstance(tickers, str):
        raise TypeError(f"tickers: expected a collection of them, got the string {tickers!r}")
    return Subscribe(
        tickers=None if tickers is None else tuple(tickers), channels=None if channels is None else tuple(channels)
    )
