"""What every feed is to the process that runs it, and which one the settings ask for."""

from __future__ import annotations

from typing import Final, Protocol

from pydantic import SecretStr
from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from release.clock import Clock
from release.reader import Release
from serving.errors import CannotStart
from serving.live.feeds import alpaca, yahoo
from serving.live.feeds.alpaca import Alpaca
from serving.live.feeds.replay import ReplayFeed, load_replay
from serving.live.feeds.streamed import StreamedFeed
from serving.live.feeds.yahoo import Yahoo
from serving.live.settings import FeedKind, LiveSettings
from serving.live.status import FeedStatus

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Feed(Protocol):
    """Something that writes ticks to the stream of ticks until it has come to its end or is cancelled."""

    @property
    def tickers(self) -> tuple[str, ...]:
        """The symbols whose ticks it brings."""
        ...

    @property
    def status(self) -> FeedStatus:
        """How its connection stands."""
        ...

    async def open(self) -> None:
        """Make the stream ready; raises what Redis raises (`serving.live.bus.GONE`) if that is not there."""
        ...

    async def run(self) -> None:
        """Bring ticks, whatever happens to the connections on either side; returns only when none can come any more."""
        ...


def feed_for(settings: LiveSettings, release: Release, *, clock: Clock) -> Feed:
    """The feed that the settings name, of the release's tickers.

    Parameters
    ----------
    settings : LiveSettings
    release : Release
    clock : Clock
        What time it is for a vendor's stream; a replay has a time of its own.

    Raises
    ------
    CannotStart
        Naming what is missing or no good: the address of Redis, bars to replay, a vendor's key or address.
    """
    if settings.redis_url is None:
        raise CannotStart("redis_url: expected the address of a Redis or Valkey in STOCK_ASSETS_REDIS_URL, got none")
    if settings.feed is FeedKind.REPLAY:
        replay = load_replay(settings.replay_folder, release, seed=settings.seed)
        return ReplayFeed(replay, redis_url=settings.redis_url, speed=settings.speed, market=settings.market)
    # The same from run to run: a market goes on where its feed was started again.
    market = settings.market or settings.feed.value
    if settings.feed is FeedKind.YAHOO:
        url, instruments = settings.yahoo_stream_url, yahoo.instruments(release)
        _check_address("yahoo_stream_url", url)
        dialect: Alpaca | Yahoo = Yahoo(instruments, market=market, clock=clock)
    else:
        url, instruments = settings.alpaca_stream_url, alpaca.instruments(release)
        key, secret = _alpaca_keys(settings)
        if not _check_address("alpaca_stream_url", url):
            raise CannotStart(f"alpaca_stream_url: expected wss:// for keys to travel on, got {url}")
        dialect = Alpaca(instruments, key=key, secret=secret, market=market, clock=clock)
    return StreamedFeed(dialect, instruments, url=url, redis_url=settings.redis_url, market=market, clock=clock)


def _check_address(field: str, url: str) -> bool:
    """Whether what is said there stays private."""
    try:
        address = parse_uri(url)
    except (InvalidURI, ValueError) as error:
        raise CannotStart(f"{field}: expected a ws:// or wss:// address, got {url}") from error
    return address.secure or address.host in LOOPBACK


def _alpaca_keys(settings: LiveSettings) -> tuple[str, str]:
    return _secret("APCA_API_KEY_ID", settings.alpaca_key), _secret("APCA_API_SECRET_KEY", settings.alpaca_secret)


def _secret(variable: str, value: SecretStr | None) -> str:
    if value is None or not value.get_secret_value().strip():
        raise CannotStart(f"{variable}: expected a key of Alpaca's in the environment, got none")
    return value.get_secret_value().strip()
