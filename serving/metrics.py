"""What one server process counts for Prometheus, and how several of them tell one story.

What happens often is counted in plain integers and handed to Prometheus' client when somebody asks, or twice a second
where other processes answer for this one. What a process can tell without counting, because it knows the newest state,
is `serving.state_metrics`'s.

Worker processes that share a port keep their values in files of one folder, each in those of its slot: whichever worker
answers a scrape adds up all of them. A worker that is started in place of a dead one takes its slot and counts on from
there; what only holds of a live process (its clients, its memory) goes with it.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Cached answers take well under a millisecond, a what-if a few.
SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
# From the engine to us: a millisecond when all is well, seconds when something is wrong.
LAG_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
# A worker that is killed outright takes with it what it has counted since it last wrote.
WRITE_SECONDS: Final = 0.5


class Tally:
    """A counter kept in plain integers between two looks: adding one costs a tenth of what the client's own does.

    Lives on the event loop, like whoever counts.

    Attributes
    ----------
    counts : dict
        Number by label values since the last look; whoever counts adds to it directly.
    """

    def __init__(self, counter: Counter) -> None:
        self.counts: defaultdict[tuple[str | int, ...], int] = defaultdict(int)
        self._counter = counter

    def write(self) -> None:
        """Hand over what was counted."""
        for labels, number in self.counts.items():
            counter = self._counter.labels(*(str(label) for label in labels)) if labels else self._counter
            counter.inc(number)
        self.counts.clear()


class Metrics:
    """Counters and gauges of one server process.

    Parameters
    ----------
    folder : Path, optional
        Where worker processes keep their values for one another, after `share`; None for a process that is alone.

    Attributes
    ----------
    requests : Tally
        Requests answered, by route, method and status.
    started_at : datetime
        When this process began to count.
    sockets : int
        WebSocket connections that it holds.
    """

    def __init__(self, *, folder: Path | None = None) -> None:
        # A second series for each one, to say when it began: the process' start time says it once.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.folder = folder
        self.started_at = datetime.now(UTC)
        self.sockets = 0
        self.registry = CollectorRegistry()
        self._told: list[Collector] = []
        self._tallies: list[Tally] = []
        self.requests = self._tally("http_requests", "Requests answered.", "route", "method", "status")
        self._seconds = self._histogram(
            "http_request_seconds",
            "Seconds to answer, from the request's head to the last byte handed over; cached answers are only counted.",
            "route",
            buckets=SECONDS,
        )
        self._loads = self._tally("release_loads", "Releases loaded, or refused.", "outcome")
        self._messages = self._tally("live_messages", "Live messages taken in, once by each worker.", "type")
        self._frames = self._tally("stream_sent_frames", "Frames sent to WebSocket clients.")
        self._bytes = self._tally("stream_sent_bytes", "Bytes of the frames sent to WebSocket clients.")
        self._conflated = self._tally(
            "stream_conflated", "Times that a client fell behind and got the newest of what it had missed."
        )
        self._drops = self._tally("stream_drops", "WebSocket clients refused or dropped by the server.", "reason")
        self._csp_reports = self._tally(
            "csp_reports", "Reports of what the pages' content security policy refused.", "directive"
        )
        self._lag = self._histogram(
            "live_event_lag_seconds", "Seconds from the engine's word, by Redis' clock, to us.", buckets=LAG_SECONDS
        )
        # Of many workers' values: the sum where they add up, the worst where they don't.
        self._clients = self._gauge("stream_listeners", "WebSocket connections open.", "livesum")
        self._paused = self._gauge(
            "stream_paused", "WebSocket clients that can't be written to now, what they miss is waiting.", "livesum"
        )
        self._last_message = self._gauge(
            "live_last_message_timestamp_seconds",
            "Unix time in seconds at which the newest live message arrived, 0 before the first; the oldest worker's.",
            "livemin",
        )
        self._loaded = self._gauge(
            "release_loaded_timestamp_seconds",
            "Unix time in seconds at which the release served was loaded, 0 before the first; the oldest worker's.",
            "livemin",
        )
        self._gauge("server_workers", "Server processes that answer.", "livesum").set(1)
        self._process = ProcessCollector(registry=self.registry) if folder is None else _WorkerProcess(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"stock_assets_{name}", text, labels, registry=self.registry)

    def _tally(self, name: str, text: str, *labels: str) -> Tally:
        tally = Tally(self._counter(name, text, *labels))
        self._tallies.append(tally)
        return tally

    def _gauge(self, name: str, text: str, together: str) -> Gauge:
        mode: dict[str, object] = {"multiprocess_mode": together}
        return Gauge(f"stock_assets_{name}", text, registry=self.registry, **mode)  # type: ignore[arg-type]

    def _histogram(self, name: str, text: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"stock_assets_{name}", text, labels, buckets=buckets, registry=self.registry)

    # What happens.

    def request(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered in `seconds`."""
        self.requests.counts[route, method, status] += 1
        self._seconds.labels(route).observe(seconds)

    def release(self) -> None:
        """A release was loaded and is now the one served."""
        self._loads.counts["loaded",] += 1
        self._loaded.set(time.time())

    def release_refused(self) -> None:
        """A release could not be loaded; the one before is still served."""
        self._loads.counts["refused",] += 1

    def live_message(self, kind: str, *, at: float) -> None:
        """A live message of type `kind` arrived at Unix time `at`."""
        self._messages.counts[kind,] += 1
        self._last_message.set(at)

    def event_lag(self, seconds: float) -> None:
        """An event arrived `seconds` after Redis had taken it in from the engine."""
        self._lag.observe(seconds)

    def listeners(self, number: int) -> None:
        """So many WebSocket connections are open."""
        self.sockets = number
        self._clients.set(number)

    def paused(self, number: int) -> None:
        """So many WebSocket clients can't be written to now."""
        self._paused.set(number)

    def sent(self, *, frames: int, size: int) -> None:
        """So many frames of `size` bytes together were written to WebSocket clients."""
        self._frames.counts[()] += frames
        self._bytes.counts[()] += size

    def conflated(self, number: int = 1) -> None:
        """So many clients fell behind."""
        self._conflated.counts[()] += number

    def dropped(self, reason: str) -> None:
        """A WebSocket client was refused or dropped; `reason` is one of few."""
        self._drops.counts[reason,] += 1

    def csp_report(self, directive: str) -> None:
        """A browser has reported a violation of `directive`, one of few."""
        self._csp_reports.counts[directive,] += 1

    # What is told.

    def tell(self, collector: Collector) -> None:
        """Let `collector` answer scrapes too, from what this process knows."""
        self._told.append(collector)

    def write(self) -> None:
        """Hand over everything counted so far."""
        for tally in self._tallies:
            tally.write()
        if isinstance(self._process, _WorkerProcess):
            self._process.write()

    def text(self) -> bytes:
        """Everything in Prometheus' text format: of all workers, where there are several."""
        self.write()
        scrape = CollectorRegistry()
        if self.folder is None:
            scrape.register(self.registry)
        else:
            MultiProcessCollector(scrape, path=str(self.folder))  # type: ignore[no-untyped-call]
        for collector in self._told:
            scrape.register(collector)
        return generate_latest(scrape)


class _WorkerProcess:
    """The standard figures of a process, for several that are told as one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = 0.0
        self._processor = Counter(
            "process_cpu_seconds", "Processor seconds spent, user and system, all workers'.", registry=registry
        )
        self._resident = Gauge(
            "process_resident_memory_bytes",
            "Resident memory in bytes, all workers'.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        started = Gauge(
            "process_start_time_seconds",
            "When the oldest worker was started, Unix time in seconds.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        started.set(time.time())

    def write(self) -> None:
        """Look at what the process has spent."""
        seconds = time.process_time()
        self._processor.inc(seconds - self._seconds)
        self._seconds = seconds
        resident = _resident_bytes()
        if resident is not None:
            self._resident.set(resident)


def _resident_bytes() -> int | None:
    """As the kernel says; None on a system without ``/proc``."""
    try:
        pages = Path("/proc/self/statm").read_bytes().split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def share(folder: Path, *, slot: int) -> None:
    """Keep this process' values in files of `folder` from now on; to be called before any `Metrics` is made.

    Parameters
    ----------
    folder : Path
        One of all workers of a server.
    slot : int
        Which of them this one is. No two live ones have the same.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    # By its slot and not its process id: files would grow in number with each start, and have to be merged some day.
    values.ValueClass = values.MultiProcessValue(process_identifier=lambda: slot)  # type: ignore[no-untyped-call]


def forget(folder: Path, *, slot: int) -> None:
    """A worker has died: what only holds of a live one goes, what it has counted stays."""
    mark_process_dead(slot, path=str(folder))  # type: ignore[no-untyped-call]
