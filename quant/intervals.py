"""Scores of prediction intervals: whether they cover what they promise, and how wide they had to be for it.

Making intervals does not belong here. Throughout, `actual`, `lower` and `upper` (n,) are in the same unit, and a row
with a NaN in any of them is left out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quant.bars import Floats
from quant.errors import QuantError, TooShort
from quant.rows import finite_rows


def coverage(actual: Floats, lower: Floats, upper: Floats) -> float:
    """Share of realised values inside their interval, bounds included."""
    return float(np.mean(_covered(actual, lower, upper)))


def rolling_coverage(actual: Floats, lower: Floats, upper: Floats, *, window: int = 63) -> Floats:
    """Coverage of every run of `window` rows: an average may hide the months in which the intervals failed.

    Parameters
    ----------
    actual, lower, upper : (n,) float64
        In the order of time. A row with a NaN is left out, and its window reaches one row further.
    window : int
        At least 1; 63 sessions are a quarter.

    Returns
    -------
    (k - window + 1,) float64
        Of the k rows that are left; the first entry is that of the first whole window.

    Raises
    ------
    TooShort
        If no window is whole.
    """
    if window < 1:
        raise QuantError(f"window: expected at least 1, got {window}")
    covered = _covered(actual, lower, upper)
    if len(covered) < window:
        raise TooShort(f"rows: expected at least a window of {window}, got {len(covered)}")
    # Counts are whole numbers: their running sum has no rounding that could pile up.
    count = np.concatenate([[0], np.cumsum(covered)])
    share: Floats = (count[window:] - count[:-window]) / window
    return share


def worst_rolling_coverage(actual: Floats, lower: Floats, upper: Floats, *, window: int = 63) -> float:
    """The least of `rolling_coverage`; below the promise even for perfect intervals, since it is the worst of many."""
    return float(rolling_coverage(actual, lower, upper, window=window).min())


def interval_score(actual: Floats, lower: Floats, upper: Floats, *, nominal: float) -> float:
    """Mean interval score of a central prediction interval, in the values' unit; lower is better.

    Parameters
    ----------
    nominal : float in (0, 1)
        The coverage that the interval promises, for instance 0.9.

    References
    ----------
    Gneiting & Raftery (2007), Strictly proper scoring rules, eq. 43.
    """
    if not 0 < nominal < 1:
        raise QuantError(f"nominal: expected between 0 and 1, got {nominal}")
    actual, lower, upper = finite_rows(actual, lower, upper)
    miss = 2.0 / (1.0 - nominal)
    below, above = np.maximum(lower - actual, 0.0), np.maximum(actual - upper, 0.0)
    return float(np.mean(upper - lower + miss * (below + above)))


def _covered(actual: Floats, lower: Floats, upper: Floats) -> npt.NDArray[np.bool_]:
    actual, lower, upper = finite_rows(actual, lower, upper)
    return (actual >= lower) & (actual <= upper)
