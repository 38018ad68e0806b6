"""One live system of real processes and one real browser for all of these tests; each test has visitors of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import dashboard_build
import httpx
import pytest
import real_browser
from live_system import LiveSystem, live_system
from playwright.async_api import Browser
from real_browser import Visitor

AXE = dashboard_build.SOURCES / "node_modules" / "axe-core" / "axe.min.js"
VIOLATIONS = """
axe.run({ resultTypes: ["violations"] }).then(({ violations }) =>
  violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 150)).slice(0, 3).join(" | ")}`))
"""
# A session in 6 s: prices move several times a second, and signals change while one waits.
SPEED = 3_900.0

Visit = Callable[..., Awaitable[Visitor]]
Inspect = Callable[[Visitor], Awaitable[list[str]]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """One loop for the system, the browser and the tests."""
    return "asyncio"


@pytest.fixture(scope="session")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:  # noqa: ARG001
    """Chromium, or a skip that says what is missing."""
    if real_browser.program() is None:
        pytest.skip(f"no Chromium: install one, or name it in {real_browser.GIVEN}")
    async with real_browser.chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
async def system(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveSystem]:  # noqa: ARG001
    """Valkey, feed, engines and gateway, serving the bundle of the sources as they are; who breaks it mends it."""
    dashboard_build.bundle()
    async with live_system(tmp_path_factory.mktemp("dashboard"), speed=SPEED) as system:
        yield system


@pytest.fixture
async def visit(browser: Browser, system: LiveSystem) -> AsyncIterator[Visit]:
    """Lets somebody come; whatever goes wrong in their browser, or is refused by our policy, fails the test."""
    async with contextlib.AsyncExitStack() as visits:
        came: list[Visitor] = []

        async def visit(path: str | None = "/", *, url: str = system.url, **wishes: Any) -> Visitor:
            visitor = await visits.enter_async_context(real_browser.visitor(browser, url, **wishes))
            came.append(visitor)
            if path is not None:
                await visitor.go(path)
            return visitor

        yield visit
        assert [complaint for visitor in came for complaint in visitor.unexpected()] == []
    assert refused_by_policy(system) == 0


@pytest.fixture
def inspect() -> Inspect:
    """What axe-core finds on a page that keeps people out."""

    async def inspect(visitor: Visitor) -> list[str]:
        await visitor.page.evaluate(AXE.read_text())
        found: list[str] = await visitor.page.evaluate(VIOLATIONS)
        return found

    return inspect


def refused_by_policy(system: LiveSystem) -> float:
    """How many violations browsers have reported."""
    with contextlib.suppress(httpx.TransportError):
        lines = httpx.get(f"{system.url}/metrics", trust_env=False).text.splitlines()
        counts = [line for line in lines if line.startswith("stock_assets_csp_reports_total")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in counts)
    return 0.0


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """Where a visitor's downloads are kept."""
    return tmp_path
