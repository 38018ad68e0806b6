"""What the server tells Prometheus. One registry a process, each series labelled with the worker it comes from."""

from __future__ import annotations

import os
from functools import cache
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Cached answers take well under a millisecond, a what-if a few.
SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """Counters and gauges of one server process."""

    def __init__(self) -> None:
        # A second series for each one, to say when it began: the process' start time says it once.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._worker = str(os.getpid())
        ProcessCollector(registry=self.registry)
        labels = ("route", "method", "status", "worker")
        self._requests = Counter("stock_assets_http_requests", "Requests answered.", labels, registry=self.registry)
        self._seconds = Histogram(
            "stock_assets_http_request_seconds",
            "Time to answer, from the request's head to the last byte handed over; cached answers are only counted.",
            ("route", "worker"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._reloads = Counter(
            "stock_assets_release_loads", "Releases loaded.", ("outcome", "worker"), registry=self.registry
        )
        self._release = Gauge(
            "stock_assets_release_info", "1 for the release served.", ("release_id", "worker"), registry=self.registry
        )
        self._messages = Counter(
            "stock_assets_live_messages", "Live messages taken in.", ("type", "worker"), registry=self.registry
        )
        self._last_message = Gauge(
            "stock_assets_live_last_message_timestamp_seconds",
            "When the newest live message arrived, Unix time; 0 before the first.",
            ("worker",),
            registry=self.registry,
        )
        self._listeners = Gauge(
            "stock_assets_stream_listeners", "WebSocket connections open.", ("worker",), registry=self.registry
        )
        self._conflated = Counter(
            "stock_assets_stream_conflated",
            "Times that a listener fell behind and was given a snapshot in place of what it had missed.",
            ("worker",),
            registry=self.registry,
        )
        self.request_counter = cache(self._request_counter)
        self._last_message.labels(self._worker).set(0)

    def _request_counter(self, route: str, method: str, status: int) -> Counter:
        """The counter of one kind of request, looked up once."""
        return self._requests.labels(route, method, str(status), self._worker)

    def request(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered in `seconds`."""
        self.request_counter(route, method, status).inc()
        self._seconds.labels(route, self._worker).observe(seconds)

    def release(self, release_id: str) -> None:
        """A release was loaded and is now the one served."""
        self._reloads.labels("loaded", self._worker).inc()
        self._release.clear()
        self._release.labels(release_id, self._worker).set(1)

    def release_refused(self) -> None:
        """A release could not be loaded; the one before is still served."""
        self._reloads.labels("refused", self._worker).inc()

    def live_message(self, kind: str, *, at: float) -> None:
        """A live message of type `kind` arrived at Unix time `at`."""
        self._messages.labels(kind, self._worker).inc()
        self._last_message.labels(self._worker).set(at)

    def listeners(self, number: int) -> None:
        """So many WebSocket connections are open."""
        self._listeners.labels(self._worker).set(number)

    def conflated(self) -> None:
        """A listener fell behind."""
        self._conflated.labels(self._worker).inc()

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)
