"""A hundred clients that subscribe and never read: they cost little, are sent away in time, and nobody else notices."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import numpy as np
import pytest
import websockets
from background import at_work
from live_system import LiveSystem, live_system
from ports import LOOPBACK

from serving.live import bus
from serving.streaming.frames import LINGER_SECONDS, MOST_WAITING_BYTES
from serving.streaming.limits import SLOW_SECONDS

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

STALLED = 100
READERS = 20
LISTEN_SECONDS = 8.0
# What may wait for a client in the process, and once more for the frame that fills it up and for the connection itself.
MOST_BYTES_EACH = 2 * MOST_WAITING_BYTES
# Until what is sent has filled the buffers on the way, of kernel and process.
FILLING_SECONDS = 10.0
# On a machine that does other things beside, a p99 of a few milliseconds says nothing: what nobody feels is no harm.
MOST_TIMES = 3.0
FELT_MS = 50.0
# Metrics cost the gateway some milliseconds, which are none of the stalled clients' doing.
LOOK_SECONDS = 0.25
SEQ = re.compile(rb'"seq":(\d+)')
SUBSCRIBE = b'{"type":"subscribe"}'


@dataclass
class Reader:
    """A client that does nothing but note when it is told what."""

    heard: list[tuple[int, float]] = field(default_factory=list)

    async def listen(self, url: str) -> None:
        """Listen until cancelled; a connection that ends is an error."""
        async with websockets.connect(url, proxy=None, max_size=2**24) as connection:
            await connection.send(SUBSCRIBE.decode())
            while True:
                frame = await connection.recv(decode=False)
                self.heard.append((int(SEQ.search(frame, 0, 200)[1]), time.time()))


class Delays:
    """How long after it was said a message has reached the readers."""

    def __init__(self, system: LiveSystem, readers: list[Reader]) -> None:
        self._redis, self._readers = system.redis, readers

    async def p99_ms(self, during: Awaitable[None]) -> float:
        """Of all messages to all readers while something else happens."""
        for reader in self._readers:
            reader.heard.clear()
        await during
        said_ms = {
            int(fields[b"seq"]): int(entry_id.partition(b"-")[0]) for entry_id, fields in self._redis.xrange(bus.EVENTS)
        }
        delays = [1000 * at - said_ms[seq] for reader in self._readers for seq, at in reader.heard if seq in said_ms]
        assert len(delays) > 100 * len(self._readers)
        return float(np.percentile(delays, 99))


def stalled_client(port: int) -> socket.socket:
    """A client that has subscribed and takes as little as it can without ever reading."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((LOOPBACK, port))
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET /v1/stream HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
    # A mask of zeros is a mask.
    client.sendall(bytes([0x81, 0x80 | len(SUBSCRIBE)]) + bytes(4) + SUBSCRIBE)
    return client


class Crowd:
    """The stalled clients, and what the gateway has of them."""

    def __init__(self, system: LiveSystem) -> None:
        self._system = system
        self._sockets: list[socket.socket] = []
        self.most_resident = 0
        self.seconds = 0.0
        self._since = 0.0

    async def gather(self) -> None:
        """Subscribe, all of them, beside the readers."""
        for _ in range(STALLED):
            self._sockets.append(await asyncio.to_thread(stalled_client, self._system.port))
        self._since = time.monotonic()

    async def are_sent_away(self) -> None:
        """Read nothing until the last one is gone."""
        longest = FILLING_SECONDS + SLOW_SECONDS + LINGER_SECONDS
        await self._system.until(self._are_gone, seconds=2 * longest, every=LOOK_SECONDS)
        self.seconds = time.monotonic() - self._since

    async def _are_gone(self) -> bool:
        self.most_resident = max(self.most_resident, self._system.gateway.resident())
        told = (await self._system.http.get("/metrics")).text
        return (_sample(told, 'drops_total{reason="too_slow"}'), _sample(told, "listeners")) == (STALLED, READERS)

    def leave(self) -> None:
        """Close what is left of them."""
        for each in self._sockets:
            each.close()


def _sample(told: str, name: str) -> float:
    """A series of the stream's metrics; one that has never moved is not told."""
    found = re.search(rf"^stock_assets_stream_{re.escape(name)} (\S+)$", told, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_a_hundred_stalled_clients_cost_little_and_slow_nobody(tmp_path):
    async with live_system(tmp_path, settings={"most_sockets_per_address": 1000}) as system, AsyncExitStack() as stack:
        readers = [Reader() for _ in range(READERS)]
        for reader in readers:
            await stack.enter_async_context(at_work(reader.listen(system.stream_url)))
        await system.until(lambda: all(reader.heard for reader in readers))
        delays, crowd = Delays(system, readers), Crowd(system)
        stack.callback(crowd.leave)

        without_ms = await delays.p99_ms(asyncio.sleep(LISTEN_SECONDS))
        before = system.gateway.resident()
        await crowd.gather()
        with_ms = await delays.p99_ms(crowd.are_sent_away())

    grown = crowd.most_resident - before
    print(f"p99 {without_ms:.1f} ms without, {with_ms:.1f} ms with; {grown / STALLED / 1024:.0f} KiB a stalled client;")
    print(f"the last one was sent away after {crowd.seconds:.1f} s")
    assert grown <= STALLED * MOST_BYTES_EACH
    assert crowd.seconds <= FILLING_SECONDS + SLOW_SECONDS
    assert with_ms <= max(MOST_TIMES * without_ms, FELT_MS)
