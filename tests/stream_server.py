"""The application under uvicorn in the test's own process, and what an engine and a client of its stream say to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn
import websockets
from fastapi import FastAPI
from live_messages import NOW, RELEASE
from real_valkey import RealValkey
from waiting import until

from serving.app import create_app
from serving.live import bus
from serving.live.outbox import Outbox
from serving.messages import (
    AlertKind,
    AlertMessage,
    FeedState,
    LiveMessage,
    PortfolioMessage,
    Severity,
    StatusMessage,
)
from serving.processes.server import server_config
from serving.settings import ServerSettings
from serving.streaming.hub import Hub, Numbered


@dataclass(frozen=True)
class Served:
    """A server in this process, on a real port."""

    app: FastAPI
    port: int

    @property
    def hub(self) -> Hub:
        hub: Hub = self.app.state.hub
        return hub

    def stream(self, **options: Any) -> websockets.connect:
        return websockets.connect(f"ws://127.0.0.1:{self.port}/v1/stream", proxy=None, **options)

    @contextlib.asynccontextmanager
    async def listener(self, **request: Any) -> AsyncIterator[websockets.ClientConnection]:
        """A client that has subscribed and has its first answer still to read."""
        async with self.stream() as listener:
            await next_frame(listener, "hello")
            await subscribe(listener, **request)
            yield listener

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(f"http://127.0.0.1:{self.port}{path}")

    def counted(self, name: str, label: str = "") -> float:
        """The sum of a metric's series, of those that have the label."""
        lines = self.app.state.latest.metrics.text().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name) and label in line)


@contextlib.asynccontextmanager
async def serving(home: Path, redis_url: str | None = None, **settings: Any) -> AsyncIterator[Served]:
    """The application under uvicorn, set up as ``python -m serving`` does."""
    app = create_app(ServerSettings(home=home, redis_url=redis_url, reload_seconds=0.02, **settings))
    server = uvicorn.Server(server_config(app))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = asyncio.create_task(server.serve(sockets=[listening]))
        await until(lambda: server.started)
        try:
            yield Served(app, listening.getsockname()[1])
        finally:
            server.should_exit = True
            await running


async def subscribe(listener: websockets.ClientConnection, **request: Any) -> None:
    """Say what to hear from now on."""
    await listener.send(json.dumps({"type": "subscribe", **request}))


async def next_frame(listener: websockets.ClientConnection, kind: str | None = None) -> dict[str, Any]:
    """The next frame, or the next of that type."""
    async with asyncio.timeout(20):
        while True:
            frame: dict[str, Any] = json.loads(await listener.recv())
            if kind in (None, frame["type"]):
                return frame


async def close_of(listener: websockets.ClientConnection) -> int:
    """The code that the server closes with, whatever it says before."""
    async with asyncio.timeout(20):
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await listener.recv()
    assert listener.close_code is not None
    return listener.close_code


async def say(valkey: RealValkey, outbox: Outbox, *messages: LiveMessage) -> None:
    """Say something as the engine does."""
    for message in messages:
        outbox.put(message)
    async with bus.connection(valkey.url) as client:
        assert await outbox.flush(client)


def tell(hub: Hub, *messages: LiveMessage) -> None:
    """Bring a hub something new, as the follower does."""
    numbered = [Numbered(hub.seq + 1 + place, message) for place, message in enumerate(messages)]
    for message in messages:
        hub.latest.apply(message)
    hub.publish(numbered, seq=hub.seq + len(messages))


def alert(subject: str, *, active: bool = True, text: str = "") -> AlertMessage:
    return AlertMessage(
        at=NOW, kind=AlertKind.NO_PREDICTION, severity=Severity.WARNING, subject=subject, text=text, active=active
    )


def portfolio(release_id: str) -> PortfolioMessage:
    return PortfolioMessage(
        at=NOW,
        session="2012-03-02",
        release_id=release_id,
        strategy="risk_parity",
        weights={"AAPL": 0.5, "IBM": 0.5},
        drifted={"AAPL": 0.51, "IBM": 0.49},
        cash=0.0,
        simple_return=0.01,
        provisional=True,
    )


def status(at: datetime | None = None) -> StatusMessage:
    return StatusMessage(feed=FeedState.LIVE, at=at or datetime.now(UTC), release_id=RELEASE, detail="")
