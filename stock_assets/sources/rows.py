"""From rows as they came to bars: sorted, the same said twice merged, what is no bar set aside with its reason.

Every source goes through `admit`, so the order, the number and the cut of its rows make no difference to the bars.
How bytes become rows is each source's own; what a stretch of history shows is `quant.quality`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from quant.bars import COLUMNS, Bars, Floats, Sessions, actions_from_adjusted_close
from quant.faults import Fault, Rule, faults
from quant.repair import repair
from stock_assets.sources.market_data import Carried, Fetched, Provenance, Refused

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
        As in `quant.bars.Bars`; what is not said is read back from `adjusted_close`; without that there is none.
    adjusted_close : (n,) float64, optional
        Evidence only where both splits and dividends are said.
    """

    session: Sessions
    ohlcv: Floats
    split: Floats | None = None
    dividend: Floats | None = None
    adjusted_close: Floats | None = None

    def __len__(self) -> int:
        return len(self.session)

    @property
    def says_actions(self) -> bool:
        """Whether both splits and dividends are said."""
        return self.split is not None and self.dividend is not None

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


def admit(rows: Rows, *, provenance: Provenance, notes: Sequence[str] = (), refused: Sequence[Refused] = ()) -> Fetched:
    """The bars that the rows are, and the rows that are no bars.

    Rows of one session that agree become one; adjusted closes have no say in it where splits and dividends stand beside
    them. A row that is no bar by itself is set aside under the first rule that it breaks. Rows of one session that are
    sound and differ are set aside, all of them, as `Rule.CONFLICT`: none has more right than the other. What the rows
    don't say of splits and dividends is read back from the adjusted closes of what is left.

    Parameters
    ----------
    rows : Rows
    provenance : Provenance
    notes : sequence of str
    refused : sequence of Refused
        Rows that could not even be read; the same one delivered twice is kept once.
    """
    rows, merged = _merged(rows)
    reasons = {fault.row: fault for fault in _unsound(rows)}
    reasons |= {fault.row: fault for fault in _conflicts(rows, np.delete(np.arange(len(rows)), list(reasons)))}
    aside = np.array(sorted(reasons), dtype=np.intp)
    unread = sorted(dict.fromkeys(refused), key=lambda row: (row.session, row.row, row.field))
    kept = rows.take(np.delete(np.arange(len(rows)), aside))
    bars, carried = _with_actions_of(_as_said(rows.take(aside)), _bars(kept))
    return Fetched(
        bars=bars,
        provenance=provenance,
        refused=(*unread, *(_refused(rows, row, reasons[row]) for row in aside.tolist())),
        merged=merged + len(refused) - len(unread),
        adjusted_close=kept.adjusted_close,
        notes=(*notes, *(f"{one.session}: {told} of a refused row stand at {one.onto}" for one, told in carried)),
        carried=tuple(one for one, _ in carried),
    )


def _merged(rows: Rows) -> tuple[Rows, int]:
    """The rows by session, each said once, and how many times one was said again."""
    columns = rows.columns()
    # By session, then by value: rows that agree stand side by side, in whatever order they came.
    order = np.lexsort((*reversed(columns.values()), rows.session))
    rows = rows.take(order)
    said = {name: column[order] for name, column in columns.items() if not (name == ADJUSTED and rows.says_actions)}
    again = np.append(False, rows.session[1:] == rows.session[:-1])[: len(rows)]
    for column in said.values():
        again[1:] &= (column[1:] == column[:-1]) | (np.isnan(column[1:]) & np.isnan(column[:-1]))
    return _agreed(rows, again).take(np.flatnonzero(~again)), int(again.sum())


def _agreed(rows: Rows, again: npt.NDArray[np.bool_]) -> Rows:
    """The rows, without the adjusted close where those that say the same differ in it: no evidence then."""
    if rows.adjusted_close is None or not again.any():
        return rows
    adjusted, group = rows.adjusted_close.copy(), np.cumsum(~again)
    differs = again & np.append(False, adjusted[1:] != adjusted[:-1])
    adjusted[np.isin(group, group[differs])] = np.nan
    return replace(rows, adjusted_close=adjusted)


def _conflicts(rows: Rows, sound: npt.NDArray[np.intp]) -> Iterator[Fault]:
    """A fault for each of the sound rows whose session another one of them has too."""
    columns = rows.columns()
    twice = rows.session[sound[1:]] == rows.session[sound[:-1]]
    shared = sound[np.append(twice, False) | np.append(False, twice)] if len(sound) else sound
    session = rows.session[shared]
    for rivals in np.split(shared, np.flatnonzero(session[1:] != session[:-1]) + 1):
        if not len(rivals):
            continue
        field = next(name for name, column in columns.items() if len(np.unique(column[rivals])) > 1)
        said = ", ".join(f"{column:.10g}" for column in columns[field][rivals])
        expected = f"one value of {len(rivals)} rows ({said})"
        for row in rivals.tolist():
            value = repr(float(columns[field][row]))
            yield Fault(Rule.CONFLICT, row, str(rows.session[row]), field, value, expected)


def _unsound(rows: Rows) -> Iterator[Fault]:
    """The faults of rows that are no bars by themselves, a row's first one last: it wins in a mapping by row."""
    found = [fault for fault in faults(_as_said(rows)) if fault.rule in BY_ITSELF] if len(rows) else []
    if rows.adjusted_close is not None and not rows.says_actions:
        # Actions will be read from these.
        for row in np.flatnonzero(~(np.isfinite(rows.adjusted_close) & (rows.adjusted_close > 0))).tolist():
            value = repr(float(rows.adjusted_close[row]))
            yield Fault(Rule.FINITE, row, str(rows.session[row]), ADJUSTED, value, "a price above 0")
    yield from sorted(found, key=lambda fault: BY_ITSELF.index(fault.rule))[::-1]


def _as_said(rows: Rows) -> Bars:
    """Bars of the rows as they are, with the actions that they name."""
    n = len(rows)
    # Some vendors write 0 where nothing was split.
    split = np.ones(n) if rows.split is None else np.where(rows.split == 0, 1.0, rows.split)
    return Bars(rows.session, rows.ohlcv, split, np.zeros(n) if rows.dividend is None else rows.dividend)


def _bars(rows: Rows) -> Bars:
    """The bars of rows that are all sound."""
    said = _as_said(rows)
    if rows.adjusted_close is None or rows.says_actions:
        return said
    closes = _in_the_adjusted_closes_unit(said, rows.adjusted_close)
    split, dividend = actions_from_adjusted_close(closes, rows.adjusted_close)
    return Bars(
        said.session,
        said.ohlcv,
        split if rows.split is None else said.split,
        dividend if rows.dividend is None else said.dividend,
    )


def _in_the_adjusted_closes_unit(said: Bars, adjusted_close: Floats) -> Floats:
    """The closes to read actions from: beside a close a hundred times off, a sound adjusted one would be a split."""
    closes = said.close.copy()
    mended = {
        change.row: change.new
        for change in repair(said, adjusted_close=adjusted_close).repairs
        if change.rule is Rule.UNIT and change.field == "close" and change.row
    }
    for row, close in sorted(mended.items()):
        # Some vendors get the unit of both wrong together, and then nothing is to be read from either.
        beside = np.log(adjusted_close[row - 1] / closes[row - 1])
        as_it_came, as_mended = (abs(np.log(adjusted_close[row] / of) - beside) for of in (closes[row], close))
        if as_mended < as_it_came:
            closes[row] = close
    return closes


def _with_actions_of(aside: Bars, bars: Bars) -> tuple[Bars, list[tuple[Carried, str]]]:
    """The bars with the splits and dividends of sessions that were set aside, each at the next bar, and what they are.

    The price of a row may be no price; that its share was split remains true, and the next bar shows it. Rows of one
    session that name different actions are left to the quarantine.
    """
    split, dividend, carried = bars.split.copy(), bars.dividend.copy(), []
    possible = (aside.split > 0) & np.isfinite(aside.split) & (aside.dividend >= 0) & np.isfinite(aside.dividend)
    acting = possible & ((aside.split != 1) | (aside.dividend > 0))
    for session in np.unique(aside.session[acting])[::-1]:
        actions = {(aside.split[row], aside.dividend[row]) for row in np.flatnonzero(aside.session == session)}
        place = int(np.searchsorted(bars.session, session))
        if len(actions) > 1 or place == len(bars) or bars.session[place] == session:
            continue
        ((ratio, paid),) = actions
        # The dividend is per share of its own day; later splits have made more of them.
        share = float(paid / split[place])
        dividend[place] += share
        split[place] *= ratio
        one = Carried(session=session, onto=bars.session[place], split=float(ratio), dividend=share)
        carried.append((one, f"split {ratio:g}, dividend {paid:g}"))
    return Bars(bars.session, bars.ohlcv, split, dividend), carried[::-1]


def _refused(rows: Rows, row: int, fault: Fault) -> Refused:
    cells = {name: as_json(column[row]) for name, column in rows.columns().items()}
    return Refused(
        rule=fault.rule,
        session=fault.session,
        field=fault.field,
        value=fault.value,
        expected=fault.expected,
        row=json.dumps({"date": str(rows.session[row]), **cells}),
    )


def as_json(value: np.float64 | float) -> float | str | None:
    """A cell as JSON has it, which knows neither NaN (None) nor infinity (its name)."""
    if np.isnan(value):
        return None
    return float(value) if np.isfinite(value) else str(value)
