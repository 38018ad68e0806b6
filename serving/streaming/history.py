"""What was said lately, kept once for all listeners, so that what one of them missed can be worked out when it asks.

Of prices, predictions, the portfolio and the status only the newest of each ticker; of signals and alerts each one,
as many as `MOST_KEPT`. Nothing is kept for any one listener but a number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import takewhile
from typing import Final, NamedTuple

from serving.messages import LiveMessage, encode
from serving.protocol import DELIVERED_ONE_BY_ONE

# Signals and alerts: a universe of hundreds of tickers makes some hundreds of them in a lively session.
MOST_KEPT: Final = 4096


class Kept(NamedTuple):
    """A message as it is sent, with two numbers that say when it came.

    `place` counts everything that this process tells, `seq` is the engine's number, or that of the engine's message
    before it for one of the process' own, which has none.
    """

    place: int
    seq: int
    message: LiveMessage
    data: bytes
    own: bool


class Missed(NamedTuple):
    """What somebody missed, oldest first; whether it takes a snapshot on top, and whether there was more once."""

    messages: list[Kept]
    snapshot: bool
    lost: bool = False


class History:
    """The newest of everything that is conflated, and the last signals and alerts.

    Asking for what is new costs as much as there is to tell, however much is kept.

    Attributes
    ----------
    place : int
        That of the newest entry; never goes back.
    """

    def __init__(self, *, most_kept: int = MOST_KEPT) -> None:
        self.place = 0
        self._most_kept = most_kept
        # In the order of their places: an entry that changes moves to the end.
        self._newest: dict[tuple[type[LiveMessage], str | None], Kept] = {}
        self._each: deque[Kept] = deque()
        # Up to these nothing can be told one by one any more.
        self._lost_place = 0
        self._lost_seq = 0
        # Up to these what is known by ticker was replaced by something that has no number.
        self._renewed_place = 0
        self._renewed_seq: int | None = None

    def begin(self, *, seq: int) -> None:
        """Forget everything: what came up to the engine's message number `seq` is not known."""
        self._newest.clear()
        self._each.clear()
        self.place += 1
        self._lost_place = self._renewed_place = self.place
        self._lost_seq, self._renewed_seq = seq, None

    def renew(self, *, seq: int | None = None) -> None:
        """Whoever has missed something takes a snapshot on top from now on.

        With `seq`, so does who resumes from that number or an older one: what a release says changes without a number.
        """
        self.place += 1
        self._renewed_place = self.place
        if seq is not None:
            self._newest.clear()
            self._renewed_seq = seq

    def add(self, message: LiveMessage, *, seq: int, own: bool = False) -> Kept:
        """Keep a message, whose number is not below any before it."""
        self.place += 1
        kept = Kept(self.place, seq, message, encode(message), own)
        if isinstance(message, DELIVERED_ONE_BY_ONE):
            self._each.append(kept)
            if len(self._each) > self._most_kept:
                oldest = self._each.popleft()
                self._lost_place, self._lost_seq = oldest.place, oldest.seq
        else:
            key = _key(message)
            self._newest.pop(key, None)
            self._newest[key] = kept
        return kept

    def still_news(self, kept: Kept) -> bool:
        """Whether an entry is worth telling: no newer one has taken its place."""
        return isinstance(kept.message, DELIVERED_ONE_BY_ONE) or self._newest.get(_key(kept.message)) is kept

    def after_place(self, place: int) -> Missed:
        """What is new since an entry's place."""
        if place < self._lost_place:
            return Missed([], snapshot=True, lost=True)
        found = [
            *takewhile(lambda kept: kept.place > place, reversed(self._each)),
            *takewhile(lambda kept: kept.place > place, reversed(self._newest.values())),
        ]
        return Missed(sorted(found), snapshot=place < self._renewed_place)

    def after_seq(self, seq: int) -> Missed:
        """What is new since the engine's message number `seq`, without what is the process' own."""
        if seq < self._lost_seq:
            return Missed([], snapshot=True, lost=True)
        found: Iterable[Kept] = (
            *takewhile(lambda kept: kept.seq > seq, reversed(self._each)),
            *takewhile(lambda kept: kept.seq > seq, reversed(self._newest.values())),
        )
        renewed = self._renewed_seq is not None and seq <= self._renewed_seq
        return Missed(sorted(kept for kept in found if not kept.own), snapshot=renewed)


def _key(message: LiveMessage) -> tuple[type[LiveMessage], str | None]:
    """What a newer message takes the place of."""
    return type(message), getattr(message, "ticker", None)
