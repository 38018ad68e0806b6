"""What each strategy holds, from what was known; which settings came before any result, docs/portfolio.md tells.

Those made of other strategies' records are `combination`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from quant.bars import Floats
from quant.constraints import Constraints, long_only
from quant.costs import BASIS_POINTS
from quant.errors import Infeasible
from quant.moments import ledoit_wolf, mean_by_sharpe
from quant.portfolio import equal_weight, maximum_sharpe, minimum_variance, risk_budgeting
from quant.views import Views, implied_returns, posterior
from release.portfolio import Strategy

# No weight above it, or above twice its equal share where tickers are few: estimates of a single one are that unsure.
CAP: Final = 0.2
# How far the true annual Sharpe ratios of single stocks are taken to scatter.
SHARPE_SCATTER: Final = 0.2
# The return that the market is taken to ask for per variance, a year, and how unsure that is (He & Litterman 1999).
RISK_AVERSION: Final = 2.5
TAU: Final = 0.05
# Momentum: correlation of score and return, by the month (Grinold 1994); a year's return but its last month's.
INFORMATION: Final = 0.05
MOST_SCORE: Final = 2.5
# Of the past year's log returns: below it tickers differ by rounding only, which no score may blow up.
LEAST_SPREAD: Final = 1e-9
MOMENTUM_FROM: Final = 252
MOMENTUM_TO: Final = 21
MONTHS: Final = 12

MEMBERS: Final = (
    Strategy.EQUAL_WEIGHT,
    Strategy.MINIMUM_VARIANCE,
    Strategy.MAXIMUM_SHARPE,
    Strategy.MAXIMUM_DIVERSIFICATION,
    Strategy.RISK_BUDGETING,
    Strategy.HIERARCHICAL_RISK_PARITY,
    Strategy.MOMENTUM,
    Strategy.BLACK_LITTERMAN,
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Situation:
    """What is known when weights are chosen.

    Attributes
    ----------
    returns : (T, N) float64
        Simple, per session, up to now.
    sessions_per_year : int
    sessions_held : int
        Until the next rebalance.
    cost_bp : float
        Of what is traded, a side.
    views : Views, optional
        On annual expected returns. None leaves `BLACK_LITTERMAN` out; with views on no one it holds its prior.
    held : dict of (N,) float64
        What each strategy holds now; one that holds nothing yet pays nothing to begin.
    """

    returns: Floats
    sessions_per_year: int
    sessions_held: int
    cost_bp: float
    views: Views | None = None
    held: Mapping[Strategy, Floats] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """Annualised estimates (N,) and (N, N); `mean` is shrunk by Sharpe ratios."""

    mean: Floats
    covariance: Floats

    @classmethod
    def of(cls, returns: Floats, *, sessions_per_year: int) -> Estimates:
        """Of simple returns (T, N): Ledoit and Wolf's covariance, and a mean that hardly tells tickers apart."""
        covariance, _ = ledoit_wolf(returns)
        scatter = SHARPE_SCATTER / np.sqrt(sessions_per_year)
        mean = mean_by_sharpe(returns, deviation=np.sqrt(np.diag(covariance)), scatter=scatter)
        return cls(mean * sessions_per_year, covariance * sessions_per_year)


def allocate(situation: Situation) -> tuple[dict[Strategy, Floats], list[str]]:
    """The members' weights (N,) by strategy, and what a person should know of how they came about."""
    estimates = Estimates.of(situation.returns, sessions_per_year=situation.sessions_per_year)
    mean, covariance, assets = estimates.mean, estimates.covariance, len(estimates.mean)
    notes: list[str] = []

    capped = long_only(assets, upper=max(CAP, min(2.0 / assets, 1.0)))

    def best(strategy: Strategy, expected: Floats, risk: Floats) -> Floats:
        try:
            return maximum_sharpe(expected, risk, _with_costs(capped, strategy, situation))
        except Infeasible as error:
            notes.append(f"{strategy.value} holds the minimum variance: {error}")
            return minimum_variance(covariance, capped)

    parity = risk_budgeting(covariance)
    prior = implied_returns(parity, covariance, risk_aversion=RISK_AVERSION)
    weights = {
        Strategy.EQUAL_WEIGHT: equal_weight(assets),
        Strategy.MINIMUM_VARIANCE: minimum_variance(covariance, capped),
        Strategy.MAXIMUM_SHARPE: best(Strategy.MAXIMUM_SHARPE, mean, covariance),
        Strategy.MAXIMUM_DIVERSIFICATION: maximum_sharpe(np.sqrt(np.diag(covariance)), covariance, capped),
        Strategy.RISK_BUDGETING: parity,
        Strategy.HIERARCHICAL_RISK_PARITY: hierarchical_risk_parity(situation.returns),
    }
    for strategy, views in (
        (Strategy.MOMENTUM, momentum(situation.returns, prior, covariance)),
        (Strategy.BLACK_LITTERMAN, situation.views),
    ):
        if views is not None:
            after = posterior(prior, covariance, views, tau=TAU)
            weights[strategy] = best(strategy, after.mean, after.covariance)
    return weights, notes


def _with_costs(constraints: Constraints, strategy: Strategy, situation: Situation) -> Constraints:
    """The constraints with what leaving the present weights costs, as an annual return given up."""
    held = situation.held.get(strategy)
    if held is None:
        return constraints
    yearly = situation.cost_bp / BASIS_POINTS * situation.sessions_per_year / situation.sessions_held
    return replace(constraints, held=held, cost=np.full(constraints.assets, yearly))


def momentum(returns: Floats, prior: Floats, covariance: Floats) -> Views:
    """Views that past winners go on to win: the prior, and what a score of the past year's return adds to it.

    References
    ----------
    Jegadeesh & Titman (1993), Returns to buying winners and selling losers.
    Grinold (1994), Alpha is volatility times IC times score.
    """
    past = np.log1p(returns[-MOMENTUM_FROM : len(returns) - MOMENTUM_TO]).sum(axis=0)
    spread = float(past.std())
    alike = spread < LEAST_SPREAD
    score = np.zeros(len(past)) if alike else np.clip((past - past.mean()) / spread, -MOST_SCORE, MOST_SCORE)
    deviation = np.sqrt(np.diag(covariance))
    added = MONTHS * INFORMATION * score * deviation / np.sqrt(MONTHS)
    return Views.absolute(prior + added, TAU * deviation**2)


def hierarchical_risk_parity(returns: Floats) -> Floats:
    """Weights (N,) by skfolio, with its defaults: the risk of ever smaller clusters made equal.

    References
    ----------
    Lopez de Prado (2016), Building diversified portfolios that outperform out of sample.
    """
    if returns.shape[1] == 1:
        return np.ones(1)
    from skfolio.optimization import HierarchicalRiskParity  # not at import: a second and a half

    weights: Floats = np.array(HierarchicalRiskParity().fit(returns).weights_, dtype=np.float64)
    weights /= weights.sum()
    return weights
