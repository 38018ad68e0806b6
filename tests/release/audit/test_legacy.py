"""A log that was kept before there was a chain is taken over whole, once, and keeps what it had."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest

from release.audit import AuditLog, LoggedForecast, LoggedOutcome, LoggedSignal
from release.errors import AuditFailed

OLD = """
CREATE TABLE signals (
    id INTEGER PRIMARY KEY, recorded_at TEXT NOT NULL, ticker TEXT NOT NULL, session TEXT NOT NULL, at TEXT NOT NULL,
    action TEXT NOT NULL, previous TEXT NOT NULL, confidence REAL NOT NULL, edge_bp REAL NOT NULL, reason TEXT NOT NULL,
    provisional INTEGER NOT NULL, inputs_sha256 TEXT NOT NULL, release_id TEXT NOT NULL, model_version TEXT NOT NULL,
    UNIQUE (ticker, session, at, release_id, inputs_sha256, action, previous, provisional)
) STRICT;
CREATE TABLE forecasts (
    id INTEGER PRIMARY KEY, recorded_at TEXT NOT NULL, ticker TEXT NOT NULL, session TEXT NOT NULL,
    target_session TEXT NOT NULL, close REAL NOT NULL, mean REAL NOT NULL, vol REAL NOT NULL, p_up REAL NOT NULL,
    lower_90 REAL NOT NULL, upper_90 REAL NOT NULL, inputs_sha256 TEXT NOT NULL, release_id TEXT NOT NULL,
    model_version TEXT NOT NULL, UNIQUE (ticker, session, release_id, inputs_sha256)
) STRICT;
CREATE TABLE outcomes (
    forecast_id INTEGER PRIMARY KEY REFERENCES forecasts (id), recorded_at TEXT NOT NULL, realised REAL NOT NULL
) STRICT;
CREATE INDEX forecasts_by_target ON forecasts (ticker, target_session);
CREATE TRIGGER signals_no_UPDATE BEFORE UPDATE ON signals BEGIN SELECT RAISE(ABORT, 'no'); END;
CREATE TRIGGER outcomes_no_DELETE BEFORE DELETE ON outcomes BEGIN SELECT RAISE(ABORT, 'no'); END;
"""
TICKERS = ("AAPL", "IBM")
DAYS = range(4, 9)


@pytest.fixture
def old(tmp_path):
    """Five closes of two tickers as they were logged then: what came of the last forecast, the next, the signal."""
    path = tmp_path / "audit.sqlite3"
    with sqlite3.connect(path) as log:
        log.executescript(OLD)
        for day in DAYS:
            for number, ticker in enumerate(TICKERS):
                _close(log, ticker, day, recorded_at=f"2013-03-{day:02}T21:00:0{number}Z")
    log.close()
    return path


def _close(log: sqlite3.Connection, ticker: str, day: int, *, recorded_at: str) -> None:
    session, made = f"2013-03-{day:02}", ("5f" * 32, "2013-03-01-0123456789ab", "3")
    waiting = log.execute("SELECT id FROM forecasts WHERE ticker = ? AND target_session = ?", (ticker, session))
    for (forecast_id,) in waiting.fetchall():
        log.execute("INSERT INTO outcomes VALUES (?, ?, ?)", (forecast_id, recorded_at, day / 1000))
    row = (recorded_at, ticker, session, f"2013-03-{day + 1:02}", 430.0, 0.001, 0.02, 0.5, -0.03, 0.03, *made)
    log.execute(f"INSERT INTO forecasts VALUES (NULL{', ?' * len(row)})", row)
    row = (recorded_at, ticker, session, f"{session}T21:00:00Z", "buy", "hold", 50.0, 12.0, "because", 0, *made)
    log.execute(f"INSERT INTO signals VALUES (NULL{', ?' * len(row)})", row)


def test_every_row_is_an_entry_of_its_own_as_of_when_it_was_written(old):
    with AuditLog.open(old) as log:
        entries = [log.entry(number) for number in range(1, log.head().audit_id + 1)]
        verification = log.verify()

    assert verification.whole
    assert [entry.recorded_at for entry in entries] == sorted(entry.recorded_at for entry in entries)
    kinds = [entry.kind for entry in entries]
    assert {kind: kinds.count(kind) for kind in kinds} == {"forecast": 10, "outcome": 8, "signal": 10}


def test_what_the_rows_said_the_entries_say(old):
    with AuditLog.open(old) as log:
        (first_forecast, first_signal) = (log.entry(1), log.entry(2))
        outcomes = log.outcomes("IBM", last=9)

    said = msgspec.json.decode(first_forecast.body, type=LoggedForecast)
    assert (said.ticker, said.session, said.close, said.model_version) == ("AAPL", "2013-03-04", 430.0, "3")
    assert (said.dagster_run_id, said.mlflow_run_id) == (None, None)
    assert msgspec.json.decode(first_signal.body, type=LoggedSignal).provisional is False
    assert outcomes.session.astype(str).tolist() == [f"2013-03-{day:02}" for day in DAYS][:-1]
    assert outcomes.realised.tolist() == [day / 1000 for day in DAYS][1:]


def test_the_old_tables_are_kept_by_another_name(old):
    with AuditLog.open(old):
        pass

    with sqlite3.connect(old) as log:
        counts = [
            log.execute(f"SELECT count(*) FROM {table}_before_the_chain").fetchone()[0]
            for table in ("signals", "forecasts", "outcomes")
        ]
        with pytest.raises(sqlite3.IntegrityError):
            log.execute("UPDATE signals_before_the_chain SET action = 'sell'")
    assert counts == [10, 10, 8]


def test_it_is_taken_over_once(old):
    with AuditLog.open(old) as log:
        head = log.head()

    with AuditLog.open(old) as log:
        assert log.head() == head


def test_the_chain_goes_on_from_what_was_taken_over(old):
    with AuditLog.open(old) as log:
        (waiting,) = log.unsettled("AAPL", target_session="2013-03-09")
        settled = LoggedOutcome(
            forecast_id=waiting.forecast_id,
            ticker="AAPL",
            session="2013-03-08",
            target_session="2013-03-09",
            realised=0.009,
        )
        log.append([settled], term=1)

        assert log.outcomes("AAPL", last=1).realised.tolist() == [0.009]
        assert log.verify().whole


def test_a_clock_that_was_put_back_does_not_bring_an_outcome_before_its_forecast(old):
    with sqlite3.connect(old) as log:
        log.execute("UPDATE outcomes SET recorded_at = '2001-01-01T00:00:00Z'")

    with AuditLog.open(old) as log:
        assert len(log.outcomes("AAPL", last=9)) == 4
        assert log.verify().whole


def test_a_take_over_that_fails_leaves_the_old_log_as_it_was(old):
    with sqlite3.connect(old) as log:
        log.execute("CREATE TABLE outcomes_before_the_chain (in_the_way TEXT)")

    with pytest.raises(AuditFailed, match="outcomes_before_the_chain"):
        AuditLog.open(old)

    with sqlite3.connect(old) as log:
        tables = {name for (name,) in log.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert tables == {"signals", "forecasts", "outcomes", "outcomes_before_the_chain"}
