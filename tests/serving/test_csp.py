"""What browsers report of the content security policy: counted by directive, logged without what may be secret."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from release.clock import FixedClock
from serving.app import create_app
from serving.csp import LOGGED_IN, MOST_BYTES, MOST_LOGGED, MOST_REPORTS, Directive, refused
from serving.settings import ServerSettings

pytestmark = pytest.mark.anyio

PATH = "/v1/csp-reports"
OLD = {"content-type": "application/csp-report"}
NEW = {"content-type": "application/reports+json"}
# As Firefox 128 and Chromium 130 send them, but for the addresses.
FROM_FIREFOX = {
    "csp-report": {
        "blocked-uri": "https://elsewhere.example/track.js?who=me",
        "column-number": 7,
        "disposition": "enforce",
        "document-uri": "https://example.org/models/AAPL?token=secret#part",
        "effective-directive": "script-src-elem",
        "original-policy": "default-src 'self'; report-uri /v1/csp-reports",
        "referrer": "https://mail.example/inbox",
        "source-file": "https://example.org/models/AAPL",
        "status-code": 200,
        "violated-directive": "script-src-elem",
    }
}
FROM_CHROMIUM = [
    {
        "age": 53531,
        "body": {
            "blockedURL": "inline",
            "columnNumber": 1,
            "disposition": "enforce",
            "documentURL": "https://example.org/",
            "effectiveDirective": "style-src-attr",
            "originalPolicy": "default-src 'self'; report-to csp",
            "referrer": "",
            "sample": "",
            "statusCode": 200,
        },
        "type": "csp-violation",
        "url": "https://example.org/",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
    },
    {"age": 1, "body": {"id": "PrefixedStorageInfo"}, "type": "deprecation", "url": "https://example.org/"},
]


async def counted(client) -> dict[str, float]:
    """Reports by directive."""
    text = (await client.get("/metrics")).text
    rows = (line for line in text.splitlines() if line.startswith("stock_assets_csp_reports_total{"))
    return {row.partition('"')[2].partition('"')[0]: float(row.rpartition(" ")[2]) for row in rows}


async def test_a_report_of_each_form_is_logged_in_one_line_and_counted(client):
    with capture_logs() as lines:
        old = await client.post(PATH, headers=OLD, content=json.dumps(FROM_FIREFOX))
        new = await client.post(PATH, headers=NEW, content=json.dumps(FROM_CHROMIUM))

    assert [(answer.status_code, answer.content) for answer in (old, new)] == [(204, b"")] * 2
    assert lines == [
        {
            "event": "csp_violation",
            "log_level": "warning",
            "directive": "script-src-elem",
            "blocked": "https://elsewhere.example/track.js",
            "document": "/models/AAPL",
        },
        {
            "event": "csp_violation",
            "log_level": "warning",
            "directive": "style-src-attr",
            "blocked": "inline",
            "document": "/",
        },
    ]
    assert await counted(client) == {"script-src-elem": 1.0, "style-src-attr": 1.0}


async def test_a_directive_that_no_policy_has_makes_no_series_of_its_own(client):
    for name in ("x" * 1_000, "script-src\u0000", "", "SCRIPT-SRC 'self' https:"):
        report = {"csp-report": {"violated-directive": name}}
        assert (await client.post(PATH, headers=OLD, content=json.dumps(report))).status_code == 204

    assert await counted(client) == {"other": 3.0, "script-src": 1.0}


@pytest.mark.parametrize(
    ("blocked", "kept"),
    [
        ("https://ann:secret@elsewhere.example:8443/a/b.png?q=1#f", "https://elsewhere.example:8443/a/b.png"),
        ("wss://elsewhere.example", "wss://elsewhere.example"),
        ("inline", "inline"),
        ("data", "data"),
        ("data:text/html,secret", "data"),
        ("blob:https://example.org/1", "blob"),
        ("https://[bad/", "unreadable"),
        ("", ""),
        ("https://elsewhere.example/" + "a" * 1_000, "https://elsewhere.example/" + "a" * 174),
    ],
)
def test_of_what_was_blocked_only_its_place_is_kept(blocked, kept):
    body = json.dumps({"csp-report": {"blocked-uri": blocked, "document-uri": blocked}}).encode()

    (found,) = refused(body, media_type="application/csp-report; charset=utf-8")

    assert found.blocked == kept
    assert "secret" not in found.document or blocked.startswith("data:")
    assert len(found.document) <= 200


@pytest.mark.parametrize("directive", [each for each in Directive if each is not Directive.OTHER])
def test_every_directive_is_known_by_its_name(directive):
    body = json.dumps({"csp-report": {"effective-directive": directive.value}}).encode()

    assert refused(body, media_type="application/csp-report")[0].directive is directive


@pytest.mark.parametrize(
    ("headers", "body", "field"),
    [
        (OLD, b"", "body"),
        (OLD, b"{", "body"),
        (OLD, b"[]", "body"),
        (OLD, b"{}", "csp-report"),
        (OLD, b'{"csp-report": []}', "csp-report"),
        (OLD, b'{"csp-report": {"blocked-uri": 3}}', "csp-report.blocked-uri"),
        (NEW, b"{}", "reports"),
        (NEW, b'[{"type": "csp-violation", "body": 3}]', "reports[0].body"),
        (NEW, json.dumps([{"type": "csp-violation"}] * (MOST_REPORTS + 1)).encode(), "reports"),
        ({"content-type": "application/json"}, json.dumps(FROM_FIREFOX).encode(), "content-type"),
        ({}, json.dumps(FROM_FIREFOX).encode(), "content-type"),
    ],
)
async def test_what_no_browser_sends_is_named_and_neither_logged_nor_counted(client, headers, body, field):
    with capture_logs() as lines:
        answer = await client.post(PATH, headers=headers, content=body)

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")
    assert [part["field"] for part in answer.json()["errors"]] == [field]
    assert lines == []
    assert await counted(client) == {}


async def test_who_floods_us_with_reports_does_not_flood_the_log(published_home, connect):
    clock = FixedClock(datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC))
    app = create_app(ServerSettings(home=published_home), clock=clock)
    flood = json.dumps(FROM_CHROMIUM[:1] * MOST_REPORTS)

    async with app.router.lifespan_context(app), connect(app) as client:
        with capture_logs() as lines:
            for _ in range(3):
                await client.post(PATH, headers=NEW, content=flood)
        with capture_logs() as later:
            clock.at += LOGGED_IN
            await client.post(PATH, headers=OLD, content=json.dumps(FROM_FIREFOX))
        told = await counted(client)

    assert [line["event"] for line in lines] == ["csp_violation"] * MOST_LOGGED
    assert [line["event"] for line in later] == ["csp_violations_left_out", "csp_violation"]
    assert later[0]["number"] == 3 * MOST_REPORTS - MOST_LOGGED
    # What is not logged is counted all the same.
    assert told == {"style-src-attr": 3.0 * MOST_REPORTS, "script-src-elem": 1.0}


async def test_a_body_over_the_limit_is_refused(client):
    answer = await client.post(PATH, headers=OLD, content=b" " * (MOST_BYTES + 1))

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


async def test_the_examples_of_the_document_are_taken_in(client):
    operation = (await client.get("/openapi.json")).json()["paths"][PATH]["post"]

    for media_type, content in operation["requestBody"]["content"].items():
        answer = await client.post(PATH, headers={"content-type": media_type}, content=json.dumps(content["example"]))
        assert answer.status_code == 204

    assert await counted(client) == {"script-src-elem": 1.0, "style-src-attr": 1.0}
