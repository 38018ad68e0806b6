"""Verifying the whole audit log beside the event loop: one walk at a time, and what it came to is kept for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Final, TypeVar

from release.audit import AuditLog, Verification
from release.clock import Clock
from serving.audit.asking import asked
from serving.audit.records import AuditVerification, verified
from serving.errors import NotReady

KEPT_SECONDS: Final = 30.0
# A walk over a log of years takes longer: after it there are so many times its own seconds without another.
REST: Final = 9.0

T = TypeVar("T")


class AuditVerifier:
    """Walks over the log at `where`, a file or a database's URL, which it never writes to.

    Lives on the event loop. However many ask, the log is read a tenth of the time at most.
    """

    def __init__(self, where: Path | str) -> None:
        self._where = where
        self._walk: asyncio.Task[AuditVerification] | None = None
        self._kept: AuditVerification | None = None
        self._until: datetime | None = None

    async def newest(self, clock: Clock) -> AuditVerification:
        """What the last walk came to, or a new one if that is long ago by the clock.

        Raises
        ------
        NotReady
            If no engine has begun a log, or it can't be read. That is not kept: the next one who asks tries again.
        """
        if self._kept is not None and self._until is not None and clock.now() < self._until:
            return self._kept
        if self._walk is None:
            self._walk = asyncio.create_task(self._walked(clock), name="verify_audit")
        # Whoever goes away leaves it to the others who wait for it.
        return await asyncio.shield(self._walk)

    def close(self) -> None:
        """Answer nothing more; nobody waits for what is under way."""
        if self._walk is not None:
            self._walk.cancel()

    async def _walked(self, clock: Clock) -> AuditVerification:
        try:
            at, started = clock.now(), time.perf_counter()
            found = await _beside(self._verify)
            seconds = time.perf_counter() - started
            self._kept = verified(found, at=at, seconds=seconds)
            self._until = clock.now() + timedelta(seconds=max(KEPT_SECONDS, REST * seconds))
            return self._kept
        finally:
            self._walk = None

    def _verify(self) -> Verification:
        found = asked(self._where, AuditLog.verify, without=None)
        if found is None:
            raise NotReady("audit log: expected one that a live engine has begun, found none yet")
        return found


def _beside(work: Callable[[], T]) -> asyncio.Future[T]:
    """What `work` returns, on a thread of its own: a process that ends doesn't wait for it, as it does for a pool's."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            outcome.set_exception(error)

    outcome.set_running_or_notify_cancel()
    Thread(target=run, name="verify_audit", daemon=True).start()
    return asyncio.wrap_future(outcome)
