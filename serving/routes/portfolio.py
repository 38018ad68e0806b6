"""The week's allocations and the risk they were made from."""

from __future__ import annotations

from fastapi import APIRouter, Response

from serving.openapi import answers
from serving.records import Correlation, Risk, Weights
from serving.routes.common import LatestState
from serving.view import V1

router = APIRouter(prefix=f"{V1}/portfolio", tags=["portfolio"])


@router.get("", responses=answers(Weights, 404, 503))
async def get_weights(latest: LatestState) -> Response:
    """The week's weights by strategy: long only, summing to one."""
    return latest.portfolio(f"{V1}/portfolio").response(latest.now())


@router.get("/risk", responses=answers(Risk, 404, 503))
async def get_risk(latest: LatestState) -> Response:
    """Annualised volatilities and their shrunk covariance."""
    return latest.portfolio(f"{V1}/portfolio/risk").response(latest.now())


@router.get("/correlation", responses=answers(Correlation, 404, 503))
async def get_correlation(latest: LatestState) -> Response:
    """The correlation matrix of daily log returns."""
    return latest.portfolio(f"{V1}/portfolio/correlation").response(latest.now())
