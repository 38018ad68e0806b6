"""The week's allocations, the risk they were made from and how the strategies have fared."""

from __future__ import annotations

from fastapi import APIRouter, Response

from serving.openapi import answers
from serving.portfolio_records import Correlation, Frontier, Performance, Risk, Weights
from serving.routes.common import LatestState
from serving.view import PORTFOLIO

router = APIRouter(prefix=PORTFOLIO, tags=["portfolio"])


@router.get("", responses=answers(Weights, 404, 503))
async def get_weights(latest: LatestState) -> Response:
    """The week's weights by strategy with their risk, and the champion among them with the evidence for it."""
    return latest.portfolio(PORTFOLIO).response(latest.now())


@router.get("/frontier", responses=answers(Frontier, 404, 503))
async def get_frontier(latest: LatestState) -> Response:
    """The efficient frontier, long only and fully invested, and where the strategies lie beside it."""
    return latest.portfolio(f"{PORTFOLIO}/frontier").response(latest.now())


@router.get("/performance", responses=answers(Performance, 404, 503))
async def get_performance(latest: LatestState) -> Response:
    """What each strategy earned in the walk-forward, net of costs, beside equal weights and buying and holding.

    404 where the release has no record, with the reason.
    """
    return latest.performance(f"{PORTFOLIO}/performance").response(latest.now())


@router.get("/risk", responses=answers(Risk, 404, 503))
async def get_risk(latest: LatestState) -> Response:
    """Annualised volatilities and their shrunk covariance."""
    return latest.portfolio(f"{PORTFOLIO}/risk").response(latest.now())


@router.get("/correlation", responses=answers(Correlation, 404, 503))
async def get_correlation(latest: LatestState) -> Response:
    """The correlation matrix of daily returns, and an order of the tickers that shows what moves together."""
    return latest.portfolio(f"{PORTFOLIO}/correlation").response(latest.now())
