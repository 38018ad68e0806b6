"""From rows as they came to bars: sorted, the same said twice merged, what is no bar set aside with its reason.

Every source goes through `admit`, so the order, the number and the cut of its rows make no difference to the bars.
How bytes become rows is each source's own; what a stretch of history shows is `quant.quality`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quant.bars import CLOSE, COLUMNS, Bars, Floats, Sessions, actions_from_adjusted_close
from quant.faults import Fault, Rule, faults
from stock_assets.sources.market_data import Fetched, Provenance, Refused

ADJUSTED = "adj_close"
# What a row breaks by itself, whatever stands around it; the first one is its reason.
BY_ITSELF = (Rule.FINITE, Rule.POSITIVE_PRICE, Rule.NEGATIVE_VOLUME, Rule.HIGH_LOW, Rule.ACTION)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rows:
    """A ticker's rows in the order they came; what a vendor does not say is None.

    Attributes
    ----------
    session : (n,) datetime64[D]
    ohlcv : (n, 5) float64
        NaN for a cell without a number.
    split, dividend : (n,) float64, optional
        As in `quant.bars.Bars`; without them they are read back from `adjusted_close`, and without that there are none.
    adjusted_close : (n,) float64, optional
    """

    session: Sessions
    ohlcv: Floats
    split: Floats | None = None
    dividend: Floats | None = None
    adjusted_close: Floats | None = None

    def __len__(self) -> int:
        return len(self.session)

    def take(self, rows: npt.NDArray[np.intp]) -> Rows:
        """Some of the rows, in the order asked for."""
        optional = (self.split, self.dividend, self.adjusted_close)
        split, dividend, adjusted = (None if column is None else column[rows] for column in optional)
        return Rows(
            session=self.session[rows],
            ohlcv=self.ohlcv[rows],
            split=split,
            dividend=dividend,
            adjusted_close=adjusted,
        )

    def columns(self) -> dict[str, Floats]:
        """Every column that there is, by name."""
        named = dict(zip(COLUMNS, self.ohlcv.T, strict=True))
        optional = {"split": self.split, "dividend": self.dividend, ADJUSTED: self.adjusted_close}
        return named | {name: column for name, column in optional.items() if column is not None}


def admit(rows: Rows, *, provenance: Provenance, notes: Sequence[str] = ()) -> Fetched:
    """The bars that the rows are, and the rows that are no bars.

    Rows of one session that agree in every column become one; rows of one session that differ are set aside, all of
    them, as `Rule.CONFLICT`: none has more right than the other. A row that is no bar by itself is set aside under
    the first rule that it breaks. Splits and dividends are read back from the adjusted closes of what is left where
    the rows don't say them.
    """
    rows, merged = _merged(rows)
    reasons = {fault.row: fault for fault in (*_conflicts(rows), *_unsound(rows))}
    kept = np.delete(np.arange(len(rows)), list(reasons))
    refused = [_refused(rows, row, reasons[row]) for row in sorted(reasons)]
    rows = rows.take(kept)
    return Fetched(
        bars=_bars(rows),
        provenance=provenance,
        refused=tuple(refused),
        merged=merged,
        adjusted_close=rows.adjusted_close,
        notes=tuple(notes),
    )


def _merged(rows: Rows) -> tuple[Rows, int]:
    """The rows by session, each said once, and how many times one was said again."""
    values = np.column_stack(list(rows.columns().values()))
    # By session, then by value: rows that agree stand side by side, in whatever order they came.
    order = np.lexsort((*values.T[::-1], rows.session))
    rows, values = rows.take(order), values[order]
    same = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    again = np.flatnonzero((rows.session[1:] == rows.session[:-1]) & same.all(axis=1)) + 1
    return rows.take(np.delete(np.arange(len(rows)), again)), len(again)


def _conflicts(rows: Rows) -> Iterator[Fault]:
    """A fault for each row whose session another row has too."""
    twice = rows.session[1:] == rows.session[:-1]
    shared = np.append(twice, False) | np.insert(twice, 0, False)
    columns = rows.columns()
    for row in np.flatnonzero(shared):
        session = rows.session[row]
        rivals = np.flatnonzero(rows.session == session)
        field = next(name for name, column in columns.items() if len(np.unique(column[rivals])) > 1)
        said = ", ".join(f"{column:.10g}" for column in columns[field][rivals])
        expected = f"one value of {len(rivals)} rows ({said})"
        yield Fault(Rule.CONFLICT, int(row), str(session), field, repr(float(columns[field][row])), expected)


def _unsound(rows: Rows) -> Iterator[Fault]:
    """The first fault of each row that is no bar by itself; a later one in a mapping by row wins."""
    found = [fault for fault in faults(_as_said(rows)) if fault.rule in BY_ITSELF] if len(rows) else []
    yield from sorted(found, key=lambda fault: -BY_ITSELF.index(fault.rule))
    if rows.split is None and rows.adjusted_close is not None:
        # Actions will be read from these.
        for row in np.flatnonzero(~(np.isfinite(rows.adjusted_close) & (rows.adjusted_close > 0))):
            value = repr(float(rows.adjusted_close[row]))
            yield Fault(Rule.FINITE, int(row), str(rows.session[row]), ADJUSTED, value, "a price above 0")


def _as_said(rows: Rows) -> Bars:
    """Bars of the rows as they are, with the actions that they name."""
    n = len(rows)
    # Some vendors write 0 where nothing was split.
    split = np.ones(n) if rows.split is None else np.where(rows.split == 0, 1.0, rows.split)
    return Bars(rows.session, rows.ohlcv, split, np.zeros(n) if rows.dividend is None else rows.dividend)


def _bars(rows: Rows) -> Bars:
    """The bars of rows that are all sound."""
    said = _as_said(rows)
    if rows.split is not None or rows.dividend is not None or rows.adjusted_close is None:
        return said
    split, dividend = actions_from_adjusted_close(said.ohlcv[:, CLOSE], rows.adjusted_close)
    return Bars(said.session, said.ohlcv, split, dividend)


def _refused(rows: Rows, row: int, fault: Fault) -> Refused:
    cells = {name: None if np.isnan(column[row]) else float(column[row]) for name, column in rows.columns().items()}
    return Refused(
        rule=fault.rule,
        session=fault.session,
        field=fault.field,
        value=fault.value,
        expected=fault.expected,
        row=json.dumps({"date": str(rows.session[row]), **cells}),
    )
