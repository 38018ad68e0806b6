"""Dates in the formats that files have them in, and which number of 03/04/2024 is the day.

What is a session, and whether there should have been one, is not asked here.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from quant.bars import Sessions
from stock_assets.errors import BadValue

Ints = npt.NDArray[np.int64]

# A day above 12 decides; the few cells in a hundred that contradict the rest are then what can't be read.
CONTRADICTING: Final = 0.05
# Two figures of a year are read as POSIX does: 69 is 1969, 68 is 2068.
PIVOT: Final = 69
SATURDAY: Final = 5

_MONTH_NAMES: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
MONTHS: Final = {name[:length]: number for length in (9, 4, 3) for number, name in enumerate(_MONTH_NAMES, start=1)}
_TIME = r"(?:(?:\s*T|[\s,]\s*)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
_ZONE = r"\s*(?P<half>[ap]\.?m\.?)?\s*(?:z|[+-]\d{2}(?::?\d{2}){0,2}|[a-z]{2,5}|[a-z]+/[a-z_/]+)?)?$"
_WEEKDAY = r"^(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"


def _pattern(day: str) -> re.Pattern[str]:
    return re.compile(_WEEKDAY + day + _TIME + _ZONE, re.IGNORECASE)


_YEAR_FIRST: Final = _pattern(r"(?P<year>\d{4})(?P<mark>[-/.]?)(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})")
_YEAR_LAST: Final = _pattern(r"(?P<one>\d{1,2})(?P<mark>[-/. ])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})")
_DAY_NAME: Final = _pattern(
    r"(?P<day>\d{1,2})(?:st|nd|rd|th)?[-\s/.]*(?P<name>[a-z]{3,9})\.?[-\s/.,]*(?P<year>\d{4}|\d{2})"
)
_NAME_DAY: Final = _pattern(
    r"(?P<name>[a-z]{3,9})\.?[-\s/]*(?P<day>\d{1,2})(?:st|nd|rd|th)?[-\s/,]+(?P<year>\d{4}|\d{2})"
)
_YEAR_NAME: Final = _pattern(r"(?P<year>\d{4})[-\s/]?(?P<name>[a-z]{3,9})[-\s/]?(?P<day>\d{1,2})")
_EPOCH: Final = re.compile(r"(?P<count>-?\d{9,19})$")
# A count of seconds reaches the year 5138 before it is as long as one of milliseconds in 1973.
_UNITS: Final = ((10**11, 1), (10**14, 10**3), (10**17, 10**6))


class DayMonth(enum.Enum):
    """Which of two numbers is the day."""

    DAY_FIRST = "dd/mm"
    MONTH_FIRST = "mm/dd"


@dataclass(frozen=True, slots=True)
class Moment:
    """One cell: days since 1970-01-01 by either order (None where that is no date), seconds since midnight."""

    day_first: int | None
    month_first: int | None
    second: int = 0
    has_year_first: bool = True


def moment(cell: str) -> Moment | None:
    """What a cell says, or None if no format that is understood fits it.

    The session is the date that is written, whatever zone stands behind it; of a count since 1970 it is the date in
    UTC. Counts of seconds, milliseconds, microseconds and nanoseconds are told by their length.
    """
    text = re.sub(r"^(-?\d{8,19})\.0*$", r"\1", cell.strip())
    epoch = _EPOCH.match(text)
    if epoch:
        return _of_epoch(int(epoch["count"]))
    for pattern in (_YEAR_FIRST, _YEAR_LAST, _DAY_NAME, _NAME_DAY, _YEAR_NAME):
        found = pattern.match(text)
        if found:
            return _of_match(found.groupdict())
    return None


def _of_epoch(count: int) -> Moment:
    per_second = next((unit for limit, unit in _UNITS if abs(count) < limit), 10**9)
    days, second = divmod(count // per_second, 86_400)
    return Moment(days, days, second)


def _of_match(part: dict[str, str | None]) -> Moment | None:
    year, second = _year(part["year"] or ""), _second(part)
    if "one" in part:
        one, two = int(part["one"] or 0), int(part["two"] or 0)
        day_first, month_first = _days(year, two, one), _days(year, one, two)
        if day_first is None and month_first is None:
            return None
        return Moment(day_first, month_first, second, has_year_first=False)
    if "name" in part:
        month = MONTHS.get((part["name"] or "").lower(), 0)
    else:
        month = int(part["month"] or 0)
        if not part["mark"] and len((part["month"] or "") + (part["day"] or "")) != 4:
            return None
    days = _days(year, month, int(part["day"] or 0))
    return None if days is None else Moment(days, days, second)


def _year(text: str) -> int:
    year = int(text)
    return year if len(text) == 4 else year + (1900 if year >= PIVOT else 2000)


def _second(part: dict[str, str | None]) -> int:
    hour = int(part["hour"] or 0)
    if part["half"]:
        hour = hour % 12 + (12 if part["half"].lower().startswith("p") else 0)
    return hour * 3600 + int(part["minute"] or 0) * 60 + int(part["second"] or 0)


def _days(year: int, month: int, day: int) -> int | None:
    try:
        return date(year, month, day).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        return None


_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Dates:
    """A column of dates.

    Attributes
    ----------
    day_first, month_first : (n,) datetime64[D]
        The column read either way; the same array unless a cell depends on it. NaT where that is no date.
    second : (n,) int64
        Seconds since midnight where the cell has a time, else 0.
    order : DayMonth, optional
        Which of the two counts; None while it is not decided.
    why : str
        What decided it, for a note; empty where nothing had to be decided.
    """

    day_first: Sessions
    month_first: Sessions
    second: Ints
    order: DayMonth | None = None
    why: str = ""

    def __getitem__(self, rows: Any) -> Dates:
        day_first = self.day_first[rows]
        month_first = self.month_first[rows] if self.depends else day_first
        return replace(self, day_first=day_first, month_first=month_first, second=self.second[rows])

    @property
    def depends(self) -> bool:
        """Whether some date depends on the order of day and month."""
        return self.day_first is not self.month_first

    @property
    def open_to_both(self) -> npt.NDArray[np.bool_]:
        """The cells that are another date in either order, or a date in one of them only; NaT equals NaT here."""
        if not self.depends:
            return np.zeros(len(self.second), dtype=bool)
        differs: npt.NDArray[np.bool_] = self.day_first.astype(np.int64) != self.month_first.astype(np.int64)
        return differs

    def read(self, order: DayMonth | None) -> Sessions:
        """The sessions, NaT where a cell is no date; `order` counts where this column has not decided.

        If neither has, a cell that depends on it is none.
        """
        order = self.order or order
        if order is None and self.depends:
            return np.where(self.open_to_both, np.datetime64("NaT"), self.day_first)
        return self.month_first if order is DayMonth.MONTH_FIRST else self.day_first


def read_dates(column: pa.Array) -> Dates:
    """A column of dates, of any type; `order` is not decided yet where it matters."""
    if pa.types.is_string(column.type):
        try:
            # The common case, of which reading cell by cell takes 20 times as long.
            return _of_temporal(pc.cast(column, pa.date32()))
        except pa.ArrowInvalid:
            pass  # not dates like 2024-01-31 throughout
    if pa.types.is_temporal(column.type) and not pa.types.is_time(column.type):
        return _of_temporal(column)
    distinct, place = _distinct(column)
    moments = [moment(cell) if cell else None for cell in distinct]
    first = np.array([_DAY_NONE if m is None or m.day_first is None else m.day_first for m in moments], dtype=np.int64)
    second = np.array([0 if m is None else m.second for m in moments], dtype=np.int64)
    day_first = _sessions(first)[place]
    if all(m is None or m.has_year_first for m in moments):
        return Dates(day_first=day_first, month_first=day_first, second=second[place])
    last = np.array([_DAY_NONE if m is None or m.month_first is None else m.month_first for m in moments])
    return Dates(day_first=day_first, month_first=_sessions(last)[place], second=second[place])


_DAY_NONE: Final = np.iinfo(np.int64).min


def _sessions(days: Ints) -> Sessions:
    return days.astype("datetime64[D]")


def _distinct(column: pa.Array) -> tuple[list[str], Ints]:
    """The cells that there are as text, "" for a missing one, and each row's place among them."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    if pa.types.is_floating(encoded.dictionary.type):
        cells = ["" if cell is None else f"{cell:.0f}" for cell in encoded.dictionary.to_pylist()]
    else:
        cells = ["" if cell is None else str(cell) for cell in encoded.dictionary.to_pylist()]
    place = pc.fill_null(encoded.indices, len(cells)).to_numpy(zero_copy_only=False).astype(np.int64)
    return [*cells, ""], place


def _of_temporal(column: pa.Array) -> Dates:
    """Arrow's own dates; a timestamp with a zone is the local one."""
    if pa.types.is_timestamp(column.type):
        zone = column.type.tz
        local = pc.local_timestamp(column) if zone is not None else column
        seconds = pc.cast(local, pa.timestamp("s"), safe=False).to_numpy(zero_copy_only=False).astype("datetime64[s]")
    else:
        days = pc.cast(column, pa.date32()).to_numpy(zero_copy_only=False)
        seconds = days.astype("datetime64[D]").astype("datetime64[s]")
    session = seconds.astype("datetime64[D]")
    second = np.where(np.isnat(session), 0, (seconds - session).astype(np.int64))
    return Dates(day_first=session, month_first=session, second=second)


def decided(dates: Dates, group: Ints, *, what: str) -> Dates:
    """The dates with the order of day and month decided by the whole column, if it can be.

    A day above 12 decides. Else an order is excluded that has weekends where the other has none, or, in a column of
    such dates, one that does not stand in time where the other does.

    Parameters
    ----------
    dates : Dates
    group : (n,) int64
        Each row's ticker, by number: order in time is looked for within each.
    what : str
        The file, for messages.

    Raises
    ------
    BadValue
        If the column contradicts itself: some cells can only be day first, and as many only month first.
    """
    if not dates.depends:
        return dates
    day_first, month_first = ~np.isnat(dates.day_first), ~np.isnat(dates.month_first)
    only_day, only_month = int((day_first & ~month_first).sum()), int((month_first & ~day_first).sum())
    if only_day or only_month:
        if min(only_day, only_month) > CONTRADICTING * max(only_day, only_month):
            one = f"{only_day} dates that can only be dd/mm and {only_month} that can only be mm/dd"
            raise BadValue(f"{what} date: expected one order of day and month, got {one}")
        order = DayMonth.DAY_FIRST if only_day > only_month else DayMonth.MONTH_FIRST
        return replace(dates, order=order, why="a day above 12")
    # Few such cells among others may stand anywhere, and where they stand then decides nothing.
    of_such_dates = 2 * int(dates.open_to_both.sum()) > len(group)
    no_day_first, no_month_first = (
        "has weekends"
        if _has_weekend(session)
        else "is not in time"
        if of_such_dates and not _in_time(session, group)
        else ""
        for session in (dates.day_first, dates.month_first)
    )
    if bool(no_day_first) == bool(no_month_first):
        return dates
    order = DayMonth.MONTH_FIRST if no_day_first else DayMonth.DAY_FIRST
    return replace(dates, order=order, why=f"the other order {no_day_first or no_month_first}")


def _has_weekend(session: Sessions) -> bool:
    known = session[~np.isnat(session)]
    # 1970-01-01 was a Thursday.
    return bool((((known.astype(np.int64) + 3) % 7) >= SATURDAY).any())


def _in_time(session: Sessions, group: Ints) -> bool:
    """Whether every group's sessions only rise, or only fall, in the order they stand in."""
    row = np.argsort(group, kind="stable")
    within = group[row][1:] == group[row][:-1]
    step = np.diff(session[row].astype(np.int64))[within]
    return bool((step >= 0).all() or (step <= 0).all())
