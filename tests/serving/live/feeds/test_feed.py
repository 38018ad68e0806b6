"""The settings choose the feed; what keeps it from working is one clear sentence, before anything starts."""

from __future__ import annotations

import pytest
from streaming_vendor import LOOPBACK

from release.clock import SystemClock
from serving.errors import CannotStart
from serving.live.feeds import feed_for
from serving.live.feeds.alpaca import Alpaca
from serving.live.feeds.replay import ReplayFeed
from serving.live.feeds.streamed import StreamedFeed
from serving.live.feeds.yahoo import Yahoo
from serving.live.settings import LiveSettings

KEYS = {"APCA_API_KEY_ID": "a-key", "APCA_API_SECRET_KEY": "a-secret"}


@pytest.fixture
def choose(release, monkeypatch):
    """The feed for some settings, none of them from this machine's environment."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)

    def feed(**settings: object):
        given = {"redis_url": f"redis://{LOOPBACK}:1/0"} | settings
        return feed_for(LiveSettings(**given), release, clock=SystemClock())

    return feed


def test_a_replay_is_what_is_played_unless_told_otherwise(choose, keep, tmp_path):
    feed = choose(replay=keep(tmp_path, sessions=1))

    assert isinstance(feed, ReplayFeed)
    assert feed.tickers == ("AAPL", "IBM")
    assert len(feed.market) == 32


def test_a_replay_s_market_has_the_name_it_is_given(choose, keep, tmp_path):
    assert choose(replay=keep(tmp_path, sessions=1), market="spring").market == "spring"


@pytest.mark.parametrize(("kind", "dialect"), [("yahoo", Yahoo), ("alpaca", Alpaca)])
def test_a_vendor_s_stream_is_one_market_from_run_to_run(choose, kind, dialect):
    feed = choose(feed=kind, **KEYS)

    assert isinstance(feed, StreamedFeed)
    assert isinstance(feed.dialect, dialect)
    assert feed.tickers == ("AAPL", "IBM")
    assert feed.outlet.market == kind


def test_without_the_address_of_redis_there_is_none(choose):
    with pytest.raises(
        CannotStart, match=r"^redis_url: expected the address of .* in STOCK_ASSETS_REDIS_URL, got none$"
    ):
        choose(redis_url=None)


@pytest.mark.parametrize("missing", KEYS)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_without_a_key_alpaca_is_refused_and_the_variable_named(choose, missing, value):
    given = {name: key for name, key in KEYS.items() if name != missing} | (
        {missing: value} if value is not None else {}
    )

    with pytest.raises(CannotStart) as refused:
        choose(feed="alpaca", **given)

    assert str(refused.value) == f"{missing}: expected a key of Alpaca's in the environment, got none"


@pytest.mark.parametrize(
    "url", ["", "https://stream.data.alpaca.markets", "wss://", "ws://host:port/", "ws://host:99999/"]
)
@pytest.mark.parametrize("kind", ["yahoo", "alpaca"])
def test_an_address_that_is_none_is_refused(choose, kind, url):
    with pytest.raises(CannotStart) as refused:
        choose(feed=kind, **KEYS, **{f"{kind}_stream_url": url})

    assert str(refused.value) == f"{kind}_stream_url: expected a ws:// or wss:// address, got {url}"


def test_keys_travel_encrypted_or_stay_on_this_machine(choose):
    with pytest.raises(CannotStart, match=r"^alpaca_stream_url: expected wss:// for keys to travel on, got ws://"):
        choose(feed="alpaca", **KEYS, alpaca_stream_url="ws://stream.data.alpaca.markets/v2/iex")

    assert choose(feed="alpaca", **KEYS, alpaca_stream_url=f"ws://{LOOPBACK}:1/") is not None
