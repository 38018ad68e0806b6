"""Daily bars of one ticker: what they are, what makes them wrong, and how splits and dividends are taken out.

Bars are kept as traded, with splits and dividends beside them. Adjusted prices are derived, for each window
to its own last bar: a split next year then changes nothing in a window that ended before it, and a window
adjusted live is the same, to the last bit, as the one adjusted in a batch. Fetching bars does not belong here.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from quant.errors import BadBars, QuantError, TooShort

Floats = npt.NDArray[np.float64]
Sessions = npt.NDArray[np.datetime64]

OPEN: Final = 0
HIGH: Final = 1
LOW: Final = 2
CLOSE: Final = 3
VOLUME: Final = 4
COLUMNS: Final = ("open", "high", "low", "close", "volume")

# A step of the vendor's adjustment factor under 5 basis points is the rounding of its adjusted closes, not a payment.
SMALLEST_ACTION: Final = 5e-4
# A step that leaves less than this share of the price is a split; no ordinary dividend pays out 20 %.
SPLIT_STEP: Final = 1.2


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Daily bars as traded, one row per session, in ascending order.

    Attributes
    ----------
    session : (n,) datetime64[D]
        The exchange's session date.
    ohlcv : (n, 5) float64
        Open, high, low, close (currency per share) and volume (shares), as traded on that day.
    split : (n,) float64
        New shares per old share, in force from this session's open; 1 where there was none.
    dividend : (n,) float64
        Cash per share, as of this ex-date, on the share count in force that day; 0 where there was none.
    """

    session: Sessions
    ohlcv: Floats
    split: Floats
    dividend: Floats

    def __post_init__(self) -> None:
        n = len(self.session)
        if self.ohlcv.shape != (n, 5):
            raise QuantError(f"ohlcv: expected shape ({n}, 5), got {self.ohlcv.shape}")
        for name, column in (("split", self.split), ("dividend", self.dividend)):
            if column.shape != (n,):
                raise QuantError(f"{name}: expected shape ({n},), got {column.shape}")

    def __len__(self) -> int:
        return len(self.session)

    def __getitem__(self, rows: slice) -> Bars:
        return Bars(self.session[rows], self.ohlcv[rows], self.split[rows], self.dividend[rows])

    @property
    def close(self) -> Floats:
        """Close as traded, (n,)."""
        return self.ohlcv[:, CLOSE]

    def through(self, last: np.datetime64) -> Bars:
        """The bars up to and including session `last`."""
        return self[: int(np.searchsorted(self.session, last, side="right"))]

    def after(self, last: np.datetime64) -> Bars:
        """The bars of the sessions after `last`."""
        return self[int(np.searchsorted(self.session, last, side="right")) :]

    def append(self, other: Bars) -> Bars:
        """These bars followed by `other`, which must start later."""
        if len(self) and len(other) and other.session[0] <= self.session[-1]:
            raise BadBars(f"session: expected one after {self.session[-1]}, got {other.session[0]}")
        return Bars(
            np.concatenate([self.session, other.session]),
            np.concatenate([self.ohlcv, other.ohlcv]),
            np.concatenate([self.split, other.split]),
            np.concatenate([self.dividend, other.dividend]),
        )


def unadjusted(session: Sessions, ohlcv: Floats) -> Bars:
    """Bars without any split or dividend; see `Bars` for shapes."""
    n = len(session)
    return Bars(session.astype("datetime64[D]"), np.asarray(ohlcv, dtype=np.float64), np.ones(n), np.zeros(n))


class Rule(enum.Enum):
    """What a bar can do wrong."""

    EMPTY = "empty"
    ORDER = "sessions_ascending"
    DUPLICATE = "one_bar_per_session"
    FINITE = "finite"
    POSITIVE_PRICE = "price_positive"
    NEGATIVE_VOLUME = "volume_not_negative"
    HIGH_LOW = "high_and_low_bound_open_and_close"
    ACTION = "split_positive_dividend_not_negative"
    PAYOUT = "dividend_below_previous_close"


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


def actions_from_adjusted_close(close: Floats, adjusted_close: Floats) -> tuple[Floats, Floats]:
    """Splits and dividends, read back from a vendor's adjusted closes.

    Parameters
    ----------
    close, adjusted_close : (n,) float64
        As traded (or adjusted for splits only), and adjusted for dividends too. Finite and positive.

    Returns
    -------
    split, dividend : (n,) float64
        As in `Bars`. The adjustment factor steps up on an ex-date by
        ``split / (1 - dividend * split / previous close)``, the dividend being paid on the new share count. A step
        above 20 % is read as the nearest split p:q with q at most 4; what is left is the dividend. Steps under
        5 basis points are taken for the rounding of the vendor's figures.

    References
    ----------
    Yahoo and CRSP both adjust by ``1 - dividend / previous close``.
    """
    split, dividend = np.ones(len(close)), np.zeros(len(close))
    factor = adjusted_close / close
    step = factor[1:] / factor[:-1]
    for i in np.flatnonzero(np.abs(step - 1.0) > SMALLEST_ACTION):
        ratio = float(step[i])
        if ratio > SPLIT_STEP or ratio < 1 / SPLIT_STEP:
            split[i + 1] = _nearest_split(ratio)
        paid = 1.0 - split[i + 1] / ratio
        if paid > SMALLEST_ACTION:
            dividend[i + 1] = paid * close[i] / split[i + 1]
    return split, dividend


def _nearest_split(ratio: float) -> float:
    """The ratio p:q, q at most 4 (or its inverse for reverse splits), nearest to `ratio` in proportion."""
    if ratio < 1:
        return 1 / _nearest_split(1 / ratio)
    candidates = np.array([round(ratio * q) / q for q in (1, 2, 3, 4)])
    # Prefer the plainest ratio: a finer one has to be nearer by more than a dividend of 2 % could explain.
    errors = np.abs(np.log(candidates / ratio)) + np.array([0.0, 0.02, 0.02, 0.02])
    return float(candidates[int(np.argmin(errors))])


def _return_factors(bars: Bars) -> tuple[Floats, Floats]:
    """What a price, and a share count, of the bar before is multiplied by at each bar; 1 in the first row."""
    price, shares = np.ones(len(bars)), np.ones(len(bars))
    previous = bars.ohlcv[:-1, CLOSE]
    price[1:] = (1.0 - bars.dividend[1:] * bars.split[1:] / previous) / bars.split[1:]
    shares[1:] = bars.split[1:]
    return price, shares


def windows(bars: Bars, *, length: int) -> Floats:
    """Every run of `length` bars, each adjusted for splits and dividends to its own last bar.

    Parameters
    ----------
    bars : Bars
        Sound bars (`check`), at least `length` of them.
    length : int
        Bars per window.

    Returns
    -------
    (n - length + 1, length, 5) float64
        C-contiguous. Row i ends at bar ``i + length - 1``; its last bar is as traded. Only the actions inside a
        window touch it, so windows of a longer history and of its tail are equal to the last bit.

    Raises
    ------
    TooShort
        With fewer than `length` bars.
    """
    if len(bars) < length:
        raise TooShort(f"bars: expected at least {length}, got {len(bars)}")
    price, shares = _return_factors(bars)
    adjusted = _runs(bars.ohlcv, length).copy(order="C")
    if np.any(price != 1.0):
        factor = _to_the_end(_runs(price, length))
        for column in (OPEN, HIGH, LOW, CLOSE):
            adjusted[:, :, column] *= factor
    if np.any(shares != 1.0):
        adjusted[:, :, VOLUME] *= _to_the_end(_runs(shares, length))
    return adjusted


def _runs(values: Floats, length: int) -> Floats:
    """A read-only view of every run of `length` rows: (n, ...) in, (n - length + 1, length, ...) out."""
    step = values.strides[0]
    shape = (len(values) - length + 1, length, *values.shape[1:])
    return np.lib.stride_tricks.as_strided(values, shape, (step, step, *values.strides[1:]), writeable=False)


def _to_the_end(steps: Floats) -> Floats:
    """Product of the steps after each place up to its row's end: (m, W) in, (m, W) out, last column 1."""
    product = np.ones(steps.shape)
    product[:, :-1] = np.cumprod(steps[:, :0:-1], axis=1)[:, ::-1]
    return product


def adjusted(bars: Bars) -> Floats:
    """The whole history adjusted for splits and dividends to its last bar, (n, 5); the last bar is as traded."""
    whole: Floats = windows(bars, length=len(bars))[0]
    return whole


def log_returns(bars: Bars) -> Floats:
    """Total log return of each session over the one before, dividends included; (n,), NaN in the first row."""
    price, _ = _return_factors(bars)
    returns = np.full(len(bars), np.nan)
    returns[1:] = np.log(bars.close[1:] / (bars.close[:-1] * price[1:]))
    return returns
