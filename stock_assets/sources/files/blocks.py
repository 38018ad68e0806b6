"""A table's columns, read: what each cell is, whose each row is, and which lines are no rows at all.

What the headers mean is told by `headers`; whether a row is a bar by `stock_assets.sources.rows`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from quant.bars import COLUMNS
from quant.faults import Rule
from release.manifest import TICKER as TICKER_PATTERN
from stock_assets.calendars import AROUND_THE_CLOCK, exchange_of
from stock_assets.errors import BadValue, DataEmpty, DataUnreadable
from stock_assets.sources.files.cadence import require_daily
from stock_assets.sources.files.columns import Columns, Unread, text_of
from stock_assets.sources.files.dates import Dates, Ints, decided, moment, read_dates
from stock_assets.sources.files.headers import DATE, NUMBERS, TICKER, Layout, meaning
from stock_assets.sources.files.numbers import decimal_of, is_text, read_numbers
from stock_assets.sources.files.text import Raw
from stock_assets.sources.market_data import Refused


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
        If there is another header among the rows.
    BadValue
        If the dates contradict each other.
    MissingColumn
        If nothing tells splits and dividends.
    """
    columns = {field: raw.columns[place] for field, place in layout.place.items()}
    headers = {field: raw.names[place] for field, place in layout.place.items()}
    dates = read_dates(columns[DATE])
    left_out, notes = _no_rows(columns, headers, dates, padded=layout.ticker is not None, file=file)
    names, code = _tickers(columns.get(TICKER), layout.ticker or "", len(left_out))
    notes += _nobodys(columns, left_out, code, file=file)
    kept = np.flatnonzero(~left_out & (code >= 0))
    if not len(kept):
        raise DataEmpty(f"{file}: expected bars, got a header without rows")
    if len(kept) < len(code):
        columns = {field: column.take(pa.array(kept)) for field, column in columns.items()}
        dates, code = dates[kept], code[kept]
    dates = decided(dates, code, what=file)
    if dates.order is not None:
        notes.append(f"dates read as {dates.order.value}: {dates.why}")
    rows = _by_ticker(names, code)
    if not layout.has_actions:
        _require_none_needed(raw, layout, dates, rows, named=named, file=file)
    torn, torn_notes = _torn(raw, layout, tickers=tuple(rows))
    read = _columns(columns, dates, delimiter=raw.delimiter)
    return Block(columns=read, rows=rows, torn=torn, notes=(*notes, *torn_notes))


def _require_none_needed(
    raw: Raw, layout: Layout, dates: Dates, rows: Mapping[str, Ints], *, named: str | None, file: str
) -> None:
    """Return if all are pairs of currencies, which are never split and pay nothing."""
    if all(exchange_of(ticker or named or "") == AROUND_THE_CLOCK for ticker in rows):
        return
    # Bars of minutes have no actions either, and it's the minutes that are wrong with them.
    for whose in rows.values():
        require_daily(dates.read(None)[whose], dates.second[whose], what=file)
    layout.require_actions(names=raw.names, file=file)


def _no_rows(
    columns: Mapping[str, pa.Array], headers: Mapping[str, str], dates: Dates, *, padded: bool, file: str
) -> tuple[npt.NDArray[np.bool_], list[str]]:
    """Which lines are no rows (blank ones, headers once more), and a note of each kind.

    Of several tickers side by side (`padded`), a row without a number is one that only another ticker has.
    """
    left_out = np.zeros(len(dates.second), dtype=bool)
    blank = headers_again = padding = 0
    for row in np.flatnonzero(np.isnat(dates.day_first) & np.isnat(dates.month_first)).tolist():
        cells = {field: text_of(column, row) for field, column in columns.items()}
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
        (blank, "blank rows left out"),
        (headers_again, "rows left out that say the header once more"),
        (padding, "rows left out that only the tickers beside it have"),
    )
    return left_out, [f"{what}: {count}" for count, what in counted if count]


def _is_said(column: pa.Array) -> npt.NDArray[np.bool_]:
    """Which cells say anything."""
    if is_text(column):
        said = pc.not_equal(pc.utf8_trim_whitespace(column), "")
    else:
        said = pc.invert(pc.is_null(column, nan_is_null=True))
    found: npt.NDArray[np.bool_] = pc.fill_null(said, False).to_numpy(zero_copy_only=False).astype(bool)
    return found


def _nobodys(columns: Mapping[str, pa.Array], left_out: npt.NDArray[np.bool_], code: Ints, *, file: str) -> list[str]:
    """A note of the rows without a ticker, if there are any; `BadValue` if they are most."""
    nobodys = np.flatnonzero(~left_out & (code < 0))
    if not len(nobodys):
        return []
    cells = ", ".join(f"{field} {text_of(column, int(nobodys[0]))!r}" for field, column in columns.items())
    if 2 * len(nobodys) > len(code):
        raise BadValue(f"{file} {TICKER}: expected one like AAPL or BTC-USD, got {cells}")
    return [f"rows left out that have no ticker: {len(nobodys)}, the first {cells}"]


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


def _columns(columns: Mapping[str, pa.Array], dates: Dates, *, delimiter: str) -> Columns:
    """The numbers of the rows, and the rows that can't be read."""
    fields = [field for field in NUMBERS if field in columns]
    decimal = decimal_of([columns[field] for field in fields if is_text(columns[field])], delimiter=delimiter)
    numbers, unreadable = {}, {}
    for field in fields:
        numbers[field], unreadable[field] = read_numbers(columns[field], field=field, decimal=decimal)
    doubtful = np.isnat(dates.read(None))
    if dates.order is None and dates.depends:
        doubtful |= np.isnat(dates.day_first) | np.isnat(dates.month_first)
    rows = np.unique(np.concatenate([np.flatnonzero(doubtful), *unreadable.values()]))
    unread = Unread(
        rows=rows,
        cells={field: columns[field].take(pa.array(rows)) for field in (DATE, *fields)},
        odd={field: np.isin(rows, unreadable[field]) for field in fields},
    )
    return Columns(dates=dates, numbers=numbers, unread=unread)


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
    notes = [f"lines left out that are no rows: {len(lines)}, the first {lines[0][:200]!r}"] if lines else []
    return {ticker: tuple(rows) for ticker, rows in found.items()}, notes


def _date_and_ticker(layout: Layout) -> tuple[int, int]:
    return layout.place[DATE], layout.place.get(TICKER, layout.place[DATE])
