"""Answers made once and sent many times, and the two thin layers in front of the routes that send and count them.

`CachedAnswers` answers a GET or HEAD whose path has ready bytes before the framework sees it. The same paths are
routes too (`serving.routes`), which is where they are documented and where they are answered the first time.
"""

from __future__ import annotations

import hashlib
import time
from typing import Final, Protocol

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.metrics import Metrics

AGE_HEADER: Final = "x-data-age"
JSON: Final = "application/json"
MARKDOWN: Final = "text/markdown; charset=utf-8"
_NOT_MODIFIED_DROPS: Final = (b"content-type", b"content-length")


class Answer:
    """The bytes of an answer with its headers, ready to send.

    Parameters
    ----------
    body : bytes
    route : str
        The path template it is counted under.
    made_at : float
        Unix time at which the numbers inside were made; ``X-Data-Age`` counts from it.
    media_type : str
    """

    __slots__ = ("_dated", "_dated_at", "body", "etag", "headers", "made_at", "route")

    def __init__(self, body: bytes, *, route: str, made_at: float, media_type: str = JSON) -> None:
        self.body = body
        self.route = route
        self.made_at = made_at
        self.etag = f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'.encode()
        self.headers: list[tuple[bytes, bytes]] = [
            (b"content-type", media_type.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"etag", self.etag),
            # A client may keep it, but has to ask whether it still holds: that costs a 304 without a body.
            (b"cache-control", b"no-cache"),
        ]
        self._dated, self._dated_at = self.headers, -1

    def headers_at(self, now: float) -> list[tuple[bytes, bytes]]:
        """The headers with how many whole seconds ago the numbers were made; not to be changed."""
        second = int(now)
        # Thousands of answers go out within one second: their headers are the same.
        if second != self._dated_at:
            self._dated = [*self.headers, (AGE_HEADER.encode(), b"%d" % max(0.0, now - self.made_at))]
            self._dated_at = second
        return self._dated

    def response(self, now: float) -> Response:
        """The answer for a route to return."""
        response = Response(self.body)
        response.raw_headers = [*self.headers_at(now)]
        return response


class ReadyAnswers(Protocol):
    """Whoever holds ready answers, the time and the counters; `serving.latest.Latest` does."""

    metrics: Metrics

    def cached(self, path: str) -> Answer | None:
        """The ready answer for a path, None if there is none."""

    def now(self) -> float:
        """Unix time."""


class CachedAnswers:
    """ASGI middleware that sends ready bytes.

    Parameters
    ----------
    app : ASGIApp
        Who answers everything else.
    answers : ReadyAnswers
        Who has the bytes, if anyone.
    """

    def __init__(self, app: ASGIApp, answers: ReadyAnswers) -> None:
        self.app = app
        self.find = answers.cached
        self.now = answers.now
        # Its counts, looked up here and not for each request: a ready answer costs little more than its counting.
        self.requests = answers.metrics.requests.counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return await self.app(scope, receive, send)
        answer = None if scope["query_string"] else self.find(scope["path"])
        if answer is not None:
            return await self._send(answer, scope, send)
        if scope["method"] == "HEAD":
            return await self.app({**scope, "method": "GET"}, receive, _without_body(send))
        return await self.app(scope, receive, send)

    async def _send(self, answer: Answer, scope: Scope, send: Send) -> None:
        headers, body, status = answer.headers_at(self.now()), answer.body, 200
        if _holds_already(scope["headers"], answer.etag):
            headers = [header for header in headers if header[0] not in _NOT_MODIFIED_DROPS]
            body, status = b"", 304
        elif scope["method"] == "HEAD":
            body = b""
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self.requests[answer.route, scope["method"], status] += 1


class Measured:
    """ASGI middleware that counts and times every request that reaches the routes."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        status = 500
        started = time.perf_counter()

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            return await self.app(scope, receive, note_status)
        finally:
            # A path that is no route would make a series of its own for every typing error.
            route = getattr(scope.get("route"), "path", "unmatched")
            seconds = time.perf_counter() - started
            self.metrics.request(route=route, method=scope["method"], status=status, seconds=seconds)


def _holds_already(headers: list[tuple[bytes, bytes]], etag: bytes) -> bool:
    """Whether the request says that its sender has the bytes of that tag (RFC 9110, 13.1.2)."""
    for name, value in headers:
        if name == b"if-none-match":
            return value.strip() == b"*" or etag in (tag.strip().removeprefix(b"W/") for tag in value.split(b","))
    return False


def _without_body(send: Send) -> Send:
    async def head_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return head_only
