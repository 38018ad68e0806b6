"""The client on a real server that is killed, frozen, told to stop and started again, with a real Valkey behind it."""

from __future__ import annotations

import asyncio
import os
import signal as signals
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
import stream_server
from engine_voice import speak_anew, voice
from live_messages import price, signal
from ports import free_port
from real_release import publish_release
from real_server import serving, url_of
from real_valkey import RealValkey
from stream_server import say, status

from serving.client import (
    ConnectionState,
    Disconnected,
    Gap,
    News,
    Resumed,
    StreamClient,
    SyncStreamClient,
    Update,
)
from serving.live.outbox import Outbox
from serving.messages import SignalMessage
from serving.protocol import Channel, Snapshot, Stale

pytestmark = pytest.mark.anyio

# What is promised: a client is back so long after the part that failed.
RECOVERED_SECONDS = 5.0


class RealServer:
    """``python -m serving`` on a port that it keeps from start to start."""

    def __init__(self, home: Path, valkey: RealValkey) -> None:
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}/v1/stream"
        self._home = home
        self._environment = {"STOCK_ASSETS_REDIS_URL": valkey.url, "STOCK_ASSETS_DRAIN_SECONDS": "0"}
        self._running = ExitStack()
        self._process: subprocess.Popen[str] | None = None

    async def start(self) -> None:
        """Start it and return once it serves."""
        arguments = ("--home", str(self._home), "--port", str(self.port))
        self._process = self._running.enter_context(serving(*arguments, environment=self._environment))
        await asyncio.to_thread(url_of, self._process)

    def kill(self) -> None:
        """End it as a crash would."""
        self._running.close()

    def signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    async def ended(self) -> None:
        assert self._process is not None
        await asyncio.to_thread(self._process.wait, 20)
        self._running.close()


@pytest.fixture
async def server(home: Path, valkey: RealValkey) -> AsyncIterator[RealServer]:
    """A server that serves."""
    server = RealServer(home, valkey)
    await server.start()
    yield server
    server.kill()


@asynccontextmanager
async def beside_us(home: Path, valkey: RealValkey) -> AsyncIterator[str]:
    """A server in this process, which nobody has to kill; its stream's address."""
    async with stream_server.serving(home, valkey.url) as served:
        yield f"ws://127.0.0.1:{served.port}/v1/stream"


class Reader:
    """Reads a client's updates, and keeps them."""

    def __init__(self, client: StreamClient) -> None:
        self.updates: list[Update] = []
        self.client = client

    async def until(self, kind: type[Update]) -> Update:
        """Read up to the next of a kind."""
        async with asyncio.timeout(20):
            while True:
                update = await self.client.next()
                self.updates.append(update)
                if isinstance(update, kind):
                    return update

    async def until_signal(self, audit_id: int) -> None:
        while not isinstance(news := await self.until(News), News) or self._audit_id(news) != audit_id:
            pass

    @property
    def audit_ids(self) -> list[int]:
        return [found for update in self.updates if (found := self._audit_id(update)) is not None]

    @staticmethod
    def _audit_id(update: Update) -> int | None:
        if isinstance(update, News) and isinstance(update.message, SignalMessage):
            return update.message.audit_id
        return None


@asynccontextmanager
async def reading(url: str, outbox: Outbox, **wanted: object) -> AsyncIterator[Reader]:
    """A client that has its first snapshot of the engine's run, of which a server may have to find out first."""
    async with StreamClient(url, **wanted) as client:
        reader = Reader(client)
        while (await reader.until(Snapshot)).epoch != outbox.epoch:
            pass
        yield reader


async def say_signals(valkey: RealValkey, outbox: Outbox, *audit_ids: int) -> None:
    """One flush for each, as an engine does; of two tickers."""
    for audit_id in audit_ids:
        ticker = ("AAPL", "IBM")[audit_id % 2]
        await say(valkey, outbox, price(ticker, 500.0 + audit_id), signal(ticker, audit_id), status())


def assert_never_back(updates: list[Update]) -> None:
    reached: dict[str | None, int] = {}
    for update in updates:
        if isinstance(update, News | Resumed):
            assert update.seq >= reached.get(update.epoch, 0)
            reached[update.epoch] = update.seq


async def test_a_server_that_is_killed_and_started_again_costs_no_signal(server, valkey):
    outbox = voice(valkey)
    await say_signals(valkey, outbox, 1)
    rounds, took = 2, []

    async with reading(server.url, outbox) as reader:
        for first in range(2, 2 + 5 * rounds, 5):
            await say_signals(valkey, outbox, first, first + 1)
            server.kill()
            await reader.until(Disconnected)
            await say_signals(valkey, outbox, first + 2, first + 3)
            await server.start()
            began = time.monotonic()
            await reader.until(Resumed)
            took.append(time.monotonic() - began)
            await say_signals(valkey, outbox, first + 4)
            await reader.until_signal(first + 4)

    said = list(range(2, 2 + 5 * rounds))
    assert [audit_id for audit_id in reader.audit_ids if audit_id > 1] == said
    assert not any(isinstance(update, Gap) for update in reader.updates)
    assert_never_back(reader.updates)
    assert max(took) < RECOVERED_SECONDS


async def test_a_server_that_is_told_to_stop_sends_its_clients_to_the_next(server, valkey):
    outbox = voice(valkey)
    await say_signals(valkey, outbox, 1)

    async with reading(server.url, outbox) as reader:
        server.signal(signals.SIGTERM)
        lost = await reader.until(Disconnected)
        await say_signals(valkey, outbox, 2)
        await server.ended()
        await server.start()
        await reader.until_signal(2)

    assert "1012" in lost.reason
    assert not any(isinstance(update, Gap) for update in reader.updates)


async def test_a_server_that_hangs_is_noticed_and_found_again_when_it_is_back(server, valkey):
    outbox = voice(valkey)
    await say_signals(valkey, outbox, 1)

    async with reading(server.url, outbox) as reader:
        server.signal(signals.SIGSTOP)
        began = time.monotonic()
        lost = await reader.until(Disconnected)
        noticed = time.monotonic() - began
        await say_signals(valkey, outbox, 2)
        server.signal(signals.SIGCONT)
        began = time.monotonic()
        await reader.until_signal(2)
        recovered = time.monotonic() - began

    assert lost.reason.startswith("silence: expected a frame within 3.5 s")
    assert noticed < RECOVERED_SECONDS
    assert recovered < RECOVERED_SECONDS
    assert reader.audit_ids == [2]


async def test_a_valkey_that_is_lost_is_stale_and_one_that_forgot_everything_a_gap(published_home, valkey):
    outbox = voice(valkey)
    await say_signals(valkey, outbox, 1)

    async with beside_us(published_home, valkey) as url, reading(url, outbox) as reader:
        await say_signals(valkey, outbox, 2)
        await reader.until_signal(2)
        valkey.kill()
        await reader.until(Stale)
        during = reader.client.connection
        valkey.start()
        speak_anew(valkey, outbox)
        await say_signals(valkey, outbox, 3)
        gap = await reader.until(Gap)
        await reader.until_signal(3)
        after = reader.client.connection

    assert (during, after) == (ConnectionState.STALE, ConnectionState.OPEN)
    assert gap.since.epoch != gap.snapshot.epoch
    assert reader.audit_ids == [2, 3]


async def test_another_release_is_a_snapshot_and_no_gap(home, valkey):
    outbox = voice(valkey)
    await say_signals(valkey, outbox, 1)

    async with beside_us(home, valkey) as url, reading(url, outbox, channels=[Channel.SIGNALS]) as reader:
        await say_signals(valkey, outbox, 2)
        await reader.until_signal(2)
        # Numbers that this client hears nothing of.
        await say(valkey, outbox, price("AAPL", 1.0), status())
        await asyncio.to_thread(publish_release, home / "releases", tickers=("AAPL", "MSFT"))
        installed = await reader.until(Snapshot)
        await say_signals(valkey, outbox, 4)
        await reader.until_signal(4)

    assert installed.release_id != reader.updates[0].release_id
    assert not any(isinstance(update, Gap) for update in reader.updates)


async def test_a_thread_s_client_hears_the_same(published_home, valkey):
    outbox = voice(valkey)
    await say(valkey, outbox, status())

    async with beside_us(published_home, valkey) as url:
        with SyncStreamClient(url, channels=[Channel.SIGNALS]) as client:
            while getattr(first := await asyncio.to_thread(client.next, timeout=20), "epoch", None) != outbox.epoch:
                pass
            await say_signals(valkey, outbox, 1, 2)
            heard = []
            while 2 not in heard:
                update = await asyncio.to_thread(client.next, timeout=20)
                heard += [Reader._audit_id(update)] if Reader._audit_id(update) else []
            state = client.state

    assert isinstance(first, Snapshot)
    assert heard == [1, 2]
    assert state.signals["AAPL"].audit_id == 2
    assert state.prices == {}
