"""The WebSocket stream: hello, snapshot, deltas. What is said to whom is `serving.stream`'s business."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from serving.stream import Disconnected, Hub
from serving.view import V1

router = APIRouter(prefix=V1, tags=["stream"])


class _Connection:
    """A Starlette WebSocket as `serving.stream.Connection`."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def receive(self) -> str | bytes:
        """The next frame, text or binary."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise Disconnected
        frame: str | bytes = message.get("text") or message.get("bytes") or ""
        return frame

    async def send(self, frame: str) -> None:
        """Send JSON as a text frame."""
        try:
            await self._socket.send({"type": "websocket.send", "text": frame})
        except (WebSocketDisconnect, RuntimeError) as error:
            raise Disconnected from error

    async def close(self, code: int, reason: str) -> None:
        """Close, if the other side has not done so."""
        if self._socket.application_state is WebSocketState.CONNECTED:
            await self._socket.close(code, reason)


@router.websocket("/stream")
async def stream(socket: WebSocket) -> None:
    """Hello, a snapshot, then deltas with sequence numbers; `subscribe` narrows them, `ping` is answered."""
    hub: Hub = socket.app.state.hub
    await socket.accept()
    await hub.serve(_Connection(socket))
