"""``python -m serving`` as a process, for tests to ask, to signal and to end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parents[1]
LOOPBACK = "127.0.0.1"


@contextmanager
def serving(
    *arguments: str, environment: dict[str, str] | None = None, program: tuple[str, ...] = ("-m", "serving")
) -> Iterator[subprocess.Popen[str]]:
    """The server process; killed on the way out if it has not ended by then, with its workers.

    It ends as soon as it is told to, unless the environment gives it time.
    """
    process = subprocess.Popen(
        [sys.executable, *program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "STOCK_ASSETS_DRAIN_SECONDS": "0", **(environment or {})},
        cwd=REPOSITORY,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def url_of(process: subprocess.Popen[str]) -> str:
    """The address in the line that the server prints when it answers."""
    line = process.stdout.readline()
    assert line.startswith(f"serving http://{LOOPBACK}:"), line + process.stderr.read()
    return line.split()[1]


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes of a server with several that answer."""
    found = []
    for child in psutil.Process(process.pid).children():
        # One may end while we look.
        with suppress(psutil.NoSuchProcess):
            if any("spawn_main" in word for word in child.cmdline()):
                found.append(child)
    return found


def still_runs(process: psutil.Process) -> bool:
    """Whether a process has not ended; one that only waits to be reaped has."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server((LOOPBACK, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
