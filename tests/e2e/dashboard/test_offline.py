"""What the pages show where there is no network: their shell, and what was known, with its age."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.anyio

KEPT = "navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null)"


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/portfolio", "Current and target"),
        pytest.param("/market/AAPL", "Signal in force", marks=pytest.mark.slow),
        pytest.param("/signals", "In force", marks=pytest.mark.slow),
        pytest.param("/models", "By ticker", marks=pytest.mark.slow),
        pytest.param("/system", "Health", marks=pytest.mark.slow),
    ],
)
async def test_a_page_that_was_seen_is_seen_again_without_a_network(visit, path: str, known: str):
    visitor = await visit(path)
    page = visitor.page
    visitor.tolerate("ERR_INTERNET_DISCONNECTED")
    await expect(page.get_by_role("heading", name=known, exact=True)).to_be_visible()
    await page.wait_for_load_state("networkidle")
    await page.wait_for_function(KEPT)

    await visitor.context.set_offline(True)
    # Again and again: what is in the browser already comes at any moment of a page's beginning.
    for _ in range(3):
        await page.reload()

        await expect(page.get_by_role("heading", name=known, exact=True)).to_be_visible()
        await expect(page.get_by_role("region", name="Connection")).to_contain_text("this is what was known at")
        await expect(page.get_by_role("main")).not_to_contain_text("Loading the page")
