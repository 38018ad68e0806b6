"""Parquet is read without a thread that could outlive the interpreter."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from stock_assets import parquet

# Arrow's allocator has a thread of its own, which knows of no Python object.
THREADS = """
from pathlib import Path
def threads():
    return sorted(name for task in Path("/proc/self/task").iterdir()
                  if (name := task.name) and (task / "comm").read_text().strip() != "jemalloc_bg_thd")
"""
READING = """
import sys
from stock_assets.cli.export import _read
from stock_assets.resources.lake import Lake
from stock_assets.sources.files.tables import read_table
from upath import UPath
before = threads()
Lake(UPath(sys.argv[1])).read("prices", "A")
Lake(UPath(sys.argv[1])).read_told("prices", "A")
read_table(Path(sys.argv[1], "prices", "A.parquet"))
_read([Path(sys.argv[1], "prices", "A.parquet")], only=(), name="prices", without_rows=[])
assert threads() == before, f"started {len(threads()) - len(before)}"
"""


@pytest.fixture
def table() -> pd.DataFrame:
    days = pd.date_range("2020-01-01", periods=2000, unit="ms")
    prices = {name: np.linspace(10.0, 20.0, 2000) for name in ("open", "high", "low", "close", "adj_close")}
    return pd.DataFrame({"date": days, **prices, "volume": 1000.0})


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted where Linux shows them")
def test_whoever_reads_a_table_is_left_without_a_thread_of_arrows(table: pd.DataFrame, tmp_path: Path):
    (tmp_path / "prices").mkdir()
    table.to_parquet(tmp_path / "prices" / "A.parquet", index=False)

    ended = subprocess.run(
        [sys.executable, "-c", THREADS + READING, str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr


def test_a_frame_comes_back_as_it_went(table: pd.DataFrame):
    kept = io.BytesIO()
    table.set_index("date").to_parquet(kept)

    assert_frame_equal(parquet.frame(kept), table.set_index("date"))
