"""The engine on a real Valkey: a market from first tick to last, outages, nonsense on the wire, new releases."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from real_release import publish_release
from real_valkey import RealValkey
from redis.asyncio import Redis
from structlog.testing import capture_logs
from waiting import until

from release.errors import AuditFailed
from release.store import CURRENT, Store
from serving.live import bus, position
from serving.live.bus import Event
from serving.live.engine import Engine
from serving.live.feeds.replay import ReplayFeed
from serving.live.outbox import latest_key
from serving.live.status import MOVES, EngineState, FeedStatus
from serving.live.ticks import Beat, MarketEnd, Tick, encode
from serving.messages import (
    AlertKind,
    AlertMessage,
    FeedState,
    LiveMessage,
    PortfolioMessage,
    PredictionMessage,
    Severity,
    SignalMessage,
    StatusMessage,
    decode,
)

pytestmark = pytest.mark.anyio

SESSIONS = ["2012-03-02", "2012-03-05", "2012-03-06"]
TICKERS = ("AAPL", "IBM")
KEYS = {f"{kind}:{ticker}" for kind in ("price", "prediction", "signal") for ticker in TICKERS} | {
    "status",
    "portfolio",
}
AT_ONCE = 1e9


class Listener:
    """What a gateway would find in Redis."""

    def __init__(self, client: Redis) -> None:
        self.client = client

    async def events(self) -> list[Event]:
        """All events on the stream."""
        return [bus.event(fields) for _, fields in await self.client.xrange(bus.EVENTS)]

    async def said(self, kind: type, **having: object) -> list:
        """The messages of a kind in those events."""
        messages = [decode(event.data) for event in await self.events()]
        return [
            message
            for message in messages
            if type(message) is kind and all(getattr(message, name) == value for name, value in having.items())
        ]

    async def latest(self) -> dict[str, LiveMessage]:
        """The newest state by key; nothing while the server is away."""
        try:
            state = await bus.state(self.client)
        except bus.GONE:
            return {}
        return {latest_key(message): message for message in map(decode, state.messages)}

    async def alert(self, kind: AlertKind) -> AlertMessage | None:
        """The alert of that kind that is raised."""
        return next((each for each in (await self.latest()).values() if getattr(each, "kind", None) is kind), None)

    async def is_told(self, feed: FeedState) -> bool:
        """Whether the newest status says so of the feed."""
        status = (await self.latest()).get("status")
        return isinstance(status, StatusMessage) and status.feed is feed


@pytest.fixture
async def listener(valkey) -> AsyncIterator[Listener]:
    """A listener beside the engine."""
    async with bus.connection(valkey.url) as client:
        yield Listener(client)


@pytest.fixture
def engine(release, home, audit, valkey) -> Engine:
    """An engine on a home of its own, not running yet."""
    return new_engine(release, home, audit, valkey)


def new_engine(release, home, audit, valkey, *, silence: float = 30.0) -> Engine:
    """An engine, not running yet."""
    store = Store(home / "releases")
    return Engine(release, store=store, audit=audit, redis_url=valkey.url, silence_seconds=silence)


@contextlib.asynccontextmanager
async def running(*those: Engine | ReplayFeed) -> AsyncIterator[None]:
    """Engine and feed at work; what ended one of them by an error fails the test, and so does one that won't end."""
    begun = [asyncio.create_task(each.run()) for each in those]
    try:
        yield
    finally:
        for task in begun:
            task.cancel()
        ended, going_on = await asyncio.wait(begun, timeout=10)
    assert not going_on
    for task in ended:
        with contextlib.suppress(asyncio.CancelledError):
            task.result()


@pytest.fixture
def feed(play, valkey):
    """Makes feeds of three sessions."""

    def make(*, speed: float = AT_ONCE) -> ReplayFeed:
        return ReplayFeed(play(sessions=3), redis_url=valkey.url, speed=speed)

    return make


# A market from its first tick to its last.


async def test_a_market_played_to_its_end_is_closed_and_told_whole(engine, feed, listener):
    market = feed(speed=200_000)
    await market.open()
    async with running(engine, market):
        await until(lambda: listener.is_told(FeedState.CLOSED))

    events, latest = await listener.events(), await listener.latest()
    assert [event.seq for event in events] == list(range(1, engine.outbox.seq + 1))
    assert {event.epoch for event in events} == {engine.outbox.epoch}
    assert latest == {latest_key(message): message for message in (decode(event.data) for event in events)}
    assert set(latest) == KEYS
    for ticker in TICKERS:
        closes = await listener.said(PredictionMessage, ticker=ticker, provisional=False)
        signals = await listener.said(SignalMessage, ticker=ticker, provisional=False)
        assert [close.session for close in closes] == ["2012-03-01", *SESSIONS]
        assert [signal.session for signal in signals] == ["2012-03-01", *SESSIONS]
    assert " 162 ticks, " in latest["status"].detail
    assert " ms from tick to message" in latest["status"].detail
    assert latest["status"].detail.startswith("session 2012-03-06, ")
    states = dict.fromkeys(status.feed for status in await listener.said(StatusMessage))
    assert list(states)[-2:] == [FeedState.LIVE, FeedState.CLOSED]


async def test_an_engine_that_comes_when_all_is_over_still_tells_every_close(engine, feed, listener):
    market = feed()
    await market.open()
    await market.run()

    async with running(engine):
        await until(lambda: listener.is_told(FeedState.CLOSED))

    for ticker in TICKERS:
        closes = await listener.said(PredictionMessage, ticker=ticker, provisional=False)
        assert [close.session for close in closes] == ["2012-03-01", *SESSIONS]


async def test_of_a_backlog_only_the_newest_tick_of_each_ticker_and_session_is_computed(engine, feed, listener):
    market = feed()
    await market.open()
    await market.run()

    async with running(engine):
        await until(lambda: listener.is_told(FeedState.CLOSED))

    figures = (await listener.latest())["status"].figures
    assert figures.ticks == engine.counts.ticks.total() == 162
    assert figures.conflated == 162 - len(TICKERS) * len(SESSIONS)
    assert await listener.said(PredictionMessage, provisional=True) == []


async def test_the_portfolio_is_told_at_the_newest_prices(engine, feed, listener):
    market = feed()
    await market.open()
    async with running(engine, market):
        await until(lambda: listener.is_told(FeedState.CLOSED))

    latest = await listener.latest()
    assert isinstance(portfolio := latest["portfolio"], PortfolioMessage)
    assert (portfolio.session, portfolio.provisional) == (SESSIONS[-1], False)
    assert portfolio == engine.floor.portfolio(latest["price:AAPL"].at)


async def test_what_the_engine_has_measured_is_in_its_status(engine, feed, listener, audit):
    market = feed(speed=200_000)
    await market.open()
    async with running(engine, market):
        await until(lambda: listener.is_told(FeedState.CLOSED))

    figures = (await listener.latest())["status"].figures
    assert (figures.engine, figures.term) == (engine.lease.engine, 1)
    assert (figures.ticks, figures.predictions) == (162, engine.counts.predictions)
    assert figures.audit_id == audit.head().audit_id
    assert 0 < figures.latency_p50_ms <= figures.latency_p99_ms
    assert figures.audit_commit_ms > 0
    assert figures.tick_lag_ms is None, "a replay's time is not ours"


async def test_of_a_tick_of_our_own_time_the_age_is_known(engine, listener):
    at = datetime.now(UTC) - timedelta(seconds=2)
    tick = Tick(market="m", ticker="AAPL", session="2012-03-02", at=at, number=1, price=545.0, size=1.0)
    await listener.client.xadd(bus.TICKS, {"event": encode(tick)})

    async with running(engine):
        await until(lambda: engine.counts.tick_lag_ms is not None)

    assert 2_000 <= engine.counts.tick_lag_ms < 60_000


async def test_every_signal_that_was_told_is_in_the_log_and_every_forecast_settled(engine, feed, listener, audit):
    market = feed()
    await market.open()
    async with running(engine, market):
        await until(lambda: listener.is_told(FeedState.CLOSED))

    told = [signal for signal in await listener.said(SignalMessage) if signal.session in SESSIONS]
    assert len(told) >= len(TICKERS) * len(SESSIONS)
    logged = {receipt.audit_id: (receipt.sha256, record) for receipt, record in audit.signals(after=0)}
    assert [signal.audit_id for signal in told] == list(logged)
    for signal in told:
        sha256, record = logged[signal.audit_id]
        assert signal.audit_sha256 in (None, sha256)
        assert (record.ticker, record.session, record.action) == (signal.ticker, signal.session, signal.action.value)
    for ticker in TICKERS:
        settled = audit.outcomes(ticker, last=10)
        assert [str(session) for session in settled.session] == SESSIONS[:-1]


async def test_an_engine_that_starts_where_nothing_is_known_comes_to_the_same_rows_of_the_log(
    feed, listener, release, home, audit, valkey
):
    market, runs = feed(), []
    await market.open()
    await market.run()

    for _ in range(2):
        engine = new_engine(release, home, audit, valkey)
        await listener.client.delete(bus.EVENTS, bus.LATEST, bus.ENGINE)
        async with running(engine):
            await until(lambda: listener.is_told(FeedState.CLOSED))
        runs.append(await listener.said(SignalMessage))
        events = await listener.events()
        assert {event.epoch for event in events} == {engine.outbox.epoch}
        assert [event.seq for event in events] == list(range(1, engine.outbox.seq + 1))

    assert runs[0] == runs[1]
    assert len({signal.audit_id for signal in runs[0]} - {None}) >= len(TICKERS) * len(SESSIONS)


async def test_a_market_that_begins_anew_is_followed_from_the_start(engine, feed, listener):
    first, second = feed(), feed()
    await first.open()
    async with running(engine):
        await first.run()
        await until(lambda: listener.is_told(FeedState.CLOSED))
        await second.open()
        await second.run()
        await until(lambda: engine.counts.ticks.total() == 2 * 162)
        await until(lambda: listener.is_told(FeedState.CLOSED))

    closes = await listener.said(PredictionMessage, ticker="AAPL", provisional=False)
    assert [close.session for close in closes] == 2 * ["2012-03-01", *SESSIONS]
    assert [event.seq for event in await listener.events()] == list(range(1, engine.outbox.seq + 1))


async def test_engine_and_feed_end_when_they_are_cancelled_whatever_they_are_at(
    feed, listener, release, home, audit, valkey
):
    """Also while redis-py waits in `asyncio.wait_for`, which swallows a cancellation now and then."""
    going_on: list[str] = []
    for turns in range(15):
        market = feed(speed=5_000)
        await market.open()
        for each in (new_engine(release, home, audit, valkey), market):
            task = asyncio.create_task(each.run())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=5)
            if not task.done():
                going_on.append(f"{type(each).__name__} after {turns} turns of the loop")
                break

    assert going_on == []
    assert await listener.client.ping()


# A feed that falls silent.


async def test_a_silent_feed_is_told_to_be_stale_and_live_again_when_it_speaks(
    release, home, audit, valkey, feed, listener
):
    engine, market = new_engine(release, home, audit, valkey, silence=0.2), feed()
    await market.open()
    *ticks, end = market.replay.events(market=market.market)
    async with running(engine):
        await until(lambda: listener.is_told(FeedState.STALE))
        await listener.client.xadd(bus.TICKS, {"event": encode(ticks[0])})
        await until(lambda: listener.is_told(FeedState.LIVE))
        await until(lambda: listener.is_told(FeedState.STALE))
        raised = await listener.alert(AlertKind.FEED_SILENT)
        await listener.client.xadd(bus.TICKS, {"event": encode(end)})
        await until(lambda: listener.is_told(FeedState.CLOSED))

    assert isinstance(end, MarketEnd)
    assert raised.text == "feed: expected a tick or a beat within 0.2 s, got none"
    assert await listener.alert(AlertKind.FEED_SILENT) is None
    told = await listener.said(AlertMessage, subject="feed")
    assert [alert.active for alert in told] == [True, False, True, False]


async def test_what_the_feed_says_of_itself_is_told_and_keeps_it_from_being_stale(
    release, home, audit, valkey, listener
):
    engine = new_engine(release, home, audit, valkey, silence=0.4)
    at = datetime(2012, 3, 2, 15, tzinfo=UTC)
    told = {FeedState.LIVE: "", FeedState.BACKING_OFF: "refused by the vendor"}
    async with running(engine):
        for state, detail in told.items():
            beat = Beat(market="m", at=at, state=state, detail=detail)
            for _ in range(3):
                await listener.client.xadd(bus.TICKS, {"event": encode(beat)})
                await until(lambda: listener.is_told(state))  # noqa: B023

    status = (await listener.latest())["status"]
    assert status.feed is FeedState.BACKING_OFF
    assert status.detail.endswith("; feed: refused by the vendor")
    assert await listener.said(StatusMessage, feed=FeedState.STALE) == []


async def test_an_engine_with_nothing_to_tell_still_gives_a_sign_of_life(engine, listener):
    async with running(engine):
        await until(lambda: engine.outbox.seq > 0)
        known = len(await listener.said(StatusMessage))

        async def another() -> bool:
            return len(await listener.said(StatusMessage)) > known

        await until(another, seconds=5)


def test_a_feed_moves_only_where_it_can():
    status = FeedStatus()

    assert status.move(FeedState.LIVE)
    assert not status.move(FeedState.LIVE)
    with pytest.raises(ValueError, match="from live to backing_off, closed, stale, got connecting"):
        status.move(FeedState.CONNECTING)
    assert status.state is FeedState.LIVE
    assert set(MOVES) == set(FeedState)


# Redis goes and comes.


@pytest.mark.parametrize("durable", [True, False])
async def test_an_engine_goes_on_when_redis_was_away_in_the_middle_of_a_market(
    release, home, audit, play, tmp_path, durable
):
    """A server that has kept what it was told hears on in the same epoch; one that has not hears another from 1."""
    server = RealValkey(tmp_path, durable=durable)
    server.start()
    engine, market = (
        new_engine(release, home, audit, server),
        ReplayFeed(play(sessions=3), redis_url=server.url, speed=60_000),
    )
    await market.open()
    async with bus.connection(server.url) as client:
        listener = Listener(client)
        async with running(engine, market):
            await until(lambda: engine.outbox.seq > 30)
            epoch = engine.outbox.epoch
            server.kill()
            await until(lambda: engine.state is EngineState.AWAY)
            server.start()
            await until(lambda: listener.is_told(FeedState.CLOSED))

        events, latest = await listener.events(), await listener.latest()
        known = await position.read(client)
    server.kill()
    assert [event.seq for event in events] == list(range(1, engine.outbox.seq + 1))
    assert {event.epoch for event in events} == {engine.outbox.epoch}
    assert (engine.outbox.epoch == epoch) is durable
    assert known.position == engine.outbox.position
    assert set(latest) == KEYS
    for ticker in TICKERS:
        prediction = latest[f"prediction:{ticker}"]
        assert (prediction.session, prediction.provisional) == (SESSIONS[-1], False)


async def test_a_server_that_forgot_everything_is_told_everything(engine, feed, listener, valkey):
    market = feed()
    await market.open()
    async with running(engine, market):
        await until(lambda: listener.is_told(FeedState.CLOSED))
        before, epoch = await listener.latest(), engine.outbox.epoch
        valkey.kill()
        await until(lambda: engine.state is EngineState.AWAY)
        valkey.start()
        await until(lambda: listener.is_told(FeedState.CLOSED))

    after, events = await listener.latest(), await listener.events()
    assert after | {"status": None} == before | {"status": None}
    assert [event.seq for event in events] == list(range(1, engine.outbox.seq + 1))
    state = await bus.state(listener.client)
    assert (state.epoch, state.seq) == (engine.outbox.epoch, engine.outbox.seq)
    assert state.epoch != epoch


async def test_an_engine_that_is_there_before_redis_waits_for_it(engine, feed, listener, valkey):
    valkey.kill()
    async with running(engine):
        await until(lambda: engine.state is EngineState.AWAY)
        valkey.start()
        market = feed()
        await market.open()
        await market.run()
        await until(lambda: listener.is_told(FeedState.CLOSED))

    assert set(await listener.latest()) == KEYS


async def test_a_memory_that_is_full_is_waited_out_like_an_outage(engine, feed, listener):
    market = feed()
    await market.open()
    await market.run()
    await listener.client.config_set("maxmemory", 1)
    async with running(engine):
        await until(lambda: engine.state is EngineState.AWAY)
        await listener.client.config_set("maxmemory", 0)
        await until(lambda: listener.is_told(FeedState.CLOSED))

    assert [event.seq for event in await listener.events()] == list(range(1, engine.outbox.seq + 1))


# Nonsense on the wire.

NONSENSE = (
    {"event": b"{"},
    {"event": b""},
    {"event": b"\xff\xfe"},
    {"event": b"[]"},
    {"event": b'{"type":"rumour"}'},
    {"event": b'{"type":"tick"}'},
    {"tick": b"{}"},
    {
        "event": b'{"type":"tick","market":"m","ticker":"AAPL","session":"tomorrow","at":"2012-03-02T15:00:00Z",'
        b'"number":0,"price":545.0,"size":1.0}'
    },
    {
        "event": b'{"type":"close","market":"m","ticker":"AAPL","session":"2012-02-30","at":"2012-03-02T21:00:00Z",'
        b'"open":1,"high":1,"low":1,"close":1,"volume":1,"split":1,"dividend":0}'
    },
)


async def test_what_can_not_be_read_is_logged_and_passed_over(engine, feed, listener):
    market = feed()
    await market.open()
    for fields in NONSENSE:
        await listener.client.xadd(bus.TICKS, fields)

    with capture_logs() as logs:
        async with running(engine):
            await until(lambda: sum(log["event"] == "tick_unreadable" for log in logs) == len(NONSENSE))
            await market.run()
            await until(lambda: listener.is_told(FeedState.CLOSED))

    assert all(log["error"] and log["entry"] for log in logs if log["event"] == "tick_unreadable")
    assert (await listener.latest())["prediction:AAPL"].session == SESSIONS[-1]
    assert engine.counts.ticks.total() == 162


# Releases.


@pytest.fixture(scope="module")
def monday(tmp_path_factory) -> SimpleNamespace:
    """The real release that comes out after Monday's close, published into a store of its own."""
    store = tmp_path_factory.mktemp("monday") / "releases"
    return SimpleNamespace(release_id=publish_release(store, as_of=SESSIONS[1]).release_id)


async def test_a_release_published_meanwhile_is_taken_up(engine, feed, listener, home, monday):
    market = feed()
    await market.open()
    async with running(engine):
        await until(lambda: listener.is_told(FeedState.CONNECTING))
        await asyncio.to_thread(publish_release, home / "releases", as_of=SESSIONS[1])
        await until(lambda: engine.floor.release.manifest.release_id == monday.release_id)
        # Between the two: the release's own bars hold, and Tuesday's ticks come on top of them.
        await market.run()
        await until(lambda: listener.is_told(FeedState.CLOSED))

    latest = await listener.latest()
    assert {message.release_id for key, message in latest.items() if not key.startswith("price")} == {monday.release_id}
    for ticker in TICKERS:
        closes = await listener.said(PredictionMessage, ticker=ticker, provisional=False)
        assert [close.session for close in closes][-1] == SESSIONS[-1]
        assert closes[-1].release_id == monday.release_id


async def test_a_release_that_can_not_be_had_is_told_and_the_old_one_used_until_there_is_another(
    engine, feed, listener, home, release, monday
):
    market = feed()
    await market.open()
    pointer = home / "releases" / "pointer.new"
    pointer.write_text("2012-03-05-000000000000\n")
    with capture_logs() as logs:
        async with running(engine):
            await until(lambda: listener.is_told(FeedState.CONNECTING))
            pointer.replace(home / "releases" / CURRENT)
            await until(lambda: listener.alert(AlertKind.RELEASE_REFUSED))
            raised = await listener.alert(AlertKind.RELEASE_REFUSED)
            await market.run()
            await until(lambda: listener.is_told(FeedState.CLOSED))
            before = await listener.latest()
            await asyncio.to_thread(publish_release, home / "releases", as_of=SESSIONS[1])
            await until(lambda: engine.floor.release.manifest.release_id == monday.release_id)

            async def is_over() -> bool:
                return await listener.alert(AlertKind.RELEASE_REFUSED) is None

            await until(is_over)

    assert raised.subject == "2012-03-05-000000000000"
    assert raised.text.startswith("release: expected one of")
    refused = next(log for log in logs if log["event"] == "release_refused")
    assert (refused["using"], refused["error"][:24]) == (release.manifest.release_id, "release: expected one of")
    assert before["prediction:IBM"].release_id == release.manifest.release_id


# The audit log.


async def test_an_engine_that_can_not_audit_ends_rather_than_speak(engine, feed, listener, audit):
    market = feed()
    await market.open()
    await market.run()
    audit.close()

    with pytest.raises(AuditFailed):
        await asyncio.wait_for(engine.run(), timeout=20)

    assert await listener.said(SignalMessage) == []


async def test_an_engine_whose_log_fails_says_so_last_and_one_that_can_log_again_takes_it_back(
    release, home, audit, valkey, feed, listener
):
    engine, market = new_engine(release, home, audit, valkey), feed()
    await market.open()
    working = asyncio.create_task(engine.run())
    await until(lambda: engine.state is EngineState.LEADING)
    audit._database.rows("PRAGMA query_only = ON")
    await market.run()
    with pytest.raises(AuditFailed, match="readonly"):
        await asyncio.wait_for(working, timeout=20)
    raised, last = await listener.alert(AlertKind.AUDIT_BROKEN), (await listener.events())[-1]
    with pytest.raises(AuditFailed, match="readonly"):
        await asyncio.wait_for(new_engine(release, home, audit, valkey).run(), timeout=20)
    raised_again = decode((await listener.events())[-1].data)
    said_of_the_market = await listener.said(SignalMessage, provisional=True)

    audit._database.rows("PRAGMA query_only = OFF")
    async with running(new_engine(release, home, audit, valkey)):
        await until(lambda: listener.said(AlertMessage, subject="audit", active=False))

    assert decode(last.data) == raised
    assert (raised.severity, raised.subject) == (Severity.CRITICAL, "audit")
    assert "readonly" in raised.text
    assert (raised_again.kind, raised_again.active) == (AlertKind.AUDIT_BROKEN, True), "its successor could not either"
    assert said_of_the_market == []
    assert await listener.alert(AlertKind.AUDIT_BROKEN) is None
