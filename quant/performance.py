"""Scores of a strategy: of its returns, session by session. Plain functions of arrays.

Trading, and what trading costs, do not belong here: returns come net of whatever was paid.
"""

from __future__ import annotations

import math

import numpy as np

from quant.bars import Floats
from quant.errors import TooShort
from quant.rows import finite_rows


def annualised_return(log_returns: Floats, *, sessions_per_year: int) -> float:
    """Compound growth a year, as a simple return, of per-session log returns (n,); NaN rows are left out."""
    (log_returns,) = finite_rows(log_returns)
    return math.expm1(float(log_returns.mean()) * sessions_per_year)


def annualised_volatility(log_returns: Floats, *, sessions_per_year: int) -> float:
    """Standard deviation (n - 1) of per-session log returns (n,), times sqrt(sessions a year); NaN rows left out."""
    (log_returns,) = finite_rows(log_returns)
    if len(log_returns) < 2:
        raise TooShort(f"log_returns: expected at least 2, got {len(log_returns)}")
    return float(log_returns.std(ddof=1)) * math.sqrt(sessions_per_year)


def sharpe(log_returns: Floats, *, sessions_per_year: int) -> float:
    """Annualised mean over volatility of per-session log returns, the riskless rate taken as 0; 0 without volatility.

    References
    ----------
    Sharpe (1994), The Sharpe ratio.
    """
    volatility = annualised_volatility(log_returns, sessions_per_year=sessions_per_year)
    (log_returns,) = finite_rows(log_returns)
    mean = float(log_returns.mean()) * sessions_per_year
    return mean / volatility if volatility > 0 else 0.0


def maximum_drawdown(log_returns: Floats) -> float:
    """Largest fall from a peak of the equity curve, as a share of the peak in [0, 1]; NaN rows are left out."""
    (log_returns,) = finite_rows(log_returns)
    curve = np.concatenate([[0.0], np.cumsum(log_returns)])
    return -math.expm1(float(np.min(curve - np.maximum.accumulate(curve))))
