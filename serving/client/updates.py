"""What a client of the stream hands to its caller: news, and whatever it has to know about news it may have missed.

`serving.protocol`'s own `Snapshot` and `Stale` are among them. How they come about is `session`'s business.
"""

from __future__ import annotations

import enum

import msgspec

from serving.messages import LiveMessage
from serving.protocol import Resume, Snapshot, Stale


class ConnectionState(enum.Enum):
    """What the client's connection is doing."""

    CONNECTING = "connecting"
    OPEN = "open"
    STALE = "stale"  # open, but the server says that it has no news
    WAITING = "waiting"  # lost; trying again in a moment
    CLOSED = "closed"


class News(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="news"):
    """One message, of the frame up to `seq`. No signal and no alert comes twice."""

    epoch: str | None
    seq: int
    message: LiveMessage


class Resumed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="resumed"):
    """What came after `since` and was missed is known now, and follows as `News`: nothing is lost."""

    epoch: str
    seq: int
    since: Resume


class Gap(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="gap"):
    """What came after `since` is not to be had any more: `snapshot` is all there is.

    Signals and alerts that have been replaced in between are lost to this client; the audit log has them. Those that
    hold and that the caller has not had yet follow as `News`.
    """

    reason: str
    since: Resume
    snapshot: Snapshot


class Disconnected(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="disconnected"):
    """The connection was lost, or there was none to be had; another try follows after `retry_seconds`."""

    reason: str
    retry_seconds: float


Update = Snapshot | News | Resumed | Gap | Stale | Disconnected
