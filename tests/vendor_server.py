"""Yahoo and Alpaca on loopback: recorded answers, answers written for a test, and misbehaviour on request."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from shared_data import shared_data

from stock_assets.settings import PipelineSettings
from stock_assets.sources.vendors.transport import Pace

NOON = datetime(2025, 2, 20, 12, tzinfo=UTC)
HTML = b"<!DOCTYPE html><html><body>Will be right back...</body></html>"


@dataclass(frozen=True)
class Seen:
    """A request that the server got."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True)
class Reply:
    """What the server sends."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(body: Any, *, status: int = 200) -> Reply:
    """A reply of JSON."""
    return Reply(json.dumps(body).encode(), status, {"Content-Type": "application/json"})


# A way to misbehave is given the connection and the reply that would have been right.
Mischief = Callable[["_Handler", Reply], None]


def instead(body: bytes = b"", *, status: int = 200, **headers: str) -> Mischief:
    """Another answer: HTML for JSON, an error with status 200, a 429 that says Retry-After."""
    reply = Reply(body, status, {name.replace("_", "-"): value for name, value in headers.items()})
    return lambda handler, _: handler.send(reply)


def cut(handler: _Handler, reply: Reply) -> None:
    """Half of the body that the headers promise."""
    handler.start(reply)
    handler.wfile.write(reply.body[: len(reply.body) // 2])
    handler.close_connection = True


def stalled(handler: _Handler, reply: Reply) -> None:
    """Half of the body, and then nothing for as long as the server lives."""
    handler.start(reply)
    handler.wfile.write(reply.body[: len(reply.body) // 2])
    handler.wfile.flush()
    handler.vendor.closing.wait()
    handler.close_connection = True


def reset(handler: _Handler, _: Reply) -> None:
    """The connection torn down without a word."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


# What a vendor asked again answers well.
PASSING: Mapping[str, Mischief] = {
    "429": instead(b'{"message": "too many requests."}', status=429),
    "429 that says when": instead(status=429, Retry_After="3"),
    "500": instead(status=500),
    "slow body": stalled,
    "cut body": cut,
    "connection reset": reset,
}


class VendorServer:
    """Both vendors on one port of the machine's choosing."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.closing = threading.Event()
        self._mischief: deque[Mischief] = deque()
        self._always: Mischief | None = None
        self._written: dict[str, list[tuple[dict[str, str], Reply]]] = defaultdict(list)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.vendor = self  # type: ignore[attr-defined]
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def misbehave(self, *mischief: Mischief) -> None:
        """Spoil the next answers, one each."""
        self._mischief.extend(mischief)

    def always(self, mischief: Mischief | None) -> None:
        """Spoil every answer from now on; None for no longer."""
        self._always = mischief

    def write(self, path: str, reply: Reply, **params: str) -> None:
        """Give this reply to requests for the path that have (at least) these parameters; the last one written wins."""
        self._written[path].insert(0, (params, reply))

    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [request.path for request in self.seen]

    def answer(self, seen: Seen) -> Reply:
        """The right reply: a written one, else a recorded one, else a 404."""
        for params, reply in self._written[seen.path]:
            if params.items() <= seen.params.items():
                return reply
        return _recorded_yahoo(seen) or _recorded_alpaca(seen) or as_json({"message": "not found"}, status=404)

    def next_mischief(self) -> Mischief | None:
        """How the coming answer is spoilt, if it is."""
        return self._mischief.popleft() if self._mischief else self._always

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Serve until the block is left."""
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self._http.shutdown()
            self._http.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def vendor(self) -> VendorServer:
        return self.server.vendor  # type: ignore[attr-defined, no-any-return]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        seen = Seen(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), dict(self.headers.items()))
        self.vendor.seen.append(seen)
        reply, mischief = self.vendor.answer(seen), self.vendor.next_mischief()
        if mischief is None:
            self.send(reply)
        else:
            mischief(self, reply)

    def send(self, reply: Reply) -> None:
        self.start(reply)
        self.wfile.write(reply.body)

    def start(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@cache
def recording(name: str) -> dict[str, Any]:
    """A recorded exchange below ``api``: url, status and body."""
    exchange: dict[str, Any] = json.loads(shared_data(f"api/{name}").read_text("utf-8"))
    return exchange


@cache
def _exchanges(folder: str) -> list[tuple[str, dict[str, Any]]]:
    files = sorted(shared_data(f"api/{folder}").glob("*.json"))
    return [(file.name, recording(f"{folder}/{file.name}")) for file in files]


def recorded(name: str) -> Reply:
    """A recorded exchange's answer, the ones edited by hand among them."""
    exchange = recording(name)
    return as_json(exchange["body"], status=exchange["status"])


def _recorded_yahoo(seen: Seen) -> Reply | None:
    """The window of daily bars that was recorded for the symbol and begins nearest to the one asked for.

    Whoever recorded them asked for other ends and fewer kinds of events; one with events is preferred.
    """
    if not seen.path.startswith("/v8/finance/chart/"):
        return None
    wanted, found = int(seen.params.get("period1", "0")), []
    for name, exchange in _exchanges("yahoo/recorded_2025"):
        url = urlsplit(exchange["url"])
        params = dict(parse_qsl(url.query))
        if url.path == seen.path and ".fake" not in name and params.get("interval") == "1d":
            found.append((abs(int(params["period1"]) - wanted), "div" not in params.get("events", ""), name))
    if not found:
        error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
        return as_json({"chart": {"result": None, "error": error}}, status=404)
    return recorded(f"yahoo/recorded_2025/{min(found)[2]}")


def _recorded_alpaca(seen: Seen) -> Reply | None:
    """The bars that were recorded for the symbol and no others; none on the page after, and none for another symbol."""
    symbol = seen.params.get("symbols", "")
    for _, exchange in _exchanges("alpaca/rest_py"):
        bars = exchange["body"].get("bars", {}) if isinstance(exchange["body"], dict) else {}
        if urlsplit(exchange["url"]).path == seen.path and symbol in bars and "page_token" not in seen.params:
            return as_json({**exchange["body"], "bars": {symbol: bars[symbol]}})
    if Path(seen.path).name in ("bars", "latest"):
        return recorded("alpaca/rest_py/test_get_bars_multi_empty_response_0.json")
    return None


@dataclass
class Waits:
    """Time that passes by waiting only, and is there at once; what was waited for is kept."""

    at: datetime
    seconds: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        """The time, moved on by every wait."""
        return self.at

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.seconds.append(seconds)
        self.at += timedelta(seconds=seconds)


def pace_of(waits: Waits) -> Pace:
    """A pace for a source that takes no time, with the same chances in every run."""
    return Pace(clock=waits, sleep=waits.sleep, rng=Random(7))


def settings_for(server: VendorServer, home: Path, **changes: Any) -> PipelineSettings:
    """Settings whose vendors are the server, with keys that are no secret."""
    keys = {"APCA_API_KEY_ID": "key-of-a-test", "APCA_API_SECRET_KEY": "secret-of-a-test"}
    return PipelineSettings(home=home, yahoo_url=server.url, alpaca_url=server.url, **(keys | changes))
