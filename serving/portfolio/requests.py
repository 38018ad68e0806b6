"""What a client may ask of the portfolio: weights for an objective, and orders for what it holds.

Shapes and types only; what fits together is checked in `optimizing` and `rebalancing` beside it.
"""

from __future__ import annotations

import enum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from release.portfolio import Strategy

MAX_TICKERS: Final = 500
MAX_GROUPS: Final = 100
# A covariance of 500 tickers with 17 digits an entry takes some 6 MB.
MAX_OPTIMIZE_BYTES: Final = 8 * 1024 * 1024
MAX_REBALANCE_BYTES: Final = 256 * 1024

Ticker = Annotated[str, Meta(min_length=1, max_length=32)]
ByTicker = dict[str, float]


class Objective(enum.Enum):
    """What makes weights the best; all but `equal_weight` within the constraints.

    `target_volatility` is the greatest expected return at most so volatile, `target_return` the least variance that
    earns as much, `maximum_diversification` the greatest sum of volatilities per volatility of the whole.
    """

    EQUAL_WEIGHT = "equal_weight"
    MINIMUM_VARIANCE = "minimum_variance"
    MAXIMUM_SHARPE = "maximum_sharpe"
    MAXIMUM_DIVERSIFICATION = "maximum_diversification"
    MAXIMUM_UTILITY = "maximum_utility"
    TARGET_VOLATILITY = "target_volatility"
    TARGET_RETURN = "target_return"
    RISK_BUDGETING = "risk_budgeting"


class GroupLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Tickers that count together, such as a sector: the sum of their weights stays between the bounds."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    tickers: tuple[Ticker, ...]
    lower: float | None = None
    upper: float | None = None


class OptimizeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An objective and what its weights have to keep to. Weights are shares of the book, estimates annualised.

    Without `tickers` they are the portfolio's. `risk_aversion` (per year), `target_volatility`, `target_return` and
    `budgets` (shares of the variance, by ticker) each belong to the objective that needs it. `lower` and `upper` are
    one number for all, or by ticker with 0 and 1 for those left out. `net` is the sum of weights, or its bounds:
    ``[0, 1]`` may leave cash. `turnover` bounds the sum of what is bought and sold from `held`, weights by ticker.
    `cost_bp`, of what is traded, is taken from the expected return as if paid once in `holding_days` sessions, where
    the objective has an expected return. Positions under `smallest`, or more than `most`, are dropped and the rest
    solved again.

    `expected_return` by ticker and `covariance`, row by row in the order of `tickers`, take the place of the release's.
    """

    objective: Objective
    tickers: Annotated[tuple[Ticker, ...], Meta(extra_json_schema={"maxItems": MAX_TICKERS})] | None = None
    risk_aversion: Annotated[float, Meta(gt=0)] | None = None
    target_volatility: Annotated[float, Meta(gt=0)] | None = None
    target_return: float | None = None
    budgets: ByTicker | None = None
    lower: float | ByTicker = 0.0
    upper: float | ByTicker = 1.0
    net: float | tuple[float, float] = 1.0
    gross: Annotated[float, Meta(ge=0)] | None = None
    groups: Annotated[tuple[GroupLimits, ...], Meta(max_length=MAX_GROUPS)] = ()
    held: ByTicker | None = None
    turnover: Annotated[float, Meta(ge=0)] | None = None
    cost_bp: float | ByTicker | None = None
    holding_days: Annotated[float, Meta(ge=0.001, le=1e6)] = 21.0
    smallest: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    most: Annotated[int, Meta(ge=1)] | None = None
    expected_return: ByTicker | None = None
    covariance: tuple[tuple[float, ...], ...] | None = None


class RebalanceRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is held, and what it is to become.

    `holdings` are shares by ticker, `target` a strategy of the release, the champion if left out, or weights by ticker
    whose rest is cash. `prices` by ticker go before the live ones, and those before the release's closes. `lots` are
    the shares that orders come in, one number for all or by ticker with 1 for those left out. `cost_bp` and
    `slippage_bp` are of what is traded. Nothing is ordered while every weight is within `band` of its target. `upper`
    is what no weight may exceed, `turnover` the most that may be traded as a share of the book, `minimum_order` the
    least notional of an order.
    """

    holdings: ByTicker
    cash: float
    target: Strategy | ByTicker | None = None
    prices: ByTicker = {}
    lots: float | ByTicker = 1.0
    cost_bp: Annotated[float, Meta(ge=0, lt=10_000)] = 1.0
    slippage_bp: Annotated[float, Meta(ge=0, lt=10_000)] = 2.0
    band: Annotated[float, Meta(ge=0)] = 0.0
    upper: float | ByTicker = 1.0
    turnover: Annotated[float, Meta(ge=0)] | None = None
    minimum_order: Annotated[float, Meta(ge=0)] = 0.0
