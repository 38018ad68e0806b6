"""The client for programs without a loop: the same, with its connection in a thread of its own."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Collection, Coroutine
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from serving.client.errors import StreamClosed
from serving.client.inbox import Inbox
from serving.client.state import State
from serving.client.stream import MOST_UNREAD, StreamClient, Timeouts
from serving.client.updates import ConnectionState, Update
from serving.protocol import Channel

T = TypeVar("T")

# Longer than any goodbye.
END_SECONDS: Final = 10.0


class SyncStreamClient:
    """Updates of a server's stream, as a context manager and a blocking iterator.

    One thread reads; any thread may close it, which ends the iteration. Parameters, updates and errors are those of
    `StreamClient`.
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
    ) -> None:
        self.url = url
        self._inbox = Inbox(most_kept=most_unread)
        self._client = StreamClient(
            url, tickers=tickers, channels=channels, timeouts=timeouts, rng=rng, inbox=self._inbox
        )
        # A daemon: a program that ends without closing has no reason to wait for us.
        self._thread = threading.Thread(target=self._run, name="stream-client", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Update:
        try:
            return self.next()
        except StreamClosed:
            raise StopIteration from None

    def next(self, *, timeout: float | None = None) -> Update:
        """The next update; `TimeoutError` if there is none within so many seconds."""
        return self._inbox.wait(timeout)

    @property
    def state(self) -> State:
        """A copy of the newest of everything that has arrived."""
        if not self._thread.is_alive():
            return self._client.state

        async def copy(client: StreamClient) -> State:
            return client.state.copy()

        return self._there(copy)

    @property
    def connection(self) -> ConnectionState:
        """What the connection is doing."""
        return self._client.connection

    def subscribe(self, *, tickers: Collection[str] | None = None, channels: Collection[Channel] | None = None) -> None:
        """Listen to something else from now on; returns when the server has agreed, or raises `SubscriptionRefused`."""
        self._there(lambda client: client.subscribe(tickers=tickers, channels=channels))

    def close(self) -> None:
        """End the connection and the iteration; from any thread."""
        self._inbox.close()
        if self._loop is not None and self._over is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(END_SECONDS)

    def _there(self, work: Callable[[StreamClient], Coroutine[Any, Any, T]]) -> T:
        """Do something in the connection's thread and wait for it."""
        if self._loop is None or not self._thread.is_alive():
            raise StreamClosed("the client is not open")
        return asyncio.run_coroutine_threadsafe(work(self._client), self._loop).result()

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with self._client:
            self._ready.set()
            await self._over.wait()
