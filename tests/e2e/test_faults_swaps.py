"""A hundred releases put in force one after the other under load: nobody notices but by what the answers say."""

from __future__ import annotations

import contextlib
import itertools
import random
import re
from collections import Counter, defaultdict
from typing import Any

import httpx
import msgspec
import pytest
from background import at_work
from live_system import TICKERS, LiveSystem, live_system
from real_release import publish_release
from shared_data import sample_bars

from release.store import Store
from serving.client import StreamClient
from serving.client.updates import Disconnected, Gap
from serving.live import bus
from serving.messages import decode

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

AS_OF = ("2011-02-28", "2011-03-01")
SWAPS = 100
# By then everything that a release needs once has been made once.
SETTLED = 10
MOST_GROWTH = 1.3
READERS = 4
LISTENERS = 5

SENT = [
    {"session": str(day), **dict(zip(("open", "high", "low", "close", "volume"), row, strict=True))}
    for day, row in zip(sample_bars("IBM").session[:300], sample_bars("IBM").ohlcv[:300].tolist(), strict=True)
]
# What the release alone says: the same for as long as it is in force, but for the keys of what doesn't come from it.
RELEASED: dict[tuple[str, str], Any] = {
    ("GET", "/v1/tickers"): None,
    ("GET", "/v1/models"): None,
    ("GET", "/v1/models/GOOG"): None,
    ("GET", "/v1/model-card"): None,
    ("GET", "/v1/prices/AAPL?limit=100"): None,
    ("GET", "/v1/signals/IBM/history"): None,
    ("GET", "/v1/portfolio"): None,
    ("GET", "/v1/portfolio/frontier"): None,
    ("GET", "/v1/portfolio/risk"): None,
    ("GET", "/readyz"): None,
    ("POST", "/v1/predictions/IBM"): SENT,
    ("POST", "/v1/portfolio/optimize"): {"objective": "minimum_variance"},
}
NOT_RELEASED = ("live", "live_bars", "made_at")
# What the engine says: of the release that it works with, which each message names.
LIVE = ("/v1/predictions/AAPL", "/v1/signals/MSFT", "/v1/predictions")
RELEASE_ID = re.compile(r'"release_id":"([^"]+)"')


class Load:
    """Readers of all kinds of answers, who know what each of them has to be.

    Attributes
    ----------
    told : Counter of str
        How often each path was answered.
    wrong : list of str
        What was not as it has to be.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.told: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.releases: set[str] = set()
        self._http = http
        self._whole: dict[tuple[str, str], set[bytes]] = defaultdict(set)

    async def learn(self, release_id: str) -> None:
        """What the release in force says."""
        self.releases.add(release_id)
        for (method, path), body in RELEASED.items():
            answer = await self._http.request(method, path, json=body)
            assert answer.status_code == 200, answer.text
            self._whole[method, path].add(_essence(answer))

    async def read(self, seed: int) -> None:
        """Ask for one thing after the other until cancelled."""
        chance = random.Random(seed)
        while True:
            method, path = chance.choice([*RELEASED, *(("GET", path) for path in LIVE)])
            answer = await self._http.request(method, path, json=RELEASED.get((method, path)))
            self.told[path] += 1
            if not self._is_right(method, path, answer):
                self.wrong.append(f"{path}: {answer.status_code} {answer.text[:300]}")

    def _is_right(self, method: str, path: str, answer: httpx.Response) -> bool:
        if answer.status_code != 200:
            return False
        if path in LIVE:
            named = set(RELEASE_ID.findall(answer.text))
            return len(named) == 1 and named <= self.releases
        return _essence(answer) in self._whole[method, path]


def _essence(answer: httpx.Response) -> bytes:
    """What comes from the release."""
    if not answer.headers["content-type"].startswith("application/json"):
        return answer.content
    body = answer.json()
    return msgspec.json.encode({name: value for name, value in body.items() if name not in NOT_RELEASED})


class Audience:
    """Clients of the stream, to whom nothing may happen."""

    def __init__(self, url: str) -> None:
        self.heard = 0
        self.lost: list[str] = []
        self._url = url

    async def listen(self) -> None:
        """Listen until cancelled."""
        async with StreamClient(self._url) as client:
            async for update in client:
                self.heard += 1
                if isinstance(update, Disconnected | Gap):
                    self.lost.append(update.reason)


class Swaps:
    """The release in force, changed as by a writer; done when gateway and engine have gone over."""

    def __init__(self, system: LiveSystem) -> None:
        self._system = system
        self._store = Store(system.home / "releases")

    async def put_in_force(self, release_id: str) -> None:
        """Put it in force."""
        with self._store.locked():
            self._store.put_in_force(release_id)
        await self._system.until(lambda: self._is_taken_up(release_id))

    async def _is_taken_up(self, release_id: str) -> bool:
        served = (await self._system.http.get("/readyz")).json()["release_id"]
        said = decode(self._system.redis.hget(bus.LATEST, "prediction:AAPL"))
        return served == release_id and said.release_id == release_id


async def test_a_hundred_swaps_under_load_fail_no_request_and_drop_no_socket(tmp_path):
    async with live_system(tmp_path, as_of=AS_OF[0]) as system, contextlib.AsyncExitStack() as stack:
        swaps, load, audience = Swaps(system), Load(system.http), Audience(system.stream_url)
        other = publish_release(system.home / "releases", tickers=TICKERS, as_of=AS_OF[1]).release_id
        releases = (system.release_id, other)
        for release_id in releases:
            await swaps.put_in_force(release_id)
            await load.learn(release_id)
        for number in range(READERS):
            await stack.enter_async_context(at_work(load.read(number)))
        for _ in range(LISTENERS):
            await stack.enter_async_context(at_work(audience.listen()))

        resident = {}
        for number, release_id in zip(range(SWAPS + 1), itertools.cycle(releases), strict=False):
            await swaps.put_in_force(release_id)
            resident[number] = (system.gateway.resident(), system.leading().resident())

    print(f"{load.told.total()} answers, {audience.heard} updates, resident at {SETTLED} and at {SWAPS}:")
    print([n // 2**20 for n in (*resident[SETTLED], *resident[SWAPS])], "MiB of gateway and engine")
    assert load.wrong == []
    assert audience.lost == []
    assert load.told.total() > 10 * SWAPS
    assert audience.heard > LISTENERS * SWAPS
    for early, late in zip(resident[SETTLED], resident[SWAPS], strict=True):
        assert late < MOST_GROWTH * early
