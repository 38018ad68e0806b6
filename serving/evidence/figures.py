"""The figures that forecasts are told by, whether they were made out of sample or live."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from quant import intervals, metrics
from quant.errors import TooShort
from release.audit import Outcomes
from serving.evidence.records import ForecastFigures

T = TypeVar("T")


def figures(made: Outcomes, *, horizon: int) -> ForecastFigures:
    """Of settled forecasts that look `horizon` sessions ahead; there may be none."""
    accuracy = _unless_none(lambda: metrics.directional_accuracy(made.realised, made.mean, horizon=horizon))
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


def _unless_none(figure: Callable[[], T]) -> T | None:
    """A figure, None where no row can tell of it."""
    try:
        return figure()
    except TooShort:
        return None
