"""One engine after another on a real Valkey: whatever ends the first, nothing is missing and nothing comes twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs
from waiting import until

from release.audit import AuditLog, LoggedSignal, Receipt, Record, sqlite
from release.errors import AuditFenced
from release.store import Store
from serving.live import bus, lease, tape
from serving.live import engine as engine_module
from serving.live.engine import Engine
from serving.live.feeds.replay import Replay, ReplayFeed
from serving.live.floor import Floor
from serving.live.status import Counts, EngineState
from serving.live.ticks import encode
from serving.messages import (
    AlertKind,
    AlertMessage,
    FeedState,
    LiveMessage,
    PredictionMessage,
    Severity,
    SignalMessage,
    StatusMessage,
    decode,
)

pytestmark = pytest.mark.anyio

SESSIONS = 6
SEED = 7
MARKET = "a-market"


class Crash(Exception):
    """The engine's process is gone."""


@pytest.fixture
async def client(valkey) -> AsyncIterator[Redis]:
    """A connection beside the engines'."""
    async with bus.connection(valkey.url) as client:
        yield client


@pytest.fixture
def new_engine(release, home, tmp_path, valkey) -> Callable[[], Engine]:
    """Makes engines, each with a connection of its own to the same audit log."""
    with contextlib.ExitStack() as logs:

        def make() -> Engine:
            audit = logs.enter_context(AuditLog.open(tmp_path / "audit" / "audit.sqlite3"))
            store = Store(home / "releases")
            return Engine(release, store=store, audit=audit, redis_url=valkey.url, silence_seconds=30.0)

        yield make


@pytest.fixture
async def begin() -> AsyncIterator[Callable[[Engine], asyncio.Task[None]]]:
    """Lets engines work; one that ended by an error of its own fails the test, and so does one that won't end."""
    begun: list[asyncio.Task[None]] = []

    def work(engine: Engine) -> asyncio.Task[None]:
        begun.append(asyncio.create_task(engine.run()))
        return begun[-1]

    yield work
    await asyncio.gather(*map(end, begun))


async def end(task: asyncio.Task[None]) -> None:
    """End an engine in good order."""
    task.cancel()
    await asyncio.wait([task], timeout=10)
    with contextlib.suppress(asyncio.CancelledError, Crash):
        task.result()


def crash(engine: Engine) -> None:
    """From now on the engine leaves nothing in order."""

    async def leave(_client: Redis, _error: BaseException) -> None:
        pass

    engine._leave = leave


def ticks_of(replay: Replay) -> list[dict[str, bytes]]:
    """What the feed would write, as entries of the stream."""
    return [{"event": encode(event)} for event in replay.events(market=MARKET)]


async def write(client: Redis, entries: list[dict[str, bytes]]) -> None:
    """Say what a feed says."""
    async with client.pipeline(transaction=False) as pipeline:
        for fields in entries:
            pipeline.xadd(bus.TICKS, fields)
        await pipeline.execute()


async def last_tick(client: Redis) -> str:
    """Id of the newest tick."""
    ((newest, _),) = await client.xrevrange(bus.TICKS, count=1)
    return newest.decode()


async def said(client: Redis) -> list[LiveMessage]:
    """Every message on the stream of events, whose numbers have to be without a gap and in one epoch."""
    events = [bus.event(fields) for _, fields in await client.xrange(bus.EVENTS)]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert len({event.epoch for event in events}) == 1
    return [decode(event.data) for event in events]


async def is_told(client: Redis, feed: FeedState) -> bool:
    """Whether the newest status says so of the feed."""
    status = await client.hget(bus.LATEST, "status")
    return status is not None and decode(status).feed is feed


async def alerts(client: Redis) -> dict[tuple[AlertKind, str], AlertMessage]:
    """Those that are raised."""
    messages = [decode(data) for data in (await bus.state(client)).messages]
    return {(each.kind, each.subject): each for each in messages if isinstance(each, AlertMessage)}


def closes(messages: list[LiveMessage], kind: type) -> Counter[tuple[str, str]]:
    """How often each close of each ticker was told."""
    return Counter((each.ticker, each.session) for each in messages if isinstance(each, kind) and not each.provisional)


def signals_at_closes(messages: list[LiveMessage]) -> dict[tuple[str, str], tuple[object, ...]]:
    """What was told at each close, but for where it stands in a log."""
    return {
        (each.ticker, each.session): (each.action, each.confidence, each.edge_bp, each.at)
        for each in messages
        if isinstance(each, SignalMessage) and not each.provisional
    }


def undisturbed(release, replay: Replay, log: AuditLog) -> list[LiveMessage]:
    """What one engine says that takes in one tick after another."""
    floor, messages = Floor(release, log, Counts()), []
    for event in replay.events(market=MARKET):
        floor.take(event)
        messages.extend(floor.say())
    return messages


async def check(client: Redis, release, replay: Replay, log: AuditLog, other_log: AuditLog) -> None:
    """Nothing is missing, nothing comes twice, and it is what an undisturbed engine says."""
    messages, expected = await said(client), undisturbed(release, replay, other_log)
    for kind in (PredictionMessage, SignalMessage):
        assert closes(messages, kind) == closes(expected, kind)
        assert set(closes(messages, kind).values()) == {1}
    told = [each for each in messages if isinstance(each, SignalMessage) and each.audit_id is not None]
    logged = {receipt.audit_id: receipt.sha256 for receipt, _ in log.signals(after=0)}
    assert {each.audit_id: each.audit_sha256 for each in told} == logged
    assert len(told) == len(logged)
    assert signals_at_closes(messages) == signals_at_closes(expected)


@pytest.fixture
def other_log(tmp_path):
    """The log of an engine that nothing happens to."""
    with AuditLog.open(tmp_path / "other.sqlite3") as log:
        yield log


# In good order.


async def test_a_standby_follows_without_a_word_and_takes_over_at_once_when_the_leader_ends(
    client, new_engine, begin, play, release, audit, other_log
):
    replay = play(sessions=SESSIONS)
    entries = ticks_of(replay)
    first, second = new_engine(), new_engine()
    leading = begin(first)
    await until(lambda: first.state is EngineState.LEADING)
    begin(second)
    await write(client, entries[: len(entries) // 2])
    await until(lambda: first.outbox.position.through == second.tape.through != bus.FIRST_READ)
    speakers = {each.figures.engine for each in await said(client) if isinstance(each, StatusMessage)}
    before = first.outbox.position

    await end(leading)
    await until(lambda: second.state is EngineState.LEADING, seconds=1.5)
    await write(client, entries[len(entries) // 2 :])
    await until(lambda: is_told(client, FeedState.CLOSED))

    assert speakers == {first.lease.engine}
    assert (second.outbox.epoch, second.outbox.position.term) == (before.epoch, before.term + 1)
    changed = (await alerts(client))[AlertKind.ENGINE_CHANGED, "engine"]
    assert (changed.severity, second.lease.engine in changed.text) == (Severity.INFO, True)
    await check(client, release, replay, audit, other_log)


async def test_an_engine_that_starts_again_goes_on_where_it_was(
    client, new_engine, begin, play, release, audit, other_log
):
    replay = play(sessions=SESSIONS)
    entries = ticks_of(replay)
    for n in range(0, len(entries), 101):
        engine = new_engine()
        working = begin(engine)
        await write(client, entries[n : n + 101])
        newest = await last_tick(client)
        await until(lambda: engine.outbox.position.through == newest)  # noqa: B023
        await end(working)

    await check(client, release, replay, audit, other_log)


# By a crash.


async def test_a_standby_takes_over_within_five_seconds_of_a_crash(
    client, new_engine, begin, play, release, audit, other_log
):
    replay = play(sessions=SESSIONS)
    entries = ticks_of(replay)
    first, second = new_engine(), new_engine()
    crash(first)
    leading = begin(first)
    await until(lambda: first.state is EngineState.LEADING)
    begin(second)
    await write(client, entries[:200])
    await until(lambda: first.outbox.position.through == second.tape.through != bus.FIRST_READ)

    await end(leading)
    await write(client, entries[200:])
    await until(lambda: second.state is EngineState.LEADING, seconds=5)
    await until(lambda: is_told(client, FeedState.CLOSED))

    await check(client, release, replay, audit, other_log)


def dies_unsaid(engine: Engine, kind: type, *, provisional: bool) -> None:
    """Let the engine crash when it has audited, and not yet said, a message like that."""
    say = engine.floor.say

    def say_and_die() -> list[LiveMessage]:
        messages = say()
        if any(isinstance(each, kind) and each.provisional is provisional and each.audit_id for each in messages):
            raise Crash
        return messages

    engine.floor.say = say_and_die
    crash(engine)


def waits_for(event: asyncio.Event, engine: Engine) -> None:
    """Let the engine take over, and do no more before the event."""
    lead = engine._lead

    async def lead_after(client: Redis) -> bool:
        await event.wait()
        return await lead(client)

    engine._lead = lead_after


@pytest.mark.parametrize("provisional", [True, False])
async def test_what_was_audited_when_its_engine_died_is_said_by_the_next(
    client, new_engine, begin, play, release, audit, other_log, provisional
):
    replay = play(sessions=SESSIONS)
    first, second = new_engine(), new_engine()
    dies_unsaid(first, SignalMessage, provisional=provisional)
    leading = begin(first)
    await until(lambda: first.state is EngineState.LEADING)
    # One by one, so that the engine sees every tick and the next one, which sees many at once, does not.
    for fields in ticks_of(replay):
        await write(client, [fields])
        if first.state is EngineState.LEADING and not leading.done():
            await asyncio.sleep(0)
    await until(leading.done)
    unsaid = audit.signals(after=first.outbox.position.audit_through)

    begin(second)
    await until(lambda: is_told(client, FeedState.CLOSED))

    assert unsaid
    assert {receipt.audit_id for receipt, _ in unsaid} <= {
        each.audit_id for each in await said(client) if isinstance(each, SignalMessage)
    }
    await check(client, release, replay, audit, other_log)


async def test_one_that_dies_before_it_has_caught_up_is_followed_from_where_it_was_and_not_from_where_it_began(
    client, new_engine, begin, play, release, audit, other_log, monkeypatch
):
    monkeypatch.setattr(tape, "READ_AT_ONCE", 10)
    replay = play(sessions=SESSIONS)
    first, second, third = new_engine(), new_engine(), new_engine()
    dies_unsaid(first, SignalMessage, provisional=False)
    leading = begin(first)
    await write(client, ticks_of(replay))
    await until(leading.done)
    dies_after(second, 3, unsaid=False)
    following = begin(second)
    await until(following.done)
    left, stood = second.outbox.position, second.floor.standing()
    seen = asyncio.Event()
    waits_for(seen, third)

    begin(third)
    await until(lambda: third.state is EngineState.LEADING)

    assert left.ahead.ids, "it died before it had caught up"
    assert third.floor.standing() == stood
    seen.set()
    await until(lambda: is_told(client, FeedState.CLOSED))
    await check(client, release, replay, audit, other_log)


def dies_after(engine: Engine, turns: int, *, unsaid: bool) -> None:
    """Let the engine crash in one of its turns, before what it has audited is said or when it has just been said."""
    look_after, latency = engine._look_after, engine.counts.latency
    left = turns

    def spend(before_it_is_said: bool) -> None:
        nonlocal left
        left -= before_it_is_said is unsaid
        if left < 0:
            raise Crash

    def look_after_and_die(*, heard: bool) -> None:
        look_after(heard=heard)
        spend(before_it_is_said=True)

    def said_and_die(milliseconds: float) -> None:
        latency(milliseconds)
        spend(before_it_is_said=False)

    engine._look_after, engine.counts.latency = look_after_and_die, said_and_die
    crash(engine)


@pytest.mark.parametrize("seed", [1, 2])
async def test_whenever_engines_die_and_lines_break_nothing_is_missing_and_nothing_comes_twice(
    client, new_engine, begin, play, release, audit, other_log, monkeypatch, seed
):
    for module in (lease, engine_module):
        monkeypatch.setattr(module, "LEASE_SECONDS", 0.1)
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    rng, replay, deaths = random.Random(seed), play(sessions=SESSIONS), 0
    entries = ticks_of(replay)
    while entries:
        engine = new_engine()
        dies_after(engine, rng.randrange(12), unsaid=rng.random() < 0.5)
        working = begin(engine)
        while entries and not working.done():
            n = rng.choice((1, 1, 2, 5, 30))
            await write(client, entries[:n])
            entries = entries[n:]
            if rng.random() < 0.2:
                # In the middle of whatever the engine asks or is told.
                await client.client_kill_filter(_type="normal", skipme=True)
            newest = await last_tick(client)
            await until(lambda: working.done() or engine.tape.through == newest)  # noqa: B023
        deaths += working.done()
        await end(working)
    begin(new_engine())
    await until(lambda: is_told(client, FeedState.CLOSED))

    assert deaths > 3
    await check(client, release, replay, audit, other_log)


async def test_a_standby_that_finds_leader_and_redis_memory_gone_tells_all_that_it_knows_in_another_epoch(
    client, new_engine, begin, play
):
    entries = ticks_of(play(sessions=SESSIONS))
    first, second = new_engine(), new_engine()
    crash(first)
    leading = begin(first)
    await until(lambda: first.state is EngineState.LEADING)
    begin(second)
    await write(client, entries[:200])
    newest = await last_tick(client)
    await until(lambda: first.outbox.position.through == second.tape.through == newest)
    before = await bus.state(client)

    await end(leading)
    await client.flushall()
    await until(lambda: second.state is EngineState.LEADING)
    after = await bus.state(client)
    await write(client, entries[200:])
    await until(lambda: is_told(client, FeedState.CLOSED))

    def known(state: bus.State) -> set[bytes]:
        return {data for data in state.messages if not isinstance(decode(data), StatusMessage | AlertMessage)}

    assert after.epoch not in (None, before.epoch)
    assert known(after) == known(before)
    told = closes(await said(client), SignalMessage)
    assert {session for _, session in told} == {
        str(session) for session in play(sessions=SESSIONS).bars["AAPL"].session[-3:]
    }
    assert set(told.values()) == {1}


async def test_where_redis_has_forgotten_everything_one_that_remembers_leads_though_another_was_there_before(
    client, new_engine, begin, play
):
    entries = ticks_of(play(sessions=SESSIONS))
    first, second, third = new_engine(), new_engine(), new_engine()
    crash(first)
    leading = begin(first)
    await until(lambda: first.state is EngineState.LEADING)
    following = begin(second)
    await write(client, entries[:200])
    newest = await last_tick(client)
    await until(lambda: first.outbox.position.through == second.tape.through == newest)

    await end(leading)
    await end(following)
    await client.flushall()
    with capture_logs() as logs:
        begin(third)
        await until(lambda: "engine_gives_way" in {each["event"] for each in logs})
        begin(second)
        await until(lambda: second.state is EngineState.LEADING)
        await write(client, entries[200:])
        await until(lambda: is_told(client, FeedState.CLOSED))

    assert third.state is EngineState.STANDBY
    assert "no_prediction" not in {each["event"] for each in logs}


# By somebody else's word.


def falls_asleep(engine: Engine) -> list[Record]:
    """Let the engine stop where it is about to log a change of mind during a session; returns what it was to log."""
    append, records = engine._audit.append, []

    def append_or_sleep(said: Sequence[Record], *, term: int) -> tuple[Receipt, ...]:
        if not any(isinstance(record, LoggedSignal) and record.provisional for record in said):
            return append(said, term=term)
        records.extend(said)
        raise Crash

    engine._audit.append = append_or_sleep
    crash(engine)
    return records


async def test_an_engine_that_the_log_refuses_stands_back_and_goes_on_in_a_later_term(
    client, new_engine, begin, play, release, audit, other_log
):
    replay = play(sessions=SESSIONS)
    entries = ticks_of(replay)
    engine = new_engine()
    begin(engine)
    await write(client, entries[:100])
    newest = await last_tick(client)
    await until(lambda: engine.outbox.position.through == newest)
    _, record = audit.signals(after=0)[-1]
    other = msgspec.structs.replace(record, ticker="IBM", reason="said by another engine")
    audit.append([other], term=41)

    await write(client, entries[100:])
    await until(lambda: is_told(client, FeedState.CLOSED))

    assert engine.lease.term == 42
    await check(client, release, replay, audit, other_log)


async def test_an_engine_that_wakes_up_after_another_has_spoken_says_nothing_and_stands_by(
    client, new_engine, begin, play, release, audit, other_log
):
    replay = play(sessions=SESSIONS)
    entries = ticks_of(replay)
    first, second = new_engine(), new_engine()
    begin(first)
    await until(lambda: first.state is EngineState.LEADING)
    await write(client, entries[:100])
    await until(lambda: first.outbox.seq > 10)
    # As if it had slept for longer than its lease lasts.
    await client.delete(bus.LEASE)
    await second.lease.take(client, above=first.lease.term)
    begin(second)
    await until(lambda: first.state is EngineState.STANDBY)
    await until(lambda: second.state is EngineState.LEADING)

    await write(client, entries[100:])
    await until(lambda: is_told(client, FeedState.CLOSED))

    assert (first.state, second.state) == (EngineState.STANDBY, EngineState.LEADING)
    await check(client, release, replay, audit, other_log)


async def test_what_a_sleeping_engine_wanted_to_log_is_refused_once_another_leads_that_has_logged_nothing_yet(
    client, new_engine, begin, play, release, audit, other_log
):
    replay = play(sessions=SESSIONS)
    first, second = new_engine(), new_engine()
    asleep, awake = falls_asleep(first), asyncio.Event()
    waits_for(awake, second)
    leading = begin(first)
    await until(lambda: first.state is EngineState.LEADING)
    # One by one, so that the first changes its mind during a session and the second, which sees them at once, doesn't.
    for fields in ticks_of(replay):
        await write(client, [fields])
        if not leading.done():
            await asyncio.sleep(0)
    await until(leading.done)
    begin(second)
    await until(lambda: second.state is EngineState.LEADING)

    with pytest.raises(AuditFenced):
        audit.append(asleep, term=first.lease.term)

    awake.set()
    await until(lambda: is_told(client, FeedState.CLOSED))
    await check(client, release, replay, audit, other_log)


async def test_a_log_that_somebody_holds_is_waited_for(
    client, new_engine, begin, play, release, audit, other_log, monkeypatch
):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    replay, engine = play(sessions=SESSIONS), new_engine()
    with capture_logs() as logs, audit._database.writing():
        begin(engine)
        await until(lambda: any(line["event"] == "engine_can_not_take_over" for line in logs))

    await until(lambda: engine.state is EngineState.LEADING)

    await write(client, ticks_of(replay))
    await until(lambda: is_told(client, FeedState.CLOSED))
    await check(client, release, replay, audit, other_log)


# As processes, of which one is stopped and another killed.


class Process:
    """``python -m serving.live`` with what it logs."""

    def __init__(self, log: Path, home: Path, redis_url: str, *arguments: str) -> None:
        self.log = log
        others = {name: value for name, value in os.environ.items() if not name.startswith("STOCK_ASSETS_")}
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "serving.live", "--home", str(home), *arguments],
                stdout=output,
                stderr=output,
                cwd=Path(__file__).resolve().parents[3],
                env=others | {"STOCK_ASSETS_REDIS_URL": redis_url},
            )

    def logged(self, event: str) -> list[dict[str, object]]:
        """Every event of that name."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line["event"] == event]

    def leads(self, *, times: int = 1) -> bool:
        """Whether it has come to lead so often."""
        assert self.process.poll() is None, self.log.read_text()
        return len(self.logged("engine_leads")) == times

    def stopped(self, audit: Path) -> bool:
        """Stop it, but not in the middle of a commit: nobody can take a file over from one who is stopped there."""
        self.process.send_signal(signal.SIGSTOP)
        with contextlib.closing(sqlite3.connect(audit, timeout=0, isolation_level=None)) as log:
            try:
                log.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                self.process.send_signal(signal.SIGCONT)
                return False
        return True


@pytest.fixture
def process(tmp_path, home, valkey) -> Iterator[Callable[..., Process]]:
    """Starts processes, and kills what is left of them."""
    begun: list[Process] = []

    def start(name: str, *arguments: str) -> Process:
        begun.append(Process(tmp_path / f"{name}.log", home, valkey.url, *arguments))
        return begun[-1]

    yield start
    for each in begun:
        each.process.kill()
        each.process.wait()


@pytest.mark.slow
async def test_one_that_was_stopped_and_one_that_was_killed_leave_neither_gap_nor_repetition(
    client, process, keep, home, play, release, other_log
):
    keep(home / "replay", sessions=12)
    first = process("first", "--role", "engine")
    await until(first.leads)
    second = process("second", "--role", "engine")
    process("feed", "--role", "feed", "--market", MARKET, "--speed", "23400", "--seed", str(SEED))
    await until(lambda: is_told(client, FeedState.LIVE))

    await until(lambda: first.stopped(home / "audit" / "audit.sqlite3"))
    await until(second.leads, seconds=5)
    first.process.send_signal(signal.SIGCONT)
    await until(lambda: first.logged("lease_lost") or first.logged("engine_fenced"))
    second.process.kill()
    await until(lambda: first.leads(times=2), seconds=5)
    await until(lambda: is_told(client, FeedState.CLOSED))
    first.process.send_signal(signal.SIGTERM)

    assert first.process.wait(timeout=10) == 0
    assert [line["term"] for line in (*first.logged("engine_leads"), *second.logged("engine_leads"))] == [1, 3, 2]
    assert await client.get(bus.LEASE) is None, "it was given back"
    with AuditLog.open(home / "audit" / "audit.sqlite3") as log:
        await check(client, release, play(sessions=12), log, other_log)


# What can't be had any more.


async def test_ticks_that_were_trimmed_away_unread_are_told(client, new_engine, begin, play, monkeypatch):
    monkeypatch.setattr(bus, "TICKS_KEPT", 60)
    entries = ticks_of(play(sessions=SESSIONS))
    first, second = new_engine(), new_engine()
    working = begin(first)
    await write(client, entries[:100])
    await until(lambda: first.outbox.seq > 1 and not first.tape.waiting)
    await end(working)

    await write(client, entries[100:])
    await client.xtrim(bus.TICKS, maxlen=60, approximate=False)
    begin(second)
    await until(lambda: is_told(client, FeedState.CLOSED))

    raised = await alerts(client)
    assert "got there too late" in raised[AlertKind.FEED_DISTURBED, "ticks"].text
    assert second.counts.gaps == 1


async def test_a_bar_that_can_not_be_made_again_from_what_is_kept_is_told(client, new_engine, begin, play):
    entries = ticks_of(play(sessions=1))
    first, second = new_engine(), new_engine()
    working = begin(first)
    await write(client, entries[:20])
    newest = await last_tick(client)
    await until(lambda: first.outbox.position.through == newest)
    await end(working)
    before = first.outbox.seq

    await client.xtrim(bus.TICKS, maxlen=5, approximate=False)
    begin(second)
    await until(lambda: second.state is EngineState.LEADING and second.outbox.seq > before)

    raised = await alerts(client)
    for ticker in ("AAPL", "IBM"):
        assert "expected" in raised[AlertKind.FEED_DISTURBED, ticker].text


async def test_what_is_missing_of_one_market_is_not_missed_in_the_next(client, new_engine, begin, play, valkey):
    first, second = new_engine(), new_engine()
    working = begin(first)
    await write(client, ticks_of(play(sessions=2))[:80])
    newest = await last_tick(client)
    await until(lambda: first.outbox.position.through == newest)
    await end(working)

    market = ReplayFeed(play(sessions=1), redis_url=valkey.url, speed=1e9)
    await market.open()
    begin(second)
    await until(lambda: second.state is EngineState.LEADING)
    before = await alerts(client)
    await market.run()
    await until(lambda: is_told(client, FeedState.CLOSED))

    async def is_over() -> bool:
        return not any(kind is AlertKind.FEED_DISTURBED for kind, _ in await alerts(client))

    await until(is_over)
    assert {subject for kind, subject in before if kind is AlertKind.FEED_DISTURBED} == {"AAPL", "IBM"}


async def test_a_log_that_was_begun_anew_is_followed_from_its_own_beginning(
    client, new_engine, begin, play, valkey, release, tmp_path
):
    entries = ticks_of(play(sessions=SESSIONS))
    first = new_engine()
    working = begin(first)
    await write(client, entries[:200])
    newest = await last_tick(client)
    await until(lambda: first.outbox.position.through == newest)
    await end(working)

    with AuditLog.open(tmp_path / "another.sqlite3") as log:
        store = Store(tmp_path / "home" / "releases")
        second = Engine(release, store=store, audit=log, redis_url=valkey.url, silence_seconds=30.0)
        begun = begin(second)
        await write(client, entries[200:])
        await until(lambda: is_told(client, FeedState.CLOSED))
        await end(begun)
        newest_signal = log.signals(after=0)[-1][0].audit_id

    assert first.outbox.position.audit_through > 0
    assert second.outbox.position.audit_through == newest_signal
