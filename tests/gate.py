"""The way to a server, which a test can shut while clients are on it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from ports import LOOPBACK, free_port

CHUNK = 65_536


class Gate:
    """Passes on whatever is sent to its port. While it is shut, what clients send waits; answers still come through.

    Attributes
    ----------
    port : int
        Clients connect to this one.
    keeps_the_dead : bool
        Whether what a client had sent before it died is passed on when the gate opens, or lost.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.keeps_the_dead = False
        self._opened = asyncio.Event()
        self._opened.set()

    def shut(self) -> None:
        """Let nothing more through."""
        self._opened.clear()

    def open(self) -> None:
        """Let through what waits, and whatever comes."""
        self._opened.set()

    @contextlib.asynccontextmanager
    async def before(self, port: int) -> AsyncIterator[None]:
        """Stand before the server on that port."""

        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.closing(writer), contextlib.suppress(OSError):
                answers, requests = await asyncio.open_connection(LOOPBACK, port)
                with contextlib.closing(requests):
                    backwards = asyncio.create_task(self._pump(answers, writer))
                    await self._pump(reader, requests, gated=True)
                    backwards.cancel()

        async with await asyncio.start_server(pass_on, LOOPBACK, self.port):
            yield

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, gated: bool = False) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if gated and not self._opened.is_set():
                    await self._opened.wait()
                    if reader.at_eof() and not self.keeps_the_dead:
                        break
                writer.write(chunk)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
