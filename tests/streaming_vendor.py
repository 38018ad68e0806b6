"""A vendor's WebSocket server on loopback: each connection is one life, which a test writes as it goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

LOOPBACK = "127.0.0.1"


@dataclass
class Call:
    """One client's connection, from the vendor's side."""

    connection: ServerConnection
    heard: list[Any] = field(default_factory=list)

    async def hear(self) -> Any:
        """The client's next message, JSON."""
        self.heard.append(json.loads(await self.connection.recv()))
        return self.heard[-1]

    async def say(self, *frames: str | bytes) -> None:
        """Send frames: text, or binary for bytes."""
        for frame in frames:
            await self.connection.send(frame)

    async def say_json(self, *messages: Any) -> None:
        """Send each message as a text frame of JSON."""
        await self.say(*map(json.dumps, messages))

    def abort(self) -> None:
        """Tear the connection down without a word."""
        self.connection.transport.abort()

    def half_a_frame(self) -> None:
        """Promise a text frame of 100 bytes, send three, and hang up."""
        self.connection.transport.write(bytes([0x81, 100]) + b"{[,")
        self.connection.transport.abort()

    def no_frame(self) -> None:
        """Send bytes that are no frame: a reserved opcode."""
        self.connection.transport.write(bytes([0x8F, 0x00]))

    async def listen(self) -> None:
        """Go on hearing, and say nothing, until the client is gone."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.hear()


@dataclass(frozen=True)
class Refusal:
    """A handshake that is answered with an HTTP status."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


Life = Callable[[Call], Awaitable[None]] | Refusal


@dataclass
class Vendor:
    """The server: its address, the connections so far and how many were refused."""

    lives: list[Life]
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    attempts: int = 0

    async def answer(self, connection: ServerConnection) -> None:
        """Live the next life on a connection; the last one again if there are no more."""
        life = self._life(self.attempts - 1)
        assert not isinstance(life, Refusal)
        self.calls.append(Call(connection))
        with contextlib.suppress(ConnectionClosed):
            await life(self.calls[-1])

    def refuse(self, connection: ServerConnection, _: Request) -> Response | None:
        """Answer the handshake, if it is this attempt's life to be refused."""
        self.attempts += 1
        life = self._life(self.attempts - 1)
        if not isinstance(life, Refusal):
            return None
        response = connection.respond(HTTPStatus(life.status), "no\n")
        for name, value in life.headers.items():
            response.headers[name] = value
        return response

    def _life(self, attempt: int) -> Life:
        return self.lives[min(attempt, len(self.lives) - 1)]


@contextlib.asynccontextmanager
async def vendor(*lives: Life) -> AsyncIterator[Vendor]:
    """A vendor that lives these lives, one a connection."""
    served = Vendor(list(lives))
    async with serve(
        served.answer, LOOPBACK, 0, process_request=served.refuse, close_timeout=0.1, ping_interval=None
    ) as server:
        served.url = f"ws://{LOOPBACK}:{server.sockets[0].getsockname()[1]}/"
        yield served


@contextlib.asynccontextmanager
async def mute() -> AsyncIterator[str]:
    """The address of a server that takes connections and never says a word, not even to a handshake."""
    ended = asyncio.Event()

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.transport.abort()

    server = await asyncio.start_server(take, LOOPBACK, 0)
    try:
        yield f"ws://{LOOPBACK}:{server.sockets[0].getsockname()[1]}/"
    finally:
        ended.set()
        server.close()
