"""Stopping so that no client notices: what a server does between being told to stop and its end.

1. At once, `/readyz` answers 503, new sockets are refused, those that are open are told when to come back, and every
   answer ends its connection: a proxy sends what comes next on a new one.
2. For `drain_seconds` everything else goes on, so that whoever watches `/readyz` can turn elsewhere.
3. It stops listening, and leaves nobody behind who had connected.
4. Requests under way are answered; then connections that are idle are closed.

All of it takes `STOPPED_SECONDS` at most, whatever is under way. A second signal ends the process at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Generator
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn

from serving.errors import NotReady
from serving.processes.server import let_nobody_in, port_in_use

# From the signal on. What is under way after the first is cut off; the second is the end, whatever hangs.
FINISHED_SECONDS: Final = 7.0
STOPPED_SECONDS: Final = 7.5
# How long a handshake that began before we stopped listening can take to end: a round trip, with room to spare.
HANDSHAKE_SECONDS: Final = 0.03
# Who has just connected is about to ask, and who was sent away is about to go.
FIRST_REQUEST_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.01
# The exit status of a server that a second signal has ended.
CUT_SHORT: Final = 1

log = structlog.get_logger()


class Draining:
    """Whether this server has been told to stop: `DrainingServer` says so, the application asks."""

    def __init__(self) -> None:
        self.begun = False

    def check(self) -> None:
        """`NotReady` once the server has been told to stop."""
        if self.begun:
            raise NotReady("server: expected one that goes on, got one that has been told to stop")


class DrainingServer(uvicorn.Server):
    """uvicorn's server, that stops as this module says.

    Parameters
    ----------
    config : uvicorn.Config
    draining : Draining
        The application's.
    drain_seconds : float
        How long it goes on answering.
    farewell : callable
        Sends the sockets away; may take as long as the rest does.
    started : callable
        Called once it serves.
    second_signal_ends : bool
        False for a worker process, whose parent ends it: a signal to the whole process group reaches it twice.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        draining: Draining,
        *,
        drain_seconds: float,
        farewell: Callable[[], Awaitable[None]],
        started: Callable[[], None] = lambda: None,
        second_signal_ends: bool = True,
    ) -> None:
        super().__init__(config)
        self._draining = draining
        self._drain_seconds = drain_seconds
        self._farewell = farewell
        self._say_started = started
        self._second_signal_ends = second_signal_ends
        self._told = asyncio.Event()
        self._told_at = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen; `CannotStart` where somebody else has begun to meanwhile."""
        addresses = [listening.getsockname()[:2] for listening in sockets or []]
        await super().startup(sockets=sockets)
        # The event loop closes, without a word, a socket that it could not listen on.
        taken = [address for address, listening in zip(addresses, sockets or [], strict=True) if listening.fileno() < 0]
        if taken:
            await self.lifespan.shutdown()
            host, port = taken[0]
            raise port_in_use(host, port, OSError(errno.EADDRINUSE, "taken meanwhile"))
        if self.started:
            self._say_started()

    async def main_loop(self) -> None:
        """Wait to be told to stop."""
        await self._told.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Both signals are orders to stop, and obeying one is no failure: none is raised again at the end."""
        loop = asyncio.get_running_loop()

        def told(number: int, frame: FrameType | None) -> None:
            self.handle_exit(number, frame)
            loop.call_soon_threadsafe(self._told.set)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, told)
        # A worker is started with its signals held back until it can obey them.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """The first signal begins to drain, between two steps of the event loop; the second ends the process."""
        if not self.should_exit:
            self.should_exit = self._draining.begun = True
            self._told_at = time.monotonic()
            self._close_after_each_answer()
            _end_after(STOPPED_SECONDS)
        elif self._second_signal_ends:
            os._exit(CUT_SHORT)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, stop listening, finish, end the application."""
        log.info("draining", seconds=self._drain_seconds, connections=len(self.server_state.connections))
        self._close_after_each_answer()
        saying_farewell = asyncio.ensure_future(self._farewell())
        await asyncio.sleep(self._drain_seconds)
        await self._stop_listening(sockets or [])
        await self._finish(self._told_at + FINISHED_SECONDS)
        saying_farewell.cancel()
        (failed,) = await asyncio.gather(saying_farewell, return_exceptions=True)
        if isinstance(failed, Exception):
            log.error("farewell_failed", error=repr(failed))
        await self.lifespan.shutdown()
        log.info("stopped", seconds=round(time.monotonic() - self._told_at, 3))

    def _close_after_each_answer(self) -> None:
        """Say ``Connection: close`` with every answer whose head has not been sent."""
        self.server_state.default_headers = [*self.config.encoded_headers, (b"connection", b"close")]
        for connection in self.server_state.connections:
            cycle = getattr(connection, "cycle", None)
            # A head that was sent without it promised that the connection goes on: the next answer there says it.
            if cycle is not None and not cycle.response_started:
                cycle.keep_alive = False

    async def _stop_listening(self, sockets: list[socket.socket]) -> None:
        """Take in whoever has connected, then close.

        The kernel resets those that wait to be accepted when the socket closes, and a proxy can't know whether a
        request that it has sent them was taken. So nobody new is let in first: for them the port is closed already.
        """
        for listening in sockets:
            let_nobody_in(listening)
        await asyncio.sleep(HANDSHAKE_SECONDS)
        while any(_readable(listening) for listening in sockets) and not self._late():
            await asyncio.sleep(LOOK_SECONDS)
        for server in self.servers:
            server.close()
        for listening in sockets:
            listening.close()

    async def _finish(self, deadline: float) -> None:
        """Wait for what is under way, close what is idle, cut off what is left at `deadline`."""
        patient_until = time.monotonic() + FIRST_REQUEST_SECONDS
        while self.server_state.connections or self.server_state.tasks:
            patient = time.monotonic() < patient_until
            for connection in tuple(self.server_state.connections):
                if _may_close(connection, patient=patient):
                    connection.shutdown()
                elif _is_socket(connection) and not patient:
                    connection.transport.abort()
            if time.monotonic() >= deadline:
                self._cut_off()
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _cut_off(self) -> None:
        """End what takes longer than there is time for, and what its client doesn't take."""
        log.warning("cut_off", requests=len(self.server_state.tasks), connections=len(self.server_state.connections))
        for task in self.server_state.tasks:
            task.cancel()
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()

    def _late(self) -> bool:
        return time.monotonic() >= self._told_at + FINISHED_SECONDS


def _may_close(connection: Any, *, patient: bool) -> bool:
    """Whether nothing is under way on one of uvicorn's connections, and nothing has come that it has not looked at.

    A `patient` server waits also for the first request of a connection that has had none.
    """
    if connection.transport.is_closing():
        return False  # It has been closed, and only writes what is left.
    if _is_socket(connection):
        return True  # It has been told to come back.
    if _readable(connection.transport.get_extra_info("socket")):
        return False
    cycle, newest = connection.cycle, connection.scope
    if cycle is None:
        return newest is None and not patient
    # A scope of its own means that another request's head has begun to come.
    return cycle.response_complete and newest is cycle.scope


def _is_socket(connection: Any) -> bool:
    """Whether one of uvicorn's connections is a WebSocket; others have requests, of which `cycle` is the newest."""
    return not hasattr(connection, "cycle")


def _readable(connection: socket.socket | None) -> bool:
    """Whether the kernel holds something for a socket that we have not taken yet."""
    if connection is None or connection.fileno() < 0:
        return False
    look = select.poll()
    look.register(connection.fileno(), select.POLLIN)
    return bool(look.poll(0))


def _end_after(seconds: float) -> None:
    """End the process then, if it has not ended: a thread that can't be interrupted may hold it."""
    signal.signal(signal.SIGALRM, lambda _number, _frame: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, seconds)
