"""``python -m serving.live`` as a process: it works until told to stop; one line says what keeps it from it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from imports import imported_by

from release.audit import AuditLog
from serving.live import bus
from serving.live.__main__ import main
from serving.messages import FeedState, StatusMessage, decode


@contextlib.contextmanager
def live(*arguments: str, redis_url: str | None) -> Iterator[subprocess.Popen[str]]:
    """The live process; killed on the way out if it has not ended by then."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("STOCK_ASSETS_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "serving.live", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
        env=others | ({"STOCK_ASSETS_REDIS_URL": redis_url} if redis_url else {}),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for the condition while the process runs; fails, with what it said, if it ends or takes too long."""
    deadline = time.monotonic() + 30
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.02)


def status(client: redis.Redis) -> StatusMessage | None:
    """What the engine says of itself."""
    data = client.hget(bus.LATEST, "status")
    return None if data is None else decode(data)


def refusal(*arguments: str, redis_url: str | None) -> str:
    """The one line on which a process that can't work ends."""
    with live(*arguments, redis_url=redis_url) as process:
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said.count("\n")) == (1, 1), said
    assert said.startswith("error: ")
    return said.removeprefix("error: ").rstrip("\n")


# At work.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_plays_the_replay_and_ends_in_order_when_told_to(home, keep, valkey, number):
    keep(home / "replay", sessions=5)

    with live("--home", str(home), "--speed", "20000", redis_url=valkey.url) as process:
        with redis.Redis.from_url(valkey.url) as client:
            until(lambda: (said := status(client)) is not None and said.feed is FeedState.LIVE, process)
        process.send_signal(number)
        _, said = process.communicate(timeout=20)

    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert said.splitlines()[-1].count('"ended_by_signal"') == 1


def test_it_plays_from_the_folder_it_is_given_and_goes_on_when_the_feed_has_ended(home, keep, valkey, tmp_path):
    played = keep(tmp_path / "bars", sessions=2)

    arguments = ("--home", str(home), "--replay", str(played), "--speed", "1e9", "--seed", "3")
    with live(*arguments, redis_url=valkey.url) as process, redis.Redis.from_url(valkey.url) as client:
        until(lambda: (said := status(client)) is not None and said.feed is FeedState.CLOSED, process)
        at_the_end = int(client.hget(bus.ENGINE, "seq"))
        until(lambda: int(client.hget(bus.ENGINE, "seq")) > at_the_end, process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)

    assert process.returncode == 0
    with AuditLog.open(home / "audit" / "audit.sqlite3") as audit:
        assert [len(audit.outcomes(ticker, last=10)) for ticker in ("AAPL", "IBM")] == [1, 1]


def test_it_outlives_the_server_and_ends_in_order_while_that_is_away(home, keep, valkey):
    keep(home / "replay", sessions=5)

    with live("--home", str(home), "--speed", "20000", redis_url=valkey.url) as process:
        with redis.Redis.from_url(valkey.url) as client:
            until(lambda: status(client) is not None, process)
            valkey.kill()
            valkey.start()
            until(lambda: status(client) is not None, process)
        valkey.kill()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)

    assert process.returncode == 0, said
    assert '"engine_backing_off"' in said
    assert "Traceback" not in said


def test_a_log_that_fails_on_the_way_ends_it_on_one_clear_line(home, keep, valkey):
    keep(home / "replay", sessions=5)

    with live("--home", str(home), "--speed", "20000", redis_url=valkey.url) as process:
        with redis.Redis.from_url(valkey.url) as client:
            until(lambda: (said := status(client)) is not None and said.feed is FeedState.LIVE, process)
        with contextlib.closing(sqlite3.connect(home / "audit" / "audit.sqlite3")) as log:
            log.execute("DROP TABLE audit_entries")
        _, said = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("error: audit log: expected an audit log that can be read and appended to")


def test_feed_and_engine_work_as_processes_of_their_own_and_answer_prometheus(home, keep, valkey):
    keep(home / "replay", sessions=2)
    common = ("--home", str(home), "--speed", "1e9", "--metrics-port", "0")

    with contextlib.ExitStack() as parts:
        engine = parts.enter_context(live(*common, "--role", "engine", redis_url=valkey.url))
        feed = parts.enter_context(live(*common, "--role", "feed", "--market", "m", redis_url=valkey.url))
        scrapes = [scrape(port_of(process)) for process in (engine, feed)]
        with redis.Redis.from_url(valkey.url) as client:
            until(lambda: (said := status(client)) is not None and said.feed is FeedState.CLOSED, engine)
        for process in (feed, engine):
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)

    assert (engine.returncode, feed.returncode) == (0, 0)
    assert ["stock_assets_engine_state" in text for text in scrapes] == [True, False]
    assert ["stock_assets_feed_state" in text for text in scrapes] == [False, True]


def port_of(process: subprocess.Popen[str]) -> int:
    """Where the process says that it answers Prometheus."""
    for line in process.stderr:
        if (said := json.loads(line))["event"] == "metrics":
            return int(said["port"])
    raise AssertionError("it never said where it answers")


def scrape(port: int) -> str:
    """What it tells there."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


# What keeps it from working.


def test_without_the_address_of_a_server_it_is_one_clear_line(published_home):
    said = refusal("--home", str(published_home), redis_url=None)

    assert said == "redis_url: expected the address of a Redis or Valkey in STOCK_ASSETS_REDIS_URL, got none"


def test_a_server_that_is_not_there_is_one_clear_line(home, keep):
    keep(home / "replay", sessions=1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{taken.getsockname()[1]}/0"

        said = refusal("--home", str(home), redis_url=url)

    assert said.startswith(f"redis_url: expected a server at {url}, got: ")


def test_a_server_that_refuses_us_is_one_clear_line_without_the_password(home, valkey):
    url = valkey.url.replace("redis://", "redis://engine:hush@")

    said = refusal("--home", str(home), "--role", "engine", redis_url=url)

    assert said.startswith(f"redis_url: expected a server at {valkey.url}, got: ")
    assert "hush" not in said


def test_an_address_that_is_none_is_one_clear_line(home, keep):
    keep(home / "replay", sessions=1)

    said = refusal("--home", str(home), redis_url="localhost:6379")

    assert said.startswith("redis_url: expected a server at localhost:6379, got: ")


def test_a_home_without_a_release_is_one_clear_line(tmp_path):
    said = refusal("--home", str(tmp_path), redis_url="redis://127.0.0.1:1/0")

    assert said == f"{tmp_path / 'releases'}: expected a published release, found none"


def test_a_bad_option_is_one_clear_line(published_home):
    said = refusal("--home", str(published_home), "--speed", "fast", redis_url="redis://127.0.0.1:1/0")

    assert said.startswith("speed: ")
    assert said.endswith("got 'fast'")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("speed", "0"),
        ("speed", "-1"),
        ("speed", "nan"),
        ("speed", "inf"),
        ("seed", "lucky"),
        ("seed", "-1"),
        ("role", "both"),
        ("feed", "rumours"),
    ],
)
def test_an_option_out_of_range_is_named_with_its_value(published_home, capsys, option, value):
    status = main(["--home", str(published_home), f"--{option}={value}"])

    said = capsys.readouterr().err
    assert status == 1
    assert said.startswith(f"error: {option}: ")
    assert said.endswith(f"got {value!r}\n")
    assert said.count("\n") == 1


def test_a_log_that_can_not_be_written_is_one_clear_line(home, keep, valkey):
    keep(home / "replay", sessions=1)
    (home / "audit").write_text("in the way")

    said = refusal("--home", str(home), redis_url=valkey.url)

    assert said.startswith(
        f"{home / 'audit' / 'audit.sqlite3'}: expected an audit log that can be read and appended to"
    )


def test_nothing_to_replay_ends_on_one_clear_line_after_naming_what_was_looked_for(published_home, tmp_path):
    with live("--home", str(published_home), "--replay", str(tmp_path), redis_url="redis://127.0.0.1:1/0") as process:
        _, said = process.communicate(timeout=30)

    *warnings, last = said.splitlines()
    assert process.returncode == 1
    assert last == f"error: replay: expected bars after 2012-03-01 of AAPL, IBM in {tmp_path}, found none"
    assert all('"not_replayed"' in line for line in warnings)
    assert len(warnings) == 2


def test_it_never_imports_what_only_the_graph_needs():
    heavy = {"dagster", "mlflow", "sklearn", "pandas", "pyarrow", "scipy", "clarabel"}

    assert imported_by("serving.live.__main__", among=heavy) == []
