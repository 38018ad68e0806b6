"""From the bytes of a CSV file to columns of text: packing, encoding, delimiter, the header among other lines.

An error message that was saved where data was due is refused here. What columns and cells mean is not asked.
"""

from __future__ import annotations

import csv
import gzip
import html
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import pyarrow as pa
from pyarrow import csv as arrow_csv

from quant.bars import COLUMNS
from release.manifest import TICKER as TICKER_PATTERN
from stock_assets.errors import DataEmpty, DataUnreadable, ErrorBody, MissingColumn
from stock_assets.sources.files.headers import DATE, TICKER, meaning

DELIMITERS: Final = (",", ";", "\t", "|")
# A header below that many lines of preamble is none.
HEADER_WITHIN: Final = 60
HEAD_CHARACTERS: Final = 1 << 16
QUOTED_CHARACTERS: Final = 200
# Control characters that no text has; tabs and line ends are none of them.
_BINARY: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Raw:
    """A table as it stands in its file.

    Attributes
    ----------
    names : tuple of str
        A header a column.
    tickers : tuple of str, optional
        Each column's ticker where a second header line has them, "" for a column of all.
    columns : tuple of pyarrow.Array
        Text, or as a Parquet file types them.
    delimiter : str
    torn : tuple
        The cells of rows that have more or fewer than the header.
    notes : tuple of str
    """

    names: tuple[str, ...]
    tickers: tuple[str, ...] | None = None
    columns: tuple[pa.Array, ...]
    delimiter: str = ","
    torn: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()


def read_text(data: bytes, *, file: str) -> Raw:
    """The table of a CSV file, gzipped or not.

    Raises
    ------
    DataEmpty
        Without a byte, or without a row below the header.
    DataUnreadable
        If it is cut off, binary, or most of its rows don't fit the header.
    ErrorBody
        If it is HTML, JSON or a sentence; the message quotes it.
    MissingColumn
        If no line looks like a header.
    """
    text = _decoded(_unpacked(data, file=file), file=file)
    if not text.strip():
        raise DataEmpty(f"{file}: expected bars, got an empty file")
    _refuse_error_body(text, file=file)
    lines = text[:HEAD_CHARACTERS].split("\n")[:HEADER_WITHIN]
    header, delimiter = _header(lines, file=file)
    names, tickers, below = _header_lines([cells(line, delimiter) for line in lines], header)
    body = text[sum(len(line) + 1 for line in lines[:below]) :]
    if not body.strip():
        raise DataEmpty(f"{file}: expected bars, got a header without rows")
    above = [line for line in lines[:header] if line.strip() and (tickers is None or line is not lines[header - 1])]
    notes = (f"lines above the header: {len(above)}, the first {_quoted(above[0])}",) if above else ()
    return _body(body, names, tickers, delimiter=delimiter, notes=notes, file=file)


def _unpacked(data: bytes, *, file: str) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise unreadable(file, error) from error


def unreadable(file: str, reason: object) -> DataUnreadable:
    """The error for a file that can't be read as what its name says."""
    said = " ".join(str(reason).split())[:QUOTED_CHARACTERS]
    return DataUnreadable(f"{file}: expected a readable CSV or Parquet table, got {said}")


def _decoded(data: bytes, *, file: str) -> str:
    encodings: tuple[str, ...] = ("utf-8-sig", "cp1252", "latin-1")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ("utf-16",)
    elif data[1:200:2].strip(b"\0") == b"" and len(data) > 1:
        encodings = ("utf-16-le",)
    for encoding in encodings:
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError as error:
            reason = error
    else:
        raise unreadable(file, reason)
    binary = _BINARY.search(text)
    if binary:
        raise unreadable(file, f"bytes that are no text ({binary.group()!r} at character {binary.start()})")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _refuse_error_body(text: str, *, file: str) -> None:
    start = text[:HEAD_CHARACTERS].lstrip()
    kind = {"{": "JSON", "[": "JSON"}.get(start[0])
    if start[0] == "<" and re.match(r"<(!doctype|html|head|body|\?xml|h\d|p|div|error|center)\b", start, re.IGNORECASE):
        kind = "HTML"
    if kind:
        message = _json_message(text) if kind == "JSON" else html.unescape(re.sub(r"<[^>]*>", " ", start))
        raise ErrorBody(f"{file}: expected rows of bars, got {kind}: {_quoted(message)}")


def _json_message(text: str) -> str:
    try:
        said = json.loads(text)
    except ValueError:
        return text.strip().strip("{}[]")
    return " ".join(_strings(said)) or text


def _strings(said: Any) -> list[str]:
    if isinstance(said, dict):
        said = list(said.values())
    if isinstance(said, list):
        return [string for item in said for string in _strings(item)]
    return [said] if isinstance(said, str) else []


def _quoted(text: str) -> str:
    return repr(" ".join(text.split())[:QUOTED_CHARACTERS])


def cells(line: str, delimiter: str) -> list[str]:
    """A line's cells, quotes taken off."""
    return next(csv.reader([line], delimiter=delimiter), [])


def _header(lines: Sequence[str], *, file: str) -> tuple[int, str]:
    """The line with the most headers that are understood, and what delimits its cells."""
    best = (0, 0, 0, "")
    for i, line in enumerate(lines):
        for delimiter in DELIMITERS:
            found = cells(line, delimiter)
            fields = {meaning(name) for name in found} - {None}
            best = max(best, (len(fields), -i, len(found), delimiter))
        if best[0] > len(COLUMNS):
            break  # a date or ticker and all prices: no line below knows better
    known, line_number, _, delimiter = best
    if known >= 2:
        return -line_number, delimiter
    first = next(line for line in lines if line.strip())
    widest = max(DELIMITERS, key=lambda delimiter: len(cells(first, delimiter)))
    columns = cells(first, widest)
    if known or len(columns) > 2:
        missing = next(field for field in (DATE, *COLUMNS) if field not in map(meaning, columns))
        raise MissingColumn(f"{file}: expected a column {missing}, got {', '.join(columns)[:QUOTED_CHARACTERS]}")
    raise ErrorBody(f"{file}: expected rows of bars, got {_quoted(' '.join(lines))}")


def _header_lines(rows: Sequence[list[str]], header: int) -> tuple[list[str], list[str] | None, int]:
    """Headers, the tickers of pandas' second header line, and the first line below."""
    names = rows[header]
    for line, below in ((header + 1, header + 2), (header - 1, header + 1)):
        if not (0 <= line < len(rows) and _names_tickers(rows[line], names)):
            continue
        dated = rows[below] if below < len(rows) else []
        has_line = bool(dated) and meaning(dated[0]) == DATE and not any(cell.strip() for cell in dated[1:])
        tickers = ["", *(cell.strip().upper() for cell in rows[line][1:])]
        return [dated[0] if has_line else DATE, *names[1:]], tickers, below + has_line
    return ["Unnamed: 0" if i == 0 and not name.strip() else name for i, name in enumerate(names)], None, header + 1


def _names_tickers(row: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a line beside the headers names each column's ticker, as yfinance writes it."""
    if len(row) != len(names) or len(row) < 2:
        return False
    tickers = [cell.strip().upper() for cell in row[1:]]
    if not all(TICKER_PATTERN.fullmatch(ticker) for ticker in tickers):
        return False
    # Without a word for it the line has to be something else than numbers, or headers once more.
    wordless = not row[0].strip() and any(ticker.isalpha() and meaning(ticker) is None for ticker in tickers)
    return meaning(row[0]) == TICKER or wordless


def _body(
    body: str, names: list[str], tickers: list[str] | None, *, delimiter: str, notes: tuple[str, ...], file: str
) -> Raw:
    first = cells(body.lstrip("\n").split("\n", 1)[0], delimiter)
    if len(first) == len(names) + 1 and not first[-1].strip():
        # A delimiter at the end of each row, but not of the header.
        names, tickers = [*names, ""], None if tickers is None else [*tickers, ""]
    torn: list[tuple[str, ...]] = []

    def skip(row: Any) -> str:
        if row.text.strip():
            torn.append(tuple(cells(row.text, delimiter)))
        return "skip"

    places = [str(i) for i in range(len(names))]
    try:
        table = arrow_csv.read_csv(
            BytesIO(body.encode()),
            # Pools of threads for parsing would fight with the other workers over the cores.
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=1 << 24, column_names=places),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip),
            # "NA" is a ticker, and a missing number only among numbers.
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        raise unreadable(file, error) from error
    if torn and not table.num_rows:
        got = f"{len(torn[0])}: {_quoted(delimiter.join(torn[0]))}"
        raise DataUnreadable(f"{file}: expected rows of {len(names)} cells, as many as headers, got {got}")
    return Raw(
        names=tuple(names),
        tickers=None if tickers is None else tuple(tickers),
        columns=tuple(column.combine_chunks() for column in table.columns),
        delimiter=delimiter,
        torn=tuple(torn),
        notes=notes,
    )
