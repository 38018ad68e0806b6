"""What REST says of the release's portfolio: all of it, in figures that fit each other."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from real_portfolio import CHAMPION, WHY, portfolio
from real_release import draft

from release.manifest import Refusal
from release.portfolio import Strategy
from release.writer import publish

pytestmark = pytest.mark.anyio

FB = Refusal(ticker="FB", reason="returns: expected at least 504 sessions, got 196")


def json_of(value: object) -> Any:
    """What a record looks like to a client."""
    return json.loads(msgspec.json.encode(value))


async def test_every_strategy_s_weights_and_cash_sum_to_one_and_so_do_its_risk_contributions(client):
    answer = (await client.get("/v1/portfolio")).json()

    assert {one["strategy"] for one in answer["allocations"]} >= {"equal_weight", "minimum_variance", "risk_budgeting"}
    for one in answer["allocations"]:
        assert list(one["weights"]) == answer["tickers"] == ["AAPL", "IBM"]
        assert sum(one["weights"].values()) + one["cash"] == pytest.approx(1, abs=1e-12)
        assert sum(one["risk_contributions"].values()) == pytest.approx(1)


async def test_a_fully_invested_strategy_has_no_cash_and_a_target_of_volatility_some(client):
    allocations = (await client.get("/v1/portfolio")).json()["allocations"]

    cash = {one["strategy"]: one["cash"] for one in allocations}
    assert cash["minimum_variance"] == 0.0
    assert 0.1 < cash["target_volatility"] < 0.9


async def test_the_champion_is_named_with_the_evidence_and_the_time_it_is_of(client):
    answer = (await client.get("/v1/portfolio")).json()

    assert (answer["champion"], answer["why"]) == (CHAMPION.value, WHY)
    assert (answer["week"], answer["data_through"]) == ("2012-02-26", "2012-03-01")


async def test_an_allocation_is_told_as_the_release_has_it(client):
    released = draft().portfolio.allocations[Strategy.RISK_BUDGETING]

    allocations = (await client.get("/v1/portfolio")).json()["allocations"]

    served = next(one for one in allocations if one["strategy"] == "risk_budgeting")
    assert tuple(served["weights"].values()) == released.weights
    assert served["volatility_in_sample"] == released.volatility_in_sample
    assert served["tails"] == json_of(released.tails)
    assert served["stress"] == json_of(released.stress)


async def test_the_frontier_is_told_with_the_strategies_below_it(client):
    answer = (await client.get("/v1/portfolio/frontier")).json()

    volatility = np.array([point["volatility"] for point in answer["points"]])
    earned = np.array([point["expected_return"] for point in answer["points"]])
    assert len(answer["points"]) >= 50
    assert (np.diff(earned) >= 0).all()
    assert len(answer["strategies"]) == len((await client.get("/v1/portfolio")).json()["allocations"])
    for strategy in answer["strategies"]:
        if strategy["strategy"] != "target_volatility":
            best = np.interp(strategy["volatility_in_sample"], volatility, earned)
            assert strategy["expected_return_in_sample"] <= best + 1e-4
            assert strategy["volatility_in_sample"] >= volatility[0] - 1e-9


async def test_risk_and_correlation_are_of_the_same_matrix(client):
    risk = (await client.get("/v1/portfolio/risk")).json()
    correlation = (await client.get("/v1/portfolio/correlation")).json()

    scale = np.array(risk["volatility"])
    np.testing.assert_allclose(np.square(scale), np.diag(risk["covariance"]))
    np.testing.assert_allclose(
        np.array(risk["covariance"]) / np.outer(scale, scale), correlation["correlation"], atol=1e-12
    )
    assert sorted(correlation["cluster_order"]) == sorted(correlation["tickers"])


async def test_every_strategy_s_record_stands_beside_equal_weights_and_buying_and_holding(client):
    answer = (await client.get("/v1/portfolio/performance")).json()

    record = answer["record"]
    assert answer["champion"] == CHAMPION.value
    assert record == json_of(draft().portfolio.performance)
    assert {"equal_weight", "risk_budgeting"} <= set(record["strategies"])
    assert record["cost_bp"] == 10.0
    for book in (*record["strategies"].values(), record["champion"], record["buy_and_hold"]):
        assert len(book["equity"]) == len(record["sessions_shown"])


async def test_a_release_without_a_record_says_why(start, connect, tmp_path):
    made = draft()
    without = msgspec.structs.replace(made.portfolio, performance=None)
    release_id = publish(tmp_path / "releases", replace(made, portfolio=without)).release_id

    async with start(tmp_path) as app, connect(app) as client:
        weights = await client.get("/v1/portfolio")
        response = await client.get("/v1/portfolio/performance")

    assert weights.status_code == 200
    assert (response.status_code, response.json()["type"]) == (404, "/problems/not-in-release")
    assert response.json()["detail"].startswith(
        f"performance: expected in release {release_id}, which was made without"
    )


@pytest.mark.parametrize("rest", ["", "/frontier", "/performance", "/risk", "/correlation"])
async def test_a_release_without_a_portfolio_says_so_at_each_of_its_paths(start, connect, tmp_path, rest):
    release_id = publish(tmp_path / "releases", draft(tickers=("IBM",))).release_id

    async with start(tmp_path) as app, connect(app) as client:
        response = await client.get(f"/v1/portfolio{rest}")

    assert (response.status_code, response.json()["type"]) == (404, "/problems/not-in-release")
    assert response.json()["detail"] == f"portfolio: expected in release {release_id}, which was made without one"


async def test_a_ticker_that_is_in_no_allocation_is_told_with_the_reason(start, connect, tmp_path):
    made = draft(tickers=("AAPL", "IBM"))
    bars = {part.lineage.ticker: part.bars for part in made.tickers}
    publish(tmp_path / "releases", replace(made, portfolio=portfolio(bars, left_out=(FB,))))

    async with start(tmp_path) as app, connect(app) as client:
        answer = (await client.get("/v1/portfolio")).json()

    assert answer["left_out"] == [{"ticker": "FB", "reason": FB.reason}]
