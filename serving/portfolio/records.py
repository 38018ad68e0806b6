"""What the portfolio's answers look like. Returns are simple ones, annualised; weights go by ticker.

What a client may send is in `serving.portfolio.requests`.
"""

from __future__ import annotations

import enum

import msgspec

from release.manifest import Refusal
from release.portfolio import FrontierPoint, PortfolioPerformance, Strategy, Stress, Tail
from serving.portfolio.requests import Objective


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


class Source(enum.Enum):
    """Where an estimate or a price is from."""

    CLIENT = "client"
    LIVE = "live"
    RELEASE = "release"


class Estimates(msgspec.Struct, frozen=True, kw_only=True):
    """Where the estimates are from; `release_id` and `data_through` where any is the release's.

    `expected_return` is null where nobody knows it and the objective doesn't need it. `repaired` is how far the
    correlations that came were from the nearest ones that can be, relative to their norm; null if they can be.
    """

    expected_return: Source | None
    covariance: Source
    release_id: str | None
    data_through: str | None
    repaired: float | None


class OptimizedWeights(msgspec.Struct, frozen=True, kw_only=True):
    """The best weights by ticker, `cash` beside them, and what they are by the estimates that chose them.

    Annualised and in sample, before costs; the Sharpe ratio is null without an expected return or a volatility.
    `turnover` and `cost`, paid once, are shares of the book from `held`; null where that or `cost_bp` is missing.
    """

    objective: Objective
    weights: dict[str, float]
    cash: float
    expected_return_in_sample: float | None
    volatility_in_sample: float
    sharpe_in_sample: float | None
    risk_contributions: dict[str, float]
    effective_number: float
    turnover: float | None
    cost: float | None
    estimates: Estimates


class Side(enum.Enum):
    """Of an order."""

    BUY = "BUY"
    SELL = "SELL"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Whole lots to buy or sell at `price`, or about it: `notional` is of that price, `cost` beside it."""

    ticker: str
    side: Side
    shares: float
    price: float
    notional: float
    cost: float


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A ticker before and after the orders; weights are of the book's value at that time, `target` is aimed at."""

    ticker: str
    price: float
    price_source: Source
    shares_before: float
    shares_after: float
    weight_before: float
    weight_after: float
    target: float


class Method(enum.Enum):
    """How orders were found; `quant.rebalance`'s words."""

    OPTIMAL = "optimal"
    TIME_LIMIT = "time_limit"
    GREEDY = "greedy"


class RebalancePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Orders, and the book before and after them. Amounts are in the currency of the prices, risk is annualised.

    `strategy` is null for a target of the client's own. `turnover` is what is traded as a share of the value before.
    `method` is `optimal`: proved; `time_limit`: the best until time ran out; `greedy`: good, without proof. `gap` is
    how much nearer to the target, as a share of the value, other orders could be at most; null if unknown. `limited`
    says that turnover or the minimum order kept the book further away. Tracking errors and volatilities are null
    where something is held that the release has no covariance of; `notes` say so.
    """

    release_id: str
    data_through: str | None
    strategy: Strategy | None
    orders: tuple[Order, ...]
    positions: tuple[Position, ...]
    cash_before: float
    cash_after: float
    value_before: float
    value_after: float
    cost: float
    turnover: float
    tracking_error_before: float | None
    tracking_error_after: float | None
    volatility_before: float | None
    volatility_after: float | None
    method: Method
    gap: float | None
    limited: bool
    notes: tuple[str, ...]
