"""The WebSocket stream over real sockets and a real Valkey: what a listener can rely on, whatever goes away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
import websockets
from fastapi import FastAPI
from real_release import publish_release
from real_valkey import RealValkey
from waiting import until

from serving.__main__ import server_config
from serving.app import create_app
from serving.live import bus
from serving.live.outbox import Outbox
from serving.messages import FeedState, LiveMessage, PredictionMessage, PriceMessage, StatusMessage
from serving.settings import ServerSettings

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Served:
    """A server in this process, on a real port."""

    app: FastAPI
    port: int

    def stream(self, **options: Any) -> websockets.connect:
        return websockets.connect(f"ws://127.0.0.1:{self.port}/v1/stream", **options)

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(f"http://127.0.0.1:{self.port}{path}")


@contextlib.asynccontextmanager
async def serving(home: Path, redis_url: str | None = None) -> AsyncIterator[Served]:
    """The application under uvicorn, set up as ``python -m serving`` does."""
    app = create_app(ServerSettings(home=home, redis_url=redis_url, reload_seconds=0.02))
    server = uvicorn.Server(server_config(app))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = asyncio.create_task(server.serve(sockets=[listening]))
        await until(lambda: server.started)
        yield Served(app, listening.getsockname()[1])
        server.should_exit = True
        await running


async def next_frame(listener: websockets.ClientConnection, kind: str | None = None) -> dict[str, Any]:
    """The next frame, or the next of that type."""
    async with asyncio.timeout(20):
        while True:
            frame: dict[str, Any] = json.loads(await listener.recv())
            if kind in (None, frame["type"]):
                return frame


async def say(valkey: RealValkey, outbox: Outbox, *messages: LiveMessage) -> None:
    """Say something as the engine does."""
    for message in messages:
        outbox.put(message)
    async with bus.connection(valkey.url) as client:
        await outbox.flush(client)


def price(ticker: str, value: float, *, session: str = "2012-03-02") -> PriceMessage:
    return PriceMessage(ticker=ticker, session=session, at=NOW, price=value, volume=1e6, provisional=True)


def status(at: datetime | None = None) -> StatusMessage:
    return StatusMessage(
        feed=FeedState.LIVE, at=at or datetime.now(UTC), release_id="2012-03-01-0123456789ab", detail=""
    )


async def test_a_listener_is_greeted_and_told_everything(published_home):
    async with serving(published_home) as server, server.stream() as listener:
        hello, snapshot = await next_frame(listener), await next_frame(listener)
        rest = (await server.get("/v1/predictions")).json()

    assert (hello["type"], hello["protocol"], hello["epoch"], hello["seq"]) == ("hello", 1, None, 0)
    assert hello["release_id"] == snapshot["release_id"] == rest["predictions"][0]["release_id"]
    assert [{**message, "type": "prediction"} for message in rest["predictions"]] == snapshot["predictions"]
    assert {message["ticker"] for message in snapshot["signals"]} == {"AAPL", "IBM"}


async def test_a_new_release_is_told_by_a_snapshot(home):
    async with serving(home) as server, server.stream() as listener:
        before = await next_frame(listener, "snapshot")
        await asyncio.to_thread(publish_release, home / "releases", tickers=("AAPL", "MSFT"))
        after = await next_frame(listener, "snapshot")

    assert before["release_id"] != after["release_id"]
    assert {message["ticker"] for message in after["predictions"]} == {"AAPL", "MSFT"}


async def test_what_the_engine_says_comes_in_a_gapless_chain_and_by_rest(published_home, valkey, live_prediction):
    outbox = Outbox()
    await say(valkey, outbox, status(), price("AAPL", 545.0))
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.app.state.hub.seq == 2)
        async with server.stream() as listener:
            hello, snapshot = await next_frame(listener), await next_frame(listener)
            frames = []
            for value in (546.0, 547.0, 548.0):
                await say(valkey, outbox, price("AAPL", value), msgspec.structs.replace(live_prediction, close=value))
                frames.append(await next_frame(listener))
            rest = (await server.get("/v1/predictions/AAPL")).json()

    assert (hello["epoch"], hello["seq"]) == (outbox.epoch, 2)
    assert [message["price"] for message in snapshot["prices"]] == [545.0]
    assert [frame["type"] for frame in frames] == ["delta"] * 3
    assert [(frame["prev"], frame["seq"]) for frame in frames] == [(2, 4), (4, 6), (6, 8)]
    assert [frame["messages"][0]["price"] for frame in frames] == [546.0, 547.0, 548.0]
    assert {**rest, "type": "prediction"} == frames[-1]["messages"][1]
    assert rest["close"] == 548.0


async def test_a_subscription_narrows_what_is_told_and_keeps_the_chain(published_home, valkey, live_prediction):
    outbox = Outbox()
    async with serving(published_home, valkey.url) as server, server.stream() as listener:
        await say(valkey, outbox, status())
        await until(lambda: server.app.state.hub.seq == 1)
        await listener.send('{"type": "subscribe", "tickers": ["IBM"], "channels": ["prices"]}')
        snapshot = await next_frame(listener, "snapshot")
        while snapshot["predictions"]:
            snapshot = await next_frame(listener, "snapshot")
        await say(valkey, outbox, price("AAPL", 545.0), live_prediction)
        await until(lambda: server.app.state.hub.seq == 3)
        await say(valkey, outbox, price("IBM", 198.0))
        delta = await next_frame(listener)

    assert (snapshot["signals"], snapshot["status"]) == ([], None)
    assert [message["ticker"] for message in delta["messages"]] == ["IBM"]
    assert (delta["prev"], delta["seq"]) == (snapshot["seq"], 4)


@pytest.mark.parametrize(
    ("sent", "field", "words"),
    [
        ('{"type": "subscribe", "tickers": ["IBM", "NOPE"]}', "tickers", "expected some of AAPL, IBM, got NOPE"),
        ('{"type": "subscribe", "channels": ["gossip"]}', "frame", "'gossip'"),
        ('{"type": "subscribe", "ticker": "IBM"}', "frame", "unknown field `ticker`"),
        ('{"type": "order"}', "frame", "'order'"),
        ("[]", "frame", 'expected {"type": "subscribe"'),
        (b"\xff\x00", "frame", 'expected {"type": "subscribe"'),
        ("", "frame", 'expected {"type": "subscribe"'),
    ],
)
async def test_a_frame_that_can_not_be_used_is_refused_and_costs_nothing_else(published_home, sent, field, words):
    async with serving(published_home) as server, server.stream() as listener:
        await next_frame(listener, "snapshot")
        await listener.send(sent)
        refused = await next_frame(listener)
        await listener.send('{"type": "ping"}')
        pong = await next_frame(listener)

    assert (refused["type"], refused["field"]) == ("error", field)
    assert words in refused["message"]
    assert pong == {"type": "pong", "seq": 0}


async def test_a_frame_over_the_limit_ends_the_connection_only(published_home):
    async with serving(published_home) as server, server.stream() as other:
        async with server.stream() as listener:
            await listener.send("x" * 100_000)
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                await next_frame(listener, "pong")
        await other.send('{"type": "ping"}')
        pong = await next_frame(other, "pong")

    assert closed.value.rcvd.code == 1009
    assert pong["type"] == "pong"


async def test_without_redis_rest_answers_and_the_stream_says_that_it_is_stale_until_it_is_back(
    published_home, valkey, live_prediction
):
    outbox = Outbox()
    await say(valkey, outbox, status(), live_prediction)
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.app.state.hub.seq == 2)
        async with server.stream() as listener:
            await next_frame(listener, "snapshot")

            valkey.kill()
            stale = await next_frame(listener)
            told = (await server.get("/v1/status")).json()
            answer = await server.get("/v1/predictions/AAPL")
            async with server.stream() as late:
                greeting = [(await next_frame(late))["type"] for _ in range(3)]

            valkey.start()
            outbox.write_whole()
            await say(valkey, outbox, status(), price("AAPL", 550.0))
            back = await next_frame(listener, "snapshot")
            await say(valkey, outbox, price("AAPL", 551.0))
            delta = await next_frame(listener, "delta")
            mended = (await server.get("/v1/status")).json()

    assert stale["type"] == "stale"
    assert "expected Redis to answer" in stale["reason"]
    assert told["feed"]["stale"] is True
    assert answer.status_code == 200
    assert answer.json()["close"] == live_prediction.close
    assert int(answer.headers["x-data-age"]) >= 0
    assert greeting == ["hello", "snapshot", "stale"]
    assert [message["price"] for message in back["prices"]] == [550.0]
    assert delta["prev"] == back["seq"]
    assert mended["feed"]["stale"] is False


async def test_a_redis_that_never_was_there_is_stale_from_the_beginning(published_home, valkey):
    valkey.kill()
    async with serving(published_home, valkey.url) as server, server.stream() as listener:
        stale = await next_frame(listener, "stale")
        ready = await server.get("/readyz")

    assert "expected Redis to answer" in stale["reason"]
    assert ready.status_code == 200


async def test_another_run_of_the_engine_is_told_by_a_snapshot_of_its_epoch(published_home, valkey):
    first, second = Outbox(), Outbox()
    await say(valkey, first, status(), price("AAPL", 545.0))
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.app.state.hub.seq == 2)
        async with server.stream() as listener:
            await next_frame(listener, "snapshot")
            await say(valkey, second, status(), price("AAPL", 500.0))
            snapshot = await next_frame(listener)

    assert (snapshot["type"], snapshot["epoch"], snapshot["seq"]) == ("snapshot", second.epoch, 2)
    assert [message["price"] for message in snapshot["prices"]] == [500.0]


async def test_the_last_words_of_a_dead_engine_are_as_old_as_they_are(published_home, valkey, live_prediction):
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    await say(valkey, Outbox(), status(long_ago), live_prediction)
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.app.state.hub.seq == 2)
        async with server.stream() as listener:
            stale = await next_frame(listener, "stale")
        answer = await server.get("/v1/predictions/AAPL")

    assert datetime.fromisoformat(stale["since"]) == long_ago
    assert 3600 <= int(answer.headers["x-data-age"]) < 3700


async def test_an_engine_behind_the_release_changes_nothing(published_home, valkey, live_prediction):
    outdated = msgspec.structs.replace(live_prediction, session="2012-02-28", target_session="2012-02-29")
    async with serving(published_home, valkey.url) as server:
        await say(valkey, Outbox(), status(), outdated)
        await until(lambda: server.app.state.hub.seq == 2)
        answer = (await server.get("/v1/predictions/AAPL")).json()

    assert answer["session"] == "2012-03-01"


async def test_a_listener_that_falls_behind_gets_one_snapshot_and_holds_nobody_up(published_home, live_prediction):
    # 100 kB a frame: what the sleeper leaves unread is far more than the sockets' buffers hold.
    many = [msgspec.structs.replace(live_prediction, model_version="x" * 500)] * 200
    frames = 300
    async with serving(published_home) as server, server.stream(max_queue=1) as sleeper, server.stream() as reader:
        await next_frame(reader, "snapshot")
        for seq in range(1, frames + 1):
            server.app.state.hub.publish(many, seq=seq)
            assert (await next_frame(reader))["seq"] == seq
        seen = [await next_frame(sleeper)]
        while seen[-1]["seq"] < frames:
            seen.append(await next_frame(sleeper))
        conflated = counted(server, "stock_assets_stream_conflated_total")

    assert (seen[-1]["type"], seen[-1]["seq"]) == ("snapshot", frames)
    assert [frame["type"] for frame in seen].count("delta") < frames
    assert conflated == 1


def counted(server: Served, name: str) -> float:
    """The sum of a metric's series."""
    lines = server.app.state.latest.metrics.text().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


async def test_listeners_are_counted_and_forgotten(published_home):
    async with serving(published_home) as server:
        async with server.stream() as listener:
            await next_frame(listener)
            during = counted(server, "stock_assets_stream_listeners")
        await until(lambda: counted(server, "stock_assets_stream_listeners") == 0)

    assert during == 1


async def test_the_server_s_end_is_the_stream_s_end(published_home):
    async with serving(published_home) as server:
        listener = await server.stream()
        await next_frame(listener)
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await next_frame(listener, "pong")

    assert closed.value.rcvd.code == 1012


async def test_predictions_are_typed_messages(published_home):
    async with serving(published_home) as server, server.stream() as listener:
        snapshot = await next_frame(listener, "snapshot")

    for message in snapshot["predictions"]:
        assert msgspec.convert(message, PredictionMessage).p_up == pytest.approx(message["p_up"])
