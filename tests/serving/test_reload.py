"""A new release takes over without a failed request; a bad one changes nothing but the status."""

from __future__ import annotations

import asyncio

import pytest
from real_release import publish_release
from waiting import until

from release.store import Store

pytestmark = pytest.mark.anyio

PATHS = (
    "/v1/predictions/AAPL",
    "/v1/predictions",
    "/v1/models",
    "/v1/prices/AAPL",
    "/v1/signals/AAPL/history",
    "/readyz",
)


def release_of(answer) -> str:
    """The one release that an answer is from; fails if it mixes two."""
    text = answer.text
    found = {part[:23] for part in text.split('"release_id":"')[1:]}
    assert len(found) == 1, text[:200]
    return found.pop()


async def test_the_first_release_makes_a_waiting_server_ready(start, connect, tmp_path):
    async with start(tmp_path) as app, connect(app) as client:
        before = await client.get("/readyz")

        release_id = await asyncio.to_thread(lambda: publish_release(tmp_path / "releases").release_id)
        await until(lambda: app.state.latest.release_id == release_id)

        after = await client.get("/readyz")

    assert (before.status_code, after.status_code) == (503, 200)
    assert after.json()["release_id"] == release_id


async def test_no_request_fails_and_no_answer_mixes_releases_while_releases_change(start, connect, home):
    store = Store(home / "releases")
    first = store.current()
    second = publish_release(home / "releases", tickers=("AAPL", "IBM"), as_of="2012-02-29").release_id
    seen: list[tuple[int, str]] = []
    over = asyncio.Event()

    async def ask(client, path: str) -> None:
        while not over.is_set():
            answer = await client.get(path)
            seen.append((answer.status_code, release_of(answer)))
            # Ready bytes are sent without waiting for anything: give the others their turn.
            await asyncio.sleep(0)

    async with start(home) as app, connect(app) as client, asyncio.TaskGroup() as tasks:
        for path in PATHS:
            tasks.create_task(ask(client, path))
        for wanted in (first, second) * 3:
            await asyncio.to_thread(store.switch, wanted)
            await until(lambda wanted=wanted: app.state.latest.release_id == wanted)
        over.set()

    assert {status for status, _ in seen} == {200}
    assert {release for _, release in seen} == {first, second}
    assert len(seen) > 100


async def test_a_bad_release_is_reported_and_the_old_one_is_served_on(start, connect, home):
    releases = home / "releases"
    old = Store(releases).current()
    async with start(home) as app, connect(app) as client:
        new = await asyncio.to_thread(lambda: damaged_release(releases))
        await until(lambda: app.state.latest.reload_error is not None)

        prediction = await client.get("/v1/predictions/AAPL")
        status = (await client.get("/v1/status")).json()
        metrics = (await client.get("/metrics")).text

        assert new != old
        assert prediction.json()["release_id"] == old
        assert (status["ready"], status["release_id"]) == (True, old)
        assert status["reload_error"].startswith("metrics.json: expected ")
        assert 'stock_assets_release_loads_total{outcome="refused"' in metrics

        await asyncio.to_thread(Store(releases).switch, old)
        await until(lambda: app.state.latest.reload_error is None)


def damaged_release(releases) -> str:
    """A release that is in force and has a truncated file: published aside, damaged, then pointed to."""
    old = Store(releases).current()
    new = publish_release(releases.parent / "aside", tickers=("IBM",)).release_id
    (releases.parent / "aside" / new / "metrics.json").write_text("{}")
    (releases.parent / "aside" / new).rename(releases / new)
    pointer = releases / "current.new"
    pointer.write_text(f"{new}\n{old}\n")
    pointer.replace(releases / "current")
    return new


async def test_a_live_prediction_outlives_a_release_that_knows_less(start, connect, home, live_prediction):
    releases = home / "releases"
    async with start(home) as app, connect(app) as client:
        app.state.latest.apply(live_prediction)
        older = await asyncio.to_thread(lambda: publish_release(releases, as_of="2012-02-29").release_id)
        await until(lambda: app.state.latest.release_id == older)

        live = (await client.get("/v1/predictions/AAPL")).json()
        released = (await client.get("/v1/predictions/IBM")).json()

    assert live["session"] == "2012-03-02"
    assert released["session"] == "2012-02-29"


async def test_a_store_out_of_reach_is_no_reason_to_stop_serving(start, connect, home):
    async with start(home) as app, connect(app) as client:
        (home / "releases").rename(home / "gone")
        await until(lambda: app.state.latest.reload_error is not None)

        assert (await client.get("/v1/predictions/AAPL")).status_code == 200

        (home / "gone").rename(home / "releases")
        await until(lambda: app.state.latest.reload_error is None)
