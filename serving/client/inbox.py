"""Updates on their way from the connection to the caller, who may be in another thread and may be slow.

Of what only the newest counts only the newest waits, so that nothing grows while nobody reads.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Hashable

import msgspec

from serving.client.errors import Overrun, StreamClosed
from serving.client.updates import Gap, News, Update
from serving.protocol import DELIVERED_ONE_BY_ONE


class Inbox:
    """Updates that wait to be read, oldest first.

    Parameters
    ----------
    most_kept : int
        How many signals and alerts may wait.
    woken : callable
        Called, in the thread that puts, whenever there may be something to read.
    """

    def __init__(self, *, most_kept: int, woken: Callable[[], None] = lambda: None) -> None:
        self._most_kept = most_kept
        self._woken = woken
        self._changed = threading.Condition()
        self._waiting: dict[Hashable, Update] = {}
        self._numbers = itertools.count()
        self._kept = 0
        self._ended: BaseException | None = None

    def put(self, update: Update) -> None:
        """Let an update wait, in place of the older one that it replaces.

        Raises
        ------
        Overrun
            If too many wait that nothing replaces.
        """
        with self._changed:
            key = _key(update)
            if key is None:
                if self._kept >= self._most_kept:
                    raise Overrun(f"inbox: expected at most {self._most_kept} unread signals and alerts, got one more")
                self._kept += 1
                key = next(self._numbers)
            older = self._waiting.pop(key, None)
            if isinstance(update, Gap) and isinstance(older, Gap):
                update = msgspec.structs.replace(update, since=older.since)
            self._waiting[key] = update
            self._changed.notify()
        self._woken()

    def end(self, error: BaseException) -> None:
        """Nothing more comes: whoever reads gets what waits and then the error. The first one stands."""
        with self._changed:
            self._ended = self._ended or error
            self._changed.notify_all()
        self._woken()

    def close(self) -> None:
        """Nobody wants to read any more."""
        with self._changed:
            self._waiting.clear()
        self.end(StreamClosed("the client was closed"))

    def take(self) -> Update | None:
        """The oldest update, None if there is none yet; raises what ended it once nothing waits."""
        with self._changed:
            if self._waiting:
                key = next(iter(self._waiting))
                self._kept -= isinstance(key, int)
                return self._waiting.pop(key)
            if self._ended is not None:
                raise self._ended
            return None

    def wait(self, timeout: float | None = None) -> Update:
        """The oldest update, as soon as there is one; `TimeoutError` after so many seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting or self._ended is not None, timeout):
                raise TimeoutError(f"stream: expected an update within {timeout:g} s, got none")
        update = self.take()
        assert update is not None  # There is one reader.
        return update


def _key(update: Update) -> Hashable:
    """What a newer update must share to replace this one; None for what is delivered one by one."""
    if not isinstance(update, News):
        return type(update)
    if isinstance(update.message, DELIVERED_ONE_BY_ONE):
        return None
    return type(update.message), getattr(update.message, "ticker", None)
