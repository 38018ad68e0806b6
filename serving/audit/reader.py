"""Reading the audit log beside the event loop: one thread, a connection for each question, a bounded number waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore
from typing import Final, TypeVar

from release.audit import AuditLog
from serving.audit.asking import asked
from serving.audit.verifier import AuditVerifier
from serving.errors import Busy

MOST_WAITING: Final = 32

T = TypeVar("T")


class AuditReader:
    """Asks the log at `where`, a file or a database's URL, which it never writes to.

    Attributes
    ----------
    verifier : AuditVerifier
        Reads the same log from end to end, which keeps nobody waiting who asks for an entry.
    """

    def __init__(self, where: Path | str) -> None:
        self._where = where
        # A log is asked by people, now and then: one connection a process, open no longer than it is used.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._room = BoundedSemaphore(MOST_WAITING)
        self.verifier = AuditVerifier(where)

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
        future = self._thread.submit(asked, self._where, question, without=without)
        future.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Answer nothing more; what is under way ends by the database's own time limits."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self.verifier.close()
