"""Fewer points of a curve than it has: enough to draw. What the curve is of does not belong here."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quant.errors import QuantError


def thinned(n: int, *, most: int) -> npt.NDArray[np.int64]:
    """Which of `n` rows to keep so that at most `most` are left, evenly spread, the first and the last among them.

    Parameters
    ----------
    n : int
        At least 0.
    most : int
        At least 2.

    Returns
    -------
    (min(n, most),) int64
        Ascending; all rows where there are no more than `most`.

    Raises
    ------
    QuantError
        If `n` or `most` is smaller than that.
    """
    if n < 0:
        raise QuantError(f"n: expected at least 0, got {n}")
    if most < 2:
        raise QuantError(f"most: expected at least 2, got {most}")
    if n <= most:
        return np.arange(n, dtype=np.int64)
    # Steps of (n - 1) / (most - 1), which is above 1: no row comes twice.
    return np.arange(most, dtype=np.int64) * (n - 1) // (most - 1)
