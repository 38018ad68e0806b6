"""Scores of the probabilities said of an event that came or didn't. Plain functions of arrays.

Where a probability comes from does not belong here, nor does the sign of a point forecast: `quant.metrics` has that.
Throughout, `happened` (n,) is 1 where the event came and 0 where it didn't, `probability` (n,) lies in [0, 1], and a
row with a NaN in either is left out; anything else is a `QuantError`, and no row at all is `TooShort`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from quant.bars import Floats
from quant.errors import QuantError
from quant.rows import finite_rows

# Said with certainty and wrong costs -log(1e-12), 27.6, and not infinity: one such row would drown all others.
CERTAIN: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """What was said beside what came, bin by bin in ascending order of what was said: a reliability diagram's points.

    Attributes
    ----------
    predicted : (k,) float64
        Mean probability said in the bin.
    observed : (k,) float64
        Share of the bin's rows in which the event came.
    count : (k,) int64
        Rows in the bin; at least 1.
    """

    predicted: Floats
    observed: Floats
    count: npt.NDArray[np.int64]


def brier(happened: Floats, probability: Floats) -> float:
    """Mean squared error of probabilities; lower is better, 0.25 is a coin's.

    References
    ----------
    Brier (1950), Verification of forecasts expressed in terms of probability.
    """
    happened, probability = _checked(happened, probability)
    return float(np.mean((happened - probability) ** 2))


def log_score(happened: Floats, probability: Floats) -> float:
    """Mean negative log likelihood in nats; lower is better, log 2 is a coin's.

    Probabilities are clipped to [1e-12, 1 - 1e-12] first, so that certainty and error cost at most 27.6 a row.

    References
    ----------
    Good (1952), Rational decisions.
    """
    happened, probability = _checked(happened, probability)
    clipped = np.clip(probability, CERTAIN, 1.0 - CERTAIN)
    return -float(np.mean(np.where(happened == 1, np.log(clipped), np.log1p(-clipped))))


def reliability(happened: Floats, probability: Floats, *, bins: int = 10) -> Reliability:
    """How often the event came where a probability was said, over bins of about equally many rows.

    Bins part at the quantiles of the probabilities. Rows of one probability are never parted: many equal ones make
    bins of other sizes, and fewer of them, but the order of the rows makes no difference.

    References
    ----------
    Murphy & Winkler (1977), Reliability of subjective probability forecasts of precipitation and temperature.
    """
    happened, probability = _checked(happened, probability)
    edges = np.quantile(probability, _edges(bins))
    of, count = _binned(probability, edges)
    filled = count > 0
    return Reliability(
        predicted=np.bincount(of, weights=probability)[filled] / count[filled],
        observed=np.bincount(of, weights=happened)[filled] / count[filled],
        count=count[filled],
    )


def expected_calibration_error(happened: Floats, probability: Floats, *, bins: int = 10) -> float:
    """Mean distance, in [0, 1], between what was said and what came, over bins of equal width, by their rows.

    Bins hold their upper bound. Noise alone makes it positive, the more so with more bins: compare it only between
    forecasts of the same rows.

    References
    ----------
    Naeini, Cooper & Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning.
    Guo, Pleiss, Sun & Weinberger (2017), On calibration of modern neural networks, eq. 3.
    """
    happened, probability = _checked(happened, probability)
    of, _ = _binned(probability, _edges(bins))
    return float(np.sum(np.abs(np.bincount(of, weights=happened - probability)))) / len(probability)


def confident_hits(happened: Floats, probability: Floats, *, threshold: float = 0.6) -> tuple[float, int]:
    """Share of right directions among the rows that say one with at least `threshold`, and how many those are.

    A row says that the event comes with `probability`, and that it doesn't with ``1 - probability``.

    Parameters
    ----------
    threshold : float in (0.5, 1]
        At 0.5 both directions would be said at once.

    Returns
    -------
    share : float
        In [0, 1]; NaN where no row is so sure.
    count : int
    """
    if not 0.5 < threshold <= 1:
        raise QuantError(f"threshold: expected above 0.5 and at most 1, got {threshold}")
    happened, probability = _checked(happened, probability)
    sure = np.maximum(probability, 1.0 - probability) >= threshold
    if not sure.any():
        return float("nan"), 0
    right = (probability[sure] > 0.5) == (happened[sure] == 1)
    return float(right.mean()), len(right)


def _checked(happened: Floats, probability: Floats) -> tuple[Floats, Floats]:
    happened, probability = finite_rows(happened, probability)
    if np.any((probability < 0) | (probability > 1)):
        raise QuantError(f"probability: expected 0 to 1, got {probability.min()} to {probability.max()}")
    neither = (happened != 0) & (happened != 1)
    if neither.any():
        raise QuantError(f"happened: expected 0 or 1, got {happened[neither.argmax()]}")
    return happened, probability


def _edges(bins: int) -> Floats:
    """The (bins - 1,) inner bounds of bins of equal width over [0, 1]."""
    if bins < 1:
        raise QuantError(f"bins: expected at least 1, got {bins}")
    return np.linspace(0.0, 1.0, bins + 1)[1:-1]


def _binned(probability: Floats, edges: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each row's bin, upper bounds included, and the rows of each bin up to the last that has any."""
    of = np.searchsorted(edges, probability, side="left").astype(np.int64)
    return of, np.bincount(of).astype(np.int64)
