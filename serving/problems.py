"""Errors as RFC 9457 ``application/problem+json``: the one place where an exception becomes an answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from quant.errors import QuantError
from quant.program import TimeLimit, Unsolvable
from serving.errors import (
    BadRequest,
    Busy,
    Impossible,
    Invalid,
    NotInRelease,
    NotReady,
    TooLarge,
    UnknownAuditEntry,
    UnknownTicker,
    invalid_in,
)

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 2

log = structlog.get_logger()


class InvalidPart(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the request that can't be used: its place, what was due and what came."""

    field: str
    value: str
    expected: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error (RFC 9457).

    `type` tells the kind apart for programs, `detail` says it to a person; `errors` names the unusable parts of the
    request, `known` the tickers that there are.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: tuple[InvalidPart, ...] = ()
    known: tuple[str, ...] = ()


def problem(
    request: Request,
    status: HTTPStatus,
    detail: str,
    *,
    kind: str | None = None,
    invalid: tuple[Invalid, ...] = (),
    known: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """The answer for an error; `kind` defaults to the status itself (``about:blank``)."""
    body = Problem(
        type=f"/problems/{kind}" if kind else "about:blank",
        title=kind.replace("-", " ").capitalize() if kind else status.phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        errors=tuple(InvalidPart(field=part.field, value=part.value, expected=part.expected) for part in invalid),
        known=known,
    )
    return Response(msgspec.json.encode(body), status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let every error of the application, ours or the framework's, be answered as a problem."""
    app.add_exception_handler(UnknownTicker, _unknown_ticker)
    app.add_exception_handler(UnknownAuditEntry, _unknown_audit_entry)
    app.add_exception_handler(NotReady, _not_ready)
    app.add_exception_handler(NotInRelease, _not_in_release)
    app.add_exception_handler(BadRequest, _bad_request)
    app.add_exception_handler(TooLarge, _too_large)
    app.add_exception_handler(Impossible, _impossible)
    app.add_exception_handler(Busy, _busy)
    app.add_exception_handler(TimeLimit, _time_limit)
    app.add_exception_handler(Unsolvable, _unsolvable)
    app.add_exception_handler(QuantError, _beyond_the_mathematics)
    app.add_exception_handler(RequestValidationError, _refused_by_the_framework)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _unknown_ticker(request: Request, error: Exception) -> Response:
    known = error.known if isinstance(error, UnknownTicker) else ()
    return problem(request, HTTPStatus.NOT_FOUND, str(error), kind="unknown-ticker", known=known)


async def _unknown_audit_entry(request: Request, error: Exception) -> Response:
    return problem(request, HTTPStatus.NOT_FOUND, str(error), kind="unknown-audit-entry")


async def _not_ready(request: Request, error: Exception) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error), kind="not-ready", headers=headers)


async def _not_in_release(request: Request, error: Exception) -> Response:
    return problem(request, HTTPStatus.NOT_FOUND, str(error), kind="not-in-release")


async def _bad_request(request: Request, error: Exception) -> Response:
    invalid = error.invalid if isinstance(error, BadRequest) else ()
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, str(error), kind="invalid-request", invalid=invalid)


async def _too_large(request: Request, error: Exception) -> Response:
    return problem(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error), kind="too-large")


async def _impossible(request: Request, error: Exception) -> Response:
    invalid = error.conflicting if isinstance(error, Impossible) else ()
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, str(error), kind="infeasible", invalid=invalid)


async def _busy(request: Request, error: Exception) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error), kind="busy", headers=headers)


async def _unsolvable(request: Request, error: Exception) -> Response:
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, str(error), kind="unsolvable")


async def _time_limit(request: Request, error: Exception) -> Response:
    # Nobody is told to try again: the same request takes as long the next time.
    return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error), kind="time-limit")


async def _beyond_the_mathematics(request: Request, error: Exception) -> Response:
    invalid = invalid_in(str(error))
    return problem(
        request,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        str(error),
        kind="invalid-request",
        invalid=(invalid,) if invalid else (),
    )


async def _refused_by_the_framework(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    return await _bad_request(request, BadRequest(*(_invalid(part) for part in found)))


def _invalid(part: Any) -> Invalid:
    """pydantic's account of an error in our words."""
    place = ".".join(str(step) for step in part["loc"][1:]) or str(part["loc"][0])
    expected = str(part["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    return Invalid(field=place, value=repr(part.get("input"))[:80], expected=expected)


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    details = {
        HTTPStatus.NOT_FOUND: f"path: expected one that /openapi.json lists, got {request.url.path}",
        HTTPStatus.METHOD_NOT_ALLOWED: f"method: expected one that {request.url.path} allows, got {request.method}",
    }
    headers = dict(error.headers) if error.headers else None
    return problem(request, status, details.get(status, str(error.detail)), headers=headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, error=repr(error))
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log says why")
