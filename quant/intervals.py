"""Scores of prediction intervals: whether they cover what they promise, and how wide they had to be for it.

Making intervals does not belong here.
"""

from __future__ import annotations

import numpy as np

from quant.bars import Floats
from quant.errors import QuantError
from quant.rows import finite_rows


def coverage(actual: Floats, lower: Floats, upper: Floats) -> float:
    """Share of realised values inside their interval, bounds included. A row with a NaN is left out."""
    actual, lower, upper = finite_rows(actual, lower, upper)
    return float(np.mean((actual >= lower) & (actual <= upper)))


def interval_score(actual: Floats, lower: Floats, upper: Floats, *, nominal: float) -> float:
    """Mean interval score of a central prediction interval; lower is better.

    Parameters
    ----------
    actual, lower, upper : (n,) float64
        Realised values and interval bounds, in the same unit. A row with a NaN is left out.
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
