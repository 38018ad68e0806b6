"""Two servers behind the nginx configuration that we ship, which lose nothing while they are restarted in turn."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
import real_nginx
import websockets
from real_nginx import nginx
from real_server import free_port, serving, url_of
from waiting import until

pytestmark = pytest.mark.skipif(real_nginx.program() is None, reason="nginx is not installed (Debian: nginx-light)")

PREDICTION = "/v1/predictions/AAPL"
OPTIMIZE = "/v1/portfolio/optimize"
QUESTION = {"objective": "minimum_variance"}
RESTARTS = 2
# Longer than nginx' keepalive_timeout, as the configuration asks.
DRAIN_SECONDS = 1.5
# A dropped handshake is tried again after a second; nothing else should make a client wait.
SLOWEST_SECONDS = 5.0


def server(home: Path, port: int, ends: contextlib.ExitStack) -> subprocess.Popen[str]:
    """A server that answers."""
    environment = {"STOCK_ASSETS_DRAIN_SECONDS": str(DRAIN_SECONDS)}
    process = ends.enter_context(serving("--home", str(home), "--port", str(port), environment=environment))
    url_of(process)
    return process


class Load:
    """Clients that ask all the time, and what became of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answered: Counter[str] = Counter()
        self.failed: list[str] = []
        self.slowest = 0.0
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Load:
        self._client = httpx.AsyncClient(base_url=self.url, timeout=20)
        clients = [
            *(self._ask("GET", PREDICTION) for _ in range(8)),
            *(self._ask("POST", OPTIMIZE, json=QUESTION) for _ in range(4)),
            # So seldom that the connections to the servers are idle meanwhile.
            *(self._ask("POST", OPTIMIZE, pause=0.1 * number, json=QUESTION) for number in range(1, 12)),
            *(self._listen() for _ in range(3)),
        ]
        self._tasks = [asyncio.create_task(client) for client in clients]
        await until(lambda: self.answered["snapshot"] == 3)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await asyncio.gather(*self._tasks)
        await self._client.aclose()

    async def _ask(self, method: str, path: str, *, pause: float = 0.0, **request: Any) -> None:
        """One client that asks as soon as it has been answered, or after a pause."""
        while not self._over.is_set():
            at = time.monotonic()
            try:
                answer = await self._client.request(method, path, **request)
            except httpx.HTTPError as error:
                self.failed.append(f"{method}: {error!r}")
            else:
                self.answered[method] += 1
                if answer.status_code != 200:
                    self.failed.append(f"{method}: {answer.status_code} {answer.text[:200]}")
            self.slowest = max(self.slowest, time.monotonic() - at)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), pause)

    async def _listen(self) -> None:
        """One client of the stream, that comes back when it is told to."""
        while not self._over.is_set():
            try:
                async with websockets.connect(self.url.replace("http:", "ws:") + "/v1/stream") as socket:
                    await socket.send('{"type": "subscribe"}')
                    pause = await self._hear(socket)
            except (OSError, websockets.WebSocketException) as error:
                self.failed.append(f"stream: {error!r}")
                return
            await asyncio.sleep(pause)

    async def _hear(self, socket: websockets.ClientConnection) -> float:
        """Hear until the server closes, or all is over; how long it says to stay away."""
        pause = 0.0
        over = asyncio.create_task(self._over.wait())
        try:
            while not self._over.is_set():
                hearing = asyncio.create_task(socket.recv())
                await asyncio.wait((hearing, over), return_when=asyncio.FIRST_COMPLETED)
                if not hearing.done():
                    hearing.cancel()
                    break
                frame = json.loads(hearing.result())
                self.answered[frame["type"]] += 1
                pause = frame.get("reconnect_after_seconds", pause)
        except websockets.ConnectionClosed as closed:
            if closed.rcvd is None or closed.rcvd.code != 1012:
                self.failed.append(f"stream: {closed!r}")
        finally:
            over.cancel()
        return pause


@pytest.mark.slow
@pytest.mark.anyio
async def test_no_request_is_lost_while_each_server_is_restarted_in_turn(published_home, tmp_path):
    ports = free_port(), free_port()
    with contextlib.ExitStack() as ends, nginx(tmp_path, *ports) as url:
        servers = [await asyncio.to_thread(server, published_home, port, ends) for port in ports]
        exits = []
        async with Load(url) as load:
            for turn in range(2 * RESTARTS):
                which = turn % 2
                servers[which].send_signal(signal.SIGTERM)
                exits.append(await asyncio.to_thread(servers[which].wait, 20))
                servers[which] = await asyncio.to_thread(server, published_home, ports[which], ends)
            answered = load.answered["GET"], load.answered["POST"]
            await until(lambda: load.answered["GET"] > answered[0] + 20 and load.answered["POST"] > answered[1] + 20)

    assert load.failed == []
    assert exits == [0] * (2 * RESTARTS)
    assert load.answered["closing"] >= RESTARTS
    assert load.slowest < SLOWEST_SECONDS


@pytest.mark.anyio
async def test_one_of_two_servers_is_enough(published_home, tmp_path):
    port = free_port()
    with contextlib.ExitStack() as ends, nginx(tmp_path, port, free_port()) as url:
        await asyncio.to_thread(server, published_home, port, ends)
        async with Load(url) as load:
            await until(lambda: load.answered["GET"] > 200 and load.answered["POST"] > 50)

    assert load.failed == []


@pytest.mark.anyio
async def test_with_no_server_left_it_says_so_at_once(tmp_path):
    with nginx(tmp_path, free_port(), free_port()) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            at = time.monotonic()
            answer = await client.get(PREDICTION)

    assert answer.status_code == 502
    assert time.monotonic() - at < 1
