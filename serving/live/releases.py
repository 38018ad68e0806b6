"""Following the release store from the engine: another release is loaded aside and handed over when it is ready."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

import structlog

from release.errors import ReleaseError
from release.reader import Release
from release.store import Stamp, Store

# A release that can't be trusted now may be whole again after a while.
RETRY_SECONDS: Final = 30.0

log = structlog.get_logger()


class Refusal(NamedTuple):
    """Why a release is not taken up: its id, as far as one is named, and what was wrong."""

    release_id: str
    reason: str


class ReleaseFollower:
    """Knows when another release is put in force.

    Parameters
    ----------
    store : Store
    release_id : str
        The release that is in use.

    Attributes
    ----------
    refused : Refusal or None
        The release that is in force and can't be used, as long as that is so.
    """

    def __init__(self, store: Store, release_id: str) -> None:
        self._store = store
        self._release_id = release_id
        self.refused: Refusal | None = None
        self._seen: Stamp | None = None
        self._retry_at = 0.0
        self._loading: asyncio.Task[Release | None] | None = None

    async def newer(self) -> Release | None:
        """The release in force once it is another one and loaded, each only once; costs a ``stat`` and never waits."""
        if self._loading is None:
            stamp, now = self._store.stamp(), asyncio.get_running_loop().time()
            if stamp == self._seen and not (self._retry_at and now >= self._retry_at):
                return None
            self._seen, self._retry_at = stamp, 0.0
            self._loading = asyncio.create_task(asyncio.to_thread(self._load), name="load release")
        if not self._loading.done():
            return None
        loading, self._loading = self._loading, None
        try:
            release = loading.result()
        except (ReleaseError, OSError) as error:
            self._retry_at = asyncio.get_running_loop().time() + RETRY_SECONDS
            self.refused = Refusal(self._named(), str(error))
            log.error("release_refused", error=str(error), using=self._release_id)
            return None
        self.refused = None
        if release is not None:
            self._release_id = release.manifest.release_id
        return release

    def _load(self) -> Release | None:
        return None if self._store.current() == self._release_id else self._store.load()

    def _named(self) -> str:
        """What the store says is in force."""
        try:
            return self._store.current() or "current"
        except (ReleaseError, OSError):
            return "current"
