"""Stopping a server that is in use: it says so, goes on for a while, finishes what is under way, and loses nobody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import websockets
from real_server import LOOPBACK, serving, still_runs, url_of, workers_of
from waiting import until

from serving.processes.draining import CUT_SHORT, FINISHED_SECONDS

# What was promised: whatever is under way, a server that was told to stop has ended by then.
ENDED_SECONDS = 8.0
PREDICTION = "/v1/predictions/AAPL"
QUESTION = json.dumps({"objective": "minimum_variance"}).encode()
HEAD = b"POST /v1/portfolio/optimize HTTP/1.1\r\nhost: test\r\ncontent-length: %d\r\n\r\n" % len(QUESTION)


@contextlib.contextmanager
def started(home: Path, *arguments: str, drain: float) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server that answers, and where; it drains for so many seconds."""
    environment = {"STOCK_ASSETS_DRAIN_SECONDS": str(drain)}
    with serving("--home", str(home), "--port", "0", *arguments, environment=environment) as process:
        yield process, url_of(process)


def connect(url: str, *, within: float = 20.0) -> socket.socket:
    """A connection of our own to a server."""
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=within)


def answer(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def refused(url: str) -> bool:
    """Whether nobody is let in any more.

    The kernel answers at once for whoever listens. One whose knock is dropped would hear of the closed port when it
    knocks again, which is as long as the server waits for first requests.
    """
    try:
        connect(url, within=0.1).close()
    except (ConnectionRefusedError, TimeoutError):
        return True
    return False


async def everything(listener: websockets.ClientConnection) -> list[dict[str, Any]]:
    """All frames until the server closes."""
    frames = []
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            frames.append(json.loads(await listener.recv()))
    return frames


async def told(url: str) -> httpx.Response:
    """The first answer of ``/readyz`` after the server has heard that it is to stop."""
    async with httpx.AsyncClient(base_url=url) as client:
        while (found := await client.get("/readyz")).status_code == 200:
            pass
        return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.anyio
async def test_a_server_that_is_told_to_stop_says_so_and_answers_on(published_home, number):
    with started(published_home, drain=1) as (process, url):
        process.send_signal(number)
        at = time.monotonic()

        unready = await told(url)
        other = httpx.get(url + PREDICTION)
        process.communicate(timeout=20)

    assert unready.status_code == 503
    assert unready.headers["content-type"] == "application/problem+json"
    assert unready.json()["type"] == "/problems/not-ready"
    assert int(unready.headers["retry-after"]) >= 1
    assert other.status_code == 200
    assert (unready.headers["connection"], other.headers["connection"]) == ("close", "close")
    assert process.returncode == 0
    assert 1 <= time.monotonic() - at < ENDED_SECONDS


@pytest.mark.anyio
async def test_a_connection_that_is_kept_alive_is_closed_after_the_next_answer(published_home):
    with started(published_home, drain=1) as (process, url), httpx.Client(base_url=url) as client:
        before = client.get(PREDICTION)
        process.send_signal(signal.SIGTERM)
        await told(url)
        after = client.get(PREDICTION)

    assert before.headers.get("connection") != "close"
    assert after.status_code == 200
    assert after.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        pytest.param(HEAD + QUESTION[:5], QUESTION[5:], id="half a body"),
        pytest.param(HEAD[:30], HEAD[30:] + QUESTION, id="half a head"),
        pytest.param(b"", HEAD + QUESTION, id="nothing yet"),
    ],
)
@pytest.mark.anyio
async def test_a_request_under_way_is_answered_after_the_port_is_closed(published_home, sent, left):
    with started(published_home, drain=0) as (process, url), connect(url) as connection:
        httpx.get(url + PREDICTION)
        connection.sendall(sent)
        process.send_signal(signal.SIGTERM)
        await until(lambda: refused(url))
        connection.sendall(left)
        got = answer(connection)
        process.communicate(timeout=20)

    assert got.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in got
    assert process.returncode == 0


def test_an_idle_connection_keeps_nobody_waiting(published_home):
    with started(published_home, drain=0) as (process, url), httpx.Client(base_url=url) as client:
        client.get(PREDICTION)
        at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)

    assert process.returncode == 0
    assert time.monotonic() - at < 1


def test_a_second_signal_ends_it_at_once(published_home):
    with started(published_home, drain=5) as (process, url), connect(url) as connection:
        connection.sendall(HEAD)
        process.send_signal(signal.SIGTERM)
        asyncio.run(told(url))
        at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)

    assert process.returncode == CUT_SHORT
    assert time.monotonic() - at < 1


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_request_that_never_ends_is_cut_off(published_home, workers):
    with started(published_home, "--workers", workers, drain=0) as (process, url), connect(url) as connection:
        connection.sendall(HEAD)
        at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        took = time.monotonic() - at

    assert process.returncode == 0
    assert FINISHED_SECONDS <= took < ENDED_SECONDS


@pytest.mark.anyio
async def test_sockets_are_told_when_to_come_back_and_new_ones_are_sent_elsewhere(published_home):
    with started(published_home, drain=1) as (process, url):
        stream = url.replace("http:", "ws:") + "/v1/stream"
        async with websockets.connect(stream) as listener:
            await listener.send('{"type": "subscribe"}')
            process.send_signal(signal.SIGTERM)
            frames = await everything(listener)
        with pytest.raises(websockets.InvalidStatus) as turned_away:
            await websockets.connect(stream)

    assert listener.close_code == 1012
    assert [frame["type"] for frame in frames] == ["hello", "snapshot", "closing"]
    assert frames[-1]["reconnect_after_seconds"] >= 0
    assert turned_away.value.response.status_code == 503
    assert int(turned_away.value.response.headers["retry-after"]) >= 1


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.anyio
async def test_nobody_who_has_connected_is_left_without_an_answer(published_home, workers):
    found: Counter[str] = Counter()

    async def knock(port: int) -> None:
        """Connect and ask, again and again, until nobody lets us in."""
        while True:
            try:
                reader, writer = await asyncio.open_connection(LOOPBACK, port)
            except ConnectionError:
                return
            with contextlib.closing(writer):
                try:
                    writer.write(b"GET " + PREDICTION.encode() + b" HTTP/1.1\r\nhost: test\r\n\r\n")
                    head = await reader.read(65_536)
                except ConnectionError as error:
                    head = repr(error).encode()
            found[head.partition(b"\r\n")[0].decode()] += 1

    with started(published_home, "--workers", workers, drain=0) as (process, url):
        knocking = [asyncio.create_task(knock(int(url.rpartition(":")[2]))) for _ in range(64)]
        await until(lambda: found.total() > 500)
        process.send_signal(signal.SIGTERM)
        await asyncio.gather(*knocking)

    assert list(found) == ["HTTP/1.1 200 OK"]


def test_workers_drain_however_often_a_signal_reaches_them(published_home):
    with (
        started(published_home, "--workers", "2", drain=0) as (process, url),
        connect(url) as connection,
    ):
        workers = workers_of(process)
        connection.sendall(HEAD + QUESTION[:5])
        # As a terminal, or a supervisor of process groups, does it: the parent hands it on as well.
        os.killpg(process.pid, signal.SIGINT)
        asyncio.run(until(lambda: refused(url)))
        for worker in workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.send_signal(signal.SIGTERM)
        connection.sendall(QUESTION[5:])
        got = answer(connection)
        process.communicate(timeout=20)

    assert len(workers) == 2
    assert got.startswith(b"HTTP/1.1 200 OK")
    assert process.returncode == 0


def test_a_second_signal_ends_all_workers_at_once(published_home):
    with started(published_home, "--workers", "2", drain=5) as (process, url), connect(url) as connection:
        workers = workers_of(process)
        connection.sendall(HEAD)
        process.send_signal(signal.SIGTERM)
        asyncio.run(told(url))
        at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        took = time.monotonic() - at

    assert process.returncode == CUT_SHORT
    assert took < 1
    assert [worker for worker in workers if still_runs(worker)] == []


def test_workers_whose_parent_was_killed_end_too(published_home):
    with started(published_home, "--workers", "2", drain=0) as (process, _):
        workers = workers_of(process)
        process.kill()

        gone, alive = psutil.wait_procs(workers, timeout=20)

    assert len(gone) == 2
    assert alive == []
