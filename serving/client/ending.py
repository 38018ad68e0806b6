"""Which ends of a connection another connection helps against, and which it doesn't."""

from __future__ import annotations

import math
from typing import Final

from websockets.exceptions import ConnectionClosed

from serving.client.errors import ServerClosed, StreamError, TryAgain
from serving.protocol import CloseCode, Closing

# RFC 6455's code for who has broken a server's rules, whatever rule it was.
POLICY_VIOLATION: Final = 1008
# For what this client would only do again.
FOR_GOOD: Final = frozenset({CloseCode.NOT_TEXT, CloseCode.TOO_LARGE, CloseCode.TOO_FAST, POLICY_VIOLATION})
# What a server may ask of us to wait, so that a slip of its does not keep us away for good.
LONGEST_ADVICE_SECONDS: Final = 60.0


def announced(closing: Closing) -> StreamError:
    """The end that a server has announced."""
    advice = closing.reconnect_after_seconds
    after = min(max(advice, 0.0), LONGEST_ADVICE_SECONDS) if math.isfinite(advice) else 0.0
    return _ended(closing.code, closing.reason, after=after)


def happened(closed: ConnectionClosed) -> StreamError:
    """The end that has come."""
    if closed.rcvd is not None:
        return _ended(closed.rcvd.code, closed.rcvd.reason)
    if closed.sent is not None and closed.sent.code == CloseCode.TOO_LARGE:
        # Our own limit: the next connection would be sent the same.
        return ServerClosed(closed.sent.code, closed.sent.reason)
    return TryAgain(f"connection: expected it to last, got: {closed}")


def _ended(code: int, reason: str, *, after: float = 0.0) -> StreamError:
    if code in FOR_GOOD:
        return ServerClosed(code, reason)
    return TryAgain(f"closed by the server with {code}: {reason or 'no reason given'}", after=after)
