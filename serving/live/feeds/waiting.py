"""Ticks on their way to the stream, never without bound.

While Redis takes them they only pass through. When too many wait, the rule `condensed` applies: of each ticker and
session there stay the first tick, the highest, the lowest and the newest, and the newest takes over the shares of
those that go. The bar that they lead to is the same; only the way there is lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from serving.live.ticks import Tick

MOST_WAITING: Final = 10_000
# An outage that lasts longer loses the oldest sessions: each has closed long ago, and its official bar is known.
SESSIONS_KEPT: Final = 3


class Waiting:
    """Ticks in the order in which they came.

    Attributes
    ----------
    condensed : int
        How many ticks have been left out so far.
    """

    def __init__(self, *, most: int = MOST_WAITING) -> None:
        self.condensed = 0
        self._most = most
        self._bound = most
        self._ticks: deque[Tick] = deque()

    def __len__(self) -> int:
        return len(self._ticks)

    def put(self, ticks: Iterable[Tick]) -> None:
        """Let these wait too."""
        self._ticks.extend(ticks)
        if len(self._ticks) > self._bound:
            kept = condense(self._ticks)
            self.condensed += len(self._ticks) - len(kept)
            self._ticks = deque(kept)
            # Twice what can't be condensed any further, so that it is not tried again with every tick.
            self._bound = max(self._most, 2 * len(kept))

    def take(self, most: int) -> list[Tick]:
        """The oldest ticks, which no longer wait."""
        return [self._ticks.popleft() for _ in range(min(most, len(self._ticks)))]


def condense(ticks: Iterable[Tick]) -> list[Tick]:
    """Of each ticker and session the first, highest, lowest and newest tick, in the order in which they came.

    Sizes are summed into the newest; of sessions only the newest `SESSIONS_KEPT` stay.
    """
    groups: dict[tuple[str, str], list[tuple[int, Tick]]] = {}
    for place, tick in enumerate(ticks):
        groups.setdefault((tick.session, tick.ticker), []).append((place, tick))
    sessions = sorted({session for session, _ in groups})[-SESSIONS_KEPT:]
    kept = [each for (session, _), group in groups.items() if session in sessions for each in _condensed(group)]
    return [tick for _, tick in sorted(kept, key=lambda each: each[0])]


def _condensed(group: Sequence[tuple[int, Tick]]) -> list[tuple[int, Tick]]:
    """The telling ticks of one ticker's session; equal times are in the order in which they came."""
    ordered = sorted(group, key=lambda each: (each[1].at, each[0]))
    by_price = sorted(group, key=lambda each: each[1].price)
    newest_place, newest = ordered[-1]
    kept = dict([ordered[0], by_price[0], by_price[-1], ordered[-1]])
    left_out = sum(tick.size for place, tick in group if place not in kept)
    kept[newest_place] = msgspec.structs.replace(newest, size=newest.size + left_out)
    return list(kept.items())
