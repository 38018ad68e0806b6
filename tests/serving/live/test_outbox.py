"""Messages reach Redis in order and numbered without a gap, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from quant.signals import Action
from serving.live import bus
from serving.live.bus import Event
from serving.live.outbox import Outbox, latest_key
from serving.messages import (
    FeedState,
    LiveMessage,
    PredictionMessage,
    PriceMessage,
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


@pytest.fixture
async def client(valkey) -> AsyncIterator[Redis]:
    """A connection to the server that nothing happens to but what happens to the server."""
    async with bus.connection(valkey.url) as client:
        yield client


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


async def test_messages_go_out_as_and_in_the_order_they_were_put(client, prediction):
    outbox, messages = Outbox(), [price(540.0), prediction(0.001), signal(Action.BUY), status("fine")]

    put(outbox, *messages)
    await outbox.flush(client)

    assert await said(client) == messages
    assert [(event.epoch, event.seq) for event in await events(client)] == [(outbox.epoch, n) for n in (1, 2, 3, 4)]


async def test_numbers_have_no_gap_from_batch_to_batch(client):
    outbox = Outbox()

    for n in range(5):
        put(outbox, price(540.0 + n), price(197.0 + n, ticker="IBM"))
        await outbox.flush(client)

    assert [event.seq for event in await events(client)] == list(range(1, 11)) == [*range(1, outbox.seq + 1)]


async def test_of_a_batch_only_the_newest_provisional_goes_out_behind_what_came_before_it(client, prediction):
    outbox = Outbox()

    put(outbox, price(540.0), prediction(0.001), price(197.0, ticker="IBM"), price(541.0), prediction(0.002))
    await outbox.flush(client)

    assert await said(client) == [price(197.0, ticker="IBM"), price(541.0), prediction(0.002)]
    assert [event.seq for event in await events(client)] == [1, 2, 3]


async def test_with_nothing_to_say_nothing_is_sent(client):
    await Outbox().flush(client)

    assert await client.dbsize() == 0


async def test_each_run_is_an_epoch_of_its_own():
    assert Outbox().epoch != Outbox().epoch


# The newest state.


async def test_the_newest_state_is_the_last_message_of_each_kind_and_ticker(client, prediction):
    outbox = Outbox()
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


async def test_a_new_run_leaves_nothing_of_the_one_before_in_the_newest_state(client):
    before, after = Outbox(), Outbox()
    put(before, price(540.0), price(197.0, ticker="IBM"))
    await before.flush(client)

    put(after, price(541.0))
    await after.flush(client)

    assert await latest(client) == {"price:AAPL": price(541.0)}
    assert (await bus.state(client)).epoch == after.epoch


async def test_what_was_said_before_is_written_again_when_the_server_may_have_forgotten(client):
    outbox = Outbox()
    put(outbox, price(540.0), signal(Action.BUY))
    await outbox.flush(client)
    await client.flushall()

    put(outbox, status("back"))
    outbox.write_whole()
    await outbox.flush(client)

    assert await latest(client) == {
        "price:AAPL": price(540.0),
        "signal:AAPL": signal(Action.BUY),
        "status": status("back"),
    }
    assert [event.seq for event in await events(client)] == [3]


# While Redis is away.


async def test_while_redis_is_away_every_signal_and_close_is_kept_but_of_the_rest_the_newest(
    client, prediction, valkey
):
    outbox = Outbox()
    valkey.kill()
    for n in range(3):
        put(outbox, price(540.0 + n), prediction(float(n)), status(str(n)))
        put(outbox, signal((Action.BUY, Action.HOLD, Action.SELL)[n]))
        put(outbox, prediction(float(n), provisional=False))
        # The first of these is what a flush was about to send; the rest waits behind it.
        with pytest.raises(bus.GONE):
            await outbox.flush(client)
    valkey.start()

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


async def test_the_newest_state_after_an_outage_is_what_was_said_last(client, prediction, valkey):
    outbox = Outbox()
    put(outbox, price(540.0), prediction(0.0), signal(Action.BUY))
    await outbox.flush(client)
    valkey.kill()
    put(outbox, price(541.0))
    with pytest.raises(bus.GONE):
        await outbox.flush(client)
    put(outbox, price(542.0))
    valkey.start()

    outbox.write_whole()
    await outbox.flush(client)

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


async def test_a_batch_whose_answer_got_lost_is_sent_again_with_the_same_numbers(client, wire):
    lossy, over_wire = wire
    outbox = Outbox()
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

    found = await events(client)
    assert arrived_all_the_same == [1, 2, 3]
    assert [event.seq for event in found] == [1, 2, 3, 2, 3, 4]
    assert found[1:3] == found[3:5]
    assert await latest(client) == {
        "price:AAPL": price(541.0),
        "signal:AAPL": signal(Action.BUY),
        "status": status("connected"),
    }
