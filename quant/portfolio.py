"""Allocations: the weights that a mean and a covariance make best, within constraints. Solved by clarabel.

Units are the caller's: returns per session give a covariance per session, annualised ones an annualised one, and the
weights don't depend on it. Estimating means and covariances belongs to `quant.moments`, what may be asked of weights to
`quant.constraints`, the risk of weights once chosen to `quant.risk`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from quant.bars import Floats
from quant.conflicts import explain, highest_return, in_units
from quant.constraints import Constraints, Ints, Limit, Sparse, Variable, are_met, limits, long_only, one_row
from quant.errors import Infeasible, QuantError
from quant.moments import FactorModel
from quant.program import (
    TIME_LIMIT,
    Cone,
    Program,
    Unsolvable,
    dense,
    diagonal,
    one_column,
    upper_triangle,
)

# A full covariance, or one of factors and what is specific to each asset, which is solved many times faster.
Risk = Floats | FactorModel

# How far weights may miss a constraint: what is beyond it is a failure of the solver.
TOLERANCE: Final = 1e-9
# How negative a covariance's eigenvalues may be by rounding, as a share of the sum of all variances.
ROUNDING: Final = 1e-9
# Of budgets of risk; 5 to 500 assets took 6 to 20, more only where the risk can all but be hedged away.
NEWTON_STEPS: Final = 100


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
    problem = _Problem.of(constraints, risk)
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
    problem = _Problem.of(constraints, risk, scaled=True)
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
    problem = _Problem.of(constraints, risk)
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
    problem = _Problem.of(constraints, risk)
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
    problem = _Problem.of(constraints, risk, scaled=True)
    among = np.flatnonzero(~constraints.closed)
    if not len(among):
        explain(constraints)
    budgeted = _budgeted(problem.risk, budgets, among)
    if budgeted is not None:
        weights: Floats = budgeted * (constraints.net[0] / budgeted.sum())
        if are_met(constraints, weights):
            return weights
    problem.minimise_variance()
    problem.require_logarithms(budgets / budgets.mean(), among)
    return problem.weights(time_limit)


def _budgeted(risk: Risk, budgets: Floats, among: Ints) -> Floats | None:
    """Weights (N,) in any scale that meet budgets of risk where no constraint binds; None if there are none.

    Spinu's problem by Newton's method: minimise ``x' R x / 2 - share @ log(x)`` over weights x in units of each asset's
    volatility, R the correlations. Exact to rounding, which the program's exponential cones are not.
    """
    covariance = (risk.covariance() if isinstance(risk, FactorModel) else risk)[np.ix_(among, among)]
    deviation = np.sqrt(np.diag(covariance))
    if not len(among) or (deviation == 0).any():
        return None
    # In units of the least share the objective is self-concordant: near the optimum, whole steps are safe.
    correlation, share = covariance / deviation / deviation[:, None], budgets[among] / budgets[among].min()

    def objective(x: Floats) -> float:
        return float(x @ correlation @ x / 2 - share @ np.log(x))

    x = np.sqrt(share / max(float(correlation.mean(axis=1) @ np.sqrt(share)), 1e-8) / len(among))
    for _ in range(NEWTON_STEPS):
        gradient = correlation @ x - share / x
        try:
            step = cho_solve(cho_factor(correlation + np.diag(share / x**2)), gradient)
        except np.linalg.LinAlgError:
            return None
        decrement = float(gradient @ step)
        length = min(1.0, 0.9 / max(float((step / x).max()), 0.9))
        while decrement > 0.05 and objective(x - length * step) > objective(x) - 0.1 * length * decrement:
            length /= 2
        x = x - length * step
        if decrement < 1e-20 * share.sum():
            weights = np.zeros(len(budgets))
            weights[among] = x / deviation
            return weights
    return None


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
        weights = solve(constraints)
    return weights


def _to_drop(size: Floats, smallest: float, most: int | None) -> np.ndarray:
    """The positions to drop next: of those too small the smaller half, since the rest may grow once they are gone."""
    too_small = (size > 0) & (size < smallest * (1.0 - TOLERANCE))
    if too_small.any():
        return too_small & (size <= np.median(size[too_small]))
    held = size > 0
    if most is not None and np.count_nonzero(held) > most:
        kept = np.argsort(-size, kind="stable")[:most]
        dropped = held.copy()
        dropped[kept] = False
        return dropped
    return np.zeros(len(size), dtype=bool)


def assets_of(risk: Risk) -> int:
    """How many assets a risk model is of."""
    return len(risk.specific) if isinstance(risk, FactorModel) else len(risk)


def variance(weights: Floats, risk: Risk) -> float:
    """Of the portfolio, in the risk's unit; never below 0 by rounding."""
    if isinstance(risk, FactorModel):
        exposure = weights @ risk.loadings
        return float(exposure @ exposure + weights @ (risk.specific * weights))
    return max(float(weights @ risk @ weights), 0.0)


@dataclass(slots=True)
class _Problem:
    """A program over weights within constraints; scaled, over ``x = w * k`` with the scale k as a variable of its own.

    `scale` is the risk's mean variance, in which the program reckons so that tolerances mean the same in every unit.
    """

    constraints: Constraints
    risk: Risk
    scale: float
    program: Program
    start: dict[Variable, int]
    scaled: bool
    scaling: int | None = None

    @classmethod
    def of(cls, constraints: Constraints, risk: Risk, *, scaled: bool = False) -> _Problem:
        """The program with its constraints and nothing to minimise yet."""
        if scaled and not constraints.net[0] == constraints.net[1] > 0.0:
            raise QuantError(f"net: expected one number above 0, which sets the scale, got {constraints.net}")
        risk, scale = _checked(risk, constraints.assets)
        program = Program()
        problem = cls(constraints, risk, scale, program, {Variable.WEIGHT: program.add(constraints.assets)}, scaled)
        rows = list(limits(constraints))
        # Where only the net exposure has a bound other than zero, it is what the scale is taken from at the end.
        free = [row for row in rows if row.bound.any()]
        if scaled and len(free) > 1:
            problem.scaling = program.add(1)
            program.require(Cone.NONNEGATIVE, np.zeros(1), (problem.scaling, one_row(np.array([-1.0]))))
        elif scaled:
            rows = [row for row in rows if not row.bound.any()]
        for row in rows:
            problem.require(row)
        if constraints.closed.any():
            program.keep_at_zero(np.flatnonzero(constraints.closed))
        return problem

    def require(self, limit: Limit) -> None:
        """Add rows of the constraints."""
        terms = [(self._start(variable), entries) for variable, entries in limit.terms.items()]
        bound = limit.bound
        if self.scaling is not None and bound.any():
            terms.append((self.scaling, one_column(-bound)))
            bound = np.zeros(len(bound))
        self.program.require(Cone.ZERO if limit.equality else Cone.NONNEGATIVE, bound, *terms)

    def minimise_variance(self, *, weight: float = 1.0) -> None:
        """Half the variance, in units of the mean one, times `weight`."""
        if not isinstance(self.risk, FactorModel):
            self.program.minimise_square(0, upper_triangle(weight * self.risk if weight != 1.0 else self.risk))
            return
        factors = self.risk.loadings.shape[1]
        exposure = self.program.add(factors)
        self.program.minimise_square(0, diagonal(weight * self.risk.specific))
        self.program.minimise_square(exposure, diagonal(np.full(factors, weight)))
        negative = diagonal(np.full(factors, -1.0))
        self.program.require(Cone.ZERO, np.zeros(factors), (0, dense(self.risk.loadings.T)), (exposure, negative))

    def limit_volatility(self, volatility: float) -> None:
        """At most so much, in the caller's unit."""
        bound = np.array([volatility / np.sqrt(self.scale)])
        if isinstance(self.risk, FactorModel):
            root = np.vstack([self.risk.loadings.T, np.diag(np.sqrt(self.risk.specific))])
        else:
            root = _root(self.risk)
        row, column = np.nonzero(root)
        below = Sparse(row + 1, column, -root[row, column])
        self.program.require(Cone.SECOND_ORDER, np.concatenate([bound, np.zeros(len(root))]), (0, below))

    def require_return(self, mean: Floats, at_least: float, *, costs_in: float) -> None:
        """An expected return of at least so much, both in units of `costs_in`; that of ``x`` where it is scaled."""
        terms = [(0, one_row(-mean))]
        if self.constraints.has_costs and self.constraints.cost is not None:
            terms.append((self._start(Variable.TRADED), one_row(self.constraints.cost / costs_in)))
        self.program.require(Cone.NONNEGATIVE, np.array([-at_least]), *terms)

    def maximise_return(self, mean: Floats, *, costs_in: float, weight: float = 1.0) -> None:
        """The expected return net of costs, times `weight`."""
        self.program.minimise(0, -weight * mean)
        if self.constraints.has_costs and self.constraints.cost is not None:
            self.program.minimise(self._start(Variable.TRADED), weight * self.constraints.cost / costs_in)

    def require_logarithms(self, budgets: Floats, among: Ints) -> None:
        """``sum of budget * log x >= 0`` among some assets, which scaling can always meet."""
        assets = len(among)
        logarithm = self.program.add(assets)
        every, minus, bound = np.arange(assets), np.full(assets, -1.0), np.zeros(3 * assets)
        bound[1::3] = 1.0
        self.program.require(Cone.NONNEGATIVE, np.zeros(1), (logarithm, one_row(-budgets[among])))
        logarithms, weights = Sparse(3 * every, every, minus), Sparse(3 * every + 2, among, minus)
        self.program.require(Cone.EXPONENTIAL, bound, (logarithm, logarithms), (0, weights))

    def weights(
        self, time_limit: float, *, expected_return: Floats | None = None, at_least: float | None = None
    ) -> Floats:
        """The optimum's weights, within every constraint; `Infeasible` saying which ones conflict if none are."""
        try:
            found = self.program.solve(time_limit=time_limit)
        except Unsolvable as error:
            explain(self.constraints, expected_return=expected_return, at_least=at_least)
            if expected_return is not None and at_least is None:
                best = highest_return(expected_return, self.constraints)
                if best <= 0:
                    raise Infeasible(
                        f"expected_return: expected an allocation that earns above 0, the best one earns {best:.6g}"
                    ) from None
            raise error
        weights = found[: self.constraints.assets]
        if self.scaling is not None:
            weights = weights / found[self.scaling]
        elif self.scaled:
            weights = weights * (self.constraints.net[0] / weights.sum())
        return _within(weights, self.constraints)

    def _start(self, variable: Variable) -> int:
        if variable not in self.start:
            self.start[variable] = self.program.add(self.constraints.assets)
        return self.start[variable]


def _checked(risk: Risk, assets: int) -> tuple[Risk, float]:
    """The risk in units of its mean variance, and that variance."""
    if isinstance(risk, FactorModel):
        if assets_of(risk) != assets:
            raise QuantError(f"risk: expected a model of {assets} assets, got one of {assets_of(risk)}")
        scale = float(np.sum(risk.loadings**2) + np.sum(risk.specific)) / assets
        if scale <= 0:
            return risk, 1.0
        return FactorModel(risk.loadings / np.sqrt(scale), risk.specific / scale), scale
    if risk.shape != (assets, assets) or not np.isfinite(risk).all():
        raise QuantError(f"covariance: expected a finite ({assets}, {assets}) matrix, got shape {risk.shape}")
    skew = float(np.abs(risk - risk.T).max())
    if skew > 1e-9 * float(np.abs(risk).max()):
        raise QuantError(f"covariance: expected a symmetric matrix, got one {skew:.3g} away from its transpose")
    scale = float(np.trace(risk)) / assets
    risk, scale = (risk / scale, scale) if scale > 0 else (risk, 1.0)
    try:
        # Many times faster than the eigenvalues; what the solver makes of an indefinite matrix is no optimum.
        np.linalg.cholesky(risk + np.diag(np.full(assets, ROUNDING * assets)))
    except np.linalg.LinAlgError:
        raise QuantError(
            "covariance: expected a positive semi-definite matrix, got one with a negative eigenvalue; "
            "quant.moments.nearest_psd repairs it"
        ) from None
    return risk, scale


def _root(covariance: Floats) -> Floats:
    """R with ``R' R`` the covariance, which may be singular; as few rows as its rank."""
    value, vector = np.linalg.eigh(covariance)
    kept = value > 1e-13 * max(float(value[-1]), 1e-300)
    root: Floats = (vector[:, kept] * np.sqrt(value[kept])).T
    return root


def _within(weights: Floats, constraints: Constraints) -> Floats:
    """The interior-point solution with its residue of about 1e-11 taken out: within bounds, in the net exposure."""
    inside = np.clip(weights, constraints.lower, constraints.upper)
    inside = np.where(np.abs(inside) < 1e-12, np.clip(0.0, constraints.lower, constraints.upper), inside)
    due = float(np.clip(inside.sum(), *constraints.net))
    short = due - float(inside.sum())
    edge = constraints.upper if short > 0 else constraints.lower
    room = np.minimum(np.abs(edge - inside), 1.0) * (np.abs(inside) > 0)
    if not room.any():
        room = np.minimum(np.abs(edge - inside), 1.0)
    if room.any():
        inside = np.clip(inside + short * room / room.sum(), constraints.lower, constraints.upper)
    return inside
