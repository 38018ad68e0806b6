"""Waiting for a condition in place of a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

LOOK_SECONDS = 0.005


async def until(
    condition: Callable[[], bool | Awaitable[bool]], *, seconds: float = 20.0, every: float = LOOK_SECONDS
) -> None:
    """Give the loop's other tasks their turns until the condition holds, with a look `every` so often.

    Fails after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (await held if isinstance(held := condition(), Awaitable) else held):
        assert time.monotonic() < deadline, "the condition never held"
        await asyncio.sleep(every)
