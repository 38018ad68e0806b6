"""Killed at any point, ingestion leaves what was in force before or what is after, and never a part of either."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from upath import UPath

from release.tables import digest
from stock_assets.ingest.restatements import Outcome
from stock_assets.ingest.vault import Vault
from stock_assets.resources.lake import Lake

TICKER = "AAPL"
KILLS = 20
SEED = 3
HERE = Path(__file__).resolve()
REPOSITORY = HERE.parents[3]


class Nursery:
    """`nursery.py` as a process of its own, and the digest of each version that its children take in."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.digests: list[str] = json.loads(self._said())

    def bear(self, lake: Path, noted: Path, *, die_at_sync: int = 0, die_at_line: int = 0, stop: int = -1) -> int:
        """The process id of a child that ingests into the lake."""
        told = {"lake": str(lake), "noted": str(noted), "stop": stop}
        line = json.dumps(told | {"die_at_sync": die_at_sync, "die_at_line": die_at_line})
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return int(self._said())

    def ended(self) -> int:
        """How the child ended, once it has."""
        return int(self._said())

    def _said(self) -> str:
        line = self._process.stdout.readline()
        assert line, "the nursery has ended"
        return line


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'tests'}"}
    process = subprocess.Popen(
        [sys.executable, str(HERE.with_name("nursery.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    yield Nursery(process)
    process.stdin.close()
    assert process.wait(timeout=20) == 0


def numbers(noted: Path) -> list[int]:
    """Every version that was noted whole before it was taken in."""
    return [int(line) for line in noted.read_text().split("\n")[:-1]] if noted.exists() else []


def assert_before_or_after(lake: Path, noted: Path, digests: list[str]) -> int:
    """The stored version, which is the last one noted or the one before it, bars and provenance alike."""
    stored = Vault(Lake(UPath(lake))).read(TICKER)
    number = -1 if stored is None else int(stored.origin)
    assert number in (numbers(noted)[-1] - 1, numbers(noted)[-1])
    if stored is not None:
        assert digest(stored.bars) == digests[number % len(digests)]
    return number


def test_killed_at_twenty_random_points_the_stored_table_is_one_version(nursery, tmp_path):
    rng, lake = random.Random(SEED), tmp_path / "lake"
    reached = []
    for kill in range(KILLS):
        noted = tmp_path / f"noted-{kill}"
        child = nursery.bear(lake, noted)
        deadline = time.monotonic() + 20
        while not numbers(noted):
            assert time.monotonic() < deadline, "the child takes nothing in"
        # The moment is what is random here; there is no condition to wait for.
        time.sleep(rng.uniform(0.0, 0.15))
        os.kill(child, signal.SIGKILL)
        assert nursery.ended() == -signal.SIGKILL

        reached.append(assert_before_or_after(lake, noted, nursery.digests))

    assert reached == sorted(reached)
    assert reached[-1] > reached[0]


def test_killed_before_any_of_the_lines_that_replace_a_file_the_stored_table_is_one_version(nursery, tmp_path):
    before, reached = tmp_path / "before", []
    nursery.bear(before, tmp_path / "noted", stop=2)
    assert nursery.ended() == 0
    for line in itertools.count(1):
        lake, noted = tmp_path / f"lake-{line}", tmp_path / f"noted-{line}"
        shutil.copytree(before, lake)
        nursery.bear(lake, noted, die_at_line=line, stop=3)
        ended = nursery.ended()

        reached.append(assert_before_or_after(lake, noted, nursery.digests))
        if ended == 0:
            break
        assert ended == -signal.SIGKILL

    assert reached == sorted(reached)
    assert reached.count(1) > 30
    assert reached[-1] == 2


@pytest.mark.parametrize(
    ("call", "left_behind", "in_force"),
    [
        (1, ["quarantine"], 1),
        (2, [], 1),
        (3, ["restatements"], 1),
        (4, [], 1),
        (5, ["raw_bars"], 1),
        (6, [], 2),
    ],
)
def test_killed_at_a_call_for_the_disk_the_next_refresh_loses_nothing_and_cleans_up(
    nursery, tmp_path, call, left_behind, in_force
):
    lake, noted = tmp_path / "lake", tmp_path / "noted"
    nursery.bear(lake, noted, stop=2)
    assert nursery.ended() == 0

    nursery.bear(lake, noted, die_at_sync=call)
    assert nursery.ended() == -signal.SIGKILL
    assert [path.parent.name for path in lake.rglob("*.tmp")] == left_behind
    assert assert_before_or_after(lake, noted, nursery.digests) == in_force

    nursery.bear(lake, noted, stop=4)
    assert nursery.ended() == 0
    vault = Vault(Lake(UPath(lake)))
    assert list(lake.rglob("*.tmp")) == []
    assert assert_before_or_after(lake, noted, nursery.digests) == 3
    assert len(vault.quarantine(TICKER)) == 4
    # From the second version on, each takes back one run of closes and tells another.
    assert [one.outcome for one in vault.record(TICKER)] == [Outcome.ACCEPTED] * (3 * 2 * 50)
