"""The client for programs without a loop, and the one for the shell."""

from __future__ import annotations

import asyncio
import json
import signal as signals
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from imports import imported_by
from scripted_stream import Script, ScriptedServer, Talk, delta, price, scripted, signal, snapshot

from serving.client import (
    ConnectionState,
    Disconnected,
    News,
    Resumed,
    StreamClosed,
    SubscriptionRefused,
    SyncStreamClient,
)
from serving.protocol import Channel, ErrorCode, Refused, Snapshot

REPOSITORY = Path(__file__).resolve().parents[3]


@contextmanager
def in_a_thread(*scripts: Script) -> Iterator[ScriptedServer]:
    """A scripted server with a loop of its own."""
    started, ready = threading.Event(), []

    async def run() -> None:
        async with scripted(*scripts) as server:
            over = asyncio.Event()
            ready.extend((server, asyncio.get_running_loop(), over))
            started.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    started.wait()
    server, loop, over = ready
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Starts scripted servers."""
    with ExitStack() as stack:
        yield lambda *scripts: stack.enter_context(in_a_thread(*scripts))


async def tells_two_signals(talk: Talk) -> None:
    await talk.greeted()
    await talk.send(snapshot(0), delta(0, 1, signal(1)), delta(1, 2, signal(2), price(2.0)))
    await talk.answer_pings()


async def tells_one_and_dies(talk: Talk) -> None:
    await talk.greeted()
    await talk.send(snapshot(0), delta(0, 1, signal(1)))
    talk.abort()


async def goes_on_from_one(talk: Talk) -> None:
    await talk.greeted(seq=2)
    await talk.send(delta(1, 2, signal(2), price(2.0)))
    await talk.answer_pings()


def test_updates_come_by_iteration_and_across_connections(serve):
    server = serve(tells_one_and_dies, goes_on_from_one)

    with SyncStreamClient(server.url) as client:
        updates = []
        for update in client:
            updates.append(update)
            if getattr(update, "message", None) == price(2.0):
                break
        state, connection = client.state, client.connection

    assert [type(update) for update in updates] == [Snapshot, News, Disconnected, Resumed, News, News]
    assert [update.message for update in updates if isinstance(update, News)] == [signal(1), signal(2), price(2.0)]
    assert state.signals == {"AAPL": signal(2)}
    assert connection is ConnectionState.OPEN
    assert client.connection is ConnectionState.CLOSED


def test_waiting_can_be_bounded_and_loses_nothing(serve):
    said = threading.Event()

    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0))
        await asyncio.to_thread(said.wait)
        await talk.send(delta(0, 1, signal(1)))
        await talk.answer_pings()

    with SyncStreamClient(serve(script).url) as client:
        assert client.next(timeout=20) == snapshot(0)
        with pytest.raises(TimeoutError, match=r"expected an update within 0\.01 s"):
            client.next(timeout=0.01)
        said.set()

        assert client.next(timeout=20).message == signal(1)


def test_another_thread_can_end_it(serve):
    server = serve(tells_two_signals)
    reading, read = threading.Event(), []

    def reader() -> None:
        for update in client:
            read.append(update)
            reading.set()

    with SyncStreamClient(server.url) as client:
        thread = threading.Thread(target=reader)
        thread.start()
        reading.wait(20)
        client.close()
        thread.join(20)

    assert not thread.is_alive()
    assert read
    with pytest.raises(StreamClosed):
        client.next(timeout=1)


def test_a_subscription_can_be_changed_and_refused(serve):
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0))
        while (asked := await talk.subscription()).tickers != ("NOPE",):
            await talk.send(snapshot(0, price(1.0, asked.tickers[0])))
        await talk.send(Refused(code=ErrorCode.UNKNOWN_TICKER, field="tickers", message="tickers: got NOPE"))
        await talk.answer_pings()

    server = serve(script)
    with SyncStreamClient(server.url, tickers=["AAPL"]) as client:
        client.next(timeout=20)
        client.subscribe(tickers=["IBM"], channels=[Channel.PRICES])
        with pytest.raises(SubscriptionRefused, match="NOPE"):
            client.subscribe(tickers=["NOPE"])
        prices = client.state.prices

    assert prices == {"IBM": price(1.0, "IBM")}


def test_what_ends_the_stream_is_raised_where_it_is_read(serve):
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(Refused(code=ErrorCode.UNKNOWN_TICKER, field="tickers", message="tickers: got NOPE"))
        await talk.answer_pings()

    with SyncStreamClient(serve(script).url, tickers=["NOPE"]) as client, pytest.raises(SubscriptionRefused):
        for _ in client:
            pass


def test_an_address_of_no_websocket_is_refused_before_anything_starts():
    with pytest.raises(ValueError, match="url: expected one like ws://"):
        SyncStreamClient("http://127.0.0.1:8000")


# The shell's.


def shell(url: str, *arguments: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "serving.client", url, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        **options,
    )


@pytest.mark.parametrize("number", [signals.SIGINT, signals.SIGTERM])
def test_it_prints_a_line_of_json_an_update_and_ends_in_order(serve, number):
    server = serve(tells_two_signals)

    process = shell(server.url, "--tickers", "AAPL", "--channels", "signals", "prices")
    lines = [json.loads(process.stdout.readline()) for _ in range(4)]
    process.send_signal(number)
    _, complaints = process.communicate(timeout=20)

    assert [line["type"] for line in lines] == ["snapshot", "news", "news", "news"]
    assert [line["message"].get("audit_id") for line in lines[1:]] == [1, 2, None]
    assert server.asked[0].tickers == ("AAPL",)
    assert server.asked[0].channels == (Channel.SIGNALS, Channel.PRICES)
    assert (process.returncode, complaints) == (0, "")


def test_it_ends_when_nobody_reads_any_more(serve):
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0))
        for number in range(1, 1_000_000):
            await talk.send(delta(number - 1, number, signal(number)))

    process = shell(serve(script).url)
    process.stdout.readline()
    process.stdout.close()
    complaints = process.stderr.read()

    assert process.wait(20) == 0
    assert complaints == ""


def test_what_ends_it_is_one_line(serve):
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(Refused(code=ErrorCode.UNKNOWN_TICKER, field="tickers", message="tickers: got NOPE"))
        await talk.answer_pings()

    process = shell(serve(script).url, "--tickers", "NOPE")
    printed, complaints = process.communicate(timeout=20)

    assert process.returncode == 1
    assert printed == ""
    assert complaints == "error: unknown_ticker: tickers: got NOPE\n"


def test_the_client_brings_no_server_along():
    heavy = {"fastapi", "starlette", "uvicorn", "redis", "onnxruntime", "pydantic", "structlog", "release", "scipy"}

    assert imported_by("serving.client", among=heavy) == []
