"""A WebSocket server that does what a test's scripts say, one script a connection, however bad its manners are."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import live_messages
import msgspec
from live_messages import NOW, RELEASE
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from quant.signals import Action
from serving.messages import (
    AlertKind,
    AlertMessage,
    FeedState,
    LiveMessage,
    PriceMessage,
    Severity,
    SignalMessage,
    StatusMessage,
)
from serving.protocol import PROTOCOL, Delta, Frame, Hello, Ping, Pong, Snapshot, Subscribe, decode_request


def price(value: float, ticker: str = "AAPL") -> PriceMessage:
    return live_messages.price(ticker, value)


def signal(audit_id: int | None, ticker: str = "AAPL", action: Action = Action.BUY) -> SignalMessage:
    return live_messages.signal(ticker, audit_id, action)


def alert(text: str, *, active: bool = True) -> AlertMessage:
    return AlertMessage(
        at=NOW, kind=AlertKind.FEED_SILENT, severity=Severity.WARNING, subject="replay", text=text, active=active
    )


def status(detail: str = "") -> StatusMessage:
    return StatusMessage(feed=FeedState.LIVE, at=NOW, release_id=RELEASE, detail=detail)


def hello(
    *, epoch: str | None = "e1", seq: int = 0, protocol: int = PROTOCOL, release_id: str | None = RELEASE
) -> Hello:
    return Hello(protocol=protocol, epoch=epoch, seq=seq, release_id=release_id)


def snapshot(seq: int, *messages: LiveMessage, epoch: str | None = "e1", release_id: str | None = RELEASE) -> Snapshot:
    return Snapshot(
        epoch=epoch,
        seq=seq,
        release_id=release_id,
        prices=tuple(message for message in messages if isinstance(message, PriceMessage)),
        predictions=(),
        signals=tuple(message for message in messages if isinstance(message, SignalMessage)),
        portfolio=None,
        alerts=tuple(message for message in messages if isinstance(message, AlertMessage)),
        status=next((message for message in messages if isinstance(message, StatusMessage)), None),
    )


def delta(prev: int, seq: int, *messages: LiveMessage) -> Delta:
    return Delta(seq=seq, prev=prev, messages=messages)


class Talk:
    """The server's end of one connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self.asked: list[Subscribe] = []
        self.pings = 0

    async def send(self, *frames: Frame) -> None:
        for frame in frames:
            await self._socket.send(msgspec.json.encode(frame).decode())

    async def send_raw(self, data: str | bytes) -> None:
        await self._socket.send(data)

    async def subscription(self) -> Subscribe:
        """The next subscription, past any pings."""
        while True:
            request = decode_request(await self._socket.recv())
            if isinstance(request, Subscribe):
                self.asked.append(request)
                return request
            self.pings += 1

    async def greeted(self, *, epoch: str | None = "e1", seq: int = 0, release_id: str | None = RELEASE) -> Subscribe:
        """Say hello and hear what is wanted."""
        await self.send(hello(epoch=epoch, seq=seq, release_id=release_id))
        return await self.subscription()

    async def hears_pings(self, number: int) -> None:
        """Answer so many pings, and return."""
        while self.pings < number:
            request = decode_request(await self._socket.recv())
            if isinstance(request, Ping):
                self.pings += 1
                await self.send(Pong(seq=0, id=request.id))

    async def answer_pings(self) -> None:
        """Be there, and say nothing else, until the client goes."""
        async for data in self._socket:
            request = decode_request(data)
            if isinstance(request, Ping):
                self.pings += 1
                await self.send(Pong(seq=0, id=request.id))

    async def say_nothing(self) -> None:
        """Keep the connection, and nothing else, until the client goes."""
        await self._socket.wait_closed()

    async def close(self, code: int, reason: str = "") -> None:
        await self._socket.close(code, reason)

    def write(self, data: bytes) -> None:
        """Bytes that are no frame."""
        self._socket.transport.write(data)

    def abort(self) -> None:
        """End it as a crash does: no goodbye."""
        self._socket.transport.abort()


Script = Callable[[Talk], Awaitable[None]]


class ScriptedServer:
    """One script a connection; the last one again and again."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self._scripts = scripts
        self.talks: list[Talk] = []
        self.url = ""

    @property
    def asked(self) -> list[Subscribe]:
        """Every subscription of every connection."""
        return [request for talk in self.talks for request in talk.asked]

    async def talk(self, socket: ServerConnection) -> None:
        talk = Talk(socket)
        self.talks.append(talk)
        with contextlib.suppress(ConnectionClosed):
            await self._scripts[min(len(self.talks), len(self._scripts)) - 1](talk)


@contextlib.asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[ScriptedServer]:
    """A server with these scripts, on a port of its own."""
    server = ScriptedServer(scripts)
    async with serve(server.talk, "127.0.0.1", 0, ping_interval=None, compression=None) as listening:
        server.url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1/stream"
        yield server
