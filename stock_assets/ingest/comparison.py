"""Two tellings of one history, the stored one and a fetch: where they differ, and what comes of either answer.

Arrays only. What a difference is called, recorded and decided is `restatements`' and `refresh`'s business.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from quant.bars import CLOSE, COLUMNS, VOLUME, Bars, Floats

FIELDS: Final = (*COLUMNS, "split", "dividend")
# A whole bar that one of the two does not have.
BAR: Final = "bar"
SPLIT: Final = FIELDS.index("split")
DIVIDEND: Final = FIELDS.index("dividend")

# Relative. The prices of many a vendor have been through a float32.
PRICE_TOLERANCE: Final = 1e-6
# Relative. Vendors settle a volume for days, in steps that change nothing for anybody.
VOLUME_TOLERANCE: Final = 5e-3
# Relative. Splits that were read back from prices, 2.0000001 for 2.
SPLIT_TOLERANCE: Final = 1e-4
# Of the close. Dividends are told in fewer digits than prices.
DIVIDEND_TOLERANCE: Final = 1e-4
# As many as vendors give a number that they have rounded at all.
DECIMALS: Final = 6

Rows = npt.NDArray[np.intp]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing told otherwise: a number as its ``repr``, a whole bar as JSON, and "" where there is none."""

    session: str
    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Comparison:
    """What a fetch says of the sessions that are stored.

    Attributes
    ----------
    stored, fetched : Bars
    old, new : (m,) int
        Rows in `stored` and in `fetched` of the sessions that both have.
    differs : (m, 7) bool
        By `FIELDS`: values further apart than `tolerance`.
    tolerance : (m, 7) float64
    agrees : (m,) bool
        Whether the prices, the split and the dividend are the same: both tellings stand on one share count there.
    missing : (k,) int
        Stored rows that the source should have said and does not.
    late : (l,) int
        Fetched rows in between the stored ones that were not there before.
    """

    stored: Bars
    fetched: Bars
    old: Rows
    new: Rows
    differs: Marks
    tolerance: Floats
    agrees: Marks
    missing: Rows
    late: Rows

    @property
    def any(self) -> bool:
        """Whether anything stored is told otherwise."""
        return bool(self.differs.any() or len(self.missing) or len(self.late))

    @property
    def serious(self) -> bool:
        """Whether a price or an action is told otherwise, or taking the fetch in could mix two share counts.

        Volumes that settle and bars that come late are not serious where the sessions beside them agree.
        """
        if not len(self.old):
            return True  # nothing says that both stand on one share count
        prices = np.delete(self.differs, VOLUME, axis=1)
        volumes = self.differs[:, VOLUME] & ~self.agrees
        late = self._vouched(self.fetched.session[self.late])
        return bool(len(self.missing) or prices.any() or volumes.any() or not late.all())

    def without(self, decided: Collection[Change]) -> Comparison:
        """The comparison without changes that were decided before, of the same old value into about the same new one.

        `agrees` stays as it is: a decision to keep a value makes the two tellings no more alike.
        """
        was, said = values(self.stored)[self.old], values(self.fetched)[self.new]
        place = {str(session): i for i, session in enumerate(self.stored.session[self.old])}
        again, bars = np.zeros(self.differs.shape, dtype=bool), {change for change in decided if change.field == BAR}
        for change in decided:
            if change.field != BAR and change.session in place:
                cell = place[change.session], FIELDS.index(change.field)
                same = change.old == repr(float(was[cell]))
                again[cell] |= same and abs(said[cell] - float(change.new)) <= self.tolerance[cell]
        missing = [row for row in self.missing if self._missing(row) not in bars]
        late = [row for row in self.late if self._late(row) not in bars]
        return replace(
            self,
            differs=self.differs & ~again,
            missing=np.array(missing, dtype=np.intp),
            late=np.array(late, dtype=np.intp),
        )

    def amended(self) -> Bars:
        """The stored bars with what is not serious: settled volumes, late bars, and sessions before and after."""
        ohlcv = self.stored.ohlcv.copy()
        settled = self.differs[:, VOLUME]
        ohlcv[self.old[settled], VOLUME] = self.fetched.ohlcv[self.new[settled], VOLUME]
        stored = Bars(self.stored.session, ohlcv, self.stored.split, self.stored.dividend)
        session = self.fetched.session
        outside = (session < stored.session[0]) | (session > stored.session[-1])
        return joined(stored, rows_of(self.fetched, np.union1d(np.flatnonzero(outside), self.late)))

    def replaced(self) -> tuple[Bars, Rows]:
        """The fetched bars in place of the stored ones, and the stored rows that are no longer in force.

        A stored bar that the fetch does not speak of, before its first, after its last or where it was refused, stays
        only if the sessions beside it that both have agree: else nothing says that it is on the fetch's share count.
        """
        unsaid = np.setdiff1d(np.arange(len(self.stored)), np.concatenate([self.old, self.missing]))
        vouched = self._vouched(self.stored.session[unsaid]) & bool(len(self.old))
        bars = joined(rows_of(self.stored, unsaid[vouched]), self.fetched)
        return bars, np.sort(np.concatenate([self.missing, unsaid[~vouched]]))

    def changes(self, *, dropped: Rows | None = None) -> tuple[Change, ...]:
        """Everything told otherwise, by session; `dropped` are stored rows that go, in place of those missing."""
        was, said = values(self.stored)[self.old], values(self.fetched)[self.new]
        session = self.stored.session[self.old]
        found = [
            Change(str(session[i]), FIELDS[k], repr(float(was[i, k])), repr(float(said[i, k])))
            for i, k in np.argwhere(self.differs)
        ]
        found += [self._missing(row) for row in (self.missing if dropped is None else dropped)]
        found += [self._late(row) for row in self.late]
        return tuple(sorted(found, key=lambda change: change.session))

    def _missing(self, row: int) -> Change:
        return Change(str(self.stored.session[row]), BAR, bar_json(self.stored, row), "")

    def _late(self, row: int) -> Change:
        return Change(str(self.fetched.session[row]), BAR, "", bar_json(self.fetched, row))

    def _vouched(self, session: npt.NDArray[np.datetime64]) -> Marks:
        """Whether the nearest sessions that both have, on either side as far as there are some, agree."""
        place = np.searchsorted(self.stored.session[self.old], session)
        beside = np.concatenate([[True], self.agrees, [True]])
        vouched: Marks = beside[place] & beside[place + 1]
        return vouched


def compared(
    stored: Bars,
    fetched: Bars,
    *,
    since: np.datetime64 | None,
    refused: Collection[str],
    adjusted_close: Floats | None = None,
) -> Comparison:
    """Where a fetch tells the stored sessions otherwise.

    Parameters
    ----------
    stored, fetched : Bars
        Ascending, sound, neither of them empty.
    since : datetime64[D], optional
        What the source was asked for; None if for everything it has. From there, or from its first bar, through its
        last one it should have said every stored session.
    refused : collection of str
        ISO sessions of which the source delivered a row that is no bar: that unsays nothing.
    adjusted_close : (len(fetched),) float64, optional
        Dividends that were read back from these are as exact as these are.
    """
    _, old, new = np.intersect1d(stored.session, fetched.session, assume_unique=True, return_indices=True)
    tolerance = _tolerance(stored, fetched, adjusted_close, old=old, new=new)
    # A NaN is within no tolerance.
    differs = ~(np.abs(values(stored)[old] - values(fetched)[new]) <= tolerance)
    first = fetched.session[0] if since is None else since
    due = (stored.session >= first) & (stored.session <= fetched.session[-1])
    due &= ~np.isin(stored.session.astype(str), list(refused))
    between = (fetched.session > stored.session[0]) & (fetched.session < stored.session[-1])
    agrees = ~np.delete(differs, VOLUME, axis=1).any(axis=1)
    return Comparison(
        stored=stored,
        fetched=fetched,
        old=old,
        new=new,
        differs=differs,
        tolerance=tolerance,
        agrees=np.asarray(agrees),
        missing=np.setdiff1d(np.flatnonzero(due), old),
        late=np.setdiff1d(np.flatnonzero(between), new),
    )


def _tolerance(stored: Bars, fetched: Bars, adjusted_close: Floats | None, *, old: Rows, new: Rows) -> Floats:
    """How far apart two values of a cell may be and still say the same, (m, 7)."""
    was, said = values(stored)[old], values(fetched)[new]
    relative = np.full(len(FIELDS), PRICE_TOLERANCE)
    relative[VOLUME], relative[SPLIT] = VOLUME_TOLERANCE, SPLIT_TOLERANCE
    tolerance: Floats = relative * np.maximum(np.abs(was), np.abs(said))
    # A dividend that was told has few decimals; one that was read back has them all.
    told = _is_rounded(was[:, DIVIDEND]) & _is_rounded(said[:, DIVIDEND])
    rounding = np.where(told, 0.0, _rounding(adjusted_close, len(fetched))[new])
    tolerance[:, DIVIDEND] = (DIVIDEND_TOLERANCE + rounding) * was[:, CLOSE]
    return tolerance


def _rounding(adjusted_close: Floats | None, n: int) -> Floats:
    """The error of dividends read back from rounded adjusted closes, as a share of the price, (n,).

    Each of the two closes around an ex-date is off by up to half a unit of its last decimal, in the stored telling
    and in the fetched one.
    """
    if adjusted_close is None:
        return np.zeros(n)
    for decimals in range(DECIMALS + 1):
        if _is_rounded(adjusted_close, decimals).all():
            share = 10.0**-decimals / np.abs(adjusted_close)
            return share + np.insert(share[:-1], 0, share[:1])
    return np.zeros(n)


def _is_rounded(value: Floats, decimals: int = DECIMALS) -> Marks:
    rounded: Marks = value == np.round(value, decimals)
    return rounded


def values(bars: Bars) -> Floats:
    """Every number of the bars by `FIELDS`, (n, 7)."""
    return np.column_stack([bars.ohlcv, bars.split, bars.dividend])


def bar_json(bars: Bars, row: int) -> str:
    """A whole bar as evidence keeps it: a JSON object by column."""
    cells = dict(zip(FIELDS, values(bars[row : row + 1])[0].tolist(), strict=True))
    return json.dumps({"date": str(bars.session[row]), **cells})


def rows_of(bars: Bars, rows: Rows | Marks) -> Bars:
    """Some of the bars."""
    return Bars(bars.session[rows], bars.ohlcv[rows], bars.split[rows], bars.dividend[rows])


def joined(one: Bars, other: Bars) -> Bars:
    """The bars of both, which have no session in common, by session."""
    columns = (
        np.concatenate([one.session, other.session]),
        np.concatenate([one.ohlcv, other.ohlcv]),
        np.concatenate([one.split, other.split]),
        np.concatenate([one.dividend, other.dividend]),
    )
    order = np.argsort(columns[0], kind="stable")
    return Bars(*(column[order] for column in columns))
