"""What a live process tells Prometheus: read from what feed and engine know anyway when somebody asks.

Nothing is counted here. One port a process, on the loopback.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.errors import CannotStart
from serving.live.engine import Engine
from serving.live.status import BOUNDS, EngineState, FeedStatus, Spread
from serving.messages import FeedState

LOOPBACK: Final = "127.0.0.1"
PREFIX: Final = "stock_assets_engine"


def serve(port: int, *collectors: Collector) -> int:
    """Answer scrapes on the loopback from now on, beside everything else; the port, for 0 the one that was free.

    Raises
    ------
    CannotStart
        If the port can't be had.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    for collector in collectors:
        registry.register(collector)
    try:
        server, _ = start_http_server(port, addr=LOOPBACK, registry=registry)
    except OSError as error:
        raise CannotStart(f"metrics_port: expected {LOOPBACK}:{port} to be free, got: {error}") from error
    return server.server_port


class EngineCollector(Collector):
    """An engine's figures."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        yield from self._roles()
        yield from self._counters()
        yield from self._positions()

    def _roles(self) -> Iterator[Metric]:
        engine = self._engine
        yield _states(f"{PREFIX}_state", "1 for what the engine is doing.", EngineState, engine.state)
        yield _states(f"{PREFIX}_feed_state", "1 for how its feed stands.", FeedState, engine.watch.feed)
        leads = engine.state is EngineState.LEADING
        yield _gauge("lease_held", "Whether it is this engine that speaks.", float(leads))
        yield _gauge("term", "Of its newest lease; 0 before the first.", engine.lease.term)
        release = GaugeMetricFamily(f"{PREFIX}_release_info", "1 for the release in use.", labels=["release_id"])
        release.add_metric([engine.floor.release.manifest.release_id], 1)
        yield release

    def _counters(self) -> Iterator[Metric]:
        counts = self._engine.counts
        ticks = CounterMetricFamily(f"{PREFIX}_ticks", "Ticks taken in, by what became of them.", labels=["taken"])
        for taken, number in list(counts.ticks.items()):
            ticks.add_metric([taken.value], number)
        yield ticks
        yield _counter("predictions", "Predictions made.", counts.predictions)
        yield _counter("conflated", "Ticks passed over because a newer one of the ticker was there.", counts.conflated)
        yield _counter("gaps", "Times that ticks were trimmed away before they were read.", counts.gaps)
        yield _spread("tick_to_message_seconds", "From a tick's arrival to its messages in Redis.", counts.latencies)
        yield _spread("audit_commit_seconds", "To append to the audit log.", counts.commits)

    def _positions(self) -> Iterator[Metric]:
        counts, now = self._engine.counts, time.time()
        yield _gauge("backlog", "Ticks that the newest turn found waiting.", counts.backlog)
        yield _gauge("events_seq", "Number of the newest message.", self._engine.outbox.seq)
        if counts.audit_id is not None:
            yield _gauge("audit_id", "Newest entry of the audit log that the engine knows.", counts.audit_id)
        if counts.tick_lag_ms is not None:
            yield _gauge("tick_lag_seconds", "Age of the newest tick when it was taken in.", counts.tick_lag_ms / 1000)
        age = GaugeMetricFamily(
            f"{PREFIX}_prediction_age_seconds", "Since a ticker's newest prediction was made.", labels=["ticker"]
        )
        for ticker, made_at in list(counts.predicted_at.items()):
            age.add_metric([ticker], now - made_at)
        yield age


class FeedCollector(Collector):
    """How a feed's connection stands."""

    def __init__(self, status: FeedStatus, tickers: Iterable[str]) -> None:
        self._status = status
        self._tickers = tuple(tickers)

    def collect(self) -> Iterator[Metric]:
        yield _states(
            "stock_assets_feed_state", "1 for how the feed's connection stands.", FeedState, self._status.state
        )
        tickers = GaugeMetricFamily("stock_assets_feed_tickers", "Tickers that the feed brings.")
        tickers.add_metric([], len(self._tickers))
        yield tickers


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)


def _counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(f"{PREFIX}_{name}", text, value=value)


def _spread(name: str, text: str, spread: Spread) -> Metric:
    cumulative = accumulate(spread.counts)
    buckets = [(str(bound), count) for bound, count in zip((*BOUNDS, "+Inf"), cumulative, strict=True)]
    return HistogramMetricFamily(f"{PREFIX}_{name}", text, buckets=buckets, sum_value=spread.seconds)


def _states(name: str, text: str, states: type[EngineState | FeedState], state: EngineState | FeedState) -> Metric:
    """One series for each that there is."""
    family = GaugeMetricFamily(name, text, labels=["state"])
    for each in states:
        family.add_metric([each.value], float(each is state))
    return family
