"""Scores of the probabilities said of an event that came or didn't. Plain functions of arrays.

Where a probability comes from does not belong here, nor does the sign of a point forecast: `quant.metrics` has that.
"""

from __future__ import annotations

import numpy as np

from quant.bars import Floats
from quant.errors import QuantError
from quant.rows import finite_rows


def brier(happened: Floats, probability: Floats) -> float:
    """Mean squared error of probabilities; lower is better, 0.25 is a coin's.

    Parameters
    ----------
    happened : (n,) float64
        1 where the event came, 0 where it didn't. A row with a NaN is left out.
    probability : (n,) float64 in [0, 1]

    References
    ----------
    Brier (1950), Verification of forecasts expressed in terms of probability.
    """
    happened, probability = finite_rows(happened, probability)
    if np.any((probability < 0) | (probability > 1)):
        raise QuantError(f"probability: expected 0 to 1, got {probability.min()} to {probability.max()}")
    return float(np.mean((happened - probability) ** 2))
