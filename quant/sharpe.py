"""How far a Sharpe ratio can be trusted: its confidence interval, and whether one book's is above another's.

The ratio is `quant.performance.sharpe`'s: of returns per session, the riskless rate taken as 0, annualised by the
square root of the sessions a year. Every formula here holds for simple returns, of which ratios of portfolios are
published, and for log returns, which cost the ratio about half the annual volatility: like is compared with like. What
many trials do to the best of them is the deflated ratio's business, in `quant.performance`.

The error is the delta method's. A ratio moves with each session by its influence: the session's standardised return
z, less half the ratio times z**2 - 1. The long-run variance of that one series is the one that a HAC matrix of the
first two moments gives through their gradient; fat tails are in its variance, autocorrelation in its lags.

References
----------
Lo (2002), The statistics of Sharpe ratios.
Ledoit & Wolf (2008), Robust performance hypothesis testing with the Sharpe ratio.
"""

from __future__ import annotations

import math
import sys
from typing import Final

import msgspec
import numpy as np
from scipy.special import ndtr, ndtri

from quant.bars import Floats
from quant.errors import QuantError, TooShort
from quant.metrics import automatic_lags, long_run_variance
from quant.performance import sharpe
from quant.rows import finite_rows

# Mean and variance: each series has these two moments estimated, which the variance of their errors makes up for.
MOMENTS: Final = 2
# Andrews' rule grows without bound as a series nears a random walk.
MOST_PERSISTENT: Final = 0.97


class SharpeInterval(msgspec.Struct, frozen=True, kw_only=True):
    """A Sharpe ratio and where the true one lies with the probability `coverage`. All but that annualised."""

    sharpe: float
    standard_error: float
    lower: float
    upper: float
    coverage: float


class SharpeDifference(msgspec.Struct, frozen=True, kw_only=True):
    """How much higher one book's Sharpe ratio is than another's over the same sessions, annualised.

    Attributes
    ----------
    difference, standard_error : float
        Positive where the first is better.
    p_value : float in [0, 1]
        One-sided: how often a first book that is no better than the second would still look this much better. 0.5
        for equal ratios.
    """

    difference: float
    standard_error: float
    p_value: float


def sharpe_interval(returns: Floats, *, sessions_per_year: int, coverage: float = 0.95) -> SharpeInterval:
    """The Sharpe ratio of a book and its confidence interval, which knows fat tails and autocorrelation.

    Parameters
    ----------
    returns : (n,) float64
        Per session, in the order of time, n at least 5. NaN rows are left out.
    sessions_per_year : int
        By whose square root both the ratio and its error are annualised: what is covered is that multiple of the
        ratio per session, not the ratio of years, which autocorrelation would make another (Lo 2002).
    coverage : float in (0, 1)

    Returns
    -------
    SharpeInterval
        Symmetric about the ratio. Without volatility the ratio is 0 by convention, and so is its error.

    Raises
    ------
    QuantError
        If a return is infinite or `coverage` lies outside (0, 1).
    TooShort
        With fewer than 5 sessions.

    Notes
    -----
    Bartlett weights over `quant.metrics.automatic_lags` or the lags of Andrews's (1991) rule for a first-order
    autoregression, whichever are more; times n / (n - 2) for the two moments. Of 95 % it covers 94 to 95 % for
    independent normal returns; with an autocorrelation of 0.5, which no liquid book has, 92 % over 250 sessions and
    94 % over 1,250.
    """
    if not 0 < coverage < 1:
        raise QuantError(f"coverage: expected within (0, 1), got {coverage}")
    (returns,) = _enough(returns)
    ratio = sharpe(returns, sessions_per_year=sessions_per_year)
    error = _standard_error(_influence(returns), moments=MOMENTS) * math.sqrt(sessions_per_year)
    reach = float(ndtri(0.5 + coverage / 2.0)) * error
    return SharpeInterval(
        sharpe=ratio, standard_error=error, lower=ratio - reach, upper=ratio + reach, coverage=coverage
    )


def sharpe_difference(a: Floats, b: Floats, *, sessions_per_year: int) -> SharpeDifference:
    """Is book `a` better than book `b`, session by session over the same time?

    Parameters
    ----------
    a, b : (n,) float64
        Returns per session of the same n sessions, at least 5; finite but for NaN. A row with a NaN in either is
        left out.
    sessions_per_year : int

    Returns
    -------
    SharpeDifference

    Notes
    -----
    Paired: what moves both books alike drops out of the error, so that the difference of two books that are nearly
    the same can be told far sooner than their intervals come apart. The error is `sharpe_interval`'s, of the
    difference of the influences, times n / (n - 4).
    """
    a, b = _enough(a, b)
    year = math.sqrt(sessions_per_year)
    difference = sharpe(a, sessions_per_year=sessions_per_year) - sharpe(b, sessions_per_year=sessions_per_year)
    error = _standard_error(_influence(a) - _influence(b), moments=2 * MOMENTS) * year
    # Without an error even the least difference is beyond doubt.
    doubt = error if error > 0 else sys.float_info.min
    return SharpeDifference(difference=difference, standard_error=error, p_value=float(ndtr(-difference / doubt)))


def _enough(*columns: Floats) -> tuple[Floats, ...]:
    known = finite_rows(*columns)
    if len(known[0]) <= 2 * MOMENTS:
        raise TooShort(f"returns: expected at least {2 * MOMENTS + 1} sessions, got {len(known[0])}")
    return known


def _influence(returns: Floats) -> Floats:
    """What each session contributes to the error of the ratio per session; 0 for returns that never vary."""
    if returns.min() == returns.max():
        return np.zeros_like(returns)
    scaled = (returns - returns.mean()) / returns.std()
    ratio = float(returns.mean()) / float(returns.std())
    influence: Floats = scaled - ratio / 2.0 * (scaled**2 - 1.0)
    return influence


def _standard_error(influence: Floats, *, moments: int) -> float:
    n = len(influence)
    lags = max(automatic_lags(n, horizon=1), _andrews_lags(influence))
    return math.sqrt(long_run_variance(influence, lags=lags) / (n - moments))


def _andrews_lags(series: Floats) -> int:
    """Lags of Bartlett weights that suit a first-order autoregression fitted to a series.

    References
    ----------
    Andrews (1991), Heteroskedasticity and autocorrelation consistent covariance matrix estimation, eqs. 6.2 and 6.4.
    """
    centred = series - series.mean()
    square = float(centred @ centred)
    if square == 0:
        return 0
    memory = min(abs(float(centred[1:] @ centred[:-1]) / square), MOST_PERSISTENT)
    slope = 4.0 * memory**2 / (1.0 - memory**2) ** 2
    return math.floor(1.1447 * math.pow(slope * len(series), 1.0 / 3.0))
