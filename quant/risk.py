"""The risk of an allocation: how much, from which assets, how bad its tail is and what history would have done to it.

Weights are shares of the book's value, cash is what they leave of one; a covariance comes in the caller's unit, and a
volatility goes out in it. Returns are simple ones, since a portfolio's are the weighted sum of its assets'. Losses are
positive. Estimating a covariance (`quant.moments`), choosing weights (`quant.portfolio`) and what becomes of a book
that trades (`quant.rebalanced`) do not belong here.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from quant.bars import Floats
from quant.errors import QuantError, TooShort
from quant.rows import finite_rows


class TailRisk(msgspec.Struct, frozen=True, kw_only=True):
    """Losses of a book's worst days, as positive shares of its value: see the functions of the same names."""

    level: float
    historical_var: float
    historical_cvar: float
    normal_var: float
    normal_cvar: float


class Window(NamedTuple):
    """A stretch of sessions and what was lost over it: rows `start` to `end`, both included; negative if it gained."""

    start: int
    end: int
    loss: float


def volatility(weights: Floats, covariance: Floats) -> float:
    """Volatility of the portfolio of weights (N,), in the unit of the covariance (N, N)."""
    _require_fit(weights, covariance)
    return math.sqrt(max(float(weights @ covariance @ weights), 0.0))


def risk_contributions(weights: Floats, covariance: Floats) -> Floats:
    """Each asset's share of the portfolio's variance, (N,), summing to one; zeros for a portfolio without variance.

    The share of an asset that hedges the others is negative.

    References
    ----------
    Maillard, Roncalli & Teiletche (2010), The properties of equally weighted risk contribution portfolios.
    """
    _require_fit(weights, covariance)
    marginal = weights * (covariance @ weights)
    total = float(marginal.sum())
    return marginal / total if total > 0 else np.zeros_like(marginal)


def tracking_error(weights: Floats, target: Floats, covariance: Floats) -> float:
    """Volatility of what `weights` (N,) earn beyond `target` (N,), in the covariance's unit."""
    if weights.shape != target.shape:
        raise QuantError(f"target: expected the shape of weights {weights.shape}, got {target.shape}")
    return volatility(weights - target, covariance)


def effective_number(weights: Floats) -> float:
    """How many equally weighted assets are as concentrated as the weights (N,): between 1 and N, 0 if none is held.

    The inverse of the Herfindahl index of the absolute weights, brought to a sum of one: how much is held in cash or
    on borrowed money doesn't matter.
    """
    largest = float(np.abs(weights).max(initial=0.0))
    if largest == 0:
        return 0.0
    # Out of the largest, so that no square underflows.
    held = np.abs(weights) / largest
    return float(held.sum()) ** 2 / float(held @ held)


def diversification_ratio(weights: Floats, covariance: Floats) -> float:
    """Mean volatility of what is held over the portfolio's own: 1 if all moves as one, infinite for a perfect hedge.

    References
    ----------
    Choueifaty & Coignard (2008), Toward maximum diversification.
    """
    own = volatility(weights, covariance)
    apart = float(np.abs(weights) @ np.sqrt(np.diag(covariance)))
    if apart == 0:
        return 1.0
    return apart / own if own > 0 else math.inf


def value_at_risk(returns: Floats, *, level: float) -> float:
    """Historical value at risk: the smallest loss that at least a share `level` of the sessions did not exceed.

    Parameters
    ----------
    returns : (T,) float64
        Simple returns of the book per session; NaN rows are left out.
    level : float in (0, 1)
        For instance 0.95. With fewer than ``1 / (1 - level)`` sessions the answer is the worst loss.

    Returns
    -------
    float
        Positive for a loss. Of 100 sessions at 0.95 the sixth largest loss, which exactly five exceed.

    References
    ----------
    McNeil, Frey & Embrechts (2015), Quantitative risk management, definition 2.8.
    """
    losses, beyond = _losses(returns, level)
    return float(losses[min(math.floor(beyond), len(losses) - 1)])


def expected_shortfall(returns: Floats, *, level: float) -> float:
    """Historical CVaR: the mean loss of the worst share ``1 - level`` of the sessions.

    Where that share isn't a whole number of sessions, the last one counts for the fraction that is left, so that the
    answer is continuous in `level` and coherent. Never below `value_at_risk`, whose arguments these are.

    References
    ----------
    Acerbi & Tasche (2002), On the coherence of expected shortfall, definition 2.6.
    """
    losses, beyond = _losses(returns, level)
    counted = np.clip(beyond - np.arange(len(losses)), 0.0, 1.0)
    return float(counted @ losses) / beyond


def normal_value_at_risk(*, mean: float, deviation: float, level: float) -> float:
    """Value at risk of a normal return of that mean and standard deviation; positive for a loss.

    Real tails are fatter: beyond 0.95 or so it falls behind the historical one, the further the rarer the loss.
    """
    _require_level(level)
    return -mean + deviation * float(ndtri(level))


def normal_expected_shortfall(*, mean: float, deviation: float, level: float) -> float:
    """CVaR of a normal return; see `normal_value_at_risk`, whose tails' fault it shares and more so.

    References
    ----------
    McNeil, Frey & Embrechts (2015), Quantitative risk management, example 2.14.
    """
    _require_level(level)
    density = math.exp(-(float(ndtri(level)) ** 2) / 2.0) / math.sqrt(2.0 * math.pi)
    return -mean + deviation * density / (1.0 - level)


def tail_risk(returns: Floats, *, level: float = 0.95) -> TailRisk:
    """Historical and normal tail of a book's simple returns (T,) per session; NaN rows left out, at least 2 others."""
    (returns,) = finite_rows(returns)
    if len(returns) < 2:
        raise TooShort(f"returns: expected at least 2 sessions, got {len(returns)}")
    mean, deviation = float(returns.mean()), float(returns.std(ddof=1))
    return TailRisk(
        level=level,
        historical_var=value_at_risk(returns, level=level),
        historical_cvar=expected_shortfall(returns, level=level),
        normal_var=normal_value_at_risk(mean=mean, deviation=deviation, level=level),
        normal_cvar=normal_expected_shortfall(mean=mean, deviation=deviation, level=level),
    )


def worst_windows(returns: Floats, *, sessions: int, count: int = 1) -> tuple[Window, ...]:
    """The stretches of so many sessions in which a book lost most, none overlapping another, the worst first.

    Given ``history @ weights``, what history would have done to an allocation of today that is brought back to its
    weights every session, at no cost: a stress test, not a record of anything that was held.

    Parameters
    ----------
    returns : (T,) float64
        Simple returns of the book per session, without NaN: leaving a row out would make a window longer than it
        says. None below -1.
    sessions : int
        Length of each window; at least 1 and at most T.
    count : int
        How many at most; fewer if no further one fits beside those found.

    Returns
    -------
    tuple of Window
        The worst of all, then the worst of those that don't overlap it, and so on; the earlier one of equals.
    """
    if returns.ndim != 1 or not (np.isfinite(returns) & (returns >= -1.0)).all():
        raise QuantError(f"returns: expected a finite (T,) array of at least -1, got shape {returns.shape}")
    if sessions < 1 or count < 1:
        raise QuantError(f"sessions, count: expected at least 1, got {sessions}, {count}")
    if len(returns) < sessions:
        raise TooShort(f"returns: expected at least {sessions} sessions, got {len(returns)}")
    left = np.lib.stride_tricks.sliding_window_view(1.0 + returns, sessions).prod(axis=1)
    found: list[Window] = []
    while len(found) < count and np.isfinite(left).any():
        start = int(left.argmin())
        found.append(Window(start, start + sessions - 1, 1.0 - float(left[start])))
        left[max(start - sessions + 1, 0) : start + sessions] = math.inf
    return tuple(found)


def cluster_order(correlation: Floats) -> npt.NDArray[np.intp]:
    """An order of the assets, (N,), that puts those next to each other that move together: for a matrix to look at.

    Ward's clusters of the distances sqrt((1 - correlation) / 2), turned so that the distances between neighbours add
    up to the least that the tree allows. These distances are proportional to the Euclidean ones of the standardised
    returns, so that Ward's criterion means what it says; single linkage, as in the paper, tends to chains. The order
    is the same on every call, and as good read backwards.

    Parameters
    ----------
    correlation : (N, N) float64
        Symmetric, within [-1, 1], N at least 1.

    References
    ----------
    Lopez de Prado (2016), Building diversified portfolios that outperform out of sample.
    Bar-Joseph, Gifford & Jaakkola (2001), Fast optimal leaf ordering for hierarchical clustering.

    Notes
    -----
    SciPy's own `optimal_leaf_ordering` (1.17) turns clusters, but not to the least sum: its issue 11227.
    """
    if correlation.ndim != 2 or correlation.shape[0] != correlation.shape[1] or not len(correlation):
        raise QuantError(f"correlation: expected a square matrix, got shape {correlation.shape}")
    if not (np.abs(correlation) <= 1.0 + 1e-9).all() or not np.allclose(correlation, correlation.T, rtol=0, atol=1e-9):
        raise QuantError("correlation: expected a symmetric matrix within [-1, 1] and without NaN, got another")
    if len(correlation) == 1:
        return np.zeros(1, dtype=np.intp)
    from scipy.cluster import hierarchy  # not at import: most who ask for a risk ask for no order

    distance = np.sqrt(np.clip((1.0 - correlation) / 2.0, 0.0, 1.0))
    tree = hierarchy.linkage(distance[np.triu_indices(len(distance), k=1)], method="ward")
    return _turned([(int(left), int(right)) for left, right in tree[:, :2]], distance)


class _Cluster(NamedTuple):
    """Two clusters, or none for a single asset, and the least sums of distances between neighbours in their orders."""

    leaves: npt.NDArray[np.intp]
    # By the outermost leaf of the left part and that of the right one.
    least: Floats
    parts: tuple[_Cluster, _Cluster] | None

    def by_ends(self) -> Floats:
        """The least sums by first and last leaf, symmetric; infinite where no turning of the tree has these ends."""
        if self.parts is None:
            return np.zeros((1, 1))
        left, right = self.least.shape
        sums = np.full((left + right, left + right), math.inf)
        sums[:left, left:], sums[left:, :left] = self.least, self.least.T
        return sums


def _turned(merges: list[tuple[int, int]], distance: Floats) -> npt.NDArray[np.intp]:
    """The leaves of a tree in the order of least distance between neighbours; clusters are numbered as SciPy does."""
    clusters = [_Cluster(np.array([leaf]), np.empty((0, 0)), None) for leaf in range(len(distance))]
    for left, right in ((clusters[left], clusters[right]) for left, right in merges):
        between = distance[np.ix_(left.leaves, right.leaves)]
        least = _least_sums(_least_sums(left.by_ends(), between), right.by_ends())
        clusters.append(_Cluster(np.concatenate([left.leaves, right.leaves]), least, (left, right)))
    return np.array(_read(clusters[-1], distance), dtype=np.intp)


def _read(root: _Cluster, distance: Floats) -> list[int]:
    """The leaves of a cluster in the order that its least sum is of."""
    first, last = _where_least(root.by_ends())
    order: list[int] = []
    # Not by recursion: a chain of clusters is as deep as there are assets.
    ahead = [(root, first, last)]
    while ahead:
        cluster, first, last = ahead.pop()
        if cluster.parts is None:
            order.append(int(cluster.leaves[0]))
            continue
        one, other = cluster.parts
        if first < len(one.leaves):
            last -= len(one.leaves)
        else:
            first -= len(one.leaves)
            one, other = other, one
        between = distance[np.ix_(one.leaves, other.leaves)]
        end, start = _where_least(one.by_ends()[first][:, None] + between + other.by_ends()[last])
        ahead += [(other, start, last), (one, first, end)]
    return order


def _where_least(sums: Floats) -> tuple[int, int]:
    row, column = divmod(int(sums.argmin()), sums.shape[1])
    return row, column


def _least_sums(a: Floats, b: Floats) -> Floats:
    """The matrix product of (p, q) and (q, r) with sums for products, and the least for the sum."""
    least = np.full((a.shape[0], b.shape[1]), math.inf)
    for column, row in zip(a.T, b, strict=True):
        np.minimum(least, column[:, None] + row, out=least)
    return least


def _losses(returns: Floats, level: float) -> tuple[Floats, float]:
    """The losses, largest first, and how many sessions lie beyond `level`."""
    _require_level(level)
    (returns,) = finite_rows(returns)
    beyond = (1.0 - level) * len(returns)
    # 100 sessions at 0.95 are five, not 5.000000000000004.
    whole = round(beyond)
    if whole and math.isclose(beyond, whole, rel_tol=1e-9):
        beyond = float(whole)
    return -np.sort(returns), beyond


def _require_level(level: float) -> None:
    if not 0 < level < 1:
        raise QuantError(f"level: expected within (0, 1), got {level}")


def _require_fit(weights: Floats, covariance: Floats) -> None:
    if weights.ndim != 1 or covariance.shape != (len(weights), len(weights)):
        raise QuantError(
            f"weights, covariance: expected (N,) and (N, N), got shapes {weights.shape}, {covariance.shape}"
        )
