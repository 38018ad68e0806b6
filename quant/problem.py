"""Programs over weights within constraints: what is put together for every objective of `quant.portfolio`.

Variances and returns as clarabel is told of them, in units in which its tolerances mean the same for every caller; and
the weights that are made of its answer. What is minimised, and why, is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quant.bars import Floats
from quant.conflicts import explain, highest_return
from quant.constraints import Constraints, Ints, Limit, Sparse, Variable, limits, one_row
from quant.errors import Infeasible, QuantError
from quant.moments import FactorModel
from quant.program import Cone, Program, Unsolvable, dense, diagonal, one_column, upper_triangle

# A full covariance, or one of factors and what is specific to each asset, which is solved many times faster.
Risk = Floats | FactorModel

# How negative a covariance's eigenvalues may be by rounding, as a share of the sum of all variances.
ROUNDING: Final = 1e-9


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
class Problem:
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
    def of(cls, constraints: Constraints, risk: Risk, *, scaled: bool = False) -> Problem:
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
            "quant.nearest.nearest_psd repairs it"
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
