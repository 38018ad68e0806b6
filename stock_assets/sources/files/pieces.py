"""From the pieces that a ticker's rows lie in to its bars: all pieces together, as if they were one file.

Reading a file is `stock_assets.sources.files.tables`' work, judging a row `stock_assets.sources.rows`'.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quant.bars import COLUMNS, Floats
from quant.faults import Rule
from stock_assets.errors import BadValue, MissingColumn
from stock_assets.sources.files.cadence import require_daily
from stock_assets.sources.files.columns import Columns
from stock_assets.sources.files.dates import DayMonth
from stock_assets.sources.files.headers import ADJUSTED, DATE, DIVIDEND, SPLIT, TICKER
from stock_assets.sources.files.tables import Sheet
from stock_assets.sources.market_data import Fetched, NothingUsable, Provenance, Refused
from stock_assets.sources.rows import Rows, admit, as_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A file that holds rows of a ticker.

    Attributes
    ----------
    sheet : Sheet
    ticker : str
        As the sheet has it, "" if only the file's name tells.
    strangers : tuple of str
        Other tickers in the file, which its name says it has not.
    """

    sheet: Sheet
    ticker: str
    strangers: tuple[str, ...] = ()


def gather(ticker: str, pieces: Sequence[Piece], *, origin: str) -> Fetched:
    """A ticker's bars out of all its pieces, on the share count that the files have them on.

    Raises
    ------
    BadValue
        If most rows can't be read, or nothing in any of the pieces tells the order of day and month.
    DataUnreadable
        If the rows are not one a session.
    MissingColumn
        If the pieces don't have the same columns.
    NothingUsable
        If all rows are refused; the message tells the first one.
    """
    parts = [piece.sheet.of(piece.ticker) for piece in pieces]
    files = ", ".join(piece.sheet.file for piece in pieces)
    order = _order(parts)
    unread = [part.refused(order) for part in parts]
    session = np.concatenate([part.dates.read(order) for part in parts])
    require_daily(session, np.concatenate([part.dates.second for part in parts]), what=files)
    digests = dict.fromkeys(piece.sheet.sha256 for piece in pieces)
    notes = dict.fromkeys(note for piece in pieces for note in piece.sheet.notes_for(piece.ticker))
    fetched = admit(
        _rows(pieces, parts, unread, order),
        provenance=Provenance(source="files", origin=origin, sha256=tuple(digests)),
        notes=tuple(notes),
        refused=[
            *(row for rows in unread for row in rows.values()),
            *(row for part in parts for row in part.torn),
            *(row for piece in pieces for row in _strangers(piece, order, ticker)),
        ],
    )
    _require_readable(fetched, parts, order, ticker=ticker, files=files)
    return fetched


def _order(parts: Sequence[Columns]) -> DayMonth | None:
    """The order of day and month for pieces that don't tell it by themselves: that of those that do."""
    told = {part.dates.order for part in parts} - {None}
    return told.pop() if len(told) == 1 else None


def _require_readable(
    fetched: Fetched, parts: Sequence[Columns], order: DayMonth | None, *, ticker: str, files: str
) -> None:
    """Return if most rows could be read and some are bars."""
    unread = [row for row in fetched.refused if row.rule is Rule.SCHEMA]
    if 2 * len(unread) > len(fetched.bars) + len(fetched.refused):
        for dates in (part.dates for part in parts):
            if order is None and dates.order is None and dates.open_to_both.any():
                row = int(np.flatnonzero(dates.open_to_both)[0])
                expected = "dates that tell dd/mm from mm/dd by a day above 12, by weekends or by their order"
                either = f"{dates.day_first[row]} or {dates.month_first[row]}"
                raise BadValue(f"{files} {DATE}: expected {expected}, got {either}")
        some = f"{len(unread)} that can't be read, the first: {unread[0]}"
        raise BadValue(f"{files}: expected rows of bars, got {some}")
    if not len(fetched.bars):
        first = (
            f": all {len(fetched.refused)} rows are refused, the first: {fetched.refused[0]}" if fetched.refused else ""
        )
        raise NothingUsable(f"{ticker}: expected bars in {files}, got none{first}", fetched=fetched)


def _strangers(piece: Piece, order: DayMonth | None, ticker: str) -> list[Refused]:
    """Every row of another ticker in a file whose name says that it holds this one."""
    return [row for name in piece.strangers for row in _others(piece.sheet.of(name), order, name, ticker)]


def _others(part: Columns, order: DayMonth | None, name: str, ticker: str) -> list[Refused]:
    unread = part.refused(order)
    found = []
    for row, session in enumerate(part.dates.read(order)):
        cells = {field: as_json(column[row]) for field, column in part.numbers.items()}
        found.append(
            Refused(
                rule=Rule.OTHER_TICKER,
                session=unread[row].session if row in unread else str(session),
                field=TICKER,
                value=name,
                expected=ticker,
                row=unread[row].row if row in unread else json.dumps({DATE: str(session), TICKER: name, **cells}),
            )
        )
    return found


def _rows(
    pieces: Sequence[Piece], parts: Sequence[Columns], unread: Sequence[Mapping[int, Refused]], order: DayMonth | None
) -> Rows:
    """The rows that can be read, of all pieces."""
    for piece, part in zip(pieces, parts, strict=True):
        if set(part.numbers) != set(parts[0].numbers):
            expected, got = (", ".join(sorted(numbers)) for numbers in (parts[0].numbers, part.numbers))
            first, this = pieces[0].sheet.file, piece.sheet.file
            raise MissingColumn(f"{this}: expected the columns of {first} ({expected}), got {got}")
    kept = [np.delete(np.arange(len(part)), list(rows)) for part, rows in zip(parts, unread, strict=True)]

    def column(name: str) -> Floats:
        return np.concatenate([part.numbers[name][rows] for part, rows in zip(parts, kept, strict=True)])

    said = parts[0].numbers
    return Rows(
        session=np.concatenate([part.dates.read(order)[rows] for part, rows in zip(parts, kept, strict=True)]),
        ohlcv=np.column_stack([column(name) for name in COLUMNS]),
        split=column(SPLIT) if SPLIT in said else None,
        dividend=column(DIVIDEND) if DIVIDEND in said else None,
        adjusted_close=column(ADJUSTED) if ADJUSTED in said else None,
    )
