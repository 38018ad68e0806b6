"""How others solve the same problems: skfolio, PyPortfolioOpt and SciPy's SLSQP, all fed the same moments."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from skfolio.optimization import MeanRisk, ObjectiveFunction
from skfolio.prior import BasePrior, ReturnDistribution

from quant.constraints import Constraints

Floats = NDArray[np.float64]

# By default skfolio asks clarabel for 1e-9 in the unit of the variance, which is 1e-5 of one per session.
STRICT = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}


class GivenMoments(BasePrior):
    """A prior of skfolio's that takes moments instead of estimating them."""

    def __init__(self, mean: Floats, covariance: Floats) -> None:
        self.mean = mean
        self.covariance = covariance

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> GivenMoments:  # noqa: ARG002
        """Of X only the shape is looked at."""
        self.return_distribution_ = ReturnDistribution(mu=self.mean, covariance=self.covariance, returns=np.asarray(X))
        return self


def unseen(assets: int) -> Floats:
    """Returns for what wants some and doesn't use them."""
    return np.zeros((3, assets))


def in_inequalities(constraints: Constraints) -> dict[str, Any]:
    """Bounds, net exposure, groups, costs in skfolio's words; its turnover is one asset's, and there is no gross."""
    rows, bounds = [], []
    for group in constraints.groups:
        row = np.zeros(constraints.assets)
        row[list(group.members)] = 1.0
        for sign, bound in ((-1.0, group.lower), (1.0, group.upper)):
            if np.isfinite(bound):
                rows.append(sign * row)
                bounds.append(sign * bound)
    said: dict[str, Any] = {"min_weights": constraints.lower, "max_weights": constraints.upper}
    if constraints.net[0] == constraints.net[1]:
        said["budget"] = constraints.net[0]
    else:
        said |= {"budget": None, "min_budget": constraints.net[0], "max_budget": constraints.net[1]}
    if rows:
        said |= {"left_inequality": np.array(rows), "right_inequality": np.array(bounds)}
    if constraints.cost is not None:
        said |= {"transaction_costs": constraints.cost, "previous_weights": constraints.held}
    return said


def by_skfolio(
    mean: Floats, covariance: Floats, constraints: Constraints, objective: ObjectiveFunction, **more: Any
) -> Floats:
    """Weights by skfolio's mean-risk optimisation; `more` goes to it as it is."""
    model = MeanRisk(
        objective_function=objective,
        prior_estimator=GivenMoments(mean, covariance),
        **{"solver_params": STRICT} | in_inequalities(constraints) | more,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it stopped short of what was asked is for the comparison to see
        weights: Floats = model.fit(unseen(len(mean))).weights_
    return weights


class Slow(Exception):
    """It took longer than it was given."""


def by_slsqp(
    mean: Floats,
    covariance: Floats,
    constraints: Constraints,
    *,
    start: Floats,
    aversion: float | None = None,
    at_least: float | None = None,
    volatility: float | None = None,
    ratio: bool = False,
    seconds: float = float("inf"),
    tolerance: float = 1e-15,
) -> Floats:
    """Weights by SciPy's SLSQP: least variance, or the greatest utility, ratio, or return at a volatility.

    What is absolute has a variable of its own, at least as large from both sides; scaled to unit variance and return.
    """
    assets = len(mean)
    scale, unit = float(np.trace(covariance)) / assets, float(np.abs(mean).max())
    risk, earned = covariance / scale, mean / unit
    cost = np.zeros(assets) if constraints.cost is None else constraints.cost / unit
    held = np.zeros(assets) if constraints.held is None else constraints.held
    absolute = constraints.gross is not None or constraints.held is not None
    count = 3 * assets if absolute else assets

    def parts(x: Floats) -> tuple[Floats, Floats]:
        return x[:assets], x[2 * assets :] if absolute else np.zeros(assets)

    def net(x: Floats) -> float:
        weights, traded = parts(x)
        return float(earned @ weights - cost @ traded)

    def variance(x: Floats) -> float:
        return float(x[:assets] @ risk @ x[:assets])

    def whole(of_weights: Floats, of_traded: Floats | None = None) -> Floats:
        if not absolute:
            return of_weights
        return np.concatenate([of_weights, np.zeros(assets), np.zeros(assets) if of_traded is None else of_traded])

    net_gradient = whole(earned, -cost)
    deadline = time.perf_counter() + seconds

    def objective(x: Floats) -> tuple[float, Floats]:
        if time.perf_counter() > deadline:
            raise Slow
        of_variance = whole(2 * risk @ x[:assets])
        if aversion is not None:
            weight = aversion * scale / unit / 2
            return weight * variance(x) - net(x), weight * of_variance - net_gradient
        if volatility is not None:
            return -net(x), -net_gradient
        if ratio:
            deviation = np.sqrt(variance(x))
            return -net(x) / deviation, -net_gradient / deviation + net(x) * of_variance / (2 * deviation**3)
        return variance(x), of_variance

    rows, limits = _rows(constraints, held, absolute=absolute)
    rules: list[dict[str, Any]] = []
    if len(rows):
        rules.append({"type": "ineq", "fun": lambda x: limits - rows @ x, "jac": lambda _: -rows})
    one = whole(np.ones(assets))
    if constraints.net[0] == constraints.net[1]:
        rules.append({"type": "eq", "fun": lambda x: one @ x - constraints.net[0], "jac": lambda _: one})
    if at_least is not None:
        rules.append({"type": "ineq", "fun": lambda x: net(x) - at_least / unit, "jac": lambda _: net_gradient})
    if volatility is not None:
        rules.append({
            "type": "ineq",
            "fun": lambda x: volatility**2 / scale - variance(x),
            "jac": lambda x: -whole(2 * risk @ x[:assets]),
        })  # fmt: skip
    first = np.concatenate([start, np.abs(start), np.abs(start - held)]) if absolute else start
    bounds = [*zip(constraints.lower, constraints.upper, strict=True)] + [(0.0, None)] * (count - assets)
    found = minimize(
        objective, first, jac=True, bounds=bounds, constraints=rules, method="SLSQP",
        options={"ftol": tolerance, "maxiter": 2_000},
    )  # fmt: skip
    weights: Floats = found.x[:assets]
    return weights


def _rows(constraints: Constraints, held: Floats, *, absolute: bool) -> tuple[Floats, Floats]:
    """Rows ``row @ (weights, sizes, traded) <= limit``."""
    assets = constraints.assets
    eye, nothing, none, ones = np.eye(assets), np.zeros((assets, assets)), np.zeros(assets), np.ones(assets)
    made: list[tuple[Floats, float]] = []
    for group in constraints.groups:
        row = np.zeros(assets)
        row[list(group.members)] = 1.0
        made += [(-np.concatenate([row, none, none]), -group.lower), (np.concatenate([row, none, none]), group.upper)]
    if constraints.net[0] != constraints.net[1]:
        whole = np.concatenate([ones, none, none])
        made += [(-whole, -constraints.net[0]), (whole, constraints.net[1])]
    if absolute:
        for sign in (1.0, -1.0):
            made += [(row, 0.0) for row in np.hstack([sign * eye, -eye, nothing])]
            made += [*zip(np.hstack([sign * eye, nothing, -eye]), sign * held, strict=True)]
        made.append(
            (np.concatenate([none, ones, none]), constraints.gross if constraints.gross is not None else np.inf)
        )
        turnover = constraints.turnover if constraints.turnover is not None else np.inf
        made.append((np.concatenate([none, none, ones]), turnover))
    made = [(row if absolute else row[:assets], limit) for row, limit in made if np.isfinite(limit)]
    return np.array([row for row, _ in made]), np.array([limit for _, limit in made])
