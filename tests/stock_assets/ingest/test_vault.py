"""Bars and where they came from in one file, and evidence that only grows."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from upath import UPath

from quant.faults import Rule
from stock_assets.errors import LakeUnreadable
from stock_assets.frames import bars_of, price_table
from stock_assets.ingest.restatements import Outcome
from stock_assets.ingest.vault import Stored, Vault
from stock_assets.resources.lake import Lake
from stock_assets.sources.market_data import Refused

TICKER, NOW = "BRK.B", datetime(2013, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def stored(bars) -> Stored:
    return Stored(
        bars=bars,
        source="files",
        origin="a folder/größe.csv",
        sha256=("0a" * 32, "1b" * 32),
        fetched_at="2013-03-02T12:00:00Z",
        fetch_digest="2c" * 32,
    )


@pytest.fixture(params=["disk", "memory"])
def any_vault(request, tmp_path):
    root = UPath(tmp_path / "lake") if request.param == "disk" else UPath(f"memory://{tmp_path.name}")
    return Vault(Lake(root))


def test_bars_and_provenance_come_back_as_they_went(any_vault, stored, same):
    any_vault.write(TICKER, stored)

    read = any_vault.read(TICKER)

    assert same(read.bars, stored.bars)
    assert read.told == stored.told
    assert any_vault.told(TICKER) == stored.told
    assert read.sha256 == stored.sha256


def test_a_vault_without_the_ticker_has_nothing_of_it(any_vault):
    assert any_vault.read(TICKER) is None
    assert any_vault.told(TICKER) is None
    assert any_vault.held(TICKER) is None
    assert list(any_vault.quarantine(TICKER).columns[:3]) == ["ticker", "session", "rule"]
    assert list(any_vault.restatements(TICKER).columns[:5]) == ["ticker", "session", "field", "old", "new"]
    assert len(any_vault.quarantine(TICKER)) == len(any_vault.restatements(TICKER)) == 0


def test_it_is_one_file_with_the_columns_of_a_price_table_and_any_reader_can_read_it(vault, lake, stored, same):
    vault.write(TICKER, stored)

    table = lake.read("raw_bars", TICKER)

    assert [path.name for path in (lake.root / "raw_bars").iterdir()] == ["BRK.B.parquet"]
    assert list(table.columns) == list(price_table(stored.bars, ticker=TICKER).columns)
    assert same(bars_of(table), stored.bars)


def test_what_a_writer_that_died_left_behind_is_written_over(vault, lake, stored, same):
    left_behind = lake.root / "raw_bars" / ".BRK.B.parquet.tmp"
    left_behind.parent.mkdir(parents=True)
    left_behind.write_bytes(b"half a table" * 10_000)

    vault.write(TICKER, stored)

    assert same(vault.read(TICKER).bars, stored.bars)
    assert not left_behind.exists()


def test_bars_that_don_t_say_where_they_came_from_are_refused_by_name(vault, lake, bars):
    lake.write("raw_bars", TICKER, price_table(bars, ticker=TICKER))

    with pytest.raises(LakeUnreadable, match=r"raw_bars/BRK\.B\.parquet: expected bars that say where they came from"):
        vault.read(TICKER)


def test_a_held_fetch_lies_beside_the_bars_until_it_is_decided(any_vault, stored, bars, same):
    any_vault.write(TICKER, stored)
    fetch = dataclasses.replace(stored, bars=bars[5:], fetched_at="2013-03-03T12:00:00Z")

    any_vault.hold(TICKER, fetch)
    waiting = any_vault.held(TICKER)
    any_vault.hold(TICKER, waiting, Outcome.REJECTED)

    assert same(waiting.bars, fetch.bars)
    assert waiting.told == fetch.told
    assert any_vault.held(TICKER) is None
    assert same(any_vault.last_held(TICKER).bars, fetch.bars)
    assert any_vault.decision(TICKER) is Outcome.REJECTED
    assert any_vault.read(TICKER).fetched_at == stored.fetched_at


def test_a_quarantine_keeps_each_row_once_whatever_the_file_it_comes_from(any_vault):
    row = Refused(rule=Rule.CONFLICT, session="not a date", field="close", value="1", expected="one value", row="{}")
    for origin, seen_at in (("a.csv", "2013-03-02T12:00:00Z"), ("b.csv", "2013-03-03T12:00:00Z")):
        any_vault.set_aside(TICKER, [row, row], source="files", origin=origin, seen_at=seen_at)

    assert any_vault.quarantine(TICKER).to_dict("records") == [
        {
            "ticker": TICKER,
            "session": "not a date",
            "rule": "conflicting_duplicate",
            "field": "close",
            "value": "1",
            "expected": "one value",
            "row": "{}",
            "source": "files",
            "origin": "a.csv",
            "seen_at": "2013-03-02T12:00:00Z",
        }
    ]


def test_two_processes_change_a_ticker_s_evidence_one_after_the_other(vault, lake):
    adds_many_rows = f"""
import sys
from upath import UPath
from quant.faults import Rule
from stock_assets.ingest.vault import Vault
from stock_assets.resources.lake import Lake
from stock_assets.sources.market_data import Refused

vault = Vault(Lake(UPath({str(lake.root)!r})))
for number in range(20):
    value = f"{{sys.argv[1]}}-{{number}}"
    row = Refused(rule=Rule.CONFLICT, session="2013-03-01", field="close", value=value, expected="one", row="")
    with vault.locked("BRK.B"):
        vault.set_aside("BRK.B", [row], source="files", origin="a.csv", seen_at="2013-03-02T12:00:00Z")
"""
    writers = [subprocess.Popen([sys.executable, "-c", adds_many_rows, name]) for name in ("one", "other")]

    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    assert set(vault.quarantine(TICKER)["value"]) == {f"{name}-{n}" for name in ("one", "other") for n in range(20)}
