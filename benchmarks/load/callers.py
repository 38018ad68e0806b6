"""The HTTP load of the benchmarks: keep-alive callers in one process, and servers that say where they serve."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import uvloop

REPOSITORY = Path(__file__).resolve().parents[2]


class Caller(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it has been answered, until `until`."""

    def __init__(self, request: bytes, until: float, milliseconds: list[float], closed: asyncio.Future[None]) -> None:
        self.request, self.until, self.milliseconds, self.closed = request, until, milliseconds, closed
        self.received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.asked = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        head = self.received.find(b"\r\n\r\n")
        if head < 0:
            return
        fields = bytes(self.received[:head]).lower()
        if not fields.startswith(b"http/1.1 200"):
            raise RuntimeError(f"expected 200, got {fields[:40]!r}")
        length = int(fields.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(self.received) < head + 4 + length:
            return
        now = time.perf_counter()
        self.milliseconds.append(1e3 * (now - self.asked))
        self.received.clear()
        if now < self.until:
            self.ask()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_exception(error) if error else self.closed.set_result(None)


async def load(url: str, *, connections: int, seconds: float, body: bytes | None = None) -> dict[str, float]:
    """Requests per second, and the median and 99th percentile of their time in milliseconds; with a body, of POSTs."""
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    head = f"{parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\n"
    request = f"GET {head}\r\n".encode()
    if body is not None:
        request = f"POST {head}content-length: {len(body)}\r\n\r\n".encode() + body
    milliseconds: list[float] = []
    started = time.perf_counter()
    closed = []
    for _ in range(connections):
        done = loop.create_future()
        closed.append(done)
        caller = Caller(request, started + seconds, milliseconds, done)
        await loop.create_connection(lambda caller=caller: caller, parts.hostname, parts.port)
    await asyncio.gather(*closed)
    elapsed = time.perf_counter() - started
    centiles = statistics.quantiles(milliseconds, n=100)
    return {
        "requests": len(milliseconds),
        "requests_per_second": len(milliseconds) / elapsed,
        "p50_ms": centiles[49],
        "p99_ms": centiles[98],
    }


@dataclass(frozen=True)
class Server:
    """A server process and the address that it says it serves at."""

    process: psutil.Process
    url: str

    def processor_seconds(self) -> float:
        """What it has spent so far, in user and system mode."""
        times = self.process.cpu_times()
        return times.user + times.system


@contextlib.contextmanager
def running(*command: str, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server, with `environment` on top of our own, ended on the way out."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
    )
    try:
        line = process.stdout.readline().split()
        if line[:1] != ["serving"]:
            raise RuntimeError(f"expected the server's ready line, got {line}")
        yield Server(psutil.Process(process.pid), line[1])
    finally:
        process.terminate()
        process.wait(timeout=30)


def get(url: str, path: str) -> bytes:
    """The body at a path; raises unless it is a 200."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: expected 200, got {answer.status}: {body[:200]!r}")
    return body


def load_from_outside(url: str, *, connections: int, seconds: float, body: Path | None = None) -> dict[str, Any]:
    """`load`, in a process of its own."""
    done = load_beside(url, connections=connections, seconds=seconds, body=body)
    told, _ = done.communicate()
    if done.returncode != 0:
        raise RuntimeError("expected the load to end well")
    found: dict[str, Any] = json.loads(told)
    return found


def load_beside(url: str, *, connections: int, seconds: float, body: Path | None = None) -> subprocess.Popen[str]:
    """`load`, begun in a process of its own, which prints what it found as JSON."""
    arguments = ["--url", url, "--connections", str(connections), "--seconds", str(seconds)]
    arguments += ["--body", str(body)] if body else []
    command = [sys.executable, "-m", "benchmarks.load.callers", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)


def main() -> int:
    """Load a URL and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--body", type=Path, help="a file to POST; none: GET")
    options = parser.parse_args()
    body = options.body.read_bytes() if options.body else None
    found = load(options.url, connections=options.connections, seconds=options.seconds, body=body)
    print(json.dumps(uvloop.run(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
