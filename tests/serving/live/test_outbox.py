"""Messages reach Redis in order and numbered without a gap, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest
from engine_voice import taken_by_force, voice
from real_valkey import RealValkey
from redis.asyncio import Redis
from redis.exceptions import RedisError
from waiting import until

from quant.signals import Action
from serving.live import bus
from serving.live.bus import Event
from serving.live.lease import Lease
from serving.live.outbox import Outbox, latest_key
from serving.live.position import Position
from serving.live.position import read as read_position
from serving.messages import (
    AlertKind,
    AlertMessage,
    FeedState,
    LiveMessage,
    PredictionMessage,
    PriceMessage,
    Severity,
    SignalMessage,
    StatusMessage,
    decode,
)

pytestmark = pytest.mark.anyio

AT = datetime(2012, 3, 2, 15, 0, tzinfo=UTC)
RELEASE = "2012-03-01-0123456789ab"


def price(value: float, *, ticker: str = "AAPL") -> PriceMessage:
    """A trade."""
    return PriceMessage(ticker=ticker, session="2012-03-02", at=AT, price=value, volume=100.0, provisional=True)


@pytest.fixture
def prediction(live_prediction):
    """Makes predictions of AAPL that tell themselves apart by their mean."""

    def make(mean: float, *, provisional: bool = True) -> PredictionMessage:
        return msgspec.structs.replace(live_prediction, mean=mean, provisional=provisional)

    return make


def signal(action: Action, *, ticker: str = "AAPL", provisional: bool = True) -> SignalMessage:
    """A signal."""
    return SignalMessage(
        ticker=ticker,
        at=AT,
        session="2012-03-02",
        action=action,
        previous=Action.HOLD,
        confidence=55.0,
        edge_bp=12.0,
        reason="expected +12.0 bp",
        provisional=provisional,
        release_id=RELEASE,
        audit_id=1,
    )


def status(detail: str) -> StatusMessage:
    """A heartbeat."""
    return StatusMessage(feed=FeedState.LIVE, at=AT, release_id=RELEASE, detail=detail)


def alert(*, active: bool) -> AlertMessage:
    """The feed is silent, or not any more."""
    return AlertMessage(
        at=AT, kind=AlertKind.FEED_SILENT, severity=Severity.WARNING, subject="feed", text="silence", active=active
    )


def at(outbox: Outbox, *, through: str) -> Position:
    """Where an engine is that has taken in the ticks up to that one."""
    here = {"through": through, "audit_through": 5, "at_close": {"AAPL": Action.SELL}, "market": "m"}
    return msgspec.structs.replace(outbox.position, **here)


@pytest.fixture
async def client(valkey) -> AsyncIterator[Redis]:
    """A connection to the server that nothing happens to but what happens to the server."""
    async with bus.connection(valkey.url) as client:
        yield client


@pytest.fixture
async def durable(tmp_path) -> AsyncIterator[tuple[RealValkey, Redis]]:
    """A server that keeps what it has acknowledged, and a connection to it."""
    server = RealValkey(tmp_path, durable=True)
    server.start()
    try:
        async with bus.connection(server.url) as client:
            yield server, client
    finally:
        server.kill()


async def answers(client: Redis) -> bool:
    """Whether the server has read what it kept."""
    try:
        return bool(await client.ping())
    except bus.GONE:
        return False


async def events(client: Redis) -> list[Event]:
    """Everything on the stream of events."""
    return [bus.event(fields) for _, fields in await client.xrange(bus.EVENTS)]


async def said(client: Redis) -> list[LiveMessage]:
    """The messages of those events."""
    return [decode(event.data) for event in await events(client)]


async def latest(client: Redis) -> dict[str, LiveMessage]:
    """The newest state, by key."""
    messages = [decode(data) for data in (await bus.state(client)).messages]
    return {latest_key(message): message for message in messages}


def put(outbox: Outbox, *messages: LiveMessage) -> None:
    """Say one after another."""
    for message in messages:
        outbox.put(message)


# In order.


async def test_messages_go_out_as_and_in_the_order_they_were_put(client, prediction, valkey):
    outbox, messages = voice(valkey), [price(540.0), prediction(0.001), signal(Action.BUY), status("fine")]

    put(outbox, *messages)
    await outbox.flush(client)

    assert await said(client) == messages
    assert [(event.epoch, event.seq) for event in await events(client)] == [(outbox.epoch, n) for n in (1, 2, 3, 4)]


async def test_numbers_have_no_gap_from_batch_to_batch(client, valkey):
    outbox = voice(valkey)

    for n in range(5):
        put(outbox, price(540.0 + n), price(197.0 + n, ticker="IBM"))
        await outbox.flush(client)

    assert [event.seq for event in await events(client)] == list(range(1, 11)) == [*range(1, outbox.seq + 1)]


async def test_of_a_batch_only_the_newest_provisional_goes_out_behind_what_came_before_it(client, prediction, valkey):
    outbox = voice(valkey)

    put(outbox, price(540.0), prediction(0.001), price(197.0, ticker="IBM"), price(541.0), prediction(0.002))
    await outbox.flush(client)

    assert await said(client) == [price(197.0, ticker="IBM"), price(541.0), prediction(0.002)]
    assert [event.seq for event in await events(client)] == [1, 2, 3]


async def test_with_nothing_to_say_nothing_is_sent(client, valkey):
    await voice(valkey).flush(client)

    assert await client.exists(bus.EVENTS, bus.LATEST, bus.ENGINE) == 0


# The newest state.


async def test_the_newest_state_is_the_last_message_of_each_kind_and_ticker(client, prediction, valkey):
    outbox = voice(valkey)
    for n in range(3):
        put(outbox, price(540.0 + n), price(197.0 + n, ticker="IBM"), signal(Action.BUY), status(str(n)))
        put(outbox, signal(Action.HOLD), prediction(float(n), provisional=False))
        await outbox.flush(client)

    state = await bus.state(client)

    assert await latest(client) == {
        "price:AAPL": price(542.0),
        "price:IBM": price(199.0, ticker="IBM"),
        "signal:AAPL": signal(Action.HOLD),
        "prediction:AAPL": prediction(2.0, provisional=False),
        "status": status("2"),
    }
    assert (state.epoch, state.seq) == (outbox.epoch, outbox.seq)
    assert state.last == (await client.xrevrange(bus.EVENTS, count=1))[0][0].decode()


async def test_before_anyone_spoke_the_state_is_empty(client):
    assert await bus.state(client) == bus.State(None, 0, bus.FIRST_READ, ())


async def test_a_new_run_leaves_nothing_of_the_one_before_in_the_newest_state(client, valkey):
    before, after = voice(valkey), voice(valkey)
    put(before, price(540.0), price(197.0, ticker="IBM"))
    await before.flush(client)

    put(after, price(541.0))
    await after.flush(client)

    assert await latest(client) == {"price:AAPL": price(541.0)}
    assert (await bus.state(client)).epoch == after.epoch


async def test_an_alert_that_is_over_is_told_and_then_forgotten(client, valkey):
    outbox = voice(valkey)
    put(outbox, alert(active=True), status("fine"))
    await outbox.flush(client)
    raised = await latest(client)

    put(outbox, alert(active=False))
    await outbox.flush(client)

    assert raised == {"alert:feed_silent:feed": alert(active=True), "status": status("fine")}
    assert await latest(client) == {"status": status("fine")}
    assert (await said(client))[-1] == alert(active=False)


# The position.


async def test_the_position_changes_with_what_is_said_and_only_with_that(client, valkey):
    outbox = voice(valkey)
    put(outbox, price(540.0))
    await outbox.flush(client, at(outbox, through="7-0"))
    first = await read_position(client)

    await outbox.flush(client, at(outbox, through="8-0"))
    unmoved = await read_position(client)
    put(outbox, price(541.0), signal(Action.BUY))
    await outbox.flush(client, at(outbox, through="9-0"))

    assert (first.position.through, first.position.seq, first.position.epoch) == ("7-0", 1, outbox.epoch)
    assert unmoved == first
    last = await read_position(client)
    assert last.position == outbox.position
    assert (last.position.through, last.position.seq, last.position.audit_through) == ("9-0", 3, 5)
    assert last.position.at_close == {"AAPL": Action.SELL}
    assert last.messages() == [price(541.0), signal(Action.BUY)]


async def test_where_nobody_has_spoken_there_is_no_position(client):
    assert await read_position(client) is None


async def test_a_position_that_can_not_be_read_is_none(client):
    await client.hset(bus.ENGINE, mapping={"epoch": "e", "seq": "many"})

    assert await read_position(client) is None


async def test_a_successor_counts_on_in_the_same_epoch(client, valkey):
    first = voice(valkey)
    put(first, price(540.0), price(197.0, ticker="IBM"))
    await first.flush(client)
    known = await read_position(client)

    successor = Outbox(taken_by_force(valkey), known.position, known.latest, begins=False)
    put(successor, price(541.0))
    await successor.flush(client)

    assert [(event.epoch, event.seq) for event in await events(client)] == [(first.epoch, n) for n in (1, 2, 3)]
    assert await latest(client) == {"price:AAPL": price(541.0), "price:IBM": price(197.0, ticker="IBM")}


# The lease.


async def test_who_has_lost_the_lease_says_nothing(client, valkey):
    outbox = voice(valkey)
    put(outbox, price(540.0))
    await outbox.flush(client)
    taken_by_force(valkey)

    put(outbox, price(541.0), signal(Action.BUY))

    assert not await outbox.flush(client)
    assert await said(client) == [price(540.0)]
    assert await latest(client) == {"price:AAPL": price(540.0)}


async def test_a_lease_that_ran_out_and_that_nobody_took_is_still_ours(client, valkey):
    outbox = voice(valkey)
    await client.delete(bus.LEASE)

    put(outbox, price(540.0))

    assert await outbox.flush(client)
    assert await client.get(bus.LEASE) is not None


async def test_one_that_ran_out_and_was_taken_and_given_back_is_not(client, valkey):
    outbox, other = voice(valkey), taken_by_force(valkey)
    await other.release(client)

    put(outbox, price(540.0))

    assert not await outbox.flush(client)


async def test_to_speak_is_to_keep_the_lease(client, valkey):
    outbox = voice(valkey)
    await client.pexpire(bus.LEASE, 60)

    put(outbox, price(540.0))
    await outbox.flush(client)

    assert await client.pttl(bus.LEASE) > 2_000


async def test_one_of_two_has_the_lease_until_it_gives_it_back(client):
    first, second = Lease(), Lease()

    assert await first.take(client, above=0)
    assert not await second.take(client, above=0)
    assert await first.take(client, above=0), "whose answer got lost asks again"
    assert await first.renew(client)
    assert not await second.renew(client)
    await second.release(client)
    assert not await second.take(client, above=0)
    await first.release(client)
    assert await second.take(client, above=0)
    assert (first.term, second.term) == (1, 2)
    assert not await first.renew(client)


async def test_a_term_is_above_the_one_that_the_log_knows_on_a_server_that_forgot_them(client):
    lease = Lease()

    await lease.take(client, above=41)
    await lease.release(client)
    await lease.take(client, above=41)

    assert lease.term == 43


# A server that forgot.


async def test_on_a_server_that_lost_its_last_words_all_is_told_again_in_another_epoch(client, valkey):
    outbox = voice(valkey)
    put(outbox, price(540.0), signal(Action.BUY))
    await outbox.flush(client)
    epoch = outbox.epoch
    await client.hset(bus.ENGINE, "seq", 1)

    put(outbox, price(541.0), status("back"))
    await outbox.flush(client)

    assert outbox.epoch != epoch
    assert [(event.epoch, event.seq) for event in await events(client)][2:] == [(outbox.epoch, 1), (outbox.epoch, 2)]
    assert await latest(client) == {
        "price:AAPL": price(541.0),
        "signal:AAPL": signal(Action.BUY),
        "status": status("back"),
    }


async def test_a_server_that_lost_everything_is_spoken_to_once_the_lease_is_taken_again(client, valkey):
    outbox = voice(valkey)
    put(outbox, price(540.0), signal(Action.BUY))
    await outbox.flush(client)
    await client.flushall()

    put(outbox, price(541.0))
    before = await outbox.flush(client)
    await outbox.lease.take(client, above=outbox.lease.term)
    outbox.begin()
    put(outbox, status("back"))
    after = await outbox.flush(client)

    assert (before, after) == (False, True)
    assert await said(client) == [price(541.0), status("back")]
    assert [(event.epoch, event.seq) for event in await events(client)] == [(outbox.epoch, n) for n in (1, 2)]
    assert await latest(client) == {
        "price:AAPL": price(541.0),
        "signal:AAPL": signal(Action.BUY),
        "status": status("back"),
    }


# While Redis is away; what it was told it keeps, as in the demo.


async def test_while_redis_is_away_every_signal_and_close_is_kept_but_of_the_rest_the_newest(durable, prediction):
    valkey, client = durable
    outbox = voice(valkey)
    valkey.kill()
    for n in range(3):
        put(outbox, price(540.0 + n), prediction(float(n)), status(str(n)))
        put(outbox, signal((Action.BUY, Action.HOLD, Action.SELL)[n]))
        put(outbox, prediction(float(n), provisional=False))
        # The first of these is what a flush was about to send; the rest waits behind it.
        with pytest.raises(bus.GONE):
            await outbox.flush(client)
    valkey.start()
    await until(lambda: answers(client))

    await outbox.flush(client)

    first, rest = (await said(client))[:5], (await said(client))[5:]
    assert first == [price(540.0), prediction(0.0), status("0"), signal(Action.BUY), prediction(0.0, provisional=False)]
    assert rest == [
        signal(Action.HOLD),
        prediction(1.0, provisional=False),
        price(542.0),
        prediction(2.0),
        status("2"),
        signal(Action.SELL),
        prediction(2.0, provisional=False),
    ]
    assert [event.seq for event in await events(client)] == list(range(1, 13))


async def test_the_newest_state_after_an_outage_is_what_was_said_last(durable, prediction):
    valkey, client = durable
    outbox = voice(valkey)
    put(outbox, price(540.0), prediction(0.0), signal(Action.BUY))
    await outbox.flush(client)
    valkey.kill()
    put(outbox, price(541.0))
    with pytest.raises(bus.GONE):
        await outbox.flush(client)
    put(outbox, price(542.0))
    valkey.start()
    await until(lambda: answers(client))

    await outbox.flush(client)

    assert [event.seq for event in await events(client)] == [1, 2, 3, 4, 5]
    assert await latest(client) == {
        "price:AAPL": price(542.0),
        "prediction:AAPL": prediction(0.0),
        "signal:AAPL": signal(Action.BUY),
    }


# When the answer gets lost.


class LossyWire:
    """A real TCP relay to the server; while `loses_answers`, it cuts the connection in place of an answer."""

    def __init__(self, port: int) -> None:
        self.loses_answers = False
        self._port = port

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: what comes is passed on, and what the server says to it."""
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        asking = asyncio.create_task(self._pass(reader, back))
        with contextlib.suppress(OSError):
            while (answer := await there.read(65536)) and not self.loses_answers:
                writer.write(answer)
        for end in (asking, writer, back):
            end.cancel() if isinstance(end, asyncio.Task) else end.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while question := await reader.read(65536):
            writer.write(question)
        writer.close()


@pytest.fixture
async def wire(valkey) -> AsyncIterator[tuple[LossyWire, Redis]]:
    """A wire to the server, and a connection over it."""
    wire = LossyWire(valkey.port)
    async with await asyncio.start_server(wire.carry, "127.0.0.1", 0) as relay:
        port = relay.sockets[0].getsockname()[1]
        async with bus.connection(f"redis://127.0.0.1:{port}/0") as client:
            yield wire, client


async def test_a_batch_whose_answer_got_lost_is_sent_again_and_taken_once(client, wire, valkey):
    lossy, over_wire = wire
    outbox = voice(valkey)
    put(outbox, status("connected"))
    await outbox.flush(over_wire)

    lossy.loses_answers = True
    put(outbox, price(540.0), signal(Action.BUY))
    with pytest.raises((RedisError, OSError)):
        await outbox.flush(over_wire)
    arrived_all_the_same = [event.seq for event in await events(client)]
    lossy.loses_answers = False
    put(outbox, price(541.0))
    await outbox.flush(over_wire)

    assert arrived_all_the_same == [1, 2, 3]
    assert [event.seq for event in await events(client)] == [1, 2, 3, 4]
    assert await latest(client) == {
        "price:AAPL": price(541.0),
        "signal:AAPL": signal(Action.BUY),
        "status": status("connected"),
    }
