"""The WebSocket stream's fan-out: who listens, and what each of them is told, now or when it can be told again.

Every frame is made once for all that want the same and stand at the same place, and written to each connection as the
same bytes. Nothing waits for a listener whose connection is full: what it missed is worked out from the history all
share when its connection has drained. Knows no Redis: `follower` beside it brings what the live engine says. What
clients ask is `conversation`'s business, how many may come `limits`'.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple

import structlog

from serving.latest import Latest
from serving.messages import AlertMessage, LiveMessage, encode
from serving.metrics import Metrics
from serving.protocol import (
    DELIVERED_ONE_BY_ONE,
    PROTOCOL,
    CloseCode,
    Closing,
    Frame,
    Hello,
    Resume,
    Stale,
)
from serving.streaming.framing import delta_frame, frame_of, snapshot_frame
from serving.streaming.history import History, Kept
from serving.streaming.limits import PAUSE_SECONDS, SLOW_SECONDS, SUBSCRIBE_SECONDS, Doors
from serving.streaming.listeners import Connection, Listener, Subscription

# How long a client that has heard more than we have may wait for us: another worker was a moment ahead of this one.
BEHIND_SECONDS: Final = 1.0

# Frames for those who come or catch up, kept until something changes. A snapshot can be of hundreds of kB.
MOST_MADE: Final = 32

log = structlog.get_logger()


class Numbered(NamedTuple):
    """A message of the engine's with its number."""

    seq: int
    message: LiveMessage


class Hub:
    """All listeners of this process.

    Lives on the event loop: nothing but `drain` and `reach` waits.

    Parameters
    ----------
    latest : Latest
        What a snapshot tells.
    metrics : Metrics
    doors : Doors, optional
        Who is let in.

    Attributes
    ----------
    epoch : str or None
        The engine's run that `seq` counts in; None before an engine has spoken.
    seq : int
        The number of the engine's newest message known here. Never goes back within an epoch.
    """

    def __init__(self, latest: Latest, metrics: Metrics, doors: Doors | None = None) -> None:
        self.latest = latest
        self.metrics = metrics
        self.doors = doors or Doors()
        self.epoch: str | None = None
        self.seq = 0
        self._history = History()
        self._listeners: set[Listener] = set()
        # Those that have been told everything, which is all that have subscribed but the ones behind.
        self._current: dict[Subscription, set[Listener]] = {}
        self._behind: set[Listener] = set()
        self._told_stale: str | None = None
        # Frames made since anything last changed; many come back at the same moment and want the same.
        self._made: dict[tuple[object, ...], list[bytes]] = {}
        self._moved = asyncio.Event()

    # What the follower and the reloader tell.

    def publish(self, news: Sequence[Numbered], *, seq: int) -> None:
        """Tell what is new, up to the engine's message number `seq`, and that it is news again after silence."""
        before = self._history.place
        fresh = [self._history.add(message, seq=number) for number, message in news]
        self._change(seq)
        if self._told_stale is not None:
            self._told_stale = None
            self._history.renew()
            self._tell_whole(before=before)
        else:
            self._tell([kept for kept in fresh if self._history.still_news(kept)])

    def restart(self, *, epoch: str, seq: int, after: int | None = None, history: Sequence[Numbered] = ()) -> None:
        """The newest state was read whole: go on from there, and tell everybody all of it.

        Parameters
        ----------
        epoch : str
        seq : int
            Of the newest message; not below `Hub.seq` if the epoch is the same.
        after : int, optional
            `history` has all that came after this number; None for `seq`.
        history : sequence of Numbered
            The last messages.
        """
        after, before = seq if after is None else after, self._history.place
        if epoch != self.epoch or after > self.seq:
            self.epoch, self.seq = epoch, after
            self._history.begin(seq=after)
        for number, message in history:
            if number > self.seq:
                self._history.add(message, seq=number)
        self._change(seq)
        self._told_stale = None
        self._history.renew()
        self._tell_whole(before=before)

    def announce(self) -> None:
        """A release was installed: tell everybody everything."""
        before = self._history.place
        self._history.renew(seq=self.seq)
        self._change(self.seq)
        self._tell_whole(before=before)

    def tell_own(self, alerts: Iterable[AlertMessage]) -> None:
        """Tell alerts of this process itself; they take no number of the engine's."""
        fresh = [self._history.add(alert, seq=self.seq, own=True) for alert in alerts]
        self._change(self.seq)
        self._tell(fresh)

    def stale(self, reason: str) -> None:
        """Tell everybody, once, that there is no news to be had."""
        if self._told_stale is None:
            self._told_stale = reason
            self._made.clear()
            for listeners in self._current.values():
                for listener in tuple(listeners):
                    self.say(listener, self._stale(listener, reason))

    async def drain(self, *, longest_pause_seconds: float) -> None:
        """Let nobody in any more, and send everybody away: each with a pause of its own, so that not all come at once.

        Returns when every goodbye is written.
        """
        self.doors.closed = True
        for listener in tuple(self._listeners):
            pause = random.uniform(0.0, longest_pause_seconds)
            self.dismiss(listener, CloseCode.RESTARTING, "the server restarts", pause=pause)
        # What was written goes out with the loop's next turns.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    # What a conversation does.

    def greet(self, connection: Connection) -> Listener:
        """Take in a new connection, which hears nothing before it subscribes."""
        listener = Listener(connection, self)
        connection.watcher = listener
        self._listeners.add(listener)
        self.metrics.listeners(len(self._listeners))
        listener.seq = self.seq
        listener.expect(_later(SUBSCRIBE_SECONDS, lambda: self._never_subscribed(listener)))
        self.say(listener, Hello(protocol=PROTOCOL, epoch=self.epoch, seq=self.seq, release_id=self.latest.release_id))
        return listener

    def leave(self, listener: Listener) -> None:
        """It has gone; no news if it had already."""
        listener.expect(None)
        listener.connection.watcher = None
        self._set_aside(listener)
        self._behind.discard(listener)
        self._listeners.discard(listener)
        self.metrics.listeners(len(self._listeners))
        self.metrics.paused(len(self._behind))

    def subscribe(self, listener: Listener, subscription: Subscription) -> None:
        """From now on the listener hears this, and first all that is known of it."""
        self._enlist(listener, subscription)
        listener.seq = self.seq
        self._write(listener, self._snapshot(subscription) + self._staleness(listener))

    def resume(self, listener: Listener, subscription: Subscription, place: Resume) -> bool:
        """As `subscribe`, but only what the listener has missed, if that is known; False if its place is not."""
        if place.epoch != self.epoch or place.last_seq > self.seq:
            return False
        missed = self._history.after_seq(place.last_seq)
        whole = missed.snapshot or place.release_id not in (None, self.latest.release_id)
        told = _wanted(subscription, missed.messages, one_by_one=whole)
        if not whole and AlertMessage in subscription.kinds:
            # Those of this process have no number: whether the client knows them can't be told.
            told += map(encode, self.latest.own_alerts)
        self._enlist(listener, subscription)
        listener.seq = self.seq
        # One without a word too: it says that nothing was missed, which a snapshot alone doesn't.
        frames = [] if missed.lost else [delta_frame(told, seq=self.seq, prev=place.last_seq)]
        if whole:
            frames += self._snapshot(subscription)
        self._write(listener, frames + self._staleness(listener))
        return True

    async def reach(self, place: Resume) -> None:
        """Wait a moment for the engine's message that a client has heard already, if it is likely to come."""
        try:
            async with asyncio.timeout(BEHIND_SECONDS):
                while place.epoch == self.epoch and place.last_seq > self.seq:
                    await self._moved.wait()
        except TimeoutError:
            log.warning("resume_beyond", last_seq=place.last_seq, seq=self.seq)

    def say(self, listener: Listener, frame: Frame) -> None:
        """Send one listener a frame that tells no news."""
        self._write(listener, [frame_of(frame)])

    def dismiss(self, listener: Listener, code: CloseCode, reason: str, *, pause: float | None = None) -> None:
        """Close a connection: a last frame with the reason, when to come back, and the code."""
        seconds = PAUSE_SECONDS * random.uniform(1.0, 2.0) if pause is None else pause
        self.say(listener, Closing(code=code, reason=reason, reconnect_after_seconds=round(seconds, 3)))
        listener.connection.end(code, reason)
        if code is not CloseCode.RESTARTING:
            self.metrics.dropped(code.name.lower())
            log.info("listener_dismissed", code=int(code), reason=reason)
        self.leave(listener)

    # What a connection tells through its listener.

    def fell_behind(self, listener: Listener) -> None:
        """The connection is full: nothing more for this listener before it has drained, and that had better be soon."""
        listener.expect(_later(SLOW_SECONDS, lambda: self._too_slow(listener)))
        if listener.subscription is not None:
            self._set_aside(listener)
            listener.place = self._history.place
        self._behind.add(listener)
        self.metrics.paused(len(self._behind))

    def caught_up(self, listener: Listener) -> None:
        """The connection has drained: tell the listener what it has missed."""
        self._behind.discard(listener)
        self.metrics.paused(len(self._behind))
        if listener.subscription is None:
            listener.expect(_later(SUBSCRIBE_SECONDS, lambda: self._never_subscribed(listener)))
            return
        listener.expect(None)
        place = listener.place
        self._enlist(listener, listener.subscription)
        if place < self._history.place:
            self.metrics.conflated()
            self._write(listener, self._missed(listener, place))

    def _too_slow(self, listener: Listener) -> None:
        self.dismiss(listener, CloseCode.TOO_SLOW, f"nothing was taken for {SLOW_SECONDS:g} s")

    def _never_subscribed(self, listener: Listener) -> None:
        self.dismiss(listener, CloseCode.NO_SUBSCRIPTION, f"expected a subscription within {SUBSCRIBE_SECONDS:g} s")

    # How it is told.

    def _change(self, seq: int) -> None:
        """Something is new: what was made before is out of date."""
        self.seq = max(self.seq, seq)
        self._made.clear()
        self._moved.set()
        self._moved = asyncio.Event()

    def _enlist(self, listener: Listener, subscription: Subscription) -> None:
        """Count a listener among those that are told at once, unless it was sent away while it asked."""
        if listener not in self._listeners:
            return
        self._set_aside(listener)
        listener.expect(None)
        listener.subscription = subscription
        self._current.setdefault(subscription, set()).add(listener)

    def _set_aside(self, listener: Listener) -> None:
        """Not any more."""
        if listener.subscription is None:
            return
        alike = self._current.get(listener.subscription)
        if alike is not None:
            alike.discard(listener)
            if not alike:
                del self._current[listener.subscription]

    def _tell(self, fresh: Collection[Kept]) -> None:
        """Tell all that have been told everything before what is new since."""
        frames = size = 0
        for subscription, listeners in tuple(self._current.items()):
            told = _wanted(subscription, fresh)
            if not told:
                continue
            made: dict[int, bytes] = {}
            # A listener leaves the set while it is written to, if that fills its connection.
            alike = tuple(listeners)
            for listener in alike:
                frame = made.get(listener.seq)
                if frame is None:
                    frame = made[listener.seq] = delta_frame(told, seq=self.seq, prev=listener.seq)
                listener.seq = self.seq
                listener.connection.write(frame)
                size += len(frame)
            frames += len(alike)
        self.metrics.sent(frames=frames, size=size)

    def _tell_whole(self, *, before: int) -> None:
        """Tell all that had been told everything up to the place `before` the rest, and all of it in a snapshot."""
        for listeners in tuple(self._current.values()):
            for listener in tuple(listeners):
                self._write(listener, self._missed(listener, before))

    def _missed(self, listener: Listener, place: int) -> list[bytes]:
        """The frames that bring up to date a listener that was told everything up to `place`; it counts as told."""
        subscription, prev = listener.subscription, listener.seq
        assert subscription is not None
        missed = self._history.after_place(place)
        if not missed.snapshot and not any(subscription.wants(kept.message) for kept in missed.messages):
            return self._staleness(listener)
        listener.seq = self.seq

        def make() -> list[bytes]:
            told = _wanted(subscription, missed.messages, one_by_one=missed.snapshot)
            # One without a word too: it says that nothing was missed, which a snapshot alone doesn't.
            return [delta_frame(told, seq=self.seq, prev=prev)] if told or (prev < self.seq and not missed.lost) else []

        frames = self._once((subscription, place, prev), make)
        if missed.snapshot:
            frames = frames + self._snapshot(subscription)
        return frames + self._staleness(listener)

    def _once(self, key: tuple[object, ...], make: Callable[[], list[bytes]]) -> list[bytes]:
        """What `make` makes, once until something changes."""
        frames = self._made.get(key)
        if frames is None:
            if len(self._made) >= MOST_MADE:
                self._made.clear()
            frames = self._made[key] = make()
        return frames

    def _write(self, listener: Listener, frames: list[bytes]) -> None:
        for frame in frames:
            listener.connection.write(frame)
        self.metrics.sent(frames=len(frames), size=sum(map(len, frames)))

    def _staleness(self, listener: Listener) -> list[bytes]:
        """That what was told may be out of date, if it may."""
        if self._told_stale is None:
            return []
        return [frame_of(self._stale(listener, self._told_stale))]

    def _stale(self, listener: Listener, reason: str) -> Stale:
        since = self.latest.arrived_at or self.latest.clock.now()
        return Stale(seq=listener.seq, since=since, reason=reason)

    def _snapshot(self, subscription: Subscription) -> list[bytes]:
        """All that is known of what is subscribed to, as one frame."""

        def make() -> list[bytes]:
            wanted = [message for message in self.latest.messages() if subscription.wants(message)]
            return [snapshot_frame(wanted, epoch=self.epoch, seq=self.seq, release_id=self.latest.release_id)]

        return self._once((subscription,), make)


def _wanted(subscription: Subscription, messages: Iterable[Kept], *, one_by_one: bool = False) -> list[bytes]:
    """The messages that are subscribed to; with `one_by_one`, of those only what no snapshot makes up for."""
    return [
        kept.data
        for kept in messages
        if subscription.wants(kept.message) and (not one_by_one or isinstance(kept.message, DELIVERED_ONE_BY_ONE))
    ]


def _later(seconds: float, act: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, act)
