"""Where browsers report what our pages' content security policy has refused."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from serving import csp
from serving.bodies import read_body
from serving.csp import BrowserReport, CspReportBody
from serving.examples import EXAMPLES
from serving.openapi import SCHEMAS, problem_answers
from serving.routes.common import LatestState
from serving.view import V1

router = APIRouter(prefix=V1, tags=["operations"])

CSP_REPORTS: Final = f"{V1}/csp-reports"
BODY: Final[dict[str, Any]] = {
    "required": True,
    "description": "At most 64 KiB, and 100 reports.",
    "content": {
        csp.REPORT_URI: {
            "schema": {"$ref": SCHEMAS.format(name=CspReportBody.__name__)},
            "example": EXAMPLES[CspReportBody],
        },
        csp.REPORTING_API: {
            "schema": {
                "type": "array",
                "items": {"$ref": SCHEMAS.format(name=BrowserReport.__name__)},
                "maxItems": csp.MOST_REPORTS,
            },
            "example": [EXAMPLES[BrowserReport]],
        },
    },
}


@router.post(
    "/csp-reports",
    status_code=204,
    responses={204: {"description": "Taken in."}, **problem_answers(413, 422)},
    openapi_extra={"requestBody": BODY},
)
async def take_csp_reports(request: Request, latest: LatestState) -> Response:
    """What a browser was not allowed to load or run on our pages; browsers send it by themselves.

    Each is counted by its directive. 60 a minute at most are logged, with what was blocked and the page's path, no
    query and nothing of the client.
    """
    report_log: csp.ReportLog = request.app.state.report_log
    body = await read_body(request.stream(), limit=csp.MOST_BYTES)
    for each in csp.refused(body, media_type=request.headers.get("content-type", "")):
        latest.metrics.csp_report(each.directive.value)
        report_log.take(each, at=latest.clock.now())
    return Response(status_code=204)
