"""What the engine has to say, numbered, until Redis has it.

The numbers (`seq`) are contiguous within the engine's run (`epoch`). A batch whose fate is unknown, because the
connection broke, is sent again with the same numbers: who has seen them already leaves them out.
"""

from __future__ import annotations

import uuid
from typing import Any

from serving.live import bus
from serving.live.bus import Event
from serving.messages import (
    AlertMessage,
    LiveMessage,
    PortfolioMessage,
    PredictionMessage,
    SignalMessage,
    StatusMessage,
    encode,
)


class Outbox:
    """Messages on their way to the gateways.

    While Redis is away only the newest price and provisional prediction of each ticker are kept, but every signal
    and every prediction at a close.

    Attributes
    ----------
    epoch : str
        This run.
    seq : int
        The number of the last message that was given one.
    """

    def __init__(self) -> None:
        self.epoch = uuid.uuid4().hex
        self.seq = 0
        self._waiting: dict[str, LiveMessage] = {}
        self._sending: list[tuple[str, Event]] = []
        self._latest: dict[str, bytes] = {}
        self._write_whole = True
        self._kept = 0

    def put(self, message: LiveMessage) -> None:
        """Say this next."""
        key = latest_key(message)
        if isinstance(message, SignalMessage) or (isinstance(message, PredictionMessage) and not message.provisional):
            self._kept += 1
            key = f"{key}:{self._kept}"
        # Behind what was put before it, even where it takes an older one's place.
        self._waiting.pop(key, None)
        self._waiting[key] = message

    def write_whole(self) -> None:
        """The server may have forgotten everything: write all of the newest state with the next batch."""
        self._write_whole = True

    async def flush(self, client: Any) -> None:
        """Send all there is; on an exception nothing is lost and the next call goes on with it."""
        while self._sending or self._waiting:
            self._sending = self._sending or self._numbered()
            changed = {key: event.data for key, event in self._sending}
            self._latest |= changed
            async with client.pipeline(transaction=True) as pipeline:
                if self._write_whole:
                    pipeline.delete(bus.LATEST)
                    changed = self._latest
                for _, event in self._sending:
                    pipeline.xadd(bus.EVENTS, event.fields(), maxlen=bus.EVENTS_KEPT, approximate=True)
                position = {"epoch": self.epoch, "seq": self._sending[-1][1].seq}
                pipeline.hset(bus.LATEST, mapping={**changed, **position})
                await pipeline.execute()
            self._sending, self._write_whole = [], False

    def _numbered(self) -> list[tuple[str, Event]]:
        batch = []
        for message in self._waiting.values():
            self.seq += 1
            batch.append((latest_key(message), Event(self.epoch, self.seq, encode(message))))
        self._waiting = {}
        return batch


def latest_key(message: LiveMessage) -> str:
    """The field of the newest state that the message replaces."""
    kind = str(message.__struct_config__.tag)
    if isinstance(message, StatusMessage | PortfolioMessage):
        return kind
    if isinstance(message, AlertMessage):
        return f"{kind}:{message.kind.value}:{message.subject}"
    return f"{kind}:{message.ticker}"
