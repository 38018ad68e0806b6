"""What Prometheus is told of a live process is what feed and engine have counted."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from release.store import Store
from serving.errors import CannotStart
from serving.live import metrics
from serving.live.book import Taken
from serving.live.engine import Engine
from serving.live.status import FeedStatus, Spread
from serving.messages import FeedState

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def engine(release, home, audit) -> Engine:
    """An engine that stands by."""
    store = Store(home / "releases")
    return Engine(release, store=store, audit=audit, redis_url="redis://127.0.0.1:1/0", silence_seconds=30.0)


def scrape(port: int) -> Samples:
    """Every sample, by name and labels."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }


def of(samples: Samples, name: str, **labels: str) -> float:
    """One sample."""
    return samples[name, tuple(sorted(labels.items()))]


def test_an_engine_tells_what_it_has_counted(engine, release):
    engine.counts.ticks[Taken.COUNTED] = 7
    engine.counts.ticks[Taken.CROSSED] = 2
    engine.counts.conflated = 3
    engine.counts.audit_id = 11
    engine.counts.latency(0.3)
    engine.counts.latency(3.0)

    samples = scrape(metrics.serve(0, metrics.EngineCollector(engine)))

    assert of(samples, "stock_assets_engine_ticks_total", taken="counted") == 7
    assert of(samples, "stock_assets_engine_ticks_total", taken="crossed") == 2
    assert of(samples, "stock_assets_engine_conflated_total") == 3
    assert of(samples, "stock_assets_engine_audit_id") == 11
    assert of(samples, "stock_assets_engine_state", state="standby") == 1
    assert of(samples, "stock_assets_engine_state", state="leading") == 0
    assert of(samples, "stock_assets_engine_feed_state", state="connecting") == 1
    assert of(samples, "stock_assets_engine_lease_held") == 0
    assert of(samples, "stock_assets_engine_release_info", release_id=release.manifest.release_id) == 1
    seconds = "stock_assets_engine_tick_to_message_seconds"
    assert of(samples, f"{seconds}_bucket", le="0.00025") == 0
    assert of(samples, f"{seconds}_bucket", le="0.0005") == 1
    assert of(samples, f"{seconds}_bucket", le="+Inf") == of(samples, f"{seconds}_count") == 2
    assert of(samples, f"{seconds}_sum") == pytest.approx(0.0033)


def test_before_there_is_an_age_or_a_lag_none_is_told(engine):
    samples = scrape(metrics.serve(0, metrics.EngineCollector(engine)))

    names = {name for name, _ in samples}
    assert not {f"stock_assets_engine_{each}" for each in ("audit_id", "tick_lag_seconds")} & names
    assert "stock_assets_engine_prediction_age_seconds" not in names


def test_a_feed_tells_how_its_connection_stands():
    status = FeedStatus()
    collector = metrics.FeedCollector(status, ("AAPL", "IBM"))
    port = metrics.serve(0, collector)
    before = scrape(port)

    status.move(FeedState.LIVE)
    after = scrape(port)

    told = [
        {state: of(each, "stock_assets_feed_state", state=state.value) for state in FeedState}
        for each in (before, after)
    ]
    assert told[0] == {state: float(state is FeedState.CONNECTING) for state in FeedState}
    assert told[1] == {state: float(state is FeedState.LIVE) for state in FeedState}
    assert of(after, "stock_assets_feed_tickers") == 2


def test_a_port_that_somebody_has_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(CannotStart, match=rf"metrics_port: expected 127\.0\.0\.1:{port} to be free, got: "):
            metrics.serve(port)


def test_a_duration_at_a_bound_is_within_it():
    spread = Spread()

    spread.add(0.0005)

    assert spread.counts[:3] == [0, 1, 0]
