"""The client against servers that misbehave: what its caller is told, and what it recovers from by itself."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC

import pytest
from scripted_stream import NOW, ScriptedServer, Talk, alert, delta, hello, price, scripted, signal, snapshot, status
from waiting import until
from websockets.asyncio.server import serve

from serving.client import (
    ConnectionState,
    Disconnected,
    Gap,
    HandshakeRefused,
    News,
    Overrun,
    Resumed,
    ServerClosed,
    StreamClient,
    StreamClosed,
    SubscriptionRefused,
    Timeouts,
    Update,
    WrongProtocol,
)
from serving.messages import PriceMessage, SignalMessage
from serving.protocol import Channel, CloseCode, Closing, ErrorCode, Refused, Snapshot, Stale, Subscribe

pytestmark = pytest.mark.anyio

# A server that is silent is given up within a fifth of a second, so that no test waits for long.
SHORT = Timeouts(connect=1.0, greeting=0.2, answer=0.3, quiet=0.1, pong=0.1, close=0.1)


def client_of(server: ScriptedServer, **options: object) -> StreamClient:
    return StreamClient(server.url, **{"timeouts": SHORT, "rng": random.Random(1)} | options)


async def read(client: StreamClient, last: Callable[[Update], bool]) -> list[Update]:
    """Updates up to one that the condition holds for."""
    updates: list[Update] = []
    async with asyncio.timeout(20):
        while not updates or not last(updates[-1]):
            updates.append(await client.next())
    return updates


def is_price(value: float) -> Callable[[Update], bool]:
    return lambda update: isinstance(update, News) and getattr(update.message, "price", None) == value


def audit_ids(updates: list[Update]) -> list[int | None]:
    """The signals among the news, in order."""
    return [
        update.message.audit_id
        for update in updates
        if isinstance(update, News) and isinstance(update.message, SignalMessage)
    ]


def kinds(updates: list[Update]) -> list[type]:
    return [type(update) for update in updates]


async def quiet_listener(talk: Talk) -> None:
    """A server in order, with nothing to tell after its snapshot."""
    await talk.greeted()
    await talk.send(snapshot(0))
    await talk.answer_pings()


# A server in order.


async def test_the_first_update_is_all_there_is_and_the_rest_is_news():
    async def script(talk: Talk) -> None:
        await talk.greeted(seq=7)
        await talk.send(snapshot(7, price(545.0), signal(3)), delta(7, 9, price(546.0), signal(4)))
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        updates = await read(client, lambda update: getattr(update, "message", None) == signal(4))

    assert updates == [
        snapshot(7, price(545.0), signal(3)),
        News(epoch="e1", seq=9, message=price(546.0)),
        News(epoch="e1", seq=9, message=signal(4)),
    ]
    assert (client.state.epoch, client.state.seq) == ("e1", 9)
    assert client.state.prices == {"AAPL": price(546.0)}
    assert client.state.signals == {"AAPL": signal(4)}
    assert client.state.stale is None


async def test_what_is_wanted_is_what_is_asked_for():
    wanted = {"tickers": ["AAPL"], "channels": [Channel.SIGNALS]}

    async with scripted(quiet_listener) as server, client_of(server, **wanted) as client:
        await read(client, lambda update: isinstance(update, Snapshot))

    assert server.asked == [Subscribe(tickers=("AAPL",), channels=(Channel.SIGNALS,))]


async def test_an_alert_is_known_while_it_is_active():
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0), delta(0, 1, alert("no tick for a minute")))
        await talk.subscription()
        await talk.send(snapshot(1, alert("no tick for a minute")), delta(1, 2, alert("it is back", active=False)))
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        await read(client, lambda update: isinstance(update, News))
        during = list(client.state.alerts.values())
        await client.subscribe(channels=[Channel.ALERTS])
        await read(client, lambda update: isinstance(update, News))

    assert during == [alert("no tick for a minute")]
    assert client.state.alerts == {}


async def test_stale_is_said_and_shown_until_a_snapshot_ends_it():
    recovered = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0), Stale(seq=0, since=NOW, reason="no news from Redis"))
        await recovered.wait()
        await talk.send(snapshot(0, price(1.0)))
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        updates = await read(client, lambda update: isinstance(update, Stale))
        during = (client.state.stale, client.connection)
        recovered.set()
        await read(client, lambda update: isinstance(update, Snapshot))

        assert updates[-1] == Stale(seq=0, since=NOW.astimezone(UTC), reason="no news from Redis")
        assert during == ("no news from Redis", ConnectionState.STALE)
        assert (client.state.stale, client.connection) == (None, ConnectionState.OPEN)
    assert client.connection is ConnectionState.CLOSED


async def test_a_server_that_only_answers_pings_is_alive():
    async with scripted(quiet_listener) as server, client_of(server) as client:
        await read(client, lambda update: isinstance(update, Snapshot))
        await until(lambda: server.talks[0].pings >= 5)

        assert client.connection is ConnectionState.OPEN
    assert len(server.talks) == 1


# Connections that end.


async def aborts(talk: Talk) -> None:
    talk.abort()


async def sends_half_a_frame_and_aborts(talk: Talk) -> None:
    talk.write(b'\x81\x7e\x01\x00{"type": "del')
    talk.abort()


async def sends_half_a_frame_and_nothing_more(talk: Talk) -> None:
    talk.write(b'\x81\x7e\x01\x00{"type": "del')
    await talk.say_nothing()


async def closes_for_a_restart(talk: Talk) -> None:
    await talk.close(CloseCode.RESTARTING, "restarting")


async def closes_for_slowness(talk: Talk) -> None:
    await talk.close(CloseCode.TOO_SLOW, "no frame was taken")


async def closes_as_if_all_were_well(talk: Talk) -> None:
    await talk.close(1000)


async def is_silent(talk: Talk) -> None:
    await talk.say_nothing()


async def sends_garbage(talk: Talk) -> None:
    await talk.send_raw("what?")
    await talk.answer_pings()


async def sends_binary_garbage(talk: Talk) -> None:
    await talk.send_raw(b"\xff\x00\xfe")
    await talk.answer_pings()


async def sends_a_frame_without_a_type(talk: Talk) -> None:
    await talk.send_raw('{"seq": 3}')
    await talk.answer_pings()


async def sends_a_broken_frame_of_a_known_type(talk: Talk) -> None:
    await talk.send_raw('{"type": "delta", "seq": "three"}')
    await talk.answer_pings()


async def breaks_the_protocol(talk: Talk) -> None:
    talk.write(b"\xff\xff\xff\xff")
    await talk.say_nothing()


ENDS = [
    aborts,
    sends_half_a_frame_and_aborts,
    sends_half_a_frame_and_nothing_more,
    closes_for_a_restart,
    closes_for_slowness,
    closes_as_if_all_were_well,
    is_silent,
    sends_garbage,
    sends_binary_garbage,
    sends_a_frame_without_a_type,
    sends_a_broken_frame_of_a_known_type,
    breaks_the_protocol,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_a_connection_that_ends_is_followed_by_one_that_resumes(end):
    async def first(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0), delta(0, 2, price(1.0), signal(1)))
        await end(talk)

    async def second(talk: Talk) -> None:
        await talk.greeted(seq=5)
        await talk.send(delta(2, 5, signal(2), signal(3), price(2.0)), delta(5, 6, price(3.0)))
        await talk.answer_pings()

    async with scripted(first, second) as server, client_of(server) as client:
        updates = await read(client, is_price(3.0))

    assert [request.resume and request.resume.last_seq for request in server.asked] == [None, 2]
    assert server.asked[1].resume.epoch == "e1"
    assert audit_ids(updates) == [1, 2, 3]
    lost, resumed = (update for update in updates if isinstance(update, Disconnected | Resumed))
    assert lost.reason
    assert (resumed.epoch, resumed.seq, resumed.since.last_seq) == ("e1", 5, 2)
    assert client.state.seq == 6


@pytest.mark.parametrize("end", [aborts, is_silent, sends_garbage, closes_for_a_restart], ids=lambda end: end.__name__)
async def test_a_connection_that_ends_before_it_says_hello_is_no_harm(end):
    async with scripted(end, end, quiet_listener) as server, client_of(server) as client:
        updates = await read(client, lambda update: isinstance(update, Snapshot))

    assert kinds(updates) in ([Disconnected, Snapshot], [Disconnected, Disconnected, Snapshot])
    assert len(server.talks) == 3


async def test_a_server_that_leaves_a_subscription_unanswered_is_left():
    async def first(talk: Talk) -> None:
        await talk.greeted()
        await talk.answer_pings()

    async with scripted(first, quiet_listener) as server, client_of(server) as client:
        updates = await read(client, lambda update: isinstance(update, Snapshot))

    assert updates[0].reason == "subscribe: expected an answer within 0.3 s, got none"


async def test_the_advice_of_a_server_that_restarts_is_taken():
    async def first(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(
            snapshot(0), Closing(code=CloseCode.RESTARTING, reason="restarting", reconnect_after_seconds=0.4)
        )
        await talk.close(CloseCode.RESTARTING, "restarting")

    async with scripted(first, quiet_listener) as server, client_of(server) as client:
        updates = await read(client, lambda update: isinstance(update, Disconnected))

    assert updates[-1].retry_seconds == 0.4
    assert "restarting" in updates[-1].reason


async def test_advice_is_bounded_and_never_negative():
    def closing(seconds: float) -> Closing:
        return Closing(code=CloseCode.RESTARTING, reason="restarting", reconnect_after_seconds=seconds)

    async def never(talk: Talk) -> None:
        await talk.send(closing(1e9))

    async def negative(talk: Talk) -> None:
        await talk.send(closing(-5.0))

    async with scripted(never) as server, client_of(server) as client:
        long = await client.next()
    async with scripted(negative) as server, client_of(server) as client:
        short = await client.next()

    assert long.retry_seconds == 60.0
    assert 0.0 <= short.retry_seconds < 1.0


class Longest(random.Random):
    """Draws the most there is."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002
        return b


async def test_pauses_grow_while_it_goes_wrong_and_are_short_again_after_a_connection_that_lasted(monkeypatch):
    monkeypatch.setattr("serving.client.stream.LASTED_SECONDS", 0.15)

    async def lasts(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0))
        await talk.hears_pings(2)
        talk.abort()

    pauses = []
    async with scripted(aborts, aborts, aborts, lasts) as server, client_of(server, rng=Longest()) as client:
        while len(pauses) < 4:
            updates = await read(client, lambda update: isinstance(update, Disconnected))
            pauses.append(updates[-1].retry_seconds)

    assert pauses == [0.1, 0.2, 0.4, 0.1]


async def test_nobody_there_is_tried_again_until_somebody_is():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"ws://127.0.0.1:{port}/v1/stream"
    server = ScriptedServer([quiet_listener])

    async with StreamClient(url, timeouts=SHORT) as client:
        lost = await client.next()
        waiting = client.connection
        async with serve(server.talk, "127.0.0.1", port):
            updates = await read(client, lambda update: isinstance(update, Snapshot))

    assert isinstance(lost, Disconnected)
    assert waiting in (ConnectionState.WAITING, ConnectionState.CONNECTING)
    assert isinstance(updates[-1], Snapshot)


# Chains that break.


async def test_a_frame_that_is_missing_is_asked_for_and_nothing_is_lost():
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0), delta(0, 1, signal(1)), delta(2, 3, signal(3)), delta(3, 4, price(4.0)))
        asked = await talk.subscription()
        assert asked.resume is not None
        await talk.send(delta(asked.resume.last_seq, 4, signal(2), signal(3), price(4.0)), delta(4, 5, price(5.0)))
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        updates = await read(client, is_price(5.0))

    assert audit_ids(updates) == [1, 2, 3]
    assert [update.since.last_seq for update in updates if isinstance(update, Resumed)] == [1]
    assert [update.seq for update in updates] == sorted(update.seq for update in updates)
    assert len(server.talks) == 1


async def test_a_server_that_never_gets_its_chain_right_is_left():
    async def broken(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0))
        for _ in range(10):
            await talk.send(delta(7, 8, price(1.0)))
            await talk.subscription()
            await talk.send(delta(0, 0))

    async with scripted(broken, quiet_listener) as server, client_of(server) as client:
        updates = await read(client, lambda update: isinstance(update, Disconnected))

    assert updates[-1].reason.startswith("prev: expected 0, the frame before, got 7")


async def test_a_snapshot_that_leaps_ahead_is_shown_and_what_lay_between_is_asked_for():
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0), delta(0, 1, signal(1)), snapshot(5, signal(3), price(5.0)))
        asked = await talk.subscription()
        await talk.send(delta(asked.resume.last_seq, 6, signal(2), signal(3), price(6.0)))
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        updates = await read(client, is_price(6.0))

    assert kinds(updates)[-5:] == [Snapshot, Resumed, News, News, News]
    assert audit_ids(updates) == [1, 2, 3]
    assert Gap not in kinds(updates)


async def test_releases_one_after_the_other_while_it_resumes_are_no_gap():
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0), snapshot(5, release_id="second"), snapshot(6, release_id="third"))
        asked = await talk.subscription()
        await talk.send(delta(asked.resume.last_seq, 7, signal(2), price(7.0)))
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        updates = await read(client, is_price(7.0))

    assert kinds(updates)[-4:] == [Snapshot, Resumed, News, News]
    assert Gap not in kinds(updates)
    assert client.state.release_id == "third"


async def test_what_the_server_no_longer_has_is_a_gap_and_what_holds_follows():
    async def first(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0, signal(1), signal(11, "IBM")), delta(0, 1, price(1.0)))
        talk.abort()

    async def second(talk: Talk) -> None:
        await talk.greeted(seq=9000)
        await talk.send(snapshot(9000, signal(5), signal(11, "IBM")), delta(9000, 9001, price(2.0)))
        await talk.answer_pings()

    async with scripted(first, second) as server, client_of(server) as client:
        updates = await read(client, is_price(2.0))

    gap = next(update for update in updates if isinstance(update, Gap))
    assert (gap.since.epoch, gap.since.last_seq) == ("e1", 1)
    assert gap.snapshot == snapshot(9000, signal(5), signal(11, "IBM"))
    assert audit_ids(updates) == [5]
    assert Resumed not in kinds(updates)


@pytest.mark.parametrize("says_so_first", [True, False])
async def test_another_run_of_the_engine_is_a_gap(says_so_first):
    async def first(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0), delta(0, 4, signal(1)))
        talk.abort()

    async def second(talk: Talk) -> None:
        asked = await talk.greeted(epoch="e2" if says_so_first else "e1", seq=2)
        if asked.resume is not None:
            await talk.send(Refused(code=ErrorCode.UNKNOWN_EPOCH, field="resume.epoch", message="expected e2, got e1"))
        await talk.send(snapshot(2, signal(2), epoch="e2"), delta(2, 3, price(3.0)))
        await talk.answer_pings()

    async with scripted(first, second) as server, client_of(server) as client:
        updates = await read(client, is_price(3.0))

    assert Gap in kinds(updates)
    assert audit_ids(updates) == [1, 2]
    assert (client.state.epoch, client.state.seq) == ("e2", 3)


async def test_a_gateway_that_has_not_found_the_engine_yet_costs_nothing():
    async def first(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0), delta(0, 4, signal(1)))
        talk.abort()

    async def second(talk: Talk) -> None:
        await talk.greeted(epoch=None, seq=0)
        await talk.send(snapshot(0, signal(None), epoch=None), snapshot(6, signal(3)))
        asked = await talk.subscription()
        await talk.send(delta(asked.resume.last_seq, 7, signal(2), signal(3), price(7.0)))
        await talk.answer_pings()

    async with scripted(first, second) as server, client_of(server) as client:
        updates = await read(client, is_price(7.0))

    assert audit_ids(updates) == [1, 2, 3]
    assert Gap not in kinds(updates)


async def test_what_a_gateway_without_the_engine_has_told_is_not_what_a_resume_goes_on_from():
    async def first(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0, price(1.0, "IBM")), delta(0, 4, signal(1)))
        talk.abort()

    async def second(talk: Talk) -> None:
        await talk.greeted(epoch=None, seq=0)
        await talk.send(snapshot(0, epoch=None))
        talk.abort()

    async def third(talk: Talk) -> None:
        asked = await talk.greeted(seq=6)
        if asked.resume is None:
            await talk.send(snapshot(6, price(1.0, "IBM"), signal(2)))
            asked = await talk.subscription()
        await talk.send(delta(asked.resume.last_seq, 7, signal(2), price(7.0)))
        await talk.answer_pings()

    async with scripted(first, second, third) as server, client_of(server) as client:
        updates = await read(client, is_price(7.0))

    assert client.state.prices == {"IBM": price(1.0, "IBM"), "AAPL": price(7.0)}
    assert audit_ids(updates) == [1, 2]
    assert Gap not in kinds(updates)


async def test_a_gateway_that_is_behind_is_left_until_it_has_caught_up():
    async def first(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0), delta(0, 40, signal(4)))
        talk.abort()

    async def behind(talk: Talk) -> None:
        await talk.greeted(seq=30)
        await talk.send(snapshot(30, signal(3)))
        await talk.answer_pings()

    async def second(talk: Talk) -> None:
        await talk.greeted(seq=50)
        await talk.send(delta(40, 50, signal(5), price(5.0)))
        await talk.answer_pings()

    async with scripted(first, behind, second) as server, client_of(server) as client:
        updates = await read(client, is_price(5.0))

    assert [update.seq for update in updates if isinstance(update, News)] == [40, 50, 50]
    assert audit_ids(updates) == [4, 5]


async def test_a_signal_that_the_engine_says_again_comes_once():
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0), delta(0, 1, signal(1)), delta(1, 2, signal(2)), delta(2, 3, signal(2)))
        await talk.send(delta(3, 4, signal(1), price(4.0)))
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        updates = await read(client, is_price(4.0))

    assert audit_ids(updates) == [1, 2]


async def test_a_server_s_own_alert_has_no_number_and_breaks_no_chain():
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(3), delta(3, 3, alert("a release was refused")), delta(3, 4, price(4.0)))
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        updates = await read(client, is_price(4.0))

    assert [update.message for update in updates[1:]] == [alert("a release was refused"), price(4.0)]


async def test_a_server_s_own_alert_is_not_lost_while_it_is_asked_for_more():
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0), delta(2, 3, signal(3)), delta(3, 3, alert("a release was refused")))
        asked = await talk.subscription()
        await talk.send(delta(asked.resume.last_seq, 3, signal(2), signal(3), price(3.0)))
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        updates = await read(client, is_price(3.0))

    assert alert("a release was refused") in [getattr(update, "message", None) for update in updates]
    assert audit_ids(updates) == [2, 3]


# Servers that are newer, or that refuse.


async def test_what_a_newer_server_says_on_top_is_left_out_and_counted():
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0))
        await talk.send_raw('{"type": "weather", "sky": "blue"}')
        await talk.send_raw(
            '{"type": "delta", "prev": 0, "seq": 2, "mood": 1, "messages": [{"type": "rumour"}, '
            '{"type": "price", "ticker": "AAPL", "session": "2012-03-02", "at": "2026-11-23T15:04:05Z",'
            ' "price": 2.0, "volume": 1.0, "provisional": true, "venue": "N"}]}'
        )
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        updates = await read(client, is_price(2.0))

    assert kinds(updates) == [Snapshot, News]
    assert client.state.skipped == 2
    assert client.state.seq == 2


async def test_another_protocol_is_a_clear_error():
    async def script(talk: Talk) -> None:
        await talk.send(hello(protocol=3))
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        with pytest.raises(WrongProtocol, match="protocol: expected version 2, got 3") as raised:
            await client.next()

    assert (raised.value.expected, raised.value.got) == (2, 3)


async def refuses(talk: Talk) -> None:
    await talk.greeted()
    await talk.send(
        Refused(code=ErrorCode.UNKNOWN_TICKER, field="tickers", message="tickers: expected some of IBM, got NOPE")
    )
    await talk.answer_pings()


async def test_a_subscription_that_is_refused_ends_it_by_name():
    async with scripted(refuses) as server, client_of(server, tickers=["NOPE"]) as client:
        with pytest.raises(SubscriptionRefused, match="expected some of IBM, got NOPE") as raised:
            await client.next()

        assert client.connection is ConnectionState.CLOSED
    assert (raised.value.code, raised.value.field) == (ErrorCode.UNKNOWN_TICKER, "tickers")
    assert len(server.talks) == 1


async def test_a_refusal_for_a_reason_of_a_newer_server_ends_it_by_the_server_s_name():
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send_raw('{"type": "error", "code": "too_early", "field": "tickers", "message": "not yet", "at": 1}')
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        with pytest.raises(SubscriptionRefused, match="too_early: not yet") as refused:
            await client.next()

    assert (refused.value.code, refused.value.field) == ("too_early", "tickers")


async def test_a_server_without_a_release_is_asked_again_for_its_tickers():
    async def empty(talk: Talk) -> None:
        await talk.send(hello(release_id=None))
        await talk.answer_pings()

    async with scripted(empty, quiet_listener) as server, client_of(server, tickers=["AAPL"]) as client:
        updates = await read(client, lambda update: isinstance(update, Snapshot))

    assert updates[0].reason.startswith("release: expected the server to have one")


async def test_a_change_that_is_refused_leaves_everything_as_it_was():
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0))
        await talk.subscription()
        await talk.send(
            Refused(code=ErrorCode.UNKNOWN_TICKER, field="tickers", message="tickers: expected some of IBM, got NOPE"),
            delta(0, 1, price(1.0)),
        )
        talk.abort()

    async with scripted(script, quiet_listener) as server, client_of(server, tickers=["IBM"]) as client:
        await read(client, lambda update: isinstance(update, Snapshot))
        with pytest.raises(SubscriptionRefused, match="NOPE"):
            await client.subscribe(tickers=["NOPE"])
        await read(client, is_price(1.0))
        await until(lambda: len(server.asked) == 3)

    assert [request.tickers for request in server.asked] == [("IBM",), ("NOPE",), ("IBM",)]


async def test_a_change_is_agreed_to_by_a_snapshot_and_kept_for_the_next_connection():
    async def first(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0, price(1.0)))
        await talk.subscription()
        await talk.send(snapshot(0, price(2.0, "IBM")))
        talk.abort()

    async with scripted(first, quiet_listener) as server, client_of(server, tickers=["AAPL"]) as client:
        await read(client, lambda update: isinstance(update, Snapshot))
        await client.subscribe(tickers=["IBM"])
        known = dict(client.state.prices)
        await until(lambda: len(server.asked) == 3)

    assert known == {"IBM": price(2.0, "IBM")}
    assert server.asked[2].tickers == ("IBM",)
    assert server.asked[2].resume.last_seq == 0


@pytest.mark.parametrize("code", [1003, 1008, 1009, 4029])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_close_for_what_it_would_only_do_again_is_the_end(code, announced):
    async def script(talk: Talk) -> None:
        await talk.greeted()
        if announced and code in set(CloseCode):
            await talk.send(Closing(code=CloseCode(code), reason="no more of that", reconnect_after_seconds=0.0))
        await talk.close(code, "no more of that")

    async with scripted(script) as server, client_of(server) as client:
        with pytest.raises(ServerClosed, match="no more of that") as raised:
            await client.next()

    assert raised.value.code == code
    assert len(server.talks) == 1


@pytest.fixture
async def http_status() -> AsyncIterator[Callable[[int], str]]:
    """Makes servers that answer a handshake with that status."""
    servers = []

    async def answer(status: int) -> str:
        listening = await serve(
            quiet_listener, "127.0.0.1", 0, process_request=lambda socket, _: socket.respond(status, "no\n")
        )
        servers.append(listening)
        return f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1/stream"

    yield answer
    for listening in servers:
        listening.close()
        await listening.wait_closed()


@pytest.mark.parametrize("code", [401, 403, 404])
async def test_a_handshake_that_is_refused_is_the_end(http_status, code):
    async with StreamClient(await http_status(code), timeouts=SHORT) as client:
        with pytest.raises(HandshakeRefused, match=f"got HTTP {code}") as raised:
            await client.next()

    assert raised.value.status == code


@pytest.mark.parametrize("code", [429, 502, 503])
async def test_a_server_that_is_full_or_restarting_is_tried_again(http_status, code):
    async with StreamClient(await http_status(code), timeouts=SHORT) as client:
        update = await client.next()

    assert isinstance(update, Disconnected)
    assert f"got HTTP {code}" in update.reason


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1/stream", "127.0.0.1", "ws://"])
def test_an_address_of_no_websocket_is_refused_at_once(url):
    with pytest.raises(ValueError, match="url: expected one like ws://"):
        StreamClient(url)


def test_one_ticker_is_a_collection_of_one():
    with pytest.raises(TypeError, match="tickers: expected a collection of them, got the string 'AAPL'"):
        StreamClient("ws://127.0.0.1:8000/v1/stream", tickers="AAPL")


def test_a_timeout_of_nothing_is_refused():
    with pytest.raises(ValueError, match="pong: expected more than 0 seconds, got 0"):
        Timeouts(pong=0)


# Callers who read slowly, or no more.


async def test_who_does_not_read_gets_the_newest_of_everything_and_every_signal():
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0))
        for number in range(1, 501):
            await talk.send(delta(number - 1, number, price(float(number)), status(str(number)), signal(number)))
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        await until(lambda: client.state.seq == 500)
        updates = await read(client, lambda update: isinstance(update, News) and update.seq == 500)
        updates += await read(client, lambda update: getattr(update, "message", None) == signal(500))

    assert [update.message.price for update in updates if isinstance(getattr(update, "message", 0), PriceMessage)] == [
        500.0
    ]
    assert audit_ids(updates) == list(range(1, 501))


async def test_more_unread_signals_than_there_is_room_for_are_an_error_after_those_that_fit():
    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0))
        for number in range(1, 21):
            await talk.send(delta(number - 1, number, signal(number)))
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server, most_unread=10) as client:
        await until(lambda: client.connection is ConnectionState.CLOSED)
        updates = await read(client, lambda update: getattr(update, "message", None) == signal(10))
        with pytest.raises(Overrun, match="expected at most 10 unread signals and alerts"):
            await client.next()

    assert audit_ids(updates) == list(range(1, 11))


async def test_outages_that_nobody_reads_about_take_no_room():
    async def script(talk: Talk) -> None:
        talk.abort()

    async with scripted(script) as server, client_of(server) as client:
        await until(lambda: len(server.talks) >= 5)
        first = await client.next()
        await until(lambda: client.connection is ConnectionState.WAITING)

    assert isinstance(first, Disconnected)


async def test_who_stops_waiting_loses_nothing():
    said = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0))
        await said.wait()
        await talk.send(delta(0, 1, signal(1)))
        await talk.answer_pings()

    async with scripted(script) as server, client_of(server) as client:
        await read(client, lambda update: isinstance(update, Snapshot))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.next(), 0.01)
        said.set()
        updates = await read(client, lambda update: isinstance(update, News))

    assert audit_ids(updates) == [1]


async def test_a_change_is_asked_for_on_the_next_connection_where_this_one_has_gone():
    gone = asyncio.Event()

    async def first(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0))
        talk.abort()
        gone.set()

    async with scripted(first, quiet_listener) as server, client_of(server, tickers=["AAPL"]) as client:
        await read(client, lambda update: isinstance(update, Snapshot))
        await gone.wait()
        await asyncio.wait_for(client.subscribe(tickers=["IBM"]), 20)

    assert server.asked[-1].tickers == ("IBM",)
    # Resuming would bring what is new of IBM, not all of it.
    assert server.asked[-1].resume is None


async def test_a_client_that_was_closed_can_not_be_asked_for_more():
    async with scripted(quiet_listener) as server:
        async with client_of(server) as client:
            await client.next()

        with pytest.raises(StreamClosed, match="the client is not open"):
            await client.subscribe(tickers=["IBM"])
        with pytest.raises(StreamClosed, match="the client was closed"):
            await client.next()


async def test_closing_ends_the_iteration():
    async with scripted(quiet_listener) as server, client_of(server) as client:
        updates = []
        async for update in client:
            updates.append(update)
            await client.close()

    assert kinds(updates) == [Snapshot]


async def test_its_resume_is_where_the_caller_has_got_to():
    """Not where the state is, which a snapshot may have moved on."""

    async def first(talk: Talk) -> None:
        await talk.greeted()
        await talk.send(snapshot(0), delta(0, 1, signal(1)), snapshot(9, signal(4)))
        await talk.subscription()
        talk.abort()

    async def second(talk: Talk) -> None:
        asked = await talk.greeted(seq=10)
        await talk.send(delta(asked.resume.last_seq, 10, signal(2), signal(3), signal(4), price(10.0)))
        await talk.answer_pings()

    async with scripted(first, second) as server, client_of(server) as client:
        updates = await read(client, is_price(10.0))

    assert [request.resume and request.resume.last_seq for request in server.asked] == [None, 1, 1]
    assert audit_ids(updates) == [1, 2, 3, 4]
