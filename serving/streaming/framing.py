"""The frames of `serving.protocol` as they go over the wire."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from serving.messages import (
    AlertMessage,
    LiveMessage,
    PortfolioMessage,
    PredictionMessage,
    PriceMessage,
    SignalMessage,
    StatusMessage,
    encode,
)
from serving.protocol import Frame, Snapshot
from serving.streaming.frames import text_frame


class _EncodedDelta(msgspec.Struct, kw_only=True, tag_field="type", tag="delta"):
    """`serving.protocol.Delta` whose messages are encoded already."""

    seq: int
    prev: int
    messages: list[msgspec.Raw]


def frame_of(frame: Frame) -> bytes:
    """Any frame."""
    return text_frame(encode(frame))


def delta_frame(messages: Sequence[bytes], *, seq: int, prev: int) -> bytes:
    """A `Delta` of messages that are encoded already."""
    return text_frame(encode(_EncodedDelta(seq=seq, prev=prev, messages=[msgspec.Raw(data) for data in messages])))


def snapshot_frame(messages: Sequence[LiveMessage], *, epoch: str | None, seq: int, release_id: str | None) -> bytes:
    """A `Snapshot` of all these messages, each in its place."""
    snapshot = Snapshot(
        epoch=epoch,
        seq=seq,
        release_id=release_id,
        prices=tuple(message for message in messages if isinstance(message, PriceMessage)),
        predictions=tuple(message for message in messages if isinstance(message, PredictionMessage)),
        signals=tuple(message for message in messages if isinstance(message, SignalMessage)),
        portfolio=next((message for message in messages if isinstance(message, PortfolioMessage)), None),
        alerts=tuple(message for message in messages if isinstance(message, AlertMessage)),
        status=next((message for message in messages if isinstance(message, StatusMessage)), None),
    )
    return frame_of(snapshot)
