"""Budgets of risk where no constraint binds; within constraints they are `quant.portfolio.risk_budgeting`'s."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from quant.bars import Floats
from quant.constraints import Ints
from quant.moments import FactorModel
from quant.problem import Risk

# 5 to 500 assets took 6 to 20, more only where the risk can all but be hedged away.
NEWTON_STEPS: Final = 100


def meeting_budgets(risk: Risk, budgets: Floats, among: Ints) -> Floats | None:
    """Weights (N,) in any scale that meet budgets of risk where no constraint binds; None if there are none.

    Spinu's problem by Newton's method: minimise ``x' R x / 2 - share @ log(x)`` over weights x in units of each asset's
    volatility, R the correlations. Exact to rounding, which the program's exponential cones are not.
    """
    covariance = (risk.covariance() if isinstance(risk, FactorModel) else risk)[np.ix_(among, among)]
    deviation = np.sqrt(np.diag(covariance))
    if not len(among) or (deviation == 0).any():
        return None
    # In units of the least share the objective is self-concordant: near the optimum, whole steps are safe.
    correlation, share = covariance / deviation / deviation[:, None], budgets[among] / budgets[among].min()

    def objective(x: Floats) -> float:
        return float(x @ correlation @ x / 2 - share @ np.log(x))

    x = np.sqrt(share / max(float(correlation.mean(axis=1) @ np.sqrt(share)), 1e-8) / len(among))
    for _ in range(NEWTON_STEPS):
        gradient = correlation @ x - share / x
        try:
            step = cho_solve(cho_factor(correlation + np.diag(share / x**2)), gradient)
        except np.linalg.LinAlgError:
            return None
        decrement = float(gradient @ step)
        length = min(1.0, 0.9 / max(float((step / x).max()), 0.9))
        while decrement > 0.05 and objective(x - length * step) > objective(x) - 0.1 * length * decrement:
            length /= 2
        x = x - length * step
        if decrement < 1e-20 * share.sum():
            weights = np.zeros(len(budgets))
            weights[among] = x / deviation
            return weights
    return None
