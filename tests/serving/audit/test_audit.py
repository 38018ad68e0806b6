"""From a served number back to the bars: what the audit log answers with over REST."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

import msgspec
import numpy as np
import psycopg
import pytest
from audit_records import mixed
from intruder import Intruder
from real_release import AS_OF, publish_release
from shared_data import sample_bars

from quant.bars import log_returns
from quant.features import WINDOW
from release.audit import AuditLog, Kind
from release.store import Store
from release.tables import digest
from serving.app import create_app
from serving.audit.reader import MOST_WAITING
from serving.audit.records import AuditTrail
from serving.live.feeds.replay import Replay
from serving.live.floor import Floor
from serving.live.status import Counts
from serving.settings import ServerSettings

pytestmark = pytest.mark.anyio

SESSIONS = 4
PLAYED = "2012-03-07"
TICKERS = ("AAPL", "IBM")


@pytest.fixture(scope="module")
def audited_home(published_home, tmp_path_factory) -> Path:
    """The published home, with the log of `SESSIONS` sessions played after it; not to be changed."""
    home = Path(shutil.copytree(published_home, tmp_path_factory.mktemp("audited") / "home"))
    release = Store(home / "releases").load()
    later = {ticker: sample_bars(ticker).after(AS_OF)[:SESSIONS] for ticker in release.tickers}
    market = Replay(later, dict.fromkeys(later, release.calendars["XNYS"]), 7)
    with AuditLog.open(home / "audit" / "audit.sqlite3") as audit:
        floor = Floor(release, audit, Counts(), audit_every=50)
        for event in market.events(market="m"):
            floor.take(event)
            floor.say()
    return home


@pytest.fixture
def home(audited_home, tmp_path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(audited_home, tmp_path / "home"))


@pytest.fixture
async def client(audited_home, start, connect):
    """A client of the application on it."""
    async with start(audited_home) as app, connect(app) as client:
        yield client


def entries_of(home: Path, **which) -> list:
    """The log's own entries, oldest first."""
    with AuditLog.open(home / "audit" / "audit.sqlite3", read_only=True) as log:
        return log.entries(limit=10_000, **which)[::-1]


async def trail(client, audit_id: int) -> dict:
    answer = await client.get(f"/v1/audit/{audit_id}")
    assert answer.status_code == 200, answer.text
    # As the document shows it: nothing more, nothing less.
    assert msgspec.json.encode(msgspec.json.decode(answer.content, type=AuditTrail)) == answer.content
    return answer.json()


# One entry.


async def test_an_entry_answers_with_what_it_says_and_its_place_in_the_chain(client, audited_home):
    entries = entries_of(audited_home)
    second, third = entries[1], entries[2]

    found = await trail(client, second.id)

    assert (found["audit_id"], found["kind"]) == (second.id, second.kind)
    assert found["place"] == {
        "previous_sha256": entries[0].sha256,
        "sha256": second.sha256,
        "next_sha256": third.sha256,
        "newest": len(entries),
        "recorded_at": second.recorded_at,
        "term": 0,
        "genuine": True,
    }


@pytest.mark.parametrize("ticker", TICKERS)
async def test_a_signal_at_a_close_leads_to_its_forecast_and_what_came_of_it(client, audited_home, ticker):
    bars = sample_bars(ticker)
    first = len(bars.through(AS_OF))
    closes = [
        entry
        for entry in entries_of(audited_home, ticker=ticker, kind=Kind.SIGNAL)
        if '"provisional":false' in entry.body
    ]

    found = [await trail(client, entry.id) for entry in closes]

    sessions = bars.session[first : first + SESSIONS].astype(str).tolist()
    assert [each["signal"]["session"] for each in found] == sessions
    assert [each["forecast"]["session"] for each in found] == sessions
    assert [each["outcome"]["realised"] for each in found[:-1]] == log_returns(bars)[
        first + 1 : first + SESSIONS
    ].tolist()
    assert (found[-1]["outcome"], found[-1]["outcome_entry"]) == (None, None)
    for each in found[:-1]:
        forecast, outcome = each["forecast_entry"], each["outcome_entry"]
        assert (await trail(client, forecast["audit_id"]))["forecast"] == each["forecast"]
        assert (await client.get(outcome["path"])).json()["forecast_entry"] == forecast


async def test_an_entry_leads_to_the_release_the_model_and_the_bars_it_came_from(client, audited_home):
    manifest = Store(audited_home / "releases").load().manifest
    (newest,) = entries_of(audited_home, ticker="AAPL", kind=Kind.FORECAST)[-1:]

    found = await trail(client, newest.id)

    assert found["release"] == {
        "release_id": manifest.release_id,
        "in_force": True,
        "as_of": str(AS_OF),
        "published_at": manifest.created_at,
        "model_card": "/v1/model-card",
    }
    lineage = next(each for each in manifest.tickers if each.ticker == "AAPL")
    assert {name: getattr(lineage, name) for name in found["lineage"]} == found["lineage"]
    assert (found["forecast"]["dagster_run_id"], found["forecast"]["mlflow_run_id"]) == (
        lineage.dagster_run_id,
        lineage.mlflow_run_id,
    )
    shown = sample_bars("AAPL").through(np.datetime64(newest.session))[-WINDOW:]
    assert found["inputs"] == {"sha256": digest(shown), "bars": WINDOW, "last_session": newest.session, "found": None}


async def test_a_prediction_during_a_session_leads_to_its_release_but_to_no_bars_that_were_final(client, audited_home):
    sampled = entries_of(audited_home, kind=Kind.PREDICTION)
    assert sampled

    found = await trail(client, sampled[0].id)

    assert found["prediction"]["ticker"] == sampled[0].ticker
    assert (found["forecast"], found["outcome"], found["inputs"]["found"]) == (None, None, None)
    assert found["release"]["in_force"] is True


async def test_the_signals_of_a_ticker_lead_from_one_to_the_next_and_back(client, audited_home):
    numbers = [entry.id for entry in entries_of(audited_home, ticker="IBM", kind=Kind.SIGNAL)]

    walked = [await trail(client, numbers[0])]
    while walked[-1]["later"]:
        walked.append((await client.get(walked[-1]["later"]["path"])).json())

    assert [each["audit_id"] for each in walked] == numbers
    assert [each["earlier"] and each["earlier"]["audit_id"] for each in walked] == [None, *numbers[:-1]]


# Releases come and go.


async def test_a_later_release_says_whether_it_still_has_the_bars_that_were_shown(home, start, connect):
    before = Store(home / "releases").current()
    publish_release(home / "releases", as_of=PLAYED)
    (first,) = entries_of(home, ticker="AAPL", kind=Kind.FORECAST)[:1]

    async with start(home) as app, connect(app) as client:
        found = await trail(client, first.id)

    assert (found["release"]["release_id"], found["release"]["in_force"]) == (before, False)
    assert (found["release"]["as_of"], found["release"]["model_card"]) == (str(AS_OF), None)
    assert found["lineage"]["last_session"] == str(AS_OF)
    assert found["inputs"]["found"] is True


async def test_what_was_made_from_a_release_that_is_gone_says_so(home, start, connect):
    before = Store(home / "releases").current()
    publish_release(home / "releases", as_of=PLAYED)
    shutil.rmtree(home / "releases" / before)

    async with start(home) as app, connect(app) as client:
        found = await trail(client, entries_of(home, kind=Kind.FORECAST)[0].id)

    assert found["release"] == {
        "release_id": before,
        "in_force": False,
        "as_of": None,
        "published_at": None,
        "model_card": None,
    }
    assert found["lineage"] is None


async def test_the_log_is_read_before_there_is_a_release(home, start, connect):
    shutil.rmtree(home / "releases")

    async with start(home) as app, connect(app) as client:
        assert (await trail(client, 1))["place"]["genuine"] is True


# A log that somebody was at.


@pytest.mark.parametrize(
    ("statement", "asked"),
    [
        ("UPDATE audit_entries SET body = body || ' ' WHERE id = 5", 5),
        ("UPDATE audit_entries SET body = 'nonsense' WHERE id = 5", 5),
        ("UPDATE audit_entries SET term = 9 WHERE id = 5", 6),
        ("DELETE FROM audit_entries WHERE id = 5", 6),
        ("UPDATE audit_entries SET previous = 'x' WHERE id = 5", 4),
    ],
)
async def test_an_entry_that_was_tampered_with_and_its_neighbours_are_not_genuine(
    home, start, connect, statement, asked
):
    with contextlib.closing(Intruder(home / "audit" / "audit.sqlite3")) as intruder, intruder.unseen():
        intruder.do(statement)

    async with start(home) as app, connect(app) as client:
        assert (await trail(client, asked))["place"]["genuine"] is False


async def test_a_log_that_can_not_be_read_is_told_without_where_it_is(home, start, connect):
    (home / "audit" / "audit.sqlite3").write_bytes(b"no database at all, but as long as one would be" * 100)

    async with start(home) as app, connect(app) as client:
        answer = await client.get("/v1/audit/1")

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")
    assert str(home) not in answer.text


# What is asked for and isn't there.


async def test_an_entry_that_is_not_there_is_a_problem_of_its_own(client):
    answer = await client.get("/v1/audit/1000000")

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-audit-entry")
    assert answer.json()["detail"] == "audit_id: expected an entry of the audit log, got 1000000"


async def test_before_the_live_engine_has_ever_run_there_is_no_entry(published_home, start, connect):
    async with start(published_home) as app, connect(app) as client:
        assert (await client.get("/v1/audit/1")).status_code == 404
        assert (await client.get("/v1/audit")).json() == {"entries": [], "next": None}


@pytest.mark.parametrize("rest", ["/0", "/-1", f"/{2**63}", "/first", "?kind=tick", "?limit=0", "?before=0"])
async def test_what_makes_no_sense_is_named(client, rest):
    answer = await client.get(f"/v1/audit{rest}")

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


# The list.


async def test_the_list_is_paged_from_the_newest_on(client, audited_home):
    paged, before = [], ""
    while before is not None:
        page = (await client.get(f"/v1/audit?limit=7{before}")).json()
        paged += [row["audit_id"] for row in page["entries"]]
        before = page["next"] and f"&before={page['next']}"

    assert paged == [entry.id for entry in entries_of(audited_home)][::-1]


async def test_the_list_can_be_of_one_ticker_alone(client, audited_home):
    numbers = [entry.id for entry in entries_of(audited_home) if entry.ticker == "AAPL"][::-1]

    first = (await client.get("/v1/audit?ticker=AAPL&limit=5")).json()
    rest = (await client.get(f"/v1/audit?ticker=AAPL&before={first['next']}")).json()

    assert [row["audit_id"] for row in first["entries"] + rest["entries"]] == numbers


async def test_the_list_can_be_of_one_ticker_and_one_kind(client, audited_home):
    found = (await client.get("/v1/audit?ticker=IBM&kind=outcome")).json()

    assert [row["audit_id"] for row in found["entries"]] == [
        entry.id for entry in entries_of(audited_home, ticker="IBM", kind=Kind.OUTCOME)
    ][::-1]
    assert {(row["ticker"], row["kind"]) for row in found["entries"]} == {("IBM", "outcome")}
    assert found["next"] is None


# A database elsewhere.


@pytest.fixture
async def on_postgres(published_home, postgres, connect):
    """A client of an application whose audit log is in PostgreSQL, and where that is."""
    where = postgres.fresh()
    with AuditLog.open(where) as log:
        log.append(mixed(6))
    app = create_app(ServerSettings(home=published_home, audit_url=where))
    async with app.router.lifespan_context(app), connect(app) as client:
        yield client, where


async def test_the_log_may_be_in_postgres(on_postgres):
    client, _ = on_postgres

    assert (await trail(client, 3))["place"]["genuine"] is True
    assert [row["audit_id"] for row in (await client.get("/v1/audit")).json()["entries"]] == [6, 5, 4, 3, 2, 1]


async def test_a_database_that_takes_its_time_keeps_nobody_else_waiting(on_postgres):
    client, where = on_postgres
    with psycopg.connect(where) as connection:
        connection.execute("LOCK TABLE audit_entries IN ACCESS EXCLUSIVE MODE")
        asked = [asyncio.create_task(client.get("/v1/audit/3")) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)

        assert (await client.get("/livez")).status_code == 200
        refused = await client.get("/v1/audit/3")
        assert not any(task.done() for task in asked)
        connection.rollback()

        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/busy")
        assert {(await task).status_code for task in asked} == {200}
