"""The WebSocket stream: who is let in, and how those are told that are not. The rest is in `serving.streaming`."""

from __future__ import annotations

import random
from http import HTTPStatus
from typing import Final

import msgspec
from fastapi import APIRouter, Response
from starlette.websockets import WebSocket

from serving.messages import encode
from serving.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS, Problem
from serving.protocol import CloseCode, Closing
from serving.streaming.conversation import converse
from serving.streaming.frames import EXTENSION, FrameProtocol
from serving.streaming.hub import Hub
from serving.streaming.limits import PAUSE_SECONDS, Refusal
from serving.view import V1

router = APIRouter(prefix=V1, tags=["stream"])

INTERNAL_ERROR: Final = 1011


@router.websocket("/stream")
async def stream(socket: WebSocket) -> None:
    """Hello, then what is subscribed to: a snapshot and deltas, with sequence numbers to resume from."""
    hub: Hub = socket.app.state.hub
    address = socket.client.host if socket.client is not None else ""
    refusal = hub.doors.refusal(address, origin=socket.headers.get("origin"), host=socket.headers.get("host"))
    if refusal is not None:
        hub.metrics.dropped(refusal.value)
        await _turn_away(socket, refusal)
        return
    hub.doors.enter(address)
    try:
        await _serve(hub, socket)
    finally:
        hub.doors.leave(address)


async def _serve(hub: Hub, socket: WebSocket) -> None:
    await socket.accept()
    frames = socket.scope["extensions"].get(EXTENSION)
    if not isinstance(frames, FrameProtocol):
        await socket.close(INTERNAL_ERROR, "expected uvicorn with our FrameProtocol, got another server")
        return

    async def receive() -> str | bytes | None:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        text: str | None = message.get("text")
        return message["bytes"] if text is None else text

    await converse(hub, frames, receive)


async def _turn_away(socket: WebSocket, refusal: Refusal) -> None:
    """Let a connection know why it can't come in.

    Where another process of ours could take it, or where a foreign page is none of our business, before the handshake:
    a proxy then tries the next one. Who has too many connections itself is told over the WebSocket, because a browser's
    page can't see the answer to a handshake that failed.
    """
    if refusal is Refusal.ORIGIN:
        origin = socket.headers["origin"]
        detail = f"origin: expected this site's or one of STOCK_ASSETS_ALLOWED_ORIGINS, got {origin[:200]}"
        await socket.send_denial_response(_problem(socket, HTTPStatus.FORBIDDEN, detail))
    elif refusal is Refusal.ADDRESS_FULL:
        await _say_too_many(socket)
    else:
        detail = "the server restarts" if refusal is Refusal.DRAINING else "the server has as many sockets as it takes"
        await socket.send_denial_response(_problem(socket, HTTPStatus.SERVICE_UNAVAILABLE, detail))


async def _say_too_many(socket: WebSocket) -> None:
    code, reason = CloseCode.TOO_MANY, "too many connections from this address"
    pause = round(PAUSE_SECONDS * random.uniform(1.0, 2.0), 3)
    await socket.accept()
    await socket.send_text(encode(Closing(code=code, reason=reason, reconnect_after_seconds=pause)).decode())
    await socket.close(code, reason)


def _problem(socket: WebSocket, status: HTTPStatus, detail: str) -> Response:
    body = Problem(type="about:blank", title=status.phrase, status=status, detail=detail, instance=socket.url.path)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
    return Response(msgspec.json.encode(body), status, headers, media_type=MEDIA_TYPE)
