"""Browsers' reports of what our pages' content security policy has refused: their two forms, and what is kept of them.

Anybody can send one, so only names that the policy's own language has are told apart, and only addresses without what
may be secret in them are kept, and no more than so many a minute are logged. Counting is the route's business.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
import structlog
from msgspec import Meta

from serving.bodies import decoded
from serving.errors import BadRequest, Invalid

MOST_BYTES: Final = 64 * 1024
MOST_REPORTS: Final = 100
# Of an address, in a log.
MOST_CHARACTERS: Final = 200
# A page of ours that is refused something says it a few times; more is somebody who fills the log.
MOST_LOGGED: Final = 60
LOGGED_IN: Final = timedelta(minutes=1)

REPORT_URI: Final = "application/csp-report"
REPORTING_API: Final = "application/reports+json"
VIOLATION: Final = "csp-violation"
WHAT: Final = "a report as browsers send it"

log = structlog.get_logger()


class Directive(enum.Enum):
    """The directives of a policy (CSP level 3 and what browsers have beside it)."""

    BASE_URI = "base-uri"
    CHILD_SRC = "child-src"
    CONNECT_SRC = "connect-src"
    DEFAULT_SRC = "default-src"
    FONT_SRC = "font-src"
    FORM_ACTION = "form-action"
    FRAME_ANCESTORS = "frame-ancestors"
    FRAME_SRC = "frame-src"
    IMG_SRC = "img-src"
    MANIFEST_SRC = "manifest-src"
    MEDIA_SRC = "media-src"
    OBJECT_SRC = "object-src"
    REQUIRE_TRUSTED_TYPES_FOR = "require-trusted-types-for"
    SANDBOX = "sandbox"
    SCRIPT_SRC = "script-src"
    SCRIPT_SRC_ATTR = "script-src-attr"
    SCRIPT_SRC_ELEM = "script-src-elem"
    STYLE_SRC = "style-src"
    STYLE_SRC_ATTR = "style-src-attr"
    STYLE_SRC_ELEM = "style-src-elem"
    TRUSTED_TYPES = "trusted-types"
    WORKER_SRC = "worker-src"
    OTHER = "other"

    @classmethod
    def named(cls, text: str) -> Directive:
        """The one that the text begins with: older browsers report it with its sources."""
        name = (text.split(maxsplit=1) or [""])[0].lower()
        return cls(name) if name in _NAMES else cls.OTHER


_NAMES: Final = frozenset(directive.value for directive in Directive)


class CspReport(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """One violation, as CSP level 2 reports it."""

    document_uri: str = ""
    blocked_uri: str = ""
    effective_directive: str = ""
    violated_directive: str = ""


class CspReportBody(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """What a browser sends to a policy's `report-uri`; fields that are not named here are not read."""

    csp_report: CspReport


class CspViolation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One violation, as the Reporting API has it."""

    document_url: str | None = msgspec.field(default=None, name="documentURL")
    blocked_url: str | None = msgspec.field(default=None, name="blockedURL")
    effective_directive: str | None = None


class BrowserReport(msgspec.Struct, frozen=True, kw_only=True):
    """One report of the list that a browser sends to a policy's `report-to`; those of other types are passed over."""

    type: str
    body: CspViolation | None = None


REPORTS: Final[Any] = Annotated[tuple[BrowserReport, ...], Meta(max_length=MOST_REPORTS)]


class Refused(NamedTuple):
    """What is kept of a violation: the directive, what was blocked without its query, the path of our page."""

    directive: Directive
    blocked: str
    document: str


def refused(body: bytes, *, media_type: str) -> tuple[Refused, ...]:
    """The violations that a body of that type reports.

    Raises
    ------
    BadRequest
        If it is of another type, or not what browsers send under it.
    """
    kind = media_type.partition(";")[0].strip().lower()
    if kind == REPORT_URI:
        report = decoded(body, CspReportBody, what=WHAT).csp_report
        directive = report.effective_directive or report.violated_directive
        return (_refused(directive, report.blocked_uri, report.document_uri),)
    if kind == REPORTING_API:
        reports: tuple[BrowserReport, ...] = decoded(body, REPORTS, name="reports", what=WHAT)
        told = [report.body for report in reports if report.type == VIOLATION and report.body is not None]
        return tuple(_refused(each.effective_directive, each.blocked_url, each.document_url) for each in told)
    raise BadRequest(Invalid("content-type", repr(kind[:80]), f"{REPORT_URI} or {REPORTING_API}"))


class ReportLog:
    """Logs violations, `MOST_LOGGED` of them in each `LOGGED_IN`; how many were left out is said when that is over."""

    def __init__(self) -> None:
        self._until: datetime | None = None
        self._logged = 0
        self._left_out = 0

    def take(self, violation: Refused, *, at: datetime) -> None:
        """Log a violation that was reported at that time, if there is room for it."""
        if self._until is None or at >= self._until:
            if self._left_out:
                log.warning("csp_violations_left_out", number=self._left_out)
            self._until, self._logged, self._left_out = at + LOGGED_IN, 0, 0
        if self._logged == MOST_LOGGED:
            self._left_out += 1
            return
        self._logged += 1
        log.warning(
            "csp_violation",
            directive=violation.directive.value,
            blocked=violation.blocked,
            document=violation.document,
        )


def _refused(directive: str | None, blocked: str | None, document: str | None) -> Refused:
    return Refused(Directive.named(directive or ""), _address(blocked or ""), _path(document or ""))


def _address(text: str) -> str:
    """An address without user, query and fragment; of what is none, as ``inline`` or ``data:...``, the first word."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "unreadable"
    if parts.scheme not in ("http", "https", "ws", "wss"):
        return text.partition(":")[0][:MOST_CHARACTERS]
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:MOST_CHARACTERS]


def _path(text: str) -> str:
    try:
        return urlsplit(text).path[:MOST_CHARACTERS]
    except ValueError:
        return "unreadable"


# For the OpenAPI document.

CSP_EXAMPLES: Final[tuple[msgspec.Struct, ...]] = (
    CspReportBody(
        csp_report=CspReport(
            document_uri="https://example.org/",
            blocked_uri="https://elsewhere.example/script.js",
            effective_directive="script-src-elem",
            violated_directive="script-src-elem",
        )
    ),
    BrowserReport(
        type=VIOLATION,
        body=CspViolation(
            document_url="https://example.org/", blocked_url="inline", effective_directive="style-src-attr"
        ),
    ),
)
