"""Processes started together and ended together: readiness by condition, logs in files, nothing left behind.

What the processes are is the caller's business (`stock_assets.cli.demo`). Every child leads its own process group, so
that a Ctrl-C in the terminal reaches the supervisor alone, which then ends the groups in order.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

LOOPBACK: Final = "127.0.0.1"
GRACE_SECONDS: Final = 10.0
READY_SECONDS: Final = 90.0
POLL_SECONDS: Final = 0.05
MOST_RESTARTS: Final = 3
RESTART_SECONDS: Final = 60.0
TAIL_LINES: Final = 12
STOPPING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Linux ends a child whose parent was killed outright, if the child asks for it before it becomes its command. It would
# inherit what the parent ignores: a shell's background job ignores Ctrl-C, and Dagster copies that to SIGTERM.
LEASH: Final = """
import ctypes, os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class ServiceFailed(Exception):
    """A process that ended by itself or was not ready in time; the message names it and ends with its log's tail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process to run.

    Attributes
    ----------
    name : str
        What a person calls it; also names its log file.
    command : sequence of str
    environment : mapping
        Added to the supervisor's own environment.
    ready : callable
        Whether it does its work yet; must not block for long and must not raise.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] = lambda: True


class Supervisor:
    """Starts services, starts again what ends by itself, and ends them all, newest first.

    Use it as a context manager: leaving it, by whatever way, ends what it started.

    Parameters
    ----------
    logs : Path
        Folder for one ``<name>.log`` a service, made if need be; each supervisor begins them anew.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._services: dict[str, Service] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, service: Service) -> None:
        """Start it, without waiting until it is ready."""
        self.logs.mkdir(parents=True, exist_ok=True)
        again = service.name in self._services
        self._services[service.name] = service
        with self.log(service.name).open("ab" if again else "wb") as log:
            child = subprocess.Popen(
                leashed(service.command),
                env={**os.environ, **service.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children[service.name] = child
        threading.Thread(target=self._report_end, args=(service.name, child), daemon=True).start()

    def wait_ready(self, service: Service, *, timeout_seconds: float = READY_SECONDS) -> None:
        """Return once the started service is ready; `ServiceFailed` if it ends before that or takes too long."""
        deadline = time.monotonic() + timeout_seconds
        while not service.ready():
            if self._children[service.name].poll() is not None:
                raise self._failure(service.name)
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"{service.name}: expected to be ready within {timeout_seconds:g} s, still is not\n"
                    + self.tail(service.name)
                )
            time.sleep(POLL_SECONDS)

    def watch(self, told: Callable[[str], None]) -> None:
        """Block; a service that ends by itself is started again, and `told` is given a line about it.

        A signal's exception passes through.

        Raises
        ------
        ServiceFailed
            For a service that has ended more than `MOST_RESTARTS` times within `RESTART_SECONDS`.
        """
        ends: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=MOST_RESTARTS))
        while True:
            name = self._ended.get()
            failure, now = self._failure(name), time.monotonic()
            if len(ends[name]) == MOST_RESTARTS and now - ends[name][0] < RESTART_SECONDS:
                raise failure
            ends[name].append(now)
            told(f"{str(failure).splitlines()[0]}; starting it again (see {self.log(name)})")
            self.start(self._services[name])

    def stop(self, *, grace_seconds: float = GRACE_SECONDS) -> None:
        """End every process group, newest first: SIGTERM, then SIGKILL for what is left after the grace."""
        deadline = time.monotonic() + grace_seconds
        for child in reversed(self._children.values()):
            signal_group(child.pid, signal.SIGTERM)
        for child in reversed(self._children.values()):
            while group_alive(child) and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
            signal_group(child.pid, signal.SIGKILL)
            child.wait()
        self._children.clear()

    def log(self, name: str) -> Path:
        """The file that holds a service's output."""
        return self.logs / f"{name}.log"

    def tail(self, name: str) -> str:
        """The last lines of a service's log, indented, with the file's path."""
        lines = self.log(name).read_text("utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        return "\n".join([f"  the end of {self.log(name)}:", *(f"    {line}" for line in lines)])

    def _report_end(self, name: str, child: subprocess.Popen[bytes]) -> None:
        child.wait()
        self._ended.put(name)

    def _failure(self, name: str) -> ServiceFailed:
        code = self._children[name].wait()
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return ServiceFailed(f"{name} {how}\n{self.tail(name)}")


def leashed(command: Sequence[str]) -> list[str]:
    """The command, on Linux wrapped so that it gets SIGTERM when its parent is killed outright."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", "-c", LEASH, str(os.getpid()), *command]


def signal_group(leader: int, number: signal.Signals) -> None:
    """Signal every process of the group; a group that is gone already is no news."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM of a group of zombies
        os.killpg(leader, number)


def group_alive(child: subprocess.Popen[bytes]) -> bool:
    """Whether the child or any process of its group still runs."""
    child.poll()  # A zombie leader would count as alive.
    try:
        os.killpg(child.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


@contextlib.contextmanager
def signals_interrupt() -> Iterator[None]:
    """Make SIGTERM and a closed terminal end the program the way Ctrl-C does: by `KeyboardInterrupt`."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        # Whoever is impatient presses Ctrl-C again; the first one has to be allowed to tidy up.
        for number in STOPPING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in STOPPING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = LOOPBACK) -> int:
    """A port that was free a moment ago, chosen by the system."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def port_is_open(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False
