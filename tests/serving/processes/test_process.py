"""``python -m serving`` as a process: its ready line, its light weight, its end, and one line for what stops it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

import httpx
import psutil
import pytest
from imports import imported_by
from pydantic import ValidationError
from real_server import LOOPBACK, free_port, serving, still_runs, url_of, workers_of
from waiting import until

from serving.__main__ import main
from serving.settings import ServerSettings


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


def test_a_worker_that_dies_is_started_again(published_home):
    with serving("--home", str(published_home), "--port", "0", "--workers", "2") as process:
        url = url_of(process)
        first, second = workers_of(process)
        first.kill()
        asyncio.run(until(lambda: len(workers_of(process)) == 2 and first not in workers_of(process)))

        answers = {httpx.get(f"{url}/v1/predictions/AAPL", timeout=30).status_code for _ in range(20)}
        after = workers_of(process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)

    assert answers == {200}
    assert second in after
    assert process.returncode == 0


def test_a_worker_that_hangs_is_ended_and_started_again(published_home):
    impatient = (
        "import sys, serving.processes.workers as w, serving.__main__ as m; w.SILENT_SECONDS = 2.5; sys.exit(m.main())"
    )
    arguments = ("--home", str(published_home), "--port", "0", "--workers", "2")
    with serving(*arguments, program=("-c", impatient)) as process:
        url_of(process)
        hanging, _ = workers_of(process)
        hanging.send_signal(signal.SIGSTOP)
        asyncio.run(until(lambda: len(workers_of(process)) == 2 and hanging not in workers_of(process)))
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)

    assert process.returncode == 0
    assert '"event": "worker_silent"' in said


def test_workers_that_can_not_start_say_why_and_end_the_server(published_home):
    port = free_port()
    # Both may bind to the port, until one of them listens.
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((LOOPBACK, port))
        with serving("--home", str(published_home), "--port", str(port), "--workers", "2") as process:
            asyncio.run(until(lambda: workers_of(process)))
            other.listen()
            _, said = process.communicate(timeout=30)

    assert process.returncode == 1
    assert f"error: port: expected 127.0.0.1:{port} to be free, got: Address already in use\n" in said
    assert said.endswith("error: workers: expected each to start, got one with exit status 1\n")
    assert "Traceback" not in said


def test_nobody_is_let_in_before_it_is_ready(published_home):
    port = free_port()
    tried: list[int] = []

    with serving("--home", str(published_home), "--port", str(port)):
        while not tried or tried[-1] != 200:
            try:
                tried.append(httpx.get(f"http://{LOOPBACK}:{port}/readyz").status_code)
            except httpx.ConnectError:
                tried.append(0)

    assert set(tried) == {0, 200}


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


@pytest.mark.parametrize("told", ["*", "example.org", "https://example.org/page", '["https://example.org"]'])
def test_what_is_no_origin_is_one_clear_line(tmp_path, told):
    own = {"STOCK_ASSETS_ALLOWED_ORIGINS": f"https://a.example, {told}"}
    with serving("--home", str(tmp_path), "--port", "0", environment=own) as process:
        _, said = process.communicate(timeout=20)

    assert process.returncode == 1
    assert said.startswith("error: allowed_origins: expected origins like https://example.org, separated by commas")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ("https://example.org", ("https://example.org",)),
        ("https://Example.org/, http://localhost:5173 ,", ("https://example.org", "http://localhost:5173")),
        ("", ()),
    ],
)
def test_origins_are_told_as_a_list_with_commas_and_known_as_browsers_send_them(monkeypatch, told, known):
    monkeypatch.setenv("STOCK_ASSETS_ALLOWED_ORIGINS", told)

    assert ServerSettings().allowed_origins == known


@pytest.mark.parametrize("name", ["dagster_url", "mlflow_url"])
@pytest.mark.parametrize(
    "told",
    [
        "javascript:alert(1)",
        "ftp://example.org",
        "example.org:3000",
        "https://",
        "https://ann:secret@example.org",
        "https://example.org:http",
        "https://example.org/a page",
        "https://example.org/\u202e",
    ],
)
def test_what_is_no_page_that_anybody_may_be_sent_to_is_refused(monkeypatch, name, told):
    monkeypatch.setenv(f"STOCK_ASSETS_{name.upper()}", told)

    with pytest.raises(ValidationError, match=r"expected a URL like https://example\.org/dagster") as refused:
        ServerSettings()

    assert [error["loc"] for error in refused.value.errors()] == [(name,)]


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("https://ann:secret@example.org/dagster", "'https://example.org/dagster'"),
        ("ann:secret@example.org:3000", "'example.org:3000'"),
        ("https:/ann:secret@example.org", "'example.org'"),
        ("https://example.org:http/?token=secret", "'https://example.org:http/'"),
    ],
)
def test_a_refused_page_is_complained_of_without_the_password_in_it(tmp_path, monkeypatch, capsys, told, shown):
    monkeypatch.setenv("STOCK_ASSETS_MLFLOW_URL", told)

    assert main(["--home", str(tmp_path)]) == 1

    said = capsys.readouterr().err
    assert said.startswith("error: mlflow_url: expected a URL like https://example.org/dagster")
    assert said.endswith(f", got {shown}\n")
    with pytest.raises(ValidationError) as refused:
        ServerSettings()
    assert "secret" not in str(refused.value)


def test_refused_origins_are_complained_of_without_a_password_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STOCK_ASSETS_ALLOWED_ORIGINS", "https://example.org, https://ann:secret@example.org/page")

    assert main(["--home", str(tmp_path)]) == 1

    # Who knows where in a list a password begins: what stands before it goes too.
    assert capsys.readouterr().err.endswith(", got 'https://example.org/page'\n")


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("https://example.org/dagster/", "https://example.org/dagster"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("", None),
    ],
)
def test_a_page_is_told_as_it_is_without_a_slash_at_its_end(monkeypatch, told, known):
    monkeypatch.setenv("STOCK_ASSETS_DAGSTER_URL", told)

    assert ServerSettings().dagster_url == known


def test_nothing_is_written_outside_the_home_and_nobody_is_called(published_home, tmp_path):
    own = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    with serving("--home", str(published_home), "--port", "0", environment=own) as process:
        httpx.get(f"{url_of(process)}/v1/predictions/AAPL")
        peers = [peer.raddr for peer in psutil.Process(process.pid).net_connections() if peer.raddr]

    assert list(tmp_path.rglob("*")) == []
    assert {peer.ip for peer in peers} <= {"127.0.0.1"}


def test_the_server_never_imports_what_only_the_graph_needs():
    heavy = {"dagster", "mlflow", "sklearn", "pandas", "pyarrow", "scipy", "clarabel", "redis"}

    assert imported_by("serving.processes.process", among=heavy) == []


def test_the_parent_of_workers_does_not_load_what_they_serve_with():
    assert (
        imported_by("serving.processes.workers", among={"fastapi", "onnxruntime", "numpy", "prometheus_client"}) == []
    )
