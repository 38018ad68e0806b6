"""The load of `benchmarks/stream.py`: many WebSocket listeners in one process, and the bare server beside ours.

A listener here parses no more than it has to (frame heads,
and each distinct frame's first price once), so that the machine's cores are the server's as far as possible.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import os
import re
import socket
import sys
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import uvloop

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PRICE: Final = re.compile(rb'"type":"price".*?"price":([0-9.e+]+)')
PRICES: Final = re.compile(rb'"type":"price"')
TEXT: Final = 0x81
AT_ONCE: Final = 100


def masked(text: bytes) -> bytes:
    """A client's text frame of under 126 bytes; the mask is of zeros, which is as legal as any other."""
    if len(text) > 125:
        raise ValueError(f"text: expected at most 125 bytes, got {len(text)}")
    return bytes([TEXT, 0x80 | len(text)]) + bytes(4) + text


class Log:
    """What all listeners together have received: for each frame with a price, when, and which price was the first."""

    def __init__(self) -> None:
        self.ready = 0
        self.lost = 0
        self.frames = 0
        self.updates = 0
        self.bytes = 0
        self.at: list[float] = []
        self.price: list[float] = []
        # Every listener gets the same bytes: what is in them is looked up once.
        self._known: dict[bytes, tuple[float, int]] = {}
        self.recording = False

    def frame(self, payload: bytes) -> None:
        """Count one frame."""
        known = self._known.get(payload)
        if known is None:
            found = PRICE.search(payload)
            known = (float(found[1]) if found else 0.0, len(PRICES.findall(payload)))
            if len(self._known) > 64:
                self._known.clear()
            self._known[payload] = known
        if self.recording and known[1]:
            self.frames += 1
            self.updates += known[1]
            self.bytes += len(payload)
            self.at.append(time.monotonic())
            self.price.append(known[0])


class Listener(asyncio.Protocol):
    """One WebSocket: shakes hands, subscribes, counts."""

    def __init__(self, log: Log, host: str, path: str, subscribe: bytes) -> None:
        self.log, self.subscribe = log, subscribe
        key = base64.b64encode(os.urandom(16)).decode()
        self.request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        self.open = False
        self.told = False
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        received = self.received + data if self.received else data
        place = 0
        if not self.open:
            head = received.find(b"\r\n\r\n")
            if head < 0:
                self.received = received
                return
            if not received.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"expected 101, got {received[:60]!r}")
            self.open, place = True, head + 4
            self.transport.write(masked(self.subscribe))
        while (end := self._frame(received, place)) is not None:
            place = end
        self.received = received[place:]

    def _frame(self, received: bytes, place: int) -> int | None:
        """Take the frame that begins at `place`; where it ends, None if it isn't all there."""
        if len(received) - place < 2:
            return None
        length, start = received[place + 1], place + 2
        if length == 126:
            length, start = int.from_bytes(received[start : start + 2], "big"), start + 2
        elif length == 127:
            length, start = int.from_bytes(received[start : start + 8], "big"), start + 8
        end = start + length
        if len(received) < end or start > len(received):
            return None
        opcode = received[place] & 0x0F
        if opcode == 1:
            payload = received[start:end]
            if not self.told and payload.startswith(b'{"type":"snapshot"'):
                self.told = True
                self.log.ready += 1
            self.log.frame(payload)
        elif opcode == 9:
            self.transport.write(bytes([0x8A, 0x80 | length]) + bytes(4) + received[start:end])
        return end

    def connection_lost(self, _error: Exception | None) -> None:
        self.log.lost += 1


async def listen(url: str, *, clients: int, subscribe: bytes, commands: asyncio.StreamReader) -> Log:
    """Open the sockets, say "ready", record between the lines "start" and "stop" on stdin."""
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    log = Log()
    host, port = parts.hostname or "", parts.port or 80
    for begin in range(0, clients, AT_ONCE):
        for _ in range(min(AT_ONCE, clients - begin)):
            made = Listener(log, parts.netloc, parts.path, subscribe)
            await loop.create_connection(lambda made=made: made, host, port)
        while log.ready < min(begin + AT_ONCE, clients):
            await asyncio.sleep(0.005)
    print("ready", flush=True)
    while (line := (await commands.readline()).decode().strip()) not in ("stop", ""):
        log.recording = line == "start"
    return log


async def _listen(options: argparse.Namespace) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    log = await listen(options.url, clients=options.clients, subscribe=options.subscribe.encode(), commands=reader)
    np.savez(
        options.out,
        at=np.array(log.at),
        price=np.array(log.price),
        counts=np.array([log.frames, log.updates, log.bytes, log.lost]),
    )


def serve_bare(frame: str, *, hertz: float) -> None:
    """An application that sends one text to every socket in a loop, under the server's own uvicorn settings.

    `hertz` rounds a second, or as many as it can with 0. The first listener's first frame starts it.
    """
    sys.path[0] = str(REPOSITORY)
    import uvicorn

    from serving.__main__ import server_config

    sockets: dict[int, object] = {}

    async def broadcast() -> None:
        due = time.monotonic()
        number = 0
        while True:
            number += 1
            text = frame.replace("PRICE", f"{time.monotonic():.6f}")
            for send in list(sockets.values()):
                with contextlib.suppress(OSError, RuntimeError):
                    await send({"type": "websocket.send", "text": text})
            due += 1 / hertz if hertz else 0.0
            await asyncio.sleep(max(0.0, due - time.monotonic()) if hertz else 0.0)

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                if message["type"] == "lifespan.startup":
                    app.task = asyncio.create_task(broadcast())
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    app.task.cancel()
                    return
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.send", "text": '{"type":"snapshot"}'})
        sockets[id(send)] = send
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            del sockets[id(send)]

    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        print(f"serving http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        uvicorn.Server(server_config(app)).run(sockets=[listening])


def main() -> int:
    """Listen, or serve barely."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--subscribe", default='{"type":"subscribe","channels":["prices"]}')
    parser.add_argument("--out", type=Path)
    parser.add_argument("--bare", type=Path, help="a file with the frame to send; PRICE in it becomes the time")
    parser.add_argument("--hertz", type=float, default=0.0)
    options = parser.parse_args()
    if options.bare is not None:
        serve_bare(options.bare.read_text(), hertz=options.hertz)
    elif options.url is not None:
        uvloop.run(_listen(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
