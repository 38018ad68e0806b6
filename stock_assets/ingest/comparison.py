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
from stock_assets.sources.market_data import Carried

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
        What was carried over from a refused row to the next bar is taken back where the row's session is stored: it
        stands there.
    carried : tuple of Carried
        What was taken back.
    old, new : (m,) int
        Rows in `stored` and in `fetched` of the sessions that both have.
    differs : (m, 7) bool
        By `FIELDS`: values further apart than `tolerance`.
    tolerance : (m, 7) float64
    moved : (m,) bool
        Whether the stored split and dividend include those that the fetch has at late bars before: the row of these was
        refused until now.
    agrees : (m,) bool
        Whether the prices, the split and the dividend are the same, or moved: both tellings stand on one share count
        there.
    missing : (k,) int
        Stored rows that the source should have said and does not.
    late : (l,) int
        Fetched rows in between the stored ones that were not there before.
    """

    stored: Bars
    fetched: Bars
    carried: tuple[Carried, ...]
    old: Rows
    new: Rows
    differs: Marks
    tolerance: Floats
    moved: Marks
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
        prices = _prices(self.differs, self.moved)
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
            # Without all of the late bars nothing has moved to them.
            moved=self.moved & (len(late) == len(self.late)),
        )

    def amended(self) -> Bars:
        """The stored bars with what is not serious: settled volumes, late bars, and sessions before and after."""
        ohlcv, split, dividend = (
            column.copy() for column in (self.stored.ohlcv, self.stored.split, self.stored.dividend)
        )
        settled = self.differs[:, VOLUME]
        ohlcv[self.old[settled], VOLUME] = self.fetched.ohlcv[self.new[settled], VOLUME]
        split[self.old[self.moved]] = self.fetched.split[self.new[self.moved]]
        dividend[self.old[self.moved]] = self.fetched.dividend[self.new[self.moved]]
        stored = Bars(self.stored.session, ohlcv, split, dividend)
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
        gone = self.stored.session[unsaid[~vouched]]
        fetched = _moved_on(self.fetched, [one for one in self.carried if one.session in gone], back=False)
        bars = joined(rows_of(self.stored, unsaid[vouched]), fetched)
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
    carried: Collection[Carried] = (),
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
    carried : collection of Carried
        What the fetched bars have of refused rows' splits and dividends.
    """
    taken_back = tuple(one for one in carried if one.session in stored.session)
    fetched = _moved_on(fetched, taken_back, back=True)
    _, old, new = np.intersect1d(stored.session, fetched.session, assume_unique=True, return_indices=True)
    tolerance = _tolerance(stored, fetched, adjusted_close, old=old, new=new)
    # A NaN is within no tolerance.
    differs = ~(np.abs(values(stored)[old] - values(fetched)[new]) <= tolerance)
    first = fetched.session[0] if since is None else since
    due = (stored.session >= first) & (stored.session <= fetched.session[-1])
    due &= ~np.isin(stored.session.astype(str), list(refused))
    between = (fetched.session > stored.session[0]) & (fetched.session < stored.session[-1])
    late = np.setdiff1d(np.flatnonzero(between), new)
    moved = _moved(stored, fetched, old=old, new=new, late=late, tolerance=tolerance)
    return Comparison(
        stored=stored,
        fetched=fetched,
        carried=taken_back,
        old=old,
        new=new,
        differs=differs,
        tolerance=tolerance,
        moved=moved,
        agrees=np.asarray(~_prices(differs, moved).any(axis=1)),
        missing=np.setdiff1d(np.flatnonzero(due), old),
        late=late,
    )


def _moved_on(bars: Bars, carried: Collection[Carried], *, back: bool) -> Bars:
    """The bars with what was carried to some of them, or without it again."""
    split, dividend = bars.split.copy(), bars.dividend.copy()
    for one in carried:
        # A bar that did not enter has nothing to give back.
        for row in np.flatnonzero(bars.session == one.onto):
            split[row] = split[row] / one.split if back else split[row] * one.split
            dividend[row] += -one.dividend if back else one.dividend
    return Bars(bars.session, bars.ohlcv, split, dividend) if carried else bars


def _moved(stored: Bars, fetched: Bars, *, old: Rows, new: Rows, late: Rows, tolerance: Floats) -> Marks:
    """`Comparison.moved`, of the late bars that have a split or a dividend."""
    moved = np.zeros(len(old), dtype=bool)
    acting = late[(fetched.split[late] != 1) | (fetched.dividend[late] > 0)]
    place = np.searchsorted(new, late)
    for i in np.unique(np.searchsorted(new, acting)):
        if i == len(new):
            continue
        split, dividend = 1.0, 0.0
        for row in (*late[place == i], new[i]):
            split *= float(fetched.split[row])
            dividend = dividend / float(fetched.split[row]) + float(fetched.dividend[row])
        same_split = abs(stored.split[old[i]] - split) <= SPLIT_TOLERANCE * split
        moved[i] = same_split and abs(stored.dividend[old[i]] - dividend) <= tolerance[i, DIVIDEND]
    return moved


def _prices(differs: Marks, moved: Marks) -> Marks:
    """Where prices, splits and dividends differ, those that moved left out, (m, 6)."""
    marks = differs.copy()
    marks[moved, SPLIT] = marks[moved, DIVIDEND] = False
    prices: Marks = np.delete(marks, VOLUME, axis=1)
    return prices


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
