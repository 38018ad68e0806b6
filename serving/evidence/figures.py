"""The figures that forecasts are told by, whether they were made out of sample or live."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from quant import intervals, metrics
from quant.bars import Floats
from quant.errors import TooShort
from release.audit import Outcomes
from serving.evidence.records import ForecastFigures

T = TypeVar("T")


def figures(made: Outcomes, *, horizon: int) -> ForecastFigures:
    """Of settled forecasts that look `horizon` sessions ahead; there may be none."""
    accuracy = _unless_none(lambda: right(made.realised, made.mean, horizon=horizon))
    return ForecastFigures(
        n=len(made),
        first=str(made.session[0]) if len(made) else None,
        last=str(made.session[-1]) if len(made) else None,
        coverage_90=_unless_none(lambda: intervals.coverage(made.realised, made.lower_90, made.upper_90)),
        coverage_50=_unless_none(lambda: intervals.coverage(made.realised, made.lower_50, made.upper_50)),
        hit_rate=accuracy and accuracy[0],
        hit_rate_se=accuracy and accuracy[1],
        base_rate=_unless_none(lambda: metrics.base_rate(made.realised)),
        mean_squared_residual=float(np.mean(made.residual**2)) if len(made) else None,
    )


def right(realised: Floats, said: Floats, *, horizon: int) -> tuple[float, float]:
    """The share of directions that were right, and its standard error, by `quant.metrics.directional_accuracy`.

    Where all were right, or all wrong, nothing varies: the plain error is 0, which would make one lucky day a
    certainty. There it is the error of the share among two more hits and two more misses, of as many rows as do not
    overlap.

    Parameters
    ----------
    realised, said : (n,) float64
        Log returns, and what was forecast of them, of which only the sign counts; rows with a 0 are left out.
    horizon : int
        Sessions that each looked ahead.

    Raises
    ------
    TooShort
        If no row is left.

    References
    ----------
    Agresti & Coull (1998), Approximate is better than "exact" for interval estimation of binomial proportions.
    """
    share, error = metrics.directional_accuracy(realised, said, horizon=horizon)
    if 0 < share < 1:
        return share, error
    n = np.count_nonzero((realised != 0) & (said != 0)) / horizon
    return share, math.sqrt(2 * (n + 2) / (n + 4) ** 3)


def _unless_none(figure: Callable[[], T]) -> T | None:
    """A figure, None where no row can tell of it."""
    try:
        return figure()
    except TooShort:
        return None
