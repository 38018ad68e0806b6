"""What a person does on the pages: choose, download, ask for orders, be told, try the API."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WAIT_MS = 20_000
BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"
# What a page, or its worker, would have the system show: a browser without a window shows nothing.
SHOWN = """navigator.serviceWorker.ready.then((worker) => worker.getNotifications())
  .then((all) => all.map(({ title, body }) => [title, body]))"""


async def open_settings(page: Page) -> None:
    await page.get_by_role("banner").locator("summary").click()


async def test_a_theme_is_chosen_and_kept(visit):
    page = (await visit("/", color_scheme="light")).page
    light = await page.evaluate(BACKGROUND)

    await open_settings(page)
    await page.get_by_role("radio", name="Dark").check()

    dark = await page.evaluate(BACKGROUND)
    assert dark != light
    await page.reload()
    assert await page.evaluate(BACKGROUND) == dark
    await open_settings(page)
    await expect(page.get_by_role("radio", name="Dark")).to_be_checked()


async def test_the_system_s_theme_is_followed_while_none_is_chosen(visit):
    page = (await visit("/", color_scheme="light")).page
    light = await page.evaluate(BACKGROUND)

    await page.emulate_media(color_scheme="dark")

    assert await page.evaluate(BACKGROUND) != light


async def test_a_theme_is_there_before_the_first_paint(visit):
    page = (await visit("/", color_scheme="light")).page
    await open_settings(page)
    await page.get_by_role("radio", name="Dark").check()

    # Only the small script that stands before all others may run.
    await page.route("**/assets/*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    await page.reload()

    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"


async def test_settings_close_by_escape_and_give_the_focus_back(visit):
    page = (await visit("/")).page
    await open_settings(page)
    dark = page.get_by_role("radio", name="Dark")
    await expect(dark).to_be_visible()

    await dark.focus()
    await page.keyboard.press("Escape")

    await expect(dark).to_be_hidden()
    assert await page.evaluate("document.activeElement.tagName") == "SUMMARY"


async def test_tickers_that_are_kept_on_top_stand_there_in_the_viewer_s_order(visit):
    page = (await visit("/")).page
    watchlist = page.get_by_role("region", name="Watchlist", exact=True)
    tickers = watchlist.locator(".market-ticker")
    await expect(tickers.nth(1)).to_be_visible()
    first, *others, last = await tickers.all_text_contents()

    await watchlist.get_by_role("button", name=f"Keep {last} on top").click()
    await expect(tickers).to_have_text([last, first, *others])
    await watchlist.get_by_role("button", name=f"Keep {first} on top").click()
    await watchlist.get_by_role("link", name=first).focus()
    await page.keyboard.press("Alt+ArrowUp")

    await expect(tickers).to_have_text([first, last, *others])
    await expect(watchlist.get_by_role("link", name=first)).to_be_focused()
    await watchlist.get_by_role("button", name=f"Keep {first} on top").click()
    await page.reload()
    await expect(tickers).to_have_text([last, first, *others])
    await expect(watchlist.get_by_role("button", name=f"Keep {last} on top", pressed=True)).to_be_visible()


async def test_a_history_is_saved_as_it_is_filtered(visit, system, tmp_path: Path):
    page = (await visit("/signals/AAPL")).page
    history = page.get_by_role("region", name="History", exact=True)
    await history.get_by_role("combobox", name="Signal").select_option("SELL")

    async with page.expect_download() as saving:
        await history.get_by_role("button", name="Save as CSV").click()

    saved = await saving.value
    await saved.save_as(tmp_path / "saved.csv")
    rows = list(csv.DictReader((tmp_path / "saved.csv").read_text().splitlines()))
    answer = (await system.http.get("/v1/signals/AAPL/history", params={"limit": 1000})).json()
    sold = [each for each in answer["signals"] if each["action"] == "SELL"]
    assert saved.suggested_filename == f"signals_AAPL_{system.release_id}.csv"
    assert {(row["session"], float(row["p_up"]), float(row["edge_bp"])) for row in rows} == {
        (each["session"], each["p_up"], each["edge_bp"]) for each in sold
    }
    assert {row["ticker"] for row in rows} == {"AAPL"}
    assert len(rows) == len(sold)


async def test_a_book_is_rebalanced_into_orders(visit):
    page = (await visit("/portfolio")).page
    form = page.get_by_role("region", name="Rebalance", exact=True)
    await form.get_by_role("textbox", name="Shares held of AAPL").fill("10")
    await form.get_by_role("textbox", name="Cash").fill("50000")

    async with page.expect_request("**/v1/portfolio/rebalance") as asking:
        await form.get_by_role("button", name="List the orders").click()

    asked = (await asking.value).post_data_json
    assert (asked["holdings"], asked["cash"]) == ({"AAPL": 10}, 50_000)
    answer = await (await (await asking.value).response()).json()
    orders = page.get_by_role("table", name=re.compile("^Orders"))
    for order in answer["orders"]:
        row = orders.get_by_role("row", name=re.compile(f"{order['ticker']}"))
        await expect(row).to_contain_text(order["side"])
        await expect(row).to_contain_text(f"{order['shares']:,.0f}")
    assert answer["orders"]


async def test_an_amount_that_is_none_is_not_sent(visit):
    page = (await visit("/portfolio")).page
    form = page.get_by_role("region", name="Rebalance", exact=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)

    await form.get_by_role("textbox", name="Cash").fill("a lot")
    await form.get_by_role("button", name="List the orders").click()

    await expect(form.get_by_role("textbox", name="Cash")).to_have_attribute("aria-invalid", "true")
    assert asked == []


async def test_a_change_of_signal_is_told_to_who_has_asked_for_it(visit):
    visitor = await visit("/", permissions=["notifications"])
    page = visitor.page
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    assert await page.evaluate(SHOWN) == []

    await open_settings(page)
    await page.get_by_role("checkbox", name="Tell me when a ticker's signal changes").check()
    await page.get_by_role("checkbox", name="Also before the close").check()

    await page.wait_for_function(f"{SHOWN}.then((all) => all.length > 0)", timeout=2 * WAIT_MS)
    for title, body in await page.evaluate(SHOWN):
        assert re.fullmatch(r"(AAPL|GOOG|IBM|MSFT): (BUY|SELL|HOLD)", title)
        assert re.match(r"Was (BUY|SELL|HOLD)\. Confidence \d+ of 100", body)


async def test_nothing_is_told_to_who_has_not_asked(visit):
    page = (await visit("/signals", permissions=["notifications"])).page
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")

    changes = page.get_by_role("region", name="Changes since you opened the page")
    await expect(changes.get_by_role("listitem").first).to_be_visible(timeout=2 * WAIT_MS)

    assert await page.evaluate(SHOWN) == []


async def test_where_notifications_are_blocked_the_settings_say_so(visit):
    page = (await visit("/")).page

    await open_settings(page)

    box = page.get_by_role("checkbox", name="Tell me when a ticker's signal changes")
    told = await page.evaluate("Notification.permission")
    await expect(box).to_be_disabled() if told == "denied" else await expect(box).to_be_enabled()


class Playground:
    """The page on which the API is tried."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.rest = page.get_by_role("region", name="REST", exact=True)
        self.stream = page.get_by_role("region", name="Stream", exact=True)
        #: The line that says how a request went.
        self.answer = self.rest.get_by_role("status").filter(has_text="bytes")

    async def choose(self, operation: str) -> None:
        await self.rest.get_by_role("radio", name=operation, exact=True).check(force=True)

    async def send(self) -> None:
        await self.rest.get_by_role("button", name="Send", exact=True).click()


async def test_an_operation_is_found_filled_in_and_sent(visit, system):
    playground = Playground((await visit("/playground")).page)
    await playground.rest.get_by_role("searchbox", name="Find an operation").fill("daily bars get")

    await playground.choose("GET /v1/prices/{ticker}")
    await expect(playground.rest.get_by_role("combobox", name="ticker")).to_have_value("AAPL")
    await playground.rest.get_by_role("textbox", name="limit").fill("3")
    await playground.send()

    await expect(playground.answer).to_contain_text("200 OK")
    await expect(playground.rest.get_by_role("region", name="Body")).to_contain_text(system.release_id)
    await expect(playground.rest).to_contain_text("x-data-age")
    await playground.rest.get_by_text("The same as curl").click()
    await expect(playground.rest.get_by_role("region", name="Command")).to_contain_text(
        f"'{system.url}/v1/prices/AAPL?from=2011-03-01&to=2012-03-01&limit=3'"
    )


async def test_what_a_browser_holds_is_answered_with_304(visit):
    playground = Playground((await visit("/playground#list_signals")).page)
    await playground.choose("GET /v1/models")
    await playground.send()
    await expect(playground.answer).to_contain_text("200 OK")

    await playground.rest.get_by_role("checkbox", name="only if it has changed").check()
    await playground.send()

    await expect(playground.answer).to_contain_text("304")
    await expect(playground.rest).to_contain_text("There is no body.")


async def test_a_refusal_is_shown_as_the_problem_that_it_is(visit):
    visitor = await visit("/playground#get_prices")
    visitor.tolerate(r"status of 404")
    playground = Playground(visitor.page)

    await playground.rest.get_by_role("combobox", name="ticker").fill("NOPE")
    await playground.send()

    await expect(playground.answer).to_contain_text("404")
    await expect(playground.rest.get_by_role("region", name="Body")).to_contain_text("/problems/unknown-ticker")


async def test_a_forecast_is_made_of_bars_that_one_sends(visit):
    playground = Playground((await visit("/playground#what_if")).page)

    await playground.rest.get_by_role("button", name="Fill in AAPL's newest 252 bars").click()
    body = playground.rest.get_by_role("textbox", name="Body (application/json)")
    await expect(body).to_have_value(re.compile(r'"session":"2011-03-01"'))
    await playground.send()

    await expect(playground.answer).to_contain_text("200 OK")


async def test_a_stream_is_opened_subscribed_to_left_and_resumed(visit):
    playground = Playground((await visit("/playground")).page)
    stream = playground.stream
    frames = stream.get_by_role("region", name="Frames, the newest first")
    await stream.get_by_role("button", name="Connect").click()
    await expect(frames).to_contain_text("hello")
    await expect(stream.get_by_role("button", name="Resume")).to_be_disabled()

    await stream.get_by_role("checkbox", name="IBM").check()
    await stream.get_by_role("checkbox", name="prices").check()
    await stream.get_by_role("button", name="Subscribe").click()
    await expect(frames).to_contain_text("1 price IBM", timeout=WAIT_MS)
    await expect(frames).not_to_contain_text("AAPL")
    await stream.get_by_role("button", name="Ping").click()
    await stream.get_by_role("combobox", name="Show").select_option("pong")
    await expect(frames.get_by_role("group")).to_have_count(1)

    await stream.get_by_role("button", name="Disconnect").click()
    await expect(stream.get_by_role("status")).to_contain_text("Closed with 1005")
    await stream.get_by_role("button", name="Connect").click()
    await stream.get_by_role("button", name="Resume").click()

    # What answers is what was missed, not everything once more.
    await stream.get_by_role("combobox", name="Show").select_option("snapshot")
    await expect(frames.get_by_role("group")).to_have_count(1)


async def test_a_list_of_frames_stands_still_when_told_to(visit):
    playground = Playground((await visit("/playground")).page)
    stream = playground.stream
    frames = stream.get_by_role("region", name="Frames, the newest first").get_by_role("group")
    await stream.get_by_role("button", name="Connect").click()
    await stream.get_by_role("button", name="Subscribe").click()
    await expect(frames.nth(4)).to_be_visible(timeout=WAIT_MS)

    await stream.get_by_role("button", name="Pause").click()
    received = stream.get_by_text(re.compile(r"^\d+ frames$"))
    held, counted = await frames.count(), await received.inner_text()
    await expect(received).not_to_have_text(counted, timeout=WAIT_MS)

    assert await frames.count() == held
    await stream.get_by_role("button", name="Pause").click()
    await expect(frames.nth(held)).to_be_visible(timeout=WAIT_MS)


async def test_nonsense_on_the_stream_is_answered_and_explained(visit):
    playground = Playground((await visit("/playground")).page)
    stream = playground.stream
    await stream.get_by_role("button", name="Connect").click()

    await stream.get_by_role("textbox", name="Request as written").fill("what is this")
    await expect(stream).to_contain_text("Not JSON")
    await stream.get_by_role("button", name="Send as written").click()
    await expect(stream.get_by_role("region", name="Frames, the newest first")).to_contain_text("code malformed")
    for _ in range(10):
        await stream.get_by_role("button", name="Send as written").click()

    await expect(stream.get_by_role("status")).to_contain_text("Closed with 1008")
    await expect(stream.get_by_role("status")).to_contain_text("were no requests")


@pytest.mark.slow
async def test_a_ticker_that_was_left_is_let_go(visit):
    page = (await visit("/market/AAPL")).page
    session = await page.context.new_cdp_session(page)

    async def nodes_after(round_trips: int) -> int:
        for _ in range(round_trips):
            for ticker in ("IBM", "AAPL"):
                await page.locator(f"a[href='/market/{ticker}']").first.click()
                await expect(page.get_by_role("region", name=ticker, exact=True)).to_be_visible()
                await expect(page.locator(".market-canvas canvas").first).to_be_visible()
        await session.send("HeapProfiler.collectGarbage")
        return int((await session.send("Memory.getDOMCounters"))["nodes"])

    before = await nodes_after(2)

    after = await nodes_after(6)

    # What one view of a ticker holds is some hundreds of nodes.
    assert after - before < 300
