"""The client for `asyncio`: keeps a connection to a server's stream, whatever happens to either of them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Collection
from types import TracebackType
from typing import Final, Self

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.uri import parse_uri

from serving.backoff import Backoff
from serving.client.ending import announced, happened
from serving.client.errors import (
    HandshakeRefused,
    StreamClosed,
    SubscriptionRefused,
    TryAgain,
)
from serving.client.inbox import Inbox
from serving.client.reading import read_frame
from serving.client.session import Session
from serving.client.state import State
from serving.client.updates import ConnectionState, Disconnected, Update
from serving.messages import encode
from serving.protocol import Channel, Closing, Hello, Ping, Subscribe

# A snapshot of a universe of thousands of tickers.
MOST_FRAME_BYTES: Final = 16 * 2**20
MOST_UNREAD: Final = 10_000
# Between two tries: with what a connection takes on top, a server that is back is found within five seconds.
LONGEST_SECONDS: Final = 2.0
# A connection that has lasted so long was a good one: the next pause is short again.
LASTED_SECONDS: Final = 2.0
# Of HTTP's 4xx those that ask to come again.
COME_AGAIN: Final = frozenset({408, 425, 429})

_PING: Final = encode(Ping()).decode()


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long each phase of a connection may take, in seconds.

    `connect` until the WebSocket stands, `greeting` until the server's hello, `answer` from a subscription to what it
    is answered by, `quiet` without a frame before the server is asked whether it is there, `pong` until it says so,
    `close` for a goodbye in good order.
    """

    connect: float = 3.0
    greeting: float = 2.0
    answer: float = 3.0
    quiet: float = 1.5
    pong: float = 2.0
    close: float = 0.5

    def __post_init__(self) -> None:
        for name, value in msgspec.structs.asdict(self).items():
            if not value > 0:
                raise ValueError(f"{name}: expected more than 0 seconds, got {value}")


class StreamClient:
    """Updates of a server's stream, as an asynchronous context manager and iterator.

    It connects by itself, again and again, and goes on from where it was; what it could not go on from is among the
    updates (`Gap`). What it can't mend ends the iteration with a `StreamError`.

    Parameters
    ----------
    url : str
        As ``ws://127.0.0.1:8000/v1/stream``.
    tickers : collection of str, optional
        None means all.
    channels : collection of Channel, optional
        None means all.
    timeouts : Timeouts
    most_unread : int
        How many signals and alerts may wait to be read; of everything else the newest waits.
    rng : random.Random, optional
        For the pauses between connections.
    inbox : Inbox, optional
        Where updates wait, if they are read elsewhere.

    Attributes
    ----------
    connection : ConnectionState

    Raises
    ------
    ValueError
        If the URL is not one of a WebSocket.
    """

    def __init__(
        self,
        url: str,
        *,
        tickers: Collection[str] | None = None,
        channels: Collection[Channel] | None = None,
        timeouts: Timeouts | None = None,
        most_unread: int = MOST_UNREAD,
        rng: random.Random | None = None,
        inbox: Inbox | None = None,
    ) -> None:
        self.url = _checked(url)
        self.connection = ConnectionState.CLOSED
        self._timeouts = timeouts or Timeouts()
        self._session = Session(tickers=tickers, channels=channels)
        self._backoff = Backoff(longest_seconds=LONGEST_SECONDS, rng=rng)
        self._news = asyncio.Event()
        self._inbox = inbox or Inbox(most_kept=most_unread, woken=self._news.set)
        self._running: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None
        self._change: asyncio.Future[None] | None = None
        self._answer_by: float | None = None

    @property
    def state(self) -> State:
        """The newest of everything that has arrived, which may be ahead of what was read."""
        return self._session.state

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run(), name="stream-client")
        self._running.add_done_callback(self._ended)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Update:
        try:
            return await self.next()
        except StreamClosed:
            raise StopAsyncIteration from None

    async def next(self) -> Update:
        """The next update. Whoever stops waiting for it, as for a timeout, loses nothing.

        Raises
        ------
        StreamError
            If the stream has ended for good.
        """
        while (update := self._inbox.take()) is None:
            self._news.clear()
            await self._news.wait()
        return update

    async def subscribe(
        self, *, tickers: Collection[str] | None = None, channels: Collection[Channel] | None = None
    ) -> None:
        """Listen to something else from now on; returns when the server has agreed.

        Raises
        ------
        SubscriptionRefused
            If it has not: everything goes on as before.
        """
        if self._running is None or self._running.done():
            raise StreamClosed("the client is not open")
        if self._change is not None:
            raise RuntimeError("subscribe: expected one change at a time, the one before is still unanswered")
        self._session.want(tickers=tickers, channels=channels)
        if self._session.is_agreed:
            return
        self._change = asyncio.get_running_loop().create_future()
        try:
            if self._socket is not None and self._session.is_answered:
                # On a connection that has just ended, it is asked on the next.
                with contextlib.suppress(ConnectionClosed):
                    await self._ask(self._socket, self._session.ask())
            await self._change
        finally:
            self._change = None

    async def close(self) -> None:
        """End the connection and the iteration."""
        self._inbox.close()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    # The connections, one after the other.

    async def _run(self) -> None:
        while True:
            try:
                self.connection = ConnectionState.CONNECTING
                await self._live()
            except TryAgain as lost:
                # Its own advice has its own jitter.
                pause = max(lost.after, self._backoff.seconds())
                self._session.lost(str(lost))
                self.connection = ConnectionState.WAITING
                self._inbox.put(Disconnected(reason=str(lost), retry_seconds=pause))
                await asyncio.sleep(pause)

    def _ended(self, running: asyncio.Task[None]) -> None:
        self.connection = ConnectionState.CLOSED
        error = StreamClosed("the client was closed") if running.cancelled() else running.exception()
        self._inbox.end(error or StreamClosed("the client has ended"))
        if self._change is not None and not self._change.done():
            self._change.set_exception(error or StreamClosed("the client has ended"))

    async def _live(self) -> None:
        """One connection, from its beginning to its end, which is always an exception."""
        loop = asyncio.get_running_loop()
        socket = await self._connected()
        began = loop.time()
        try:
            hello = await self._greeting(socket)
            await self._ask(socket, self._session.greet(hello))
            self._socket = socket
            while True:
                await self._take(socket, await self._next_frame(socket))
        except ConnectionClosed as error:
            raise happened(error) from error
        finally:
            self._socket = self._answer_by = None
            if loop.time() - began > LASTED_SECONDS:
                self._backoff.reset()
            await socket.close()

    async def _connected(self) -> ClientConnection:
        try:
            return await connect(
                self.url,
                open_timeout=self._timeouts.connect,
                close_timeout=self._timeouts.close,
                ping_interval=None,  # Ours ask the server's own code, not only its library.
                compression=None,
                max_size=MOST_FRAME_BYTES,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            if status >= 500 or status in COME_AGAIN:
                raise TryAgain(f"handshake: expected a WebSocket, got HTTP {status}") from error
            raise HandshakeRefused(
                f"handshake: expected a WebSocket at {self.url}, got HTTP {status}", status
            ) from error
        except ssl.SSLCertVerificationError as error:
            raise HandshakeRefused(f"handshake: expected a certificate that can be verified, got: {error}") from error
        except (OSError, EOFError, InvalidHandshake) as error:
            raise TryAgain(
                f"connection: expected {self.url} to answer, got: {error or type(error).__name__}"
            ) from error

    async def _greeting(self, socket: ClientConnection) -> Hello:
        try:
            async with asyncio.timeout(self._timeouts.greeting):
                frame, _ = read_frame(await socket.recv(decode=False))
        except TimeoutError:
            raise TryAgain(f"hello: expected one within {self._timeouts.greeting:g} s, got none") from None
        if isinstance(frame, Closing):
            raise announced(frame)
        if not isinstance(frame, Hello):
            raise TryAgain(f"hello: expected it first, got {type(frame).__name__}")
        return frame

    async def _ask(self, socket: ClientConnection, request: Subscribe) -> None:
        self._answer_by = asyncio.get_running_loop().time() + self._timeouts.answer
        await socket.send(encode(request).decode())

    async def _next_frame(self, socket: ClientConnection) -> bytes:
        """The next frame; a server that is silent is asked for a sign of life first."""
        waits = self._timeouts
        if (data := await self._frame_within(socket, waits.quiet)) is not None:
            return data
        await socket.send(_PING)
        if (data := await self._frame_within(socket, waits.pong)) is not None:
            return data
        raise TryAgain(f"silence: expected a frame within {waits.quiet + waits.pong:g} s, got none")

    async def _frame_within(self, socket: ClientConnection, seconds: float) -> bytes | None:
        """The next frame, None if there is none for so long; an answer that is due must come before that."""
        loop = asyncio.get_running_loop()
        by = loop.time() + seconds
        try:
            async with asyncio.timeout_at(min(by, self._answer_by or by)):
                return await socket.recv(decode=False)
        except TimeoutError:
            if self._answer_by is not None and loop.time() >= self._answer_by:
                raise TryAgain(f"subscribe: expected an answer within {self._timeouts.answer:g} s, got none") from None
        return None

    async def _take(self, socket: ClientConnection, data: bytes) -> None:
        frame, left_out = read_frame(data)
        self.state.skipped += left_out
        if frame is None:
            return
        try:
            updates, request = self._session.take(frame)
        except SubscriptionRefused as error:
            updates, request = [], self._go_on_without(error)
        for update in updates:
            self._inbox.put(update)
        if request is None and self._session.is_answered:
            self._answer_by = None
            self.connection = ConnectionState.STALE if self.state.stale else ConnectionState.OPEN
            request = self._settle_change()
        if request is not None:
            await self._ask(socket, request)

    def _settle_change(self) -> Subscribe | None:
        """Tell who wanted to hear something else that it is agreed; what to ask for it, if it wasn't asked yet."""
        if self._change is None or self._change.done():
            return None
        if not self._session.is_agreed:
            return self._session.ask()
        self._change.set_result(None)
        return None

    def _go_on_without(self, error: SubscriptionRefused) -> Subscribe | None:
        """A change that was refused is its caller's concern; nothing else can be mended."""
        if self._change is None or self._change.done() or not self._session.has_agreed:
            raise error
        self._change.set_exception(error)
        return self._session.keep()


def _checked(url: str) -> str:
    """The URL, if it is one of a WebSocket."""
    try:
        parse_uri(url)
    except InvalidURI as error:
        raise ValueError(f"url: expected one like ws://127.0.0.1:8000/v1/stream, got {url!r}") from error
    return url
