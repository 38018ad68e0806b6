"""The line to a vendor survives whatever the vendor does, and says what state it is in."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from recorded_streams import NOW, alpaca_errors, alpaca_session, pricing_frame
from streaming_vendor import LOOPBACK, Call, Refusal, mute, vendor
from structlog.testing import capture_logs
from waiting import until

from serving.backoff import Backoff
from serving.live.feeds import alpaca, yahoo
from serving.live.feeds.alpaca import Alpaca
from serving.live.feeds.dialect import Dialect, Heard
from serving.live.feeds.socket import LONGEST_WAIT_SECONDS, Line, Timing
from serving.live.feeds.yahoo import Yahoo
from serving.live.status import MOVES
from serving.live.ticks import Tick
from serving.messages import FeedState

pytestmark = pytest.mark.anyio

CONNECTING, LIVE, STALE, BACKING_OFF = (
    FeedState.CONNECTING,
    FeedState.LIVE,
    FeedState.STALE,
    FeedState.BACKING_OFF,
)
QUICK = Timing(connect=0.3, subscribe=0.3, heartbeat=60.0, ping=60.0, silence=30.0, dead=60.0, close=0.1)
IMPATIENT = Timing(connect=0.3, subscribe=0.3, heartbeat=60.0, ping=60.0, silence=0.1, dead=0.3, close=0.1)


@dataclass
class Ear:
    """What a line has brought and said of itself."""

    dialect: Dialect
    trading: bool = True
    ticks: list[Tick] = field(default_factory=list)
    moves: list[tuple[FeedState, str]] = field(default_factory=list)

    @property
    def states(self) -> list[FeedState]:
        """Where the connection has been, in order."""
        return [state for state, _ in self.moves]


@contextlib.asynccontextmanager
async def listening(ear: Ear, url: str, *, timing: Timing = QUICK) -> AsyncIterator[None]:
    """A line at work; anything but its own end by cancellation fails the test."""
    line = Line(
        url,
        ear.dialect,
        take=ear.ticks.extend,
        move=lambda state, reason: ear.moves.append((state, reason)),
        trading=lambda: ear.trading,
        timing=timing,
        rng=random.Random(7),
    )
    task = asyncio.create_task(line.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture
def ear(carrying, clock) -> Ear:
    """Hears Yahoo's Apple."""
    return Ear(Yahoo(yahoo.instruments(carrying("AAPL")), market="yahoo", clock=clock))


prices = itertools.count()


async def speak(call: Call) -> None:
    """Take the subscription and tell a price."""
    await call.hear()
    await tell(call)


async def tell(call: Call) -> None:
    """Tell a price that has not been told before."""
    number = next(prices)
    await call.say(pricing_frame("AAPL", 100 + number, NOW + timedelta(milliseconds=number)))


async def speak_and_listen(call: Call) -> None:
    """A good life: tell a price and go on."""
    await speak(call)
    await call.listen()


def is_legal(states: list[FeedState]) -> bool:
    """Whether every change is one of the moves there are; the first state is where it begins."""
    return states[0] is CONNECTING and all(after in MOVES[before] for before, after in itertools.pairwise(states))


# A good life.


async def test_it_subscribes_and_brings_what_is_told(ear):
    async with vendor(speak_and_listen) as served, listening(ear, served.url):
        await until(lambda: len(ear.ticks) == 1)

    assert served.calls[0].heard[0] == {"subscribe": ["AAPL"]}
    assert ear.moves == [(CONNECTING, ""), (LIVE, "")]


async def test_it_says_its_subscription_again_from_time_to_time(ear):
    timing = Timing(heartbeat=0.05, silence=30.0, dead=60.0)

    async with vendor(speak_and_listen) as served, listening(ear, served.url, timing=timing):
        await until(lambda: len(served.calls) == 1 and len(served.calls[0].heard) >= 4)

    assert all(said == {"subscribe": ["AAPL"]} for said in served.calls[0].heard)
    assert ear.states == [CONNECTING, LIVE]


async def test_a_line_that_ends_says_goodbye(ear):
    async with vendor(speak_and_listen) as served:
        async with listening(ear, served.url):
            await until(lambda: len(ear.ticks) == 1)
        await until(lambda: served.calls[0].connection.close_code is not None)

    assert served.calls[0].connection.close_code == 1000


# Ways for a connection to end.


async def abort(call: Call) -> None:
    await speak(call)
    call.abort()


async def close(call: Call) -> None:
    await speak(call)
    await call.connection.close(1000, "bye")


async def going_away(call: Call) -> None:
    await speak(call)
    await call.connection.close(1001)


async def policy(call: Call) -> None:
    await speak(call)
    await call.connection.close(1008, "not like this")


async def half_a_frame(call: Call) -> None:
    await speak(call)
    call.half_a_frame()


async def no_frame(call: Call) -> None:
    await speak(call)
    call.no_frame()
    await call.listen()


async def too_large(call: Call) -> None:
    await speak(call)
    await call.say("x" * 2**21)
    await call.listen()


@pytest.mark.parametrize("end", [abort, close, going_away, policy, half_a_frame, no_frame, too_large])
async def test_a_connection_that_ends_is_followed_by_another_that_subscribes_again(ear, end):
    async with vendor(end, end, speak_and_listen) as served, listening(ear, served.url):
        await until(lambda: len(ear.ticks) == 3)

    assert ear.states == [CONNECTING, LIVE, BACKING_OFF, CONNECTING, LIVE, BACKING_OFF, CONNECTING, LIVE]
    assert all(reason for state, reason in ear.moves if state is BACKING_OFF)
    assert [call.heard[0] for call in served.calls] == [{"subscribe": ["AAPL"]}] * 3


async def test_one_that_ends_before_it_has_said_a_word_too(ear):
    async def at_once(call: Call) -> None:
        call.abort()

    async with vendor(at_once, at_once, speak_and_listen) as served, listening(ear, served.url):
        await until(lambda: len(ear.ticks) == 1)

    assert is_legal(ear.states)
    assert served.attempts == 3


@pytest.mark.parametrize(("status", "reason"), [(500, "got 500"), (502, "got 502"), (503, "got 503"), (404, "got 404")])
async def test_a_refused_handshake_is_tried_again(ear, status, reason):
    async with vendor(Refusal(status), Refusal(status), speak_and_listen) as served, listening(ear, served.url):
        await until(lambda: len(ear.ticks) == 1)

    assert ear.states == [CONNECTING, BACKING_OFF, CONNECTING, BACKING_OFF, CONNECTING, LIVE]
    assert ear.moves[1][1] == f"handshake: expected status 101, {reason}"


@pytest.mark.parametrize(
    ("refusal", "seconds"),
    [
        (Refusal(401), 300),
        (Refusal(403), 300),
        (Refusal(429), 300),
        (Refusal(429, {"Retry-After": "40"}), 40),
        (Refusal(429, {"Retry-After": "86400"}), 3600),
        (Refusal(429, {"Retry-After": "Mon, 22 Feb 2021 16:00:00 GMT"}), 300),
    ],
)
async def test_who_is_not_welcome_does_not_come_again_at_once(ear, refusal, seconds):
    with capture_logs() as logs:
        async with vendor(refusal) as served, listening(ear, served.url):
            await until(lambda: BACKING_OFF in ear.states)

    (said,) = [line for line in logs if line["event"] == "stream_backing_off"]
    assert seconds <= said["seconds"] <= 1.25 * seconds
    assert said["reason"] == f"handshake: expected status 101, got {refusal.status}"
    assert served.attempts == 1


async def test_one_that_asks_for_no_wait_gets_one_within_reason(ear):
    async with vendor(Refusal(429, {"Retry-After": "0"}), speak_and_listen) as served, listening(ear, served.url):
        await until(lambda: len(ear.ticks) == 1)

    assert ear.states == [CONNECTING, BACKING_OFF, CONNECTING, LIVE]


async def test_a_handshake_without_an_answer_is_given_up(ear):
    async with mute() as url, listening(ear, url):
        await until(lambda: ear.states.count(BACKING_OFF) == 2)

    assert ear.states[:3] == [CONNECTING, BACKING_OFF, CONNECTING]
    assert ear.moves[1][1] == "timed out during opening handshake"


async def test_a_port_where_nobody_is_is_tried_again(ear):
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))

        async with listening(ear, f"ws://{LOOPBACK}:{taken.getsockname()[1]}/"):
            await until(lambda: ear.states.count(BACKING_OFF) == 3)

    assert is_legal(ear.states)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", f"{'a' * 64}.invalid"])
async def test_a_name_that_is_none_is_tried_again(ear, host):
    async with listening(ear, f"ws://{host}/"):
        await until(lambda: ear.states.count(BACKING_OFF) == 2)

    assert is_legal(ear.states)


async def test_a_server_that_always_hangs_up_is_asked_ever_more_seldom_but_at_least_each_five_seconds():
    backoff = Backoff(longest_seconds=LONGEST_WAIT_SECONDS, rng=random.Random(7))

    waits = [backoff.seconds() for _ in range(200)]

    assert max(waits) <= 5.0
    assert sum(waits[-100:]) / 100 == pytest.approx(2.5, abs=0.5)


async def test_the_waits_grow_until_something_has_been_heard(ear):
    async def mute_life(call: Call) -> None:
        await call.hear()
        call.abort()

    with capture_logs() as logs:
        async with vendor(*[mute_life] * 5, abort, abort, speak_and_listen) as served, listening(ear, served.url):
            await until(lambda: len(ear.ticks) == 3)

    waits = [line["seconds"] for line in logs if line["event"] == "stream_backing_off"]
    bounds = [0.1, 0.2, 0.4, 0.8, 1.6, 0.1, 0.1]
    assert len(waits) == len(bounds)
    assert all(wait <= bound for wait, bound in zip(waits, bounds, strict=True))
    assert max(waits[:5]) > 0.1


# Silence.


async def test_silence_while_somebody_trades_is_stale_and_then_the_end_of_the_connection(ear):
    async with vendor(speak_and_listen) as served, listening(ear, served.url, timing=IMPATIENT):
        await until(lambda: len(ear.ticks) == 2)

    assert ear.states[:6] == [CONNECTING, LIVE, STALE, BACKING_OFF, CONNECTING, LIVE]
    assert ear.moves[2][1] == "no frame for 0.1 s"
    assert ear.moves[3][1] == "expected a frame within 0.3 s, got none"


async def test_a_word_ends_the_silence(ear):
    async def speak_when_it_is_stale(call: Call) -> None:
        await speak(call)
        await until(lambda: ear.states[-1] is STALE)
        await speak_and_tell(call)

    async def speak_and_tell(call: Call) -> None:
        await tell(call)
        await call.listen()

    timing = Timing(silence=0.1, dead=30.0)
    async with vendor(speak_when_it_is_stale) as served, listening(ear, served.url, timing=timing):
        await until(lambda: len(ear.ticks) == 2 and ear.states[-1] is LIVE)

    assert ear.states == [CONNECTING, LIVE, STALE, LIVE]
    assert served.attempts == 1


async def test_silence_while_nobody_trades_means_nothing(ear):
    ear.trading = False
    timing = Timing(heartbeat=0.02, silence=0.05, dead=0.1)

    async with vendor(speak_and_listen) as served, listening(ear, served.url, timing=timing):
        # Many times as long as it would take a silence to count.
        await until(lambda: len(served.calls) == 1 and len(served.calls[0].heard) > 30)
        quiet = list(ear.states)
        ear.trading = True
        await until(lambda: STALE in ear.states)

    assert quiet == [CONNECTING, LIVE]


async def test_a_peer_that_is_gone_without_a_word_is_found_by_its_missing_pong(ear):
    gone = asyncio.Event()

    async def read_no_more(call: Call) -> None:
        await speak(call)
        call.connection.transport.pause_reading()
        await gone.wait()

    ear.trading = False
    timing = Timing(ping=0.1, close=0.1)
    async with vendor(read_no_more, speak_and_listen) as served, listening(ear, served.url, timing=timing):
        await until(lambda: len(ear.ticks) == 2)
        gone.set()

    assert ear.states == [CONNECTING, LIVE, BACKING_OFF, CONNECTING, LIVE]


async def test_a_vendor_that_only_raves_says_nothing(ear):
    async def rave(call: Call) -> None:
        await speak(call)
        while True:
            await call.say("no json")
            await asyncio.sleep(0.01)

    async with vendor(rave) as served, listening(ear, served.url, timing=IMPATIENT):
        await until(lambda: len(ear.ticks) == 2)

    assert ear.states[:6] == [CONNECTING, LIVE, STALE, BACKING_OFF, CONNECTING, LIVE]


# Garbage.


async def test_frames_that_can_not_be_read_are_counted_and_the_connection_goes_on(ear):
    garbage = ["", "no json", "[]", '{"type": "pricing", "message": "?"}', b"\xff\xfe", b"", "[" * 50_000]

    async def rave(call: Call) -> None:
        await call.hear()
        for frame in garbage:
            await call.say(frame)
            await tell(call)
        await call.listen()

    async with vendor(rave) as served, listening(ear, served.url):
        await until(lambda: len(ear.ticks) == len(garbage))

    assert ear.states == [CONNECTING, LIVE]
    assert ear.dialect.counts[Heard.UNREADABLE] == len(garbage)


async def test_text_that_is_no_utf_8_and_a_binary_frame_are_read_as_any_other(ear):
    async def speak_bytes(call: Call) -> None:
        await call.hear()
        await call.connection.send(b'\xc3\x28 {"type":', text=True)
        await call.say(pricing_frame("AAPL", 1.0, NOW).encode())
        await call.listen()

    async with vendor(speak_bytes) as served, listening(ear, served.url):
        await until(lambda: len(ear.ticks) == 1)

    assert served.attempts == 1
    assert ear.dialect.counts[Heard.UNREADABLE] == 1


async def test_a_flood_of_garbage_is_no_flood_of_log_lines(ear):
    async def flood(call: Call) -> None:
        await call.hear()
        for _ in range(1_000):
            await call.say("no json")
        await speak_again(call)

    async def speak_again(call: Call) -> None:
        await tell(call)
        await call.listen()

    with capture_logs() as logs:
        async with vendor(flood) as served, listening(ear, served.url):
            await until(lambda: len(ear.ticks) == 1)

    assert ear.dialect.counts[Heard.UNREADABLE] == 1_000
    assert len([line for line in logs if line["event"] == "frame_unreadable"]) == 10


# A vendor that wants to know who is there.


@pytest.fixture
def alpaca_ear(carrying, clock) -> Ear:
    """Hears Alpaca's Apple."""
    asked_for = alpaca.instruments(carrying("AAPL"))
    return Ear(Alpaca(asked_for, key="a-key", secret="a-secret", market="alpaca", clock=clock))


async def admit(call: Call) -> None:
    """Alpaca's way in."""
    connected, authenticated, *_ = alpaca_session()
    await call.say(connected)
    assert (await call.hear())["action"] == "auth"
    await call.say(authenticated)
    asked_for = await call.hear()
    await call.say_json([{"T": "subscription", "trades": asked_for["trades"], "quotes": asked_for["quotes"]}])


async def admit_and_trade(call: Call) -> None:
    await admit(call)
    number = next(prices)
    trade = {"T": "t", "i": number, "S": "AAPL", "x": "V", "p": 126.5, "s": 100, "t": NOW.isoformat(), "c": ["@"]}
    await call.say_json([trade])


async def test_it_is_live_when_its_subscription_is_confirmed(alpaca_ear):
    async def good(call: Call) -> None:
        await admit_and_trade(call)
        await call.listen()

    async with vendor(good) as served, listening(alpaca_ear, served.url):
        await until(lambda: len(alpaca_ear.ticks) == 1)

    assert [said["action"] for said in served.calls[0].heard] == ["auth", "subscribe"]
    assert alpaca_ear.moves == [(CONNECTING, ""), (LIVE, "")]


async def test_after_each_break_it_says_who_it_is_and_subscribes_again(alpaca_ear):
    async def slow_client(call: Call) -> None:
        await admit_and_trade(call)
        await call.say(alpaca_errors()[407])
        await call.listen()

    async def break_off(call: Call) -> None:
        await admit_and_trade(call)
        call.abort()

    async with vendor(slow_client, break_off, slow_client) as served, listening(alpaca_ear, served.url):
        await until(lambda: len(alpaca_ear.ticks) >= 3)

    assert alpaca_ear.moves[2] == (BACKING_OFF, "alpaca: slow client (407)")
    assert all([said["action"] for said in call.heard] == ["auth", "subscribe"] for call in served.calls[:3])


async def test_wrong_keys_are_said_once_and_not_tried_again_soon(alpaca_ear):
    async def unknown(call: Call) -> None:
        await call.say(alpaca_session()[0])
        await call.hear()
        await call.say(alpaca_errors()[402])
        await call.listen()

    with capture_logs() as logs:
        async with vendor(unknown) as served, listening(alpaca_ear, served.url):
            await until(lambda: BACKING_OFF in alpaca_ear.states)

    assert alpaca_ear.moves == [(CONNECTING, ""), (BACKING_OFF, "alpaca: auth failed (402)")]
    (said,) = [line for line in logs if line["event"] == "stream_backing_off"]
    assert said["seconds"] >= 300
    assert served.attempts == 1
    assert "a-secret" not in str(logs)


async def test_a_vendor_that_never_lets_one_in_is_given_up(alpaca_ear):
    async def hesitate(call: Call) -> None:
        await call.say(alpaca_session()[0])
        await call.listen()

    async with vendor(hesitate) as served, listening(alpaca_ear, served.url):
        await until(lambda: alpaca_ear.states.count(BACKING_OFF) == 2)

    assert alpaca_ear.moves[1] == (BACKING_OFF, "expected a subscription within 0.3 s, got none")
    assert LIVE not in alpaca_ear.states
    assert served.attempts >= 2


def test_a_patience_that_can_not_be_is_refused():
    with pytest.raises(ValueError, match=r"dead: expected more than silence \(30\.0\), got 30"):
        Timing(dead=30)
