"""What bars can do wrong, and the rules that one row or its neighbour shows by itself.

Rules that need a calendar or a stretch of history are `quant.quality`'s, what may be mended `quant.repair`'s. Nothing
is changed or dropped here.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from quant.bars import CLOSE, COLUMNS, HIGH, LOW, OPEN, VOLUME, Bars, Floats
from quant.errors import BadBars


class Rule(enum.Enum):
    """Every rule that market data is held to, by the name that checks, reports and tables use."""

    # One row, or a row and its neighbour: `faults`.
    EMPTY = "empty"
    ORDER = "sessions_ascending"
    DUPLICATE = "one_bar_per_session"
    FINITE = "finite"
    POSITIVE_PRICE = "price_positive"
    NEGATIVE_VOLUME = "volume_not_negative"
    HIGH_LOW = "high_and_low_bound_open_and_close"
    ACTION = "split_positive_dividend_not_negative"
    PAYOUT = "dividend_below_previous_close"

    # What a source has to refuse or set aside before there are bars.
    SCHEMA = "schema_and_types"
    ERROR_BODY = "error_saved_as_data"
    OTHER_TICKER = "holds_another_ticker"
    CONFLICT = "conflicting_duplicate"

    # A stretch of history, a calendar: `quant.quality`.
    MISSING_SESSION = "missing_session"
    EXTRA_SESSION = "extra_session"
    ZERO_VOLUME = "zero_volume_run"
    UNCHANGED = "unchanged_prices"
    JUMP = "unexplained_jump"
    UNIT = "unit_error_100x"
    SPLIT_NOT_APPLIED = "split_not_applied"
    SPLIT_MISSING = "split_not_recorded"
    SPLIT_AS_DIVIDEND = "split_booked_as_dividend"
    DIVIDEND_AS_SPLIT = "dividend_booked_as_split"
    DIVIDEND_UNIT = "dividend_unit_error_100x"
    DIVIDEND_SHARE_COUNT = "dividend_on_another_share_count"
    DIVIDEND_PHANTOM = "phantom_dividend"
    ADJUSTED_CLOSE = "adjusted_close_disagrees_with_actions"
    STOPPED = "ticker_stopped"
    LATE = "older_than_calendar"

    # Between two fetches.
    RESTATED = "restated_history"


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule broken at one bar: `field` holds `value` where `expected` was due."""

    rule: Rule
    row: int
    session: str
    field: str
    value: str
    expected: str

    def __str__(self) -> str:
        return f"{self.session} {self.field}: expected {self.expected}, got {self.value}"


# Vendors round each of the four prices by itself: a high may sit a rounding below the close.
HIGH_LOW_TOLERANCE: Final = 1e-4


def faults(bars: Bars) -> list[Fault]:
    """Every rule of `Rule` that the bars break, in row order within a rule; an empty list for sound bars.

    A non-finite cell is reported once, as `Rule.FINITE`, and not again by the comparisons that it fails.
    """
    if not len(bars):
        return [Fault(Rule.EMPTY, 0, "-", "bars", "none", "at least one bar")]
    finite = np.isfinite(bars.ohlcv)
    known = np.where(finite, bars.ohlcv, np.nan)
    prices, volume = known[:, :4], known[:, [VOLUME]]
    high_low = "high >= open and close >= low"
    return [
        *_order_faults(bars),
        *_cell_faults(bars, Rule.FINITE, ~finite, COLUMNS, "a finite number"),
        *_cell_faults(bars, Rule.POSITIVE_PRICE, prices <= 0, COLUMNS[:4], "a price above 0"),
        *_cell_faults(bars, Rule.NEGATIVE_VOLUME, volume < 0, ("volume",), "a volume of at least 0"),
        *_cell_faults(bars, Rule.HIGH_LOW, _crossed(prices), ("high", "low"), high_low),
        *_cell_faults(bars, Rule.ACTION, _impossible(bars), ("split", "dividend"), "a finite split > 0, dividend >= 0"),
        *_cell_faults(bars, Rule.PAYOUT, _overpaid(bars), ("dividend",), "less than the previous close"),
    ]


Cells = npt.NDArray[np.bool_]


def _cell_faults(bars: Bars, rule: Rule, bad: Cells, fields: tuple[str, ...], expected: str) -> list[Fault]:
    """One fault for each cell marked in `bad`, (n, len(fields))."""
    if not bad.any():
        return []
    values = np.column_stack([bars.ohlcv, bars.split, bars.dividend])
    place = [(*COLUMNS, "split", "dividend").index(field) for field in fields]
    return [
        Fault(rule, int(row), str(bars.session[row]), fields[k], repr(float(values[row, place[k]])), expected)
        for row, k in np.argwhere(bad)
    ]


def _crossed(prices: Floats) -> Cells:
    """(n, 2): a high under the open or the close, a low over one of them; a NaN is neither."""
    body = prices[:, [OPEN, CLOSE]]
    high = prices[:, HIGH] < body.max(axis=1) * (1 - HIGH_LOW_TOLERANCE)
    low = prices[:, LOW] > body.min(axis=1) * (1 + HIGH_LOW_TOLERANCE)
    return np.column_stack([high, low])


def _impossible(bars: Bars) -> Cells:
    """(n, 2): a split that is not above 0, a dividend below 0, and either when it is not finite."""
    split = (bars.split > 0) & np.isfinite(bars.split)
    dividend = (bars.dividend >= 0) & np.isfinite(bars.dividend)
    return ~np.column_stack([split, dividend])


def _overpaid(bars: Bars) -> Cells:
    """(n, 1): a dividend that takes the whole price; adjusting by it would leave none, or a negative one."""
    sound = ~_impossible(bars).any(axis=1)
    previous = bars.close[:-1]
    paid = np.where(sound, bars.dividend, 0.0)[1:] * np.where(sound, bars.split, 1.0)[1:]
    bad = np.zeros((len(bars), 1), dtype=bool)
    bad[1:, 0] = (paid >= previous) & (previous > 0)
    return bad


def _order_faults(bars: Bars) -> list[Fault]:
    steps = np.diff(bars.session.astype("datetime64[D]").astype(np.int64))
    found = []
    for i in np.flatnonzero(steps <= 0):
        rule = Rule.DUPLICATE if steps[i] == 0 else Rule.ORDER
        session = str(bars.session[i + 1])
        found.append(Fault(rule, int(i + 1), session, "session", session, f"a session after {bars.session[i]}"))
    return found


def check(bars: Bars, *, ticker: str = "") -> Bars:
    """The bars themselves if they are sound.

    Raises
    ------
    BadBars
        Names the first three faults and how many there are.
    """
    found = faults(bars)
    if found:
        first = "; ".join(str(fault) for fault in found[:3])
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        raise BadBars(f"{ticker + ': ' if ticker else ''}{first}{more}")
    return bars
