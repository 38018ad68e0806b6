"""Which engine may speak: a lease in Redis that one holds at a time, and the term that tells one holding from the next.

What an engine says carries its lease along (`serving.live.outbox`): saying something is what keeps it, and an engine
that was stopped in the middle of a sentence can't end it after another has taken over.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from serving.live import bus

# With the standby's look, a death is noticed after three and a half seconds at the latest.
LEASE_SECONDS: Final = 3.0
LOOK_SECONDS: Final = 0.5

# Where the answer to having taken it got lost, it is ours already.
TAKE: Final = bus.Script("""
local held = redis.call('GET', KEYS[1])
if held then
  local ours = string.match(held, '^' .. ARGV[1] .. ':(%d+)$')
  if not ours then return 0 end
  if tonumber(ours) > tonumber(ARGV[2]) then return tonumber(ours) end
end
local term = math.max(redis.call('INCR', KEYS[2]), tonumber(ARGV[2]) + 1)
redis.call('SET', KEYS[2], term)
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. term, 'PX', ARGV[3])
return term
""")
# Nobody has taken a lease that ran out as long as the term is still ours. Also the publishing script's first lines.
KEEP: Final = """
local held = redis.call('GET', KEYS[1])
if held ~= ARGV[1] and (held or redis.call('GET', KEYS[2]) ~= ARGV[2]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
"""
RENEW: Final = bus.Script(KEEP + "return 1")
RELEASE: Final = bus.Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
""")


class Lease:
    """One engine's claim to speak.

    Attributes
    ----------
    engine : str
        Names the process' engine; different from every other's.
    term : int
        Of the newest holding; it rises from one to the next, whoever holds. 0 before the first.
    """

    def __init__(self) -> None:
        self.engine = secrets.token_hex(4)
        self.term = 0

    @property
    def claim(self) -> list[Any]:
        """What `KEEP` is told."""
        return [self.holder, self.term, round(1000 * LEASE_SECONDS)]

    @property
    def holder(self) -> str:
        """What stands in Redis while the lease is ours."""
        return f"{self.engine}:{self.term}"

    async def take(self, client: bus.Client, *, above: int) -> bool:
        """Whether it is ours now; false while another holds it.

        A term is greater than `above` also on a server that has forgotten which ones there were.
        """
        asked = [self.engine, above, round(1000 * LEASE_SECONDS)]
        term = await TAKE.run(client, (bus.LEASE, bus.TERM), asked)
        self.term = term or self.term
        return term > 0

    async def renew(self, client: bus.Client) -> bool:
        """Whether it is still ours, for another while then."""
        return await RENEW.run(client, (bus.LEASE, bus.TERM), self.claim) > 0

    async def release(self, client: bus.Client) -> None:
        """Let a standby take over at once."""
        await RELEASE.run(client, (bus.LEASE,), [self.holder])
