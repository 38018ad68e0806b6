"""Work that takes a solver: a few at a time beside the event loop, a bounded number waiting, the rest sent away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Final, TypeVar

from serving.errors import Busy

# The solvers let go of the interpreter while they work: two of them and the event loop don't wait for each other.
AT_ONCE: Final = 2
WAITING: Final = 16

T = TypeVar("T")


class Solving:
    """Threads of its own, so that a long solve never takes one from what-ifs or from loading a release.

    Parameters
    ----------
    at_once, waiting : int
        How many run, and how many more are taken in.
    """

    def __init__(self, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="solve")
        self._room = BoundedSemaphore(at_once + waiting)
        self._most = at_once + waiting

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns; `Busy` if as many as there is room for are under way."""
        if not self._room.acquire(blocking=False):
            raise Busy(f"portfolio: expected fewer than {self._most} requests under way, got one more")
        future = self._threads.submit(work)
        # When the work ends, not when its client has gone: it takes its thread until then.
        future.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(future)

    def warm_up(self) -> None:
        """Have a thread load the solvers, which takes longer than any small problem does; returns at once."""
        self._threads.submit(_load_solvers)

    def close(self) -> None:
        """Start nothing more; what runs ends by its own time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _load_solvers() -> None:
    """What weights take. What whole lots take loads with the first who wants them: a tenth of a second, and 15 MB."""
    import serving.portfolio.optimizing

    serving.portfolio.optimizing.warm_up()
