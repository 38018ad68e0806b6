"""Several server processes on one port: starting them, starting one again that has died, ending all.

They share the listening socket, so that the kernel hands each connection to whoever is free, and nothing else. The
parent answers nobody: it watches.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType
from typing import Final

import structlog

from release.logs import configure_logging
from serving.errors import CannotStart
from serving.processes.draining import CUT_SHORT, STOPPED_SECONDS
from serving.settings import ServerSettings

# A little more than a worker takes at most.
KILLED_SECONDS: Final = STOPPED_SECONDS + 0.2
# Before another try, for a worker that died before it served.
RESTART_SECONDS: Final = 1.0
# A worker says that its event loop turns; one that has not for so long answers nobody, and is ended.
BEAT_SECONDS: Final = 1.0
SILENT_SECONDS: Final = 30.0
_STOP: Final = (signal.SIGINT, signal.SIGTERM)
_SPAWN: Final = multiprocessing.get_context("spawn")

log = structlog.get_logger()


class Worker:
    """One server process, from the parent's side."""

    def __init__(self, settings: ServerSettings, listening: socket.socket, folder: Path, *, slot: int) -> None:
        self.slot = slot
        self.ready = False
        self.heard_at = time.monotonic()
        self.telling, saying = _SPAWN.Pipe(duplex=False)
        self.process: SpawnProcess = _SPAWN.Process(
            target=work, args=(settings, listening, folder, slot, saying), name=f"server-{slot}", daemon=True
        )
        # Held back until it can obey them; Ctrl-C, which reaches all of a terminal's processes, for ever.
        with _held_back(_STOP):
            self.process.start()
        saying.close()

    def end(self, how: signal.Signals) -> None:
        """Tell it to stop, or end it."""
        if self.process.is_alive() and self.process.pid is not None:
            os.kill(self.process.pid, how)


class Workers:
    """All server processes of a port.

    Parameters
    ----------
    settings : ServerSettings
    listening : socket.socket
        Bound; closed as soon as the workers are told to stop, so that it is theirs alone.
    ready : callable
        Called once, when all of them serve.
    """

    def __init__(self, settings: ServerSettings, listening: socket.socket, *, ready: Callable[[], None]) -> None:
        self._settings = settings
        self._listening = listening
        self._say_ready = ready
        self._said_ready = False
        self._workers: dict[int, Worker] = {}
        self._due: dict[int, float] = dict.fromkeys(range(settings.workers), 0.0)
        self._signals: list[int] = []

    def run(self) -> int:
        """Until a signal; the exit status. `CannotStart` if no worker has come to serve."""
        folder = Path(tempfile.mkdtemp(prefix="stock-assets-"))
        # Starting it lets signals in again; that must not happen while they are held back for a worker.
        resource_tracker.ensure_running()
        try:
            with self._waking() as woken:
                while not self._signals:
                    self._start_due(folder)
                    self._look(folder, woken)
                return self._stop(woken)
        finally:
            for worker in self._workers.values():
                worker.end(signal.SIGKILL)
                worker.process.join()
            shutil.rmtree(folder, ignore_errors=True)

    def _start_due(self, folder: Path) -> None:
        now = time.monotonic()
        for slot in [slot for slot, at in self._due.items() if at <= now]:
            del self._due[slot]
            self._workers[slot] = Worker(self._settings, self._listening, folder, slot=slot)

    def _look(self, folder: Path, woken: int) -> None:
        """Wait for a worker to say something or to die, for a signal, or until one is to be started."""
        by_sentinel = {worker.process.sentinel: worker for worker in self._workers.values()}
        by_pipe = {worker.telling: worker for worker in self._workers.values()}
        due = [at - time.monotonic() for at in self._due.values()]
        for found in wait([*by_sentinel, *by_pipe, woken], timeout=max(0.0, min([BEAT_SECONDS, *due]))):
            if isinstance(found, Connection):
                self._heard(by_pipe[found])
            elif isinstance(found, int) and found in by_sentinel:
                self._died(by_sentinel[found], folder)
        self._end_silent()

    def _heard(self, worker: Worker) -> None:
        """A worker serves; no news if it has ended, which is seen elsewhere."""
        with contextlib.suppress(EOFError, OSError):
            worker.telling.recv_bytes()
            worker.ready, worker.heard_at = True, time.monotonic()
        if not self._said_ready and not self._due and all(worker.ready for worker in self._workers.values()):
            self._said_ready = True
            self._say_ready()

    def _end_silent(self) -> None:
        """End workers that hang. One that does not serve yet may take its time."""
        for worker in self._workers.values():
            if worker.ready and time.monotonic() - worker.heard_at > SILENT_SECONDS:
                log.error("worker_silent", slot=worker.slot, seconds=SILENT_SECONDS)
                worker.end(signal.SIGKILL)
                worker.heard_at = time.monotonic()

    def _died(self, worker: Worker, folder: Path) -> None:
        """Start another in its place; give up if none has ever served."""
        # The client's library for it is the workers', who count.
        from serving.metrics import forget

        worker.process.join()
        worker.telling.close()
        del self._workers[worker.slot]
        forget(folder, slot=worker.slot)
        log.error("worker_died", slot=worker.slot, exit_code=worker.process.exitcode, served=worker.ready)
        if not worker.ready and not self._said_ready:
            raise CannotStart(f"workers: expected each to start, got one with exit status {worker.process.exitcode}")
        self._due[worker.slot] = time.monotonic() + (0.0 if worker.ready else RESTART_SECONDS)

    def _stop(self, woken: int) -> int:
        """Tell all of them to stop, and wait until they have; the exit status."""
        told_at = time.monotonic()
        self._listening.close()
        for worker in self._workers.values():
            worker.end(signal.SIGTERM)
        while alive := [worker.process.sentinel for worker in self._workers.values() if worker.process.is_alive()]:
            left = told_at + KILLED_SECONDS - time.monotonic()
            if left <= 0:
                return 0
            wait([*alive, woken], timeout=left)
            if len(self._signals) > 1:
                return CUT_SHORT
            _empty(woken)
        return 0

    @contextlib.contextmanager
    def _waking(self) -> Iterator[int]:
        """A file that can be read once a signal has come."""
        woken, wake = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)

        def told(number: int, _frame: FrameType | None) -> None:
            self._signals.append(number)

        before = [signal.signal(number, told) for number in _STOP]
        waking_before = signal.set_wakeup_fd(wake)
        try:
            yield woken
        finally:
            signal.set_wakeup_fd(waking_before)
            for number, handler in zip(_STOP, before, strict=True):
                signal.signal(number, handler)
            os.close(woken)
            os.close(wake)


def _empty(woken: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(woken, 64):
            pass


@contextlib.contextmanager
def _held_back(signals: tuple[signal.Signals, ...]) -> Iterator[None]:
    """Signals wait meanwhile; a process that is started inherits that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def work(settings: ServerSettings, listening: socket.socket, folder: Path, slot: int, saying: Connection) -> None:
    """A worker process, from its start to its end."""
    configure_logging()
    # How values are kept has to be decided before the application makes any.
    from serving.metrics import Metrics, share

    share(folder, slot=slot)
    from serving.processes.process import run

    threading.Thread(target=_follow_parent, args=(folder,), daemon=True).start()

    try:
        run(
            settings,
            listening,
            metrics=Metrics(folder=folder),
            started=lambda: _beat(asyncio.get_running_loop(), saying),
            second_signal_ends=False,
        )
    except CannotStart as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _beat(loop: asyncio.AbstractEventLoop, saying: Connection) -> None:
    """Say that we serve, now and as long as the event loop turns."""
    # A parent that is gone is `_follow_parent`'s business.
    with contextlib.suppress(OSError):
        saying.send_bytes(b"serving")
        loop.call_later(BEAT_SECONDS, _beat, loop, saying)


def _follow_parent(folder: Path) -> None:
    """A worker whose parent was ended outright stops as if it had been told to; nobody else would tell it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    log.warning("parent_gone")
    shutil.rmtree(folder, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGTERM)
