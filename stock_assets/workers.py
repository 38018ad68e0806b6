"""A pool of warm worker processes: the slow imports are paid once a process, then it takes one job after another.

A worker that dies fails its own job and no other; another takes its place. What the jobs do is `stock_assets.runs`'
business.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from release.logs import configure_logging

# One job a core: threads of numerical libraries inside a job would only fight over it.
ONE_THREAD: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}
# A worker in a Dagster run ends when the run next looks for an interrupt, which may be a model later.
END_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One call, ``function(*arguments)``; `label` names it in events.

    With `reports`, the function is also given ``report=``, a callable that sends a word on its progress.
    """

    label: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    reports: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """A worker has taken the job."""

    label: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What the job is busy with."""

    label: str
    doing: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The job has returned `value`."""

    label: str
    value: Any


@dataclass(frozen=True, slots=True)
class Died:
    """The job's worker ended before the job did; `reason` says how and where its log is."""

    label: str
    reason: str


Event = Started | Progress | Finished | Died


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    log: Path
    job: Job | None = None


@dataclass(slots=True)
class Pool:
    """Worker processes, of which all but one start at once and import `warm` while the caller prepares its jobs.

    The last one starts when there are jobs for all.

    Use it as a context manager: leaving it ends the workers.

    Parameters
    ----------
    workers : int
        How many; at least 1.
    logs : Path
        Folder for one ``worker-<n>.log`` each, made if need be.
    warm : sequence of str
        Modules that a worker imports before its first job.
    first : Job, optional
        What every worker does once after that; its result is not kept.
    environment : mapping
        Added to what the workers inherit.
    """

    workers: int
    logs: Path
    warm: Sequence[str] = ()
    first: Job | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    _staff: list[_Worker] = field(default_factory=list, init=False)
    _hired: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers: expected at least 1, got {self.workers}")

    @property
    def open(self) -> bool:
        """Whether it has workers."""
        return bool(self._staff)

    def __enter__(self) -> Pool:
        self.logs.mkdir(parents=True, exist_ok=True)
        # The caller has slow imports of its own to do meanwhile: the last worker's core is its until there are jobs.
        self._staff = [self._hire() for _ in range(max(1, self.workers - 1))]
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        for worker in self._staff:
            if kind is None and worker.process.is_alive():
                with contextlib.suppress(BrokenPipeError):
                    worker.connection.send(None)
            else:
                worker.process.terminate()
        deadline = time.monotonic() + END_SECONDS
        for worker in self._staff:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.connection.close()
        self._staff = []

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Run the jobs, in their order of arrival, and yield what happens to them until all are done.

        An exception inside a job ends its worker: it is reported as `Died`, its traceback is in the worker's log.
        """
        self._staff += [self._hire() for _ in range(min(self.workers, len(jobs)) - len(self._staff))]
        waiting = deque(jobs)
        for worker in self._staff:
            yield from self._assign(worker, waiting)
        while busy := [worker for worker in self._staff if worker.job is not None]:
            for ready in wait([worker.connection for worker in busy]):
                worker = next(worker for worker in busy if worker.connection is ready)
                event = self._hear(worker)
                yield event
                if isinstance(event, Died):
                    worker = self._replace(worker)
                if isinstance(event, Finished | Died):
                    yield from self._assign(worker, waiting)

    def _assign(self, worker: _Worker, waiting: deque[Job]) -> Iterator[Event]:
        worker.job = waiting.popleft() if waiting else None
        if worker.job is None:
            return
        # One that died while idle can't be sent to; hearing of it then tells the same story as a death at work.
        with contextlib.suppress(BrokenPipeError):
            worker.connection.send(worker.job)
        yield Started(worker.job.label)

    def _hear(self, worker: _Worker) -> Event:
        assert worker.job is not None
        try:
            event: Event = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            worker.process.join()
            return Died(worker.job.label, f"its worker {_ending(worker.process.exitcode)}; see {worker.log}")
        return event

    def _replace(self, dead: _Worker) -> _Worker:
        dead.connection.close()
        fresh = self._hire()
        self._staff[self._staff.index(dead)] = fresh
        return fresh

    def _hire(self) -> _Worker:
        self._hired += 1
        log = self.logs / f"worker-{self._hired}.log"
        ours, theirs = multiprocessing.Pipe()
        # Spawned, not forked: the parent has threads (its progress bar), and a fork would copy their locks.
        context = multiprocessing.get_context("spawn")
        process = context.Process(
            target=_work,
            args=(theirs, log, tuple(self.warm), self.first, os.getpid()),
            name=f"worker-{self._hired}",
            daemon=True,
        )
        with _environment({**ONE_THREAD, **self.environment}):
            process.start()
        theirs.close()
        return _Worker(process, ours, log)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


@contextlib.contextmanager
def _environment(added: Mapping[str, str]) -> Iterator[None]:
    """Add to the environment for as long as it takes to start a child; a spawned child knows no other way."""
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(connection: Connection, log: Path, warm: Sequence[str], first: Job | None, parent: int) -> None:
    """A worker's life: output to its log, slow imports, then jobs until there is no more or nobody listens."""
    # Ctrl-C is for the parent, which ends the workers itself: a session of one's own is out of the terminal's reach.
    # Ignoring it would not do, because Dagster treats SIGTERM as it finds SIGINT treated.
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _die_with(parent)
    with log.open("wb") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    configure_logging()
    for module in warm:
        importlib.import_module(module)
    if first is not None:
        first.function(*first.arguments)
    # What that made lives as long as the process: the collector need not walk it again, nor at the end.
    gc.freeze()
    with contextlib.suppress(EOFError, BrokenPipeError):
        while (job := connection.recv()) is not None:
            connection.send(Finished(job.label, _call(job, connection)))


def _call(job: Job, connection: Connection) -> Any:
    if not job.reports:
        return job.function(*job.arguments)
    return job.function(*job.arguments, report=lambda doing: connection.send(Progress(job.label, doing)))


def _die_with(parent: int) -> None:
    """Have Linux end this process when its parent is killed outright."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)
