"""What a release says of the portfolio: allocations with their risk, the frontier, and how each strategy has fared.

Typed records, as `release.manifest` has them for tickers, and whether their parts fit each other. Returns are simple
ones; what is annualised says so. Estimates that chose the weights are in sample and named so; everything under
`PortfolioPerformance` is out of sample.
"""

from __future__ import annotations

import enum
import math

import msgspec

from release.errors import BadRelease
from release.manifest import Refusal

# How far weights may miss what they sum to: what a solver leaves, and then some.
ROUNDING = 1e-6


class Strategy(enum.Enum):
    """How weights are chosen; all are long only, and all but the last fully invested.

    The last two are made of the others: `COMBINATION` holds each by the evidence for it so far, and `TARGET_VOLATILITY`
    holds as much of the combination as keeps the book's volatility at a target, the rest in cash.
    """

    EQUAL_WEIGHT = "equal_weight"
    MINIMUM_VARIANCE = "minimum_variance"
    MAXIMUM_SHARPE = "maximum_sharpe"
    MAXIMUM_DIVERSIFICATION = "maximum_diversification"
    RISK_BUDGETING = "risk_budgeting"
    HIERARCHICAL_RISK_PARITY = "hierarchical_risk_parity"
    MOMENTUM = "momentum"
    BLACK_LITTERMAN = "black_litterman"
    COMBINATION = "combination"
    TARGET_VOLATILITY = "target_volatility"


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """Loss in one session that is passed with probability 1 - `level`, and the mean loss beyond it; positive is a loss.

    Of today's weights: by the sessions that the estimates saw, and by a normal distribution, whose tails are thinner.
    """

    level: float
    historical_var: float
    historical_cvar: float
    normal_var: float
    normal_cvar: float


class Stress(msgspec.Struct, frozen=True, kw_only=True):
    """The worst time of so many `sessions` for today's weights, `first` to `last` (ISO dates), as shares lost.

    Over the whole history that the tickers share, holding the weights fixed; `equal_weight` lost so much meanwhile.
    """

    sessions: int
    first: str
    last: str
    loss: float
    equal_weight: float


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy's weights in the order of `Portfolio.tickers`; what they don't sum to is cash.

    Attributes
    ----------
    weights : tuple of float
    expected_return_in_sample, volatility_in_sample : float
        Annualised, by the estimates that chose the weights.
    risk_contributions : tuple of float
        Each ticker's share of the variance; they sum to one.
    effective_number : float
        Of positions: one over the sum of squared shares.
    tails : tuple of Tail
    stress : tuple of Stress
    """

    weights: tuple[float, ...]
    expected_return_in_sample: float
    volatility_in_sample: float
    risk_contributions: tuple[float, ...]
    effective_number: float
    tails: tuple[Tail, ...]
    stress: tuple[Stress, ...]

    @property
    def cash(self) -> float:
        """The share that is in no ticker."""
        return 1.0 - sum(self.weights)


class FrontierPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Weights of least variance for an expected return; annualised and in sample."""

    expected_return: float
    volatility: float
    weights: tuple[float, ...]


class StrategyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How a strategy has fared out of sample, net of costs, with weights that drift between rebalances.

    Attributes
    ----------
    annualised_return, annualised_volatility : float
    sharpe, sharpe_lower_95, sharpe_upper_95 : float
        Annualised, riskless rate 0; the interval allows for autocorrelation and fat tails (Ledoit & Wolf 2008).
    probabilistic_sharpe, deflated_sharpe : float
        How sure one may be that the true ratio is above 0, and above what the best of all strategies tried would have
        reached by luck.
    sharpe_over_equal_weight, p_equal_weight : float
        Difference of the Sharpe ratios on the same sessions, and the one-sided p value that it is not above 0.
    maximum_drawdown : float
        Share lost from a peak.
    turnover : float
        Share of the book traded in a year, purchases and sales counted each.
    effective_number : float
        Of positions, on average.
    total_cost_bp : float
        All costs, basis points of the book at the time.
    equity : tuple of float
        What 1 became, at `PortfolioPerformance.sessions_shown`.
    """

    annualised_return: float
    annualised_volatility: float
    sharpe: float
    sharpe_lower_95: float
    sharpe_upper_95: float
    probabilistic_sharpe: float
    deflated_sharpe: float
    sharpe_over_equal_weight: float
    p_equal_weight: float
    maximum_drawdown: float
    turnover: float
    effective_number: float
    total_cost_bp: float
    equity: tuple[float, ...]


class PortfolioPerformance(msgspec.Struct, frozen=True, kw_only=True):
    """The walk-forward: each week's weights, made of what was known by its end, traded at the next open.

    Attributes
    ----------
    first, last : str
        ISO dates of the sessions scored.
    sessions, weeks, trials : int
        Sessions scored, rebalances, and strategies tried, which the deflated Sharpe ratios were told.
    cost_bp : float
        Of what is traded, a side.
    strategies : dict of StrategyRecord
    champion : StrategyRecord
        Of the book that held, each week, the strategy that was champion by what was known then: no hindsight in it.
    buy_and_hold : StrategyRecord
        Equal amounts bought once.
    sessions_shown : tuple of str
        ISO dates of the points of the equity curves.
    champions : dict of str
        Since when (ISO date) which strategy was champion.
    """

    first: str
    last: str
    sessions: int
    weeks: int
    trials: int
    cost_bp: float
    strategies: dict[Strategy, StrategyRecord]
    champion: StrategyRecord
    buy_and_hold: StrategyRecord
    sessions_shown: tuple[str, ...]
    champions: dict[str, Strategy]


class Portfolio(msgspec.Struct, frozen=True, kw_only=True):
    """A week's allocations, the risk they were made from, and which of them is the champion and why.

    Attributes
    ----------
    week : str
        The Sunday it begins with (ISO date).
    data_through : str
        The last session that the estimates saw.
    tickers : tuple of str
        The order of everything below.
    left_out : tuple of Refusal
        Tickers of the release that are in no allocation, and why.
    champion : Strategy
    why : str
        The evidence, in a sentence.
    allocations : dict of Allocation
    close : tuple of float
        As traded, at the last session.
    expected_return : tuple of float
        Annualised, shrunk; what `frontier` was made of.
    covariance, correlation : tuple of tuple of float
        Annualised, and unitless.
    cluster_order : tuple of int
        Tickers that move together side by side: a permutation of their positions.
    frontier : tuple of FrontierPoint
        From least variance to highest expected return.
    performance : PortfolioPerformance, optional
        None while there are too few weeks.
    """

    week: str
    data_through: str
    tickers: tuple[str, ...]
    left_out: tuple[Refusal, ...]
    champion: Strategy
    why: str
    allocations: dict[Strategy, Allocation]
    close: tuple[float, ...]
    expected_return: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    correlation: tuple[tuple[float, ...], ...]
    cluster_order: tuple[int, ...]
    frontier: tuple[FrontierPoint, ...]
    performance: PortfolioPerformance | None


def check(portfolio: Portfolio, *, file: str) -> Portfolio:
    """The portfolio itself, if its parts fit each other.

    Raises
    ------
    BadRelease
        Naming the first part that is not of as many tickers as there are, or holds more than the book.
    """
    tickers = len(portfolio.tickers)
    rows = {
        "close": portfolio.close,
        "expected_return": portfolio.expected_return,
        "cluster_order": portfolio.cluster_order,
        "covariance": portfolio.covariance,
        "correlation": portfolio.correlation,
    }
    rows |= {f"covariance[{k}]": row for k, row in enumerate(portfolio.covariance)}
    rows |= {f"correlation[{k}]": row for k, row in enumerate(portfolio.correlation)}
    rows |= {f"frontier[{k}].weights": point.weights for k, point in enumerate(portfolio.frontier)}
    for strategy, allocation in portfolio.allocations.items():
        rows[f"allocations.{strategy.value}.weights"] = allocation.weights
        rows[f"allocations.{strategy.value}.risk_contributions"] = allocation.risk_contributions
    for name, row in rows.items():
        if len(row) != tickers:
            raise BadRelease(f"{file} {name}: expected {tickers}, one a ticker, got {len(row)}")
    if sorted(portfolio.cluster_order) != list(range(tickers)):
        raise BadRelease(f"{file} cluster_order: expected a permutation of the tickers, got {portfolio.cluster_order}")
    if portfolio.champion not in portfolio.allocations:
        raise BadRelease(f"{file} champion: expected one of the allocations, got {portfolio.champion.value}")
    for strategy, allocation in portfolio.allocations.items():
        held = math.fsum(allocation.weights)
        if min(allocation.weights, default=0.0) < -ROUNDING or held > 1.0 + ROUNDING:
            where = f"{file} allocations.{strategy.value}"
            raise BadRelease(f"{where}: expected weights of 0 or more that sum to 1 at most, got {held:.9g}")
    return portfolio
