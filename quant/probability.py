"""Scores of the probabilities said of an event that came or didn't. Plain functions of arrays.

Where a probability comes from does not belong here, nor does the sign of a point forecast: `quant.metrics` has that.
Throughout, `happened` (n,) is 1 where the event came and 0 where it didn't, `probability` (n,) lies in [0, 1], and a
row with a NaN in either is left out; anything else is a `QuantError`, and no row at all is `TooShort`.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
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
    lowest, highest : (k,) float64
        Least and greatest probability said in the bin.
    """

    predicted: Floats
    observed: Floats
    count: npt.NDArray[np.int64]
    lowest: Floats
    highest: Floats


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
    ascending = np.sort(probability)
    # A quantile parts the rows as the greatest row that is not above it does. In whole numbers: a rounded quantile may
    # fall below the very row that it is, and would send all rows of that probability into the next bin.
    edges = ascending[_inner(bins) * (len(ascending) - 1) // bins]
    of, count = _binned(probability, edges)
    filled = count > 0
    ends = np.cumsum(count[filled])
    return Reliability(
        predicted=np.bincount(of, weights=probability)[filled] / count[filled],
        observed=np.bincount(of, weights=happened)[filled] / count[filled],
        count=count[filled],
        lowest=ascending[ends - count[filled]],
        highest=ascending[ends - 1],
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
    of, _ = _binned(probability, _inner(bins) / bins)
    return float(np.sum(np.abs(np.bincount(of, weights=happened - probability)))) / len(probability)


def wilson_interval(
    came: npt.NDArray[np.int64], count: npt.NDArray[np.int64], *, nominal: float = 0.95
) -> tuple[Floats, Floats]:
    """Where the probability of an event may lie that came in some of several independent rows.

    Parameters
    ----------
    came, count : (k,) int64
        In how many rows it came, and how many there were: at least 1.
    nominal : float in (0, 1)
        The coverage that the interval promises; it holds about that on average over probabilities, also where rows
        are few or nearly all alike. Rows that move together, as overlapping outcomes do, tell less than it thinks.

    Returns
    -------
    lower, upper : (k,) float64
        In [0, 1], the share that came between them.

    Raises
    ------
    QuantError
        If a count is below 1, `came` is not in 0 to its count, or `nominal` is outside (0, 1).

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference.
    Brown, Cai & DasGupta (2001), Interval estimation for a binomial proportion.
    """
    if not 0 < nominal < 1:
        raise QuantError(f"nominal: expected between 0 and 1, got {nominal}")
    if np.any(count < 1):
        raise QuantError(f"count: expected at least 1, got {count.min()}")
    if np.any((came < 0) | (came > count)):
        row = int(np.argmax((came < 0) | (came > count)))
        raise QuantError(f"came: expected 0 to {count[row]}, got {came[row]}")
    z = NormalDist().inv_cdf(0.5 + nominal / 2.0)
    share, unsure = came / count, z**2 / count
    centre = (share + unsure / 2.0) / (1.0 + unsure)
    half = np.sqrt(unsure * (share * (1.0 - share) + unsure / 4.0)) / (1.0 + unsure)
    # Rounding alone could leave [0, 1], or the share itself where it is 0 or 1.
    return np.where(came == 0, 0.0, centre - half), np.where(came == count, 1.0, centre + half)


def past_share(happened: Floats, *, delay: int) -> Floats:
    """The share of an event among all that was known at each row: what who knows nothing else would say.

    Parameters
    ----------
    happened : (n,) float64
        1 or 0, in the order of time; NaN where it isn't known, and never will be.
    delay : int
        Rows until what happens at one is known: row t knows those up to ``t - delay``. At least 1.

    Returns
    -------
    (n,) float64
        In [0, 1]; NaN while nothing was known.

    Raises
    ------
    QuantError
        If `delay` is under 1, or a value is neither 0, 1 nor NaN.
    """
    if delay < 1:
        raise QuantError(f"delay: expected at least 1 row, got {delay}")
    _zeros_and_ones(happened[~np.isnan(happened)])
    came, seen = np.cumsum(np.nan_to_num(happened, nan=0.0)), np.cumsum(~np.isnan(happened))
    share = np.full(len(happened), np.nan)
    late = slice(delay, None), slice(None, max(len(happened) - delay, 0))
    np.divide(came[late[1]], seen[late[1]], out=share[late[0]], where=seen[late[1]] > 0)
    return share


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
    _zeros_and_ones(happened)
    return happened, probability


def _zeros_and_ones(happened: Floats) -> None:
    neither = (happened != 0) & (happened != 1)
    if neither.any():
        raise QuantError(f"happened: expected 0 or 1, got {happened[neither.argmax()]}")


def _inner(bins: int) -> npt.NDArray[np.int64]:
    """The numbers (bins - 1,) of the bounds between so many bins."""
    if bins < 1:
        raise QuantError(f"bins: expected at least 1, got {bins}")
    return np.arange(1, bins, dtype=np.int64)


def _binned(probability: Floats, edges: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each row's bin, upper bounds included, and the rows of each bin up to the last that has any."""
    of = np.searchsorted(edges, probability, side="left").astype(np.int64)
    return of, np.bincount(of).astype(np.int64)
