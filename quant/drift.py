"""Whether live forecasts still err as they did out of sample; the threshold comes from a block bootstrap.

Residuals are watched, not features: autocorrelated features drift all the time without a forecast being worse. Where
residuals come from does not belong here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from quant.bars import Floats
from quant.errors import QuantError, TooShort

FALSE_ALARM_RATE: Final = 0.01
RESAMPLES: Final = 2_000
# Sessions: squared residuals stay correlated for about a month.
MEAN_BLOCK: Final = 21
FEWEST_LIVE: Final = 21
FEWEST_REFERENCE: Final = 4 * MEAN_BLOCK
# Of the live ones the newest quarter is looked at: long enough to see a change, short enough to see it soon.
LOOKBACK: Final = 63
# Whoever looks at the same residuals is to come to the same verdict.
SEED: Final = 7


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """Mean squared standardised residual of the `n` live forecasts, and what it may be without drift."""

    statistic: float
    threshold: float
    n: int

    @property
    def drifted(self) -> bool:
        """Whether the live forecasts err more than chance explains."""
        return self.statistic > self.threshold


def stationary_bootstrap(
    length: int, *, samples: int, draws: int, mean_block: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Row numbers (samples, draws) of resampled series that keep the dependence inside blocks of random length.

    References
    ----------
    Politis & Romano (1994), The stationary bootstrap.
    """
    rows = np.empty((samples, draws), dtype=np.int64)
    rows[:, 0] = rng.integers(length, size=samples)
    jump = rng.random((samples, draws)) < 1.0 / mean_block
    fresh = rng.integers(length, size=(samples, draws))
    for k in range(1, draws):
        rows[:, k] = np.where(jump[:, k], fresh[:, k], (rows[:, k - 1] + 1) % length)
    return rows


def drift(reference: Floats, live: Floats, *, seed: int = SEED) -> DriftVerdict:
    """Compare live residuals with out-of-sample ones.

    Parameters
    ----------
    reference : (n,) float64
        ``(realised - mean) / vol`` of the champion's out-of-sample forecasts, in time order; at least
        `FEWEST_REFERENCE`, none NaN.
    live : (k,) float64
        The same of live forecasts, newest last; at least `FEWEST_LIVE`, none NaN.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DriftVerdict
        Without drift it says so in 99 % of independent looks.

    Raises
    ------
    TooShort
        With too few rows.
    QuantError
        With one that is not finite.
    """
    if len(live) < FEWEST_LIVE or len(reference) < FEWEST_REFERENCE:
        raise TooShort(
            f"residuals: expected at least {FEWEST_LIVE} live and {FEWEST_REFERENCE} reference, "
            f"got {len(live)} and {len(reference)}"
        )
    if not (np.isfinite(reference).all() and np.isfinite(live).all()):
        raise QuantError("residuals: expected finite values, got some that are not")
    rows = stationary_bootstrap(
        len(reference), samples=RESAMPLES, draws=len(live), mean_block=MEAN_BLOCK, rng=np.random.default_rng(seed)
    )
    means = np.mean(reference[rows] ** 2, axis=1)
    return DriftVerdict(float(np.mean(live**2)), float(np.quantile(means, 1.0 - FALSE_ALARM_RATE)), len(live))
