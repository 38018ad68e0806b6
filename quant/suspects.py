"""What looks wrong in bars, with the cells that would mend it where that is certain.

`quant.units` and `quant.actions` find suspects, `quant.diagnosis` runs them in turn; `quant.quality` reports them and
`quant.repair` says what was mended. What counts as certain stands beside each rule, where it is found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from quant.bars import COLUMNS, VOLUME, Bars, Floats
from quant.faults import Fault, Rule

PRICES: Final = COLUMNS[:VOLUME]
FIELDS: Final = (*COLUMNS, "split", "dividend")


@dataclass(frozen=True, slots=True)
class Change:
    """One cell of `field` at `row`, and what it should hold."""

    row: int
    field: str
    new: float


@dataclass(frozen=True, slots=True)
class Suspect:
    """One thing that looks wrong.

    Attributes
    ----------
    fault : Fault
        As reports name it; its row is the first one that it is about.
    changes : tuple of Change
        What mends it; empty where no mending is certain.
    why : str
        The evidence, in one line.
    explains : tuple of int
        Rows whose step from the row before it accounts for, its own row beside.
    """

    fault: Fault
    changes: tuple[Change, ...] = ()
    why: str = ""
    explains: tuple[int, ...] = ()


def value_of(bars: Bars, row: int, field: str) -> float:
    """The cell of one of `FIELDS`."""
    if field in COLUMNS:
        return float(bars.ohlcv[row, COLUMNS.index(field)])
    return float(bars.split[row] if field == "split" else bars.dividend[row])


def fault_at(bars: Bars, rule: Rule, row: int, field: str, expected: str) -> Fault:
    """A fault of the cell as it stands."""
    return Fault(rule, row, str(bars.session[row]), field, repr(value_of(bars, row, field)), expected)


def rescaled(bars: Bars, rows: slice, *, price: float, shares: float, dividend: Floats) -> tuple[Change, ...]:
    """Prices of a run of rows multiplied by `price`, volumes by `shares`, each dividend by its own factor."""
    changes = []
    for row in range(rows.start, rows.stop):
        changes += [Change(row, field, value_of(bars, row, field) * price) for field in PRICES]
        if shares != 1.0 and bars.ohlcv[row, VOLUME]:
            changes.append(Change(row, COLUMNS[VOLUME], float(bars.ohlcv[row, VOLUME]) * shares))
        if bars.dividend[row] and dividend[row] != 1.0:
            changes.append(Change(row, "dividend", float(bars.dividend[row] * dividend[row])))
    return tuple(changes)


def mended(bars: Bars, changes: Iterable[Change]) -> Bars:
    """The bars with the changes made, in order; the very same object where there are none."""
    changes = tuple(changes)
    if not changes:
        return bars
    cells = np.column_stack([bars.ohlcv, bars.split, bars.dividend])
    for change in changes:
        cells[change.row, FIELDS.index(change.field)] = change.new
    ohlcv, split, dividend = np.ascontiguousarray(cells[:, : len(COLUMNS)]), cells[:, -2].copy(), cells[:, -1].copy()
    return Bars(bars.session, ohlcv, split, dividend)
