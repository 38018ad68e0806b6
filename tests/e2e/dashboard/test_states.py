"""What is on the page when something is wrong behind it, and that all is well again without anybody's doing."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from live_system import LiveSystem
from playwright.async_api import Page, expect
from real_release import publish_release
from real_server import serving, url_of

# Kills and restarts take their time: for .ci/run.
pytestmark = [pytest.mark.anyio, pytest.mark.slow]

# A server that is away is asked for again and again: each try is an error on the console.
AWAY = (r"ERR_CONNECTION_(REFUSED|RESET)", r"ERR_EMPTY_RESPONSE", r"WebSocket connection to .* failed", r"^failed: ")
# Nothing is ready yet: the answers say so, and browsers call that an error.
NOT_READY = (r"status of 503",)
WAIT_MS = 20_000
QUICK, THOROUGH = ("/", "/system"), ("/signals", "/portfolio", "/models", "/playground")


@pytest.fixture(autouse=True)
async def mended(system: LiveSystem) -> AsyncIterator[None]:
    """Whatever a test has ended runs again after it."""
    yield
    if not await system.valkey_answers():
        system.valkey.start()
    for part in system.parts:
        if not part.running:
            part.start()
    await system.until(system.serves_live_numbers)


def pill(page: Page):
    """The sign at the top that tells how things stand."""
    return page.get_by_role("banner").locator(".pill")


def bar(page: Page):
    """The bar over the foot of the page that tells more of it."""
    return page.get_by_role("region", name="Connection")


async def live(page: Page) -> None:
    await expect(pill(page)).to_contain_text("Live", timeout=WAIT_MS)
    await expect(bar(page)).to_have_count(0)


async def words(page: Page) -> str:
    return " ".join((await page.get_by_role("main").inner_text()).split())


async def changes_between(system: LiveSystem, first: int, last: int) -> set[int]:
    """The entries of the audit log, from one to another, in which a signal changed."""
    answer = await system.http.get("/v1/audit", params={"kind": "signal", "limit": 1000})
    numbers = [each["audit_id"] for each in answer.json()["entries"] if first <= each["audit_id"] <= last]
    signals = {number: (await system.http.get(f"/v1/audit/{number}")).json()["signal"] for number in numbers}
    return {number for number, signal in signals.items() if signal["action"] != signal["previous"]}


@pytest.fixture
def empty_server(tmp_path: Path):
    """A server on a home in which nothing has been published, without a live feed."""
    others = {name: "" for name in os.environ if name.startswith("STOCK_ASSETS_")}
    with serving("--home", str(tmp_path), "--port", "0", environment=others) as process:
        yield url_of(process)


@pytest.mark.parametrize("path", [*QUICK, *(pytest.param(path, marks=pytest.mark.slow) for path in THOROUGH)])
async def test_without_a_release_a_page_says_so(visit, empty_server, path):
    visitor = await visit(None, url=empty_server)
    visitor.tolerate(*NOT_READY)

    await visitor.go(path)

    main = visitor.page.get_by_role("main")
    await expect(main.get_by_role("heading", level=1)).to_be_visible()
    if path != "/playground":
        await expect(main).to_contain_text(re.compile(r"no release|release.*yet|yet.*release", re.IGNORECASE))
    assert not re.search(r"undefined|NaN|null|\[object", await words(visitor.page))
    assert await visitor.overflow() <= 0


async def test_the_first_release_fills_the_page(visit, empty_server, tmp_path):
    visitor = await visit(None, url=empty_server)
    visitor.tolerate(*NOT_READY)
    await visitor.go("/")
    main = visitor.page.get_by_role("main")
    await expect(main).to_contain_text(re.compile("release", re.IGNORECASE))

    publish_release(tmp_path / "releases")

    await expect(main.get_by_role("link", name=re.compile("^AAPL "))).to_be_visible(timeout=WAIT_MS)


async def test_without_valkey_the_numbers_stay_with_their_age_and_come_back(visit, system):
    page = (await visit("/")).page
    row = page.get_by_role("main").get_by_role("link", name=re.compile("^AAPL "))
    await live(page)
    await expect(row).to_contain_text(re.compile(r"\d+\.\d\d"))

    system.valkey.kill()

    await expect(pill(page)).to_contain_text("Stale", timeout=WAIT_MS)
    await expect(bar(page)).to_contain_text("No news")
    await expect(bar(page)).to_contain_text(re.compile(r"this is what was known at \d\d:\d\d"))
    await expect(row).to_contain_text(re.compile(r"\d+\.\d\d"))

    system.valkey.start()

    await live(page)


@pytest.mark.slow
async def test_a_feed_that_falls_silent_is_an_alert_on_every_page(visit, system):
    page = (await visit("/system")).page
    await live(page)
    alerts = page.get_by_role("region", name="Alerts")

    system.feed.kill()

    active = alerts.locator(".system-alerts")
    await expect(active).to_contain_text("Feed silent", timeout=WAIT_MS)
    pages = page.get_by_role("navigation", name="Pages", exact=True)
    await expect(pages).to_contain_text("active alerts")

    system.feed.start()

    # Another may be active: on a busy machine an engine may lose its lease, which says so.
    await expect(active).not_to_contain_text("Feed silent", timeout=WAIT_MS)
    await expect(alerts).to_contain_text("gone since the dashboard was opened")


async def test_a_server_that_restarts_is_resumed_and_each_change_is_told_once(visit, system):
    visitor = await visit("/signals")
    visitor.tolerate(*AWAY)
    page = visitor.page
    changes = page.get_by_role("region", name="Changes since you opened the page")
    entries = changes.get_by_role("listitem")
    await expect(entries.first).to_be_visible(timeout=WAIT_MS)

    system.gateway.kill()
    await expect(pill(page)).to_contain_text("Reconnecting", timeout=WAIT_MS)
    told = await entries.count()
    system.gateway.start()

    await live(page)
    await expect(entries.nth(told + 1)).to_be_visible(timeout=2 * WAIT_MS)
    links = await changes.get_by_role("link", name=re.compile("^audit ")).all_inner_texts()
    assert len(links) == len(set(links))
    shown = {int(link.removeprefix("audit ")) for link in links}
    assert shown == await changes_between(system, min(shown), max(shown))
    await expect(changes).not_to_contain_text("missing")


async def test_a_server_that_is_away_is_said_with_the_age_of_what_is_shown(visit, system):
    visitor = await visit("/playground")
    visitor.tolerate(*AWAY)
    page = visitor.page
    await live(page)
    await expect(page.get_by_role("radio").first).to_be_attached()
    before = (await visitor.shifts()).score

    system.gateway.kill()

    await expect(bar(page)).to_contain_text("Not connected", timeout=WAIT_MS)
    await expect(bar(page)).to_contain_text(re.compile(r"this is what was known at \d\d:\d\d:\d\d"))
    await expect(bar(page).get_by_role("button", name="Try now")).to_be_visible()
    await expect(page.get_by_role("status").filter(has_text="What you see is from before")).to_have_count(1)

    system.gateway.start()

    await live(page)
    shifts = await visitor.shifts()
    # What is under the bar stays where it was; that the bar itself goes is all.
    assert shifts.score - before <= 0.02, shifts


@pytest.mark.parametrize(
    "path",
    ["/", "/signals/AAPL", *(pytest.param(path, marks=pytest.mark.slow) for path in ("/portfolio", "/models/AAPL"))],
)
async def test_without_its_server_a_page_opens_with_what_was_known(visit, system, path):
    visitor = await visit(path)
    visitor.tolerate(*AWAY, r"The FetchEvent for", r"status of 50[34]")
    page = visitor.page
    await live(page)
    await expect(page.get_by_text(re.compile(r"^Loading "))).to_have_count(0)
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    before = await words(page)

    system.gateway.kill()
    await page.reload()

    await expect(bar(page)).to_contain_text("Not connected", timeout=WAIT_MS)
    await expect(bar(page)).to_contain_text("this is what was known at")
    await expect(page.get_by_text(re.compile(r"^Loading "))).to_have_count(0)
    headings = await page.get_by_role("main").get_by_role("heading", level=2).all_inner_texts()
    assert headings
    assert all(heading in before for heading in headings)
    assert not re.search(r"undefined|NaN|\[object", await words(page))

    system.gateway.start()

    await live(page)
