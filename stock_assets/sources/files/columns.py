"""Rows as columns of dates and numbers, and those that can't be read with the reason why.

Making them out of a table is `blocks`' work; whether a row is a bar `stock_assets.sources.rows`'.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quant.bars import Floats
from quant.faults import Rule
from stock_assets.sources.files.dates import Dates, DayMonth, Ints
from stock_assets.sources.files.headers import DATE
from stock_assets.sources.market_data import Refused
from stock_assets.sources.rows import as_json


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Unread:
    """Rows that can't be read, or not before the order of day and month is known.

    Attributes
    ----------
    rows : (k,) int64
        Ascending.
    cells : mapping
        (k,) cells by field, as they came.
    odd : mapping
        (k,) bool by number's field: the cell is neither a number nor none.
    """

    rows: Ints
    cells: Mapping[str, pa.Array]
    odd: Mapping[str, npt.NDArray[np.bool_]]

    def take(self, rows: Ints) -> Unread:
        """Those among some rows of the table, by their place among them."""
        found = np.flatnonzero(np.isin(rows, self.rows))
        place = np.searchsorted(self.rows, rows[found])
        return Unread(
            rows=found,
            cells={field: column.take(pa.array(place)) for field, column in self.cells.items()},
            odd={field: odd[place] for field, odd in self.odd.items()},
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Columns:
    """Rows in the order they stand in.

    Attributes
    ----------
    dates : Dates
        (n,)
    numbers : mapping
        (n,) float64 by field; NaN for a cell without a number.
    unread : Unread
    torn : tuple of Refused
        Rows with more or fewer cells than headers.
    """

    dates: Dates
    numbers: Mapping[str, Floats]
    unread: Unread
    torn: tuple[Refused, ...] = ()

    def __len__(self) -> int:
        return len(self.dates.second)

    def take(self, rows: Ints, torn: tuple[Refused, ...]) -> Columns:
        """Some of the rows."""
        numbers = {name: column[rows] for name, column in self.numbers.items()}
        return Columns(dates=self.dates[rows], numbers=numbers, unread=self.unread.take(rows), torn=torn)

    def refused(self, order: DayMonth | None) -> dict[int, Refused]:
        """The rows that can't be read, by row, as the quarantine has them."""
        session = self.dates.read(order)
        found = {}
        for place, row in enumerate(self.unread.rows.tolist()):
            date = text_of(self.unread.cells[DATE], place)
            dated = not np.isnat(session[row])
            odd = {
                field: text_of(self.unread.cells[field], place) for field, odd in self.unread.odd.items() if odd[place]
            }
            if dated and not odd:
                continue
            field, value = next(iter(odd.items())) if dated else (DATE, date)
            found[row] = Refused(
                rule=Rule.SCHEMA,
                session=str(session[row]) if dated else date,
                field=field,
                value=value,
                expected="a number" if dated else "a date",
                row=json.dumps(
                    {DATE: date, **{name: odd.get(name, as_json(self.numbers[name][row])) for name in self.numbers}}
                ),
            )
        return found


def text_of(column: pa.Array, row: int) -> str:
    """A cell as it came, blanks around it taken off; "" for a missing one."""
    value = column[row].as_py()
    return "" if value is None else str(value).strip()
