"""Every file of a release, damaged in every way: gateway and engine refuse it and say so, and the old one serves on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from background import at_work
from fastapi import FastAPI
from ports import LOOPBACK
from real_release import publish_release
from redis.asyncio import Redis
from waiting import until

from release.audit import AuditLog
from release.store import Store
from serving.__main__ import server_config
from serving.app import create_app
from serving.client import ConnectionState, StreamClient
from serving.live import bus
from serving.live.engine import Engine
from serving.live.releases import ReleaseFollower
from serving.messages import AlertKind, AlertMessage, decode
from serving.protocol import Channel
from serving.settings import ServerSettings

pytestmark = pytest.mark.anyio

AS_OF = ("2012-02-29", "2012-03-01")
RELOAD_SECONDS = 0.005
PATHS = (
    "/v1/tickers",
    "/v1/models",
    "/v1/model-card",
    "/v1/prices/AAPL?limit=5",
    "/v1/predictions/AAPL",
    "/v1/signals/AAPL",
    "/v1/signals/AAPL/history?limit=5",
    "/v1/portfolio",
    "/v1/portfolio/risk",
)


def flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes(data)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def delete(file: Path) -> None:
    file.unlink()


DAMAGES: tuple[Callable[[Path], None], ...] = (flip_a_bit, truncate, delete)


class Stage:
    """A gateway and a client that hears its alerts, on a home with two whole releases.

    Attributes
    ----------
    serving, waiting : str
        The release that is in force, and the other one.
    """

    def __init__(self, store: Store, app: FastAPI, http: httpx.AsyncClient, client: StreamClient) -> None:
        self.store, self.app, self.http, self.client = store, app, http, client
        self.serving, self.waiting = store.history()[:2]

    def files(self) -> list[str]:
        """Every file of the waiting release."""
        folder = self.store.folder(self.waiting)
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

    @contextlib.contextmanager
    def damaged(self, file: str, damage: Callable[[Path], None]) -> Iterator[None]:
        """The waiting release with a damaged file; mended on the way out."""
        path = self.store.folder(self.waiting) / file
        whole = path.read_bytes()
        damage(path)
        try:
            yield
        finally:
            path.write_bytes(whole)

    def put_in_force(self, release_id: str) -> None:
        """As a writer would that doesn't look at what it has written."""
        with self.store.locked():
            self.store.put_in_force(release_id)

    async def answers(self) -> list[bytes]:
        """What is told to who asks."""
        replies = [await self.http.get(path) for path in PATHS]
        assert [reply.status_code for reply in replies] == [200] * len(PATHS)
        return [reply.content for reply in replies]

    async def status(self) -> tuple[bool, str, str | None]:
        """Whether there is a release to answer from, which one, and what is wrong with another."""
        status = (await self.http.get("/v1/status")).json()
        return status["ready"], status["release_id"], status["reload_error"]

    def refusals(self) -> list[tuple[str, str]]:
        """The refused releases that the client knows of, and why they were."""
        alerts = self.client.state.alerts.values()
        return [(alert.subject, alert.text) for alert in alerts if alert.kind is AlertKind.RELEASE_REFUSED]

    def is_well(self) -> bool:
        """Whether nothing is wrong with the release in force, by the gateway's word and to the client's knowledge."""
        latest = self.app.state.latest
        return latest.release_id == self.store.current() and latest.reload_error is None and self.refusals() == []


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two releases, the later one in force."""
    for as_of in AS_OF:
        publish_release(tmp_path / "releases", as_of=as_of)
    return tmp_path


@contextlib.asynccontextmanager
async def staged(home: Path, *, redis_url: str | None = None) -> AsyncIterator[Stage]:
    """Everything at work, in this process and on this loop."""
    app = create_app(ServerSettings(home=home, redis_url=redis_url, reload_seconds=RELOAD_SECONDS))
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(app))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False))
        client = StreamClient(f"{url.replace('http', 'ws')}/v1/stream", channels=[Channel.ALERTS])
        await stack.enter_async_context(client)
        # Stale, as long as there is no engine.
        await until(lambda: client.connection in (ConnectionState.OPEN, ConnectionState.STALE))
        yield Stage(Store(home / "releases"), app, http, client)


@contextlib.asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The application behind a port; its URL."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        server = uvicorn.Server(server_config(app))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        await until(lambda: server.started)
        yield f"http://{LOOPBACK}:{listening.getsockname()[1]}"
        server.should_exit = True
        await serving


class Reader:
    """How an engine looks after the store, between its ticks."""

    def __init__(self, store: Store, release_id: str) -> None:
        self._follower = ReleaseFollower(store, release_id)
        self.release_id = release_id

    async def look(self) -> None:
        """Once; what is found is loaded beside, and there by another look."""
        release = await self._follower.newer()
        if release is not None:
            self.release_id = release.manifest.release_id

    async def refuses(self, release_id: str) -> bool:
        """Whether that one is refused by now."""
        await self.look()
        return self._follower.refused is not None and self._follower.refused.release_id == release_id

    async def uses(self, release_id: str) -> bool:
        """Whether that one is used by now, and nothing is refused."""
        await self.look()
        return self._follower.refused is None and self.release_id == release_id

    @property
    def reason(self) -> str | None:
        """Of the refusal."""
        return self._follower.refused and self._follower.refused.reason


async def test_every_damaged_file_is_refused_and_told_while_the_old_release_serves_on(home):
    async with staged(home) as stage:
        engine = Reader(stage.store, stage.serving)
        for file in stage.files():
            before = await stage.answers()
            for damage in DAMAGES:
                with stage.damaged(file, damage):
                    stage.put_in_force(stage.waiting)
                    await until(lambda: stage.refusals() != [])
                    await until(lambda: engine.refuses(stage.waiting))

                    reason = engine.reason
                    assert file in reason
                    assert stage.refusals() == [(stage.waiting, reason)]
                    assert await stage.status() == (True, stage.serving, reason)
                    assert await stage.answers() == before, f"{damage.__name__} of {file}"
                    assert engine.release_id == stage.serving

                    stage.put_in_force(stage.serving)
                    await until(stage.is_well)
                    await until(lambda: engine.uses(stage.serving))

            stage.put_in_force(stage.waiting)
            await until(stage.is_well)
            await until(lambda: engine.uses(stage.waiting))
            stage.serving, stage.waiting = stage.waiting, stage.serving


async def test_of_two_refused_releases_the_alert_is_about_the_one_in_force(home):
    third = publish_release(home / "releases", as_of="2012-02-28").release_id
    async with staged(home) as stage:
        assert stage.serving == third
        for release_id in stage.store.history()[1:]:
            (home / "releases" / release_id / "metrics.json").unlink()
            stage.put_in_force(release_id)
            await until(lambda release_id=release_id: [about for about, _ in stage.refusals()] == [release_id])

        stage.put_in_force(third)
        await until(stage.is_well)


async def test_who_starts_while_a_damaged_release_is_in_force_takes_the_newest_before_it_that_is_whole(home):
    store = Store(home / "releases")
    whole = publish_release(home / "releases", as_of="2012-02-28").release_id
    for release_id in store.history()[1:]:
        delete(home / "releases" / release_id / "metrics.json")
        with store.locked():
            store.put_in_force(release_id)

    async with staged(home) as stage:
        assert await stage.status() == (True, whole, "metrics.json: expected a file, found none")
        assert stage.refusals() == [(store.current(), "metrics.json: expected a file, found none")]

        # And goes over as ever, when there is a better one.
        newest = await asyncio.to_thread(lambda: publish_release(home / "releases", as_of="2012-03-02").release_id)
        await until(stage.is_well)
        assert stage.app.state.latest.release_id == newest


async def test_the_engine_too_says_what_it_refuses_and_when_that_is_over(home, valkey):
    async with staged(home, redis_url=valkey.url) as stage, contextlib.AsyncExitStack() as stack:
        audit = stack.enter_context(AuditLog.open(home / "audit" / "audit.sqlite3"))
        engine = Engine(stage.store.load(), store=stage.store, audit=audit, redis_url=valkey.url, silence_seconds=10)
        await stack.enter_async_context(at_work(engine.run()))
        redis = await stack.enter_async_context(Redis.from_url(valkey.url))

        async def said() -> list[tuple[str, str]]:
            messages = [decode(data) for data in (await redis.hgetall(bus.LATEST)).values()]
            alerts = [message for message in messages if isinstance(message, AlertMessage)]
            return [(alert.subject, alert.text) for alert in alerts if alert.kind is AlertKind.RELEASE_REFUSED]

        async def has_said_something() -> bool:
            return await said() != []

        await until(lambda: stage.client.state.epoch is not None)
        with stage.damaged("portfolio.json", truncate):
            stage.put_in_force(stage.waiting)

            # It is one refusal to the client, whoever says so.
            await until(has_said_something)
            assert await said() == stage.refusals() == [(stage.waiting, stage.app.state.latest.reload_error)]
            assert engine.floor.release.manifest.release_id == stage.serving

        # Mended, and put in force once more.
        stage.put_in_force(stage.serving)
        stage.put_in_force(stage.waiting)
        await until(lambda: engine.floor.release.manifest.release_id == stage.waiting)
        await until(stage.is_well)
        assert await said() == []
