"""The columns of one table, read: dates, numbers, tickers, and every row that can't be read with the reason why.

What the headers mean is told by `stock_assets.sources.headers`; whether a row is a bar by `stock_assets.sources.rows`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from quant.bars import COLUMNS, Floats
from quant.faults import Rule
from release.manifest import TICKER as TICKER_PATTERN
from stock_assets.calendars import AROUND_THE_CLOCK, exchange_of
from stock_assets.errors import BadValue, DataEmpty, DataUnreadable
from stock_assets.sources.cadence import require_daily
from stock_assets.sources.dates import Dates, DayMonth, Ints, decided, moment, read_dates
from stock_assets.sources.headers import DATE, NUMBERS, TICKER, Layout, meaning
from stock_assets.sources.market_data import Refused
from stock_assets.sources.numbers import decimal_of, is_text, read_numbers
from stock_assets.sources.text import Raw

# A column of which more can't be read is not what its header says, and none of its rows can be trusted.
UNREADABLE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Unread:
    """A row with a cell that can't be read: the first such number (or ""), its cell, and all cells by field."""

    field: str
    cell: str
    cells: Mapping[str, float | str | None]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Columns:
    """Rows in the order they stand in.

    Attributes
    ----------
    dates : Dates
        (n,)
    numbers : mapping
        (n,) float64 by field; NaN for a cell without a number.
    unread : mapping
        The rows that can't be read, by row.
    torn : tuple of Refused
        Rows with more or fewer cells than headers.
    """

    dates: Dates
    numbers: Mapping[str, Floats]
    unread: Mapping[int, Unread]
    torn: tuple[Refused, ...] = ()

    def __len__(self) -> int:
        return len(self.dates.second)

    def take(self, rows: Ints, torn: tuple[Refused, ...]) -> Columns:
        """Some of the rows."""
        unread = {}
        if self.unread:
            found = np.flatnonzero(np.isin(rows, list(self.unread)))
            unread = {int(place): self.unread[int(rows[place])] for place in found}
        numbers = {name: column[rows] for name, column in self.numbers.items()}
        return Columns(dates=self.dates[rows], numbers=numbers, unread=unread, torn=torn)

    def refused(self, order: DayMonth | None) -> dict[int, Refused]:
        """The rows that can't be read, by row, as the quarantine has them."""
        session = self.dates.read(order)
        found = {}
        for row, unread in self.unread.items():
            dated = not np.isnat(session[row])
            if dated and not unread.field:
                continue
            date = str(unread.cells[DATE])
            found[row] = Refused(
                rule=Rule.SCHEMA,
                session=str(session[row]) if dated else date,
                field=unread.field if dated else DATE,
                value=unread.cell if dated else date,
                expected="a number" if dated else "a date",
                row=json.dumps(dict(unread.cells)),
            )
        return found


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Block:
    """The columns of one layout, and where each ticker's rows are.

    Attributes
    ----------
    columns : Columns
    rows : mapping
        Row numbers by ticker; the only key is "" if nothing in the table says whose they are.
    torn : mapping
        Rows with more or fewer cells than headers, by ticker.
    notes : tuple of str
    """

    columns: Columns
    rows: Mapping[str, Ints]
    torn: Mapping[str, tuple[Refused, ...]]
    notes: tuple[str, ...] = ()

    def of(self, ticker: str) -> Columns:
        """One ticker's rows."""
        return self.columns.take(self.rows[ticker], self.torn.get(ticker, ()))


def read_block(raw: Raw, layout: Layout, *, named: str | None, file: str) -> Block:
    """The columns of a table that a layout names.

    Parameters
    ----------
    raw : Raw
    layout : Layout
    named : str, optional
        The ticker that the file's name tells.
    file : str
        For messages.

    Raises
    ------
    DataEmpty
        Without a row.
    DataUnreadable
        If there are several rows a day, or another header among the rows.
    BadValue
        If most of a column can't be read, or its dates contradict each other.
    MissingColumn
        If nothing tells splits and dividends.
    """
    columns = {field: raw.columns[place] for field, place in layout.place.items()}
    headers = {field: raw.names[place] for field, place in layout.place.items()}
    dates = read_dates(columns[DATE])
    left_out, notes = _no_rows(columns, headers, dates, padded=layout.ticker is not None, file=file)
    names, code = _tickers(columns.get(TICKER), layout.ticker or "", len(left_out))
    if (code[~left_out] < 0).any():
        nobodys = (code < 0) & ~left_out
        notes.append(f"{int(nobodys.sum())} rows without a ticker, left out; {_row_said(columns, nobodys)}")
        left_out |= nobodys
    if left_out.any():
        kept = np.flatnonzero(~left_out)
        columns = {field: column.take(pa.array(kept)) for field, column in columns.items()}
        dates, code = dates[kept], code[kept]
    if not len(code):
        raise DataEmpty(f"{file}: expected bars, got a header without rows")
    try:
        dates = decided(dates, code)
    except BadValue as error:
        raise BadValue(f"{file} {error}") from None
    if dates.why:
        notes.append(f"dates read as {dates.order.value if dates.order else ''}: {dates.why}")
    rows = _by_ticker(names, code)
    if (dates.second != dates.second[0]).any():
        for ticker in rows:
            require_daily(dates.read(None)[rows[ticker]], dates.second[rows[ticker]], what=file)
    if not all(exchange_of(ticker or named or "") == AROUND_THE_CLOCK for ticker in rows):
        layout.require_actions(names=raw.names, file=file)
    torn, torn_notes = _torn(raw, layout, tickers=tuple(rows))
    return Block(
        columns=_columns(columns, dates, delimiter=raw.delimiter, file=file),
        rows=rows,
        torn=torn,
        notes=(*notes, *torn_notes),
    )


def _no_rows(
    columns: Mapping[str, pa.Array], headers: Mapping[str, str], dates: Dates, *, padded: bool, file: str
) -> tuple[npt.NDArray[np.bool_], list[str]]:
    """Which lines are no rows (blank ones, headers once more), and a note of each kind.

    Of several tickers side by side (`padded`), a row without a number is one that only another ticker has.
    """
    left_out = np.zeros(len(dates.second), dtype=bool)
    blank = headers_again = padding = 0
    for row in np.flatnonzero(np.isnat(dates.day_first) & np.isnat(dates.month_first)).tolist():
        cells = {field: _text(column, row) for field, column in columns.items()}
        if not any(cells.values()):
            blank += 1
        elif meaning(cells[DATE]) is not None:
            for field, cell in cells.items():
                if cell.lower() != headers[field].strip().lower():
                    expected = f"{file}: expected the same header throughout, {headers[field].strip()!r}"
                    raise DataUnreadable(f"{expected}, got {cell!r} in row {row + 1}")
            headers_again += 1
        else:
            continue
        left_out[row] = True
    if padded:
        some = np.zeros(len(left_out), dtype=bool)
        for field in COLUMNS:
            some |= _is_said(columns[field]) if field in columns else False
        padding = int((~some & ~left_out).sum())
        left_out |= ~some
    counted = (
        (blank, "blank rows, left out"),
        (headers_again, "rows that say the header once more, left out"),
        (padding, "rows that only other tickers beside it have, left out"),
    )
    return left_out, [f"{count} {what}" for count, what in counted if count]


def _is_said(column: pa.Array) -> npt.NDArray[np.bool_]:
    """Which cells say anything."""
    if is_text(column):
        said = pc.not_equal(pc.utf8_trim_whitespace(column), "")
    else:
        said = pc.invert(pc.is_null(column, nan_is_null=True))
    found: npt.NDArray[np.bool_] = pc.fill_null(said, False).to_numpy(zero_copy_only=False).astype(bool)
    return found


def _text(column: pa.Array, row: int) -> str:
    value = column[row].as_py()
    return "" if value is None else str(value).strip()


def _row_said(columns: Mapping[str, pa.Array], rows: npt.NDArray[np.bool_]) -> str:
    row = int(np.flatnonzero(rows)[0])
    return "the first: " + ", ".join(f"{field} {_text(column, row)!r}" for field, column in columns.items())


def _tickers(column: pa.Array | None, ticker: str, n: int) -> tuple[list[str], Ints]:
    """The tickers there are, in upper case, and each row's place among them; -1 for a cell that can't be one."""
    if column is None:
        return [ticker], np.zeros(n, dtype=np.int64)
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    said = [str(name).strip().upper() for name in encoded.dictionary.to_pylist()]
    names = sorted({name for name in said if TICKER_PATTERN.fullmatch(name)})
    place = {name: i for i, name in enumerate(names)}
    # The last one stands for a cell that is missing.
    code = np.array([*(place.get(name, -1) for name in said), -1], dtype=np.int64)
    indices = pc.fill_null(pc.cast(encoded.indices, pa.int64()), len(said)).to_numpy(zero_copy_only=False)
    return names, code[indices]


def _by_ticker(names: Sequence[str], code: Ints) -> dict[str, Ints]:
    row = np.argsort(code, kind="stable")
    ends = np.searchsorted(code[row], np.arange(len(names)), side="right")
    groups = np.split(row, ends[:-1])
    return {name: rows for name, rows in zip(names, groups, strict=True) if len(rows)}


def _columns(columns: Mapping[str, pa.Array], dates: Dates, *, delimiter: str, file: str) -> Columns:
    """The numbers of the rows, and the rows that can't be read."""
    fields = [field for field in NUMBERS if field in columns]
    decimal = decimal_of([columns[field] for field in fields if is_text(columns[field])], delimiter=delimiter)
    numbers, unreadable = {}, {}
    for field in fields:
        numbers[field], unreadable[field] = read_numbers(columns[field], field=field, decimal=decimal)
        _require_most(columns[field], unreadable[field], expected="numbers", what=f"{file} {field}")
    # Where the order of day and month is open, a cell may be a date either way.
    readings = [dates.read(order) for order in DayMonth]
    undated = np.flatnonzero(np.isnat(readings[0]) | np.isnat(readings[1]))
    _require_most(columns[DATE], undated, expected="dates", what=f"{file} {DATE}")
    unread = {}
    odd_rows = {field: frozenset(rows.tolist()) for field, rows in unreadable.items()}
    for row in np.unique(np.concatenate([undated, *unreadable.values()])).tolist():
        odd = {field for field in fields if row in odd_rows[field]}
        cells: dict[str, float | str | None] = {DATE: _text(columns[DATE], row)}
        for field in fields:
            value = float(numbers[field][row])
            cells[field] = _text(columns[field], row) if field in odd else None if np.isnan(value) else value
        first = next((field for field in fields if field in odd), "")
        unread[row] = Unread(first, _text(columns[first], row) if first else "", cells)
    return Columns(dates=dates, numbers=numbers, unread=unread)


def _require_most(column: pa.Array, unreadable: Ints, *, expected: str, what: str) -> None:
    if len(unreadable) > UNREADABLE * len(column):
        first = _text(column, int(unreadable[0]))
        raise BadValue(f"{what}: expected {expected}, got {first!r} and {len(unreadable) - 1} more that are none")


def _torn(raw: Raw, layout: Layout, *, tickers: Sequence[str]) -> tuple[dict[str, tuple[Refused, ...]], list[str]]:
    """The torn rows that have a date and a ticker, by ticker, and a note of the other ones."""
    found: dict[str, list[Refused]] = {}
    lines = []
    for cells in raw.torn:
        date, ticker = ((cells[place] if place < len(cells) else "") for place in _date_and_ticker(layout))
        whose = ticker.strip().upper() if TICKER in layout.place else layout.ticker or ""
        when = moment(date)
        if when is None or whose not in tickers:
            lines.append(raw.delimiter.join(cells))
            continue
        known = when.day_first == when.month_first and when.day_first is not None
        session = str(np.datetime64(when.day_first, "D")) if known else date.strip()
        got, expected = f"{len(cells)} cells", f"{len(raw.names)} cells, as many as headers"
        row = json.dumps({"cells": cells})
        refused = Refused(rule=Rule.SCHEMA, session=session, field="row", value=got, expected=expected, row=row)
        found.setdefault(whose, []).append(refused)
    notes = [f"{len(lines)} lines that are no rows, left out, the first: {lines[0][:200]!r}"] if lines else []
    return {ticker: tuple(rows) for ticker, rows in found.items()}, notes


def _date_and_ticker(layout: Layout) -> tuple[int, int]:
    return layout.place[DATE], layout.place.get(TICKER, layout.place[DATE])
