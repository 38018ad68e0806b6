"""The server's speed: one cached answer beside a bare ASGI app that sends the same bytes, cold start, resident memory.

And weights for the release's tickers, solved for as asked: one keep-alive connection that posts objective after
objective, beside the same connection's GET of a ready answer.

Both servers run under the same uvicorn settings on one worker each, in the same run, in alternating rounds; the load
comes from a third process over keep-alive connections. `python benchmarks/serving.py [--home DIR] [--json]`.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

REPOSITORY = Path(__file__).resolve().parents[1]
# This file's folder comes first on the path, and would make it the package of its name.
sys.path[0] = str(REPOSITORY)

from benchmarks.load.callers import Server, get, load_from_outside, running  # noqa: E402

TICKER = "AAPL"
PATH = f"/v1/predictions/{TICKER}"
TARGET_RATIO = 0.8
TARGET_COLD_START_SECONDS = 2.0
TARGET_RESIDENT_MB = 150
OPTIMIZE = "/v1/portfolio/optimize"
OBJECTIVES = (
    {"objective": "minimum_variance"},
    {"objective": "maximum_sharpe"},
    {"objective": "maximum_sharpe", "upper": 0.4, "held": {TICKER: 1.0}, "turnover": 1.5, "cost_bp": 10},
    {"objective": "target_volatility", "target_volatility": 0.15, "net": [0, 1]},
    {"objective": "risk_budgeting"},
)
POSTS = 200  # of each objective
TARGET_OPTIMIZE_P50_MS = 5.0


def serve_bare(body: bytes) -> None:
    """An application that knows one answer, under the server's own uvicorn settings."""
    import uvicorn

    from serving.__main__ import server_config

    head = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))],
    }
    tail = {"type": "http.response.body", "body": body}

    async def app(scope, _receive, send):
        if scope["type"] == "http":
            await send(head)
            await send(tail)

    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        print(f"serving http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        uvicorn.Server(server_config(app)).run(sockets=[listening])


def measure_load(server: Server, *, connections: int, seconds: float) -> dict[str, float]:
    """The load's figures, with the processor time that the server spent on each request."""
    before = server.processor_seconds()
    found = load_from_outside(server.url + PATH, connections=connections, seconds=seconds)
    return found | {"processor_us": 1e6 * (server.processor_seconds() - before) / found["requests"]}


def compare(home: Path, *, rounds: int, connections: int, seconds: float) -> dict[str, object]:
    """Our server and the bare one, round by round, in an order that alternates."""
    with running("-m", "serving", "--home", str(home), "--port", "0") as ours:
        body = get(ours.url, PATH)
        with tempfile.NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            with running(__file__, "--bare", file.name) as bare:
                if get(bare.url, PATH) != body:
                    raise RuntimeError("expected the same bytes from both")
                servers = {"server": ours, "bare": bare}
                for server in servers.values():
                    measure_load(server, connections=connections, seconds=0.5)
                found: dict[str, list[dict[str, float]]] = {"server": [], "bare": []}
                for number in range(rounds):
                    for name in sorted(servers, reverse=number % 2 == 0):
                        found[name].append(measure_load(servers[name], connections=connections, seconds=seconds))
        resident = ours.process.memory_info().rss / 2**20
    ratios = [
        ours["requests_per_second"] / bare["requests_per_second"]
        for ours, bare in zip(found["server"], found["bare"], strict=True)
    ]
    middle = {
        name: {key: statistics.median(r[key] for r in results) for key in results[0]} for name, results in found.items()
    }
    return {
        **middle,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "body_bytes": len(body),
        "resident_mb_under_load": resident,
    }


def optimize(home: Path) -> dict[str, Any]:
    """Milliseconds from a request to its whole answer, by objective, and of a GET by the same client."""
    with running("-m", "serving", "--home", str(home), "--port", "0") as server:
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
        with contextlib.closing(connection):
            bodies = [json.dumps(body).encode() for body in OBJECTIVES]
            for body in bodies:
                asked(connection, "POST", OPTIMIZE, body)
            # In turn, so that whatever else the machine does hurts all of them.
            taken: list[list[float]] = [[] for _ in bodies]
            ready = []
            for _ in range(POSTS):
                for row, body in zip(taken, bodies, strict=True):
                    row.append(asked(connection, "POST", OPTIMIZE, body))
                ready.append(asked(connection, "GET", PATH, None))
    together = [each for row in taken for each in row]
    return {
        "p50_ms": statistics.median(together),
        "p99_ms": statistics.quantiles(together, n=100)[98],
        "by_objective_p50_ms": [statistics.median(row) for row in taken],
        "get_p50_ms": statistics.median(ready),
    }


def asked(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None) -> float:
    """How long one request took, in milliseconds; raises unless it is a 200."""
    started = time.perf_counter()
    connection.request(method, path, body)
    answer = connection.getresponse()
    told = answer.read()
    took = 1e3 * (time.perf_counter() - started)
    if answer.status != 200:
        raise RuntimeError(f"{path}: expected 200, got {answer.status}: {told[:200]!r}")
    return took


def cold_start(home: Path, *, times: int) -> dict[str, float]:
    """From starting the process to a 200 of /readyz, and its resident memory then."""
    seconds, resident = [], []
    for _ in range(times):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        started = time.perf_counter()
        command = [sys.executable, "-m", "serving", "--home", str(home), "--port", str(port)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=REPOSITORY)
        try:
            while not is_ready(port):
                if process.poll() is not None:
                    raise RuntimeError(f"expected the server to start, got exit status {process.returncode}")
            seconds.append(time.perf_counter() - started)
            resident.append(psutil.Process(process.pid).memory_info().rss / 2**20)
        finally:
            process.terminate()
            process.wait(timeout=30)
    return {"seconds": statistics.median(seconds), "slowest_seconds": max(seconds), "resident_mb": max(resident)}


def is_ready(port: int) -> bool:
    """Whether /readyz answers 200; waits a little between two refused connections."""
    try:
        return bool(get(f"http://127.0.0.1:{port}", "/readyz"))
    except ConnectionError:
        time.sleep(0.005)
        return False


@contextlib.contextmanager
def some_home(given: Path | None) -> Iterator[Path]:
    """The home to serve: the one given, else a temporary one with a release of the sample's tickers."""
    if given is not None:
        yield given
        return
    sys.path.insert(0, str(REPOSITORY / "tests"))
    from real_release import TICKERS, publish_release

    with tempfile.TemporaryDirectory() as folder:
        publish_release(Path(folder) / "releases", tickers=TICKERS)
        yield Path(folder)


def table(results: dict) -> str:
    """The results for a person."""
    lines = [f"{'GET ' + PATH:34s} {'requests/s':>12s} {'p50 ms':>9s} {'p99 ms':>9s} {'CPU us':>8s}"]
    for name, label in (("server", "this server, one worker"), ("bare", "bare ASGI app, same bytes")):
        row = results["get"][name]
        rate = f"{row['requests_per_second']:12,.0f} {row['p50_ms']:9.3f} {row['p99_ms']:9.3f}"
        lines.append(f"{label:34s} {rate} {row['processor_us']:8.1f}")
    start = results["cold_start"]
    lines += [
        f"{'ratio (target >= ' + str(TARGET_RATIO) + ')':34s} {results['get']['ratio']:12.3f}",
        f"{'cold start, s (target < 2)':34s} {start['seconds']:12.2f}   slowest {start['slowest_seconds']:.2f}",
        f"{'resident, MB (target < 150)':34s} {start['resident_mb']:12.0f}   "
        f"under load {results['get']['resident_mb_under_load']:.0f}",
        f"{'POST ' + OPTIMIZE + ', p50 ms':34s} {results['optimize']['p50_ms']:12.2f}   p99 "
        f"{results['optimize']['p99_ms']:.2f}, target <= {TARGET_OPTIMIZE_P50_MS:g}; a GET by the same client "
        f"{results['optimize']['get_p50_ms']:.2f}",
    ]
    for body, took in zip(OBJECTIVES, results["optimize"]["by_objective_p50_ms"], strict=True):
        limits = ", ".join(name for name in body if name != "objective")
        lines.append(f"{'  ' + str(body['objective']):34s} {took:12.2f}   {limits}")
    return "\n".join(lines)


def main() -> int:
    """Run and print; the exit status is 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="a home with a release of AAPL; default: one made of the sample")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare is not None:
        serve_bare(options.bare.read_bytes())
        return 0
    with some_home(options.home) as home:
        results = {
            "cold_start": cold_start(home, times=options.starts),
            "optimize": optimize(home),
            "get": compare(home, rounds=options.rounds, connections=options.connections, seconds=options.seconds),
        }
    print(json.dumps(results, indent=1) if options.json else table(results))
    met = (
        results["get"]["ratio"] >= TARGET_RATIO
        and results["cold_start"]["seconds"] < TARGET_COLD_START_SECONDS
        and results["cold_start"]["resident_mb"] < TARGET_RESIDENT_MB
        and results["optimize"]["p50_ms"] <= TARGET_OPTIMIZE_P50_MS
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
