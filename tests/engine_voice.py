"""An engine's outbox without the engine, for tests of what listens to it."""

from __future__ import annotations

import redis
from real_valkey import RealValkey

from serving.live import bus
from serving.live.lease import Lease
from serving.live.outbox import Outbox
from serving.live.position import Position


def voice(valkey: RealValkey) -> Outbox:
    """The outbox of an engine that took the lease from whoever had it and speaks in an epoch of its own."""
    return Outbox(taken_by_force(valkey), Position.first(), {}, begins=True)


def speak_anew(valkey: RealValkey, outbox: Outbox) -> None:
    """What an engine does on a server that has forgotten everything: take the lease, and begin another epoch."""
    _take_by_force(valkey, outbox.lease)
    outbox.begin()


def taken_by_force(valkey: RealValkey) -> Lease:
    """The lease, though another may hold it: as if that one's had run out."""
    lease = Lease()
    _take_by_force(valkey, lease)
    return lease


def _take_by_force(valkey: RealValkey, lease: Lease) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        lease.term = int(client.incr(bus.TERM))
        client.set(bus.LEASE, lease.holder)
