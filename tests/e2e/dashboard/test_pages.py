"""Every page against the real server in the real browser: what it shows, to whom, and that nothing goes wrong under it.

That there is no error on the console, no failed request and nothing refused by the policy, `visit` sees to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from playwright.async_api import Page, expect

pytestmark = pytest.mark.anyio

DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 360, "height": 780}, "has_touch": True, "is_mobile": True}
# What browsers call good is up to 0.1.
MOST_SHIFT = 0.05
# Chromium's own words for a connection like a phone's in the country.
SLOW = {"offline": False, "latency": 200, "downloadThroughput": 400_000 / 8, "uploadThroughput": 400_000 / 8}


@dataclass(frozen=True)
class Shown:
    """A page, and what is on it once everything has come."""

    path: str
    heading: str
    #: Parts of the page, by their names.
    regions: tuple[str, ...]
    #: Words that only the server's numbers can make.
    text: str

    def __str__(self) -> str:
        return self.path.strip("/").replace("/", "-") or "front"


PAGES = (
    Shown("/", "Market", ("Watchlist", "AAPL", "Signal in force", "Forecast", "Last signals"), r"P\(up\)\s*\d+\.\d %"),
    Shown("/market/IBM", "Market", ("Watchlist", "IBM", "Signal in force", "Forecast"), r"Daily candles of IBM over"),
    Shown("/signals", "Signals", ("In force", "What they would have earned"), r"Brier|audit \d+|[+−]\d+\.\d bp"),
    Shown(
        "/signals/AAPL",
        "Signals of AAPL",
        ("How often they were right", "When it says 60 %…", "What they would have earned", "History"),
        r"base rate \d+\.\d %",
    ),
    Shown(
        "/portfolio",
        "Portfolio",
        ("Strategy", "Current and target", "Efficient frontier", "What moves together", "What was earned", "Rebalance"),
        r"equal weight \d+\.\d+",
    ),
    Shown("/models", "Models", ("Out of sample, 1 session ahead", "By ticker"), r"GOOG"),
    Shown(
        "/models/AAPL",
        "AAPL: the model",
        ("Champion and challenger", "Scores beside their baselines", "Coverage over time", "Where it comes from"),
        r"yesterday.s close, repeated",
    ),
    Shown("/system", "System", ("Health", "Live engine", "Data", "Latency", "Audit log"), r"MSFT"),
    Shown("/playground", "Playground", ("REST", "Stream"), r"/v1/portfolio/rebalance"),
)
# A ticker's page is the front page with another chart.
THOROUGH = ("/market/IBM",)
every_page = pytest.mark.parametrize(
    "shown",
    [pytest.param(page, marks=pytest.mark.slow if page.path in THOROUGH else (), id=str(page)) for page in PAGES],
)


async def loaded(page: Page, shown: Shown, *, within_ms: float = 10_000) -> None:
    """Everything is there, and the live numbers come."""
    main = page.get_by_role("main")
    await expect(main.get_by_role("heading", level=1, name=shown.heading, exact=True)).to_be_visible(timeout=within_ms)
    for region in shown.regions:
        await expect(main.get_by_role("region", name=region, exact=True)).to_be_visible(timeout=within_ms)
    await expect(main).to_contain_text(re.compile(shown.text, re.IGNORECASE), timeout=within_ms)
    await expect(main.get_by_text(re.compile(r"^Loading "))).to_have_count(0, timeout=within_ms)
    await expect(page.get_by_role("banner")).to_contain_text("Live", timeout=within_ms)


@pytest.mark.parametrize(
    ("scheme", "size"),
    [
        pytest.param("light", DESKTOP, id="light-desktop"),
        pytest.param("dark", PHONE, id="dark-phone"),
        pytest.param("dark", DESKTOP, id="dark-desktop", marks=pytest.mark.slow),
        pytest.param("light", PHONE, id="light-phone", marks=pytest.mark.slow),
    ],
)
@every_page
async def test_a_page_shows_what_the_server_has_holds_still_and_keeps_nobody_out(visit, inspect, shown, scheme, size):
    visitor = await visit(shown.path, **size, color_scheme=scheme)

    await loaded(visitor.page, shown)

    assert await visitor.overflow() <= 0
    shifts = await visitor.shifts()
    assert shifts.score <= MOST_SHIFT, shifts
    assert await inspect(visitor) == []


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 768, 1024, 1920, 3840])
@every_page
async def test_no_width_makes_a_page_scroll_sideways(visit, shown, width):
    visitor = await visit(shown.path, viewport={"width": width, "height": 1000})
    await loaded(visitor.page, shown)

    assert await visitor.overflow() <= 0


@pytest.mark.slow
@every_page
async def test_on_a_slow_network_a_page_says_that_it_loads_and_does_not_jump(visit, shown):
    visitor = await visit(None)
    network = await visitor.context.new_cdp_session(visitor.page)
    await network.send("Network.enable")
    await network.send("Network.emulateNetworkConditions", SLOW)

    await visitor.page.goto(visitor.url + shown.path, wait_until="commit")

    await expect(visitor.page.get_by_text(re.compile(r"^Loading ")).first).to_be_attached()
    await loaded(visitor.page, shown, within_ms=60_000)
    shifts = await visitor.shifts()
    assert shifts.score <= MOST_SHIFT, shifts


@pytest.mark.parametrize("path", ["/market/NOPE", "/signals/NOPE", "/models/NOPE"])
async def test_a_ticker_that_there_is_not_leads_to_those_that_there_are(visit, path):
    visitor = await visit(path)
    # The server is asked before it has told which there are: its no is an error to a browser.
    visitor.tolerate(r"status of 404 .*/v1/models/NOPE")
    main = visitor.page.get_by_role("main")

    await expect(main).to_contain_text(re.compile(r"There (is no|are no) .*NOPE"))
    await main.get_by_role("link", name="GOOG").last.click()

    await expect(visitor.page).to_have_url(re.compile(path.replace("NOPE", "GOOG")))
    await expect(main).not_to_contain_text("NOPE")


async def test_a_page_that_there_is_not_leads_back(visit):
    visitor = await visit("/")

    await visitor.page.evaluate(
        "history.pushState(null, '', '/portfolio/a/b'); dispatchEvent(new PopStateEvent('popstate'))"
    )

    await expect(visitor.page.get_by_role("main")).to_contain_text("There is no such page")
    await visitor.page.get_by_role("link", name="Go to the market").click()
    await expect(visitor.page.get_by_role("heading", level=1, name="Market")).to_be_visible()


async def test_every_page_is_reached_by_keyboard(visit):
    visitor = await visit("/")
    page = visitor.page
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    reached = {}

    for _ in range(12):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(
            "[document.activeElement.textContent.trim(), document.activeElement.matches(':focus-visible')]"
        )
        reached[focused[0]] = focused[1]

    names = ["Skip to the page", "Market", "Signals", "Portfolio", "Models", "System", "Playground"]
    assert [name for name in names if reached.get(name) is not True] == []


async def test_the_skip_link_leads_past_the_navigation(visit):
    page = (await visit("/")).page

    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("main")).to_be_focused()


async def test_browser_buttons_lead_through_the_pages(visit):
    page = (await visit("/")).page
    heading = page.get_by_role("heading", level=1)

    await page.get_by_role("navigation", name="Pages").get_by_role("link", name="Models").click()
    await expect(heading).to_have_text("Models")
    await page.go_back()
    await expect(heading).to_have_text("Market")
    await page.go_forward()

    await expect(heading).to_have_text("Models")
    await expect(page).to_have_title(re.compile("^Models"))


async def test_the_documentation_works_without_the_network(visit, system):
    visitor = await visit("/docs")
    page = visitor.page

    await page.locator("#operations-portfolio-rebalance").get_by_role("button").first.click()
    await page.get_by_role("button", name="Try it out").click()
    async with page.expect_response("**/v1/portfolio/rebalance") as answered:
        await page.get_by_role("button", name="Execute").click()

    assert (await answered.value).status == 200
    await expect(page.locator(".live-responses-table")).to_contain_text(system.release_id)
