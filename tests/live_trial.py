"""A live system on trial: what is done to it, what its client was told meanwhile, and whether all that agrees.

What is true stands in the audit log; what was said, and in which order, in the stream of events. Both outlive every
part of the system.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import os
import random
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from background import at_work
from command_line import stock_assets
from gate import Gate
from live_system import MARKET, TICKERS, LiveSystem, Newest, Part, live_system
from waiting import until

from release.audit import AuditLog, LoggedSignal, Receipt
from serving.client import StreamClient
from serving.client.updates import Disconnected, Gap, News, Update
from serving.live import bus
from serving.live.ticks import SessionClose, Tick
from serving.messages import PriceMessage, SignalMessage, decode
from serving.protocol import Snapshot

# A failure is repeated by its seed: SEED=... pytest tests/e2e/test_faults_kill.py
SEED = int(os.environ.get("SEED", "20120301"))
RECOVERY_SECONDS = 5.0
TAKEOVER_SECONDS = 5.0
LONGEST_DOWNTIME = 0.6
# A few turns of the engine.
CATCH_SECONDS = 0.3
CONTENT = (
    *("ticker", "session", "at", "action", "previous"),
    *("confidence", "edge_bp", "reason", "provisional", "release_id"),
)


class Victim(enum.Enum):
    """What is killed; of the engines it is the one that leads."""

    ENGINE = "engine"
    GATEWAY = "gateway"
    FEED = "feed"
    VALKEY = "valkey"


@dataclass(frozen=True)
class Death:
    """Who dies, how long after the recovery before, and how long it is left dead; in seconds."""

    victim: Victim
    after: float
    downtime: float

    def __str__(self) -> str:
        return f"{self.victim.value} after {self.after:.3f} s, for {self.downtime:.3f} s"


@dataclass
class Witness:
    """What a client of the stream was told, in order.

    Attributes
    ----------
    signals : list of SignalMessage
        That came as news.
    shown : list of SignalMessage
        That stood in snapshots, and came from the engine.
    seqs : dict of str to list of int
        The numbers of all updates, by epoch.
    traded_at : datetime or None
        Market time of the newest price.
    """

    signals: list[SignalMessage] = field(default_factory=list)
    shown: list[SignalMessage] = field(default_factory=list)
    seqs: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    place: tuple[str, int] = ("", 0)
    traded_at: datetime | None = None
    lost: int = 0
    gaps: int = 0

    async def listen(self, url: str) -> None:
        """Take in everything until cancelled."""
        async with StreamClient(url) as client:
            async for update in client:
                self.take(update)

    def take(self, update: Update) -> None:
        """Take in one update."""
        self.lost += isinstance(update, Disconnected)
        self.gaps += isinstance(update, Gap)
        told = update.snapshot if isinstance(update, Gap) else update
        if isinstance(told, Snapshot | News) and told.epoch is not None:
            self.place = (told.epoch, told.seq)
            self.seqs[told.epoch].append(told.seq)
        if isinstance(told, Snapshot):
            self.shown.extend(signal for signal in told.signals if signal.audit_id is not None)
            for price in told.prices:
                self._trade(price)
        elif isinstance(told, News) and isinstance(told.message, PriceMessage):
            self._trade(told.message)
        elif isinstance(told, News) and isinstance(told.message, SignalMessage):
            self.signals.append(told.message)

    def knows_more_than(self, before: Newest, *, in_another_epoch: bool = False) -> bool:
        """Whether it has heard of a later message and of a later trade."""
        epoch, seq = self.place
        later = epoch != before.epoch if in_another_epoch else epoch == before.epoch and seq > before.seq
        return later and self.traded_at is not None and self.traded_at > before.traded_at

    def _trade(self, price: PriceMessage) -> None:
        self.traded_at = price.at if self.traded_at is None else max(self.traded_at, price.at)


class Chronicle:
    """What the engines said, as it stands in the stream of events, which is shorter than the test: read it often."""

    def __init__(self, system: LiveSystem) -> None:
        self._redis = system.redis
        self._through = bus.FIRST_READ
        self.places: list[tuple[str, int]] = []
        self.audit_ids: list[int] = []
        self.prices: list[PriceMessage] = []

    def read_on(self) -> None:
        """Take in what is new."""
        for entry_id, fields in self._redis.xrange(bus.EVENTS, min=f"({self._through}"):
            self._through = entry_id.decode()
            event = bus.event(fields)
            message = decode(event.data)
            self.places.append((event.epoch, event.seq))
            if isinstance(message, SignalMessage) and message.audit_id is not None:
                self.audit_ids.append(message.audit_id)
            elif isinstance(message, PriceMessage):
                self.prices.append(message)


class Trial:
    """One system, its witness, and how long each recovery took."""

    def __init__(self, system: LiveSystem, witness: Witness, listening: asyncio.Task[None]) -> None:
        self.system, self.witness, self.chronicle = system, witness, Chronicle(system)
        self._listening = listening
        self.recoveries: dict[str, list[float]] = defaultdict(list)

    async def suffer(self, death: Death) -> None:
        """Let a part die, start it again, and wait until the client has fresh numbers."""
        match death.victim:
            case Victim.ENGINE:
                await self._lose_the_engine(death)
            case Victim.GATEWAY:
                await self._lose(self.system.gateway, death)
                await self.system.until(self.system.gateway_answers)
                await self._recovers(death.victim.value, self.system.newest())
            case Victim.FEED:
                before, last = self.system.newest(), self.system.last_tick()
                await self._lose(self.system.feed, death)
                await self.system.until(lambda: self.system.last_tick() != last)
                await self._recovers(death.victim.value, before)
            case Victim.VALKEY:
                self.system.valkey.kill()
                await asyncio.sleep(death.downtime)
                self.system.valkey.start()
                await self.system.until(self.system.valkey_answers)
                await self._recovers(death.victim.value, self.system.newest())
        self.goes_on()

    async def suffer_a_power_cut(self, chance: random.Random) -> None:
        """Let everything die in one moment and come back one after the other; the clock runs from the last one on.

        Valkey is the first: feed and engine don't start without it, they say so and end.
        """
        before, last = self.system.newest(), self.system.last_tick()
        for part in (self.system.valkey, *self.system.parts):
            part.kill()
        self.system.valkey.start()
        for part in chance.sample(self.system.parts, k=len(self.system.parts)):
            await asyncio.sleep(chance.uniform(0.0, LONGEST_DOWNTIME))
            part.start()
        await self.system.until(self.system.gateway_answers)
        await self.system.until(lambda: self.system.leading() is not None)
        await self.system.until(lambda: self.system.last_tick() != last)
        await self._recovers("power", before)
        self.goes_on()

    async def lose_the_engine_speechless(self, gate: Gate) -> None:
        """Let the leading engine die when a signal of its is in the log, and what it has to say is on its way."""
        await self.system.until(lambda: self.system.standing_by() is not None)
        lease, leading = self.system.lease(), self.system.leading()
        assert leading is not None
        while not await self._is_caught(gate):
            gate.open()
        leading.kill()
        gate.open()
        leading.start()
        await self.system.until(lambda: self.system.lease() not in (None, lease))
        await self._recovers("speech", self.system.newest())
        self.goes_on()

    async def _is_caught(self, gate: Gate) -> bool:
        """Shut the gate for a few ticks; whether it holds a signal back by then that is in the log."""
        with AuditLog.open(self.system.audit, read_only=True) as audit:

            def has_unsaid() -> bool:
                return audit.signals(after=int(self.system.redis.hget(bus.ENGINE, "audit_through"))) != []

            gate.shut()
            with contextlib.suppress(AssertionError):
                await until(has_unsaid, seconds=CATCH_SECONDS)
            return has_unsaid()

    async def suffer_amnesia(self, *, with_the_engine: bool) -> None:
        """Let Valkey come back empty, and if asked for without the engine that could tell it everything again."""
        before, leading = self.system.newest(), self.system.leading()
        self.system.valkey.kill()
        if with_the_engine:
            leading.kill()
        self.system.valkey.start()
        if with_the_engine:
            leading.start()
        await self.system.until(lambda: self.system.leading() is not None)
        back = time.monotonic()
        await self.system.until(lambda: self.witness.knows_more_than(before, in_another_epoch=True))
        self._note("amnesia", time.monotonic() - back, at_most=RECOVERY_SECONDS)

    async def suffer_a_freeze(self) -> Part:
        """Freeze the leading engine, in the middle of whatever it does, until another leads; it is returned."""
        await self.system.until(lambda: self.system.standing_by() is not None)
        lease, leading = self.system.lease(), self.system.leading()
        assert leading is not None
        frozen_at = time.monotonic()
        leading.freeze()
        await self.system.until(lambda: self.system.lease() not in (None, lease))
        self._note("takeover", time.monotonic() - frozen_at, at_most=TAKEOVER_SECONDS)
        await self._recovers("freeze", self.system.newest())
        leading.thaw()
        await self._recovers("thaw", self.system.newest())
        self.goes_on()
        return leading

    def goes_on(self) -> None:
        """The client has not given up, and what the engines said is read before it is trimmed away."""
        assert not self._listening.done(), "the client gave up"
        self.chronicle.read_on()

    def silence(self) -> None:
        """Let no engine say anything any more, and know all that was said."""
        for engine in self.system.engines:
            engine.kill()
        self.goes_on()

    async def _lose(self, part: Part, death: Death) -> None:
        part.kill()
        await asyncio.sleep(death.downtime)
        part.start()

    async def _lose_the_engine(self, death: Death) -> None:
        """The other one has to notice by itself; the dead one comes back to stand by."""
        await self.system.until(lambda: self.system.standing_by() is not None)
        lease, leading = self.system.lease(), self.system.leading()
        assert leading is not None
        died = time.monotonic()
        await self._lose(leading, death)
        before = self.system.newest()
        await self.system.until(lambda: self.system.lease() not in (None, lease))
        self._note("takeover", time.monotonic() - died, at_most=TAKEOVER_SECONDS)
        await self._recovers(death.victim.value, before)

    async def _recovers(self, what: str, before: Newest) -> None:
        """The client hears something later than `before`, of the engine and of the market, in good time from now."""
        back = time.monotonic()
        await self.system.until(lambda: self.witness.knows_more_than(before))
        self._note(what, time.monotonic() - back, at_most=RECOVERY_SECONDS)

    def _note(self, what: str, seconds: float, *, at_most: float) -> None:
        self.recoveries[what].append(seconds)
        assert seconds <= at_most, f"{what}: expected at most {at_most:g} s, got {seconds:.2f} s"

    def report(self) -> str:
        """How long it took, by what was waited for."""
        return "\n".join(
            f"{what}: {len(taken)} times, median {statistics.median(taken):.2f} s, longest {max(taken):.2f} s"
            for what, taken in self.recoveries.items()
        )


@contextlib.asynccontextmanager
async def on_trial(folder: Path, **wishes: Any) -> AsyncIterator[Trial]:
    """A system at work with a client that listens to everything; on the way out it tells how long all took."""
    witness = Witness()
    async with live_system(folder, **wishes) as system, at_work(witness.listen(system.stream_url)) as listening:
        trial = Trial(system, witness, listening)
        await system.until(lambda: witness.signals != [])
        try:
            yield trial
            trial.silence()
        finally:
            print(trial.report(), f"connections lost: {witness.lost}, gaps: {witness.gaps}", sep="\n")


def check(trial: Trial, *, fewest: int) -> None:
    """What everybody said agrees with the log, in one epoch, and the client has heard so many signals at least."""
    logged = verified_log(trial.system)
    assert len(trial.witness.signals) >= fewest
    # What Valkey has acknowledged it has kept, so there never was a reason to count anew.
    assert len(trial.witness.seqs) == 1
    check_the_client(trial.witness, logged)
    check_nothing_was_missed(trial.witness, logged)
    check_the_engines(trial.chronicle, logged)
    check_the_bars(trial.chronicle, trial.system)


def verified_log(system: LiveSystem) -> dict[Receipt, LoggedSignal]:
    """The signals in the log, whose chain is whole."""
    verified = stock_assets("audit", "verify", home=system.home)
    assert verified.code == 0, verified.stderr
    with AuditLog.open(system.audit, read_only=True) as audit:
        return dict(audit.signals(after=0))


def check_the_client(witness: Witness, logged: dict[Receipt, LoggedSignal]) -> None:
    """Every signal is in the log as it was told, none came twice or late, and numbers only ever rose."""
    said = [signal for signal in witness.signals if signal.audit_id is not None]
    for signal in (*said, *witness.shown):
        assert content(signal) == content(logged[Receipt(signal.audit_id, signal.audit_sha256)])

    assert len({signal.audit_id for signal in said}) == len(said)
    for ticker in TICKERS:
        ids = [signal.audit_id for signal in said if signal.ticker == ticker]
        assert ids == sorted(ids), ticker

    for seqs in witness.seqs.values():
        assert seqs == sorted(seqs)


def check_nothing_was_missed(witness: Witness, logged: dict[Receipt, LoggedSignal]) -> None:
    """Whatever cut the client off, it has been told all that came meanwhile, from its first signal to its last."""
    assert witness.gaps == 0
    told = [signal.audit_id for signal in witness.signals if signal.audit_id is not None]
    assert sorted(told) == [receipt.audit_id for receipt in logged if min(told) <= receipt.audit_id <= max(told)]


def check_the_engines(chronicle: Chronicle, logged: dict[Receipt, LoggedSignal]) -> None:
    """Whoever spoke, the messages are numbered without a gap, and each audited signal was said, once and in order."""
    seqs = [seq for _, seq in chronicle.places]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))

    audited = [receipt.audit_id for receipt in logged]
    assert chronicle.audit_ids == audited[: len(chronicle.audit_ids)]
    # Those of the turn in which the last engine was ended, a close and what follows it for each ticker at most.
    assert len(audited) - len(chronicle.audit_ids) <= 2 * len(TICKERS)


def check_the_bars(chronicle: Chronicle, system: LiveSystem) -> None:
    """At every price that was said, the session's volume is that of its ticks: none was lost, none counted twice."""
    last = max(price.at for price in chronicle.prices)
    shares: dict[tuple[str, str], float] = defaultdict(float)
    traded: dict[tuple[str, str, datetime, bool], tuple[float, float]] = {}
    for event in takewhile(lambda event: event.at <= last, system.replay().events(market=MARKET)):
        if isinstance(event, Tick):
            shares[event.ticker, event.session] += event.size
            volume = shares[event.ticker, event.session]
            traded[event.ticker, event.session, event.at, True] = (event.price, volume)
        elif isinstance(event, SessionClose):
            traded[event.ticker, event.session, event.at, False] = (event.close, event.volume)

    played = [price for price in chronicle.prices if price.session > system.as_of]
    assert played
    for price in played:
        assert (price.price, price.volume) == traded[price.ticker, price.session, price.at, price.provisional]


def content(signal: SignalMessage | LoggedSignal) -> dict[str, object]:
    """What a signal says, told or logged."""
    plain = {name: getattr(signal, name) for name in CONTENT}
    return plain | {name: getattr(plain[name], "value", plain[name]) for name in ("action", "previous")}
