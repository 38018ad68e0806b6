"""Where the engines have got to, as it stands in Redis beside what they said: what the next one goes on from."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final, Self

import msgspec
import structlog

from quant.signals import Action
from serving.live import bus
from serving.messages import LiveMessage, SignalMessage, decode

_encode: Final = msgspec.json.Encoder().encode
_decode_actions: Final = msgspec.json.Decoder(dict[str, Action]).decode

log = structlog.get_logger()


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """Signals that an engine said when it took over: audited by the one before it, of ticks behind `through`.

    Attributes
    ----------
    ids : tuple of int
        Their entries of the audit log. Where the ticks lead to them again, they are not said again.
    in_force : dict of str to SignalMessage
        For each ticker with a close among them, the signal that the ticks through `through` have led to, from which
        the close will follow.
    """

    ids: tuple[int, ...] = ()
    in_force: dict[str, SignalMessage] = {}

    def at(self, shown: Mapping[str, SignalMessage]) -> Self:
        """The same once the ticks have led to the signals `shown`, perhaps past some of the closes."""
        in_force = {ticker: shown.get(ticker, signal) for ticker, signal in self.in_force.items()}
        return msgspec.structs.replace(self, in_force=in_force)


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to here has been said.

    Attributes
    ----------
    epoch : str
        Names the run of numbers; it goes on from engine to engine for as long as Redis remembers it.
    seq : int
        Number of the last message.
    through : str
        Id of the last tick that was taken in.
    audit_through : int
        Id of the newest signal in the audit log that has been said.
    market : str or None
        The feed's run.
    at_close : dict of str to Action
        See `Standing`.
    term : int
        Of the engine that said it.
    ahead : Ahead
        What has been said of ticks that are yet to be taken in.
    """

    epoch: str
    seq: int
    through: str
    audit_through: int
    market: str | None
    at_close: dict[str, Action]
    term: int
    ahead: Ahead = Ahead()

    @classmethod
    def first(cls, *, audit_through: int = 0) -> Self:
        """Before anything has been said, in an epoch of its own."""
        nothing: dict[str, Action] = {}
        return cls(
            epoch=uuid.uuid4().hex,
            seq=0,
            through=bus.FIRST_READ,
            audit_through=audit_through,
            market=None,
            at_close=nothing,
            term=0,
        )

    def anew(self) -> Self:
        """The same place in the market, in an epoch of its own."""
        return msgspec.structs.replace(self, epoch=uuid.uuid4().hex, seq=0)

    def fields(self) -> list[Any]:
        """As names and values of a hash, one after the other."""
        values = msgspec.structs.asdict(self) | {"at_close": _encode(self.at_close), "ahead": _encode(self.ahead)}
        return ["" if part is None else part for pair in values.items() for part in pair]


_decode_ahead: Final = msgspec.json.Decoder(Ahead).decode


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A position, and the newest message under each key as JSON: all of what a successor has to know."""

    position: Position
    latest: dict[str, bytes]

    def messages(self) -> list[LiveMessage]:
        """The messages, but for what can't be read."""
        messages = []
        for key, data in self.latest.items():
            try:
                messages.append(decode(data))
            except msgspec.MsgspecError as error:
                log.warning("latest_unreadable", key=key, error=str(error))
        return messages


async def read(client: bus.Client) -> Known | None:
    """What Redis knows; None if no engine has spoken there, or none that we understand."""
    async with client.pipeline(transaction=True) as pipeline:
        pipeline.hgetall(bus.ENGINE)
        pipeline.hgetall(bus.LATEST)
        fields, latest = await pipeline.execute()
    if not fields:
        return None
    try:
        position = _position(fields)
    except (KeyError, ValueError, msgspec.MsgspecError) as error:
        log.warning("position_unreadable", error=str(error))
        return None
    return Known(position=position, latest={key.decode(): data for key, data in latest.items()})


def _position(fields: dict[bytes, bytes]) -> Position:
    return Position(
        epoch=fields[b"epoch"].decode(),
        seq=int(fields[b"seq"]),
        through=fields[b"through"].decode(),
        audit_through=int(fields[b"audit_through"]),
        market=fields[b"market"].decode() or None,
        at_close=_decode_actions(fields[b"at_close"]),
        term=int(fields[b"term"]),
        ahead=_decode_ahead(fields[b"ahead"]),
    )
