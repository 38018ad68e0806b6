"""The pages and their files over HTTP: one document for all, a policy on everything, words where nothing is built."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from serving.bundle import load

pytestmark = pytest.mark.anyio

PAGES = (
    "/",
    "/market",
    "/market/AAPL",
    "/market/NOPE",
    "/signals",
    "/signals/AAPL",
    "/portfolio",
    "/models",
    "/models/BRK.B",
    "/system",
    "/system/17",
    "/playground",
)
DOCUMENT = "<!doctype html><title>ours</title>"
SCRIPT = "/assets/index-0a1b2c3d.js"
FILES = ("/boot.js", "/sw.js", "/app.webmanifest", "/icon.svg", "/icon-192.png", "/icon-512.png")
DOCUMENTATION = ("/docs", "/docs/start.js", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js")


@pytest.fixture
def bundled(app, tmp_path: Path):
    """The application with a small bundle in place of the built one."""
    for name in (SCRIPT, *FILES):
        path = tmp_path / name.removeprefix("/")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "index.html").write_text(DOCUMENT)
    (tmp_path / "index.html.br").write_bytes(b"brotli's")
    app.state.bundle = load(tmp_path)
    return app


@pytest.fixture
def unbuilt(app):
    """The application where nothing has been built."""
    app.state.bundle = {}
    return app


def policy(response) -> dict[str, str]:
    """The directives of an answer's content security policy."""
    told = response.headers["content-security-policy"].split("; ")
    return {name: sources for name, _, sources in (directive.partition(" ") for directive in told)}


@pytest.mark.usefixtures("bundled")
@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_the_same_document(client, path):
    response = await client.get(path, headers={"accept-encoding": "identity"})

    assert response.status_code == 200
    assert response.text == DOCUMENT
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"


@pytest.mark.usefixtures("bundled")
@pytest.mark.parametrize("path", [*PAGES, SCRIPT, *FILES, *DOCUMENTATION])
async def test_head_tells_what_get_would(client, path):
    told = await client.head(path)
    got = await client.get(path)

    assert told.status_code == 200
    assert told.headers == got.headers


@pytest.mark.usefixtures("bundled")
@pytest.mark.parametrize("path", [*PAGES, SCRIPT, *FILES, *DOCUMENTATION, "/assets/nothing.js", "/docs/nothing.js"])
async def test_a_page_may_load_and_ask_nobody_but_us(client, path):
    response = await client.get(path)

    told = policy(response)
    assert told["default-src"] == "'none'"
    assert {told[name] for name in ("script-src", "style-src", "connect-src", "worker-src")} == {"'self'"}
    assert told["frame-ancestors"] == told["base-uri"] == told["form-action"] == "'none'"
    assert told["report-uri"] == "/v1/csp-reports"
    assert not re.search(r"unsafe|\*|https?:", response.headers["content-security-policy"])
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.usefixtures("bundled")
@pytest.mark.parametrize("path", ["/nope", "/market/AAPL/more", "/portfolio/AAPL", "/index.html", "/dist/index.html"])
async def test_a_page_that_is_none_is_a_problem(client, path):
    response = await client.get(path)

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["instance"] == path


@pytest.mark.usefixtures("bundled")
@pytest.mark.parametrize(
    "path",
    [
        "/assets/nothing.js",
        "/assets/",
        "/assets/..%2f..%2fbundle.py",
        "/assets/%2e%2e/%2e%2e/bundle.py",
        "/assets/..%5c..%5cbundle.py",
        "/assets/%2fetc%2fpasswd",
        "/assets/index-0a1b2c3d.js%00",
        "/docs/..%2fdashboard.py",
        "/docs/redoc.standalone.js",
    ],
)
async def test_no_path_leads_to_another_file(client, path):
    response = await client.get(path)

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.usefixtures("bundled")
async def test_a_page_that_a_browser_holds_is_not_sent_again(client):
    first = await client.get("/market", headers={"accept-encoding": "identity"})

    again = await client.get("/signals", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert "content-security-policy" in again.headers


@pytest.mark.usefixtures("bundled")
async def test_scripts_are_kept_for_ever_and_the_worker_is_asked_for_again(client):
    script, worker = await client.get(SCRIPT), await client.get("/sw.js")

    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert worker.headers["cache-control"] == "no-cache"
    assert script.headers["content-type"] == worker.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.usefixtures("unbuilt")
@pytest.mark.parametrize("path", PAGES)
async def test_where_nothing_is_built_a_page_says_what_to_do(client, path):
    response = await client.get(path)

    assert response.status_code == 503
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "make bundle" in response.text
    assert 'href="/docs"' in response.text
    assert policy(response)["default-src"] == "'none'"


@pytest.mark.usefixtures("unbuilt")
async def test_where_nothing_is_built_the_api_answers_all_the_same(client):
    assert (await client.get("/v1/predictions/AAPL")).status_code == 200
    assert (await client.get("/docs")).status_code == 200
    assert (await client.get(SCRIPT)).status_code == 404


async def test_the_documentation_loads_our_own_files_only(client):
    page = (await client.get("/docs")).text

    assert set(re.findall(r'(?:src|href)="([^"]+)"', page)) == {*DOCUMENTATION[1:], "data:,"}
    assert not re.search(r"<script[^>]*>[^<]|<style|style=|\son\w+=", page)


async def test_the_documentation_s_files_are_compressed_on_the_way_or_not_but_whole(client):
    script = await client.get("/docs/swagger-ui-bundle.js")

    assert b"SwaggerUIBundle" in script.content
    assert len(script.content) > 1_000_000


async def test_pages_are_no_part_of_the_api_s_document(client):
    paths = (await client.get("/openapi.json")).json()["paths"]

    assert not {path for path in paths if path in PAGES or path.startswith(("/docs", "/assets"))}
