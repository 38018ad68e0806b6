"""Asking the audit log one question, on a connection that is open no longer; it blocks, so not on the event loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import structlog

from release.audit import AuditLog
from release.errors import AuditFailed
from serving.errors import NotReady

T = TypeVar("T")

log = structlog.get_logger()


def asked(where: Path | str, question: Callable[[AuditLog], T], *, without: T) -> T:
    """What `question` finds in the log at `where`, a file or a database's URL; `without` if there is no such file.

    Raises
    ------
    NotReady
        If the log can't be read.
    """
    if isinstance(where, Path) and not where.exists():
        return without
    try:
        with AuditLog.open(where, read_only=True) as audit:
            return question(audit)
    except AuditFailed as error:
        # Where the database is, and what it says of itself, is nobody's business outside.
        log.error("audit_unreadable", error=str(error))
        raise NotReady("audit log: expected one that can be read, got none; the server's log says why") from error
