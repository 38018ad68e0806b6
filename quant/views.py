"""Black and Litterman's expected returns: what the market's weights imply, moved by views as far as each is certain.

A view says what a portfolio will earn and how wrong that may be, for instance a model's forecast of one asset and the
variance of its errors. Means and covariances are per session, or any period that all of them share; returns are simple.
Estimating a covariance belongs to `quant.moments`, weights from the posterior to `quant.portfolio`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from quant.bars import Floats
from quant.errors import QuantError
from quant.moments import check_finite

# The least that a view has to say beyond the others, as a share of its variance: under this it is mostly rounding.
DISTINCT: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """What K portfolios of N assets are expected to earn, and how far to trust it.

    Attributes
    ----------
    picks : (K, N) float64
        The portfolios: a single 1 for a view on one asset, 1 and -1 for one asset against another. K may be 0.
    returns : (K,) float64
        What each is expected to earn per period.
    variance : (K,) float64
        Of each view's error, above 0, in squared returns per period; the errors are taken as uncorrelated. It is the
        error about the *expected* return: far below the variance of the return itself.

    Raises
    ------
    QuantError
        If shapes don't fit, values are not finite, a pick is empty, or a variance is not above 0.
    """

    picks: Floats
    returns: Floats
    variance: Floats

    def __post_init__(self) -> None:
        if self.picks.ndim != 2:
            raise QuantError(f"picks: expected shape (K, N), got {self.picks.shape}")
        check_finite("picks", self.picks, shape=self.picks.shape)
        check_finite("returns", self.returns, shape=(len(self.picks),))
        check_finite("variance", self.variance, shape=(len(self.picks),))
        if not self.picks.any(axis=1).all():
            row = int(np.argmin(self.picks.any(axis=1)))
            raise QuantError(f"picks: expected an asset in each view, got zeros only in row {row}")
        if not (self.variance > 0).all():
            row = int(np.argmin(self.variance > 0))
            raise QuantError(f"variance: expected above 0, got {self.variance[row]} in row {row}")

    @classmethod
    def absolute(cls, expected: Floats, variance: Floats) -> Views:
        """One view on each asset that has one.

        Parameters
        ----------
        expected : (N,) float64
            Expected returns; any value, NaN too, for an asset without a view.
        variance : (N,) float64
            As in `Views`; infinite for an asset without a view.

        Raises
        ------
        QuantError
            If the shapes differ, an expected return with a view is not finite, or a variance is NaN or not above 0.
        """
        if expected.ndim != 1 or variance.shape != expected.shape:
            got = f"{expected.shape} and {variance.shape}"
            raise QuantError(f"expected, variance: expected the same shape (N,), got {got}")
        if not (variance > 0).all():
            row = int(np.argmin(variance > 0))
            raise QuantError(f"variance: expected above 0, got {variance[row]} in row {row}")
        held = np.isfinite(variance)
        if not np.isfinite(expected[held]).all():
            row = int(np.argmax(held & ~np.isfinite(expected)))
            raise QuantError(
                f"expected: expected finite returns where there is a view, got {expected[row]} in row {row}"
            )
        return cls(picks=np.eye(len(expected))[held], returns=expected[held], variance=variance[held])


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Expected returns and covariance after the views.

    Attributes
    ----------
    mean : (N,) float64
        Per period.
    covariance : (N, N) float64
        Of the returns to come, with what is not known about their mean: never below the covariance given.
    """

    mean: Floats
    covariance: Floats


def implied_risk_aversion(weights: Floats, covariance: Floats, *, sharpe: float) -> float:
    """The risk aversion for which `implied_returns` gives these weights this Sharpe ratio.

    Parameters
    ----------
    weights : (N,) float64
        Shares of the book's value.
    covariance : (N, N) float64
        Per period.
    sharpe : float
        Return over the riskless one per volatility, for the covariance's period: an annual ratio of 0.5 is one of
        0.5 / sqrt(252) per session.

    Raises
    ------
    QuantError
        If shapes don't fit, values are not finite, or the portfolio has no risk.
    """
    _check_moments("weights", weights, covariance)
    variance = float(weights @ covariance @ weights)
    if not np.isfinite(sharpe):
        raise QuantError(f"sharpe: expected a finite number, got {sharpe}")
    if not variance > 0:
        raise QuantError(f"weights: expected a portfolio with a variance above 0, got one of {variance:.6g}")
    return sharpe / float(np.sqrt(variance))


def implied_returns(weights: Floats, covariance: Floats, *, risk_aversion: float) -> Floats:
    """The expected returns over the riskless one, (N,), to which these weights are the best answer.

    Parameters
    ----------
    weights : (N,) float64
        Shares of the book's value; the market's, for the prior that Black and Litterman mean.
    covariance : (N, N) float64
        Per period.
    risk_aversion : float
        Return asked for per variance, above 0; see `implied_risk_aversion`.

    Raises
    ------
    QuantError
        If shapes don't fit, values are not finite, or `risk_aversion` is not above 0.

    References
    ----------
    Sharpe (1974), Imputing expected security returns from portfolio composition.
    """
    _check_moments("weights", weights, covariance)
    _check_positive("risk_aversion", risk_aversion)
    implied: Floats = risk_aversion * (covariance @ weights)
    return implied


def posterior(prior: Floats, covariance: Floats, views: Views, *, tau: float) -> Posterior:
    """What to expect once the views are weighed against the prior.

    Parameters
    ----------
    prior : (N,) float64
        Expected returns before the views, for instance `implied_returns`.
    covariance : (N, N) float64
        Of returns, per period; symmetric and positive semi-definite, may be singular.
    views : Views
        On the same N assets. Without any the mean is the prior's.
    tau : float
        Variance of the prior's error as a share of the covariance, above 0; 1 / T if it was a mean of T sessions.

    Returns
    -------
    Posterior
        The covariance is the given one plus that of the mean's remaining error: ``(1 + tau) * covariance`` without
        views, less with each.

    Raises
    ------
    QuantError
        If shapes don't fit, values are not finite, `tau` is not above 0, or views of (nearly) no error repeat or
        contradict each other.

    References
    ----------
    Black & Litterman (1992), Global portfolio optimization, appendix, for the mean; He & Litterman (1999), The
    intuition behind Black-Litterman model portfolios, for the covariance. Both in the form that solves for K views and
    inverts no N x N matrix.
    """
    _check_moments("prior", prior, covariance)
    _check_positive("tau", tau)
    if views.picks.shape[1] != len(prior):
        raise QuantError(f"views: expected picks of shape (K, {len(prior)}), got {views.picks.shape}")
    uncertain = tau * covariance
    surprise = views.returns - views.picks @ prior
    shared = views.picks @ uncertain
    between = shared @ views.picks.T + np.diag(views.variance)
    root = _root(between)
    explained = solve_triangular(root, shared, lower=True)
    told = solve_triangular(root, surprise, lower=True)
    return Posterior(mean=prior + explained.T @ told, covariance=covariance + uncertain - explained.T @ explained)


def _root(between: Floats) -> Floats:
    """The lower Cholesky factor of the views' covariance; the variances may be orders of magnitude apart."""
    message = f"views: expected an error that keeps each of the {len(between)} apart, got some that follow from others"
    try:
        lower: Floats = cholesky(between, lower=True)
    except np.linalg.LinAlgError as singular:
        raise QuantError(message) from singular
    if (np.diag(lower) ** 2 < DISTINCT * np.diag(between)).any():
        raise QuantError(message)
    return lower


def _check_moments(name: str, values: Floats, covariance: Floats) -> None:
    """Raise `QuantError` unless a vector and a covariance are finite and of the same assets."""
    if values.ndim != 1:
        raise QuantError(f"{name}: expected shape (N,), got {values.shape}")
    check_finite(name, values, shape=values.shape)
    check_finite("covariance", covariance, shape=(len(values), len(values)))


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise QuantError(f"{name}: expected above 0, got {value}")
