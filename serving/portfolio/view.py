"""What a release says of its portfolio, as answers; computed once when it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np

from quant.bars import Floats
from release.portfolio import Allocation, Portfolio, Strategy
from release.reader import Release
from serving.errors import NotInRelease
from serving.portfolio.records import (
    Correlation,
    Frontier,
    Performance,
    Risk,
    StrategyPoint,
    StrategyWeights,
    Weights,
)

# What adding up the weights of a fully invested book may leave: no cash.
ROUNDING: Final = 1e-12


def portfolio_of(release: Release) -> Portfolio:
    """The release's portfolio; `NotInRelease` if it was published without one."""
    if release.portfolio is None:
        raise NotInRelease(f"portfolio: expected in release {release.manifest.release_id}, which was made without one")
    return release.portfolio


def require_performance(release: Release) -> None:
    """`NotInRelease` with the reason if the release has no record of its strategies."""
    if portfolio_of(release).performance is None:
        raise NotInRelease(
            f"performance: expected in release {release.manifest.release_id}, which was made without one: "
            "there were too few weeks of history to try the strategies on"
        )


def records(release: Release) -> Mapping[str, msgspec.Struct]:
    """The answers by what their path has after ``/v1/portfolio``; none without a portfolio."""
    portfolio = release.portfolio
    if portfolio is None:
        return {}
    release_id = release.manifest.release_id
    found: dict[str, msgspec.Struct] = {
        "": weights(portfolio, release_id),
        "/risk": risk(portfolio, release_id),
        "/correlation": correlation(portfolio, release_id),
        "/frontier": frontier(portfolio, release_id),
    }
    if portfolio.performance is not None:
        found["/performance"] = Performance(
            release_id=release_id,
            week=portfolio.week,
            data_through=portfolio.data_through,
            champion=portfolio.champion,
            why=portfolio.why,
            record=portfolio.performance,
        )
    return found


def weights(portfolio: Portfolio, release_id: str) -> Weights:
    """The week's allocations, one a strategy."""
    return Weights(
        release_id=release_id,
        week=portfolio.week,
        data_through=portfolio.data_through,
        champion=portfolio.champion,
        why=portfolio.why,
        tickers=portfolio.tickers,
        left_out=portfolio.left_out,
        allocations=tuple(
            _strategy_weights(portfolio.tickers, strategy, allocation)
            for strategy, allocation in portfolio.allocations.items()
        ),
    )


def _strategy_weights(tickers: tuple[str, ...], strategy: Strategy, allocation: Allocation) -> StrategyWeights:
    return StrategyWeights(
        strategy=strategy,
        weights=by_ticker(tickers, allocation.weights),
        cash=cash_beside(np.array(allocation.weights)),
        expected_return_in_sample=allocation.expected_return_in_sample,
        volatility_in_sample=allocation.volatility_in_sample,
        risk_contributions=by_ticker(tickers, allocation.risk_contributions),
        effective_number=allocation.effective_number,
        tails=allocation.tails,
        stress=allocation.stress,
    )


def risk(portfolio: Portfolio, release_id: str) -> Risk:
    """The covariance that the allocations were made from, and the volatilities on its diagonal."""
    return Risk(
        release_id=release_id,
        week=portfolio.week,
        data_through=portfolio.data_through,
        tickers=portfolio.tickers,
        volatility=_volatilities(portfolio),
        covariance=portfolio.covariance,
    )


def correlation(portfolio: Portfolio, release_id: str) -> Correlation:
    """The correlation matrix beside the order of its tickers."""
    return Correlation(
        release_id=release_id,
        week=portfolio.week,
        data_through=portfolio.data_through,
        tickers=portfolio.tickers,
        correlation=portfolio.correlation,
        cluster_order=tuple(portfolio.tickers[place] for place in portfolio.cluster_order),
    )


def frontier(portfolio: Portfolio, release_id: str) -> Frontier:
    """The frontier, and the strategies by the same estimates: none of them lies above it."""
    mean, covariance = np.array(portfolio.expected_return), np.array(portfolio.covariance)
    return Frontier(
        release_id=release_id,
        week=portfolio.week,
        data_through=portfolio.data_through,
        tickers=portfolio.tickers,
        expected_return_in_sample=portfolio.expected_return,
        volatility_in_sample=_volatilities(portfolio),
        points=portfolio.frontier,
        strategies=tuple(
            _point(strategy, np.array(allocation.weights), mean, covariance)
            for strategy, allocation in portfolio.allocations.items()
        ),
    )


def _point(strategy: Strategy, weights: Floats, mean: Floats, covariance: Floats) -> StrategyPoint:
    return StrategyPoint(
        strategy=strategy,
        expected_return_in_sample=float(mean @ weights),
        volatility_in_sample=float(np.sqrt(weights @ covariance @ weights)),
    )


def _volatilities(portfolio: Portfolio) -> tuple[float, ...]:
    return tuple(np.sqrt(np.diag(np.array(portfolio.covariance))).tolist())


def by_ticker(tickers: tuple[str, ...], values: tuple[float, ...] | Floats) -> dict[str, float]:
    """Values by the ticker that each is of."""
    return dict(zip(tickers, values.tolist() if isinstance(values, np.ndarray) else values, strict=True))


def cash_beside(weights: Floats) -> float:
    """What weights leave of one, exactly nothing for those that sum to it but for rounding."""
    cash = 1.0 - float(weights.sum())
    return cash if abs(cash) > ROUNDING else 0.0
