"""The WebSocket stream over real sockets and a real Valkey: what a listener can rely on, whatever goes away."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import redis
import websockets
from engine_voice import speak_anew, voice
from live_messages import price, signal
from real_release import publish_release
from stream_server import alert, next_frame, portfolio, say, serving, status, subscribe, tell
from waiting import until

from release.store import Store
from serving.live import bus
from serving.messages import PredictionMessage
from serving.protocol import decode_frame

pytestmark = pytest.mark.anyio


async def test_nothing_follows_the_greeting_before_a_subscription_and_then_everything_does(published_home):
    async with serving(published_home) as server, server.stream() as listener:
        hello = await next_frame(listener)
        tell(server.hub, price("AAPL", 545.0))
        await listener.send('{"type": "ping", "id": 7}')
        pong = await next_frame(listener)
        await subscribe(listener)
        snapshot = await next_frame(listener)
        rest = (await server.get("/v1/predictions")).json()

    assert (hello["type"], hello["protocol"], hello["epoch"], hello["seq"]) == ("hello", 2, None, 0)
    assert pong == {"type": "pong", "seq": 0, "id": 7}
    assert hello["release_id"] == snapshot["release_id"] == rest["predictions"][0]["release_id"]
    assert [{**message, "type": "prediction"} for message in rest["predictions"]] == snapshot["predictions"]
    assert {message["ticker"] for message in snapshot["signals"]} == {"AAPL", "IBM"}
    assert [message["price"] for message in snapshot["prices"]] == [545.0]
    assert (snapshot["portfolio"], snapshot["alerts"], snapshot["status"]) == (None, [], None)


async def test_a_new_release_is_told_by_a_snapshot(home):
    async with serving(home) as server, server.listener() as listener:
        before = await next_frame(listener, "snapshot")
        await asyncio.to_thread(publish_release, home / "releases", tickers=("AAPL", "MSFT"))
        after = await next_frame(listener)

    assert before["release_id"] != after["release_id"]
    assert {message["ticker"] for message in after["predictions"]} == {"AAPL", "MSFT"}


async def test_what_the_engine_says_comes_in_a_gapless_chain_and_by_rest(published_home, valkey, live_prediction):
    outbox = voice(valkey)
    await say(valkey, outbox, status(), price("AAPL", 545.0))
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.hub.seq == 2)
        async with server.listener() as listener:
            snapshot = await next_frame(listener)
            frames = []
            for value in (546.0, 547.0, 548.0):
                await say(valkey, outbox, price("AAPL", value), msgspec.structs.replace(live_prediction, close=value))
                frames.append(await next_frame(listener))
            rest = (await server.get("/v1/predictions/AAPL")).json()

    assert (snapshot["epoch"], snapshot["seq"]) == (outbox.epoch, 2)
    assert [message["price"] for message in snapshot["prices"]] == [545.0]
    assert [frame["type"] for frame in frames] == ["delta"] * 3
    assert [(frame["prev"], frame["seq"]) for frame in frames] == [(2, 4), (4, 6), (6, 8)]
    assert [frame["messages"][0]["price"] for frame in frames] == [546.0, 547.0, 548.0]
    assert {**rest, "type": "prediction"} == frames[-1]["messages"][1]
    assert rest["close"] == 548.0


async def test_every_kind_of_news_has_its_channel(published_home, live_prediction):
    async with serving(published_home) as server:
        told = {
            "prices": price("AAPL", 545.0),
            "predictions": live_prediction,
            "signals": signal("AAPL", 1),
            "portfolio": portfolio(server.app.state.latest.release_id),
            "alerts": alert("AAPL"),
            "status": status(),
        }
        heard, known = {}, {}
        for channel in told:
            async with server.listener(channels=[channel]) as listener:
                await next_frame(listener)
                tell(server.hub, *told.values())
                heard[channel] = (await next_frame(listener))["messages"]
                await subscribe(listener, channels=[channel])
                known[channel] = await next_frame(listener)

    assert {channel: [message["type"] for message in messages] for channel, messages in heard.items()} == {
        channel: [type(message).__struct_config__.tag] for channel, message in told.items()
    }
    for channel, snapshot in known.items():
        assert {other for other in told if snapshot[other]} == {channel}


async def test_a_subscription_narrows_what_is_told_and_keeps_the_chain(published_home, live_prediction):
    async with serving(published_home) as server, server.listener(tickers=["IBM"], channels=["prices"]) as listener:
        snapshot = await next_frame(listener)
        tell(server.hub, price("AAPL", 545.0), live_prediction)
        tell(server.hub, price("IBM", 198.0))
        delta = await next_frame(listener)

    assert (snapshot["predictions"], snapshot["signals"], snapshot["status"]) == ([], [], None)
    assert [message["ticker"] for message in delta["messages"]] == ["IBM"]
    assert (delta["prev"], delta["seq"]) == (snapshot["seq"], 3)


async def test_of_news_that_come_together_only_the_newest_is_told_but_each_signal(published_home):
    async with serving(published_home) as server, server.listener(channels=["prices", "signals"]) as listener:
        await next_frame(listener)
        tell(
            server.hub,
            price("AAPL", 545.0),
            signal("AAPL", 1),
            price("IBM", 198.0),
            price("AAPL", 546.0),
            signal("AAPL", 2),
        )
        delta = await next_frame(listener)

    assert [message.get("price", message.get("audit_id")) for message in delta["messages"]] == [1, 198.0, 546.0, 2]


async def test_an_active_alert_is_in_every_snapshot_until_it_is_over(published_home):
    async with serving(published_home) as server, server.listener(channels=["alerts"]) as listener:
        await next_frame(listener)
        tell(server.hub, alert("AAPL"), alert("IBM"))
        raised = await next_frame(listener)
        await subscribe(listener, channels=["alerts"])
        during = await next_frame(listener)
        tell(server.hub, alert("AAPL", active=False))
        await next_frame(listener)
        await subscribe(listener, channels=["alerts"])
        after = await next_frame(listener)

    assert [message["subject"] for message in raised["messages"]] == ["AAPL", "IBM"]
    assert [message["subject"] for message in during["alerts"]] == ["AAPL", "IBM"]
    assert [message["subject"] for message in after["alerts"]] == ["IBM"]


async def test_a_release_that_is_refused_raises_an_alert_which_ends_with_a_good_one(home):
    releases = home / "releases"
    good = Store(releases).current()
    bad = publish_release(home / "aside", tickers=("IBM",)).release_id
    async with serving(home) as server, server.listener(channels=["alerts"]) as listener:
        await next_frame(listener)
        (home / "aside" / bad / "metrics.json").write_text("{}")
        (home / "aside" / bad).rename(releases / bad)
        pointer = releases / "current.new"
        pointer.write_text(f"{bad}\n{good}\n")
        pointer.replace(releases / "current")
        raised = await next_frame(listener)
        async with server.listener(channels=["alerts"]) as late:
            known = await next_frame(late)
        better = await asyncio.to_thread(lambda: publish_release(releases, tickers=("AAPL",)).release_id)
        over = await next_frame(listener)
        renewed = await next_frame(listener)

    assert (raised["prev"], raised["seq"]) == (0, 0)
    assert known["alerts"] == raised["messages"]
    assert (raised["messages"][0]["kind"], raised["messages"][0]["subject"]) == ("release_refused", bad)
    assert raised["messages"][0]["text"].startswith("metrics.json: expected ")
    assert [(message["subject"], message["active"]) for message in over["messages"]] == [(bad, False)]
    assert (renewed["release_id"], renewed["alerts"]) == (better, [])


async def test_another_release_s_portfolio_is_told_to_nobody(published_home):
    async with serving(published_home) as server, server.listener(channels=["portfolio", "prices"]) as listener:
        await next_frame(listener)
        for message in (portfolio("2011-01-01-0123456789ab"), price("AAPL", 545.0)):
            server.app.state.latest.apply(message)
        await subscribe(listener)
        snapshot = await next_frame(listener)

    assert snapshot["portfolio"] is None
    assert snapshot["prices"]


async def test_who_comes_back_is_told_what_it_missed_and_nothing_else(published_home, valkey):
    outbox = voice(valkey)
    await say(valkey, outbox, status(), price("AAPL", 545.0))
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.hub.seq == 2)
        async with server.listener() as listener:
            seen = await next_frame(listener)
        await say(valkey, outbox, signal("AAPL", 1), price("AAPL", 546.0), price("IBM", 198.0))
        await say(valkey, outbox, signal("AAPL", 2), price("AAPL", 547.0), signal("IBM", 3))
        await until(lambda: server.hub.seq == 8)
        place = {"epoch": seen["epoch"], "last_seq": seen["seq"], "release_id": seen["release_id"]}
        async with server.listener(resume=place) as again, server.listener(resume={**place, "last_seq": 6}) as other:
            missed, last = await next_frame(again), await next_frame(other)
            await say(valkey, outbox, price("IBM", 199.0))
            news = await next_frame(again)

    assert (missed["type"], missed["prev"], missed["seq"]) == ("delta", 2, 8)
    assert [(message["type"], message.get("price", message.get("audit_id"))) for message in missed["messages"]] == [
        ("signal", 1),
        ("price", 198.0),
        ("signal", 2),
        ("price", 547.0),
        ("signal", 3),
    ]
    # Of one batch, only what was not told.
    assert (last["prev"], [message.get("audit_id") for message in last["messages"]]) == (6, [None, 3])
    assert (news["prev"], news["seq"]) == (8, 9)


async def test_a_place_is_resumed_from_after_the_gateway_was_started_again(published_home, valkey):
    outbox = voice(valkey)
    await say(valkey, outbox, status(), signal("AAPL", 1))
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.hub.seq == 2)
        async with server.listener() as listener:
            seen = await next_frame(listener)
    await say(valkey, outbox, signal("AAPL", 2), price("AAPL", 546.0), signal("AAPL", 3))
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.hub.seq == 5)
        async with server.listener(resume={"epoch": seen["epoch"], "last_seq": 2}) as again:
            missed = await next_frame(again)

    assert (missed["type"], missed["prev"], missed["seq"]) == ("delta", 2, 5)
    assert [message.get("audit_id") for message in missed["messages"]] == [2, None, 3]


async def test_who_comes_back_to_another_release_is_told_the_signals_between_and_then_everything(home, valkey):
    outbox = voice(valkey)
    await say(valkey, outbox, status())
    async with serving(home, valkey.url) as server:
        await until(lambda: server.hub.seq == 1)
        async with server.listener() as listener:
            seen = await next_frame(listener)
        await say(valkey, outbox, signal("AAPL", 1), price("AAPL", 546.0))
        await until(lambda: server.hub.seq == 3)
        newer = await asyncio.to_thread(lambda: publish_release(home / "releases", as_of="2012-02-29").release_id)
        await until(lambda: server.app.state.latest.release_id == newer)
        async with server.listener(resume={"epoch": seen["epoch"], "last_seq": 1}) as again:
            frames = [await next_frame(again) for _ in range(2)]

    assert [frame["type"] for frame in frames] == ["delta", "snapshot"]
    assert [message["audit_id"] for message in frames[0]["messages"]] == [1]
    assert (frames[1]["seq"], frames[1]["release_id"]) == (3, newer)


async def test_a_client_that_has_heard_more_than_this_worker_waits_for_it(published_home, valkey):
    outbox = voice(valkey)
    await say(valkey, outbox, status())
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.hub.seq == 1)
        async with server.listener(resume={"epoch": outbox.epoch, "last_seq": 2}) as listener:
            await say(valkey, outbox, price("AAPL", 545.0), signal("AAPL", 1))
            delta = await next_frame(listener)

    assert (delta["type"], delta["prev"], delta["seq"]) == ("delta", 2, 3)
    assert [message["type"] for message in delta["messages"]] == ["signal"]


async def test_without_redis_rest_answers_and_the_stream_says_that_it_is_stale_until_it_is_back(
    published_home, valkey, live_prediction
):
    outbox = voice(valkey)
    await say(valkey, outbox, status(), live_prediction)
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.hub.seq == 2)
        async with server.listener() as listener:
            await next_frame(listener, "snapshot")

            valkey.kill()
            stale = await next_frame(listener)
            told = (await server.get("/v1/status")).json()
            answer = await server.get("/v1/predictions/AAPL")
            async with server.listener() as late:
                greeting = [(await next_frame(late))["type"] for _ in range(2)]

            valkey.start()
            with redis.Redis.from_url(valkey.url) as operator:
                await until(lambda: len(operator.client_list()) == 2)
                await until(lambda: all(client["cmd"] != "NULL" for client in operator.client_list()))
            still = (await server.get("/v1/status")).json()
            speak_anew(valkey, outbox)
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
    assert greeting == ["snapshot", "stale"]
    assert still["feed"]["stale"] is True
    assert [message["price"] for message in back["prices"]] == [550.0]
    assert back["epoch"] == outbox.epoch
    assert delta["prev"] == back["seq"]
    assert mended["feed"]["stale"] is False


async def test_signals_said_while_redis_was_out_of_reach_are_told_one_by_one_before_the_snapshot(
    published_home, valkey
):
    outbox = voice(valkey)
    await say(valkey, outbox, status())
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.hub.seq == 1)
        async with server.listener() as listener:
            await next_frame(listener, "snapshot")
            with redis.Redis.from_url(valkey.url) as operator:
                # Every connection is cut before anything is said, and the follower finds its way back by itself.
                operator.client_pause(200, all=True)
                operator.client_kill_filter(_type="normal", skipme=True)
                await next_frame(listener, "stale")
            await say(valkey, outbox, signal("AAPL", 1), signal("AAPL", 2), price("AAPL", 545.0))
            frames = [await next_frame(listener)]
            while frames[-1]["seq"] < 4 or frames[-1]["type"] != "snapshot":
                frames.append(await next_frame(listener))

    told = [message for frame in frames if frame["type"] == "delta" for message in frame["messages"]]
    assert [message["audit_id"] for message in told if message["type"] == "signal"] == [1, 2]
    assert [frame["seq"] for frame in frames] == sorted(frame["seq"] for frame in frames)
    assert frames[-1]["prices"][0]["price"] == 545.0


async def test_a_redis_that_never_was_there_is_stale_from_the_beginning(published_home, valkey):
    valkey.kill()
    async with serving(published_home, valkey.url) as server, server.listener() as listener:
        stale = await next_frame(listener, "stale")
        ready = await server.get("/readyz")

    assert "expected Redis to answer" in stale["reason"]
    assert ready.status_code == 200


async def test_another_epoch_is_told_by_a_snapshot_of_it(published_home, valkey):
    first = voice(valkey)
    await say(valkey, first, status(), price("AAPL", 545.0), alert("AAPL"))
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.hub.seq == 3)
        async with server.listener() as listener:
            before = await next_frame(listener, "snapshot")
            second = voice(valkey)
            await say(valkey, second, status(), price("AAPL", 500.0))
            snapshot = await next_frame(listener)

    assert len(before["alerts"]) == 1
    assert (snapshot["type"], snapshot["epoch"], snapshot["seq"]) == ("snapshot", second.epoch, 2)
    assert [message["price"] for message in snapshot["prices"]] == [500.0]
    assert snapshot["alerts"] == []


async def test_a_redis_that_has_lost_the_newest_never_takes_a_client_back(published_home, valkey):
    outbox = voice(valkey)
    await say(valkey, outbox, status(), price("AAPL", 545.0))
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.hub.seq == 2)
        async with server.listener() as listener:
            await next_frame(listener, "snapshot")
            with redis.Redis.from_url(valkey.url) as operator:
                newest = operator.xrevrange(bus.EVENTS, count=1)[0][0]
                operator.xdel(bus.EVENTS, newest)
                operator.hset(bus.ENGINE, "seq", 1)
                operator.client_kill_filter(_type="normal", skipme=True)
            stale = [await next_frame(listener)]
            await until(lambda: server.app.state.latest.connected)
            async with server.listener(resume={"epoch": outbox.epoch, "last_seq": 2}) as other:
                resumed = await next_frame(other)

    assert [frame["type"] for frame in stale] == ["stale"]
    assert (resumed["type"], resumed["prev"], resumed["seq"]) == ("delta", 2, 2)


async def test_the_last_words_of_a_dead_engine_are_as_old_as_they_are(published_home, valkey, live_prediction):
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    await say(valkey, voice(valkey), status(long_ago), live_prediction)
    async with serving(published_home, valkey.url) as server:
        await until(lambda: server.hub.seq == 2)
        async with server.listener() as listener:
            stale = await next_frame(listener, "stale")
        answer = await server.get("/v1/predictions/AAPL")

    assert datetime.fromisoformat(stale["since"]) == long_ago
    assert 3600 <= int(answer.headers["x-data-age"]) < 3700


async def test_an_engine_behind_the_release_changes_nothing(published_home, valkey, live_prediction):
    outdated = msgspec.structs.replace(live_prediction, session="2012-02-28", target_session="2012-02-29")
    async with serving(published_home, valkey.url) as server:
        await say(valkey, voice(valkey), status(), outdated)
        await until(lambda: server.hub.seq == 2)
        answer = (await server.get("/v1/predictions/AAPL")).json()

    assert answer["session"] == "2012-03-01"


async def test_a_listener_that_falls_behind_gets_the_newest_with_each_signal_and_holds_nobody_up(
    published_home, live_prediction
):
    # 100 kB a frame: what the sleeper leaves unread is far more than all buffers hold.
    prediction = msgspec.structs.replace(live_prediction, model_version="x" * 100_000)
    frames = 100
    async with serving(published_home) as server, server.stream(max_queue=1) as sleeper, server.listener() as reader:
        await subscribe(sleeper)
        seen = [await next_frame(sleeper, "snapshot")]
        await next_frame(reader, "snapshot")
        for number in range(1, frames + 1):
            tell(server.hub, prediction, signal("AAPL", number))
            assert (await next_frame(reader))["seq"] == 2 * number
        while seen[-1]["seq"] < 2 * frames:
            seen.append(await next_frame(sleeper))
        conflated = server.counted("stock_assets_stream_conflated_total")

    deltas = seen[1:]
    messages = [message for delta in deltas for message in delta["messages"]]
    assert [(delta["prev"]) for delta in deltas] == [frame["seq"] for frame in seen[:-1]]
    assert [message["audit_id"] for message in messages if message["type"] == "signal"] == list(range(1, frames + 1))
    assert sum(message["type"] == "prediction" for message in messages) < frames / 2
    assert conflated >= 1


async def test_listeners_are_counted_and_forgotten(published_home):
    async with serving(published_home) as server:
        async with server.stream() as listener:
            await next_frame(listener)
            during = server.counted("stock_assets_stream_listeners")
        await until(lambda: server.counted("stock_assets_stream_listeners") == 0)

    assert during == 1


async def test_a_server_that_drains_sends_everybody_away_with_a_pause_of_its_own(published_home):
    async with serving(published_home) as server:
        listeners = [await server.stream() for _ in range(5)]
        for listener in listeners:
            await next_frame(listener)
        await server.hub.drain(longest_pause_seconds=3.0)
        last = [await next_frame(listener) for listener in listeners]
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await listeners[0].recv()
        with pytest.raises(websockets.InvalidStatus) as refused:
            await server.stream()

    pauses = [frame["reconnect_after_seconds"] for frame in last]
    assert {(frame["type"], frame["code"]) for frame in last} == {("closing", 1012)}
    assert len(set(pauses)) > 1
    assert all(0.0 <= pause <= 3.0 for pause in pauses)
    assert closed.value.rcvd.code == 1012
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["content-type"] == "application/problem+json"


async def test_the_server_s_end_is_the_stream_s_end(published_home):
    async with serving(published_home) as server:
        listener = await server.stream()
        await next_frame(listener)
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await next_frame(listener, "pong")

    assert closed.value.rcvd.code == 1012


async def test_frames_are_those_of_the_documented_protocol(published_home, live_prediction):
    async with serving(published_home) as server, server.stream() as listener:
        said = [await listener.recv()]
        await subscribe(listener)
        said.append(await listener.recv())
        tell(server.hub, live_prediction, signal("IBM", 1))
        said.append(await listener.recv())
        server.hub.stale("live feed: silent")
        said.append(await listener.recv())

    frames = [decode_frame(frame) for frame in said]
    assert [type(frame).__name__ for frame in frames] == ["Hello", "Snapshot", "Delta", "Stale"]
    assert frames[2].messages == (live_prediction, signal("IBM", 1))
    assert all(isinstance(message, PredictionMessage) for message in frames[1].predictions)
