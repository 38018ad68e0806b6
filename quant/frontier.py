"""The efficient frontier: the weights of least variance for each expected return, from the calmest on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from quant.bars import Floats
from quant.conflicts import highest_return, in_units
from quant.constraints import Constraints, long_only
from quant.errors import QuantError
from quant.portfolio import minimum_variance
from quant.problem import Risk, assets_of, variance
from quant.program import TIME_LIMIT

POINTS: Final = 50


@dataclass(frozen=True, slots=True, eq=False)
class Frontier:
    """Points from least variance to highest expected return.

    Attributes
    ----------
    weights : (P, N) float64
    expected_return, volatility : (P,) float64
        Of each point, in the units of the estimates; neither ever falls from one point to the next.
    """

    weights: Floats
    expected_return: Floats
    volatility: Floats


def efficient_frontier(
    expected_return: Floats,
    risk: Risk,
    constraints: Constraints | None = None,
    *,
    points: int = POINTS,
    time_limit: float = TIME_LIMIT,
) -> Frontier:
    """The frontier within constraints, at expected returns that are equally far from each other.

    Parameters
    ----------
    expected_return : (N,) float64
        Simple returns, in the unit of the covariance's period.
    risk : (N, N) float64 or FactorModel
    constraints : Constraints, optional
        By default long only and fully invested. Costs are left out: they are of the way there, not of what is held.
    points : int
        At least 2.
    time_limit : float
        Seconds, of each point.

    Returns
    -------
    Frontier
        The first point is the least variance of all and the last the highest expected return of all, with the least
        variance among those that reach it. All points are the same where all assets are expected to earn the same.

    Raises
    ------
    QuantError, Infeasible
        As for `quant.portfolio.minimum_variance`; also where the expected return has no bound.

    References
    ----------
    Markowitz (1952), Portfolio selection.
    """
    if points < 2:
        raise QuantError(f"points: expected at least 2, got {points}")
    constraints = replace(constraints or long_only(assets_of(risk)), cost=None)
    _, unit = in_units(expected_return, constraints.assets)
    calmest = minimum_variance(risk, constraints, time_limit=time_limit)
    highest = highest_return(expected_return, constraints)
    if not np.isfinite(highest):
        raise QuantError("upper: expected bounds that limit the expected return, got none")
    lowest = float(expected_return @ calmest)
    between = np.linspace(lowest, highest, points)[1:]
    # Asked for in full, the last point would leave the solver a single vertex and no inside to work in.
    slack = 1e-11 * unit
    rows = [calmest] + [
        minimum_variance(
            risk, constraints, expected_return=expected_return, at_least=float(level) - slack, time_limit=time_limit
        )
        for level in between
    ]
    weights = np.array(rows)
    volatility = np.sqrt([variance(row, risk) for row in weights])
    return Frontier(weights, weights @ expected_return, np.maximum.accumulate(volatility))
