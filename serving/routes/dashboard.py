"""The pages that a person opens: the dashboard at `/`, and the API's documentation at `/docs`.

Both are files that were built elsewhere; nothing is computed here. What they show they ask `/v1` for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from http import HTTPStatus
from importlib.resources import as_file, files
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from serving.bundle import INDEX, Bundle, StaticFile, static_file

router = APIRouter(include_in_schema=False)
# The framework's own `get` refuses HEAD, which is how a page's health is looked after.
page = partial(router.api_route, methods=["GET", "HEAD"])

# Nothing but our own: no other site's files, nothing written into the page itself, in no other site's frame.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "report-uri /v1/csp-reports",
    )
)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
NOT_BUILT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>stock-assets: no dashboard</title></head><body>
<h1>The dashboard has not been built</h1>
<p>In a checkout, <code>make bundle</code> builds it; then start the server again.</p>
<p>Everything that it would show is in the API: <a href="/docs">/docs</a>, <a href="/v1">/v1</a>.</p>
</body></html>
"""
DOCUMENTATION: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>stock-assets: REST</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/docs/swagger-ui.css">
<script defer src="/docs/swagger-ui-bundle.js"></script><script defer src="/docs/start.js"></script>
</head><body><main id="swagger-ui"></main></body></html>
"""
START: Final = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
});
"""
SWAGGER: Final = ("swagger-ui.css", "swagger-ui-bundle.js")


@page("/")
@page("/market")
@page("/market/{ticker}")
@page("/signals")
@page("/signals/{ticker}")
@page("/portfolio")
@page("/models")
@page("/models/{ticker}")
@page("/system")
@page("/system/{entry}")
@page("/playground")
async def get_page(request: Request) -> Response:
    """The dashboard: one document, whose script shows the page that the address names."""
    bundle: Bundle = request.app.state.bundle
    if INDEX not in bundle:
        return HTMLResponse(NOT_BUILT, status_code=503, headers=HEADERS)
    return _sent(bundle[INDEX], request)


@page("/assets/{name:path}")
async def get_asset(name: str, request: Request) -> Response:
    """A script, style or picture whose name changes with its content."""
    return _file(f"assets/{name}", request)


@page("/boot.js")
@page("/sw.js")
@page("/app.webmanifest")
@page("/icon.svg")
@page("/icon-192.png")
@page("/icon-512.png")
async def get_root_file(request: Request) -> Response:
    """What browsers look for under a name of its own."""
    return _file(request.url.path.removeprefix("/"), request)


@page("/docs")
async def get_documentation() -> Response:
    """Swagger UI, out of files of ours."""
    return HTMLResponse(DOCUMENTATION, headers={**HEADERS, "cache-control": "no-cache"})


@page("/docs/start.js")
async def get_start() -> Response:
    """What starts it, as a file: the policy lets nothing run that stands in the page."""
    return Response(START, media_type="text/javascript", headers={**HEADERS, "cache-control": "no-cache"})


@page("/docs/{name}")
async def get_documentation_file(name: str, request: Request) -> Response:
    """Swagger UI's own files."""
    if name not in SWAGGER:
        raise HTTPException(HTTPStatus.NOT_FOUND, headers=dict(HEADERS))
    return _sent(_swagger()[name], request)


def _file(name: str, request: Request) -> Response:
    bundle: Bundle = request.app.state.bundle
    if name not in bundle:
        raise HTTPException(HTTPStatus.NOT_FOUND, headers=dict(HEADERS))
    return _sent(bundle[name], request)


def _sent(file: StaticFile, request: Request) -> Response:
    accept, held = request.headers.get("accept-encoding", ""), request.headers.get("if-none-match")
    return file.response(accept=accept, held=held, headers=HEADERS)


@cache
def _swagger() -> Mapping[str, StaticFile]:
    """Read when they are asked for first: most servers never are."""
    found = {}
    for name in SWAGGER:
        with as_file(files("fastapi_offline") / "static" / name) as path:
            found[name] = static_file(name, path)
    return found
