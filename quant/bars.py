"""Daily bars of one ticker: what they are, and how splits and dividends are taken out.

Bars are kept as traded, with splits and dividends beside them. Adjusted prices are derived, for each window
to its own last bar: a split next year then changes nothing in a window that ended before it, and a window
adjusted live is the same, to the last bit, as the one adjusted in a batch. What makes bars wrong is `quant.faults`'
business, fetching them a source's.
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


class Convention(enum.Enum):
    """How a dividend enters a total return; the two differ by the dividend yield times the day's return."""

    # ``(close + dividend) * split / previous close``: what was earned, the cash held until the close.
    CRSP = "crsp"
    # ``close / (previous close - dividend)``: what Yahoo's adjusted closes say.
    YAHOO = "yahoo"


def _return_factors(bars: Bars, convention: Convention = Convention.CRSP) -> tuple[Floats, Floats]:
    """What a price, and a share count, of the bar before is multiplied by at each bar; 1 in the first row."""
    price, shares = np.ones(len(bars)), np.ones(len(bars))
    dividend, split = bars.dividend[1:], bars.split[1:]
    if convention is Convention.CRSP:
        price[1:] = 1.0 / (1.0 + dividend / bars.close[1:]) / split
    else:
        price[1:] = (1.0 - dividend * split / bars.close[:-1]) / split
    shares[1:] = split
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
    if (price != 1.0).any():
        factor = _to_the_end(_runs(price, length))
        for column in (OPEN, HIGH, LOW, CLOSE):
            adjusted[:, :, column] *= factor
    if (shares != 1.0).any():
        adjusted[:, :, VOLUME] *= _to_the_end(_runs(shares, length))
    return adjusted


def _runs(values: Floats, length: int) -> Floats:
    """A read-only view of every run of `length` rows: (n, ...) in, (n - length + 1, length, ...) out."""
    if length == len(values):
        return values[None]
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


def log_returns(bars: Bars, *, convention: Convention = Convention.CRSP) -> Floats:
    """Total log return of each session over the one before, dividends included.

    Parameters
    ----------
    bars : Bars
        Sound bars.
    convention : Convention
        CRSP's throughout the project; Yahoo's to hold bars against its adjusted closes.

    Returns
    -------
    (n,) float64
        NaN in the first row.

    References
    ----------
    CRSP, Data Descriptions Guide, "Total return": ``(p_t f_t + d_t) / p_{t-1} - 1``.
    """
    price, _ = _return_factors(bars, convention)
    returns = np.full(len(bars), np.nan)
    returns[1:] = np.log(bars.close[1:] / (bars.close[:-1] * price[1:]))
    return returns
