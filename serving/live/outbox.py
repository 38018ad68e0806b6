"""What the engine has to say, numbered, until Redis has it.

The numbers (`seq`) are contiguous within an epoch, from engine to engine. Messages, the newest state and the position
that belongs to them change in one script or not at all, and only while the lease is ours. A batch whose fate is
unknown, because the connection broke, is sent again with the same numbers: the script sees whether it had been taken.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog

from serving.live import bus
from serving.live.lease import KEEP, Lease
from serving.live.position import Position
from serving.messages import (
    AlertMessage,
    LiveMessage,
    PortfolioMessage,
    PredictionMessage,
    SignalMessage,
    StatusMessage,
    encode,
)

PUBLISH: Final = bus.Script(
    KEEP
    + """
local _, _, events, latest, engine = unpack(KEYS)
local at = 3
local function argument() at = at + 1; return ARGV[at] end

local begins, epoch, first, last = argument(), argument(), tonumber(argument()), tonumber(argument())
local position = redis.call('HMGET', engine, 'epoch', 'seq')
if position[1] == epoch then
  local seq = tonumber(position[2])
  if seq >= last then return 1 end
  if seq ~= first - 1 then return -1 end
elseif begins == '0' then
  return -1
end

local kept = argument()
local fields = tonumber(argument())
redis.call('HSET', engine, unpack(ARGV, at + 1, at + fields))
at = at + fields
if begins == '1' then redis.call('DEL', latest) end
for _ = 1, tonumber(argument()) do
  redis.call('HSET', latest, argument(), argument())
end
for seq = first, last do
  local key, over, message = argument(), argument(), argument()
  redis.call('XADD', events, 'MAXLEN', '~', kept, '*', 'epoch', epoch, 'seq', seq, 'message', message)
  if over == '1' then
    redis.call('HDEL', latest, key)
  else
    redis.call('HSET', latest, key, message)
  end
end
return 1
"""
)
NOT_OURS: Final = 0
FORGOTTEN: Final = -1
KEYS: Final = (bus.LEASE, bus.TERM, bus.EVENTS, bus.LATEST, bus.ENGINE)

log = structlog.get_logger()


class Saying(msgspec.Struct, frozen=True):
    """A message on its way: the key of the newest state that it replaces, or with `over` leaves empty, and its JSON."""

    key: str
    over: bool
    data: bytes


class Outbox:
    """Messages on their way to the gateways.

    While Redis is away only the newest price and provisional prediction of each ticker are kept, but every signal,
    every alert and every prediction at a close.

    Parameters
    ----------
    lease : Lease
        Held.
    position : Position
        Where to go on from.
    latest : mapping of str to bytes
        The newest message under each key by then.
    begins : bool
        Whether the position's epoch is a new one, of which Redis has not heard.

    Attributes
    ----------
    lease : Lease
    position : Position
        Where the engine is with all that was said up to the last `flush`.
    latest : dict of str to bytes
        The newest message under each key by then.
    begins : bool
        Whether Redis has yet to hear of the epoch.
    """

    def __init__(self, lease: Lease, position: Position, latest: Mapping[str, bytes], *, begins: bool) -> None:
        self.position = position
        self.latest = dict(latest)
        self.lease = lease
        self.begins = begins
        self._waiting: dict[str, LiveMessage] = {}
        self._sending: list[Saying] = []
        self._kept = 0

    @property
    def epoch(self) -> str:
        """The run of numbers."""
        return self.position.epoch

    @property
    def seq(self) -> int:
        """The number of the last message that was given one."""
        return self.position.seq

    def put(self, message: LiveMessage) -> None:
        """Say this next."""
        key = latest_key(message)
        if _is_kept(message):
            self._kept += 1
            key = f"{key}:{self._kept}"
        # Behind what was put before it, even where it takes an older one's place.
        self._waiting.pop(key, None)
        self._waiting[key] = message

    async def flush(self, client: bus.Client, position: Position | None = None) -> bool:
        """Say all there is, and save `position` with it; whether the lease is still ours.

        On an exception nothing is lost and the next call goes on with it. Of the position, epoch and numbers are ours
        to know.
        """
        while self._sending or self._waiting:
            if not self._sending:
                self._number(position or self.position)
            said = await PUBLISH.run(client, KEYS, self._arguments())
            if said == NOT_OURS:
                return False
            if said == FORGOTTEN:
                log.warning("engine_begins_anew", reason="Redis lost what was said", seq=self.seq)
                self.begin()
                continue
            self._sending, self.begins = [], False
        return True

    def _number(self, position: Position) -> None:
        """Give what waits its numbers, and the position that is saved with it."""
        self._sending = [
            Saying(latest_key(message), isinstance(message, AlertMessage) and not message.active, encode(message))
            for message in self._waiting.values()
        ]
        self._waiting = {}
        seq = self.position.seq + len(self._sending)
        self.position = msgspec.structs.replace(position, epoch=self.epoch, seq=seq, term=self.lease.term)
        for saying in self._sending:
            if saying.over:
                self.latest.pop(saying.key, None)
            else:
                self.latest[saying.key] = saying.data

    def begin(self) -> None:
        """Go on in an epoch of our own: Redis has lost what was said. What waits or is being sent comes first in it."""
        self.begins = True
        self.position = msgspec.structs.replace(self.position, epoch=uuid.uuid4().hex, seq=len(self._sending))

    def _arguments(self) -> list[Any]:
        """What the script takes, in its order."""
        last, number = self.position.seq, len(self._sending)
        fields = self.position.fields()
        # A server that knows nothing of the epoch knows nothing of what was said before it.
        whole = list(self.latest.items()) if self.begins else []
        return [
            *self.lease.claim,
            *(int(self.begins), self.epoch, last - number + 1, last),
            *(bus.EVENTS_KEPT, len(fields), *fields),
            *(len(whole), *(part for pair in whole for part in pair)),
            *(part for each in self._sending for part in (each.key, int(each.over), each.data)),
        ]


def latest_key(message: LiveMessage) -> str:
    """The field of the newest state that the message replaces."""
    kind = str(message.__struct_config__.tag)
    if isinstance(message, StatusMessage | PortfolioMessage):
        return kind
    if isinstance(message, AlertMessage):
        return f"{kind}:{message.kind.value}:{message.subject}"
    return f"{kind}:{message.ticker}"


def _is_kept(message: LiveMessage) -> bool:
    """Whether it has to be said even if another one like it follows."""
    if isinstance(message, PredictionMessage):
        return not message.provisional
    return isinstance(message, SignalMessage | AlertMessage)
