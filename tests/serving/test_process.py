"""``python -m serving`` as a process: its ready line, its light weight, its end, and one line for what stops it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from imports import imported_by


@contextmanager
def serving(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """The server process; killed on the way out if it has not ended by then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "serving", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def url_of(process: subprocess.Popen[str]) -> str:
    """The address in the line that the server prints when it answers."""
    line = process.stdout.readline()
    assert line.startswith("serving http://127.0.0.1:"), line + process.stderr.read()
    return line.split()[1]


def still_runs(process: psutil.Process) -> bool:
    """Whether a process has not ended; one that only waits to be reaped has."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_it_says_where_it_serves_once_it_does_and_ends_in_order(published_home):
    with serving("--home", str(published_home), "--port", "0") as process:
        url = url_of(process)

        answer = httpx.get(f"{url}/v1/predictions/AAPL")
        # With the solver of weights, which is loaded by now.
        solved = httpx.post(f"{url}/v1/portfolio/optimize", json={"objective": "maximum_sharpe"}, timeout=30)
        resident = psutil.Process(process.pid).memory_info().rss / 2**20
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20)

    assert answer.json()["ticker"] == "AAPL"
    assert solved.status_code == 200
    assert resident < 150
    assert process.returncode == 0
    assert "Traceback" not in said[1]


def test_workers_share_the_port(published_home):
    with serving("--home", str(published_home), "--port", "0", "--workers", "2") as process:
        url = url_of(process)
        for _ in range(20):
            assert httpx.get(f"{url}/v1/predictions/AAPL", timeout=30).status_code == 200
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        # multiprocessing's own helper among them ends when it sees that the server has.
        psutil.wait_procs(workers, timeout=20)

    assert len(workers) >= 2
    assert [worker for worker in workers if still_runs(worker)] == []


def test_a_port_in_use_is_one_clear_line(published_home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with serving("--home", str(published_home), "--port", str(port)) as process:
            _, said = process.communicate(timeout=20)

    assert process.returncode == 1
    assert said == f"error: port: expected 127.0.0.1:{port} to be free, got: Address already in use\n"


def test_a_missing_home_is_one_clear_line(tmp_path):
    with serving("--home", str(tmp_path / "nowhere"), "--port", "0") as process:
        _, said = process.communicate(timeout=20)

    assert process.returncode == 1
    assert said.startswith(f"error: home: expected a folder, found none at {tmp_path / 'nowhere'}")
    assert said.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everywhere")
def test_an_unreadable_home_is_one_clear_line(tmp_path):
    (tmp_path / "home").mkdir(mode=0o000)

    with serving("--home", str(tmp_path / "home"), "--port", "0") as process:
        _, said = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "error: home: expected a readable folder" in said


def test_a_bad_option_is_one_clear_line(tmp_path):
    with serving("--home", str(tmp_path), "--port", "http") as process:
        _, said = process.communicate(timeout=20)

    assert process.returncode == 1
    assert said.startswith("error: port: ")
    assert said.endswith("got 'http'\n")
    assert said.count("\n") == 1


def test_nothing_is_written_outside_the_home_and_nobody_is_called(published_home, tmp_path):
    own = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    with serving("--home", str(published_home), "--port", "0", environment=own) as process:
        httpx.get(f"{url_of(process)}/v1/predictions/AAPL")
        peers = [peer.raddr for peer in psutil.Process(process.pid).net_connections() if peer.raddr]

    assert list(tmp_path.rglob("*")) == []
    assert {peer.ip for peer in peers} <= {"127.0.0.1"}


def test_the_server_never_imports_what_only_the_graph_needs():
    heavy = {"dagster", "mlflow", "sklearn", "pandas", "pyarrow", "scipy", "clarabel", "redis"}

    assert imported_by("serving.__main__", among=heavy) == []
