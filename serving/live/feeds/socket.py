"""The loop around a vendor's WebSocket: connect, subscribe, listen, and when it breaks, however it breaks, again.

One connection at a time, by the client of the `websockets` library; when and how often to try is decided here. What is
said on the connection is a dialect's business.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from serving.backoff import Backoff
from serving.live.feeds.dialect import Dialect, Refused
from serving.live.ticks import Tick
from serving.messages import FeedState

# Another try within minutes can't help: the vendor doesn't know us, or wants us to come less often.
UNWELCOME: Final = frozenset({401, 403, 429})
LONGEST_WAIT_SECONDS: Final = 5.0
LEFT_ALONE_SECONDS: Final = 300.0
LONGEST_LEFT_ALONE: Final = 3600.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long each phase of a connection may take, in seconds.

    Attributes
    ----------
    connect : float
        To open it, TLS and handshake included.
    subscribe : float
        Until the vendor has confirmed the subscription, and for anything sent.
    heartbeat : float
        Between two of what the dialect says from time to time.
    ping : float
        Between two pings, and for the answer: what finds a peer that is gone without a word.
    silence : float
        Without a frame, while somebody trades, until the feed is stale.
    dead : float
        Likewise until the connection is given up; above `silence`.
    close : float
        For the closing handshake.
    """

    connect: float = 10.0
    subscribe: float = 10.0
    heartbeat: float = 15.0
    ping: float = 20.0
    silence: float = 30.0
    dead: float = 120.0
    close: float = 1.0

    def __post_init__(self) -> None:
        if self.dead <= self.silence:
            raise ValueError(f"dead: expected more than silence ({self.silence}), got {self.dead}")


class Line:
    """A connection to one vendor that is there whenever it can be.

    Parameters
    ----------
    url : str
    dialect : Dialect
    take : callable
        Gets the ticks of each frame.
    move : callable
        Told of the connection's state, with the reason.
    trading : callable
        Whether somebody trades now, so that silence means something.
    timing : Timing, optional
    rng : random.Random, optional
        Of the waits between tries.
    """

    def __init__(
        self,
        url: str,
        dialect: Dialect,
        *,
        take: Callable[[Sequence[Tick]], None],
        move: Callable[[FeedState, str], object],
        trading: Callable[[], bool],
        timing: Timing | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._url = url
        self._dialect = dialect
        self._take = take
        self._move = move
        self._trading = trading
        self._timing = timing or Timing()
        self._rng = rng or random.Random()
        self._backoff = Backoff(longest_seconds=LONGEST_WAIT_SECONDS, rng=self._rng)
        self._stale = False

    async def run(self) -> NoReturn:
        """Be connected until cancelled."""
        while True:
            self._move(FeedState.CONNECTING, "")
            try:
                await self._connection()
            except (Refused, WebSocketException, OSError, UnicodeError) as error:
                reason, wait = self._trouble(error)
                log.warning("stream_backing_off", reason=reason, seconds=round(wait, 3))
                self._move(FeedState.BACKING_OFF, reason)
                await asyncio.sleep(wait)

    async def _connection(self) -> NoReturn:
        """One connection, from its handshake to the exception that ends it."""
        timing = self._timing
        async with connect(
            self._url,
            open_timeout=timing.connect,
            ping_interval=timing.ping,
            ping_timeout=timing.ping,
            close_timeout=timing.close,
        ) as connection:
            try:
                await self._subscribe(connection)
                self._stale = False
                self._move(FeedState.LIVE, "")
                await self._listen(connection)
            finally:
                # Left to the library, a vendor would be told of an internal error.
                await connection.close()

    async def _subscribe(self, connection: ClientConnection) -> None:
        try:
            async with asyncio.timeout(self._timing.subscribe):
                for message in self._dialect.begin():
                    await connection.send(message, text=True)
                while not self._dialect.subscribed:
                    await self._hear(connection, await connection.recv(decode=False))
        except TimeoutError:
            raise TimeoutError(f"expected a subscription within {self._timing.subscribe} s, got none") from None

    async def _listen(self, connection: ClientConnection) -> NoReturn:
        """Hear what comes, and look at the time whenever nothing does."""
        heard_at = beaten_at = _time()
        while True:
            patience = self._timing.dead if self._stale else self._timing.silence
            # Not at once where it is past already: it may be that nobody trades.
            silent_at = max(heard_at + patience, _time() + self._timing.silence / 8)
            frame = await _frame(connection, until=min(silent_at, beaten_at + self._timing.heartbeat))
            if frame is not None and await self._hear(connection, frame):
                heard_at = _time()
                self._heard()
            else:
                heard_at = self._silent_since(heard_at)
            if _time() >= beaten_at + self._timing.heartbeat:
                beaten_at = _time()
                await self._send(connection, self._dialect.heartbeat())

    async def _hear(self, connection: ClientConnection, frame: bytes) -> bool:
        """Take in a frame; whether anything of it was understood."""
        said = self._dialect.hear(frame)
        if said.ticks:
            self._take(said.ticks)
        await self._send(connection, said.answers)
        return said.understood

    def _heard(self) -> None:
        """The vendor has spoken: what went wrong before is over."""
        self._backoff.reset()
        if self._stale:
            self._stale = False
            self._move(FeedState.LIVE, "")

    async def _send(self, connection: ClientConnection, messages: Sequence[bytes]) -> None:
        if messages:
            async with asyncio.timeout(self._timing.subscribe):
                for message in messages:
                    await connection.send(message, text=True)

    def _silent_since(self, heard_at: float) -> float:
        """What silence since `heard_at` means: nothing while nobody trades, then stale, then the end.

        Returns from when on it counts.
        """
        if not self._trading():
            return _time()
        silent = _time() - heard_at
        if silent >= self._timing.dead:
            raise TimeoutError(f"expected a frame within {self._timing.dead} s, got none")
        if silent >= self._timing.silence and not self._stale:
            self._stale = True
            self._move(FeedState.STALE, f"no frame for {self._timing.silence:g} s")
        return heard_at

    def _trouble(self, error: Exception) -> tuple[str, float]:
        """What to say of an end, and how long to leave the vendor alone."""
        reason = str(error) or type(error).__name__
        seconds = error.seconds if isinstance(error, Refused) else None
        if isinstance(error, InvalidStatus):
            reason = f"handshake: expected status 101, got {error.response.status_code}"
            if error.response.status_code in UNWELCOME:
                seconds = _retry_after(error.response.headers.get("Retry-After"))
        if seconds is None:
            return reason, self._backoff.seconds()
        # Not to the second: many of us may have been refused at once.
        return reason, self._rng.uniform(seconds, 1.25 * seconds)


async def _frame(connection: ClientConnection, *, until: float) -> bytes | None:
    """The next frame; None if there is none by then."""
    try:
        async with asyncio.timeout_at(until):
            return await connection.recv(decode=False)
    except TimeoutError:
        return None


def _retry_after(value: str | None) -> float:
    """The seconds that a vendor asks for, within reason; a date is not worth its clock."""
    if value is None or not value.isdecimal():
        return LEFT_ALONE_SECONDS
    return min(float(value), LONGEST_LEFT_ALONE)


def _time() -> float:
    return asyncio.get_running_loop().time()
