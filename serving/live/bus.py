"""The way to Redis: names of streams, connections that fail fast.

Streams rather than pub/sub, so that who comes late or was away finds what it missed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

TICKS: Final = "ticks"
EVENTS: Final = "events"
LATEST: Final = "latest"
# Where the engine has got to (`serving.live.position`), and which engine that is (`serving.live.lease`).
ENGINE: Final = "engine"
LEASE: Final = "lease"
TERM: Final = "term"
# A year of 15-minute ticks of a dozen tickers; what a gateway may miss before it starts from a snapshot again.
TICKS_KEPT: Final = 100_000
EVENTS_KEPT: Final = 10_000
FIRST_READ: Final = "0-0"
READ_AT_ONCE: Final = 5_000

CONNECT_SECONDS: Final = 2.0
COMMAND_SECONDS: Final = 2.0
# Between two tries. Feed, engine and gateway each wait beside the others, and all have to be back five seconds after
# the server is.
LONGEST_WAIT_SECONDS: Final = 3.0
# Longest a blocking read may ask the server to wait, and what its connection allows on top.
BLOCK_SECONDS: Final = 1.0
BLOCKED_SECONDS: Final = BLOCK_SECONDS + COMMAND_SECONDS

# Whatever goes wrong between us and the server, from a refused connection to a full memory: wait and try again.
GONE: Final = (RedisError, OSError)

Entry = tuple[str, dict[bytes, bytes]]


def heed_cancellation() -> None:
    """Raise the running task's `CancelledError` if it was cancelled and didn't notice.

    redis-py sends under `asyncio.wait_for`, and that of Python 3.11 swallows a cancellation which arrives when the
    sending is done. A loop that talks to Redis asks here in every round, or it may never end.

    References
    ----------
    https://github.com/python/cpython/issues/86296
    """
    if (task := asyncio.current_task()) is not None and task.cancelling():
        raise asyncio.CancelledError


class Client(Redis):
    """A client that also keeps a connection for one question after another.

    What a pool of connections and a task for each time limit cost is more than all else on a tick's way to its signal.
    """

    _line: Any = None
    _seconds = 0.0

    async def ask(self, *words: bytes | str | int) -> Any:
        """The server's answer to a command as it stands: byte strings, numbers, lists and None."""
        if self._line is None:
            pool: Any = self.connection_pool
            self._line = await pool.get_connection()
            self._seconds, self._line.socket_timeout = self._line.socket_timeout, None
        async with asyncio.timeout(self._seconds):
            await self._line.send_packed_command(_packed(words), check_health=False)
            return await self._line.read_response()


def _packed(words: tuple[bytes | str | int, ...]) -> bytes:
    """A command as the server reads it.

    References
    ----------
    https://redis.io/docs/latest/develop/reference/protocol-spec/, "Sending commands to a Redis server".
    """
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


@asynccontextmanager
async def connection(url: str, *, blocking: bool = False) -> AsyncIterator[Client]:
    """A client of the server at `url`, closed on the way out; `blocking` for one that waits in `read`.

    It never tries again by itself: who holds it knows better what is worth repeating.
    """
    heed_cancellation()
    client: Any = Client.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=BLOCKED_SECONDS if blocking else COMMAND_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    try:
        yield client
    finally:
        await client.aclose()


async def read(client: Client, stream: str, *, after: str, seconds: float, count: int = READ_AT_ONCE) -> list[Entry]:
    """The stream's first `count` entries after the id `after`, waiting at most `seconds` for the first one."""
    heed_cancellation()
    block = max(1, round(1000 * min(seconds, BLOCK_SECONDS)))
    found = await client.ask("XREAD", "COUNT", count, "BLOCK", block, "STREAMS", stream, after)
    return [
        (entry_id.decode(), dict(zip(fields[::2], fields[1::2], strict=True)))
        for _, entries in found or ()
        for entry_id, fields in entries
    ]


class Event(msgspec.Struct, frozen=True):
    """One message of the engine's: its number in the engine's run `epoch`, and its JSON."""

    epoch: str
    seq: int
    data: bytes

    def fields(self) -> dict[str | bytes, Any]:
        """As a stream entry's fields."""
        return {"epoch": self.epoch, "seq": self.seq, "message": self.data}


def event(fields: dict[bytes, bytes]) -> Event:
    """The event that `Event.fields` wrote."""
    return Event(fields[b"epoch"].decode(), int(fields[b"seq"]), fields[b"message"])


class State(msgspec.Struct, frozen=True):
    """What the engine had said when it was asked for: the newest message of each kind and ticker, as JSON.

    `epoch` is None if no engine has said anything yet; `last` is the newest event's id.
    """

    epoch: str | None
    seq: int
    last: str
    messages: tuple[bytes, ...]


async def state(client: Redis) -> State:
    """The newest state and the place in the stream it belongs to, read in one transaction."""
    async with client.pipeline(transaction=True) as pipeline:
        pipeline.hgetall(LATEST)
        pipeline.hmget(ENGINE, "epoch", "seq")
        pipeline.xrevrange(EVENTS, count=1)
        fields, (epoch, seq), newest = await pipeline.execute()
    last = newest[0][0].decode() if newest else FIRST_READ
    return State(epoch.decode() if epoch else None, int(seq or 0), last, tuple(fields.values()))


class Script:
    """A Lua script: sent by its digest, and whole only to a server that doesn't know it yet.

    Parameters
    ----------
    text : str
        Ends by returning a whole number.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._sha1 = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, client: Client, keys: tuple[str, ...], arguments: list[Any]) -> int:
        """What it returns, run in one go on the server."""
        try:
            return int(await client.ask("EVALSHA", self._sha1, len(keys), *keys, *arguments))
        except NoScriptError:
            return int(await client.ask("EVAL", self._text, len(keys), *keys, *arguments))
