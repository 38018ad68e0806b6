"""Allocations: the weights that a mean and a covariance make best, within constraints. Solved by clarabel.

Units are the caller's: returns per session give a covariance per session, annualised ones an annualised one, and the
weights don't depend on it. Estimating means and covariances belongs to `quant.moments`, what may be asked of weights to
`quant.constraints`, how the solver is told to `quant.problem`, the risk of weights once chosen to `quant.risk`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from quant.bars import Floats
from quant.budgets import meeting_budgets
from quant.conflicts import explain, in_units
from quant.constraints import Constraints, are_met, long_only
from quant.errors import Infeasible, QuantError
from quant.problem import Problem, Risk, assets_of, variance
from quant.program import TIME_LIMIT, Unsolvable

# How far weights may miss a constraint: what is beyond it is a failure of the solver.
TOLERANCE: Final = 1e-9


def equal_weight(assets: int) -> Floats:
    """The same share of each, (N,): the baseline that is hard to beat (DeMiguel, Garlappi & Uppal 2009)."""
    if assets < 1:
        raise QuantError(f"assets: expected at least 1, got {assets}")
    return np.full(assets, 1.0 / assets)


def minimum_variance(
    risk: Risk,
    constraints: Constraints | None = None,
    *,
    expected_return: Floats | None = None,
    at_least: float | None = None,
    time_limit: float = TIME_LIMIT,
) -> Floats:
    """Weights (N,) of least variance.

    Parameters
    ----------
    risk : (N, N) float64 or FactorModel
        Symmetric, positive semi-definite; may be singular.
    constraints : Constraints, optional
        By default long only and fully invested.
    expected_return : (N,) float64, optional
    at_least : float, optional
        The least expected return, net of what the constraints say that trading costs; needs `expected_return`.
    time_limit : float
        Seconds.

    Raises
    ------
    QuantError
        If shapes don't fit or values are not finite.
    Infeasible
        If no weights meet all constraints; names those that conflict. Or if the solver fails.

    References
    ----------
    Markowitz (1952), Portfolio selection.
    """
    constraints = constraints or long_only(assets_of(risk))
    problem = Problem.of(constraints, risk)
    problem.minimise_variance()
    if at_least is not None:
        if expected_return is None:
            raise QuantError("expected_return: expected one beside at_least, got none")
        if not np.isfinite(at_least):
            raise QuantError(f"at_least: expected a finite number, got {at_least}")
        mean, unit = in_units(expected_return, constraints.assets)
        problem.require_return(mean, at_least / unit, costs_in=unit)
    return problem.weights(time_limit, expected_return=expected_return, at_least=at_least)


def maximum_sharpe(
    expected_return: Floats, risk: Risk, constraints: Constraints | None = None, *, time_limit: float = TIME_LIMIT
) -> Floats:
    """Weights (N,) of the greatest expected return, net of trading costs, per volatility; riskless rate 0.

    Parameters
    ----------
    expected_return : (N,) float64
        Simple returns, in the unit of the covariance's period.
    risk, constraints, time_limit
        As for `minimum_variance`. The ratio doesn't tell how much to leave in cash: `net` has to be one number above 0.

    Raises
    ------
    QuantError, Infeasible
        As for `minimum_variance`; also where no allocation has a positive expected return.

    Notes
    -----
    A quadratic program in ``x = w * k``, the scale k such that the expected return is 1.

    References
    ----------
    Cornuejols & Tutuncu (2006), Optimization methods in finance, section 8.2.
    """
    constraints = constraints or long_only(assets_of(risk))
    mean, unit = in_units(expected_return, constraints.assets)
    problem = Problem.of(constraints, risk, scaled=True)
    problem.minimise_variance()
    problem.require_return(mean, 1.0, costs_in=unit)
    return problem.weights(time_limit, expected_return=expected_return)


def maximum_utility(
    expected_return: Floats,
    risk: Risk,
    constraints: Constraints | None = None,
    *,
    risk_aversion: float,
    time_limit: float = TIME_LIMIT,
) -> Floats:
    """Weights (N,) of the greatest ``expected_return @ w - risk_aversion / 2 * variance - costs``.

    Parameters
    ----------
    expected_return, risk, constraints, time_limit
        As for `maximum_sharpe`; `net` may be a range.
    risk_aversion : float
        Above 0, per period: returns and variances grow with the period alike, so that it doesn't.

    Raises
    ------
    QuantError, Infeasible
        As for `minimum_variance`.
    """
    if not 0.0 < risk_aversion < float("inf"):
        raise QuantError(f"risk_aversion: expected above 0 and finite, got {risk_aversion}")
    constraints = constraints or long_only(assets_of(risk))
    mean, unit = in_units(expected_return, constraints.assets)
    problem = Problem.of(constraints, risk)
    # The larger of the two counts 1: a solver that stops at 1e-11 of what it minimises has to see both.
    aversion = risk_aversion * problem.scale / unit
    problem.minimise_variance(weight=min(aversion, 1.0))
    problem.maximise_return(mean, costs_in=unit, weight=1.0 / max(aversion, 1.0))
    return problem.weights(time_limit)


def target_volatility(
    expected_return: Floats,
    risk: Risk,
    constraints: Constraints | None = None,
    *,
    volatility: float,
    time_limit: float = TIME_LIMIT,
) -> Floats:
    """Weights (N,) of the greatest expected return, net of trading costs, whose volatility is at most a target.

    Parameters
    ----------
    expected_return, risk, constraints, time_limit
        As for `maximum_sharpe`; with a `net` of (0, 1) the rest is cash.
    volatility : float
        Above 0, for the covariance's period.

    Raises
    ------
    QuantError, Infeasible
        As for `minimum_variance`; also where no allocation is as calm as that, with the least volatility there is.
    """
    if not 0.0 < volatility < float("inf"):
        raise QuantError(f"volatility: expected above 0 and finite, got {volatility}")
    constraints = constraints or long_only(assets_of(risk))
    mean, unit = in_units(expected_return, constraints.assets)
    problem = Problem.of(constraints, risk)
    problem.maximise_return(mean, costs_in=unit)
    problem.limit_volatility(volatility)
    try:
        weights = problem.weights(time_limit)
    except Unsolvable:
        calmest = minimum_variance(risk, constraints, time_limit=time_limit)
        least = float(np.sqrt(max(variance(calmest, risk), 0.0)))
        if least > volatility:
            said = f"volatility at most {volatility:g}"
            raise Infeasible(
                f"volatility: expected at least {least:.6g}, the least that the constraints allow, got {volatility:g}",
                conflicting=(said,),
            ) from None
        raise
    return _calmer(weights, expected_return, risk, constraints, time_limit)


def _calmer(
    weights: Floats, expected_return: Floats, risk: Risk, constraints: Constraints, time_limit: float
) -> Floats:
    """The weights of least variance that earn as much as others, net of costs; those others where there are none.

    A cone's optimum is so flat that its weights are only found to 1e-5; the quadratic program finds the same ones to
    1e-8, and where the target of volatility doesn't bind, the calmest of several.
    """
    earned = float(expected_return @ weights)
    if constraints.cost is not None and constraints.held is not None:
        earned -= float(constraints.cost @ np.abs(weights - constraints.held))
    # Asked for in full, there may be a single point left and no inside for the solver to work in.
    slack = 1e-11 * float(np.abs(expected_return).max())
    try:
        return minimum_variance(
            risk, constraints, expected_return=expected_return, at_least=earned - slack, time_limit=time_limit
        )
    except Infeasible:
        return weights


def risk_budgeting(
    risk: Risk,
    constraints: Constraints | None = None,
    *,
    budgets: Floats | None = None,
    time_limit: float = TIME_LIMIT,
) -> Floats:
    """Long-only weights (N,) to whose variance each asset contributes its budget; equal contributions by default.

    Parameters
    ----------
    risk, constraints, time_limit
        As for `maximum_sharpe`. Where a constraint binds, contributions are as near to the budgets as the program's
        logarithmic barrier has them, no longer equal to them, and the weights are found to about 1e-5.
    budgets : (N,) float64, optional
        Shares of the variance, above 0; they are made to sum to one.

    Raises
    ------
    QuantError, Infeasible
        As for `minimum_variance`.

    References
    ----------
    Maillard, Roncalli & Teiletche (2010), The properties of equally weighted risk contribution portfolios.
    Spinu (2013), An algorithm for computing risk parity weights.
    """
    constraints = constraints or long_only(assets_of(risk))
    assets = constraints.assets
    budgets = np.ones(assets) if budgets is None else budgets
    if budgets.shape != (assets,) or not (np.isfinite(budgets).all() and (budgets > 0).all()):
        raise QuantError(f"budgets: expected ({assets},) shares above 0, got {budgets}")
    unable = (constraints.upper <= 0) & ~constraints.closed
    if unable.any():
        name = constraints.name(int(np.argmax(unable)))
        raise Infeasible(f"upper: expected above 0 for {name}, whose budget of risk takes weight, got 0 or less")
    constraints = replace(constraints, lower=np.maximum(constraints.lower, 0.0))
    problem = Problem.of(constraints, risk, scaled=True)
    among = np.flatnonzero(~constraints.closed)
    if not len(among):
        explain(constraints)
    budgeted = meeting_budgets(problem.risk, budgets, among)
    if budgeted is not None:
        weights: Floats = budgeted * (constraints.net[0] / budgeted.sum())
        if are_met(constraints, weights):
            return weights
    problem.minimise_variance()
    problem.require_logarithms(budgets / budgets.mean(), among)
    return problem.weights(time_limit)


def few(
    solve: Callable[[Constraints], Floats], constraints: Constraints, *, smallest: float = 0.0, most: int | None = None
) -> Floats:
    """Weights of few assets: those that get too little, or are too many, are dropped and the rest solved again.

    Parameters
    ----------
    solve : callable
        Weights (N,) within the constraints that it is given.
    constraints : Constraints
    smallest : float
        A position is at least this large, or none.
    most : int, optional
        At most so many positions; at least 1.

    Returns
    -------
    (N,) float64
        A heuristic by thresholds: no better choice of assets is ruled out, as it would be by a mixed-integer program.

    Raises
    ------
    Infeasible
        If the assets that are left can't meet the constraints, or a position that can't be dropped is too small.
    """
    if most is not None and most < 1:
        raise QuantError(f"most: expected at least 1, got {most}")
    if not 0.0 <= smallest < 1.0:
        raise QuantError(f"smallest: expected 0 to below 1, got {smallest}")
    weights = solve(constraints)
    for _ in range(constraints.assets):
        small = _to_drop(np.abs(weights), smallest, most)
        if not small.any():
            return weights
        held_open = small & ((constraints.lower > 0) | (constraints.upper < 0))
        if held_open.any():
            name = constraints.name(int(np.argmax(held_open)))
            raise Infeasible(f"{name}: expected a bound that lets its position be dropped, got one that holds it open")
        lower, upper = (np.where(small, 0.0, bound) for bound in (constraints.lower, constraints.upper))
        constraints = replace(constraints, lower=lower, upper=upper)
        try:
            weights = solve(constraints)
        except Infeasible as error:
            if not error.conflicting:
                raise
            raise _too_few(error, constraints, smallest, most) from None
    return weights


def _to_drop(size: Floats, smallest: float, most: int | None) -> npt.NDArray[np.bool_]:
    """The positions to drop next: of those too small the smaller half, since the rest may grow once they are gone."""
    held = int(np.count_nonzero(size))
    too_small = int(np.count_nonzero((size > 0) & (size < smallest * (1.0 - TOLERANCE))))
    count = (too_small + 1) // 2
    if not count and most is not None:
        count = max(held - most, 0)
    dropped = np.zeros(len(size), dtype=bool)
    dropped[np.argsort(-size, kind="stable")[held - count : held]] = True
    return dropped


def _too_few(conflict: Infeasible, constraints: Constraints, smallest: float, most: int | None) -> Infeasible:
    """A conflict with bounds of 0 that nobody gave but `few` itself, as one with what asked for them."""
    asked = {f"smallest {smallest:g}": smallest > 0, f"most {most}": most is not None}
    kept = constraints.assets - int(np.count_nonzero(constraints.closed))
    return Infeasible(
        f"smallest, most: expected limits that the {kept} positions left can meet, got {conflict}",
        conflicting=tuple(said for said, given in asked.items() if given),
    )
