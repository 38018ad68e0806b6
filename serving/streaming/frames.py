"""WebSocket frames that are made once and written to many connections as the same bytes.

A server's frames are not masked (RFC 6455, 5.1), so one text is the same frame for everybody. `FrameProtocol` is
uvicorn's own WebSocket protocol with a way past its `send`, and with an end for clients that read nothing. What is
said to whom is `serving.streaming.hub`'s business.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from asyncio.transports import BaseTransport
from typing import Final, Protocol

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

# Where a connection's protocol is found in the scope of its request.
EXTENSION: Final = "stock_assets.frames"

# What may wait in the process for one connection before it counts as full, and what the kernel may hold besides: it
# doubles the figure for its own use, and would go up to megabytes by itself. 64 KiB a round trip are enough for any
# client of a stream of a few kB at a time.
MOST_WAITING_BYTES: Final = 65_536
SEND_BUFFER_BYTES: Final = 32_768

# Of one message; nobody has a reason to send a request in many pieces.
MOST_FRAGMENTS: Final = 256

# How long a connection that is being closed may take to read what it was sent last. uvicorn waits for ever.
LINGER_SECONDS: Final = 5.0

_TEXT_AND_FINAL: Final = 0x81


def text_frame(payload: bytes) -> bytes:
    """A whole text message as it goes over the wire: UTF-8 `payload` behind its header (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", _TEXT_AND_FINAL, size) + payload
    if size < 65_536:
        return struct.pack("!BBH", _TEXT_AND_FINAL, 126, size) + payload
    return struct.pack("!BBQ", _TEXT_AND_FINAL, 127, size) + payload


class Watcher(Protocol):
    """Whoever wants to know whether a connection takes more."""

    def full(self) -> None:
        """What waits for the connection has passed the limit; called from within a write."""

    def drained(self) -> None:
        """Little is left of what waited."""


class FrameProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection, found in its own scope under ``extensions``.

    Attributes
    ----------
    watcher : Watcher or None
        Told when the connection is full and when it has drained.
    """

    watcher: Watcher | None = None

    @property
    def is_open(self) -> bool:
        """Whether a frame may be sent: after the handshake, before either side has said that it closes."""
        return self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing())

    @property
    def is_full(self) -> bool:
        """Whether more waits for it than should."""
        return not self.writable.is_set()

    def write(self, frame: bytes) -> None:
        """Send what `text_frame` made, or nothing if the connection is over.

        Never waits and never refuses: who writes to a connection that is full makes it hold more.
        """
        if self.is_open:
            self.transport.write(frame)

    def end(self, code: int, reason: str) -> None:
        """Say goodbye with a close code, behind whatever waits; cut it off if that isn't read in good time."""
        if not self.is_open:
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            # The other side's goodbye has to be heard.
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    async def room(self) -> None:
        """Wait until the connection takes more, or is gone."""
        await self.writable.wait()

    # What the application, uvicorn and the transport call.

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            # The handshake was answered, by no: uvicorn's log would have it that it was forgotten.
            self.handshake_complete = True

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=MOST_WAITING_BYTES)
        bare: socket.socket | None = transport.get_extra_info("socket")
        if bare is not None:
            with contextlib.suppress(OSError):
                bare.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._answer_unreadable()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        # Not set where the request was refused as no WebSocket handshake. The application has not begun yet.
        if (scope := getattr(self, "scope", None)) is not None:
            scope["extensions"][EXTENSION] = self

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.watcher is not None:
            self.watcher.full()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.watcher is not None:
            self.watcher.drained()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= MOST_FRAGMENTS:
            # Empty ones count for nothing in the limit on a message's bytes.
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        if self.is_full:
            # Who sends pings and reads no pongs would fill the memory with them.
            self.conn.data_to_send()
            return
        super().handle_ping()

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._cut_off_later()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._cut_off_later()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._cut_off_later()

    def shutdown(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()
            self._cut_off_later()

    def _answer_unreadable(self) -> None:
        """A handshake too long to read: the library has its answer ready, which uvicorn would never send, nor close."""
        if not self.transport.is_closing():
            self.handshake_complete = self.close_sent = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def _cut_off_later(self) -> None:
        """The transport is closing, which it puts off until all that waits is read: that can take for ever."""
        if self.transport.get_write_buffer_size() > 0:
            self.loop.call_later(LINGER_SECONDS, self.transport.abort)
