"""Walks of all members by their own rules, without Dagster and without a lake: what evidence is made of."""

from __future__ import annotations

import numpy as np

from release.portfolio import Strategy
from stock_assets.allocation.panel import LOOKBACK, Steps
from stock_assets.allocation.strategies import Situation, allocate
from stock_assets.allocation.walk import Decision, Walk, past_of, walk

YEAR = 252


def by_rules(returns: np.ndarray, rows: np.ndarray, *, cost_bp: float) -> Walk:
    """Traded at the start of some rows of simple returns (T, N), from what the two years before had shown."""
    held: dict[Strategy, np.ndarray] = {}
    made = []
    for row, end in zip(rows, np.append(rows[1:], len(returns)), strict=True):
        seen = Situation(
            returns=returns[row - LOOKBACK : row],
            sessions_per_year=YEAR,
            sessions_held=21,
            cost_bp=cost_bp,
            held=held,
        )
        weights, _ = allocate(seen)
        grown = np.prod(1.0 + returns[row:end], axis=0)
        held = {strategy: of * grown / (of @ grown) for strategy, of in weights.items()}
        made.append(Decision(int(row), weights, past_of(returns, int(row))))
    return walk(Steps(returns, np.arange(len(returns))), made, cost_bp=cost_bp, sessions_per_year=YEAR)
