"""`audit verify|show`: one line on what is wrong, and an exit code that a script can go by."""

from __future__ import annotations

import contextlib

import pytest
from audit_records import mixed
from command_line import stock_assets
from intruder import Intruder

from release.audit import AuditLog


@pytest.fixture
def home(tmp_path):
    """A home with a log of seven entries."""
    with AuditLog.open(tmp_path / "audit" / "audit.sqlite3") as log:
        log.append(mixed(7), term=1)
    return tmp_path


@pytest.fixture
def newest(home):
    """The newest entry."""
    with AuditLog.open(home / "audit" / "audit.sqlite3", read_only=True) as log:
        return log.entry(7)


def tamper(home, statement: str) -> None:
    """Change the log behind its back."""
    intruder = Intruder(home / "audit" / "audit.sqlite3")
    with contextlib.closing(intruder), intruder.unseen():
        intruder.do(statement)


def test_a_whole_log_gives_a_receipt_to_keep_which_it_is_later_held_to(home, newest):
    answer = stock_assets("audit", "verify", home=home)

    kept = f"7:{newest.sha256}"
    assert answer.stdout == f"whole: 7 entries, each as it was written; to be kept: --receipt {kept}\n"
    assert (answer.code, stock_assets("audit", "verify", "--receipt", kept, home=home).code) == (0, 0)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit_entries SET ticker = 'IBM' WHERE id = 3", "entry 3: changed: ticker: expected 'AAPL'"),
        ("DELETE FROM audit_entries WHERE id = 4", "entry 4: removed: it is gone"),
        ("DELETE FROM audit_entries WHERE id > 5", "entry 6: truncated: it and all up to entry 7 are gone"),
    ],
)
def test_what_was_done_is_a_line_that_names_the_entry_and_the_exit_code_is_1(home, statement, said):
    tamper(home, statement)

    answer = stock_assets("audit", "verify", home=home)

    assert answer.code == 1
    assert [line[: len(said)] for line in answer.stdout.splitlines()] == [said]


def test_a_program_reads_the_same_as_json(home):
    tamper(home, "DELETE FROM audit_entries WHERE id = 4")

    answer = stock_assets("audit", "verify", "--json", home=home)

    assert answer.code == 1
    assert (answer.json["whole"], answer.json["head"]["audit_id"]) == (False, 7)
    assert answer.json["findings"] == [{"tampering": "removed", "audit_id": 4, "detail": "it is gone"}]


def test_the_log_of_another_place_is_named_by_its_url_or_the_environment(home, tmp_path):
    elsewhere = str(home / "audit" / "audit.sqlite3")

    by_option = stock_assets("audit", "verify", "--url", elsewhere, home=tmp_path / "other")
    by_environment = stock_assets(
        "audit",
        "verify",
        home=tmp_path / "other",
        settings={"STOCK_ASSETS_AUDIT_URL": "postgresql://me:hush@127.0.0.1:9/a"},
    )

    assert by_option.code == 0
    assert by_environment.error.startswith("error: postgresql://127.0.0.1:9/a: expected an audit log")
    assert "hush" not in by_environment.stderr


def test_an_entry_shows_what_it_says_and_its_place_in_the_chain(home, newest):
    answer = stock_assets("audit", "show", "7", "--json", home=home)

    assert answer.code == 0
    assert (answer.json["sha256"], answer.json["previous"], answer.json["genuine"]) == (*newest[-1:-3:-1], True)
    assert (answer.json["body"]["ticker"], answer.json["body"]["action"]) == ("AAPL", "buy")
    assert (
        f"sha256          {newest.sha256} (as it ought to be)" in stock_assets("audit", "show", "7", home=home).stdout
    )


def test_an_entry_that_was_made_unreadable_is_shown_as_it_is_and_the_exit_code_is_1(home):
    tamper(home, "UPDATE audit_entries SET body = 'nonsense' WHERE id = 3")

    answer = stock_assets("audit", "show", "3", home=home)

    assert answer.code == 1
    assert "nonsense" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "9"), "error: id: expected an entry of the log (1 to 7), got 9"),
        (("verify", "--receipt", "7:abc"), "error: receipt: expected an id and a hash of 64 digits"),
    ],
)
def test_what_can_not_be_answered_is_one_clear_line(home, arguments, said):
    answer = stock_assets("audit", *arguments, home=home)

    assert answer.code == 1
    assert answer.error.startswith(said)


def test_before_the_live_engine_there_is_no_log(tmp_path):
    answer = stock_assets("audit", "verify", home=tmp_path)

    assert answer.code == 1
    assert answer.error.endswith("expected an audit log, which `stock-assets live` makes, found none")
