"""Scores of a strategy: of its returns, session by session or trade by trade, and of the positions that it held.

Trading, and what trading costs, do not belong here: returns come net of whatever was paid. A NaN is left out
throughout. Returns that are the same in every session have a volatility of exactly 0, and a Sharpe ratio of 0 however
it is asked for: nothing that never varied can be told from chance.
"""

from __future__ import annotations

import math
import sys
from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri

from quant.bars import Floats
from quant.errors import QuantError, TooShort
from quant.rows import finite_rows

EULER: Final = float(np.euler_gamma)


def annualised_return(log_returns: Floats, *, sessions_per_year: int) -> float:
    """Compound growth a year, as a simple return, of per-session log returns (n,); NaN rows are left out."""
    (log_returns,) = finite_rows(log_returns)
    return math.expm1(float(log_returns.mean()) * sessions_per_year)


def annualised_volatility(log_returns: Floats, *, sessions_per_year: int) -> float:
    """Standard deviation (n - 1) of per-session log returns (n,), times sqrt(sessions a year); NaN rows left out."""
    return _deviation(_at_least_two(log_returns)) * math.sqrt(sessions_per_year)


def sharpe(log_returns: Floats, *, sessions_per_year: int) -> float:
    """Annualised mean over volatility of per-session log returns, the riskless rate taken as 0; 0 without volatility.

    References
    ----------
    Sharpe (1994), The Sharpe ratio.
    """
    return _sharpe_per_session(_at_least_two(log_returns)) * math.sqrt(sessions_per_year)


def probabilistic_sharpe(log_returns: Floats, *, benchmark_sharpe_per_session: float) -> float:
    """How sure one may be that the true Sharpe ratio is above a benchmark's, given skew, fat tails and few sessions.

    Parameters
    ----------
    log_returns : (n,) float64
        Per session, n at least 2; taken as independent of each other. NaN rows are left out.
    benchmark_sharpe_per_session : float
        Not annualised: mean over volatility of a single session.

    Returns
    -------
    float in [0, 1]
        0.5 for a Sharpe ratio equal to the benchmark; 0 without volatility.

    References
    ----------
    Bailey & Lopez de Prado (2012), The Sharpe ratio efficient frontier.
    """
    if not math.isfinite(benchmark_sharpe_per_session):
        raise QuantError(f"benchmark_sharpe_per_session: expected finite, got {benchmark_sharpe_per_session}")
    log_returns = _at_least_two(log_returns)
    if _deviation(log_returns) == 0:
        return 0.0
    ratio = _sharpe_per_session(log_returns)
    scaled = (log_returns - log_returns.mean()) / log_returns.std()
    skew, kurtosis = float(np.mean(scaled**3)), float(np.mean(scaled**4))
    # The ratio's variance times n - 1. Never negative, since kurtosis >= 1 + skew^2, but rounding doesn't know that.
    spread = max(1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio**2, sys.float_info.min)
    above = ratio - benchmark_sharpe_per_session
    return float(ndtr(above * math.sqrt(len(log_returns) - 1) / math.sqrt(spread)))


def expected_maximum_sharpe(*, trials: int, trial_sharpe_variance: float) -> float:
    """The best Sharpe ratio per session to expect of `trials` strategies without any skill; 0 for a single one.

    An approximation for many independent trials, 8 % too low for two. Trials that resemble each other count for
    fewer, so that their full number errs on the careful side.

    Parameters
    ----------
    trials : int
        Strategies tried, those that were dropped included; at least 1.
    trial_sharpe_variance : float
        Variance of their Sharpe ratios per session (not annualised), at least 0.

    References
    ----------
    Bailey & Lopez de Prado (2014), The deflated Sharpe ratio.
    """
    if trials < 1:
        raise QuantError(f"trials: expected at least 1, got {trials}")
    if not 0 <= trial_sharpe_variance < math.inf:
        raise QuantError(f"trial_sharpe_variance: expected finite and at least 0, got {trial_sharpe_variance}")
    if trials == 1:
        return 0.0
    # Upper quantiles by the lower tail's: 1 - 1/trials would lose its digits where there are many trials.
    quantiles = -ndtri(np.array([1.0 / trials, 1.0 / (trials * math.e)]))
    return math.sqrt(trial_sharpe_variance) * float((1.0 - EULER) * quantiles[0] + EULER * quantiles[1])


def trial_variance(sharpes_per_session: Floats, *, sessions: int) -> float:
    """Variance of trials' Sharpe ratios for `expected_maximum_sharpe`, on the careful side.

    Parameters
    ----------
    sharpes_per_session : (K,) float64
        Of the trials that are there to look at, not annualised.
    sessions : int
        That each is of; at least 2.

    Returns
    -------
    float
        What they scatter by or, if that is more, the ``1 / (sessions - 1)`` that ratios without skill scatter by (Lo
        2002). Strategies that hold the same assets move together and scatter by far less than independent ones.
    """
    if sessions < 2:
        raise TooShort(f"sessions: expected at least 2, got {sessions}")
    by_luck = 1.0 / (sessions - 1)
    return max(float(np.var(sharpes_per_session, ddof=1)), by_luck) if len(sharpes_per_session) > 1 else by_luck


def deflated_sharpe(log_returns: Floats, *, trials: int, trial_sharpe_variance: float) -> float:
    """How sure one may be of skill when the strategy is the best of `trials` that were tried, in [0, 1].

    `probabilistic_sharpe` against `expected_maximum_sharpe`, whose arguments these are; against 0 for a single trial.

    References
    ----------
    Bailey & Lopez de Prado (2014), The deflated Sharpe ratio.
    """
    best = expected_maximum_sharpe(trials=trials, trial_sharpe_variance=trial_sharpe_variance)
    return probabilistic_sharpe(log_returns, benchmark_sharpe_per_session=best)


def maximum_drawdown(log_returns: Floats) -> float:
    """Largest fall from a peak of the equity curve, as a share of the peak in [0, 1]; NaN rows are left out."""
    (log_returns,) = finite_rows(log_returns)
    curve = np.concatenate([[0.0], np.cumsum(log_returns)])
    return -math.expm1(float(np.min(curve - np.maximum.accumulate(curve))))


def hit_rate(trade_returns: Floats) -> float:
    """Share of trades (n,) that gained; one that broke even did not. NaN, a trade still open, is left out."""
    (trade_returns,) = finite_rows(trade_returns)
    return float(np.mean(trade_returns > 0))


def turnover(position: Floats, *, sessions_per_year: int) -> float:
    """Capital traded a year, as a multiple of capital: the changes of position (n,), entering from nothing included.

    From all in to all out is 1, from long to short 2. What is still held at the end is not counted as sold.
    """
    (position,) = finite_rows(position)
    traded = float(np.abs(np.diff(position, prepend=0.0)).sum())
    return traded / len(position) * sessions_per_year


def exposure(position: Floats) -> float:
    """Mean of the absolute position (n,), as a share of capital: 1 is always all in, long or short."""
    (position,) = finite_rows(position)
    return float(np.abs(position).mean())


def _at_least_two(log_returns: Floats) -> Floats:
    (log_returns,) = finite_rows(log_returns)
    if len(log_returns) < 2:
        raise TooShort(f"log_returns: expected at least 2, got {len(log_returns)}")
    return log_returns


def _deviation(log_returns: Floats) -> float:
    # Equal returns differ from their rounded mean by a last bit, and over that bit a Sharpe ratio would be 1e16.
    return 0.0 if log_returns.min() == log_returns.max() else float(log_returns.std(ddof=1))


def _sharpe_per_session(log_returns: Floats) -> float:
    deviation = _deviation(log_returns)
    return float(log_returns.mean()) / deviation if deviation > 0 else 0.0
