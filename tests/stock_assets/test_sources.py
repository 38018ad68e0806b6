"""What a source hands over, and what it says of bad input."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from shared_data import sample_bars, shared_data

from quant.faults import check, faults
from stock_assets.errors import (
    BadValue,
    DataEmpty,
    DataNotFound,
    DataUnreadable,
    MissingColumn,
    SourceError,
    UnknownTicker,
)
from stock_assets.settings import PipelineSettings, SourceName
from stock_assets.sources import files
from stock_assets.sources.catalogue import market_data
from stock_assets.sources.files import Files
from stock_assets.sources.sample import Sample

HEADER = "date,ticker,open,high,low,close,adj_close,volume"
SOUND = [
    "2024-01-02,AAPL,10,11,9,10.5,10.5,1000",
    "2024-01-03,AAPL,10.5,12,10,11,11,1200",
    "2024-01-02,NA,5,6,4,5.5,5.5,900",
]


def write(path: Path, rows: list[str], *, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_the_sample_carries_five_tickers_with_their_real_actions():
    source = Sample()

    fetched = source.fetch("AAPL")

    assert source.tickers() == ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    assert faults(fetched.bars) == []
    assert str(fetched.bars.session[int(np.argmax(fetched.bars.split))]) == "2000-06-21"
    assert fetched.provenance.source == "sample"


def test_bars_after_the_end_are_kept_back():
    fetched = Sample().fetch("MSFT", end=date(2012, 3, 1))

    assert str(fetched.bars.session[-1]) == "2012-03-01"


def test_a_range_without_bars_is_an_error_that_names_the_range():
    with pytest.raises(
        DataEmpty,
        match=r"FB: too short: expected bars from the start to 2005-01-01, got none; its 196 bars are of 2012-05-18",
    ):
        Sample().fetch("FB", end=date(2005, 1, 1))


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
    _read = __import__("stock_assets.sources.tables", fromlist=["read_table"]).read_table

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
    with pytest.raises(UnknownTicker, match="expected one of AAPL, FB, GOOG, IBM, MSFT, got TSLA"):
        Sample().fetch("TSLA")


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
        ("cut.csv.gz", gzip.compress(b"date,ticker\n" * 9999)[:60], DataUnreadable, "cut.csv.gz: expected a readable"),
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
    ("row", "message"),
    [
        ("2024-01-04,AAPL,11,12,10,ten,11,1300", r"AAPL 2024-01-04 close: expected a number, got 'ten'"),
        ("2024-01-04,AAPL,11,12,10,11,-1,1300", r"AAPL 2024-01-04 adj_close: expected a price above 0, got -1"),
        ("04/01/2024,AAPL,11,12,10,11,11,1300", r"AAPL date: expected an ISO date such as .*, got '04/01/2024'"),
    ],
)
def test_a_cell_that_is_no_number_or_date_is_named(tmp_path, row, message):
    file = write(tmp_path / "bars.csv", [*SOUND, row])

    with pytest.raises(BadValue, match=message):
        Files(file).fetch("AAPL")
    assert len(Files(file).fetch("NA").bars) == 1 or "date" in message


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2024-01-04,AAPL,11,12,10,,11,1300", "2024-01-04 close: expected a finite number, got nan"),
        ("2024-01-04,AAPL,-11,12,10,11,11,1300", "2024-01-04 open: expected a price above 0, got -11.0"),
        ("2024-01-02,AAPL,11,12,10,11,11,1300", "expected a session after 2024-01-03"),
        ("2024-01-03,AAPL,11,12,10,11,11,1300", "expected a session after 2024-01-03"),
    ],
)
def test_faulty_bars_reach_the_check_that_names_them_and_other_tickers_go_on(tmp_path, row, message):
    source = Files(write(tmp_path / "bars.csv", [*SOUND, row]))

    found = faults(source.fetch("AAPL").bars)

    assert message in str(found[0])
    assert faults(source.fetch("NA").bars) == []


@pytest.mark.parametrize(
    "name",
    [
        "alphavantage_error_saved_as_csv_BF.B.csv",
        "ddmmyyyy_reordered_columns_AAPL_head.csv",
        "yf_multiheader_AAPL_head.csv",
        "yf_thread_mix_AAPL.csv.gz",
    ],
)
def test_a_vendors_odd_file_is_refused_with_one_line(tmp_path, name):
    odd = shared_data(f"dirty/{name}")
    (tmp_path / "AAPL").mkdir()
    suffix = ".csv.gz" if name.endswith(".gz") else ".csv"
    (tmp_path / "AAPL" / f"AAPL{suffix}").write_bytes(odd.read_bytes())

    with pytest.raises(SourceError) as raised:
        Files(tmp_path / "AAPL").fetch("AAPL")

    assert "\n" not in str(raised.value)
    assert "expected" in str(raised.value)
