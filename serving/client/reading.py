"""Reading what a server sends, which may be newer than this client: what it does not know is counted and left out."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from serving.client.errors import TryAgain
from serving.messages import LiveMessage
from serving.protocol import ErrorCode, Frame, decode_frame

_KNOWN: Final = frozenset(str(kind.__struct_config__.tag) for kind in Frame.__args__)
_CODES: Final = tuple(code.value for code in ErrorCode)
_LISTS: Final = ("messages", "prices", "predictions", "signals", "alerts")
_SINGLE: Final = ("portfolio", "status")


class NewerRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """`serving.protocol.Refused` for a reason that this client has no name for."""

    code: str
    field: str
    message: str


def read_frame(data: bytes) -> tuple[Frame | NewerRefusal | None, int]:
    """The frame, None if it is of an unknown kind, and how much of it was left out.

    Raises
    ------
    TryAgain
        For anything that no server of any version would send.
    """
    try:
        return decode_frame(data), 0
    except msgspec.MsgspecError:
        return _read_leniently(data)


def _read_leniently(data: bytes) -> tuple[Frame | NewerRefusal | None, int]:
    try:
        found: Any = msgspec.json.decode(data)
    except msgspec.MsgspecError as error:
        raise TryAgain(f"frame: expected JSON, got: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        raise TryAgain(f'frame: expected an object with a "type", got {data[:80]!r}')
    if found["type"] not in _KNOWN:
        return None, 1
    left_out = _leave_out(found)
    try:
        if found["type"] == "error" and found.get("code") not in _CODES:
            return msgspec.convert(found, type=NewerRefusal), 0
        return msgspec.convert(found, type=Frame), left_out
    except msgspec.ValidationError as error:
        raise TryAgain(f"frame: expected one of type {found['type']}, got: {error}") from error


def _leave_out(frame: dict[str, Any]) -> int:
    """Take out the messages that this client can't read; how many there were."""
    left_out = 0
    for name in _LISTS:
        if isinstance(messages := frame.get(name), list):
            frame[name] = [message for message in messages if _readable(message)]
            left_out += len(messages) - len(frame[name])
    for name in _SINGLE:
        if frame.get(name) is not None and not _readable(frame[name]):
            frame[name] = None
            left_out += 1
    return left_out


def _readable(message: Any) -> bool:
    try:
        msgspec.convert(message, type=LiveMessage)
    except msgspec.ValidationError:
        return False
    return True
