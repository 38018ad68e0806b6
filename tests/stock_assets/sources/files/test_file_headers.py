"""What headers and cells mean, as vendors write them: names, numbers, tickers side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from stock_assets.errors import MissingColumn
from stock_assets.sources.files.headers import SPELLINGS, meaning
from stock_assets.sources.files.numbers import Decimal, number
from stock_assets.sources.files.source import Files
from stock_assets.sources.market_data import Fetched


def fetched_bytes(folder: Path, data: bytes) -> Fetched:
    (folder / "AAPL.csv").write_bytes(data)
    return Files(folder / "AAPL.csv").fetch("AAPL")


@pytest.mark.parametrize(
    ("cell", "field", "decimal", "value"),
    [
        ("1234.5", "open", Decimal.POINT, 1234.5),
        ("$1,234.50", "open", Decimal.POINT, 1234.5),
        ("-$1,234.50", "open", Decimal.POINT, -1234.5),
        ("1 234.5 €", "open", Decimal.POINT, 1234.5),
        ("1,234", "volume", Decimal.POINT, 1234.0),
        ("1.234,5", "open", Decimal.COMMA, 1234.5),
        ("12,5", "open", Decimal.COMMA, 12.5),
        ("1.234", "volume", Decimal.COMMA, 1234.0),
        ("45.6M", "volume", Decimal.POINT, 45.6e6),
        ("1,5B", "volume", Decimal.COMMA, 1.5e9),
        ("980K", "volume", Decimal.POINT, 980e3),
        ("4:1", "split", Decimal.POINT, 4.0),
        ("3-for-2", "split", Decimal.POINT, 1.5),
        ("1/8", "split", Decimal.POINT, 0.125),
        ("", "split", Decimal.POINT, 1.0),
        ("-", "dividend", Decimal.POINT, 0.0),
        ("1e3", "close", Decimal.POINT, 1000.0),
    ],
)
def test_a_number_is_read_as_it_is_spelled(cell, field, decimal, value):
    assert number(cell, field=field, decimal=decimal) == value


@pytest.mark.parametrize("cell", ["", " ", "-", "null", "N/A", "None", "nan", "#N/A"])
def test_a_cell_may_say_that_there_is_no_number(cell):
    assert np.isnan(number(cell, field="close", decimal=Decimal.POINT))


@pytest.mark.parametrize("cell", ["ten", "1.2.3", "12,5", "5%", "1.2K", "$", "(5)", "2024-01-02"])
def test_a_cell_that_is_neither_a_number_nor_none_is_told(cell):
    assert number(cell, field="close", decimal=Decimal.POINT) is None


def test_dollar_signs_and_thousands_are_read_as_nasdaq_writes_them(tmp_path):
    data = (
        "Date,Close/Last,Volume,Open,High,Low,Dividend,Split\n"
        '01/16/2024,$183.63,"65,603,040",$182.16,$184.26,"$1,80.93",0,1\n'
        '01/05/2024,$181.18,"62,379,660",$181.99,$182.76,$180.17,N/A,\n'
    )

    fetched = fetched_bytes(tmp_path, data.encode())

    assert_array_equal(fetched.bars.ohlcv, [[181.99, 182.76, 180.17, 181.18, 62_379_660.0]])
    assert str(fetched.refused[0]) == "2024-01-16 low: expected a number, got $1,80.93"


def test_semicolons_and_decimal_commas_are_read_together(tmp_path):
    data = "Datum;Open;High;Low;Close;Adj. Close;Volume\n15.01.2024;1.010,5;1.011;1.009,25;1.010;1.010;12.345\n"

    fetched = fetched_bytes(tmp_path, data.encode())

    assert_array_equal(fetched.bars.ohlcv, [[1010.5, 1011.0, 1009.25, 1010.0, 12345.0]])


BY_FIELD = """Price,Adj Close,Adj Close,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume
Ticker,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT
Date,,,,,,,,,,,,
2024-01-02,10.5,20,10.5,20,11,21,9,19,10,20,100,200
2024-01-03,,20,,20,,21,,19,,20,,200
"""
BY_TICKER = """Ticker,AAPL,AAPL,AAPL,AAPL,AAPL,AAPL,MSFT,MSFT,MSFT,MSFT,MSFT,MSFT
Price,Open,High,Low,Close,Adj Close,Volume,Open,High,Low,Close,Adj Close,Volume
Date,,,,,,,,,,,,
2024-01-02,10,11,9,10.5,10.5,100,20,21,19,20,20,200
2024-01-03,,,,,,,20,21,19,20,20,200
"""
PAIRS = [
    f"('{field}', '{ticker}')" for ticker in ("AAPL", "MSFT") for field in BY_TICKER.split("\n")[1].split(",")[1:7]
]
IN_PAIRS = f"""Date;{";".join(PAIRS)}
2024-01-02;10;11;9;10.5;10.5;100;20;21;19;20;20;200
2024-01-03;;;;;;;20;21;19;20;20;200
"""


@pytest.mark.parametrize("text", [BY_FIELD, BY_TICKER, IN_PAIRS], ids=["by field", "by ticker", "in pairs"])
def test_tickers_side_by_side_are_told_apart(tmp_path, text):
    (tmp_path / "bars.csv").write_text(text)
    source = Files(tmp_path / "bars.csv")

    one, other = source.fetch("AAPL"), source.fetch("MSFT")

    assert source.tickers() == ("AAPL", "MSFT")
    assert_array_equal(one.bars.ohlcv, [[10.0, 11.0, 9.0, 10.5, 100.0]])
    assert_array_equal(other.bars.ohlcv, [[20.0, 21.0, 19.0, 20.0, 200.0]] * 2)
    assert one.refused == ()
    assert one.notes == ("bars.csv: rows left out that only the tickers beside it have: 1",)


VENDORS = {
    "yfinance": "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits",
    "Alpha Vantage": "timestamp,1. open,2. high,3. low,4. close,5. adjusted close,6. volume,7. dividend amount,"
    "8. split coefficient",
    "Tiingo": "date,open,high,low,close,adjClose,volume,divCash,splitFactor",
    "MetaTrader": "<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<ADJ CLOSE>,<VOL>,<DIV>,<SPLIT>",
    "letters": "t,o,h,l,c,adj_close,v,div,split",
    "pandas": "Unnamed: 0,open,high,low,close,adj close,volume,dividend,split",
    "pandas, nameless": ",open,high,low,close,adj close,volume,dividend,split",
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendors_headers_are_understood(tmp_path, vendor):
    fetched = fetched_bytes(tmp_path, f"{VENDORS[vendor]}\n2024-01-02,10,11,9,10.5,10.4,1000,0.5,2\n".encode())

    assert_array_equal(fetched.bars.ohlcv, [[10.0, 11.0, 9.0, 10.5, 1000.0]])
    assert (fetched.bars.dividend[0], fetched.bars.split[0]) == (0.5, 2.0)
    assert_array_equal(fetched.adjusted_close, [10.4])
    assert fetched.notes == ()


def test_a_surer_date_column_leaves_the_others_unread(tmp_path):
    data = "Unnamed: 0,date,time,open,high,low,close,adj_close,volume,Change %\n0,2024-01-02,16:00,10,11,9,10,10,5,1%\n"

    fetched = fetched_bytes(tmp_path, data.encode())

    assert fetched.bars.session.astype(str).tolist() == ["2024-01-02"]
    unread = "AAPL.csv: columns left unread that are not understood: Unnamed: 0, time, Change %"
    assert fetched.notes == (unread,)


@pytest.mark.parametrize("second", ["Last", "CLOSE", "close (USD)", "Close/Last"])
def test_a_column_that_stands_twice_is_refused_by_name(tmp_path, second):
    data = f"date,open,high,low,close,adj_close,volume,{second}\n2024-01-02,10,11,9,10,10,5,10\n"

    with pytest.raises(MissingColumn, match=r"AAPL\.csv: expected one column close, got 2 \(close, "):
        fetched_bytes(tmp_path, data.encode())


def test_no_spelling_means_two_things():
    spellings = [spelling for ranks in SPELLINGS.values() for words in ranks for spelling in words]

    assert len(spellings) == len(set(spellings))
    assert all(meaning(spelling) == field for field in SPELLINGS for spelling in frozenset().union(*SPELLINGS[field]))
