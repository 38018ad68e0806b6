"""A client of the live stream (`serving.protocol`): connects, resumes and recovers by itself, and says what it missed.

`StreamClient` is for `asyncio`, `SyncStreamClient` for everybody else; ``python -m serving.client URL`` prints.
"""

from serving.client.blocking import SyncStreamClient
from serving.client.errors import (
    HandshakeRefused,
    Overrun,
    ServerClosed,
    StreamClosed,
    StreamError,
    SubscriptionRefused,
    WrongProtocol,
)
from serving.client.state import State
from serving.client.stream import StreamClient, Timeouts
from serving.client.updates import ConnectionState, Disconnected, Gap, News, Resumed, Update

__all__ = [
    "ConnectionState",
    "Disconnected",
    "Gap",
    "HandshakeRefused",
    "News",
    "Overrun",
    "Resumed",
    "ServerClosed",
    "State",
    "StreamClient",
    "StreamClosed",
    "StreamError",
    "SubscriptionRefused",
    "SyncStreamClient",
    "Timeouts",
    "Update",
    "WrongProtocol",
]
