"""The real Chromium, and everything that a person with open developer tools would see go wrong in it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

GIVEN: Final = "STOCK_ASSETS_CHROMIUM"
NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# It calls nobody; without a sandbox it starts as root too, as in a container.
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS: Final = 20_000
# Shifts that nobody asked for by a click or a key, as browsers score them (Cumulative Layout Shift).
COUNT_SHIFTS: Final = """
globalThis.layoutShifts = [];
const about = ({ node, previousRect, currentRect }) => {
  const element = node instanceof Element ? node : node?.parentElement;
  const at = ({ left, top }) => `${Math.round(left)},${Math.round(top)}`;
  return `${element?.outerHTML.slice(0, 80)} from ${at(previousRect)} to ${at(currentRect)}`;
};
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries())
    if (!hadRecentInput) layoutShifts.push([value, sources.slice(0, 4).map(about).join(", ")]);
}).observe({ type: "layout-shift", buffered: true });
"""
SHIFTED: Final = "globalThis.layoutShifts"
# Of less than this nobody asks where it came from.
WORTH_A_WORD: Final = 0.005
# Chromium reports what a policy refuses as an error too; this one says what and where.
TELL_VIOLATIONS: Final = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`refused by the policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`));
"""


def program() -> str | None:
    """Where it is: named by the environment or on the path; None where it isn't installed."""
    return os.environ.get(GIVEN) or next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser without a window; a test's visitors each have a profile of their own in it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program(), args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


class Shifts(NamedTuple):
    """The score of all of them, and what moved in the greater ones."""

    score: float
    moved: list[str]


@dataclass
class Visitor:
    """Somebody at a page of ours.

    Attributes
    ----------
    complaints : list of str
        Errors and warnings on the console, errors of scripts, requests that failed or went elsewhere.
    """

    context: BrowserContext
    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    _tolerated: list[re.Pattern[str]] = field(default_factory=list)

    async def go(self, path: str) -> Page:
        """To a page, as if its address was typed in; gives it when the dashboard has drawn something."""
        await self.page.goto(self.url + path)
        return self.page

    def tolerate(self, *patterns: str) -> None:
        """Complaints that a test causes on purpose."""
        self._tolerated += map(re.compile, patterns)

    def unexpected(self) -> list[str]:
        """The complaints that nobody caused on purpose."""
        return [each for each in self.complaints if not any(pattern.search(each) for pattern in self._tolerated)]

    async def shifts(self) -> Shifts:
        """How much of the page has jumped since it was loaded."""
        found = await self.page.evaluate(SHIFTED)
        return Shifts(sum(value for value, _ in found), [what for value, what in found if value >= WORTH_A_WORD])

    async def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(await self.page.evaluate(wider))

    def _watch(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("request", self._asked)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _failed(self, request: Request) -> None:
        # A page that is left gives up what it still waits for.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.complaints.append(f"elsewhere: {request.url}")


@contextlib.asynccontextmanager
async def visitor(browser: Browser, url: str, **wishes: Any) -> AsyncIterator[Visitor]:
    """Somebody with a fresh profile; `wishes` are Playwright's for a context (size, theme, touch)."""
    context = await browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", **wishes})
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(COUNT_SHIFTS + TELL_VIOLATIONS)
    came = Visitor(context, await context.new_page(), url)
    came._watch()
    try:
        yield came
    finally:
        await context.close()
