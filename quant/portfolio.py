"""Risk estimates and long-only allocations; the quadratic programs go straight to clarabel.

Units are the caller's: returns per session give a covariance per session, annualised ones an annualised one, and the
weights don't depend on it. Choosing dates, costs and rebalancing do not belong here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quant.bars import Floats
from quant.errors import Infeasible, QuantError, TooShort


def ledoit_wolf(returns: Floats) -> tuple[Floats, float]:
    """Covariance shrunk towards a multiple of the identity.

    Parameters
    ----------
    returns : (T, N) float64
        Log returns per session, without NaN; T at least 2.

    Returns
    -------
    covariance : (N, N) float64
        Per session, divided by T; positive definite unless all returns are constant.
    shrinkage : float in [0, 1]

    References
    ----------
    Ledoit & Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices.
    """
    sessions, assets = _shape_of(returns)
    centred = returns - returns.mean(axis=0)
    sample = centred.T @ centred / sessions
    target = np.trace(sample) / assets
    distance = float(np.sum((sample - target * np.eye(assets)) ** 2)) / assets
    square = centred**2
    noise = float(np.sum(square.T @ square / sessions - sample**2)) / assets / sessions
    shrinkage = min(noise, distance) / distance if distance > 0 else 0.0
    return (1.0 - shrinkage) * sample + shrinkage * target * np.eye(assets), shrinkage


def shrunk_mean(returns: Floats) -> Floats:
    """Mean returns shrunk towards that of the minimum-variance portfolio.

    Parameters
    ----------
    returns : (T, N) float64
        Log returns per session, without NaN; T at least 2.

    Returns
    -------
    (N,) float64
        Per session. The grand mean for all where T is at most N + 2: so few sessions tell no asset from another.

    References
    ----------
    Jorion (1986), Bayes-Stein estimation for portfolio analysis, eqs. 14-17, with Ledoit & Wolf's covariance.
    """
    sessions, assets = _shape_of(returns)
    mean = returns.mean(axis=0)
    if assets < 2 or sessions <= assets + 2:
        return np.full(assets, float(mean.mean()))
    covariance, _ = ledoit_wolf(returns)
    precision_ones = np.linalg.solve(covariance, np.ones(assets))
    centre = float(precision_ones @ mean) / float(precision_ones.sum())
    away = mean - centre
    distance = sessions * float(away @ np.linalg.solve(covariance, away))
    intensity = (assets + 2.0) / (assets + 2.0 + distance)
    shrunk: Floats = (1.0 - intensity) * mean + intensity * centre
    return shrunk


def correlation(covariance: Floats) -> Floats:
    """Correlations (N, N) of a covariance matrix; an asset without variance correlates with nothing but itself."""
    deviation = np.sqrt(np.diag(covariance))
    scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    unit = covariance * scale[:, None] * scale
    np.fill_diagonal(unit, 1.0)
    clipped: Floats = np.clip(unit, -1.0, 1.0)
    return clipped


def equal_weight(assets: int) -> Floats:
    """The same share of each, (N,): the baseline that is hard to beat (DeMiguel, Garlappi & Uppal 2009)."""
    if assets < 1:
        raise QuantError(f"assets: expected at least 1, got {assets}")
    return np.full(assets, 1.0 / assets)


def minimum_variance(covariance: Floats, *, upper: float = 1.0) -> Floats:
    """Long-only weights (N,) of least variance that sum to one, none above `upper`.

    Parameters
    ----------
    covariance : (N, N) float64
        Symmetric, positive semi-definite; may be singular.
    upper : float
        Bound of each weight; at least 1 / N.

    Raises
    ------
    QuantError
        If the covariance is not a finite square matrix.
    Infeasible
        If `upper` leaves no allocation, or the solver fails.

    References
    ----------
    Markowitz (1952), Portfolio selection.
    """
    scaled, assets = _scaled(covariance), len(covariance)
    _check_upper(upper, assets)
    equality = np.ones((1, assets))
    below = np.vstack([-np.eye(assets), np.eye(assets)])
    bounds = np.concatenate([np.zeros(assets), np.full(assets, upper)])
    return _on_the_simplex(_solve(scaled, equality, below, bounds), upper)


def maximum_sharpe(expected_return: Floats, covariance: Floats, *, upper: float = 1.0) -> Floats:
    """Long-only weights (N,) of the greatest expected return per volatility, none above `upper`; riskless rate 0.

    Solved as the quadratic program for ``y = w / (expected_return @ w)``.

    Parameters
    ----------
    expected_return : (N,) float64
        In the unit of the covariance's period.
    covariance : (N, N) float64
        As for `minimum_variance`.
    upper : float

    Raises
    ------
    QuantError
        If shapes don't fit or values are not finite.
    Infeasible
        If no allocation has a positive expected return, `upper` leaves none, or the solver fails.

    References
    ----------
    Cornuejols & Tutuncu (2006), Optimization methods in finance, section 8.2.
    """
    scaled, assets = _scaled(covariance), len(covariance)
    if expected_return.shape != (assets,) or not np.isfinite(expected_return).all():
        raise QuantError(f"expected_return: expected a finite ({assets},) array, got shape {expected_return.shape}")
    _check_upper(upper, assets)
    best = _highest_return(expected_return, upper)
    if best <= 0:
        raise Infeasible(f"expected_return: expected an allocation that earns above 0, the best one earns {best:.6g}")
    equality = (expected_return / best)[None, :]
    below = np.vstack([-np.eye(assets), np.eye(assets) - upper])
    weights = _solve(scaled, equality, below, np.zeros(2 * assets))
    return _on_the_simplex(weights / weights.sum(), upper)


def risk_contributions(weights: Floats, covariance: Floats) -> Floats:
    """Each asset's share of the portfolio's variance, (N,), summing to one; zeros for a portfolio without variance."""
    marginal = weights * (covariance @ weights)
    total = float(marginal.sum())
    return marginal / total if total > 0 else np.zeros_like(marginal)


def volatility(weights: Floats, covariance: Floats) -> float:
    """Portfolio volatility in the covariance's unit."""
    return float(np.sqrt(max(float(weights @ covariance @ weights), 0.0)))


def _shape_of(returns: Floats) -> tuple[int, int]:
    """Sessions and assets of sound returns (T, N)."""
    if returns.ndim != 2 or not np.isfinite(returns).all():
        raise QuantError(f"returns: expected a finite (T, N) array, got shape {returns.shape}")
    sessions, assets = returns.shape
    if sessions < 2:
        raise TooShort(f"returns: expected at least 2 sessions, got {sessions}")
    return sessions, assets


def _highest_return(expected_return: Floats, upper: float) -> float:
    """What the allocation earns that fills the best asset to its bound, then the next."""
    filled = np.clip(1.0 - upper * np.arange(len(expected_return)), 0.0, upper)
    return float(np.sum(np.sort(expected_return)[::-1] * np.minimum(filled, 1.0)))


def _scaled(covariance: Floats) -> Floats:
    """The covariance with a mean variance of one, so that the solver's tolerances mean the same in every unit."""
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1] or not np.isfinite(covariance).all():
        raise QuantError(f"covariance: expected a finite square matrix, got shape {covariance.shape}")
    skew = float(np.abs(covariance - covariance.T).max())
    if skew > 1e-9 * float(np.abs(covariance).max()):
        raise QuantError(f"covariance: expected a symmetric matrix, got one {skew:.3g} away from its transpose")
    scale = float(np.trace(covariance)) / len(covariance)
    return covariance / scale if scale > 0 else covariance


def _check_upper(upper: float, assets: int) -> None:
    if not upper * assets >= 1.0 - 1e-12:
        raise Infeasible(f"upper: expected at least 1/{assets} so that weights can sum to one, got {upper}")


def _solve(quadratic: Floats, equality: Floats, below: Floats, bounds: Floats) -> Floats:
    """Minimise ``x' Q x / 2`` subject to ``equality @ x = 1`` and ``below @ x <= bounds``."""
    import clarabel  # not at import: the server reads weights without ever solving for them
    from scipy import sparse

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    constraints = sparse.csc_matrix(np.vstack([equality, below]))
    right = np.concatenate([np.ones(len(equality)), bounds])
    cones = [clarabel.ZeroConeT(len(equality)), clarabel.NonnegativeConeT(len(bounds))]
    triangle = sparse.csc_matrix(np.triu(quadratic))
    linear = np.zeros(len(quadratic))
    solution = clarabel.DefaultSolver(triangle, linear, constraints, right, cones, settings).solve()
    if solution.status not in (clarabel.SolverStatus.Solved, clarabel.SolverStatus.AlmostSolved):
        raise Infeasible(f"solver: expected a solution, got status {solution.status}")
    found: npt.NDArray[np.float64] = np.asarray(solution.x, dtype=np.float64)
    return found


def _on_the_simplex(weights: Floats, upper: float) -> Floats:
    """The interior-point solution with its residue of about 1e-10 taken out: within bounds, summing to one."""
    inside = np.clip(weights, 0.0, upper)
    short = 1.0 - float(inside.sum())
    room = (upper - inside) if short > 0 else inside
    return np.clip(inside + short * room / max(float(room.sum()), 1e-300), 0.0, upper)
