"""The whole house at once: graph, server, live engine, Valkey and Dagster, from one command to its Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import psutil
import pytest
import websockets
from bokeh_sampledata import stocks
from command_line import Command, environment, words

from stock_assets.supervisor import free_port

READY_SECONDS = 150
# Six years train and judge a model; the newest year of them is what the demo replays.
BARS = 1600
SUBSCRIBE = '{"type": "subscribe"}'
COLUMNS = ("ticker", "session", "action", "previous", "confidence", "edge_bp", "reason")


@dataclass(frozen=True)
class Demo:
    """A demo that has said that everything is running."""

    process: subprocess.Popen[str]
    home: Path
    port: int
    dagster_port: int
    said: str

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=10, trust_env=False)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def wait_for(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Return once the condition holds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    tables = [pd.DataFrame(getattr(stocks, name)).assign(ticker=name).iloc[-BARS:] for name in ("AAPL", "IBM")]
    pd.concat(tables).to_parquet(folder / "bars.parquet", index=False)
    (folder / "user").mkdir()
    home, port, dagster_port, log = folder / "home", free_port(), free_port(), folder / "demo.log"
    options = ["--data", str(folder / "bars.parquet"), "--speed", "23400"]
    ports = ["--port", str(port), "--dagster-port", str(dagster_port)]
    with log.open("w") as output:
        process = subprocess.Popen(
            words("demo", *options, *ports, home=home),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            env={**environment(), "HOME": str(folder / "user"), "XDG_CONFIG_HOME": str(folder / "user" / "config")},
        )
    try:
        wait_for(
            lambda: process.poll() is not None or "everything is running" in log.read_text(), seconds=READY_SECONDS
        )
        assert process.poll() is None, log.read_text()
        yield Demo(process, home, port, dagster_port, log.read_text())
    finally:
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else ():
            child.kill()
        process.kill()
        process.wait()


def test_it_says_what_it_has_made_and_where_to_look(demo: Demo) -> None:
    assert "AAPL: done in" in demo.said
    assert f"http://127.0.0.1:{demo.port}" in demo.said
    assert f"http://127.0.0.1:{demo.dagster_port}" in demo.said
    assert f"curl http://127.0.0.1:{demo.port}/v1/predictions/AAPL" in demo.said


def test_the_graph_was_kept_from_the_year_that_is_replayed(demo: Demo) -> None:
    as_of = demo.get("/v1/status").json()["as_of"]
    wait_for(lambda: demo.get("/v1/predictions/AAPL").json()["session"] > as_of)

    assert "2012-02-20" < as_of <= "2012-03-02"
    for card in demo.get("/v1/models").json()["models"]:
        assert all(metrics["last"] <= as_of for metrics in card["metrics"].values())
        assert card["lineage"]["last_session"] == as_of


async def listen(port: int, *, frames: int) -> list[dict[str, Any]]:
    async with websockets.connect(f"ws://127.0.0.1:{port}/v1/stream") as listener, asyncio.timeout(60):
        await listener.send(SUBSCRIBE)
        return [json.loads(await listener.recv()) for _ in range(frames)]


def test_the_stream_is_greeting_snapshot_and_a_chain_of_deltas(demo: Demo) -> None:
    hello, snapshot, *rest = asyncio.run(listen(demo.port, frames=80))

    assert (hello["type"], snapshot["type"]) == ("hello", "snapshot")
    assert hello["release_id"] == demo.get("/v1/status").json()["release_id"]
    assert {message["ticker"] for message in snapshot["predictions"]} == {"AAPL", "IBM"}
    assert {frame["type"] for frame in rest} == {"delta"}
    assert [frame["prev"] for frame in rest] == [snapshot["seq"], *(frame["seq"] for frame in rest[:-1])]
    assert {message["type"] for frame in rest for message in frame["messages"]} >= {"price", "prediction", "status"}


def test_every_live_signal_is_in_the_audit_log_as_it_was_said(demo: Demo) -> None:
    wait_for(lambda: all(signal["audit_id"] for signal in demo.get("/v1/signals").json()["signals"]))
    said = demo.get("/v1/signals").json()["signals"]

    query = "SELECT body FROM audit_entries WHERE id = ? AND sha256 = ?"
    with contextlib.closing(sqlite3.connect(f"file:{demo.home}/audit/audit.sqlite3?mode=ro", uri=True)) as audit:
        bodies = [audit.execute(query, (each["audit_id"], each["audit_sha256"])).fetchone()[0] for each in said]
    logged = [{name: json.loads(body)[name] for name in COLUMNS} for body in bodies]

    assert logged == [{name: message[name] for name in COLUMNS} for message in said]


def test_dagster_knows_the_graph_and_the_runs(demo: Demo) -> None:
    query = "{ runsOrError { ... on Runs { results { jobName status } } } assetNodes { groupName } }"

    answer = httpx.post(
        f"http://127.0.0.1:{demo.dagster_port}/graphql", json={"query": query}, timeout=60, trust_env=False
    ).json()["data"]

    runs = [(run["jobName"], run["status"]) for run in answer["runsOrError"]["results"]]
    assert sorted(runs) == [("publish", "SUCCESS"), ("refresh_ticker", "SUCCESS"), ("refresh_ticker", "SUCCESS")]
    assert {node["groupName"] for node in answer["assetNodes"]} == {
        "market_data",
        "forecast",
        "trading",
        "portfolio",
        "release",
    }


def test_a_second_demo_on_the_same_home_is_told_so(demo: Demo, stock_assets: Command) -> None:
    second = stock_assets("demo", "--port", str(free_port()), "--dagster-port", str(free_port()), home=demo.home)

    assert second.code == 1
    assert "expected one demo at a time" in second.error
    assert str(demo.process.pid) in second.error
    assert demo.get("/readyz").status_code == 200


def test_valkey_may_die_and_nobody_goes_without_an_answer(demo: Demo) -> None:
    async def while_it_dies() -> tuple[dict[str, Any], httpx.Response, dict[str, Any], dict[str, Any]]:
        async with websockets.connect(f"ws://127.0.0.1:{demo.port}/v1/stream") as listener, asyncio.timeout(60):

            async def heard(kind: str) -> dict[str, Any]:
                while (frame := json.loads(await listener.recv()))["type"] != kind:
                    pass
                return dict(frame)

            await listener.send(SUBSCRIBE)
            await heard("delta")
            next(member for member in demo.family() if "valkey" in member.name()).kill()
            stale = await heard("stale")
            answer = demo.get("/v1/predictions/AAPL")
            return stale, answer, await heard("snapshot"), await heard("delta")

    stale, answer, snapshot, delta = asyncio.run(while_it_dies())

    assert "expected Redis to answer" in stale["reason"]
    assert answer.status_code == 200
    assert int(answer.headers["x-data-age"]) >= 0
    assert delta["prev"] == snapshot["seq"]


@pytest.mark.skipif(sys.platform != "linux", reason="counts the processes of this machine")
def test_ctrl_c_ends_everything_and_leaves_no_process(demo: Demo) -> None:
    family = demo.family()
    names = " ".join(" ".join(member.cmdline()) for member in family)

    demo.process.send_signal(signal.SIGINT)
    code = demo.process.wait(timeout=40)

    assert list((demo.home.parent / "user").rglob("*")) == [], "something was written outside the home"
    for part in ("valkey", "-m serving ", "--role feed", "--role engine", "dagster_webserver", "dagster._daemon"):
        assert part in names
    assert code == 0
    # Python's own helper of multiprocessing ends when it sees that its parent has, which takes it a moment.
    _, left = psutil.wait_procs(family, timeout=10)
    assert left == []
