"""The exceptions of `release`: what can be wrong with a release, its store or a draft of one."""


class ReleaseError(Exception):
    """Anything that keeps a release from being written, found or trusted; the message is for a person."""


class BadDraft(ReleaseError):
    """A draft that contradicts itself: nothing was written."""


class StoreUnwritable(ReleaseError):
    """The disk refused: read-only, full or not ours. What was published before is untouched."""


class UnknownRelease(ReleaseError):
    """No release of that id in the store, or none in force yet."""


class BadRelease(ReleaseError):
    """A release that fails its verification; the message names the file."""


class AuditFailed(ReleaseError):
    """The audit log can't be opened, read or appended to."""


class AuditFenced(AuditFailed):
    """A later engine has taken the audit log over: the one that tried to write to it has been replaced."""


class AuditHeld(AuditFailed):
    """Another writer has held the audit log for longer than one waits, perhaps stopped in the middle of a commit."""
