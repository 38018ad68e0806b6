"""Whatever is done to a log behind its back is found, and the entry it was done to is named."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest
from audit_records import forecast, mixed, outcome, signal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intruder import Intruder

from release.audit import AuditLog, Receipt, Tampering
from release.audit.chain import entry_hash
from release.audit.verification import MOST

SIZE = 12
DOCUMENT = Path(__file__).parents[3] / "docs" / "audit.md"
TABLES = ("audit_entries", "audit_head")
TEXTS = ("kind", "recorded_at", "ticker", "session", "target_session", "body", "content", "previous", "sha256")

numbers = st.integers(1, SIZE)


def fill(log: AuditLog) -> None:
    """`SIZE` entries of every kind, in batches of several sizes."""
    log.append(mixed(5), term=1)
    made = [forecast(4), forecast(5)]
    receipts = log.append(made, term=1)
    log.append([outcome(receipt, of) for receipt, of in zip(receipts, made, strict=True)], term=2)
    log.append(mixed(8), term=2)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """A file with such a log; not to be changed."""
    path = tmp_path_factory.mktemp("pristine") / "audit.sqlite3"
    with AuditLog.open(path) as log:
        fill(log)
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def copies(request):
    """A way to have another untouched log, as often as wanted: hypothesis wants one for each example."""

    @contextlib.contextmanager
    def of_the_file():
        with tempfile.TemporaryDirectory() as folder:
            yield Path(shutil.copy(request.getfixturevalue("pristine"), folder))

    if request.param == "sqlite":
        return of_the_file
    where = request.getfixturevalue("postgres").fresh()
    with AuditLog.open(where) as log:
        fill(log)
    with contextlib.closing(Intruder(where)) as intruder:
        for table in TABLES:
            intruder.do(f"CREATE TABLE pristine_{table} AS SELECT * FROM {table}")

    @contextlib.contextmanager
    def in_postgres():
        # Making tables takes a server longer than filling them again.
        with intruding(where) as intruder:
            for table in TABLES:
                intruder.do(f"DELETE FROM {table}")
                intruder.do(f"INSERT INTO {table} SELECT * FROM pristine_{table}")
        yield where

    return in_postgres


@contextlib.contextmanager
def intruding(where):
    """Somebody at work there, whose traces at the triggers are gone when they are done."""
    with contextlib.closing(Intruder(where)) as intruder, intruder.unseen():
        yield intruder


def verified(where, *receipts):
    """What another process says of the log."""
    with AuditLog.open(where, read_only=True) as log:
        return log.verify(receipts=receipts)


def found(where, *receipts) -> list[tuple[Tampering, int | None]]:
    """What it finds, and where."""
    return [(each.tampering, each.audit_id) for each in verified(where, *receipts).findings]


def examples(many: int):
    """So many; each makes its own log, which is what takes time."""
    return settings(max_examples=many, suppress_health_check=[HealthCheck.function_scoped_fixture])


# A log that nobody touched.


def test_a_log_that_nobody_touched_is_whole(copies):
    with copies() as where:
        verification = verified(where)

    assert (verification.whole, verification.entries, verification.head.audit_id) == (True, SIZE, SIZE)


def test_an_empty_log_is_whole(where):
    with AuditLog.open(where):
        pass

    verification = verified(where)

    assert (verification.whole, verification.entries, verification.head) == (True, 0, None)


def test_a_log_is_verified_while_it_is_written_as_it_stood_when_that_began(where):
    with AuditLog.open(where) as log, AuditLog.open(where, read_only=True) as reader:
        fill(log)
        with reader._database.snapshot():
            before = reader.head()
            log.append(mixed(20), term=2)

            assert reader.head() == before
        assert reader.verify().head == log.head()


def test_the_check_that_the_document_shows_agrees(tmp_path, monkeypatch):
    """Python's own JSON and SHA-256, on texts that JSON has to escape; `assert` speaks for itself."""
    (shown,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    with AuditLog.open(Path(".stock-assets/audit/audit.sqlite3")) as log:
        fill(log)
        log.append([signal(50, reason='é "quoted" \\ 😀 \n \x1f \x7f \u2028')], term=2)

    exec(shown, {})
    with intruding(Path(".stock-assets/audit/audit.sqlite3")) as intruder:
        intruder.do("UPDATE audit_entries SET term = 3 WHERE id = 7")

    with pytest.raises(AssertionError):
        exec(shown, {})


# One entry, or two.


@examples(40)
@given(number=numbers, column=st.sampled_from(TEXTS), data=st.data())
def test_a_text_that_was_changed_is_found_where_it_is(copies, number, column, data):
    with copies() as where, contextlib.closing(Intruder(where)) as intruder:
        ((was,),) = intruder.do(f"SELECT {column} FROM audit_entries WHERE id = ?", (number,))
        place = data.draw(st.integers(0, len(was or "") - 1)) if was else 0
        letter = data.draw(st.sampled_from('0a"}é '))
        becomes = (was or "")[:place] + letter + (was or "")[place + 1 :]
        with intruder.unseen():
            intruder.do(f"UPDATE audit_entries SET {column} = ? WHERE id = ?", (becomes, number))

        expected = [] if becomes == was else [(Tampering.CHANGED, number)]
        assert list(dict.fromkeys(found(where))) == expected


@examples(16)
@given(number=numbers, column=st.sampled_from(("term", "forecast_id")), value=st.integers(100, 2**62))
def test_a_number_that_was_changed_is_found_where_it_is(copies, number, column, value):
    with copies() as where:
        with intruding(where) as intruder:
            intruder.do(f"UPDATE audit_entries SET {column} = ? WHERE id = ?", (value, number))

        assert found(where) == [(Tampering.CHANGED, number)]


@examples(16)
@given(number=numbers, becomes=st.integers(-(2**62), 2**62).filter(lambda n: not 1 <= n <= SIZE))
def test_an_entry_that_got_another_number_is_missed_in_its_place_and_known_in_the_other(copies, number, becomes):
    with copies() as where:
        with intruding(where) as intruder:
            intruder.do("UPDATE audit_entries SET id = ? WHERE id = ?", (becomes, number))

        gone = Tampering.TRUNCATED if number == SIZE else Tampering.REMOVED
        assert set(found(where)) == {(gone, number), (Tampering.REORDERED, becomes)}


@examples(16)
@given(number=numbers)
def test_an_entry_that_was_written_anew_under_a_hash_of_its_own_is_found(copies, number):
    with copies() as where:
        with intruding(where) as intruder:
            intruder.rewrite(number)

        assert found(where) == [(Tampering.CHANGED, number)]


@examples(16)
@given(number=numbers, closed=st.booleans())
def test_an_entry_that_was_removed_is_missed_even_if_the_gap_was_closed(copies, number, closed):
    with copies() as where:
        with intruding(where) as intruder:
            intruder.remove(number)
            if closed:
                intruder.renumber(number, -1)

        assert found(where) == [(Tampering.TRUNCATED if number == SIZE else Tampering.REMOVED, number)]


@examples(16)
@given(number=st.integers(1, SIZE + 1), forged=st.booleans())
def test_an_entry_that_was_inserted_is_found(copies, number, forged):
    with copies() as where:
        with intruding(where) as intruder:
            intruder.renumber(number, 1)
            intruder.insert(number, forged=forged)

        assert found(where) == [(Tampering.INSERTED, number)]


@examples(16)
@given(one=numbers, other=numbers)
def test_two_entries_that_changed_places_are_both_named(copies, one, other):
    with copies() as where:
        with intruding(where) as intruder:
            intruder.swap(one, other)

        expected = [] if one == other else [(Tampering.REORDERED, number) for number in sorted((one, other))]
        assert found(where) == expected


@examples(12)
@given(number=numbers)
def test_a_tail_that_was_cut_off_is_missed_from_its_first_entry_on(copies, number):
    with copies() as where:
        with intruding(where) as intruder:
            intruder.do("DELETE FROM audit_entries WHERE id >= ?", (number,))

        assert found(where) == [(Tampering.TRUNCATED, number)]


# The head, the triggers.


def test_a_head_that_is_gone_is_missed(copies):
    with copies() as where:
        with intruding(where) as intruder:
            intruder.do("DELETE FROM audit_head")

        assert found(where) == [(Tampering.REMOVED, None)]
        with (
            AuditLog.open(where) as log,
            pytest.raises(Exception, match=r"^audit_head: expected the newest entry's id"),
        ):
            log.append(mixed(20), term=2)


def test_a_head_that_is_another_is_found(copies):
    with copies() as where:
        with intruding(where) as intruder:
            intruder.do("UPDATE audit_head SET sha256 = ?", ("ab" * 32,))

        assert found(where) == [(Tampering.CHANGED, SIZE)]


def test_a_head_far_beyond_the_log_takes_no_time_to_find(copies):
    with copies() as where:
        with intruding(where) as intruder:
            intruder.do("UPDATE audit_head SET id = ?", (2**62,))

        assert found(where) == [(Tampering.TRUNCATED, SIZE + 1)]


def test_a_trigger_that_was_dropped_is_named_and_not_put_back(copies):
    with copies() as where:
        with AuditLog.open(where) as log:
            names = sorted(log._database.triggers)
        with contextlib.closing(Intruder(where)) as intruder:
            for name in names:
                table = "audit_head" if "head" in name else "audit_entries"
                intruder.do(f"DROP TRIGGER {name}" + (f" ON {table}" if isinstance(where, str) else ""))
        with AuditLog.open(where) as log:
            log.append(mixed(20), term=2)

        findings = verified(where).findings

        assert [(each.tampering, each.detail.partition(":")[0]) for each in findings] == [
            (Tampering.UNGUARDED, name) for name in names
        ]


def test_a_trigger_that_does_nothing_is_no_trigger(pristine, tmp_path):
    where = Path(shutil.copy(pristine, tmp_path))
    with contextlib.closing(Intruder(where)) as intruder:
        intruder.do("DROP TRIGGER audit_entries_no_delete")
        intruder.do("CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries BEGIN SELECT 1; END")

    assert found(where) == [(Tampering.UNGUARDED, None)]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_append_only",
        "CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$",
    ],
)
def test_a_trigger_that_is_off_or_calls_another_thing_is_no_trigger(postgres, statement):
    where = postgres.fresh()
    with AuditLog.open(where) as log:
        fill(log)
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute(statement.encode())

    assert {each.tampering for each in verified(where).findings} == {Tampering.UNGUARDED}


# Receipts.


def test_who_forges_the_whole_log_is_found_by_a_receipt_alone(copies):
    with copies() as where:
        with AuditLog.open(where) as log:
            kept = log.entry(8).receipt
        with intruding(where) as intruder:
            intruder.rewrite(3)
            for number in range(4, SIZE + 1):
                _follow(intruder, number)
            intruder.do("UPDATE audit_head SET sha256 = (SELECT sha256 FROM audit_entries WHERE id = ?)", (SIZE,))

        assert verified(where).whole
        assert found(where, kept) == [(Tampering.CHANGED, 8)]


def test_who_cuts_off_the_tail_and_the_head_with_it_is_found_by_a_receipt_alone(copies):
    with copies() as where:
        with AuditLog.open(where) as log:
            kept = log.head()
        with intruding(where) as intruder:
            intruder.do("DELETE FROM audit_entries WHERE id > 5")
            intruder.do("UPDATE audit_head SET id = 5, sha256 = (SELECT sha256 FROM audit_entries WHERE id = 5)")

        assert verified(where).whole
        assert found(where, kept) == [(Tampering.TRUNCATED, SIZE)]


def test_a_receipt_that_is_true_finds_nothing_and_one_that_never_was_is_no_entry(copies):
    with copies() as where:
        with AuditLog.open(where) as log:
            true = [log.entry(number).receipt for number in (1, 7, SIZE)]

        assert verified(where, *true).whole
        assert found(where, Receipt(SIZE + 1, "ab" * 32)) == [(Tampering.TRUNCATED, SIZE + 1)]
        assert found(where, Receipt(4, "ab" * 32)) == [(Tampering.CHANGED, 4)]


def _follow(intruder: Intruder, number: int) -> None:
    """Let an entry follow what stands before it now."""
    ((kind, recorded_at, term, body),) = intruder.do(
        "SELECT kind, recorded_at, term, body FROM audit_entries WHERE id = ?", (number,)
    )
    ((previous,),) = intruder.do("SELECT sha256 FROM audit_entries WHERE id = ?", (number - 1,))
    sha256 = entry_hash(previous, number, kind=kind, recorded_at=recorded_at, term=term, body=body)
    intruder.do("UPDATE audit_entries SET previous = ?, sha256 = ? WHERE id = ?", (previous, sha256, number))


# A log of which not much is left.


def test_no_more_is_said_than_a_person_reads(tmp_path):
    with AuditLog.open(tmp_path / "audit.sqlite3") as log:
        log.append(mixed(60))
    with intruding(tmp_path / "audit.sqlite3") as intruder:
        intruder.do("UPDATE audit_entries SET term = term + 1")

    assert len(found(tmp_path / "audit.sqlite3")) == MOST


def test_a_finding_is_one_line_that_names_the_entry(copies):
    with copies() as where:
        with intruding(where) as intruder:
            intruder.do("UPDATE audit_entries SET ticker = 'IBM' WHERE id = 3")

        (finding,) = verified(where).findings

    assert str(finding) == "entry 3: changed: ticker: expected 'AAPL' as its body has it, got 'IBM'"
