"""Files of one's own: which tickers they hold, in how many pieces, and what is said of a file that is none."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from bar_files import HEADER, SOUND, write
from numpy.testing import assert_array_equal
from shared_data import sample_bars, shared_data

from quant.faults import Rule, check
from stock_assets.errors import (
    BadValue,
    DataEmpty,
    DataNotFound,
    DataUnreadable,
    MissingColumn,
    UnknownTicker,
)
from stock_assets.settings import PipelineSettings, SourceName
from stock_assets.sources.catalogue import market_data
from stock_assets.sources.files import source as files
from stock_assets.sources.files.source import Files
from stock_assets.sources.sample import Sample

# A test's name has it in it, and must not have the time in it, which differs from worker to worker.
CUT = gzip.compress(b"date,ticker\n" * 9999, mtime=0)[:60]


def test_settings_choose_the_source(tmp_path):
    file = write(tmp_path / "bars.csv", SOUND)

    assert market_data(PipelineSettings()).tickers() == Sample().tickers()
    assert market_data(PipelineSettings(source=SourceName.FILES, data=file)).tickers() == ("AAPL", "NA")
    with pytest.raises(DataNotFound, match="expected a file or folder"):
        market_data(PipelineSettings(source=SourceName.FILES))


def test_one_file_is_parsed_once_for_all_its_tickers_and_again_when_it_changes(tmp_path, monkeypatch):
    file = write(tmp_path / "bars.csv", SOUND)
    source, parsed = Files(file), []
    monkeypatch.setattr(files, "read_table", lambda path: parsed.append(path) or _read(path))
    _read = __import__("stock_assets.sources.files.tables", fromlist=["read_table"]).read_table

    for ticker in source.tickers() * 3:
        source.fetch(ticker)
    once = len(parsed)
    write(file, [*SOUND, "2024-01-04,AAPL,11,12,10,11,11,1300"])
    longer = source.fetch("AAPL").bars

    assert once == 1
    assert len(longer) == 3
    assert len(parsed) == 2


def test_the_real_csv_holds_five_sound_tickers():
    source = Files(shared_data("bigtech5_daily_1980_2022.csv.gz"))

    bars = {ticker: check(source.fetch(ticker).bars, ticker=ticker) for ticker in source.tickers()}

    assert tuple(bars) == ("AAPL", "AMZN", "GOOGL", "MSFT", "TSLA")
    assert len(bars["TSLA"]) == 3150
    assert str(bars["AAPL"].session[0]) == "1980-12-12"


def test_a_parquet_file_keeps_its_own_splits_and_dividends():
    source = Files(shared_data("us130_daily_raw_2004_2021.parquet"))

    bars = source.fetch("AAPL").bars

    assert bars.split[bars.session == np.datetime64("2014-06-09")] == pytest.approx([7.0], rel=1e-5)
    assert bars.split[bars.session == np.datetime64("2020-08-31")] == pytest.approx([4.0], rel=1e-5)
    assert np.count_nonzero(bars.dividend) > 20


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_a_folder_holds_a_file_a_ticker_with_headers_in_any_case(tmp_path, suffix):
    expected = sample_bars("IBM")
    table = pd.DataFrame(expected.ohlcv, columns=["Open", " High", "LOW", "Close", "Volume "])
    table.insert(0, "Date", expected.session.astype(str))
    table["Split"], table["Dividend"] = expected.split, expected.dividend
    file = tmp_path / f"ibm{suffix}"
    if suffix == ".parquet":
        table.to_parquet(file)
    else:
        table.to_csv(file, index=False)

    source = Files(tmp_path)

    assert source.tickers() == ("IBM",)
    bars = source.fetch("IBM").bars
    assert_array_equal(bars.session, expected.session)
    assert_array_equal(bars.ohlcv, expected.ohlcv)
    assert_array_equal(bars.split, expected.split)


def test_an_unknown_ticker_names_the_known_ones(tmp_path):
    file = write(tmp_path / "bars.csv", SOUND)

    with pytest.raises(UnknownTicker, match="ticker: expected one of AAPL, NA, got TSLA"):
        Files(file).fetch("TSLA")


def test_a_wrong_path_is_named(tmp_path):
    with pytest.raises(DataNotFound, match=r"data: expected a file or folder, got .*nowhere\.csv"):
        Files(tmp_path / "nowhere.csv").tickers()


def test_a_folder_without_tables_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no bars")

    with pytest.raises(DataNotFound, match=r"expected a folder with \.csv, .* found none in"):
        Files(tmp_path).tickers()


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("empty.csv", b"", DataEmpty, "empty.csv: expected bars, got an empty file"),
        ("header.csv", HEADER.encode() + b"\n", DataEmpty, "header without rows"),
        ("noise.csv", bytes(range(256)) * 20, DataUnreadable, "noise.csv: expected a readable CSV"),
        ("noise.csv.gz", b"\x1f\x8b" + bytes(range(256)), DataUnreadable, "noise.csv.gz: expected a readable CSV"),
        ("cut.csv.gz", CUT, DataUnreadable, "cut.csv.gz: expected a readable"),
        ("noise.parquet", b"PAR1 is how it starts", DataUnreadable, "noise.parquet: expected a readable"),
    ],
)
def test_a_file_that_is_no_table_is_named(tmp_path, name, content, error, message):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(error, match=message):
        Files(tmp_path / name).tickers()


@pytest.mark.parametrize("column", ["date", "ticker", "open", "high", "low", "close", "adj_close", "volume"])
def test_a_missing_column_is_named(tmp_path, column):
    names = HEADER.split(",")
    left = [i for i, name in enumerate(names) if name != column]
    rows = [",".join(row.split(",")[i] for i in left) for row in SOUND]
    file = write(tmp_path / "bars.csv", rows, header=",".join(names[i] for i in left))

    with pytest.raises(MissingColumn, match=rf"bars\.csv: expected a column {column}"):
        Files(file).tickers()


@pytest.mark.parametrize(
    ("row", "rule", "message"),
    [
        ("2024-01-04,AAPL,11,12,10,ten,11,1300", Rule.SCHEMA, "2024-01-04 close: expected a number, got ten"),
        (
            "2024-01-04,AAPL,11,12,10,11,-1,1300",
            Rule.FINITE,
            "2024-01-04 adj_close: expected a price above 0, got -1.0",
        ),
        ("04/01/2024,AAPL,11,12,10,11,11,1300", Rule.SCHEMA, "04/01/2024 date: expected a date, got 04/01/2024"),
        ("2024-02-30,AAPL,11,12,10,11,11,1300", Rule.SCHEMA, "2024-02-30 date: expected a date, got 2024-02-30"),
        (",AAPL,11,12,10,11,11,1300", Rule.SCHEMA, " date: expected a date, got "),
        ("2024-01-04,AAPL,11,12", Rule.SCHEMA, "2024-01-04 row: expected 8 cells, as many as headers, got 4 cells"),
        ("2024-01-04,AAPL,11,12,10,,11,1300", Rule.FINITE, "2024-01-04 close: expected a finite number, got nan"),
        ("2024-01-04,AAPL,-11,12,10,11,11,1300", Rule.POSITIVE_PRICE, "2024-01-04 open: expected a price above 0"),
    ],
)
def test_a_row_that_is_no_bar_is_refused_by_name_and_costs_no_other_one(tmp_path, row, rule, message):
    source = Files(write(tmp_path / "bars.csv", [*SOUND, row]))

    fetched = source.fetch("AAPL")

    assert [refused.rule for refused in fetched.refused] == [rule]
    assert str(fetched.refused[0]).startswith(message)
    assert_array_equal(fetched.bars.session, np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]"))
    assert source.fetch("NA").refused == ()


def test_a_refused_row_keeps_its_cells_as_they_came(tmp_path):
    source = Files(write(tmp_path / "bars.csv", [*SOUND, "2024-01-04,AAPL,11,12,10,ten,,1300"]))

    row = json.loads(source.fetch("AAPL").refused[0].row)

    assert row == {
        "date": "2024-01-04",
        **{"open": 11.0, "high": 12.0, "low": 10.0, "close": "ten", "volume": 1300.0, "adj_close": None},
    }


def test_an_identical_row_is_merged_and_one_that_differs_refused_with_its_rival(tmp_path):
    rows = [SOUND[0], SOUND[0], *SOUND, "2024-01-03,AAPL,10.5,12,10,11.5,11.5,1200"]
    source = Files(write(tmp_path / "bars.csv", rows))

    fetched = source.fetch("AAPL")

    assert fetched.merged == 2
    assert [(row.session, row.rule) for row in fetched.refused] == [("2024-01-03", Rule.CONFLICT)] * 2
    assert_array_equal(fetched.bars.session, np.array(["2024-01-02"], dtype="datetime64[D]"))


def test_a_ticker_of_which_no_row_is_a_bar_is_an_error_that_tells_the_first(tmp_path):
    source = Files(write(tmp_path / "bars.csv", [*SOUND, "2024-01-02,MSFT,1,1,1,,1,1"]))

    message = "MSFT: expected bars in bars.csv, got none: all 1 rows are refused, the first: 2024-01-02 close: expected"
    with pytest.raises(DataEmpty, match=message):
        source.fetch("MSFT")


def test_a_ticker_whose_rows_mostly_cannot_be_read_is_refused_and_costs_no_other_one(tmp_path):
    source = Files(write(tmp_path / "bars.csv", [*SOUND, "soon,MSFT,1,1,1,1,1,1", "later,MSFT,1,1,1,1,1,1"]))

    with pytest.raises(
        BadValue, match=r"bars\.csv: expected rows of bars, got 2 that can't be read, the first: later date"
    ):
        source.fetch("MSFT")
    assert len(source.fetch("AAPL").bars) == 2


def test_rows_without_a_ticker_are_noted(tmp_path):
    source = Files(write(tmp_path / "bars.csv", [*SOUND, "2024-01-04,,11,12,10,11,11,1300"]))

    assert source.tickers() == ("AAPL", "NA")
    assert "rows left out that have no ticker: 1, the first date '2024-01-04'" in source.fetch("AAPL").notes[0]


def test_the_header_once_more_among_the_rows_is_noted_and_is_no_ticker(tmp_path):
    source = Files(write(tmp_path / "bars.csv", [SOUND[0], HEADER, *SOUND[1:]]))

    assert source.tickers() == ("AAPL", "NA")
    assert source.fetch("AAPL").notes == ("bars.csv: rows left out that say the header once more: 1",)


def test_another_header_among_the_rows_is_refused(tmp_path):
    other = "date,ticker,close,high,low,open,adj_close,volume"

    with pytest.raises(DataUnreadable, match=r"expected the same header throughout, 'open', got 'close' in row 2"):
        Files(write(tmp_path / "bars.csv", [SOUND[0], other, *SOUND[1:]])).tickers()
