"""What a client of the stream can't do, and what it is told: over real sockets, beside a client that never notices."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator

import msgspec
import psutil
import pytest
import websockets
from fastapi import FastAPI
from live_messages import signal
from stream_server import Served, close_of, next_frame, serving, tell
from waiting import until

from serving.streaming import frames, limits
from serving.streaming.limits import Doors, Pace, Refusal, Verdict

pytestmark = pytest.mark.anyio

HANDSHAKE = (
    "GET /v1/stream HTTP/1.1\r\nHost: server\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@contextlib.asynccontextmanager
async def bystander(server: Served) -> AsyncIterator[None]:
    """Another client, which is served before and after as if nothing had happened."""
    async with server.listener() as listener:
        await next_frame(listener, "snapshot")
        yield
        tell(server.hub, signal("IBM", 7))
        while (await next_frame(listener, "delta"))["messages"][0]["ticker"] != "IBM":
            pass
        await listener.send('{"type": "ping", "id": 1}')
        assert (await next_frame(listener))["id"] == 1


@pytest.mark.parametrize(
    ("sent", "code", "field", "words"),
    [
        ('{"type": "subscribe", "tickers": ["IBM", "NOPE"]}', "unknown_ticker", "tickers", "AAPL, IBM, got NOPE"),
        (
            '{"type": "subscribe", "channels": ["gossip"]}',
            "unknown_channel",
            "channels",
            "alerts, status, got: Invalid",
        ),
        ('{"type": "subscribe", "ticker": "IBM"}', "malformed", "frame", "unknown field `ticker`"),
        ('{"type": "subscribe", "tickers": "IBM"}', "malformed", "frame", "Expected `array"),
        ('{"type": "order"}', "malformed", "frame", "'order'"),
        ("[]", "malformed", "frame", 'expected {"type": "subscribe"'),
        ("{", "malformed", "frame", 'expected {"type": "subscribe"'),
        ("", "malformed", "frame", 'expected {"type": "subscribe"'),
        ("[" * 50_000, "malformed", "frame", 'expected {"type": "subscribe"'),
        (json.dumps({"type": "subscribe", "tickers": ["IBM"] * 1001}), "too_many_tickers", "tickers", "at most 1000"),
    ],
)
async def test_a_request_that_can_not_be_used_is_refused_and_costs_nothing_else(
    published_home, sent, code, field, words
):
    async with serving(published_home) as server, bystander(server), server.listener(tickers=["AAPL"]) as listener:
        await next_frame(listener, "snapshot")
        await listener.send(sent)
        refused = await next_frame(listener)
        tell(server.hub, signal("AAPL", 1))
        delta = await next_frame(listener)

    assert (refused["type"], refused["code"], refused["field"]) == ("error", code, field)
    assert words in refused["message"]
    assert delta["messages"][0]["audit_id"] == 1


@pytest.mark.parametrize("resume", [{"epoch": "another", "last_seq": 0}, {"epoch": "this", "last_seq": 99}])
async def test_a_place_that_nobody_knows_is_refused_and_then_everything_is_told(published_home, resume, monkeypatch):
    monkeypatch.setattr("serving.streaming.hub.BEHIND_SECONDS", 0.01)
    async with serving(published_home) as server, bystander(server):
        server.hub.restart(epoch="this", seq=5)
        async with server.listener(resume=resume) as listener:
            refused, snapshot = await next_frame(listener), await next_frame(listener)

    assert (refused["type"], refused["code"], refused["field"]) == ("error", "unknown_epoch", "resume")
    assert "expected epoch this up to 5, got" in refused["message"]
    assert (snapshot["type"], snapshot["epoch"], snapshot["seq"]) == ("snapshot", "this", 5)


@pytest.mark.parametrize("sent", [b"\xff\x00", b'{"type": "ping"}'])
async def test_a_binary_message_ends_the_connection(published_home, sent):
    async with serving(published_home) as server, bystander(server), server.stream() as listener:
        await listener.send(sent)
        closing, code = await next_frame(listener, "closing"), await close_of(listener)

    assert closing["code"] == code == 1003
    assert closing["reason"].startswith("expected JSON in text frames")


async def test_a_message_over_the_limit_ends_the_connection(published_home):
    async with (
        serving(published_home) as server,
        bystander(server),
        server.stream() as whole,
        server.stream() as fragmented,
        server.stream() as in_shreds,
    ):
        await whole.send("x" * (limits.MOST_MESSAGE_BYTES + 1))
        await fragmented.send(["x" * 40_000, "x" * 40_000])
        with contextlib.suppress(websockets.ConnectionClosed):
            await in_shreds.send(["{"] + [""] * frames.MOST_FRAGMENTS)
        codes = [await close_of(whole), await close_of(fragmented), await close_of(in_shreds)]

    assert codes == [1009, 1009, 1009]


async def test_text_that_is_none_ends_the_connection(published_home):
    async with serving(published_home) as server, bystander(server), server.stream() as listener:
        await listener.send(b"\xff\xfe", text=True)
        code = await close_of(listener)

    assert code == 1007


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param("81 02 7b 7d", 1002, id="not masked"),
        pytest.param("c1 82 00000000 7b 7d", 1002, id="a reserved bit"),
        pytest.param("83 80 00000000", 1002, id="an unknown opcode"),
        pytest.param("89 fe 0080 00000000" + "00" * 128, 1002, id="a ping too long"),
        pytest.param("09 80 00000000", 1002, id="a ping in pieces"),
        pytest.param("80 80 00000000", 1002, id="the end of nothing"),
        pytest.param("88 81 00000000 03", 1002, id="half a close code"),
        pytest.param("88 82 00000000 0001", 1002, id="a close code that is none"),
        pytest.param("81 ff ffffffffffffffff 00000000", 1009, id="a length beyond all bounds"),
        pytest.param("81 ff 0000000100000000 00000000", 1009, id="four gigabytes"),
    ],
)
async def test_frames_that_are_none_end_the_connection(published_home, sent, code):
    loop = asyncio.get_running_loop()
    async with serving(published_home) as server, bystander(server), bare_socket(server) as vandal:
        await loop.sock_sendall(vandal, bytes.fromhex(sent))
        received = b""
        async with asyncio.timeout(20):
            while part := await loop.sock_recv(vandal, 4096):
                received += part

    # The last frame, which is short: its head, and the code.
    closing = received[received.rindex(b"\x88") :]
    assert int.from_bytes(closing[2:4]) == code


async def test_who_asks_too_fast_is_warned_once_and_then_sent_away(published_home):
    async with serving(published_home) as server, bystander(server), server.stream() as listener:
        for number in range(100):
            with contextlib.suppress(websockets.ConnectionClosed):
                await listener.send(json.dumps({"type": "ping", "id": number}))
        frames = [await next_frame(listener)]
        while frames[-1]["type"] != "closing":
            frames.append(await next_frame(listener))
        code = await close_of(listener)
        dropped = server.counted("stock_assets_stream_drops_total", 'reason="too_fast"')

    answered = [frame["id"] for frame in frames if frame["type"] == "pong"]
    assert answered[: limits.REQUESTS_AT_ONCE] == list(range(limits.REQUESTS_AT_ONCE))
    assert [frame["code"] for frame in frames if frame["type"] == "error"] == ["too_fast"]
    assert frames[-1]["code"] == code == 4029
    assert dropped == 1


async def test_who_sends_nothing_but_rubbish_is_sent_away(published_home):
    async with serving(published_home) as server, bystander(server), server.stream() as listener:
        for _ in range(limits.MALFORMED_IN_A_ROW + 1):
            await listener.send("rubbish")
        closing = await next_frame(listener, "closing")
        code = await close_of(listener)

    assert closing["code"] == code == 1008


async def test_who_never_subscribes_is_sent_away(published_home, monkeypatch):
    monkeypatch.setattr("serving.streaming.hub.SUBSCRIBE_SECONDS", 0.05)
    async with serving(published_home) as server, bystander(server), server.stream() as listener:
        await listener.send('{"type": "ping"}')
        closing, code = await next_frame(listener, "closing"), await close_of(listener)

    assert closing["code"] == code == 4000


@pytest.mark.parametrize(
    ("origin", "settings", "welcome"),
    [
        ("http://127.0.0.1:{port}", {}, True),
        ("https://dashboard.example", {"allowed_origins": ("https://dashboard.example",)}, True),
        ("https://elsewhere.example", {"allowed_origins": ("https://dashboard.example",)}, False),
        ("http://127.0.0.1.elsewhere.example:{port}", {}, False),
        ("null", {}, False),
        ("http://[::1", {}, False),
        ("", {}, False),
    ],
)
async def test_only_pages_of_ours_and_of_those_named_may_listen(published_home, origin, settings, welcome):
    async with serving(published_home, **settings) as server, bystander(server):
        try:
            async with server.stream(origin=origin.format(port=server.port)) as listener:
                answer = await next_frame(listener)
        except websockets.InvalidStatus as refused:
            answer = {"status": refused.response.status_code, **json.loads(refused.response.body)}

    if welcome:
        assert answer["type"] == "hello"
    else:
        assert answer["status"] == 403
        assert answer["detail"].startswith("origin: expected this site's")


@pytest.mark.parametrize(
    ("headers", "status"), [("X-Long: " + "x" * 10_000, b"431"), ("X-Many: x\r\n" * 200 + "X-Last: x", b"431")]
)
async def test_a_handshake_that_can_not_be_read_is_answered_and_closed(published_home, headers, status):
    loop = asyncio.get_running_loop()
    async with serving(published_home) as server, bystander(server):
        with socket.socket() as vandal:
            vandal.setblocking(False)
            await loop.sock_connect(vandal, ("127.0.0.1", server.port))
            await loop.sock_sendall(vandal, HANDSHAKE.replace("\r\n\r\n", f"\r\n{headers}\r\n\r\n").encode())
            answer = b""
            async with asyncio.timeout(20):
                while part := await loop.sock_recv(vandal, 4096):
                    answer += part

    assert answer.split(maxsplit=2)[1] == status


async def test_an_address_with_too_many_sockets_is_told_over_the_last(published_home):
    async with serving(published_home, most_sockets_per_address=2) as server, bystander(server):
        async with server.stream() as second, server.stream() as third:
            await next_frame(second)
            closing, code = await next_frame(third), await close_of(third)
        await until(lambda: server.counted("stock_assets_stream_listeners") == 1)
        async with server.stream() as again:
            hello = await next_frame(again)

    assert (closing["type"], closing["code"]) == ("closing", code)
    assert code == 1013
    assert hello["type"] == "hello"


async def test_behind_a_proxy_the_address_is_the_client_s(published_home):
    async with (
        serving(published_home, most_sockets_per_address=1) as server,
        server.stream(additional_headers={"X-Forwarded-For": "203.0.113.1"}) as first,
        server.stream(additional_headers={"X-Forwarded-For": "203.0.113.2"}) as second,
        server.stream(additional_headers={"X-Forwarded-For": "203.0.113.1"}) as third,
    ):
        frames = [await next_frame(listener) for listener in (first, second, third)]

    assert [frame["type"] for frame in frames] == ["hello", "hello", "closing"]


async def test_a_full_server_refuses_before_the_handshake_so_that_a_proxy_can_ask_another(published_home):
    async with serving(published_home, most_sockets=1) as server, bystander(server):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await server.stream()

    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["retry-after"]
    assert json.loads(refused.value.response.body)["status"] == 503


async def test_a_slow_client_is_cut_off_and_others_do_not_notice(published_home, live_prediction, monkeypatch):
    monkeypatch.setattr("serving.streaming.hub.SLOW_SECONDS", 1.0)
    monkeypatch.setattr("serving.streaming.frames.LINGER_SECONDS", 0.2)
    prediction = msgspec.structs.replace(live_prediction, model_version="x" * 100_000)
    async with serving(published_home) as server, server.listener() as reader:
        await next_frame(reader, "snapshot")
        async with stalled(server) as sleeper:
            waits: list[float] = []
            loop = asyncio.get_running_loop()
            while not server.counted("stock_assets_stream_drops_total", 'reason="too_slow"'):
                begun = loop.time()
                tell(server.hub, prediction)
                await next_frame(reader)
                waits.append(loop.time() - begun)
            await until(lambda: gone(sleeper))
        assert server.counted("stock_assets_stream_listeners") == 1

    assert max(waits) < 1.0


async def test_a_slow_client_that_wakes_up_soon_is_told_why_it_was_sent_away(
    published_home, live_prediction, monkeypatch
):
    monkeypatch.setattr("serving.streaming.hub.SLOW_SECONDS", 0.05)
    prediction = msgspec.structs.replace(live_prediction, model_version="x" * 100_000)
    async with serving(published_home) as server, server.listener() as sleeper:
        await until(lambda: server.counted("stock_assets_stream_sent_frames_total") == 2)
        while not server.counted("stock_assets_stream_drops_total", 'reason="too_slow"'):
            tell(server.hub, prediction)
            await asyncio.sleep(0)
        closing, code = await next_frame(sleeper, "closing"), await close_of(sleeper)

    assert closing["code"] == code == 4008


async def test_a_hundred_stalled_clients_cost_a_bounded_amount_of_memory(published_home, live_prediction, monkeypatch):
    monkeypatch.setattr("serving.streaming.hub.SLOW_SECONDS", 60.0)
    prediction = msgspec.structs.replace(live_prediction, model_version="x" * 10_000)
    async with serving(published_home) as server, server.listener() as reader, contextlib.AsyncExitStack() as stack:
        await next_frame(reader, "snapshot")
        for _ in range(99):
            await stack.enter_async_context(stalled(server))
        before = psutil.Process().memory_info().rss
        # 20 MB for each: two GB would wait if it were kept.
        for number in range(2_000):
            tell(server.hub, prediction, signal("AAPL", number))
            await next_frame(reader)
        paused = server.counted("stock_assets_stream_paused")
        grown = psutil.Process().memory_info().rss - before

    assert paused == 99
    assert grown < 60e6


@contextlib.asynccontextmanager
async def bare_socket(server: Served) -> AsyncIterator[socket.socket]:
    """A socket on which the handshake is done, and which reads nothing by itself."""
    loop = asyncio.get_running_loop()
    with socket.socket() as bare:
        bare.setblocking(False)
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(bare, ("127.0.0.1", server.port))
        await loop.sock_sendall(bare, HANDSHAKE.encode())
        assert (await loop.sock_recv(bare, 128)).startswith(b"HTTP/1.1 101 ")
        yield bare


@contextlib.asynccontextmanager
async def stalled(server: Served) -> AsyncIterator[socket.socket]:
    """A client that subscribes to everything and reads nothing more than the answer to its handshake."""
    request = b'{"type": "subscribe"}'
    async with bare_socket(server) as sleeper:
        # Masked with zeros, which change nothing.
        masked = bytes([0x81, 0x80 | len(request), 0, 0, 0, 0]) + request
        await asyncio.get_running_loop().sock_sendall(sleeper, masked)
        yield sleeper


def gone(sleeper: socket.socket) -> bool:
    """Whether the server has cut the connection, as far as one can see who reads what was sent before."""
    try:
        return not sleeper.recv(65_536)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


async def test_another_server_than_ours_is_told_apart(app: FastAPI):
    sent: list[dict[str, object]] = []
    said = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1011}])

    async def receive() -> dict[str, object]:
        return next(said)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/v1/stream", "headers": [], "query_string": b"", "extensions": {}}
    await app({**scope, "client": ("127.0.0.1", 1), "asgi": {"version": "3.0"}, "subprotocols": []}, receive, send)

    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == 1011
    assert "FrameProtocol" in str(sent[1]["reason"])


def test_a_pace_lets_bursts_through_and_fills_up_again():
    pace = Pace(0.0)

    burst = [pace.spend(0.0) for _ in range(limits.REQUESTS_AT_ONCE + limits.REQUESTS_TOO_MANY + 1)]
    later = Pace(0.0)
    steady = {later.spend(number / limits.REQUESTS_PER_SECOND) for number in range(1000)}

    assert burst[: limits.REQUESTS_AT_ONCE] == [Verdict.ANSWER] * limits.REQUESTS_AT_ONCE
    assert burst[limits.REQUESTS_AT_ONCE] is Verdict.WARN
    assert set(burst[limits.REQUESTS_AT_ONCE + 1 : -1]) == {Verdict.IGNORE}
    assert burst[-1] is Verdict.CLOSE
    assert steady == {Verdict.ANSWER}


def test_doors_count_who_is_inside():
    doors = Doors(most=3, most_per_address=2)

    for address in ("a", "a", "b"):
        assert doors.refusal(address, origin=None, host="server") is None
        doors.enter(address)
    full = doors.refusal("c", origin=None, host="server")
    doors.leave("b")
    crowded = doors.refusal("a", origin=None, host="server")
    doors.leave("a")

    assert full is Refusal.FULL
    assert crowded is Refusal.ADDRESS_FULL
    assert doors.refusal("a", origin=None, host="server") is None
