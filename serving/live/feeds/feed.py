"""What every feed is to the process that runs it, and which one the settings ask for."""

from __future__ import annotations

from typing import Protocol

from release.clock import Clock
from release.reader import Release
from serving.errors import CannotStart
from serving.live.feeds.replay import ReplayFeed, load_replay
from serving.live.settings import FeedKind, LiveSettings


class Feed(Protocol):
    """Something that writes ticks to the stream of ticks until it has come to its end or is cancelled."""

    @property
    def tickers(self) -> tuple[str, ...]:
        """The symbols whose ticks it brings."""
        ...

    async def open(self) -> None:
        """Make the stream ready; raises what Redis raises (`serving.live.bus.GONE`) if that is not there."""
        ...

    async def run(self) -> None:
        """Bring ticks, whatever happens to the connections on either side; returns only when none can come any more."""
        ...


def feed_for(settings: LiveSettings, release: Release, *, clock: Clock) -> Feed:  # noqa: ARG001
    """The feed that the settings name, of the release's tickers.

    Raises
    ------
    CannotStart
        Naming what is missing: the address of Redis, bars to replay, a vendor's key.
    """
    if settings.redis_url is None:
        raise CannotStart("redis_url: expected the address of a Redis or Valkey in STOCK_ASSETS_REDIS_URL, got none")
    if settings.feed is FeedKind.REPLAY:
        replay = load_replay(settings.replay_folder, release, seed=settings.seed)
        return ReplayFeed(replay, redis_url=settings.redis_url, speed=settings.speed, market=settings.market)
    raise CannotStart(f"feed: expected replay, got {settings.feed.value}")
