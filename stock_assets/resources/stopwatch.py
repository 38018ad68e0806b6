"""What tracking takes, so that a fill can tell where its time went."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_stopwatch: Final[ContextVar[dict[str, float] | None]] = ContextVar("tracking_stopwatch", default=None)


@contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Collects what tracking takes inside the block: seconds by the asset that it was done for, ``""`` for the run."""
    spent: dict[str, float] = {}
    token = _stopwatch.set(spent)
    try:
        yield spent
    finally:
        _stopwatch.reset(token)


@contextmanager
def timed(asset: str) -> Iterator[None]:
    """Counts the block as tracking done for an asset, if a stopwatch runs."""
    started = time.perf_counter()
    try:
        yield
    finally:
        spent = _stopwatch.get()
        if spent is not None:
            spent[asset] = spent.get(asset, 0.0) + time.perf_counter() - started
