"""What is appended is there for good, once, in order; what can't be appended is told, and nothing of it is there."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import uuid
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import numpy as np
import psycopg
import pytest
from audit_records import forecast, mixed, outcome, prediction, signal
from intruder import Intruder
from real_postgres import RealPostgres

from release.audit import AuditLog, Receipt, sqlite
from release.audit.chain import GENESIS
from release.clock import FixedClock
from release.errors import AuditFailed, AuditFenced, AuditHeld

NIL = Receipt(0, GENESIS)


def restarted(where):
    """The same log, opened by another process that knows nothing of this one's."""
    return AuditLog.open(where)


# Appending.


def test_what_was_appended_is_there_after_a_restart(where):
    records = [signal(), prediction(), forecast()]
    with AuditLog.open(where) as log:
        receipts = log.append(records)

    with restarted(where) as log:
        found = [log.entry(receipt.audit_id) for receipt in receipts]

    assert [entry.receipt for entry in found] == list(receipts)
    assert [entry.kind for entry in found] == ["signal", "prediction", "forecast"]
    assert [msgspec.json.decode(entry.body, type=type(r)) for entry, r in zip(found, records, strict=True)] == records


def test_entries_are_numbered_without_a_gap_and_each_follows_the_hash_before_it(log):
    log.append([signal(0), signal(1)])
    log.append([signal(2)])

    entries = [log.entry(number) for number in (1, 2, 3)]

    assert [entry.previous for entry in entries] == [GENESIS, entries[0].sha256, entries[1].sha256]
    assert [entry.hashed() for entry in entries] == [entry.sha256 for entry in entries]
    assert log.head() == entries[-1].receipt


def test_the_same_record_keeps_its_first_entry_whoever_says_it_again_and_when(where):
    clock = FixedClock(datetime(2013, 3, 4, 15, tzinfo=UTC))
    with AuditLog.open(where, clock=clock) as log:
        first = log.append([signal(0), signal(1)], term=1)
        clock.at += timedelta(hours=1)
        again = log.append([signal(1), signal(2), signal(0), signal(2)], term=2)

        assert (again[0], again[2]) == (first[1], first[0])
        assert again[1] == again[3] == log.head() == Receipt(3, again[1].sha256)
        assert log.entry(1).recorded_at == "2013-03-04T15:00:00Z"


def test_a_batch_may_be_of_any_size_and_partly_known(log):
    log.append([signal(number) for number in range(0, 2600, 2)])

    receipts = log.append([signal(number) for number in range(2600)])

    assert [receipt.audit_id for receipt in receipts[:4]] == [1, 1301, 2, 1302]
    assert (log.head(), log.verify().whole) == (receipts[-1], True)


def test_a_time_is_the_same_in_every_zone(log):
    elsewhere = signal().at.astimezone(timezone(timedelta(hours=-5)))

    assert log.append([signal()]) == log.append([signal(at=elsewhere)])


def test_nothing_of_a_batch_is_there_if_one_of_it_can_not_be(log):
    with pytest.raises(AuditFailed, match=r"^edge_bp: expected a finite number in an audited signal, got nan$"):
        log.append([signal(0), signal(1, edge_bp=float("nan"))])

    assert log.head() is None
    assert log.append([signal(0)])[0].audit_id == 1


def test_a_time_of_no_zone_is_refused(log):
    with pytest.raises(AuditFailed, match=r"^at: expected a time with its zone, got 2013-03-04 14:30:00$"):
        log.append([signal(at=signal().at.replace(tzinfo=None))])


def test_a_commit_waits_for_the_disk(tmp_path, postgres):
    with AuditLog.open(tmp_path / "audit.sqlite3") as log:
        assert log._database.rows("PRAGMA journal_mode") == [("wal",)]
        assert log._database.rows("PRAGMA synchronous") == [(2,)]

    with AuditLog.open(f"{postgres.fresh()}%20-csynchronous_commit%3Doff") as log:
        assert log._database.rows("SHOW synchronous_commit") == [("on",)]


def test_an_empty_log_has_no_head_and_nothing_to_append_leaves_it_so(log):
    assert log.append([]) == ()
    assert (log.head(), log.term(), log.entry(1)) == (None, 0, None)


def test_every_kind_of_text_comes_back_as_it_was(log):
    said = signal(reason='é "quoted" \\ 😀 \n % ? {} \x7f')

    (receipt,) = log.append([said])

    assert log.signals(after=0) == [(receipt, said)]


# Who may append.


def test_a_writer_whose_successor_has_written_is_refused_and_writes_nothing(log):
    (newest,) = log.append([signal(0)], term=2)

    with pytest.raises(AuditFenced, match=r"^term: expected one of at least 2, which has taken the log over, got 1$"):
        log.append([signal(1)], term=1)

    assert (log.head(), log.term()) == (newest, 2)


def test_a_writer_whose_successor_has_come_is_refused_though_that_has_written_nothing_yet(log, where):
    log.append([signal(0)], term=1)
    with AuditLog.open(where) as successor:
        successor.fence(term=2)

    with pytest.raises(AuditFenced, match=r"^term: expected one of at least 2, which has taken the log over, got 1$"):
        log.append([signal(1)], term=1)

    assert (log.head().audit_id, log.term()) == (1, 2)
    assert log.append([signal(1)], term=2) == (log.head(),)


@pytest.mark.parametrize("has", ["come", "written"])
def test_who_comes_after_a_later_one_has_come_or_written_takes_nothing_over(log, has):
    log.fence(term=3) if has == "come" else log.append([signal(0)], term=3)

    with pytest.raises(AuditFenced, match=r"^term: expected one of at least 3, which has taken the log over, got 2$"):
        log.fence(term=2)

    log.fence(term=3)
    assert log.term() == 3


def test_one_that_stops_in_the_middle_of_a_commit_is_waited_for_but_not_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    where = tmp_path / "audit.sqlite3"
    with AuditLog.open(where) as stopped, AuditLog.open(where) as successor:
        with (
            stopped._database.writing(),
            pytest.raises(AuditHeld, match=r"^audit log: expected other writers to be done"),
        ):
            successor.fence(term=2)

        successor.fence(term=2)
        assert successor.term() == 2


def test_one_that_stops_in_the_middle_of_a_commit_loses_its_place_on_a_postgres(postgres):
    where = postgres.fresh()
    with AuditLog.open(where) as stopped, AuditLog.open(where) as successor:
        with pytest.raises(psycopg.Error), stopped._database.writing():
            successor.fence(term=2)

        with pytest.raises(AuditFenced):
            stopped.append([signal(0)], term=1)
        assert successor.append([signal(0)], term=2) == (stopped.head(),)


def test_a_fence_that_somebody_took_away_is_told(where):
    with AuditLog.open(where) as log:
        _execute(where, "DELETE FROM audit_fence")

        for write in (lambda: log.fence(term=1), lambda: log.append([signal(0)], term=1)):
            with pytest.raises(AuditFailed, match=r"^audit_fence: expected the newest writer's term, got no row$"):
                write()


def test_a_log_from_before_there_was_a_fence_gets_one_and_no_trigger_that_was_missing(where):
    with AuditLog.open(where) as log:
        log.append([signal(0)], term=4)
        missing, *others = sorted(log._database.standing_triggers())
    _execute(where, "DROP TABLE audit_fence")
    _execute(where, f"DROP TRIGGER {missing}" + (" ON audit_entries" if isinstance(where, str) else ""))

    with AuditLog.open(where, read_only=True) as log:
        assert log.head().audit_id == 1
    with AuditLog.open(where) as log:
        assert log.term() == 4
        log.fence(term=5)
        with pytest.raises(AuditFenced):
            log.append([signal(1)], term=4)
        assert log._database.standing_triggers() == set(others)


def test_a_writer_goes_on_in_its_own_term_and_a_successor_in_a_later_one(log):
    terms = (1, 1, 2, 5, 5)

    for number, term in enumerate(terms):
        log.append([signal(number)], term=term)

    assert [log.entry(number + 1).term for number in range(5)] == list(terms)


# Reading.


def test_signals_behind_an_entry_come_with_their_receipts_in_order(log):
    records = [signal(0), forecast(), signal(1), prediction(), signal(2)]
    receipts = log.append(records)

    assert log.signals(after=1) == [(receipts[2], records[2]), (receipts[4], records[4])]
    assert log.signals(after=5) == []


def test_a_forecast_waits_until_its_outcome_is_there(log):
    (made,) = log.append([forecast(4)])
    target = np.datetime64("2013-03-05")

    waiting = log.unsettled("AAPL", target_session=target)
    log.append([outcome(made, forecast(4))])

    assert [(each.forecast_id, each.session) for each in waiting] == [(made.audit_id, np.datetime64("2013-03-04"))]
    assert log.unsettled("AAPL", target_session=target) == ()
    assert log.unsettled("IBM", target_session=target) == ()


def test_outcomes_are_the_newest_oldest_first_and_a_second_forecast_of_a_session_counts(log):
    for day in (4, 5, 6):
        for mean in (0.001, 0.002):
            made = forecast(day, mean=mean)
            (receipt,) = log.append([made])
            log.append([outcome(receipt, made, realised=day / 1000)])
    log.append([forecast(7), forecast(4, ticker="IBM")])

    found = log.outcomes("AAPL", last=2)

    assert found.session.astype(str).tolist() == ["2013-03-05", "2013-03-06"]
    assert (found.mean.tolist(), found.realised.tolist()) == ([0.002, 0.002], [0.005, 0.006])
    assert len(log.outcomes("IBM", last=9)) == 0


def test_outcomes_can_be_of_one_version_of_the_model_alone(log):
    for day, version in ((4, "2"), (5, "3"), (6, "2"), (7, "2")):
        made = forecast(day, model_version=version)
        (receipt,) = log.append([made])
        log.append([outcome(receipt, made, realised=day / 1000)])

    found = log.outcomes("AAPL", last=9)

    assert found.model_version.tolist() == ["2", "3", "2", "2"]
    assert found.of_version("2", last=2).realised.tolist() == [0.006, 0.007]
    assert found.of_version("2", last=9).session.astype(str).tolist() == ["2013-03-04", "2013-03-06", "2013-03-07"]
    assert len(found.of_version("4", last=9)) == 0


def test_outcomes_have_the_inner_interval_where_it_was_logged(log):
    for day, inner in ((4, {}), (5, {"lower_50": -0.01, "upper_50": 0.012})):
        made = forecast(day, **inner)
        (receipt,) = log.append([made])
        log.append([outcome(receipt, made)])

    found = log.outcomes("AAPL", last=9)

    np.testing.assert_array_equal(found.lower_50, [np.nan, -0.01])
    np.testing.assert_array_equal(found.upper_50, [np.nan, 0.012])
    np.testing.assert_array_equal(found.lower_90, [-0.034, -0.034])


def test_look_ups_go_by_an_index(tmp_path):
    with AuditLog.open(tmp_path / "audit.sqlite3"):
        pass
    conditions = {
        "ticker = 'A' AND kind = 'forecast' AND target_session = 'T'": "audit_by_target",
        "ticker = 'A' AND kind = 'outcome'": "audit_by_ticker",
        "forecast_id = 3": "audit_one_outcome",
    }

    with sqlite3.connect(tmp_path / "audit.sqlite3") as log:
        query = "EXPLAIN QUERY PLAN SELECT id FROM audit_entries WHERE"
        plans = {condition: log.execute(f"{query} {condition}").fetchall()[0][-1] for condition in conditions}

    assert all(index in plans[condition] for condition, index in conditions.items()), plans


# What is refused.


def test_a_forecast_has_one_outcome_and_the_same_one_again_is_no_news(log):
    (made,) = log.append([forecast()])
    first = log.append([outcome(made, forecast())])

    assert log.append([outcome(made, forecast())]) == first
    with pytest.raises(AuditFailed, match=r"^realised: expected what entry 1's outcome says already, got 0\.5$"):
        log.append([outcome(made, forecast(), realised=0.5)])


@pytest.mark.parametrize("of", [forecast(ticker="IBM"), forecast(5)], ids=["another ticker", "another session"])
def test_an_outcome_is_of_a_forecast_that_is_there(log, of):
    (made,) = log.append([forecast()])

    with pytest.raises(AuditFailed, match=r"^forecast_id: expected the entry of "):
        log.append([outcome(made, of)])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET body = '{}' WHERE id = 1",
        "DELETE FROM audit_entries WHERE id = 2",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET id = 1",
        "UPDATE audit_head SET sha256 = 'x'",
    ],
)
def test_the_database_itself_refuses_to_change_what_is_written(where, statement):
    with AuditLog.open(where) as log:
        log.append([signal(0), signal(1)])

    with pytest.raises((sqlite3.Error, psycopg.Error), match="expected rows to be appended only"):
        _execute(where, statement)

    with AuditLog.open(where) as log:
        assert log.verify().whole


def test_postgres_refuses_to_empty_a_table_at_one_stroke(postgres):
    where = postgres.fresh()
    with AuditLog.open(where) as log:
        log.append([signal()])

    for table in ("audit_entries", "audit_head"):
        with pytest.raises(psycopg.Error, match="expected rows to be appended only, got TRUNCATE"):
            _execute(where, f"TRUNCATE {table}")


def test_a_reader_can_not_write(where):
    with AuditLog.open(where) as log:
        log.append([signal(0)])

    with AuditLog.open(where, read_only=True) as log:
        assert log.entry(1).kind == "signal"
        with pytest.raises(AuditFailed):
            log.append([signal(1)])


def test_an_engine_needs_no_more_rights_than_the_document_says_and_can_not_switch_triggers_off(postgres):
    where, role = postgres.fresh(), f"engine_{uuid.uuid4().hex}"
    with AuditLog.open(where) as log:
        log.append([signal(0)])
    ((schema,),) = _execute(where, "SELECT current_schema()")
    for statement in (
        f"CREATE ROLE {role}",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT SELECT, INSERT ON audit_entries TO {role}",
        f"GRANT SELECT, UPDATE ON audit_head, audit_fence TO {role}",
    ):
        _execute(where, statement)
    as_engine = f"{where}%20-crole%3D{role}"

    try:
        with AuditLog.open(as_engine) as log:
            log.fence(term=0)
            assert log.append([signal(0), signal(1)])[1] == log.head()
            assert log.verify().whole
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _execute(as_engine, "ALTER TABLE audit_entries DISABLE TRIGGER USER")
    finally:
        _execute(where, f"DROP OWNED BY {role}")
        _execute(where, f"DROP ROLE {role}")


# Databases that are away, broken or something else.


def test_an_append_whose_connection_broke_is_there_once(postgres):
    where = postgres.fresh()
    with AuditLog.open(where) as log:
        first = log.append([signal(0)], term=3)
        _break_connections(where)

        again = log.append([signal(0), signal(1)], term=3)

        assert (again[0], log.head()) == (first[0], Receipt(2, again[1].sha256))


def test_a_reader_whose_connection_broke_reads_on(postgres):
    where = postgres.fresh()
    with AuditLog.open(where) as log:
        log.append(mixed(3))
        _break_connections(where)

        assert log.head().audit_id == 3


def test_a_server_that_stays_away_is_told_without_its_password():
    with pytest.raises(AuditFailed, match=r"^postgresql://127\.0\.0\.1:9/audit: expected an audit log") as told:
        AuditLog.open("postgresql://engine:hush@127.0.0.1:9/audit?application_name=hush")

    assert "hush" not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("rest", ["hu%sh@db/audit", "hush@[::1/audit", "hu#sh@db/audit?hush"])
def test_an_address_that_postgres_does_not_understand_is_told_without_its_password(rest):
    with pytest.raises(AuditFailed, match=r"^postgresql://.*audit: expected an address that PostgreSQL") as told:
        AuditLog.open(f"postgresql://engine:{rest}")

    assert "hu" not in str(told.value)


@pytest.mark.parametrize("url", ["mysql://engine:hush@db/audit", "sqlite:///audit.sqlite3"])
def test_an_address_of_another_kind_of_server_is_no_file(tmp_path, monkeypatch, url):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(AuditFailed, match=r"audit.*: expected a file's path or postgresql://") as told:
        AuditLog.open(url)

    assert "hush" not in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_goes_away_for_good_is_told():
    server = RealPostgres()
    server.start()
    try:
        with AuditLog.open(server.fresh()) as log:
            log.append([signal(0)])
            server.kill()

            with pytest.raises(
                AuditFailed, match=r"^audit log: expected an audit log that can be read and appended to"
            ):
                log.append([signal(1)])
    finally:
        server.stop()


def test_without_psycopg_a_url_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(AuditFailed, match=r"^postgresql://db/audit: .* pip install 'stock-assets\[postgres\]'"):
        AuditLog.open("postgresql://engine:hush@db/audit")


def test_a_file_that_is_something_else_is_told(tmp_path):
    (tmp_path / "audit.sqlite3").write_bytes(b"not a database, but long enough to look like one" * 100)

    with pytest.raises(AuditFailed, match=r"audit\.sqlite3: expected an audit log that can be read"):
        AuditLog.open(tmp_path / "audit.sqlite3")


def test_a_reader_does_not_make_a_log(tmp_path):
    with pytest.raises(AuditFailed, match=r"audit\.sqlite3: expected an audit log that can be read"):
        AuditLog.open(tmp_path / "audit.sqlite3", read_only=True)

    assert list(tmp_path.iterdir()) == []


def _execute(where, statement: str) -> list:
    """As somebody else at the same database."""
    with contextlib.closing(Intruder(where)) as intruder:
        return intruder.do(statement)


def _break_connections(where: str) -> None:
    """End the server's side of every connection but the one that asks for it."""
    _execute(
        where,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE application_name = 'stock-assets audit' AND pid <> pg_backend_pid()",
    )
