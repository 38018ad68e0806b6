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
from stock_assets.errors import BadValue, SourceError
from stock_assets.sources.files.dates import moment
from stock_assets.sources.files.headers import SPELLINGS
from stock_assets.sources.files.source import Files
from stock_assets.sources.market_data import Fetched

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
