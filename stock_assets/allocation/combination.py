"""What is made of the members' own records: how far each is believed, and how much of it all is held.

A fixed rule, not a fit: it has nothing to tune on the records that it reads.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quant.bars import Floats

# The risk a year at which the members are compared, and to which the book is held.
TARGET: Final = 0.15
# Sessions of record before which all members are believed alike, and the half-life in which volatility is forgotten.
LEAST_RECORD: Final = 252
HALF_LIFE: Final = 21


def beliefs(returns: Floats, *, sessions_per_year: int, known: np.ndarray) -> Floats:
    """How far each member is believed at R moments, (R, K); rows sum to one.

    A member's belief is proportional to what one unit would have become in logs, had all run at the same risk:
    ``exp(years * TARGET * Sharpe ratio)``. That is Bayes' rule from equal beliefs, if a member's wealth is its
    likelihood (Cover's universal portfolio over strategies instead of weights), so there is no rate to tune.

    Parameters
    ----------
    returns : (n, K) float64
        The members' simple returns per session, out of sample and net of costs.
    sessions_per_year : int
    known : (R,) int
        How many of the sessions were over at each moment. With fewer than `LEAST_RECORD` beliefs are equal.

    References
    ----------
    Cover (1991), Universal portfolios.
    """
    sessions = np.arange(1, len(returns) + 1)[:, None]
    mean = np.cumsum(returns, axis=0) / sessions
    square = np.cumsum(returns**2, axis=0) / sessions
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    ratio = np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > 0)
    wealth = sessions / sessions_per_year * TARGET * ratio * np.sqrt(sessions_per_year)
    belief = np.full((len(known), returns.shape[1]), 1.0 / returns.shape[1])
    enough = known >= LEAST_RECORD
    log_belief = wealth[known[enough] - 1]
    likelihood = np.exp(log_belief - log_belief.max(axis=1, keepdims=True, initial=-np.inf))
    belief[enough] = likelihood / likelihood.sum(axis=1, keepdims=True)
    return belief


def share_at_target(weights: Floats, returns: Floats, *, sessions_per_year: int) -> float:
    """How much of the weights (N,) to hold so that their volatility is `TARGET` a year: 1 at most, the rest is cash.

    Volatility is that of the weights over past simple returns (T, N), the newer the more: exponentially weighted with
    `HALF_LIFE`, about zero. Without a past all is held.
    """
    if not len(returns):
        return 1.0
    book = returns @ weights
    decay = 0.5 ** (np.arange(len(book))[::-1] / HALF_LIFE)
    variance = float(decay @ book**2) / float(decay.sum()) * sessions_per_year
    return 1.0 if variance <= TARGET**2 else TARGET / float(np.sqrt(variance))
