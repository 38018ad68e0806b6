"""One history in many shapes: headers, dates, numbers, delimiters, encodings and pieces change nothing in the bars."""

from __future__ import annotations

import gzip
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from numpy.testing import assert_array_equal
from pyarrow import parquet
from shared_data import sample_bars

from quant.bars import Bars
from quant.faults import Fault, Rule, faults
from stock_assets.errors import BadValue, MissingColumn, SourceError
from stock_assets.sources.dates import moment
from stock_assets.sources.files import Files
from stock_assets.sources.headers import SPELLINGS, meaning
from stock_assets.sources.market_data import Fetched
from stock_assets.sources.numbers import Decimal, number

FIELDS = ("date", "open", "high", "low", "close", "volume", "split", "dividend")
# Apple around its split of 2000, with a dividend made up, so that something would show if a row went astray.
BARS = sample_bars("AAPL")[60:100]


def cells_of(bars: Bars) -> list[dict[str, str]]:
    dividend = np.where(np.arange(len(bars)) == 7, 0.25, 0.0)
    columns = [bars.session, *bars.ohlcv.T, bars.split, dividend]
    return [dict(zip(FIELDS, map(str, row), strict=True)) for row in zip(*columns, strict=True)]


SOUND = cells_of(BARS)
# One of each kind of row that is none: a rival, a row without a close, a word for a number, no date, a torn one.
DIRTY = [
    *SOUND,
    SOUND[3] | {"close": "1.5", "low": "1.5"},
    SOUND[5] | {"close": ""},
    SOUND[9] | {"high": "n.a.?"},
    SOUND[11] | {"date": "31st of June"},
    SOUND[13] | {"date": "2000-05-99", "open": "-"},
]


def written(path: Path, rows: list[dict[str, str]], *, fields=FIELDS, headers=None, delimiter=",") -> Path:
    lines = [headers or list(fields), *([row[field] for field in fields] for row in rows)]
    text = "".join(delimiter.join(line) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def fetched_from(rows, **shape) -> Fetched:
    with TemporaryDirectory() as folder:
        return Files(written(Path(folder) / "AAPL.csv", rows, **shape)).fetch("AAPL")


def fetched_bytes(folder: Path, data: bytes, name: str = "AAPL.csv") -> Fetched:
    (folder / name).write_bytes(data)
    return Files(folder / name).fetch("AAPL")


def assert_same_bars(one: Fetched, other: Fetched) -> None:
    for column in ("session", "ohlcv", "split", "dividend"):
        assert_array_equal(getattr(one.bars, column), getattr(other.bars, column))
        assert getattr(one.bars, column).tobytes() == getattr(other.bars, column).tobytes()


WHOLE = fetched_from(DIRTY)
WHOLE_SOUND = fetched_from(SOUND)


def test_the_history_that_the_properties_are_about_holds_every_kind_of_refused_row():
    kinds = [row.rule for row in WHOLE.refused]

    assert sorted(kinds, key=lambda rule: rule.name) == [Rule.CONFLICT] * 2 + [Rule.FINITE] + [Rule.SCHEMA] * 3
    assert len(WHOLE.bars) == len(SOUND) - 1
    assert np.count_nonzero(WHOLE.bars.split != 1) == 1
    assert np.count_nonzero(WHOLE.bars.dividend) == 1


@given(st.data())
def test_any_permutation_duplication_and_splitting_into_pieces_gives_the_same_bars_and_refused_rows(data):
    again = data.draw(st.lists(st.integers(0, len(DIRTY) - 1), max_size=30))
    order = data.draw(st.permutations([*range(len(DIRTY)), *again]))
    rows = [DIRTY[i] for i in order]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(rows) - 1), max_size=5)))
    suffix = data.draw(st.sampled_from([".csv", ".csv.gz"]))
    with TemporaryDirectory() as folder:
        for piece, (start, stop) in enumerate(zip([0, *cuts], [*cuts, len(rows)], strict=True)):
            written(Path(folder) / f"AAPL_{piece}{suffix}", rows[start:stop])

        fetched = Files(Path(folder)).fetch("AAPL")

    assert_same_bars(fetched, WHOLE)
    assert set(fetched.refused) == set(WHOLE.refused)
    assert len(fetched.bars) + len(fetched.refused) + fetched.merged == len(rows)


@given(st.data())
def test_any_order_of_columns_and_any_spelling_of_headers_gives_the_same_bars_and_refused_rows(data):
    fields = data.draw(st.permutations(FIELDS))
    decorated = st.sampled_from(["{}", " {} ", "1. {}", "{} (USD)", "{} [shares]", "\ufeff{}", "<{}>", "{}*", '"{}"'])
    cased = st.sampled_from([str.upper, str.lower, str.title])
    headers = []
    for field in fields:
        spelling = data.draw(st.sampled_from(sorted(frozenset().union(*SPELLINGS[field]))))
        headers.append(data.draw(decorated).format(data.draw(cased)(spelling)))

    fetched = fetched_from(DIRTY, fields=fields, headers=headers, delimiter=data.draw(st.sampled_from(",;|\t")))

    assert_same_bars(fetched, WHOLE)
    assert set(fetched.refused) == set(WHOLE.refused)


@given(st.permutations(range(len(SOUND))), st.sampled_from(["typed", "text", "index", "timestamps"]))
def test_parquet_holds_what_csv_holds(order, kind):
    rows = [SOUND[i] for i in order]
    columns = {field: [row[field] for row in rows] for field in FIELDS}
    table = {field: pa.array(column) for field, column in columns.items()}
    if kind != "text":
        table |= {field: pa.array([float(cell) for cell in columns[field]]) for field in FIELDS[1:]}
        days = pa.array([date.fromisoformat(cell) for cell in columns["date"]])
        table["date"] = days if kind == "typed" else days.cast(pa.timestamp("ns", tz="UTC"))
    if kind == "index":
        table["__index_level_0__"] = table.pop("date")
    with TemporaryDirectory() as folder:
        parquet.write_table(pa.table(table), Path(folder) / "AAPL.parquet")

        fetched = Files(Path(folder)).fetch("AAPL")

    assert_same_bars(fetched, WHOLE_SOUND)


@given(st.permutations(range(len(SOUND))), st.integers(1, 39))
def test_many_tickers_in_many_files_are_the_same_as_each_in_one(order, cut):
    both = [{"ticker": ticker} | SOUND[i] for i in order for ticker in ("AAPL", "MSFT")]
    with TemporaryDirectory() as folder:
        written(Path(folder) / "1.csv", both[:cut], fields=("ticker", *FIELDS))
        written(Path(folder) / "2.csv", both[cut:], fields=("ticker", *FIELDS))
        source = Files(Path(folder))

        assert source.tickers() == ("AAPL", "MSFT")
        for ticker in source.tickers():
            assert_same_bars(source.fetch(ticker), WHOLE_SOUND)


@given(st.data())
def test_a_file_that_was_damaged_anywhere_is_read_or_refused_in_one_line(data):
    damaged = bytearray(AS_BYTES)
    for _ in range(data.draw(st.integers(1, 8))):
        start = data.draw(st.integers(0, len(damaged) - 1))
        stop = start + data.draw(st.integers(0, 40))
        damaged[start:stop] = data.draw(st.sampled_from(DAMAGE) | st.binary(max_size=12))
    with TemporaryDirectory() as folder:
        said = outcome(Path(folder), bytes(damaged))

    # What is wrong with a row beside another one is for a check of the history to tell.
    assert all(fault.rule is Rule.PAYOUT for fault in said) if isinstance(said, list) else "expected" in said
    assert "\n" not in said


def outcome(folder: Path, data: bytes) -> str | list[Fault]:
    try:
        return faults(fetched_bytes(folder, data).bars)
    except SourceError as error:
        return str(error)


AS_BYTES = "".join(",".join(line) + "\n" for line in [FIELDS, *(row.values() for row in SOUND)]).encode()
DAMAGE = [
    b"",
    b",",
    b'"',
    b"\n",
    b"\n\n",
    b"\0",
    b"\xff",
    b";",
    b"\r",
    b"-",
    b"e",
    b"{",
    b"<",
    b"(",
    b"'",
    b"\x1f\x8b",
    b"date",
]

DAYS = [date(2000, 3, 1) + timedelta(days=i) for i in range(300)]
FORMATS = {
    "ISO": lambda day: day.isoformat(),
    "ISO with time and zone": lambda day: f"{day.isoformat()} 00:00:00-05:00",
    "ISO with T and Z": lambda day: f"{day.isoformat()}T00:00:00Z",
    "figures": lambda day: f"{day:%Y%m%d}",
    "dd/mm/yyyy": lambda day: f"{day:%d/%m/%Y}",
    "dd-mm-yyyy": lambda day: f"{day:%d-%m-%Y}",
    "dd.mm.yyyy": lambda day: f"{day:%d.%m.%Y}",
    "mm/dd/yyyy": lambda day: f"{day:%m/%d/%Y}",
    "m/d/yyyy at four": lambda day: f"{day.month}/{day.day}/{day.year} 4:00:00 PM",
    "Jan 3, 2000": lambda day: f'"{day:%b} {day.day}, {day:%Y}"',
    "03-Jan-00": lambda day: f"{day:%d-%b-%y}",
    "Monday, 3 January 2000": lambda day: f'"{day:%A}, {day.day} {day:%B %Y}"',
    "unix seconds": lambda day: str((day - date(1970, 1, 1)).days * 86_400),
    "unix milliseconds": lambda day: str((day - date(1970, 1, 1)).days * 86_400_000 + 52_200_000),
    "unix nanoseconds": lambda day: str((day - date(1970, 1, 1)).days * 86_400 * 10**9),
}


@pytest.mark.parametrize("spelled", FORMATS)
def test_a_format_of_dates_is_read_in_any_order_of_rows(spelled):
    rows = [row | {"date": FORMATS[spelled](date.fromisoformat(row["date"]))} for row in SOUND]

    assert_same_bars(fetched_from(rows), WHOLE_SOUND)
    assert_same_bars(fetched_from(rows[::-1]), WHOLE_SOUND)


@pytest.mark.parametrize("spelled", FORMATS)
def test_every_day_of_a_year_is_itself_in_one_of_the_two_orders(spelled):
    for day in DAYS:
        read = moment(FORMATS[spelled](day).strip('"'))

        assert (day - date(1970, 1, 1)).days in (read.day_first, read.month_first)


def on(days: list[str]) -> list[dict[str, str]]:
    return [row | {"date": day} for row, day in zip(SOUND, days, strict=False)]


def sessions(fetched: Fetched) -> list[str]:
    return fetched.bars.session.astype(str).tolist()


def test_a_day_above_12_decides_for_the_whole_column():
    fetched = fetched_from(on(["03/02/2000", "04/02/2000", "14/02/2000"]))

    assert sessions(fetched) == ["2000-02-03", "2000-02-04", "2000-02-14"]
    assert fetched.notes == ("AAPL.csv: dates read as dd/mm: a day above 12",)


def test_weekends_exclude_an_order():
    # As dd/mm the last of them would be Sunday, the 2nd of July.
    fetched = fetched_from(on(["02/02/2000", "02/03/2000", "02/07/2000"]))

    assert sessions(fetched) == ["2000-02-02", "2000-02-03", "2000-02-07"]
    assert fetched.notes == ("AAPL.csv: dates read as mm/dd: the other order has weekends",)


def test_an_order_in_time_excludes_the_other():
    # As mm/dd they would be 1 March, 1 May and 2 March, weekdays all of them.
    fetched = fetched_from(on(["03/01/2000", "05/01/2000", "03/02/2000"]))

    assert sessions(fetched) == ["2000-01-03", "2000-01-05", "2000-02-03"]
    assert fetched.notes == ("AAPL.csv: dates read as dd/mm: the other order is not in time",)


def test_an_order_that_nothing_tells_is_refused_by_name():
    with pytest.raises(
        BadValue, match=r"AAPL\.csv date: expected dates that tell dd/mm from mm/dd .*, got 2000-01-03 or"
    ):
        fetched_from(on(["03/01/2000", "05/01/2000"]))


def test_a_column_of_both_orders_is_refused_by_name():
    expected = "expected one order of day and month, got 2 dates that can only be dd/mm and 1 that can only be mm/dd"

    with pytest.raises(BadValue, match=rf"AAPL\.csv date: {expected}"):
        fetched_from(on(["14/02/2000", "15/02/2000", "02/16/2000"]))


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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_change_nothing(tmp_path, encoding, newline):
    lines = ["# cours ajustés" if "utf" not in encoding else "# prices", ",".join(FIELDS)]
    lines += [",".join(row.values()) for row in SOUND]

    fetched = fetched_bytes(tmp_path, newline.join(lines).encode(encoding))

    assert_same_bars(fetched, WHOLE_SOUND)
    assert fetched.notes[0].startswith("AAPL.csv: lines above the header: 1, the first '# ")


def test_lines_around_the_table_are_noted(tmp_path):
    rows = "\n".join(",".join(row.values()) for row in SOUND)
    data = f"Prices of AAPL\n\n{','.join(FIELDS)}\n{rows}\n,,,,,,,\n\nSource: somebody\n"

    fetched = fetched_bytes(tmp_path, data.encode())

    assert_same_bars(fetched, WHOLE_SOUND)
    assert fetched.notes == (
        "AAPL.csv: lines above the header: 1, the first 'Prices of AAPL'",
        "AAPL.csv: blank rows left out: 1",
        "AAPL.csv: lines left out that are no rows: 1, the first 'Source: somebody'",
    )


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

    assert sessions(fetched) == ["2024-01-02"]
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
