"""What a server process tells Prometheus without counting: the newest state that it knows, looked at when it is asked.

Every worker follows the same engine, so whichever is asked tells the same. What the engine has measured itself comes
here with its status messages, in seconds in place of its milliseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.latest import Latest
from serving.messages import (
    AlertKind,
    AlertMessage,
    FeedState,
    Figures,
    LiveMessage,
    PredictionMessage,
    StatusMessage,
)

PREFIX: Final = "stock_assets_"


class StateCollector(Collector):
    """Tells what `latest` knows.

    Parameters
    ----------
    latest : Latest
    version : str
        Of the program.
    """

    def __init__(self, latest: Latest, *, version: str) -> None:
        self._latest = latest
        self._version = version

    def collect(self) -> Iterator[Metric]:
        """One family after the other; those of the live engine only once it has spoken."""
        messages = self._latest.messages()
        yield _one("server_info", "1 for the program's version.", "version", {self._version: 1})
        release = self._latest.release_id
        yield _one("release_info", "1 for the release served.", "release_id", {release: 1} if release else {})
        yield self._ages(messages)
        yield _active(messages)
        status = next((message for message in messages if isinstance(message, StatusMessage)), None)
        yield _feed(status)
        if status is not None and status.figures is not None:
            yield from _engine(status.figures)

    def _ages(self, messages: tuple[LiveMessage, ...]) -> Metric:
        now = self._latest.clock.now()
        return _one(
            "prediction_age_seconds",
            "Seconds since the newest prediction of the ticker was made.",
            "ticker",
            {
                message.ticker: _seconds_between(message.made_at, now)
                for message in messages
                if isinstance(message, PredictionMessage)
            },
        )


def _active(messages: tuple[LiveMessage, ...]) -> Metric:
    """Alerts, also of the kinds of which there is none: a series that comes and goes is hard to watch."""
    active = Counter(message.kind for message in messages if isinstance(message, AlertMessage) and message.active)
    return _one("alerts_active", "Alerts that are active.", "kind", {kind.value: active[kind] for kind in AlertKind})


def _feed(status: StatusMessage | None) -> Metric:
    """One series a state; all 0 before an engine has spoken."""
    states = {state.value: int(status is not None and status.feed is state) for state in FeedState}
    return _one("feed_state", "1 for the state that the live feed is in, 0 for the others.", "state", states)


def _engine(figures: Figures) -> Iterator[Metric]:
    """What the engine has measured in its run so far; what it has not is left out."""
    yield _one("engine_info", "1 for the engine that speaks.", "engine", {figures.engine: 1})
    for name, text, number in (
        ("engine_ticks", "Ticks that the engine has taken in.", figures.ticks),
        ("engine_predictions", "Predictions that the engine has made.", figures.predictions),
        ("engine_conflated", "Ticks passed over for a newer one of the ticker.", figures.conflated),
    ):
        yield CounterMetricFamily(PREFIX + name, text, value=number)
    for name, text, value in (
        ("engine_term", "How often an engine has taken over.", figures.term),
        ("engine_backlog", "Ticks that wait for the engine.", figures.backlog),
        ("engine_audit_id", "The newest entry of the audit log.", figures.audit_id),
        ("engine_tick_lag_seconds", "Age in seconds of the newest tick when it was taken in.", _s(figures.tick_lag_ms)),
        (
            "engine_latency_p50_seconds",
            "Seconds from a tick's arrival to its messages, median.",
            _s(figures.latency_p50_ms),
        ),
        (
            "engine_latency_p99_seconds",
            "Seconds from a tick's arrival to its messages, 99th percentile.",
            _s(figures.latency_p99_ms),
        ),
        (
            "engine_audit_commit_seconds",
            "Seconds that writing to the audit log took last.",
            _s(figures.audit_commit_ms),
        ),
    ):
        if value is not None:
            yield GaugeMetricFamily(PREFIX + name, text, value=value)


def _one(name: str, text: str, label: str, series: Mapping[str, float]) -> Metric:
    """A gauge by one label."""
    family = GaugeMetricFamily(PREFIX + name, text, labels=(label,))
    for value, number in series.items():
        family.add_metric((value,), number)
    return family


def _seconds_between(earlier: datetime, later: datetime) -> float:
    return (later - earlier).total_seconds()


def _s(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3
