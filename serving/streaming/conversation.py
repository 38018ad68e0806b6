"""What one client says over its WebSocket, request by request, and what it is answered.

A request is taken up when the connection has room for its answer: who asks and doesn't read is not heard any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from serving.errors import Invalid
from serving.protocol import Channel, CloseCode, ErrorCode, Ping, Pong, Refused, Subscribe, decode_request
from serving.streaming.hub import Hub
from serving.streaming.limits import MALFORMED_IN_A_ROW, MOST_TICKERS, REQUESTS_PER_SECOND, Pace, Verdict
from serving.streaming.listeners import EVERYTHING, Connection, Listener, Subscription

# The next message, text or binary; None when the connection is over.
Receive = Callable[[], Awaitable[str | bytes | None]]

_UNKNOWN_CHANNEL: Final = "Invalid enum value"
# So many names of an unusable list are told back.
_NAMED: Final = 20


async def converse(hub: Hub, connection: Connection, receive: Receive) -> None:
    """Serve one connection until it ends."""
    listener = hub.greet(connection)
    try:
        await _Conversation(hub, listener).run(receive)
    finally:
        hub.leave(listener)


class _Conversation:
    """One client's requests."""

    def __init__(self, hub: Hub, listener: Listener) -> None:
        self._hub = hub
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(self._loop.time())
        self._malformed = 0

    async def run(self, receive: Receive) -> None:
        """Take up one request after another; returns when the connection is over or was ended."""
        while (said := await receive()) is not None:
            await self._listener.connection.room()
            if not await self._hear(said):
                return

    async def _hear(self, said: str | bytes) -> bool:
        """Take up what was said; whether the conversation goes on."""
        if isinstance(said, bytes):
            return self._dismiss(CloseCode.NOT_TEXT, "expected JSON in text frames, got a binary one")
        verdict = self._pace.spend(self._loop.time())
        if verdict is Verdict.CLOSE:
            return self._dismiss(CloseCode.TOO_FAST, f"expected at most {REQUESTS_PER_SECOND:g} requests a second")
        if verdict is Verdict.WARN:
            words = f"requests: expected at most {REQUESTS_PER_SECOND:g} a second, got more; they are not answered"
            self._refuse(ErrorCode.TOO_FAST, "requests", words)
        if verdict is not Verdict.ANSWER:
            return True
        try:
            request = decode_request(said)
        except msgspec.MsgspecError as error:
            return self._not_understood(error)
        self._malformed = 0
        if isinstance(request, Ping):
            self._hub.say(self._listener, Pong(seq=self._listener.seq, id=request.id))
        else:
            await self._subscribe(request)
        return True

    async def _subscribe(self, request: Subscribe) -> None:
        subscription = self._subscription(request)
        if subscription is None:
            return
        if request.resume is not None:
            await self._hub.reach(request.resume)
            await self._listener.connection.room()
            if self._hub.resume(self._listener, subscription, request.resume):
                return
            known = f"epoch {self._hub.epoch} up to {self._hub.seq}"
            asked = f"{request.resume.last_seq} in {request.resume.epoch}"
            self._refuse(ErrorCode.UNKNOWN_EPOCH, "resume", str(Invalid("resume", asked[:100], known)))
        self._hub.subscribe(self._listener, subscription)

    def _subscription(self, request: Subscribe) -> Subscription | None:
        """What is asked for, None if it was refused: too much of it, or a ticker that nobody serves."""
        tickers = request.tickers
        if tickers is not None and len(tickers) > MOST_TICKERS:
            invalid = Invalid("tickers", str(len(tickers)), f"at most {MOST_TICKERS} of them")
            self._refuse(ErrorCode.TOO_MANY_TICKERS, "tickers", str(invalid))
            return None
        known = self._hub.latest.tickers
        unknown = [name for name in tickers or () if name not in known]
        if unknown:
            expected = f"some of {', '.join(list(known)[:_NAMED]) or 'none'}{', ...' if len(known) > _NAMED else ''}"
            invalid = Invalid("tickers", ", ".join(unknown[:_NAMED]), expected)
            self._refuse(ErrorCode.UNKNOWN_TICKER, "tickers", str(invalid))
            return None
        return Subscription(tickers, EVERYTHING if request.channels is None else request.channels)

    def _not_understood(self, error: msgspec.MsgspecError) -> bool:
        self._malformed += 1
        if self._malformed > MALFORMED_IN_A_ROW:
            return self._dismiss(CloseCode.MALFORMED, f"expected a request among {self._malformed} messages, got none")
        if _UNKNOWN_CHANNEL in str(error) and "$.channels" in str(error):
            names = ", ".join(channel.value for channel in Channel)
            self._refuse(ErrorCode.UNKNOWN_CHANNEL, "channels", f"channels: expected some of {names}, got: {error}")
        else:
            expected = 'expected {"type": "subscribe", ...} or {"type": "ping"}'
            self._refuse(ErrorCode.MALFORMED, "frame", f"frame: {expected}, got: {error}")
        return True

    def _refuse(self, code: ErrorCode, field: str, message: str) -> None:
        self._hub.say(self._listener, Refused(code=code, field=field, message=message))

    def _dismiss(self, code: CloseCode, reason: str) -> bool:
        self._hub.dismiss(self._listener, code, reason)
        return False
