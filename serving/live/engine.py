"""The engine: reads ticks, hands them to the floor, and publishes what comes back.

One loop does everything in turn, so that a tick, a new release and a heartbeat never meet half way. Of several engines
one leads, by its lease; the others stand by, keep their bars where the leader's are, and one of them goes on where it
ends. What the first one ever does is the same: it takes over from nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

import msgspec
import structlog

from release.audit import AuditLog
from release.clock import Clock, SystemClock
from release.errors import AuditFailed, AuditFenced, AuditHeld
from release.reader import Release
from release.store import Store
from serving.backoff import Backoff
from serving.live import bus, position, succession
from serving.live.floor import Floor
from serving.live.heartbeat import Heartbeat
from serving.live.lease import LEASE_SECONDS, LOOK_SECONDS, Lease
from serving.live.outbox import Outbox
from serving.live.position import Ahead, Known, Position
from serving.live.releases import ReleaseFollower
from serving.live.status import Counts, EngineState
from serving.live.tape import Tape, place
from serving.live.ticks import Beat, SessionClose, Tick
from serving.live.watch import Watch
from serving.messages import (
    AlertKind,
    LiveMessage,
    PredictionMessage,
    Severity,
    SignalMessage,
)

RELEASE_SECONDS: Final = 0.05
# Of a backlog, what is taken in at once; the lease has to be kept meanwhile.
TURN_SECONDS: Final = 0.5
LEAVE_SECONDS: Final = 1.0
# Who remembers may be as long on its way back to a Redis that was away, and has to have a look then.
GIVE_WAY_SECONDS: Final = bus.LONGEST_WAIT_SECONDS + LOOK_SECONDS

log = structlog.get_logger()


class Engine:
    """Turns ticks into prices, predictions and signals until it is cancelled.

    Parameters
    ----------
    release : Release
        What to begin with; a newer one in `store` is taken up between two ticks.
    store : Store
    audit : AuditLog
    redis_url : str
    silence_seconds : float
        After how long without a tick or a beat the feed counts as stale.
    audit_every : int
        See `Floor`.
    clock : Clock, optional
        For heartbeats and latencies; the market's time comes with the ticks.

    Attributes
    ----------
    state : EngineState
    watch : Watch
        What is said of the feed, and which alerts are raised.
    """

    def __init__(
        self,
        release: Release,
        *,
        store: Store,
        audit: AuditLog,
        redis_url: str,
        silence_seconds: float,
        audit_every: int = 100,
        clock: Clock | None = None,
    ) -> None:
        self.state = EngineState.STANDBY
        self.counts = Counts()
        self.lease = Lease()
        self._audit = audit
        self._audit_every = audit_every
        self._redis_url = redis_url
        self._clock = clock or SystemClock()
        self.watch = Watch(silence_seconds=silence_seconds, clock=self._clock)
        self._heartbeat = Heartbeat(self.watch, self.counts, self.lease, self._clock)
        self._releases = ReleaseFollower(store, release.manifest.release_id)
        self._known: Known | None = None
        self._ahead = Ahead()
        self._audit_through = 0
        self._leads = False
        self._looked_at = self._said_at = self._came_at = 0.0
        self._gives_way = self._follows = False
        self._begin(release)
        self.outbox = Outbox(self.lease, Position.first(), {}, begins=True)

    async def run(self) -> None:
        """Work until cancelled. Redis may come and go: the engine waits and goes on with the tick after the last."""
        backoff = Backoff(longest_seconds=bus.LONGEST_WAIT_SECONDS)
        while True:
            try:
                async with bus.connection(self._redis_url, blocking=True) as client:
                    await self._work(client, backoff)
            except bus.GONE as error:
                self._move(EngineState.AWAY)
                wait = backoff.seconds()
                log.warning("engine_backing_off", error=str(error), seconds=round(wait, 3))
                await asyncio.sleep(wait)

    async def _work(self, client: bus.Client, backoff: Backoff) -> None:
        """Lead while the lease is ours, else stand by; ends with an exception only."""
        self._came_at, self._gives_way, self._follows = _time(), False, False
        self._heartbeat.begin(_time())
        if self._leads:
            self._move(EngineState.LEADING)
        try:
            while True:
                if not self._leads:
                    await self._stand_by(client)
                elif not await self._lead(client):
                    log.warning("lease_lost", term=self.lease.term, seq=self.outbox.seq)
                    self._leads = self._follows = False
                backoff.reset()
        except bus.GONE:
            raise
        except BaseException as error:
            await self._leave(client, error)
            raise

    async def _leave(self, client: bus.Client, error: BaseException) -> None:
        """Let another engine take over at once, having said why if what ends this one is a log that fails."""
        if not self._leads:
            return
        with contextlib.suppress(*bus.GONE, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                if isinstance(error, AuditFailed):
                    self.watch.alerts.raise_(AlertKind.AUDIT_BROKEN, "audit", str(error), severity=Severity.CRITICAL)
                    for alert in self.watch.alerts.news():
                        self.outbox.put(alert)
                    await self.outbox.flush(client)
                await self.lease.release(client)

    # Standing by, and taking over.

    async def _stand_by(self, client: bus.Client) -> None:
        """Follow the engine that leads, and take over if there is none."""
        bus.heed_cancellation()
        self._move(EngineState.STANDBY)
        await self._take_up_release()
        known = await position.read(client)
        if self._may_lead(known) and await self.lease.take(client, above=max(self._audit.term(), self.lease.term)):
            await self._take_over(client)
            return
        if known is not None:
            self._known = known
            await self._follow(client, known.position)
            if not self._follows:
                self._follows = True
                log.info("engine_follows", through=known.position.through, term=known.position.term)
        await asyncio.sleep(LOOK_SECONDS)

    def _may_lead(self, known: Known | None) -> bool:
        """Whether there is no engine to wait for that may know what Redis has forgotten.

        The bars since the release, of which the log shows that there were some, are in an engine's memory then, or
        lost. One that was just started would lead without them, were it here first.
        """
        remembers = known is not None or self._known is not None or self.outbox.seq > 0
        if remembers or self._audit.head() is None or _time() >= self._came_at + GIVE_WAY_SECONDS:
            return True
        if not self._gives_way:
            self._gives_way = True
            log.info("engine_gives_way", seconds=GIVE_WAY_SECONDS)
        return False

    async def _follow(self, client: bus.Client, leader: Position) -> None:
        """Let the bars grow to where the leader's are."""
        while place(self.tape.through) < place(leader.through):
            await self.tape.read_through(client, leader.through)
            if not self.tape.waiting:
                # What is in between is not kept any more.
                self.tape.through = leader.through
            while self.tape.waiting:
                if (event := self.tape.take()) is not None:
                    self.floor.follow(event)
            await asyncio.sleep(0)

    async def _take_over(self, client: bus.Client) -> None:
        """Go on where the last engine ended, whether that was another one, this one, or none."""
        self.floor.term = self.lease.term
        known = await position.read(client)
        if not self._takes_log(known):
            return
        if known is not None:
            await self._succeed(client, known, begins=False)
        elif self._known is not None:
            known = msgspec.structs.replace(self._known, position=self._known.position.anew())
            await self._succeed(client, known, begins=True)
        elif self.outbox.seq:
            # Our own words are lost, and nobody else has spoken since.
            self.outbox.begin()
        else:
            head = self._audit.head()
            self._audit_through = head.audit_id if head is not None else 0
        self._leads, self._known = True, None
        self._said_at = _time()
        self._heartbeat.lead(_time())
        self._move(EngineState.LEADING)
        log.info("engine_leads", engine=self.lease.engine, term=self.lease.term, epoch=self.outbox.epoch)
        # Before the first tick: who comes after us has to know from where on the log's signals may be unsaid.
        self._look_after(heard=False)
        self._leads = await self.outbox.flush(client, self._position())

    def _takes_log(self, known: Known | None) -> bool:
        """Whether nobody can log any more what we would not know of, and so could not say."""
        try:
            self._audit.fence(term=self.lease.term)
        except (AuditFenced, AuditHeld) as error:
            log.warning("engine_can_not_take_over", error=str(error), term=self.lease.term)
            return False
        except AuditFailed:
            # It leaves as who would lead: the others hear why nobody does.
            self._leads = True
            if known is not None:
                self.outbox = Outbox(self.lease, known.position, known.latest, begins=False)
            raise
        return True

    async def _succeed(self, client: bus.Client, known: Known, *, begins: bool) -> None:
        """Stand where the engine before this one stood, having said what it had audited and perhaps not said."""
        before = known.position
        if place(before.through) < place(self.tape.through):
            # Our bars know ticks of which the others have yet to hear.
            self._begin(self.floor.release)
            self.floor.term = self.lease.term
        await self._follow(client, before)
        # A log that was begun anew counts from 1 again.
        head = self._audit.head()
        self._audit_through = min(before.audit_through, head.audit_id if head is not None else 0)
        late = succession.unsaid(self._audit.signals(after=self._audit_through))
        standing, ahead = succession.inheritance(known, late)
        self.floor.restore(standing)
        self.outbox = Outbox(self.lease, before, known.latest, begins=begins)
        self._ahead = Ahead()
        for signal in late:
            self._put(signal)
        self._ahead = ahead
        messages = known.messages()
        self.watch.inherit(messages, market=before.market)
        for ticker, text in succession.lacking(self.floor, messages).items():
            self.watch.alerts.raise_(AlertKind.FEED_DISTURBED, ticker, text)
        self._heartbeat.succeed(before.term)
        log.info("engine_took_over", through=before.through, seq=before.seq, before=before.term, late=len(late))

    def _begin(self, release: Release) -> None:
        """Know no tick."""
        self.tape = Tape()
        self.floor = Floor(release, self._audit, self.counts, term=self.lease.term, audit_every=self._audit_every)

    # Leading.

    async def _lead(self, client: bus.Client) -> bool:
        """Read what there is, take it in, say what follows from it; whether the lease is still ours."""
        await self.tape.read(client, seconds=self._heartbeat.seconds_left(_time()))
        began, waited = time.perf_counter(), self.tape.waited_ms(self._clock.now())
        if _time() - self._said_at > LEASE_SECONDS / 2 and not await self.lease.renew(client):
            return False
        await self._take_up_release()
        try:
            heard = self._take()
            said = self.floor.say()
        except AuditFenced as error:
            log.warning("engine_fenced", error=str(error))
            self._begin(self.floor.release)
            return False
        for message in said:
            self._put(message)
        if heard and self.tape.caught_up:
            self._ahead = Ahead()
        self._look_after(heard=heard)
        if not await self.outbox.flush(client, self._position()):
            return False
        self._said_at = _time()
        if heard:
            self.counts.latency(waited + 1000 * (time.perf_counter() - began))
        return True

    def _take(self) -> bool:
        """Hand to the floor what waits, as far as there is time; whether there was anything."""
        self.counts.backlog = len(self.tape.waiting)
        until, heard, tickers = time.perf_counter() + TURN_SECONDS, False, set()
        while self.tape.waiting and time.perf_counter() < until:
            if (event := self.tape.take()) is None:
                continue
            heard = True
            if not isinstance(event, Beat):
                self._heartbeat.trade(event.at)
            if isinstance(event, Tick):
                self.counts.conflated += event.ticker in tickers
                tickers.add(event.ticker)
                self.counts.lag(self._clock.now() - event.at)
            elif isinstance(event, SessionClose):
                tickers.discard(event.ticker)
            self.floor.take(event)
        return heard

    def _put(self, message: LiveMessage) -> None:
        """Say it, unless it is a signal that was said when this engine took over."""
        if isinstance(message, PredictionMessage):
            self.counts.predicted_at[message.ticker] = time.time()
        if isinstance(message, SignalMessage) and message.audit_id is not None:
            self._audit_through = max(self._audit_through, message.audit_id)
            if message.audit_id in self._ahead.ids:
                return
        self.outbox.put(message)

    async def _take_up_release(self) -> None:
        """Between two ticks; to look at every one of them would cost more than to read it."""
        if _time() < self._looked_at + RELEASE_SECONDS:
            return
        self._looked_at = _time()
        release = await self._releases.newer()
        if release is not None:
            release_id = release.manifest.release_id
            log.info("release_taken_up", release_id=release_id, before=self.floor.release.manifest.release_id)
            self.floor.adopt(release)
            self.watch.alerts.clear(AlertKind.FEED_DISTURBED)

    def _look_after(self, *, heard: bool) -> None:
        """Say what there is to say of the feed and of the engine."""
        gaps, self.tape.gaps = self.tape.gaps, 0
        refused = self._releases.refused
        for message in self._heartbeat.messages(self.floor, heard=heard, gaps=gaps, refused=refused, now=_time()):
            self.outbox.put(message)

    def _position(self) -> Position:
        standing = self.floor.standing()
        return msgspec.structs.replace(
            self.outbox.position,
            through=self.tape.through,
            audit_through=self._audit_through,
            market=standing.market,
            at_close=standing.at_close,
            ahead=self._ahead.at(standing.shown),
        )

    def _move(self, state: EngineState) -> None:
        if state is not self.state:
            log.info("engine_state", state=state.value, before=self.state.value)
            self.state = state


def _time() -> float:
    return asyncio.get_running_loop().time()
