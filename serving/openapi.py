"""The OpenAPI document: the types we encode with are the types it shows, each with an example."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serving import problems
from serving.answers import AGE_HEADER, JSON
from serving.examples import EXAMPLES
from serving.problems import Problem
from serving.records import SentBar

SCHEMAS: Final = "#/components/schemas/{name}"
REASONS: Final = {
    404: "No such ticker (`known` names those that there are), no such entry, or nothing of the kind in this release.",
    413: "The body is larger than the limit.",
    422: "Parts of the request can't be used; `errors` names each with its value and what was expected.",
    503: "No release yet, too much to do, no audit log to read, or (`/readyz`) told to stop; `detail` says which.",
}
TAGS: Final = [
    {"name": "predictions", "description": "Predictive distributions of the next return, out of what has closed."},
    {"name": "signals", "description": "BUY, SELL or HOLD with a calibrated confidence and the reason."},
    {
        "name": "portfolio",
        "description": "The week's weights, what they were made of and have earned; weights and orders of your own.",
    },
    {"name": "models", "description": "Versions, lineage, and out-of-sample scores beside their baselines."},
    {"name": "prices", "description": "Tickers and their bars."},
    {
        "name": "audit",
        "description": "What was said live and what came of it, and the way from there back to the bars.",
    },
    {"name": "operations", "description": "Health, readiness, metrics, and what is being served."},
]


def answers(kind: type, *failures: int, cached: bool = True) -> dict[int | str, dict[str, Any]]:
    """A route's ``responses``: `kind` with its example, and a problem for each status of `failures`."""
    content = {"schema": {"$ref": SCHEMAS.format(name=kind.__name__)}, "example": EXAMPLES[kind]}
    found: dict[int | str, dict[str, Any]] = {
        200: {"description": (kind.__doc__ or "").split("\n")[0], "content": {JSON: content}}
    }
    return (_cached(found) if cached else found) | problem_answers(*failures)


def json_body(kind: type, description: str) -> dict[str, Any]:
    """A route's ``openapi_extra``: a body of a `kind`, with its example."""
    content = {"schema": {"$ref": SCHEMAS.format(name=kind.__name__)}, "example": EXAMPLES[kind]}
    return {"requestBody": {"required": True, "description": description, "content": {JSON: content}}}


def text_answers(media_type: str, description: str, *failures: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that sends ready text."""
    content = {media_type: {"schema": {"type": "string"}}}
    return _cached({200: {"description": description, "content": content}}) | problem_answers(*failures)


def _cached(responses: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """The responses of a route whose 200 is ready bytes (`serving.answers.Answer`)."""
    headers = {
        AGE_HEADER.title(): {
            "description": "Seconds since the numbers were made: since the release was published, "
            "or since the live message came.",
            "schema": {"type": "integer", "minimum": 0},
        },
        "ETag": {"description": "For `If-None-Match`.", "schema": {"type": "string"}},
    }
    return {
        200: {**responses[200], "headers": headers},
        304: {"description": "The bytes of the `If-None-Match` tag still hold."},
    }


def problem_answers(*failures: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, by status."""
    return {
        status: {
            "description": REASONS.get(status, HTTPStatus(status).phrase),
            "content": {problems.MEDIA_TYPE: {"schema": {"$ref": SCHEMAS.format(name="Problem")}}},
        }
        for status in failures
    }


def install(app: FastAPI) -> None:
    """Let the application's document carry our own schemas."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas.update(_schemas([*EXAMPLES, Problem, SentBar]))
    for path in document["paths"].values():
        for operation in path.values():
            _problems_only(operation)
    return document


def _schemas(kinds: Iterable[type]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components(kinds, ref_template=SCHEMAS)
    return components


def _problems_only(operation: dict[str, Any]) -> None:
    """Replace the framework's own shape of a 422, which no route of ours ever answers with."""
    refused = operation.get("responses", {}).get("422")
    if refused and JSON in refused.get("content", {}):
        operation["responses"]["422"] = problem_answers(422)[422]
