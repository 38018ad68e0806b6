"""Following the release store: when another release is put in force, load it aside and swap it in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from release.errors import ReleaseError
from release.store import Stamp, Store
from serving.latest import Latest
from serving.messages import AlertMessage
from serving.view import View, view

# A release that failed may have been half restored from a backup: look at it again, but not every second.
RETRY_SECONDS: Final = 30.0

log = structlog.get_logger()


class Reloader:
    """Keeps `latest` on the store's release in force.

    Parameters
    ----------
    store : Path
        The release store; may not exist yet.
    latest : Latest
        What to keep up to date.
    every : float
        Seconds between two looks at the pointer, each of which costs one ``stat``.
    installed : callable
        Called after each change of what `latest` answers from.
    alerted : callable
        Told of a release that was refused, and when that is over.
    """

    def __init__(
        self,
        store: Path,
        latest: Latest,
        *,
        every: float,
        installed: Callable[[], None] = lambda: None,
        alerted: Callable[[tuple[AlertMessage, ...]], None] = lambda _: None,
    ) -> None:
        self.store = Store(store)
        self.latest = latest
        self.every = every
        self._installed = installed
        self._alerted = alerted
        self._seen: Stamp | None = None
        self._retry_at: float | None = None

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(self.every)
            await self.look()

    async def look(self) -> None:
        """Load the release in force if it is another one than is served; keep the one served if that fails.

        A server that has just started serves the one that was in force before, then.
        """
        stamp = self.store.stamp()
        due = self._retry_at is not None and time.monotonic() >= self._retry_at
        if stamp == self._seen and not due:
            return
        self._seen, self._retry_at = stamp, None
        try:
            fresh = await asyncio.to_thread(self._load)
        except (ReleaseError, ValueError, OSError) as error:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            if self.latest.release_id is None and (before := await asyncio.to_thread(self._before)) is not None:
                self._alerted(self.latest.install(before))
                self._installed()
            self._alerted(self.latest.refuse(str(error), subject=self._name()))
            log.error("release_refused", error=str(error), serving=self.latest.release_id)
            return
        if fresh is not None:
            self._alerted(self.latest.install(fresh))
            self._installed()
            log.info("release_loaded", release_id=fresh.release_id, tickers=list(fresh.release.tickers))

    def _before(self) -> View | None:
        """The view of the newest release that was in force before and is whole, None if there is none."""
        try:
            return next((view(release) for release in self.store.earlier()), None)
        except (ReleaseError, ValueError, OSError) as error:
            log.warning("nothing_to_fall_back_to", error=str(error))
            return None

    def _name(self) -> str:
        """The release that is in force by the store's word."""
        try:
            return self.store.current() or "store"
        except (ReleaseError, OSError):
            return "store"

    def _load(self) -> View | None:
        """The view of the release in force, None if it is served already."""
        if self.store.current() == self.latest.release_id and self.latest.reload_error is None:
            return None
        return view(self.store.load())
