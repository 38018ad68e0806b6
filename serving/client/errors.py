"""What ends a client of the stream. What it recovers from by itself is no error, but an update (`updates`)."""

from __future__ import annotations

from serving.protocol import ErrorCode


class StreamError(Exception):
    """The stream can't go on."""


class SubscriptionRefused(StreamError):
    """The server can't meet what was asked for: `field` is wrong, and `code` and the message say how.

    A newer server's `code`, which has no name here, is the string that it sent.
    """

    def __init__(self, code: ErrorCode | str, field: str, message: str) -> None:
        self.code = code
        self.field = field
        super().__init__(f"{code.value if isinstance(code, ErrorCode) else code}: {message}")


class WrongProtocol(StreamError):
    """The server speaks another version of the protocol."""

    def __init__(self, expected: int, got: int) -> None:
        self.expected = expected
        self.got = got
        super().__init__(
            f"protocol: expected version {expected}, got {got}; a client of the server's version is needed"
        )


class HandshakeRefused(StreamError):
    """There is no stream to be had at this address, or not for us; `status` is HTTP's, if it got that far."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class ServerClosed(StreamError):
    """The server ended the connection for something that this client would only do again."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"closed by the server with {code}: {reason or 'no reason given'}")


class Overrun(StreamError):
    """More signals and alerts wait to be read than there is room for, and none of them may be left out."""


class StreamClosed(StreamError):
    """The client was closed by its own side."""


class TryAgain(StreamError):
    """The connection is lost or useless; another one helps. Never reaches the caller.

    `after` is how many seconds the server wants to be left alone.
    """

    def __init__(self, reason: str, *, after: float = 0.0) -> None:
        self.after = after
        super().__init__(reason)
