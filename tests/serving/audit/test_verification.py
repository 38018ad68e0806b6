"""Whether the whole log is as it was written, over REST: one walk for all who ask, and nobody else waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from audit_records import mixed, signal
from intruder import Intruder
from waiting import until

from release.audit import AuditLog
from release.clock import FixedClock
from serving.app import create_app
from serving.audit.records import AuditVerification
from serving.audit.verifier import KEPT_SECONDS, REST
from serving.settings import ServerSettings

pytestmark = pytest.mark.anyio

VERIFICATION = "/v1/audit/verification"
NOW = datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC)
# Reading them takes a few tenths of a second.
MANY = 20_000


def log_of(home: Path) -> Path:
    return home / "audit" / "audit.sqlite3"


@pytest.fixture
def where(tmp_path) -> Path:
    """A log of six entries, in a home without a release."""
    with AuditLog.open(log_of(tmp_path)) as log:
        log.append(mixed(6))
    return log_of(tmp_path)


@pytest.fixture
def clock() -> FixedClock:
    """Stands still until it is moved."""
    return FixedClock(NOW)


@pytest.fixture
async def client(where, clock, connect):
    """A client of an application whose log that is."""
    app = create_app(ServerSettings(home=where.parents[1]), clock=clock)
    async with app.router.lifespan_context(app), connect(app) as client:
        yield client


async def verification(client) -> dict:
    answer = await client.get(VERIFICATION)
    assert answer.status_code == 200, answer.text
    # As the document shows it: nothing more, nothing less.
    assert msgspec.json.encode(msgspec.json.decode(answer.content, type=AuditVerification)) == answer.content
    return answer.json()


def append(where: Path, number: int) -> None:
    with AuditLog.open(where) as log:
        log.append([signal(1_000 + number)])


# What it says.


async def test_a_log_that_nobody_has_touched_is_whole_and_its_head_can_be_kept(client, where):
    with AuditLog.open(where, read_only=True) as log:
        head = log.head()

    found = await verification(client)

    assert found.pop("seconds") > 0
    assert found == {
        "whole": True,
        "entries": 6,
        "head": {"audit_id": head.audit_id, "sha256": head.sha256},
        "findings": [],
        "verified_at": "2026-11-23T15:04:05Z",
    }


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE audit_entries SET ticker = 'IBM' WHERE id = 3", ("changed", 3)),
        ("DELETE FROM audit_entries WHERE id = 3", ("removed", 3)),
        ("DELETE FROM audit_entries WHERE id = 6", ("truncated", 6)),
    ],
)
async def test_what_was_done_to_it_is_found_with_the_entry_it_was_done_to(client, where, statement, finding):
    with contextlib.closing(Intruder(where)) as intruder, intruder.unseen():
        intruder.do(statement)

    found = await verification(client)

    assert found["whole"] is False
    assert [(each["tampering"], each["audit_id"]) for each in found["findings"]] == [finding]
    assert found["findings"][0]["detail"]


async def test_guards_that_are_gone_are_found_though_no_entry_was_touched(client, where):
    with contextlib.closing(Intruder(where)) as intruder:
        intruder.do("DROP TRIGGER audit_entries_no_update")

    found = await verification(client)

    assert [(each["tampering"], each["audit_id"]) for each in found["findings"]] == [("unguarded", None)]


async def test_an_empty_log_is_whole_and_has_no_head(tmp_path, start, connect):
    AuditLog.open(log_of(tmp_path)).close()

    async with start(tmp_path) as app, connect(app) as client:
        found = await verification(client)

    assert (found["whole"], found["entries"], found["head"]) == (True, 0, None)


async def test_the_log_may_be_in_postgres(tmp_path, postgres, connect):
    where = postgres.fresh()
    with AuditLog.open(where) as log:
        log.append(mixed(6))
    app = create_app(ServerSettings(home=tmp_path, audit_url=where))

    async with app.router.lifespan_context(app), connect(app) as client:
        found = await verification(client)

    assert (found["whole"], found["entries"]) == (True, 6)


# Where there is nothing to be read.


async def test_before_an_engine_has_begun_a_log_there_is_none_to_verify(tmp_path, start, connect):
    async with start(tmp_path) as app, connect(app) as client:
        before = await client.get(VERIFICATION)
        with AuditLog.open(log_of(tmp_path)) as log:
            log.append(mixed(3))
        after = await verification(client)

    assert (before.status_code, before.json()["type"]) == (503, "/problems/not-ready")
    assert before.json()["detail"] == "audit log: expected one that a live engine has begun, found none yet"
    # That there was none is nothing to be kept.
    assert after["entries"] == 3


async def test_a_log_that_can_not_be_read_is_told_without_where_it_is(client, where):
    where.write_bytes(b"no database at all, but as long as one would be" * 100)

    answer = await client.get(VERIFICATION)

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")
    assert str(where.parent) not in answer.text


# How often it is read.


async def test_the_answer_is_kept_for_half_a_minute_by_the_clock(client, where, clock):
    first = await verification(client)
    append(where, 1)

    clock.at += timedelta(seconds=KEPT_SECONDS - 1)
    kept = await verification(client)
    clock.at += timedelta(seconds=1)
    new = await verification(client)

    assert kept == first
    assert (new["entries"], new["verified_at"]) == (7, "2026-11-23T15:04:35Z")


async def test_all_who_ask_at_once_are_told_what_one_walk_came_to(client):
    answers = await asyncio.gather(*(client.get(VERIFICATION) for _ in range(20)))

    assert len({answer.content for answer in answers}) == 1


@contextlib.asynccontextmanager
async def held_up(where: str, asked: Callable[[], Any]) -> AsyncIterator[Any]:
    """What `asked` returns, while somebody keeps the table to himself and a walk waits for it."""
    with psycopg.connect(where) as connection:
        connection.execute("LOCK TABLE audit_entries IN ACCESS EXCLUSIVE MODE")
        asking = asked()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'audit_entries'::regclass"
        await until(lambda: connection.execute(waiting).fetchone() == (1,))
        yield asking
        connection.rollback()


async def test_who_goes_away_leaves_the_walk_to_the_others(tmp_path, postgres, connect):
    where = postgres.fresh()
    with AuditLog.open(where) as log:
        log.append(mixed(6))
    app = create_app(ServerSettings(home=tmp_path, audit_url=where))

    async with app.router.lifespan_context(app), connect(app) as client:

        def two() -> list[asyncio.Task[httpx.Response]]:
            return [asyncio.create_task(client.get(VERIFICATION)) for _ in range(2)]

        async with held_up(where, two) as (first, second):
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert not second.done()
        found = await second

    assert (found.status_code, found.json()["entries"]) == (200, 6)


async def test_an_application_that_ends_does_not_wait_for_a_walk(tmp_path, postgres, connect):
    where = postgres.fresh()
    with AuditLog.open(where) as log:
        log.append(mixed(6))
    app = create_app(ServerSettings(home=tmp_path, audit_url=where))

    async with contextlib.AsyncExitStack() as running:
        await running.enter_async_context(app.router.lifespan_context(app))
        client = await running.enter_async_context(connect(app))
        async with held_up(where, lambda: asyncio.create_task(client.get(VERIFICATION))) as asked:
            await running.aclose()

            with pytest.raises(asyncio.CancelledError):
                await asked


async def test_an_entry_is_answered_while_the_whole_log_is_being_read(tmp_path, connect):
    with AuditLog.open(log_of(tmp_path)) as log:
        log.append([signal(number) for number in range(MANY)])
    app = create_app(ServerSettings(home=tmp_path))

    async with app.router.lifespan_context(app), connect(app) as client:
        walk = asyncio.create_task(client.get(VERIFICATION))
        answers = [(await client.get("/v1/audit/5")).status_code for _ in range(3)]
        still_walking = not walk.done()
        found = (await walk).json()

    assert (answers, still_walking) == ([200] * 3, True)
    assert (found["whole"], found["entries"]) == (True, MANY)


async def test_a_log_that_takes_long_is_left_alone_for_longer(tmp_path, connect, clock, monkeypatch):
    monkeypatch.setattr("serving.audit.verifier.KEPT_SECONDS", 0.0)
    with AuditLog.open(log_of(tmp_path)) as log:
        log.append(mixed(6))
    app = create_app(ServerSettings(home=tmp_path), clock=clock)

    async with app.router.lifespan_context(app), connect(app) as client:
        first = await verification(client)
        append(log_of(tmp_path), 1)
        clock.at += timedelta(seconds=0.9 * REST * first["seconds"])
        kept = await verification(client)
        clock.at += timedelta(seconds=0.2 * REST * first["seconds"])
        new = await verification(client)

    assert kept == first
    assert new["entries"] == 7
