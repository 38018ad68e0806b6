"""What assets are expected to earn and how they move together: means and covariances.

Everything is estimated from simple returns per session, (T, N) without NaN, since a portfolio's return is linear in
those and not in log returns. Results are per session too; nothing is annualised. A mean or a covariance of a caller's
own unit is as good wherever one is passed in. Views on returns belong to
`quant.views`, the repair of a matrix that is no covariance to `quant.nearest`, weights to `quant.portfolio`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import eigh

from quant.bars import Floats
from quant.errors import QuantError, TooShort

# The share of an asset's variance that a factor model leaves to itself at least, a hundredth of its volatility: with
# none, portfolios would be free of risk only because there are nearly as many factors as assets or sessions.
LEAST_SPECIFIC: Final = 1e-4


def mean(returns: Floats) -> Floats:
    """Historical mean returns, (N,), unbiased and so noisy that `shrunk_mean` mostly serves better.

    Parameters
    ----------
    returns : (T, N) float64
        Simple returns per session, without NaN; T at least 2.

    Raises
    ------
    QuantError
        If returns are not a finite (T, N) array; the message names the first bad entry.
    TooShort
        With fewer than 2 sessions.
    """
    _shape_of(returns)
    average: Floats = returns.mean(axis=0)
    return average


def shrunk_mean(returns: Floats) -> Floats:
    """Mean returns shrunk towards that of the minimum-variance portfolio.

    Parameters
    ----------
    returns : (T, N) float64
        As in `mean`.

    Returns
    -------
    (N,) float64
        Per session. The grand mean for all where T is at most N + 2: so few sessions tell no asset from another.

    Raises
    ------
    QuantError, TooShort
        As in `mean`, and if the returns' covariance is singular even after shrinkage, as that of constants is.

    References
    ----------
    Jorion (1986), Bayes-Stein estimation for portfolio analysis, eqs. 14-17, with Ledoit & Wolf's covariance.
    """
    sessions, assets = _shape_of(returns)
    average = returns.mean(axis=0)
    if assets < 2 or sessions <= assets + 2:
        return np.full(assets, float(average.mean()))
    covariance, _ = ledoit_wolf(returns)
    try:
        precision_ones = np.linalg.solve(covariance, np.ones(assets))
        centre = float(precision_ones @ average) / float(precision_ones.sum())
        away = average - centre
        distance = sessions * float(away @ np.linalg.solve(covariance, away))
    except np.linalg.LinAlgError as singular:
        raise QuantError("returns: expected some that vary on their own, got a singular covariance") from singular
    intensity = (assets + 2.0) / (assets + 2.0 + distance)
    shrunk: Floats = (1.0 - intensity) * average + intensity * centre
    return shrunk


def mean_by_sharpe(returns: Floats, *, deviation: Floats, scatter: float) -> Floats:
    """Mean returns whose Sharpe ratios are shrunk towards their common one, as far as noise explains how they differ.

    Parameters
    ----------
    returns : (T, N) float64
        As in `mean`.
    deviation : (N,) float64
        Of each asset's returns per session, at least 0; an asset without any is expected to earn nothing.
    scatter : float
        Standard deviation of the true Sharpe ratios per session across assets, at least 0: 0.2 / sqrt(252) where
        annual ones are taken to scatter by 0.2. With 0 all assets have the same ratio, and the portfolio of the
        greatest Sharpe ratio is the most diversified one.

    Returns
    -------
    (N,) float64
        Per session. An observed ratio's distance from the mean one is kept to ``scatter**2 / (scatter**2 + 1 / T)``,
        the posterior mean of normal ratios observed with an error of 1 / sqrt(T).

    Raises
    ------
    QuantError, TooShort
        As in `mean`, and if `deviation` or `scatter` is not as said.

    References
    ----------
    Efron & Morris (1975), Data analysis using Stein's estimator and its generalizations.
    Lo (2002), The statistics of Sharpe ratios: the error.
    """
    sessions, assets = _shape_of(returns)
    if deviation.shape != (assets,) or not (np.isfinite(deviation) & (deviation >= 0)).all():
        raise QuantError(f"deviation: expected ({assets},) finite numbers of 0 or more, got {deviation}")
    if not 0.0 <= scatter < float("inf"):
        raise QuantError(f"scatter: expected 0 or more, and finite, got {scatter}")
    average = returns.mean(axis=0)
    ratio = np.divide(average, deviation, out=np.zeros(assets), where=deviation > 0)
    centre = float(ratio[deviation > 0].mean()) if (deviation > 0).any() else 0.0
    kept = scatter**2 / (scatter**2 + 1.0 / sessions)
    shrunk: Floats = (centre + kept * (ratio - centre)) * deviation
    return shrunk


def sample_covariance(returns: Floats) -> Floats:
    """Unbiased covariance, (N, N): centred products divided by T - 1; singular where T is at most N.

    Parameters
    ----------
    returns : (T, N) float64
        As in `mean`.

    Raises
    ------
    QuantError, TooShort
        As in `mean`.
    """
    sessions, _ = _shape_of(returns)
    centred = returns - returns.mean(axis=0)
    covariance: Floats = centred.T @ centred / (sessions - 1)
    return covariance


def ledoit_wolf(returns: Floats) -> tuple[Floats, float]:
    """Covariance shrunk towards a multiple of the identity.

    Parameters
    ----------
    returns : (T, N) float64
        As in `mean`.

    Returns
    -------
    covariance : (N, N) float64
        Per session, divided by T; positive definite unless all returns are constant.
    shrinkage : float in [0, 1]

    Raises
    ------
    QuantError, TooShort
        As in `mean`.

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


def ewma_covariance(returns: Floats, *, half_life: float) -> Floats:
    """Exponentially weighted covariance about a mean of zero, the newest session weighing most.

    Zero, as RiskMetrics has it and `quant.volatility` too: over the few sessions that count, an estimated mean is
    nearly all noise, and taking it out takes risk out with it.

    Parameters
    ----------
    returns : (T, N) float64
        As in `mean`, oldest first.
    half_life : float
        Sessions after which a return weighs half; above 0. The decay of 0.94 that RiskMetrics uses is one of 11.2.

    Returns
    -------
    (N, N) float64
        Per session; the weights sum to one, so a short history is not an understated risk. Positive semi-definite;
        singular where T is below N, and nearly so where the half-life is.

    Raises
    ------
    QuantError, TooShort
        As in `mean`, and if `half_life` is not above 0.

    References
    ----------
    J.P. Morgan/Reuters (1996), RiskMetrics technical document, sections 5.2 and 5.3.
    """
    sessions, _ = _shape_of(returns)
    if not half_life > 0:
        raise QuantError(f"half_life: expected above 0, got {half_life}")
    weight = 0.5 ** (np.arange(sessions - 1, -1, -1) / half_life)
    weighted = np.sqrt(weight / weight.sum())[:, None] * returns
    covariance: Floats = weighted.T @ weighted
    return covariance


@dataclass(frozen=True, slots=True, eq=False)
class FactorModel:
    """A covariance as a few common factors and a risk of each asset's own: ``loadings @ loadings.T + diag(specific)``.

    Attributes
    ----------
    loadings : (N, K) float64
        On uncorrelated factors of variance one: what an asset returns when a factor moves by its own volatility.
    specific : (N,) float64
        Variances of what the factors leave over, at least 0 and uncorrelated between assets.

    Raises
    ------
    QuantError
        If the shapes don't fit, or values are not finite or, in `specific`, below 0.
    """

    loadings: Floats
    specific: Floats

    def __post_init__(self) -> None:
        if self.loadings.ndim != 2:
            raise QuantError(f"loadings: expected shape (N, K), got {self.loadings.shape}")
        check_finite("loadings", self.loadings, shape=self.loadings.shape)
        check_finite("specific", self.specific, shape=(len(self.loadings),))
        if (self.specific < 0).any():
            row = int(np.argmax(self.specific < 0))
            raise QuantError(f"specific: expected variances of at least 0, got {self.specific[row]} in row {row}")

    @property
    def assets(self) -> int:
        """N."""
        return len(self.loadings)

    def covariance(self) -> Floats:
        """The whole matrix, (N, N); what works with N assets and K factors can do without it."""
        whole: Floats = self.loadings @ self.loadings.T
        whole[np.diag_indices_from(whole)] += self.specific
        return whole


def factor_model(returns: Floats, *, factors: int) -> FactorModel:
    """The sample covariance's principal components as factors, the rest of each variance as specific.

    Parameters
    ----------
    returns : (T, N) float64
        As in `mean`; T may be below N.
    factors : int
        K, from 1 to the lesser of N and T - 1.

    Returns
    -------
    FactorModel
        Factors in order of the variance they explain, each with the sign that makes its largest loading positive. Its
        variances are those of `sample_covariance`, but where the factors leave an asset less than `LEAST_SPECIFIC` of
        its own: it keeps that much. An asset that doesn't move at all has neither.

    Raises
    ------
    QuantError, TooShort
        As in `mean`, and if `factors` is out of range.

    References
    ----------
    Connor & Korajczyk (1986), Performance measurement with the arbitrage pricing theory (asymptotic principal
    components, which need an eigenproblem of the smaller of T and N only).
    """
    sessions, assets = _shape_of(returns)
    if not 1 <= factors <= min(assets, sessions - 1):
        most = min(assets, sessions - 1)
        raise QuantError(f"factors: expected 1 to {most} for {sessions} sessions of {assets} assets, got {factors}")
    scaled = (returns - returns.mean(axis=0)) / np.sqrt(sessions - 1.0)
    if sessions < assets:
        loadings = scaled.T @ _leading(scaled @ scaled.T, factors)[1]
    else:
        values, vectors = _leading(scaled.T @ scaled, factors)
        loadings = vectors * np.sqrt(np.maximum(values, 0.0))
    largest = np.take_along_axis(loadings, np.abs(loadings).argmax(axis=0)[None, :], axis=0)
    loadings = np.where(largest < 0, -loadings, loadings)
    variance = np.einsum("ti,ti->i", scaled, scaled)
    explained = np.einsum("ik,ik->i", loadings, loadings)
    return FactorModel(loadings=loadings, specific=np.maximum(variance - explained, LEAST_SPECIFIC * variance))


def correlation(covariance: Floats) -> Floats:
    """Correlations (N, N) of a covariance matrix; an asset without variance correlates with nothing but itself."""
    deviation = np.sqrt(np.diag(covariance))
    scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    unit = covariance * scale[:, None] * scale
    np.fill_diagonal(unit, 1.0)
    clipped: Floats = np.clip(unit, -1.0, 1.0)
    return clipped


def check_finite(name: str, values: Floats, *, shape: tuple[int, ...]) -> None:
    """Raise `QuantError` unless an argument has its shape and is finite; it names the first entry that isn't."""
    if values.shape != shape:
        raise QuantError(f"{name}: expected shape {shape}, got {values.shape}")
    if not np.isfinite(values).all():
        at = np.unravel_index(int(np.argmin(np.isfinite(values))), shape)
        where = ", ".join(f"{axis} {index}" for axis, index in zip(("row", "column"), at, strict=False))
        raise QuantError(f"{name}: expected finite numbers, got {values[at]} in {where}")


def _shape_of(returns: Floats) -> tuple[int, int]:
    """Sessions and assets of sound returns (T, N)."""
    if returns.ndim != 2 or returns.shape[1] < 1:
        raise QuantError(f"returns: expected a finite (T, N) array, got shape {returns.shape}")
    check_finite("returns", returns, shape=returns.shape)
    sessions, assets = returns.shape
    if sessions < 2:
        raise TooShort(f"returns: expected at least 2 sessions, got {sessions}")
    return sessions, assets


def _leading(gram: Floats, count: int) -> tuple[Floats, Floats]:
    """The `count` greatest eigenvalues of a symmetric matrix, falling, and their vectors in columns."""
    last = len(gram) - 1
    values, vectors = eigh(gram, subset_by_index=[last - count + 1, last])
    return values[::-1], vectors[:, ::-1]
