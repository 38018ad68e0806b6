"""Which signals and alerts a caller has had, so that none comes twice."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from serving.messages import AlertMessage, LiveMessage, SignalMessage

# More than a server keeps for those who come back.
MOST_REMEMBERED: Final = 8192


class Told:
    """Remembers the newest signal of each ticker and alert of each subject, and many of those before them."""

    def __init__(self, *, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._newest: dict[Hashable, Hashable] = {}
        # A set that knows what came first.
        self._recent: dict[Hashable, None] = {}

    def is_new(self, message: LiveMessage) -> bool:
        """Whether the caller has to be told; from now on it counts as told."""
        if not isinstance(message, SignalMessage | AlertMessage):
            return True
        subject, identity = _subject(message), _identity(message)
        if self._newest.get(subject) == identity or identity in self._recent:
            return False
        self._newest[subject] = identity
        self._recent[identity] = None
        if len(self._recent) > self._most:
            del self._recent[next(iter(self._recent))]
        return True


def _subject(message: SignalMessage | AlertMessage) -> Hashable:
    """What a newer message of the same replaces."""
    return message.ticker if isinstance(message, SignalMessage) else (message.kind, message.subject)


def _identity(message: SignalMessage | AlertMessage) -> Hashable:
    """What two tellings of the same have in common: its row in the audit log, where it has one."""
    if isinstance(message, SignalMessage) and message.audit_id is not None:
        # The hash with it: another log may count from 1 again.
        return message.audit_id, message.audit_sha256
    return message
