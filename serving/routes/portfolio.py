"""The week's allocations, the risk they were made from and how the strategies have fared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from release.reader import Release
from serving.bodies import read_body
from serving.openapi import answers, json_body
from serving.portfolio.records import (
    Correlation,
    Frontier,
    OptimizedWeights,
    Performance,
    RebalancePlan,
    Risk,
    Weights,
)
from serving.portfolio.requests import (
    MAX_OPTIMIZE_BYTES,
    MAX_REBALANCE_BYTES,
    OptimizeRequest,
    RebalanceRequest,
)
from serving.portfolio.solving import Solving
from serving.routes.common import LatestState, json_response
from serving.view import PORTFOLIO

router = APIRouter(prefix=PORTFOLIO, tags=["portfolio"])


async def _solving(request: Request) -> Solving:
    solving: Solving = request.app.state.solving
    return solving


SolvingState = Annotated[Solving, Depends(_solving)]


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


@router.post(
    "/optimize",
    responses=answers(OptimizedWeights, 404, 413, 422, 503, cached=False),
    openapi_extra=json_body(OptimizeRequest, "An objective and its constraints, at most 8 MiB."),
)
async def optimize(latest: LatestState, solving: SolvingState, request: Request) -> Response:
    """Weights that are best for an objective within constraints, by the release's estimates or your own.

    The same request has the same answer for as long as the release is in force; nothing is kept. A request that takes
    longer than five seconds is answered by `/problems/time-limit`.
    """
    release = latest.view.release
    body = await read_body(request.stream(), limit=MAX_OPTIMIZE_BYTES)
    return json_response(await solving.run(lambda: _optimize(body, release)))


@router.post(
    "/rebalance",
    responses=answers(RebalancePlan, 404, 413, 422, 503, cached=False),
    openapi_extra=json_body(RebalanceRequest, "What is held and what it is to become, at most 256 KiB."),
)
async def rebalance(latest: LatestState, solving: SolvingState, request: Request) -> Response:
    """Orders of whole lots that bring holdings to the weights of a strategy, or to your own; cash never goes below 0.

    A holding that the release knows nothing of needs a price; it is sold unless it has a target. The same request has
    the same answer for as long as release and live prices hold; nothing is kept and nothing is ordered.
    """
    release, live = latest.view.release, latest.prices()
    body = await read_body(request.stream(), limit=MAX_REBALANCE_BYTES)
    return json_response(await solving.run(lambda: _rebalance(body, release, live)))


# The solvers take longer to load than the rest of the server: not before they are needed, or for `Solving.warm_up`.
def _optimize(body: bytes, release: Release) -> OptimizedWeights:
    from serving.portfolio import optimizing

    return optimizing.optimize(body, release, time_limit=optimizing.TIME_LIMIT)


def _rebalance(body: bytes, release: Release, live: Mapping[str, float]) -> RebalancePlan:
    from serving.portfolio import rebalancing

    return rebalancing.rebalanced_book(body, release, live, time_limit=rebalancing.TIME_LIMIT)
