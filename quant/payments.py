"""The dividends of a ticker with what two witnesses say of each: the price of the ex-date, the vendor's adjusted close.

Evidence only; what follows from it is `quant.actions`'.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from quant.bars import Bars, Floats
from quant.evidence import adjusted_steps, log_likelihood, noise, opening_steps, rounding, steps, telling

HUNDRED: Final = 100.0
# By how much a vendor's figure may differ from a dividend: the conventions differ by the yield times the day's return.
LIKE: Final = 0.05


class Witness(enum.Enum):
    """What the vendor's adjusted close knows of a dividend."""

    UNKNOWN = "unknown"
    AGREES = "agrees"
    NOTHING = "nothing"
    HUNDREDTH = "hundredth"
    HUNDREDFOLD = "hundredfold"
    PER_OLD_SHARE = "per old share"
    OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True, eq=False)
class Payments:
    """Each dividend after the first row, (m,).

    Attributes
    ----------
    row : (m,) intp
    amount : (m,) float64
        Cash per share, as booked.
    split : (m,) float64
        The split of the same day.
    share : (m,) float64
        The dividend as a share of the previous close.
    step, sigma : (m,) float64
        Log step of the close without the dividend, and its noise.
    heard : (m,) bool
        Whether the step says anything.
    opening, opening_sigma : (m,) float64
        The same for the open; a step of 0 says nothing, many vendors repeat the close before.
    witness : (m,) object
        `Witness` of each.
    """

    row: npt.NDArray[np.intp]
    amount: Floats
    split: Floats
    share: Floats
    step: Floats
    sigma: Floats
    heard: npt.NDArray[np.bool_]
    opening: Floats
    opening_sigma: Floats
    witness: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.row)

    def likelihood(self, times: Floats | float) -> Floats:
        """Log likelihood of the closes had each dividend been `times` as large, (m,); 0 where nothing is heard."""
        value = log_likelihood(self.step, self.share * times, self.sigma)
        return np.where(self.heard | (self.share * times >= 1.0), value, 0.0)

    def says(self, *witnesses: Witness) -> npt.NDArray[np.bool_]:
        """Where the vendor says one of these, (m,)."""
        return np.array([said in witnesses for said in self.witness], dtype=bool)

    def preference(self, times: float, *, over: float) -> Floats:
        """By how much the ex-dates fit `times` the dividends better than `over` times them, (m,).

        By the open where it moved, which the day's news has not reached yet, otherwise by the close.
        """
        by_open, by_close = (
            log_likelihood(self.opening, self.share * times, self.opening_sigma)
            - log_likelihood(self.opening, self.share * over, self.opening_sigma),
            self.likelihood(times) - self.likelihood(over),
        )
        return np.where(self.opening != 0, by_open, by_close)


def payments(bars: Bars, adjusted_close: Floats | None) -> Payments:
    """The dividends of the bars and what is known of each."""
    row = np.flatnonzero(bars.dividend > 0)
    row = row[row > 0]
    step, opening = steps(bars), opening_steps(bars)
    previous = bars.close[row - 1] if len(row) else np.zeros(0)
    amount, split = bars.dividend[row], bars.split[row]
    return Payments(
        row=row,
        amount=amount,
        split=split,
        share=amount * split / previous,
        step=step[row],
        sigma=noise(step)[row],
        heard=telling(bars, step)[row],
        opening=opening[row],
        opening_sigma=noise(opening)[row],
        witness=_witnesses(bars, row, adjusted_close),
    )


def _witnesses(bars: Bars, row: npt.NDArray[np.intp], adjusted_close: Floats | None) -> npt.NDArray[np.object_]:
    said = np.full(len(row), Witness.UNKNOWN, dtype=object)
    if adjusted_close is None or not len(row):
        return said
    amount, split, previous, close = bars.dividend[row], bars.split[row], bars.close[row - 1], bars.close[row]
    ratio = np.exp(adjusted_steps(adjusted_close)[row])
    # Yahoo's adjusted closes and CRSP's, each solved for the dividend.
    implied = np.stack([(previous - close * split / ratio) / split, previous * ratio / split - close])
    blur = rounding(adjusted_close)[row] * previous / split

    def about(times: Floats | float) -> npt.NDArray[np.bool_]:
        wanted = amount * times
        sharp = blur < 0.4 * wanted
        near: npt.NDArray[np.bool_] = np.abs(implied - wanted).min(axis=0) <= blur + LIKE * wanted
        return near & sharp

    known = np.isfinite(ratio) & (blur < 0.25 * amount)
    said[known] = Witness.OTHERWISE
    said[known & (np.abs(implied).min(axis=0) <= blur + 0.002 * amount)] = Witness.NOTHING
    said[known & (split != 1) & about(1.0 / split)] = Witness.PER_OLD_SHARE
    said[known & about(HUNDRED)] = Witness.HUNDREDFOLD
    said[known & about(1.0 / HUNDRED)] = Witness.HUNDREDTH
    said[known & about(1.0)] = Witness.AGREES
    return said
