"""From a file's bytes to bars: parsing, column names, types. Which file holds what is not decided here."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from quant.bars import CLOSE, COLUMNS, Bars, Floats, actions_from_adjusted_close, unadjusted
from quant.faults import faults
from release.manifest import TICKER as TICKER_PATTERN
from stock_assets.errors import BadValue, DataEmpty, DataUnreadable, MissingColumn

TICKER: Final = "ticker"
DATE: Final = "date"
ADJUSTED: Final = "adj_close"
ACTIONS: Final = ("split", "dividend")
ISO_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_table(file: Path) -> pa.Table:
    """A file's table with its column names in lower case and with underscores for spaces.

    Raises
    ------
    DataEmpty
        If the file has no bytes.
    DataUnreadable
        If it can't be opened, or is not the CSV, gzipped CSV or Parquet that its name says.
    MissingColumn
        If a column stands twice, or one that bars need is not there.
    """
    try:
        if not file.stat().st_size:
            raise DataEmpty(f"{file.name}: expected bars, got an empty file")
        table = parquet.read_table(file) if file.suffix.lower() == ".parquet" else _read_csv(file)
    except (pa.ArrowException, OSError, zlib.error, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataUnreadable(f"{file.name}: expected a readable CSV or Parquet table, got {reason}") from error
    table = table.rename_columns([_plain(name) for name in table.column_names])
    _require_columns(table, file=file.name)
    return table


def _read_csv(file: Path) -> pa.Table:
    # Pools of threads for parsing would fight with the other workers over the cores.
    return csv.read_csv(
        file,
        read_options=csv.ReadOptions(use_threads=False, block_size=1 << 24),
        # "NA" is a ticker, and a missing number only among numbers.
        convert_options=csv.ConvertOptions(strings_can_be_null=False),
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s_]+", "_", name.strip().strip("\ufeff").lower())


def _require_columns(table: pa.Table, *, file: str) -> None:
    names = table.column_names
    got = ", ".join(names) or "none"
    for name in (DATE, *COLUMNS):
        if name not in names:
            raise MissingColumn(f"{file}: expected a column {name}, got {got}")
    if ADJUSTED not in names and not set(ACTIONS) <= set(names):
        raise MissingColumn(f"{file}: expected a column {ADJUSTED} (or split and dividend), got {got}")
    for name in names:
        if names.count(name) > 1:
            raise MissingColumn(f"{file}: expected one column {name}, got {names.count(name)}")


def ticker_column(table: pa.Table, *, file: str) -> npt.NDArray[Any]:
    """The table's tickers in upper case; `BadValue` for one that can't be a ticker."""
    encoded = table[TICKER].combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = pc.dictionary_encode(pc.cast(encoded, pa.string()))
    names = [str(name).strip().upper() for name in encoded.dictionary.to_pylist()]
    for name in names:
        if not TICKER_PATTERN.fullmatch(name):
            raise BadValue(f"{file} ticker: expected one like AAPL or BTC-USD, got {name!r}")
    if encoded.null_count:
        raise BadValue(f"{file} ticker: expected one in every row, got {encoded.null_count} rows without")
    column: npt.NDArray[Any] = np.array(names)[encoded.indices.to_numpy(zero_copy_only=False)]
    return column


def bars_of(table: pa.Table, *, ticker: str, file: str) -> Bars:
    """The bars of one ticker's rows, in the order they stand in.

    Splits and dividends are those of the table, or read back from its adjusted closes where it has none.

    Raises
    ------
    DataEmpty
        Without a row.
    BadValue
        For a date or number that is none.
    """
    if not table.num_rows:
        raise DataEmpty(f"{ticker}: expected bars, got a header without rows in {file}")
    session = _dates(table, ticker=ticker)
    ohlcv = np.column_stack([_numbers(table, name, ticker=ticker, session=session) for name in COLUMNS])
    if set(ACTIONS) <= set(table.column_names):
        split, dividend = (_numbers(table, name, ticker=ticker, session=session) for name in ACTIONS)
        # Some vendors write 0 where nothing was split.
        return Bars(session, ohlcv, np.where(split == 0, 1.0, split), dividend)
    bare = unadjusted(session, ohlcv)
    if faults(bare):
        # The check of the bars will name them; no action can be read from a broken price.
        return bare
    adjusted = _numbers(table, ADJUSTED, ticker=ticker, session=session)
    for row in np.flatnonzero(~(np.isfinite(adjusted) & (adjusted > 0)))[:1]:
        raise BadValue(f"{ticker} {session[row]} {ADJUSTED}: expected a price above 0, got {adjusted[row]}")
    split, dividend = actions_from_adjusted_close(ohlcv[:, CLOSE], adjusted)
    return Bars(session, ohlcv, split, dividend)


def _dates(table: pa.Table, *, ticker: str) -> npt.NDArray[np.datetime64]:
    column = table[DATE].combine_chunks()
    if column.null_count:
        raise BadValue(f"{ticker} date: expected one in every row, got {column.null_count} rows without")
    if pa.types.is_temporal(column.type):
        days: npt.NDArray[np.datetime64] = column.to_numpy(zero_copy_only=False).astype("datetime64[D]")
        return days
    for value in column.to_pylist():
        if not ISO_DATE.fullmatch(str(value)):
            raise BadValue(f"{ticker} date: expected an ISO date such as 2024-01-31, got {value!r}")
    return np.array(column.to_pylist(), dtype="datetime64[D]")


def _numbers(table: pa.Table, name: str, *, ticker: str, session: npt.NDArray[np.datetime64]) -> Floats:
    """A column as float64, missing cells as NaN."""
    column = table[name].combine_chunks()
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_null(column.type):
        return np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    values = np.full(len(column), np.nan)
    for row, cell in enumerate(column.to_pylist()):
        try:
            values[row] = float(cell) if cell not in (None, "") else np.nan
        except (TypeError, ValueError):
            raise BadValue(f"{ticker} {session[row]} {name}: expected a number, got {cell!r}") from None
    return values
