"""More than one process at the log, and processes that die at it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from audit_records import signal

from release.audit import AuditLog, LoggedSignal, Receipt

WRITER = Path(__file__).with_name("writer.py")
TESTS = WRITER.parents[2]
FOR_EVER = 10**9


@contextlib.contextmanager
def writer(where, name: str, *, term: int = 1, batches: int, batch: int) -> Iterator[subprocess.Popen[str]]:
    """A process that has the log open and begins when it is told to."""
    command = [sys.executable, str(WRITER), str(where), name, str(term), str(batches), str(batch)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (TESTS, TESTS.parent)))}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def begin(*processes: subprocess.Popen[str]) -> None:
    """Once all of them have the log open."""
    assert [process.stdout.readline() for process in processes] == ["open\n"] * len(processes)
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()


def receipt(line: str) -> Receipt:
    """A receipt as it was printed."""
    number, _, sha256 = line.strip().partition(":")
    return Receipt(int(number), sha256)


def test_two_that_append_at_once_make_one_chain(where):
    with writer(where, "one", batches=60, batch=3) as one, writer(where, "other", batches=60, batch=3) as other:
        begin(one, other)
        told = [[receipt(line) for line in process.communicate(timeout=60)[0].splitlines()] for process in (one, other)]

    with AuditLog.open(where) as log:
        verification = log.verify(receipts=told[0] + told[1])
        batches = [msgspec.json.decode(log.entry(n).body, type=LoggedSignal).reason for n in range(1, 361, 3)]
    assert (verification.whole, verification.entries) == (True, 360)
    assert sorted(told[0] + told[1]) == sorted({*told[0], *told[1]})
    # Neither has waited for the other's end, so both were at it at once.
    assert batches not in (sorted(batches), sorted(batches, reverse=True))


@pytest.mark.parametrize("survivor", range(3))
def test_one_that_is_killed_in_the_middle_leaves_a_whole_log_with_all_it_was_told(where, survivor):
    told = []
    for term in range(1, 3 + survivor):
        with writer(where, f"writer {term}", term=term, batches=FOR_EVER, batch=20) as process:
            begin(process)
            told += [receipt(process.stdout.readline()) for _ in range(20 * term + 7)]
            process.kill()

    with AuditLog.open(where) as log:
        verification = log.verify(receipts=told)
        assert verification.whole, verification.findings
        assert verification.entries % 20 == 0


def test_one_whose_successor_has_written_ends(where):
    with writer(where, "replaced", term=1, batches=FOR_EVER, batch=1) as process:
        begin(process)
        process.stdout.readline()
        with AuditLog.open(where) as log:
            (successor,) = log.append([signal(reason="the successor's")], term=2)

            rest, _ = process.communicate(timeout=60)

            assert process.returncode == 1
            assert all(receipt(line) < successor for line in rest.splitlines())
            assert log.head() == successor
