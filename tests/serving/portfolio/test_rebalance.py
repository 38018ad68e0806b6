"""Orders on request: whole lots, cash never below zero, nothing the second time, and what can't be used named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_release import draft

from release.manifest import Refusal
from release.portfolio import Strategy
from release.writer import publish
from serving.messages import PriceMessage
from serving.portfolio.rebalancing import rebalanced_book
from serving.portfolio.requests import MAX_REBALANCE_BYTES

pytestmark = pytest.mark.anyio

PATH = "/v1/portfolio/rebalance"
CLOSES = {"AAPL": 544.47, "IBM": 197.53}
HELD = {"holdings": {"AAPL": 10, "IBM": 5}, "cash": 5000}


async def plan_of(client, **request) -> dict:
    """The answer to a request that is to be answered."""
    response = await client.post(PATH, json=request)
    assert response.status_code == 200, response.text
    return response.json()


def problem(response, status: int, kind: str) -> list[tuple[str, str, str]]:
    """Field, value and expectation of each part that a problem names."""
    assert (response.status_code, response.json()["type"]) == (status, f"/problems/{kind}"), response.text
    return [(part["field"], part["value"], part["expected"]) for part in response.json().get("errors", [])]


def after(plan: dict) -> dict:
    """What is held and what cash there is once the orders are carried out."""
    holdings = {position["ticker"]: position["shares_after"] for position in plan["positions"]}
    return {"holdings": holdings, "cash": plan["cash_after"]}


# What is answered.


async def test_the_champion_s_weights_are_aimed_at_unless_told_otherwise(client, app):
    portfolio = app.state.latest.view.portfolio()

    plan = await plan_of(client, **HELD)

    assert plan["strategy"] == portfolio.champion.value
    target = [position["target"] for position in plan["positions"]]
    assert target == pytest.approx(portfolio.allocations[portfolio.champion].weights, abs=1e-12)


async def test_a_strategy_or_weights_of_one_s_own_may_be_aimed_at(client):
    equal = await plan_of(client, **HELD, target="equal_weight")
    own = await plan_of(client, **HELD, target={"AAPL": 0.2, "IBM": 0.7})

    assert (equal["strategy"], own["strategy"]) == ("equal_weight", None)
    assert [position["target"] for position in equal["positions"]] == [0.5, 0.5]
    assert own["cash_after"] / own["value_after"] == pytest.approx(0.1, abs=0.03)


async def test_orders_lead_from_the_book_before_to_the_one_after(client):
    plan = await plan_of(client, **HELD, cost_bp=10, slippage_bp=0)

    traded = {order["ticker"]: order["shares"] * (1 if order["side"] == "BUY" else -1) for order in plan["orders"]}
    for position in plan["positions"]:
        assert position["shares_after"] - position["shares_before"] == traded.get(position["ticker"], 0)
        assert position["shares_after"] == int(position["shares_after"])
        assert position["weight_after"] == pytest.approx(
            position["shares_after"] * position["price"] / plan["value_after"]
        )
    for order in plan["orders"]:
        assert order["notional"] == pytest.approx(order["shares"] * order["price"])
        assert order["cost"] == pytest.approx(0.001 * order["notional"])
    spent = sum(order["notional"] * (1 if order["side"] == "BUY" else -1) for order in plan["orders"])
    assert plan["cost"] == pytest.approx(sum(order["cost"] for order in plan["orders"]))
    assert plan["cash_after"] == pytest.approx(plan["cash_before"] - spent - plan["cost"])
    assert plan["turnover"] == pytest.approx(sum(order["notional"] for order in plan["orders"]) / plan["value_before"])
    assert (plan["method"], plan["limited"]) == ("optimal", False)


async def test_the_risk_is_told_before_and_after(client, app):
    portfolio = app.state.latest.view.portfolio()
    covariance = np.array(portfolio.covariance)

    plan = await plan_of(client, **HELD)

    before, now, target = (
        np.array([position[name] for position in plan["positions"]])
        for name in ("weight_before", "weight_after", "target")
    )
    assert plan["volatility_before"] == pytest.approx(np.sqrt(before @ covariance @ before))
    assert plan["volatility_after"] == pytest.approx(np.sqrt(now @ covariance @ now))
    assert plan["tracking_error_before"] == pytest.approx(np.sqrt((before - target) @ covariance @ (before - target)))
    assert plan["tracking_error_after"] < 0.2 * plan["tracking_error_before"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    apple=st.integers(0, 200),
    ibm=st.integers(0, 500),
    cash=st.floats(1000, 1e6),
    cost=st.floats(0, 50),
    share=st.floats(0, 1),
)
async def test_cash_is_never_below_zero_and_the_second_time_nothing_is_ordered(app, apple, ibm, cash, cost, share):
    release = app.state.latest.view.release
    request = {"target": {"AAPL": share, "IBM": 1 - share}, "cost_bp": cost}

    held = {"holdings": {"AAPL": apple, "IBM": ibm}, "cash": cash}
    first = rebalanced_book(msgspec.json.encode(request | held), release, {}, time_limit=10)
    told = after(msgspec.to_builtins(first))
    second = rebalanced_book(msgspec.json.encode(request | told), release, {}, time_limit=10)

    assert first.cash_after >= 0
    if first.method.value == "optimal":
        assert second.orders == ()
        assert second.notes[0].startswith("nothing to order")


async def test_within_the_band_nothing_is_ordered(client):
    far = await plan_of(client, **HELD, band=0.02)

    near = await plan_of(client, **after(far), target="minimum_variance", band=0.6)

    assert far["orders"]
    assert near["orders"] == []


async def test_turnover_keeps_the_book_further_away_and_the_answer_says_so(client):
    plan = await plan_of(client, **HELD, target="equal_weight", turnover=0.1)

    assert plan["turnover"] <= 0.1
    assert plan["limited"] is True
    assert any("turnover" in note for note in plan["notes"])


async def test_no_weight_is_above_its_cap_and_no_order_below_the_least(client):
    capped = await plan_of(client, **HELD, upper={"IBM": 0.3})
    large = await plan_of(client, **HELD, minimum_order=3000)

    assert next(one for one in capped["positions"] if one["ticker"] == "IBM")["weight_after"] <= 0.3
    assert all(order["notional"] >= 3000 for order in large["orders"])


async def test_lots_are_whole(client):
    plan = await plan_of(client, holdings={"IBM": 20}, cash=90_000, lots={"IBM": 10, "AAPL": 0.5})

    for position in plan["positions"]:
        lot = {"IBM": 10, "AAPL": 0.5}[position["ticker"]]
        assert position["shares_after"] % lot == 0


# Prices.


async def test_prices_are_the_release_s_closes_unless_there_is_a_newer_one(client, app):
    closes = await plan_of(client, **HELD)
    app.state.latest.apply(
        PriceMessage(
            ticker="IBM",
            session="2012-03-02",
            at=datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC),
            price=210.0,
            volume=1e6,
            provisional=True,
        )
    )
    live = await plan_of(client, **HELD)
    own = await plan_of(client, **HELD, prices={"IBM": 220.0})

    told = [
        {one["ticker"]: (one["price"], one["price_source"]) for one in plan["positions"]}
        for plan in (closes, live, own)
    ]
    assert told[0] == {"AAPL": (CLOSES["AAPL"], "release"), "IBM": (CLOSES["IBM"], "release")}
    assert told[1] == {"AAPL": (CLOSES["AAPL"], "release"), "IBM": (210.0, "live")}
    assert told[2] == {"AAPL": (CLOSES["AAPL"], "release"), "IBM": (220.0, "client")}
    assert any("closes of 2012-03-01" in note for note in closes["notes"])


async def test_a_holding_that_nobody_knows_is_sold_at_the_price_it_comes_with(client):
    plan = await plan_of(client, holdings={"AAPL": 10, "OLD": 100}, cash=500, prices={"OLD": 12.5})

    sold = next(order for order in plan["orders"] if order["ticker"] == "OLD")
    assert (sold["side"], sold["shares"], sold["price"]) == ("SELL", 100, 12.5)
    assert plan["volatility_before"] is None
    assert plan["tracking_error_before"] is None
    assert plan["volatility_after"] > 0
    assert any(note.startswith("OLD is not in the release's portfolio") for note in plan["notes"])


async def test_a_holding_that_nobody_knows_may_be_kept_and_then_no_risk_is_known(client):
    plan = await plan_of(
        client, holdings={"OLD": 100}, cash=5000, prices={"OLD": 12.5}, target={"OLD": 0.2, "IBM": 0.8}
    )

    assert plan["volatility_after"] is None
    assert plan["tracking_error_after"] is None
    assert any(order["ticker"] == "IBM" for order in plan["orders"])


async def test_a_holding_without_a_price_is_named(client):
    found = problem(await client.post(PATH, json={"holdings": {"OLD": 100}, "cash": 500}), 422, "invalid-request")

    assert found == [("prices.OLD", "none", "a price, as the release has those of AAPL, IBM only")]


async def test_a_ticker_left_out_is_told_with_the_reason(start, connect, tmp_path):
    made = draft()
    short = Refusal(ticker="NEW", reason="expected at least 504 sessions, got 12")
    publish(tmp_path / "releases", replace(made, portfolio=msgspec.structs.replace(made.portfolio, left_out=(short,))))

    async with start(tmp_path) as app, connect(app) as client:
        plan = await plan_of(client, holdings={"NEW": 1}, cash=9000, prices={"NEW": 30})

    assert any(short.reason in note for note in plan["notes"])


async def test_without_a_portfolio_only_one_s_own_weights_can_be_aimed_at(start, connect, tmp_path):
    publish(tmp_path / "releases", draft(tickers=("IBM",)))

    async with start(tmp_path) as app, connect(app) as client:
        own = await plan_of(client, holdings={}, cash=9000, target={"IBM": 0.5})
        champion = await client.post(PATH, json={"holdings": {}, "cash": 9000})

    assert own["orders"][0]["ticker"] == "IBM"
    assert (own["data_through"], own["volatility_after"]) == (None, None)
    assert problem(champion, 404, "not-in-release") == []


async def test_the_same_request_has_the_same_bytes_in_whatever_order_it_is_written(client):
    turned = {"cash": 5000, "holdings": {"IBM": 5, "AAPL": 10}}

    answers = [(await client.post(PATH, json=body)).content for body in (HELD, HELD, turned)]

    assert answers[0] == answers[1] == answers[2]


# What can't be used.


@pytest.mark.parametrize(
    ("change", "field", "value", "expected"),
    [
        ({"cash": -1}, "cash", "-1.0", "0 or more"),
        ({"cash": "much"}, "cash", '"much"', "float"),
        ({"cash": None}, "cash", "null", "float"),
        ({"cash": 1e300}, "cash", "1e300", "at most 1e+15"),
        ({"holdings": [10]}, "holdings", "[10]", "object"),
        ({"holdings": {"AAPL": "ten"}}, "holdings.AAPL", '"ten"', "float"),
        ({"holdings": {"AAPL": -5}}, "holdings.AAPL", "-5.0", "0 or more"),
        ({"holdings": {"AAPL": 10.5}}, "holdings.AAPL", "10.5", "a whole number of lots of 1"),
        ({"holdings": {"AAPL": 15}, "lots": 10}, "holdings.AAPL", "15.0", "a whole number of lots of 10"),
        ({"lots": 0}, "lots", "0.0", "1e-09 or more"),
        ({"lots": {"IBM": -1}}, "lots.IBM", "-1.0", "1e-09 or more"),
        ({"prices": {"IBM": 0}}, "prices.IBM", "0.0", "1e-09 or more"),
        (
            {"cash": 1e6, "prices": {"IBM": 1e-9}},
            "prices.IBM",
            "a lot worth 1e-09",
            "lots worth at least 1.00544e-06, of which",
        ),
        ({"target": "guesswork"}, "target", '"guesswork"', "Invalid enum value"),
        ({"target": "momentum"}, "target", "momentum", "a strategy of this release: equal_weight"),
        ({"target": {"AAPL": 0.7, "IBM": 0.4}}, "target", "a sum of 1.1", "weights that sum to 1 at most"),
        ({"target": {"AAPL": -0.1}}, "target.AAPL", "-0.1", "0 or more"),
        ({"upper": 0}, "upper", "0.0", "above 0, at most 1"),
        ({"upper": {"IBM": 1.5}}, "upper.IBM", "1.5", "above 0, at most 1"),
        ({"cost_bp": -1}, "cost_bp", "-1", "float >= 0.0"),
        ({"slippage_bp": 10_000}, "slippage_bp", "10000", "float < 10000.0"),
        ({"band": -0.1}, "band", "-0.1", "float >= 0.0"),
        ({"turnover": -1}, "turnover", "-1", "float >= 0.0"),
        ({"minimum_order": -1}, "minimum_order", "-1", "float >= 0.0"),
        ({"margin": 2}, "margin", "2", "one of the fields holdings, cash, target"),
        ({"holdings": {"AAPL": 0}, "cash": 0}, "cash", "0.0", "1e-09 or more where nothing is held"),
        ({"holdings": {"AAPL": 1e-7}, "cash": 0}, "cash", "0.0", "1e-09 or more where nothing is held"),
        ({"holdings": {}, "cash": 1e-320}, "cash", "1e-320", "1e-09 or more where nothing is held"),
        ({"holdings": {}, "target": {}}, "holdings", "0 tickers", "1 to 500 tickers"),
    ],
)
async def test_what_can_not_be_used_is_named_with_its_value(client, change, field, value, expected):
    found = problem(await client.post(PATH, json={**HELD, **change}), 422, "invalid-request")

    assert found[0][0] == field
    assert value in found[0][1]
    assert found[0][2].startswith(expected)


@pytest.mark.parametrize("lacking", ["holdings", "cash"])
async def test_what_is_missing_is_named(client, lacking):
    request = {name: value for name, value in HELD.items() if name != lacking}

    found = problem(await client.post(PATH, json=request), 422, "invalid-request")

    assert found == [(lacking, "none", "a value, as it has no default")]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null"])
async def test_what_is_no_object_is_refused(client, body):
    assert problem(await client.post(PATH, content=body), 422, "invalid-request")[0][0] == "body"


async def test_five_hundred_and_one_holdings_are_one_too_many(client):
    tickers = [f"T{row}" for row in range(501)]
    request = {"holdings": dict.fromkeys(tickers, 1), "cash": 0, "prices": dict.fromkeys(tickers, 10)}

    found = problem(await client.post(PATH, json=request | {"target": {}}), 422, "invalid-request")

    assert found == [("holdings", "501 tickers", "1 to 500 tickers")]


async def test_a_cap_that_the_turnover_does_not_allow_for_is_named_with_it(client):
    request = {"holdings": {"AAPL": 10}, "cash": 0, "upper": 0.5, "turnover": 0.1}

    found = problem(await client.post(PATH, json=request), 422, "infeasible")

    assert [(field, value) for field, value, _ in found] == [("turnover", "0.1"), ("upper", "0.5")]
    assert all(expected.startswith("a turnover of at least 0.5") for *_, expected in found)


async def test_a_body_over_the_limit_is_refused(client):
    response = await client.post(PATH, content=b" " * (MAX_REBALANCE_BYTES + 1))

    assert problem(response, 413, "too-large") == []


async def test_every_strategy_of_the_release_can_be_aimed_at(client, app):
    for strategy in app.state.latest.view.portfolio().allocations:
        plan = await plan_of(client, **HELD, target=strategy.value)

        assert Strategy(plan["strategy"]) is strategy
        assert plan["cash_after"] >= 0
