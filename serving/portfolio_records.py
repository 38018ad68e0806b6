"""What the portfolio's answers look like. Returns are simple ones, annualised; weights go by ticker.

What a client may send is in `serving.portfolio_requests`.
"""

from __future__ import annotations

import msgspec

from release.manifest import Refusal
from release.portfolio import FrontierPoint, PortfolioPerformance, Strategy, Stress, Tail


class StrategyWeights(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy's weights with their risk; weights and `cash` sum to one, `risk_contributions` do too.

    The estimates are annualised and in sample: they chose the weights. `effective_number` is of positions, `tails` are
    of one session, `stress` is what today's weights would have lost in the worst times of the tickers' history.
    """

    strategy: Strategy
    weights: dict[str, float]
    cash: float
    expected_return_in_sample: float
    volatility_in_sample: float
    risk_contributions: dict[str, float]
    effective_number: float
    tails: tuple[Tail, ...]
    stress: tuple[Stress, ...]


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """The week's allocations, one a strategy, and which of them is the champion and why.

    `week` is the Sunday it begins with, `data_through` the last session that the estimates saw; `left_out` are tickers
    of the release that are in no allocation.
    """

    release_id: str
    week: str
    data_through: str
    champion: Strategy
    why: str
    tickers: tuple[str, ...]
    left_out: tuple[Refusal, ...]
    allocations: tuple[StrategyWeights, ...]


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """Annualised volatility of each ticker's return, and their covariance row by row in the order of `tickers`."""

    release_id: str
    week: str
    data_through: str
    tickers: tuple[str, ...]
    volatility: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]


class Correlation(msgspec.Struct, frozen=True, kw_only=True):
    """Correlation of returns, row by row in the order of `tickers`.

    `cluster_order` has the same tickers, those that move together side by side: the order to draw the matrix in.
    """

    release_id: str
    week: str
    data_through: str
    tickers: tuple[str, ...]
    correlation: tuple[tuple[float, ...], ...]
    cluster_order: tuple[str, ...]


class StrategyPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a strategy's weights lie by the frontier's estimates, which may not be those that chose them."""

    strategy: Strategy
    expected_return_in_sample: float
    volatility_in_sample: float


class Frontier(msgspec.Struct, frozen=True, kw_only=True):
    """The efficient frontier from least variance to highest expected return, and where the strategies lie beside it.

    Annualised and in sample. A point's weights are in the order of `tickers`, whose own estimates stand beside them.
    """

    release_id: str
    week: str
    data_through: str
    tickers: tuple[str, ...]
    expected_return_in_sample: tuple[float, ...]
    volatility_in_sample: tuple[float, ...]
    points: tuple[FrontierPoint, ...]
    strategies: tuple[StrategyPoint, ...]


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """How each strategy has fared out of sample, net of costs, beside equal weights and what was bought and held.

    `champion` is the strategy in force; `record.champion` is of the book that held each week's own champion.
    """

    release_id: str
    week: str
    data_through: str
    champion: Strategy
    why: str
    record: PortfolioPerformance
