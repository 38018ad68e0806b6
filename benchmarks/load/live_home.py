"""What the benchmarks of the live path stand on: a release of five tickers, a real Valkey, the engine, nginx."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(1, str(REPOSITORY / "tests"))

from real_valkey import RealValkey  # noqa: E402

TICKERS = ("AAPL", "GOOG", "IBM", "MSFT", "MSFT2")
REAL = 4
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


@contextlib.contextmanager
def prepared(tickers: Sequence[str] = TICKERS) -> Iterator[tuple[Path, RealValkey]]:
    """A home with a release of `tickers`, and a running Valkey.

    The sample has four tickers with enough bars; those after them are one of the four's models and bars under another
    name, of which the portfolio has the first alone.
    """
    from real_portfolio import portfolio
    from real_release import draft, draft_ticker

    from release.writer import publish

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        made = draft(tickers=tickers[:REAL])
        parts = [*made.tickers]
        for place, name in enumerate(tickers[REAL:]):
            twin = draft_ticker(tickers[(place - 1) % REAL])
            lineage = msgspec.structs.replace(twin.lineage, ticker=name)
            parts.append(dataclasses.replace(twin, lineage=lineage))
        bars = {part.lineage.ticker: part.bars for part in parts[: len(TICKERS)]}
        publish(home / "releases", dataclasses.replace(made, tickers=parts, portfolio=portfolio(bars)))
        valkey = RealValkey(Path(folder))
        valkey.start()
        try:
            yield home, valkey
        finally:
            valkey.kill()


def closes(home: Path) -> dict[str, float]:
    """The last released close of each ticker: ticks have to begin near it to be believed."""
    from release.store import Store

    return {ticker: float(each.bars.close[-1]) for ticker, each in Store(home / "releases").load().tickers.items()}


@contextlib.contextmanager
def engine(home: Path, valkey: RealValkey) -> Iterator[psutil.Process]:
    """The engine by itself, ended on the way out."""
    command = [sys.executable, "-m", "serving.live", "--role", "engine", "--home", str(home)]
    with (home / "engine.log").open("w") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, cwd=REPOSITORY, env=settings(valkey))
    try:
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(timeout=30)


def settings(valkey: RealValkey) -> dict[str, str]:
    """What our processes are told."""

    return {
        **os.environ,
        "STOCK_ASSETS_REDIS_URL": valkey.url,
        "STOCK_ASSETS_MOST_SOCKETS": "100000",
        "STOCK_ASSETS_MOST_SOCKETS_PER_ADDRESS": "100000",
        "STOCK_ASSETS_DRAIN_SECONDS": "0",
    }


@contextlib.contextmanager
def nginx(upstreams: list[str], folder: Path) -> Iterator[str]:
    """A real nginx of one worker in front of the gateways."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listed = "".join(f"server {upstream}; " for upstream in upstreams)
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; worker_processes 1; error_log {folder}/error.log; pid {folder}/nginx.pid;\n"
        "events { worker_connections 4096; }\n"
        "http { access_log off; client_body_buffer_size 128k;\n"
        f"client_body_temp_path {folder}; proxy_temp_path {folder};\n"
        f"fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};\n"
        f"upstream gateways {{ {listed} keepalive 64; keepalive_requests 1000000; }}\n"
        f"server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000; location / {{ proxy_pass http://gateways;\n"
        'proxy_http_version 1.1; proxy_set_header Connection ""; } } }\n'
    )
    child = subprocess.Popen([NGINX, "-c", str(file), "-e", str(folder / "error.log")])
    try:
        until(lambda: _accepts(port), what="nginx to listen")
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait(timeout=10)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], bool], *, what: str, seconds: float = 30.0) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"expected {what} within {seconds:g} s")
        time.sleep(0.05)
