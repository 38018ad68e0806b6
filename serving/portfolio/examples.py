"""One example of each answer about the portfolio, for `serving.examples`."""

from __future__ import annotations

from typing import Final

import msgspec

from release.manifest import Refusal
from release.portfolio import FrontierPoint, PortfolioPerformance, Strategy, StrategyRecord, Stress, Tail
from serving.portfolio.records import (
    Correlation,
    Estimates,
    Frontier,
    Method,
    OptimizedWeights,
    Order,
    Performance,
    Position,
    RebalancePlan,
    Risk,
    Side,
    Source,
    StrategyPoint,
    StrategyWeights,
    Weights,
)
from serving.portfolio.requests import GroupLimits, Objective, OptimizeRequest, RebalanceRequest

_WEEK: Final = {"release_id": "2012-03-01-8e40cfceccde", "week": "2012-02-26", "data_through": "2012-03-01"}
_PAIR: Final = ("AAPL", "IBM")
_WHY: Final = "the highest Sharpe ratio so far, net of costs, of strategies whose difference to equal weights is sure"
_RECORD: Final = StrategyRecord(
    annualised_return=0.24,
    annualised_volatility=0.22,
    sharpe=0.98,
    sharpe_lower_95=0.31,
    sharpe_upper_95=1.65,
    probabilistic_sharpe=0.998,
    deflated_sharpe=0.91,
    sharpe_over_equal_weight=0.07,
    p_equal_weight=0.18,
    maximum_drawdown=0.34,
    turnover=0.9,
    effective_number=1.9,
    total_cost_bp=72.0,
    equity=(1.0, 1.06, 1.11),
)

PORTFOLIO_EXAMPLES: Final[tuple[msgspec.Struct, ...]] = (
    Weights(
        **_WEEK,
        champion=Strategy.RISK_BUDGETING,
        why=_WHY,
        tickers=_PAIR,
        left_out=(Refusal(ticker="FB", reason="returns: expected at least 504 sessions, got 196"),),
        allocations=(
            StrategyWeights(
                strategy=Strategy.RISK_BUDGETING,
                weights={"AAPL": 0.41, "IBM": 0.59},
                cash=0.0,
                expected_return_in_sample=0.19,
                volatility_in_sample=0.22,
                risk_contributions={"AAPL": 0.5, "IBM": 0.5},
                effective_number=1.94,
                tails=(
                    Tail(
                        level=0.95,
                        historical_var=0.0214,
                        historical_cvar=0.0331,
                        normal_var=0.0222,
                        normal_cvar=0.028,
                    ),
                ),
                stress=(Stress(sessions=21, first="2008-09-09", last="2008-10-07", loss=0.29, equal_weight=0.31),),
            ),
        ),
    ),
    Risk(**_WEEK, tickers=_PAIR, volatility=(0.29, 0.2), covariance=((0.0841, 0.03), (0.03, 0.04))),
    Correlation(**_WEEK, tickers=_PAIR, correlation=((1.0, 0.52), (0.52, 1.0)), cluster_order=("IBM", "AAPL")),
    Frontier(
        **_WEEK,
        tickers=_PAIR,
        expected_return_in_sample=(0.24, 0.16),
        volatility_in_sample=(0.29, 0.2),
        points=(
            FrontierPoint(expected_return=0.17, volatility=0.196, weights=(0.16, 0.84)),
            FrontierPoint(expected_return=0.24, volatility=0.29, weights=(1.0, 0.0)),
        ),
        strategies=(
            StrategyPoint(
                strategy=Strategy.RISK_BUDGETING, expected_return_in_sample=0.193, volatility_in_sample=0.209
            ),
        ),
    ),
    Performance(
        **_WEEK,
        champion=Strategy.RISK_BUDGETING,
        why=_WHY,
        record=PortfolioPerformance(
            first="2004-03-08",
            last="2012-02-24",
            sessions=2008,
            weeks=417,
            trials=10,
            cost_bp=10.0,
            strategies={Strategy.RISK_BUDGETING: _RECORD},
            champion=msgspec.structs.replace(_RECORD, sharpe=0.95),
            buy_and_hold=msgspec.structs.replace(_RECORD, sharpe=0.88, turnover=0.1, total_cost_bp=10.0),
            sessions_shown=("2004-03-08", "2004-03-12", "2004-03-19"),
            champions={"2004-03-08": Strategy.EQUAL_WEIGHT, "2006-05-15": Strategy.RISK_BUDGETING},
        ),
    ),
    OptimizeRequest(
        objective=Objective.MAXIMUM_SHARPE,
        tickers=_PAIR,
        upper=0.7,
        groups=(GroupLimits(name="technology", tickers=_PAIR, upper=1.0),),
        held={"AAPL": 0.5, "IBM": 0.5},
        cost_bp=10.0,
    ),
    OptimizedWeights(
        objective=Objective.MAXIMUM_SHARPE,
        weights={"AAPL": 0.53, "IBM": 0.47},
        cash=0.0,
        expected_return_in_sample=0.24,
        volatility_in_sample=0.22,
        sharpe_in_sample=1.09,
        risk_contributions={"AAPL": 0.62, "IBM": 0.38},
        effective_number=1.99,
        turnover=0.06,
        cost=0.00006,
        estimates=Estimates(
            expected_return=Source.RELEASE,
            covariance=Source.RELEASE,
            release_id=_WEEK["release_id"],
            data_through=_WEEK["data_through"],
            repaired=None,
        ),
    ),
    RebalanceRequest(holdings={"AAPL": 10, "IBM": 5}, cash=5000.0, target=Strategy.RISK_BUDGETING, band=0.02),
    RebalancePlan(
        release_id=_WEEK["release_id"],
        data_through=_WEEK["data_through"],
        strategy=Strategy.RISK_BUDGETING,
        orders=(Order(ticker="IBM", side=Side.BUY, shares=25.0, price=197.21, notional=4930.25, cost=1.48),),
        positions=(
            Position(
                ticker="AAPL",
                price=544.47,
                price_source=Source.RELEASE,
                shares_before=10.0,
                shares_after=10.0,
                weight_before=0.477,
                weight_after=0.477,
                target=0.48,
            ),
            Position(
                ticker="IBM",
                price=197.21,
                price_source=Source.RELEASE,
                shares_before=5.0,
                shares_after=30.0,
                weight_before=0.086,
                weight_after=0.518,
                target=0.52,
            ),
        ),
        cash_before=5000.0,
        cash_after=68.27,
        value_before=11430.75,
        value_after=11429.27,
        cost=1.48,
        turnover=0.431,
        tracking_error_before=0.09,
        tracking_error_after=0.001,
        volatility_before=0.15,
        volatility_after=0.21,
        method=Method.OPTIMAL,
        gap=0.0,
        limited=False,
        notes=("some prices are the closes of 2012-03-01, the last that the release has",),
    ),
)
