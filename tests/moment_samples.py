"""Returns of a market that moves together, and what tells a covariance from a matrix that is none."""

from __future__ import annotations

import numpy as np

from quant.moments import correlation


def market_returns(seed: int, assets: int, sessions: int = 120) -> np.ndarray:
    rng = np.random.default_rng(seed)
    market = rng.normal(0.0004, 0.01, (sessions, 1))
    own = rng.normal(0.0, rng.uniform(0.005, 0.02, assets), (sessions, assets))
    return market * rng.uniform(0.5, 1.5, assets) + own + rng.normal(0.0002, 0.0002, assets)


def least_eigenvalue(covariance: np.ndarray) -> float:
    return float(np.linalg.eigvalsh(correlation(covariance))[0])
