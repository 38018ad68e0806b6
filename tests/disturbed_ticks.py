"""What real feeds do to a market's ticks: out of order, twice, late, wrong, and sessions whose close is never told.

None of it changes what a session's bar is in the end, so that whatever is played must lead to the same bars.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import groupby

import msgspec
import numpy as np

from serving.live.book import GRACE
from serving.live.ticks import Beat, FeedEvent, MarketEnd, SessionClose, Tick
from serving.messages import FeedState

# Beyond every number that a feed gives.
UNUSED = 1_000_000
DUPLICATED, LATE, WRONG, UNTOLD = 0.1, 0.05, 0.05, 0.3


def disturbed(events: Iterable[FeedEvent], rng: np.random.Generator) -> list[FeedEvent]:
    """The same market, badly told; every third close is left to the ticks, and to a beat or to the next session."""
    told: list[FeedEvent] = []
    before: list[Tick] = []
    days = [list(day) for _, day in groupby(events, key=lambda event: event.at.date())]
    for n, day in enumerate(days):
        ticks = [event for event in day if isinstance(event, Tick)]
        closes = [event for event in day if isinstance(event, SessionClose)]
        repeated = _some(ticks, DUPLICATED, rng)
        # Of a session that may not have been closed, where they are no more than duplicates.
        late = _some(before, LATE, rng)
        told += _shuffled([*ticks, *repeated, *late, *_wrong(ticks, rng)], rng)
        last = n == len(days) - 1
        told += [close for close in closes if last or rng.random() > UNTOLD]
        if closes and rng.random() < 0.5:
            told.append(Beat(market=closes[0].market, at=closes[-1].at + GRACE, state=FeedState.LIVE))
        told += [event for event in day if isinstance(event, MarketEnd)]
        before = ticks
    return told


def batches(events: Sequence[FeedEvent], rng: np.random.Generator, *, largest: int) -> list[list[FeedEvent]]:
    """The events as an engine may read them: some at a time."""
    cut, made = 0, []
    while cut < len(events):
        size = int(rng.integers(1, largest + 1))
        made.append(list(events[cut : cut + size]))
        cut += size
    return made


def _some(ticks: Sequence[Tick], share: float, rng: np.random.Generator) -> list[Tick]:
    return [tick for tick in ticks if rng.random() < share]


def _shuffled(ticks: list[Tick], rng: np.random.Generator) -> list[FeedEvent]:
    return [ticks[place] for place in rng.permutation(len(ticks))]


def _wrong(ticks: Sequence[Tick], rng: np.random.Generator) -> list[Tick]:
    """Ticks that no book may count: no price, ten times the price, before the open, a crossed quote."""
    made = []
    for tick in _some(ticks, WRONG, rng):
        wrong = [
            {"price": float("nan")},
            {"price": -tick.price},
            {"at": tick.at - timedelta(hours=12)},
            {"bid": tick.price + 0.01, "ask": tick.price},
        ][int(rng.integers(4))]
        made.append(msgspec.structs.replace(tick, number=UNUSED + tick.number, **wrong))
    return made
