"""Which files there are and whose they are: pieces of one ticker, globs, strangers, files that are none."""

from __future__ import annotations

import gzip
import re
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from bar_files import ALONE, FIRST, SECOND, SOUND, THIRD, write
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import sample_bars

from quant.basis import later_splits, split_adjusted
from quant.faults import Rule
from stock_assets.errors import (
    BadValue,
    DataEmpty,
    DataNotFound,
    DataUnreadable,
    ErrorBody,
    MissingColumn,
    WrongTicker,
)
from stock_assets.sources.files import source as files
from stock_assets.sources.files.names import named_ticker
from stock_assets.sources.files.source import Files
from stock_assets.sources.market_data import Provenance


def test_the_pieces_of_a_ticker_are_one_history(tmp_path):
    write(tmp_path / "AAPL_2023.csv", [SECOND, FIRST], header=ALONE)
    write(tmp_path / "aapl-2024.csv", [THIRD, SECOND], header=ALONE)
    write(tmp_path / "rest.csv", [SOUND[2]])
    source = Files(tmp_path)

    fetched = source.fetch("AAPL")

    assert source.tickers() == ("AAPL", "NA")
    assert_array_equal(fetched.bars.close, [10.5, 11.0, 11.0])
    assert fetched.merged == 1
    assert fetched.provenance == Provenance(
        source="files",
        origin=str(tmp_path),
        sha256=tuple(sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("AAPL_2023.csv", "aapl-2024.csv")),
    )


def test_pieces_with_different_columns_are_refused(tmp_path):
    write(tmp_path / "AAPL_1.csv", [FIRST], header=ALONE)
    write(tmp_path / "AAPL_2.csv", [SECOND + ",1,0"], header=f"{ALONE},split,dividend")

    with pytest.raises(
        MissingColumn, match=r"AAPL_2\.csv: expected the columns of AAPL_1\.csv \(adj_close, close, high"
    ):
        Files(tmp_path).fetch("AAPL")


def test_a_piece_that_does_not_tell_day_from_month_follows_the_one_that_does(tmp_path):
    write(tmp_path / "AAPL_1.csv", ["02/01/2024" + FIRST[10:]], header=ALONE)
    write(tmp_path / "AAPL_2.csv", ["15/01/2024" + SECOND[10:]], header=ALONE)

    fetched = Files(tmp_path).fetch("AAPL")

    assert_array_equal(fetched.bars.session, np.array(["2024-01-02", "2024-01-15"], dtype="datetime64[D]"))
    with pytest.raises(
        BadValue, match=r"AAPL_1\.csv date: expected dates that tell dd/mm from mm/dd .* 2024-01-02 or 20"
    ):
        Files(tmp_path / "AAPL_1.csv").fetch("AAPL")


@pytest.mark.parametrize(
    ("name", "ticker"),
    [
        ("AAPL.csv", "AAPL"),
        ("brk-b.csv.gz", "BRK-B"),
        ("BF.B.parquet", "BF.B"),
        ("BTC-USD_2020.csv", "BTC-USD"),
        ("AAPL-2020-01.csv", "AAPL"),
        ("aapl.part-3.csv", "AAPL"),
        ("AAPL (1).csv", "AAPL"),
        ("msft_us_d.csv", "MSFT"),
        ("0700.HK.csv", "0700.HK"),
        ("bars.csv", None),
        ("prices_2024.csv", None),
        ("2024.csv", None),
        ("part-0.parquet", None),
    ],
)
def test_a_name_tells_a_ticker_or_nothing(name, ticker):
    assert named_ticker(name) == ticker


def test_a_glob_reaches_into_folders_which_may_name_the_ticker(tmp_path):
    for name in ("ticker=IBM", "MSFT", "attic"):
        (tmp_path / "bars" / name).mkdir(parents=True)
    write(tmp_path / "bars" / "ticker=IBM" / "part-0.csv", [FIRST], header=ALONE)
    write(tmp_path / "bars" / "ticker=IBM" / "part-1.csv", [SECOND], header=ALONE)
    write(tmp_path / "bars" / "MSFT" / "2024.csv", [FIRST], header=ALONE)
    write(tmp_path / "bars" / "attic" / "notes.txt", ["no bars"])

    source = Files(tmp_path / "bars" / "**" / "*")

    assert source.tickers() == ("IBM", "MSFT")
    assert len(source.fetch("IBM").bars) == 2
    assert source.fetch("IBM").provenance.origin == str(tmp_path / "bars" / "**" / "*")


def test_a_folder_is_its_own_files_and_a_glob_those_that_match(tmp_path):
    (tmp_path / "deeper").mkdir()
    write(tmp_path / "deeper" / "MSFT.csv", [FIRST], header=ALONE)
    write(tmp_path / "AAPL.csv", [FIRST], header=ALONE)
    write(tmp_path / "IBM.csv", [FIRST], header=ALONE)

    assert Files(tmp_path).tickers() == ("AAPL", "IBM")
    assert Files(tmp_path / "A*.csv").tickers() == ("AAPL",)
    with pytest.raises(DataNotFound, match=r"files that match .*Z\*\.csv, found none"):
        Files(tmp_path / "Z*.csv").tickers()


def test_a_file_that_comes_is_found_and_one_that_goes_is_gone(tmp_path):
    write(tmp_path / "AAPL.csv", [FIRST], header=ALONE)
    source = Files(tmp_path)
    before = source.tickers()

    write(tmp_path / "IBM.csv", [FIRST], header=ALONE)
    more = source.tickers()
    (tmp_path / "AAPL.csv").unlink()

    assert (before, more, source.tickers()) == (("AAPL",), ("AAPL", "IBM"), ("IBM",))


def test_files_beyond_those_that_are_kept_are_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "KEPT_ROWS", 3)
    for name in ("AAPL", "IBM", "MSFT"):
        write(tmp_path / f"{name}.csv", [FIRST, SECOND], header=ALONE)
    source = Files(tmp_path)

    assert [len(source.fetch(ticker).bars) for ticker in source.tickers() * 2] == [2] * 6


def test_a_file_that_says_it_is_another_tickers_is_refused(tmp_path):
    write(tmp_path / "AAPL.csv", [row.replace("AAPL", "MSFT") for row in SOUND[:2]])
    write(tmp_path / "IBM.csv", [FIRST], header=ALONE)
    source = Files(tmp_path)

    assert source.tickers() == ("AAPL", "IBM")
    with pytest.raises(WrongTicker, match=r"AAPL\.csv: expected AAPL by its name, got MSFT in its ticker column"):
        source.fetch("AAPL")


def test_the_rows_of_a_stranger_in_a_tickers_file_are_refused(tmp_path):
    write(tmp_path / "AAPL.csv", [*SOUND, "2024-01-04,MSFT,11,12,10,ten,11,1300"])
    source = Files(tmp_path)

    fetched = source.fetch("AAPL")

    assert source.tickers() == ("AAPL",)
    assert len(fetched.bars) == 2
    assert [(row.rule, row.session, row.value, row.expected) for row in fetched.refused] == [
        (Rule.OTHER_TICKER, "2024-01-02", "NA", "AAPL"),
        (Rule.OTHER_TICKER, "2024-01-04", "MSFT", "AAPL"),
    ]


def test_a_file_of_all_tickers_may_be_called_by_a_word_that_one_of_them_is_too(tmp_path):
    tickers = ("ALL", "AAPL", "IBM", "MSFT", "T")
    write(tmp_path / "ALL.csv", [SOUND[0].replace("AAPL", ticker) for ticker in tickers])

    assert Files(tmp_path).tickers() == tuple(sorted(tickers))


BAD = {
    "error": b'{"Error Message": "the parameter symbol is invalid"}',
    "page": b"<html><head><title>429 Too Many Requests</title></head></html>",
    "binary": bytes(range(256)) * 20,
    "cut": gzip.compress(b"date,open\n" * 9999)[:60],
    "empty": b"",
}


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("error", ErrorBody, "MSFT.csv: expected rows of bars, got JSON: 'the parameter symbol is invalid'"),
        ("page", ErrorBody, "MSFT.csv: expected rows of bars, got HTML: '429 Too Many Requests'"),
        ("binary", DataUnreadable, "MSFT.csv: expected a readable CSV or Parquet table, got bytes that are no text"),
        ("cut", DataUnreadable, "MSFT.csv: expected a readable CSV or Parquet table, got Compressed file ended before"),
        ("empty", DataEmpty, "MSFT.csv: expected bars, got an empty file"),
    ],
)
def test_a_bad_file_of_a_folder_costs_its_own_ticker_only(tmp_path, kind, error, message):
    (tmp_path / "MSFT.csv").write_bytes(BAD[kind])
    write(tmp_path / "AAPL.csv", [FIRST], header=ALONE)
    source = Files(tmp_path)

    assert source.tickers() == ("AAPL", "MSFT")
    assert (len(source.fetch("AAPL").bars), source.fetch("AAPL").notes) == (1, ())
    with pytest.raises(error, match=re.escape(message)):
        source.fetch("MSFT")


def test_a_bad_file_of_which_nobody_knows_whose_it_is_is_told_to_all(tmp_path):
    (tmp_path / "bars_2024.csv").write_bytes(BAD["error"])
    write(tmp_path / "AAPL.csv", [FIRST], header=ALONE)
    source = Files(tmp_path)

    assert source.tickers() == ("AAPL", "BARS_2024")
    assert source.fetch("AAPL").notes == (
        "left out: bars_2024.csv: expected rows of bars, got JSON: 'the parameter symbol is invalid'",
    )
    (tmp_path / "bars_2024.csv").unlink()
    assert source.fetch("AAPL").notes == ()


def test_bars_of_minutes_or_weeks_are_refused(tmp_path):
    cells = ",10,11,9,10.5,10.5,1000"
    minutes = [f"2024-01-0{day} {hour}:30:00-05:00{cells}" for day in (2, 3, 4) for hour in (10, 11)]
    weeks = [f"{np.datetime64('2024-01-01') + 7 * week}{cells}" for week in range(12)]
    write(tmp_path / "AAPL.csv", minutes, header=ALONE)
    write(tmp_path / "IBM.csv", weeks, header=ALONE)

    with pytest.raises(
        DataUnreadable, match=r"AAPL\.csv: expected one bar a day, got 2 on 2024-01-02 \(10:30, 11:30\)"
    ):
        Files(tmp_path).fetch("AAPL")
    with pytest.raises(DataUnreadable, match=r"IBM\.csv: expected one bar a session, got one every 7 days"):
        Files(tmp_path).fetch("IBM")


def test_pairs_of_currencies_need_no_actions(tmp_path):
    write(tmp_path / "BTC-USD.csv", ["2024-01-06,10,11,9,10.5,1000"], header="date,open,high,low,close,volume")

    bars = Files(tmp_path).fetch("BTC-USD").bars

    assert (bars.split.tolist(), bars.dividend.tolist()) == ([1.0], [0.0])


def test_split_adjusted_prices_and_dividends_are_brought_back_to_their_days_shares(tmp_path):
    bars = sample_bars("AAPL")
    restated, later = split_adjusted(bars.ohlcv, bars.split), later_splits(bars.split)
    table = price_frame(bars.session, restated, split=bars.split, dividend=bars.dividend / later)
    table.to_csv(tmp_path / "AAPL.csv", index=False)

    fetched = Files(tmp_path).fetch("AAPL")

    assert_allclose(fetched.bars.ohlcv, bars.ohlcv, rtol=1e-14)
    assert_allclose(fetched.bars.dividend, bars.dividend, rtol=1e-14)
    assert fetched.notes == (
        "prices and dividends were adjusted for 2 splits; they are brought back to each day's share count",
    )


def test_a_split_that_only_one_ticker_of_a_raw_file_does_not_show_is_left_for_the_checks(tmp_path):
    apple, ibm = sample_bars("AAPL"), sample_bars("IBM")
    made_up = np.where(np.arange(len(ibm)) == 1000, 2.0, 1.0)
    raw = price_frame(apple.session, apple.ohlcv, split=apple.split, dividend=apple.dividend).assign(ticker="AAPL")
    two = [raw, raw.assign(ticker="AAPL2"), price_frame(ibm.session, ibm.ohlcv, split=made_up, dividend=ibm.dividend)]
    pd.concat([*two[:2], two[2].assign(ticker="IBM")]).to_csv(tmp_path / "bars.csv", index=False)

    fetched = Files(tmp_path / "bars.csv").fetch("IBM")

    assert_array_equal(fetched.bars.ohlcv, ibm.ohlcv)
    assert fetched.bars.split[1000] == 2.0
    assert fetched.notes == ()


def price_frame(session, ohlcv, *, split, dividend) -> pd.DataFrame:
    table = pd.DataFrame(ohlcv, columns=["open", "high", "low", "close", "volume"])
    return table.assign(date=session.astype(str), split=split, dividend=dividend)
