"""Reading the audit log beside the event loop: one thread, a connection for each question, a bounded number waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore
from typing import Final, TypeVar

import structlog

from release.audit import AuditLog
from release.errors import AuditFailed
from serving.errors import Busy, NotReady

MOST_WAITING: Final = 32

T = TypeVar("T")

log = structlog.get_logger()


class AuditReader:
    """Asks the log at `where`, a file or a database's URL, which it never writes to."""

    def __init__(self, where: Path | str) -> None:
        self._where = where
        # A log is asked by people, now and then: one connection a process, open no longer than it is used.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._room = BoundedSemaphore(MOST_WAITING)

    async def ask(self, question: Callable[[AuditLog], T], *, without: T) -> T:
        """What `question` finds in the log; `without` where no engine has begun one.

        Raises
        ------
        Busy
            If as many questions as there is room for are under way.
        NotReady
            If the log can't be read.
        """
        if not self._room.acquire(blocking=False):
            raise Busy(f"audit: expected at most {MOST_WAITING} requests under way, got one more")
        future = self._thread.submit(self._ask, question, without)
        future.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Answer nothing more; what is under way ends by the database's own time limits."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _ask(self, question: Callable[[AuditLog], T], without: T) -> T:
        if isinstance(self._where, Path) and not self._where.exists():
            return without
        try:
            with AuditLog.open(self._where, read_only=True) as audit:
                return question(audit)
        except AuditFailed as error:
            # Where the database is, and what it says of itself, is nobody's business outside.
            log.error("audit_unreadable", error=str(error))
            raise NotReady("audit log: expected one that can be read, got none; the server's log says why") from error
