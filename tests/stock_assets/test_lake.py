"""Tables and files that are replaced whole or not at all."""

from __future__ import annotations

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from shared_data import sample_bars
from upath import UPath

from stock_assets.errors import LakeUnreadable, NotMaterialized
from stock_assets.frames import bars_of, price_table
from stock_assets.resources.lake import Lake


@pytest.fixture
def lake(tmp_path):
    return Lake(UPath(tmp_path))


def test_a_table_comes_back_as_it_went(lake):
    table = price_table(sample_bars("IBM"), ticker="IBM")

    lake.write("prices", "IBM", table)

    assert_frame_equal(lake.read("prices", "IBM"), table)
    assert lake.keys("prices") == ("IBM",)
    assert bars_of(lake.read("prices", "IBM")).ohlcv.tobytes() == sample_bars("IBM").ohlcv.tobytes()


def test_a_write_that_fails_midway_leaves_the_table_before_it_and_nothing_else(lake, tmp_path):
    before = price_table(sample_bars("FB"), ticker="FB")
    lake.write("prices", "FB", before)
    unwritable = pd.DataFrame({"mixed": [1, "two", object()]})

    with pytest.raises(Exception, match="object"):
        lake.write("prices", "FB", unwritable)

    assert_frame_equal(lake.read("prices", "FB"), before)
    assert [path.name for path in (tmp_path / "prices").iterdir()] == ["FB.parquet"]


def test_a_table_nobody_made_is_named(lake):
    with pytest.raises(NotMaterialized, match="prices: expected a table for TSLA, found none"):
        lake.read("prices", "TSLA")


def test_a_damaged_table_is_named(lake, tmp_path):
    (tmp_path / "prices").mkdir()
    (tmp_path / "prices" / "FB.parquet").write_bytes(b"PAR1 and then nothing")

    with pytest.raises(LakeUnreadable, match=r"prices/FB\.parquet: expected a Parquet table"):
        lake.read("prices", "FB")


def test_a_file_that_is_not_the_recorded_one_is_never_read(lake, tmp_path):
    lake.write_files("model", "IBM", {"model.onnx": b"graph", "parity.npz": b"rows"})
    whole = lake.read_files("model", "IBM")
    (tmp_path / "model" / "IBM" / "model.onnx").write_bytes(b"a later write that was cut short")

    assert whole == {"model.onnx": b"graph", "parity.npz": b"rows"}
    with pytest.raises(LakeUnreadable, match=r"model/IBM/model\.onnx: expected the file that was recorded"):
        lake.read_files("model", "IBM")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: (folder / "model.onnx").unlink(), "model/IBM: expected every file that was recorded"),
        (lambda folder: (folder / "record.json").write_bytes(b"{"), r"model/IBM/record\.json: expected the files'"),
    ],
    ids=["a file gone", "digests cut short"],
)
def test_files_that_are_not_whole_are_told_without_the_place_they_lie_at(lake, tmp_path, damage, told):
    lake.write_files("model", "IBM", {"model.onnx": b"graph"})
    damage(tmp_path / "model" / "IBM")

    with pytest.raises(LakeUnreadable, match=told) as refused:
        lake.read_files("model", "IBM")

    assert str(tmp_path) not in str(refused.value)
