"""What a scrape tells: every series with its unit, and of several workers all that they have counted together."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import websockets
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from real_server import serving, url_of, workers_of
from waiting import until

from release.clock import FixedClock
from serving.answers import CachedAnswers
from serving.app import create_app
from serving.live import bus
from serving.messages import AlertKind, AlertMessage, FeedState, Figures, Severity, StatusMessage, encode
from serving.metrics import Metrics
from serving.settings import ServerSettings

PREDICTION = "/v1/predictions/AAPL"
ROUTE = "/v1/predictions/{ticker}"
NOW = datetime(2026, 11, 23, 15, 5, tzinfo=UTC)
# Of Prometheus' own guide: the unit a name ends in is a base unit.
UNITS = ("seconds", "bytes", "ratio")
OTHER_UNITS = re.compile(r"_(ms|milliseconds|microseconds|minutes|hours|days|kb|mb|kilobytes|megabytes|percent)(_|$)")


def families(text: bytes | str) -> dict[str, Metric]:
    """A scrape, as Prometheus' client reads it."""
    text = text if isinstance(text, str) else text.decode()
    found = list(text_string_to_metric_families(text))
    assert len({family.name for family in found}) == len(found)
    return {family.name: family for family in found}


def value(scrape: dict[str, Metric], name: str, **labels: str) -> float:
    """The sum of the series of that name that have those labels."""
    return sum(
        sample.value
        for family in scrape.values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@pytest.fixture
def figures() -> Figures:
    """All that an engine can have measured."""
    return Figures(
        engine="engine-a",
        term=3,
        ticks=100,
        predictions=40,
        conflated=7,
        backlog=2,
        tick_lag_ms=12.5,
        latency_p50_ms=0.4,
        latency_p99_ms=1.6,
        audit_id=17,
        audit_commit_ms=0.3,
    )


@pytest.fixture
async def told(published_home, live_prediction, figures) -> Metrics:
    """A process that has been told everything there is to tell."""
    app = create_app(ServerSettings(home=published_home, redis_url="redis://nowhere"), clock=FixedClock(NOW))
    async with app.router.lifespan_context(app):
        status = StatusMessage(feed=FeedState.LIVE, at=NOW, release_id="", detail="", figures=figures)
        for message in (status, live_prediction):
            app.state.latest.apply(message)
        metrics: Metrics = app.state.metrics
        metrics.request(route=ROUTE, method="GET", status=200, seconds=0.003)
        metrics.release_refused()
        metrics.event_lag(0.002)
        metrics.sent(frames=3, size=300)
        metrics.conflated()
        metrics.dropped("too_slow")
        metrics.paused(1)
        metrics.csp_report("script-src")
    return metrics


@pytest.mark.anyio
async def test_the_engine_and_the_feed_are_told_in_seconds(told):
    scrape = families(told.text())

    assert value(scrape, "stock_assets_engine_tick_lag_seconds") == 0.0125
    assert value(scrape, "stock_assets_engine_latency_p99_seconds") == 0.0016
    assert value(scrape, "stock_assets_engine_ticks_total") == 100
    assert value(scrape, "stock_assets_engine_audit_id") == 17
    assert {s.labels["state"]: s.value for s in scrape["stock_assets_feed_state"].samples} == {
        state.value: float(state is FeedState.LIVE) for state in FeedState
    }


@pytest.mark.anyio
async def test_each_ticker_has_the_age_of_its_prediction_when_it_is_asked(told, live_prediction):
    ages = {s.labels["ticker"]: s.value for s in families(told.text())["stock_assets_prediction_age_seconds"].samples}

    assert set(ages) == {"AAPL", "IBM"}
    assert timedelta(seconds=ages["AAPL"]) == NOW - live_prediction.made_at


@pytest.mark.anyio
async def test_alerts_are_told_by_kind_also_of_the_kinds_of_which_there_is_none(app, client):
    for ticker in ("AAPL", "IBM"):
        app.state.latest.apply(
            AlertMessage(
                at=NOW,
                kind=AlertKind.NO_PREDICTION,
                severity=Severity.WARNING,
                subject=ticker,
                text="no prediction",
                active=True,
            )
        )

    scrape = families((await client.get("/metrics")).text)

    assert {s.labels["kind"]: s.value for s in scrape["stock_assets_alerts_active"].samples} == {
        kind.value: 2.0 if kind is AlertKind.NO_PREDICTION else 0.0 for kind in AlertKind
    }


@pytest.mark.anyio
async def test_the_lag_of_events_is_measured_from_when_redis_took_them_in(published_home, valkey):
    app = create_app(ServerSettings(home=published_home, redis_url=valkey.url))

    def lag(what: str) -> float:
        return value(families(app.state.metrics.text()), f"stock_assets_live_event_lag_seconds_{what}")

    async with app.router.lifespan_context(app), bus.connection(valkey.url) as client:
        status = StatusMessage(feed=FeedState.LIVE, at=NOW, release_id="", detail="")

        async def say_and_be_heard() -> bool:
            await client.xadd(bus.EVENTS, bus.Event("an-epoch", 1, encode(status)).fields())
            return lag("count") > 0

        # Said again: what was there before the server had begun to read is no event to it.
        await until(say_and_be_heard)

    assert 0 <= lag("sum") < 5


@pytest.mark.anyio
async def test_names_and_texts_keep_prometheus_rules(told):
    scrape = families(told.text())

    for name, family in scrape.items():
        names = {sample.name for sample in family.samples}
        assert name.startswith(("stock_assets_", "process_")), name
        assert family.documentation.endswith("."), name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
        assert not OTHER_UNITS.search(name), name
        assert family.type != "unknown", name
        assert (family.type == "counter") == any(each.endswith("_total") for each in names), name
        assert not {"le", "quantile"} & {label for s in family.samples for label in s.labels} or family.type == (
            "histogram"
        ), name
        for unit in UNITS:
            if name.endswith(f"_{unit}"):
                assert unit in family.documentation.lower(), name
        assert "worker" not in {label for s in family.samples for label in s.labels}, name


@pytest.mark.anyio
async def test_every_series_that_an_operator_needs_is_there(told):
    assert set(families(told.text())) >= {
        "stock_assets_http_requests",
        "stock_assets_http_request_seconds",
        "stock_assets_server_info",
        "stock_assets_server_workers",
        "stock_assets_release_info",
        "stock_assets_release_loads",
        "stock_assets_release_loaded_timestamp_seconds",
        "stock_assets_live_messages",
        "stock_assets_live_last_message_timestamp_seconds",
        "stock_assets_live_event_lag_seconds",
        "stock_assets_engine_info",
        "stock_assets_engine_term",
        "stock_assets_engine_ticks",
        "stock_assets_engine_predictions",
        "stock_assets_engine_conflated",
        "stock_assets_engine_backlog",
        "stock_assets_engine_tick_lag_seconds",
        "stock_assets_engine_latency_p50_seconds",
        "stock_assets_engine_latency_p99_seconds",
        "stock_assets_engine_audit_id",
        "stock_assets_engine_audit_commit_seconds",
        "stock_assets_feed_state",
        "stock_assets_prediction_age_seconds",
        "stock_assets_alerts_active",
        "stock_assets_csp_reports",
        "stock_assets_stream_listeners",
        "stock_assets_stream_paused",
        "stock_assets_stream_sent_frames",
        "stock_assets_stream_sent_bytes",
        "stock_assets_stream_conflated",
        "stock_assets_stream_drops",
        "process_cpu_seconds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    }


@pytest.mark.anyio
async def test_ready_answers_are_counted_by_route_method_and_status(app, client):
    await client.get(PREDICTION)
    tag = (await client.get(PREDICTION)).headers["etag"]
    await client.head(PREDICTION)
    await client.get(PREDICTION, headers={"if-none-match": tag})
    scrape = families((await client.get("/metrics")).text)
    again = families((await client.get("/metrics")).text)

    assert isinstance(app.front, CachedAnswers)
    for method, status, number in ("GET", "200", 2), ("HEAD", "200", 1), ("GET", "304", 1):
        for each in (scrape, again):
            counted = value(each, "stock_assets_http_requests_total", route=ROUTE, method=method, status=status)
            assert counted == number


@pytest.fixture
def two_workers(published_home, tmp_path) -> Iterator[tuple[object, Callable[[], dict[str, Metric]], str]]:
    """A server with two workers, a way to scrape it (by whichever worker takes the connection), and its URL."""
    home, own = ("--home", str(published_home)), {"TMPDIR": str(tmp_path)}
    with serving(*home, "--port", "0", "--workers", "2", environment=own) as process:
        url = url_of(process)
        yield process, lambda: families(httpx.get(f"{url}/metrics", timeout=20).text), url


def requests(scrape: dict[str, Metric], route: str = ROUTE) -> float:
    """How many requests for a route were counted."""
    return value(scrape, "stock_assets_http_requests_total", route=route)


@pytest.mark.anyio
async def test_two_workers_tell_exactly_what_was_sent_to_both_and_it_outlives_them(two_workers, tmp_path):
    process, scrape, url = two_workers
    for _ in range(60):
        # A connection each: either worker takes it.
        assert httpx.get(url + PREDICTION).status_code == 200
    httpx.get(url + "/v1/status")
    # Each is counted when it is over, which may be after its answer has come.
    await until(lambda: (requests(found := scrape()), requests(found, "/v1/status")) == (60, 1))
    files = sorted(path.name for path in tmp_path.rglob("*.db"))
    before = scrape()
    assert value(before, "stock_assets_server_workers") == 2
    assert value(before, "stock_assets_release_loads_total", outcome="loaded") == 2

    first, _ = workers_of(process)
    first.kill()
    await until(lambda: value(scrape(), "stock_assets_release_loads_total", outcome="loaded") == 3)
    after = scrape()

    assert requests(after) == 60
    assert value(after, "stock_assets_server_workers") == 2
    assert value(after, "process_start_time_seconds") >= value(before, "process_start_time_seconds")
    assert sorted(path.name for path in tmp_path.rglob("*.db")) == files
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_a_dead_workers_clients_are_counted_no_more(two_workers):
    process, scrape, url = two_workers

    def listeners() -> float:
        return value(scrape(), "stock_assets_stream_listeners")

    sockets = [await websockets.connect(url.replace("http:", "ws:") + "/v1/stream") for _ in range(20)]
    await until(lambda: listeners() == 20)
    first, second = workers_of(process)
    holders = {
        worker: sum(c.status == "ESTABLISHED" for c in worker.net_connections("tcp")) for worker in (first, second)
    }
    fuller = max(holders, key=lambda worker: holders[worker])
    fuller.kill()
    await until(lambda: listeners() < 20)
    left = sum(socket.state is websockets.State.OPEN for socket in await settled(sockets))

    assert listeners() == left


async def settled(sockets: list[websockets.ClientConnection]) -> list[websockets.ClientConnection]:
    """The sockets, once each that has lost its server knows it: a ping is answered, or the connection ends."""

    async def ask(socket: websockets.ClientConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            await (await socket.ping())

    await asyncio.gather(*map(ask, sockets))
    return sockets
