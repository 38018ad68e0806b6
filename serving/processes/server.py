"""How this project's server sits on uvicorn: its settings, and the port."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from typing import Final

import structlog
import uvicorn
from starlette.types import ASGIApp

from serving.errors import CannotStart
from serving.settings import ServerSettings
from serving.streaming.frames import FrameProtocol
from serving.streaming.limits import MOST_MESSAGE_BYTES

BACKLOG: Final = 2048
# Longer than any proxy keeps an idle connection: were it the server that closes one, the proxy could be sending a
# request on it at that moment, and must not send a POST twice.
KEEP_ALIVE_SECONDS: Final = 75
# Linux' number for it, which Python's `socket` doesn't have.
_ATTACH_FILTER: Final = 26

log = structlog.get_logger()


def server_config(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves an application of ours."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws=FrameProtocol,
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        # Deflating each frame for each listener would cost more than the bytes it saves.
        ws_per_message_deflate=False,
        ws_max_size=MOST_MESSAGE_BYTES,
    )


def take_port(settings: ServerSettings) -> socket.socket:
    """The port, before anything else is started; `CannotStart` if it can't be had.

    Nobody can connect before a server that is ready listens on it: who tries is refused, and a proxy turns to another
    server at once instead of waiting for this one.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        # The connections of the server before, which linger for a minute, keep nobody from the port.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        taken.bind((settings.host, settings.port))
    except OSError as error:
        taken.close()
        raise port_in_use(settings.host, settings.port, error) from None
    return taken


def port_in_use(host: str, port: int, error: OSError) -> CannotStart:
    """Why the port can't be had."""
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return CannotStart(f"port: expected {host}:{port} to be free, got: {reason}")


def url_of(listening: socket.socket) -> str:
    """Where a client finds it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def let_nobody_in(listening: socket.socket) -> bool:
    """Let the kernel drop, unanswered, whatever would begin a connection; whether it can.

    Handshakes that have begun go on to their end, and those that knock try again a second later, when nobody listens
    any more. Holds for all processes that share the socket. Linux only; where it can't be done, whoever connects while
    the socket is being closed may be reset.
    """
    if not sys.platform.startswith("linux"):
        return False
    # A program of the kernel's packet filter, which looks at the TCP header: of the flags in its byte 13, SYN without
    # ACK begins a connection and is cut to 0 bytes, which drops it.
    steps = (
        (0x30, 0, 0, 13),  # load the byte
        (0x54, 0, 0, 0x12),  # keep SYN and ACK
        (0x15, 0, 1, 0x02),  # unless only SYN is set, pass over the next step
        (0x06, 0, 0, 0),
        (0x06, 0, 0, 0xFFFF_FFFF),
    )
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    try:
        listening.setsockopt(
            socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HP", len(steps), ctypes.addressof(program))
        )
    except OSError as error:
        log.warning("filter_refused", error=str(error))
        return False
    return True
