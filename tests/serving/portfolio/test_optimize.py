"""Weights on request: the constraints kept, the client's own estimates, and what can't be used named with its value."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from numpy.testing import assert_allclose
from real_release import draft

from quant.nearest import nearest_psd
from quant.portfolio import maximum_sharpe, minimum_variance
from release.manifest import Refusal
from release.writer import publish
from serving.errors import Busy
from serving.portfolio import optimizing
from serving.portfolio.requests import MAX_OPTIMIZE_BYTES
from serving.portfolio.solving import Solving

pytestmark = pytest.mark.anyio

PATH = "/v1/portfolio/optimize"
TICKERS = ["AA", "BB", "CC"]
COVARIANCE = [[0.04, 0.01, 0.0], [0.01, 0.09, 0.02], [0.0, 0.02, 0.16]]
OWN = {
    "tickers": TICKERS,
    "covariance": COVARIANCE,
    "expected_return": {"AA": 0.05, "BB": 0.09, "CC": 0.14},
}
OBJECTIVES = {
    "equal_weight": {},
    "minimum_variance": {},
    "maximum_sharpe": {},
    "maximum_diversification": {},
    "maximum_utility": {"risk_aversion": 3.0},
    "target_volatility": {"target_volatility": 0.22},
    "target_return": {"target_return": 0.09},
    "risk_budgeting": {"budgets": {"AA": 0.5, "BB": 0.25, "CC": 0.25}},
}


async def weights_of(client, **request) -> np.ndarray:
    """The weights that an answer has, in the order of its tickers."""
    response = await client.post(PATH, json=request)
    assert response.status_code == 200, response.text
    return np.array([*response.json()["weights"].values()])


def problem(response, status: int, kind: str) -> list[tuple[str, str, str]]:
    """Field, value and expectation of each part that a problem names."""
    assert (response.status_code, response.json()["type"]) == (status, f"/problems/{kind}"), response.text
    assert response.headers["content-type"] == "application/problem+json"
    return [(part["field"], part["value"], part["expected"]) for part in response.json().get("errors", [])]


# What is answered.


@pytest.mark.parametrize("objective", OBJECTIVES)
async def test_weights_of_the_release_s_tickers_sum_to_one(client, objective):
    fitting = {"target_volatility": 0.3, "target_return": 0.21, "budgets": {"AAPL": 0.3, "IBM": 0.7}}
    extra = OBJECTIVES[objective] | {name: fitting[name] for name in OBJECTIVES[objective] if name in fitting}

    answer = (await client.post(PATH, json={"objective": objective, **extra})).json()

    assert list(answer["weights"]) == ["AAPL", "IBM"]
    assert sum(answer["weights"].values()) == pytest.approx(1, abs=1e-9)
    assert sum(answer["risk_contributions"].values()) == pytest.approx(1)
    assert answer["sharpe_in_sample"] == pytest.approx(
        answer["expected_return_in_sample"] / answer["volatility_in_sample"]
    )
    assert (answer["estimates"]["covariance"], answer["estimates"]["data_through"]) == ("release", "2012-03-01")


@pytest.mark.parametrize("objective", OBJECTIVES)
async def test_every_objective_takes_a_client_s_own_estimates(client, objective):
    answer = (await client.post(PATH, json={"objective": objective, **OWN, **OBJECTIVES[objective]})).json()

    weights = np.array([answer["weights"][ticker] for ticker in TICKERS])
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    assert answer["volatility_in_sample"] == pytest.approx(np.sqrt(weights @ np.array(COVARIANCE) @ weights))
    assert answer["estimates"] == {
        "expected_return": "client",
        "covariance": "client",
        "release_id": None,
        "data_through": None,
        "repaired": None,
    }


async def test_the_weights_are_the_optimiser_s(client, app):
    released = app.state.latest.view.portfolio()
    mean, covariance = np.array(released.expected_return), np.array(released.covariance)

    assert_allclose(await weights_of(client, objective="maximum_sharpe"), maximum_sharpe(mean, covariance), atol=1e-9)
    assert_allclose(await weights_of(client, objective="minimum_variance"), minimum_variance(covariance), atol=1e-9)


async def test_each_objective_reaches_what_it_is_named_after(client):
    told = {
        name: (await client.post(PATH, json={"objective": name, **OWN, **extra})).json()
        for name, extra in OBJECTIVES.items()
    }

    least = min(told.values(), key=lambda answer: answer["volatility_in_sample"])
    assert least["objective"] == "minimum_variance"
    best = max(told.values(), key=lambda answer: answer["sharpe_in_sample"])
    assert best["objective"] == "maximum_sharpe"
    assert told["target_volatility"]["volatility_in_sample"] == pytest.approx(0.22, rel=1e-6)
    assert told["target_return"]["expected_return_in_sample"] == pytest.approx(0.09, rel=1e-6)
    assert [*told["risk_budgeting"]["risk_contributions"].values()] == pytest.approx([0.5, 0.25, 0.25], abs=1e-6)
    assert [*told["equal_weight"]["weights"].values()] == pytest.approx([1 / 3] * 3)


async def test_the_order_of_the_tickers_and_the_units_change_no_weight(client):
    turned = {
        "tickers": TICKERS[::-1],
        "covariance": (np.array(COVARIANCE)[::-1, ::-1] * 100).tolist(),
        "expected_return": {name: 100 * value for name, value in OWN["expected_return"].items()},
    }

    plain = await weights_of(client, objective="maximum_sharpe", **OWN)

    assert_allclose(await weights_of(client, objective="maximum_sharpe", **turned), plain[::-1], atol=1e-7)


async def test_bounds_groups_gross_and_turnover_are_kept(client):
    asked = {
        "lower": {"AA": 0.1},
        "upper": {"BB": 0.3, "CC": 0.5},
        "groups": [{"name": "risky", "tickers": ["BB", "CC"], "upper": 0.6}],
        "held": {"AA": 0.9, "CC": 0.1},
        "turnover": 0.4,
    }

    weights = await weights_of(client, objective="maximum_sharpe", **OWN, **asked)

    assert weights.sum() == pytest.approx(1, abs=1e-9)
    assert weights[0] >= 0.1 - 1e-9
    assert (weights[1:] <= np.array([0.3, 0.5]) + 1e-9).all()
    assert weights[1:].sum() <= 0.6 + 1e-9
    assert np.abs(weights - [0.9, 0, 0.1]).sum() <= 0.4 + 1e-9


async def test_short_positions_are_within_the_gross_exposure(client):
    weights = await weights_of(client, objective="minimum_variance", **OWN, lower=-0.5, gross=1.2)

    assert np.abs(weights).sum() <= 1.2 + 1e-9


async def test_what_is_not_invested_is_cash(client):
    request = {"objective": "target_volatility", "target_volatility": 0.1, "net": [0, 1], **OWN}

    answer = (await client.post(PATH, json=request)).json()

    assert answer["cash"] == pytest.approx(1 - sum(answer["weights"].values()))
    assert answer["cash"] > 0.3
    assert answer["volatility_in_sample"] == pytest.approx(0.1, rel=1e-6)


async def test_the_dearer_trading_is_the_less_is_traded(client):
    held = {"AA": 1.0}

    told = [
        (await client.post(PATH, json={"objective": "maximum_utility", "risk_aversion": 3, **OWN, **costs})).json()
        for costs in (
            {"held": held, "cost_bp": 0, "holding_days": 21},
            {"held": held, "cost_bp": 50, "holding_days": 252},
            {"held": held, "cost_bp": 50, "holding_days": 21},
            {"held": held, "cost_bp": {"AA": 50, "BB": 50, "CC": 50}, "holding_days": 5},
        )
    ]

    traded = [answer["turnover"] for answer in told]
    assert traded == sorted(traded, reverse=True)
    assert traded[0] > traded[-1] + 0.1
    assert [answer["cost"] for answer in told] == pytest.approx([0, *(0.005 * t for t in traded[1:])])


async def test_few_positions_that_are_large_enough(client):
    weights = await weights_of(client, objective="minimum_variance", **OWN, smallest=0.2, most=2)

    held = weights[weights > 0]
    assert len(held) <= 2
    assert (held >= 0.2 - 1e-9).all()


async def test_one_estimate_may_be_the_client_s_and_the_other_the_release_s(client, app):
    released = app.state.latest.view.portfolio()

    answer = (
        await client.post(PATH, json={"objective": "maximum_sharpe", "expected_return": {"AAPL": 0.1, "IBM": 0.1}})
    ).json()

    assert [*answer["weights"].values()] == pytest.approx(
        maximum_sharpe(np.full(2, 0.1), np.array(released.covariance)).tolist(), abs=1e-9
    )
    assert (answer["estimates"]["expected_return"], answer["estimates"]["covariance"]) == ("client", "release")


async def test_without_expected_returns_there_is_no_sharpe_ratio(client):
    request = {"objective": "minimum_variance", "tickers": TICKERS, "covariance": COVARIANCE}

    answer = (await client.post(PATH, json=request)).json()

    assert answer["expected_return_in_sample"] is None
    assert answer["sharpe_in_sample"] is None
    assert answer["estimates"]["expected_return"] is None


async def test_a_covariance_that_can_not_be_is_repaired_and_the_answer_says_so(client):
    broken = np.array([[0.04, 0.055, -0.05], [0.055, 0.09, 0.09], [-0.05, 0.09, 0.16]])
    repaired = nearest_psd(broken)

    answer = (
        await client.post(
            PATH, json={"objective": "minimum_variance", "tickers": TICKERS, "covariance": broken.tolist()}
        )
    ).json()

    assert answer["estimates"]["repaired"] == pytest.approx(repaired.moved)
    assert answer["estimates"]["repaired"] > 0.1
    assert [*answer["weights"].values()] == pytest.approx(minimum_variance(repaired.matrix).tolist(), abs=1e-9)


async def test_the_same_request_has_the_same_bytes_and_nothing_is_kept(client):
    before = [(await client.get(f"/v1/portfolio{rest}")).content for rest in ("", "/frontier")]
    bodies = [{"objective": "maximum_sharpe", **OWN, "upper": upper} for upper in (0.5, 0.6, 0.5)]

    first, other, again = [(await client.post(PATH, json=body)).content for body in bodies]

    assert first == again != other
    assert [(await client.get(f"/v1/portfolio{rest}")).content for rest in ("", "/frontier")] == before


async def test_five_hundred_tickers_are_within_the_limits(client):
    rng = np.random.default_rng(7)
    loadings = rng.normal(size=(500, 5)) * 0.1
    covariance = loadings @ loadings.T + np.diag(rng.uniform(0.01, 0.05, 500))
    tickers = [f"T{row}" for row in range(500)]

    weights = await weights_of(
        client, objective="minimum_variance", tickers=tickers, covariance=covariance.tolist(), upper=0.02
    )

    assert len(weights) == 500
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    assert weights.max() <= 0.02 + 1e-9


# What can't be used.


@pytest.mark.parametrize(
    ("change", "field", "value", "expected"),
    [
        ({"objective": "minimum_risk"}, "objective", '"minimum_risk"', "Invalid enum value"),
        ({"objective": 3}, "objective", "3", "str"),
        ({"leverage": 2}, "leverage", "2", "one of the fields objective, tickers, risk_aversion"),
        ({"tickers": "AA"}, "tickers", '"AA"', "array"),
        ({"tickers": ["AA", 5, "CC"]}, "tickers[1]", "5", "str"),
        ({"tickers": []}, "tickers", "0 tickers", "1 to 500 tickers"),
        ({"tickers": ["AA", "BB", "AA"]}, "tickers[2]", "AA", "each ticker once"),
        ({"upper": "much"}, "upper", '"much"', "float"),
        ({"upper": {"AA": 0.5, "BB": "much"}}, "upper.BB", '"much"', "float"),
        ({"upper": {"AA": 1e300}}, "upper.AA", "1e300", "at most 1000"),
        ({"upper": {"ZZ": 0.5}}, "upper.ZZ", "0.5", "a ticker among AA, BB, CC"),
        ({"lower": 0.5, "upper": {"BB": 0.4}}, "lower", "0.5", "at most upper, which is 0.4 for BB"),
        ({"lower": {"CC": 0.5}, "upper": 0.4}, "lower.CC", "0.5", "at most upper, which is 0.4 for CC"),
        ({"net": [1, 0]}, "net", "[1.0,0.0]", "the lesser bound first"),
        ({"net": 1e-9}, "net", "1e-9", "0, or at least 1e-06 away from it"),
        ({"net": [0, 1e9]}, "net[1]", "1000000000.0", "at most 1000"),
        ({"net": [1]}, "net", "[1]", "array of length 2"),
        ({"gross": -1}, "gross", "-1", "float >= 0.0"),
        ({"turnover": 0.5}, "held", "none", "the weights before, by ticker, which turnover counts from"),
        ({"cost_bp": 5}, "held", "none", "the weights before, by ticker, which cost_bp counts from"),
        ({"held": {"AA": 1.0}, "cost_bp": -5}, "cost_bp", "-5.0", "0 or more"),
        ({"held": {"ZZ": 1.0}}, "held.ZZ", "1.0", "a ticker among AA, BB, CC"),
        ({"holding_days": 0}, "holding_days", "0", "float >= 0.001"),
        ({"smallest": 1.5}, "smallest", "1.5", "float < 1.0"),
        ({"most": 0}, "most", "0", "int >= 1"),
        ({"most": 1.5}, "most", "1.5", "int"),
        ({"groups": [{"name": "x", "tickers": ["AA"]}]}, "groups[0]", "no bounds", "lower or upper or both"),
        ({"groups": [{"name": "x", "tickers": [], "upper": 1}]}, "groups[0].tickers", "0 tickers", "1 to 500"),
        ({"groups": [{"name": "x", "tickers": ["AA", "ZZ"], "upper": 1}]}, "groups[0].tickers[1]", "ZZ", "one of"),
        ({"groups": [{"name": "x", "tickers": ["AA", "AA"], "upper": 1}]}, "groups[0].tickers[1]", "AA", "each"),
        ({"groups": [{"name": "x", "tickers": ["AA"], "lower": 1, "upper": 0}]}, "groups[0].lower", "1.0", "at most"),
        ({"groups": [{"tickers": ["AA"], "upper": 1}]}, "groups[0]", "", "Object missing required field name"),
        ({"risk_aversion": 2}, "risk_aversion", "2.0", "none, as only maximum_utility has one"),
        ({"objective": "maximum_utility"}, "risk_aversion", "none", "a number, which maximum_utility needs"),
        ({"objective": "maximum_utility", "risk_aversion": 0}, "risk_aversion", "0", "float > 0.0"),
        ({"objective": "target_volatility"}, "target_volatility", "none", "a number, which target_volatility needs"),
        ({"objective": "target_return"}, "target_return", "none", "a number, which target_return needs"),
        ({"objective": "risk_budgeting", "budgets": {"AA": 1}}, "budgets.BB", "none", "a number for each ticker"),
        (
            {"objective": "risk_budgeting", "budgets": {"AA": 1, "BB": 0, "CC": 1}},
            "budgets.BB",
            "0.0",
            "1e-06 or more",
        ),
        ({"expected_return": {"AA": 0.1, "BB": 0.1}}, "expected_return.CC", "none", "a number for each ticker"),
        ({"objective": "maximum_sharpe", "expected_return": None}, "expected_return", "none", "one by ticker, which"),
        ({"objective": "maximum_sharpe", "net": [0, 1]}, "net", "(0.0, 1.0)", "one number above 0"),
        ({"covariance": COVARIANCE[:2]}, "covariance", "2 rows", "3 rows, one for each ticker"),
        ({"covariance": [[1, 0, 0], [0, 1], [0, 0, 1]]}, "covariance[1]", "2 numbers", "3 numbers"),
        ({"covariance": [[0.04]]}, "covariance", "1 rows", "3 rows, one for each ticker"),
        ({"covariance": []}, "covariance", "0 rows", "3 rows, one for each ticker"),
        ({"covariance": [[0.04, None, 0], [0, 1, 0], [0, 0, 1]]}, "covariance[0][1]", "null", "float"),
        ({"covariance": [[0.04, 0, 0], [0, -0.01, 0], [0, 0, 1]]}, "covariance[1][1]", "-0.01", "0 or more"),
        ({"covariance": [[0.04, 0, 0], [0, 1e-300, 0], [0, 0, 1]]}, "covariance[1][1]", "1e-300", "1e-12 or more"),
        ({"covariance": [[1, 0, 0], [0, 1, 0.5], [0, 0.4, 1]]}, "covariance[1][2]", "0.5", "0.4, as on the other"),
        ({"covariance": [[1, 0, 0], [0, 1, 7], [0, 7, 1]]}, "covariance[1][2]", "7.0", "at most 1, by the two"),
        ({"tickers": None}, "tickers", "none", "the tickers, in the order of the rows of covariance"),
    ],
)
async def test_what_can_not_be_used_is_named_with_its_value(client, change, field, value, expected):
    request = {"objective": "minimum_variance", **OWN, **change}

    found = problem(await client.post(PATH, json=request), 422, "invalid-request")

    assert found[0][0] == field
    assert value in found[0][1]
    assert found[0][2].startswith(expected)


async def test_five_hundred_and_one_tickers_are_one_too_many(client):
    request = {"objective": "equal_weight", "tickers": [f"T{row}" for row in range(501)]}

    found = problem(await client.post(PATH, json=request), 422, "invalid-request")

    assert found == [("tickers", "501 tickers", "1 to 500 tickers")]


@pytest.mark.parametrize(("number", "value"), [("NaN", "nan"), ("-Infinity", "-inf")])
async def test_a_number_that_json_has_not_is_found_where_it_stands(client, number, value):
    body = json.dumps({"objective": "minimum_variance", **OWN}).replace("0.16", number)

    found = problem(await client.post(PATH, content=body), 422, "invalid-request")

    assert found == [("covariance[2][2]", value, "a finite number")]


async def test_a_number_beyond_float64_is_refused(client):
    body = json.dumps({"objective": "minimum_variance", **OWN}).replace("0.16", "1e999")

    found = problem(await client.post(PATH, content=body), 422, "invalid-request")

    assert found == [("covariance[2][2]", "a number beyond what a float64 holds", "a finite number")]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"nonsense"])
async def test_what_is_no_json_is_refused(client, body):
    found = problem(await client.post(PATH, content=body), 422, "invalid-request")

    assert found[0][0] == "body"
    assert found[0][2].startswith("a JSON object with an objective")


@pytest.mark.parametrize(("body", "value"), [(b"[]", "[]"), (b"null", "null"), (b'"x"', '"x"')])
async def test_what_is_no_object_is_refused(client, body, value):
    assert problem(await client.post(PATH, content=body), 422, "invalid-request") == [("body", value, "object")]


@pytest.mark.parametrize("body", [b"[", b"[" * 100_000, b'{"leverage": 1', b'{"objective": 3, ', b'{"upper": {"AA": {'])
async def test_what_neither_fits_nor_is_json_is_shown_from_its_start(client, body):
    found = problem(await client.post(PATH, content=body), 422, "invalid-request")

    assert found[0][1] == repr(body[:40])


async def test_an_empty_object_is_told_what_it_lacks(client):
    found = problem(await client.post(PATH, content=b"{}"), 422, "invalid-request")

    assert found == [("objective", "none", "a value, as it has no default")]


async def test_a_body_over_the_limit_is_refused_however_it_is_sent(client):
    async def endless():
        for _ in range(MAX_OPTIMIZE_BYTES // 65_536 + 2):
            yield b" " * 65_536

    response = await client.post(PATH, content=endless())

    assert problem(response, 413, "too-large") == []
    assert response.json()["detail"] == f"body: expected at most {MAX_OPTIMIZE_BYTES} bytes, got more"


async def test_an_unknown_ticker_is_named_with_those_that_there_are(client):
    request = {"objective": "equal_weight", "tickers": ["IBM", "NOPE", "AAPL", "NONE"]}

    found = problem(await client.post(PATH, json=request), 422, "invalid-request")

    assert found == [
        ("tickers[1]", "NOPE", "a ticker among AAPL, IBM"),
        ("tickers[3]", "NONE", "a ticker among AAPL, IBM"),
    ]


async def test_a_ticker_with_too_short_a_history_is_told_the_reason(start, connect, tmp_path):
    made = draft()
    short = Refusal(ticker="FB2", reason="expected at least 504 sessions, got 12")
    publish(tmp_path / "releases", replace(made, portfolio=msgspec.structs.replace(made.portfolio, left_out=(short,))))

    async with start(tmp_path) as app, connect(app) as client:
        request = {"objective": "equal_weight", "tickers": ["IBM", "FB2", "FB"]}
        found = problem(await client.post(PATH, json=request), 422, "invalid-request")

    assert found[0][:2] == ("tickers[1]", "FB2")
    assert found[0][2] == f"a ticker with enough history, which FB2 has not: {short.reason}"
    assert found[1][2] == "a ticker with enough history, which FB has not: expected at least 1008 bars, got 196"


# What can't be had together.


@pytest.mark.parametrize(
    ("change", "clashing"),
    [
        ({"upper": 0.3}, {"net": "net exposure of 1", "upper": "AA at most 0.3, BB at most 0.3, CC at most 0.3"}),
        ({"lower": 0.4}, {"net": "net exposure of 1", "lower": "AA at least 0.4, BB at least 0.4, CC at least 0.4"}),
        (
            {"groups": [{"name": "x", "tickers": ["AA", "BB"], "upper": 0.3}], "upper": {"CC": 0.5}},
            {"net": "net exposure of 1", "groups": "group x at most 0.3", "upper": "CC at most 0.5"},
        ),
        (
            {"held": {"AA": 1}, "turnover": 0.2, "upper": {"AA": 0.5}},
            {"turnover": "turnover at most 0.2", "upper": "AA at most 0.5"},
        ),
        ({"lower": -1, "gross": 0.5}, {"net": "net exposure of 1", "gross": "gross exposure at most 0.5"}),
        (
            {"objective": "target_return", "target_return": 0.2},
            {"target_return": "expected return at least 0.2", "net": "net exposure of 1"},
        ),
        (
            {"objective": "target_volatility", "target_volatility": 0.01},
            {"target_volatility": "volatility at most 0.01"},
        ),
        ({"objective": "equal_weight", "upper": {"BB": 0.3}}, {"upper": "BB at most 0.3"}),
        ({"upper": 0.4, "most": 2}, {"most": "most 2"}),
    ],
)
async def test_constraints_that_clash_are_named_each_by_its_field(client, change, clashing):
    request = {"objective": "minimum_variance", **OWN, **change}

    found = problem(await client.post(PATH, json=request), 422, "infeasible")

    named = {field: value for field, value, _ in found}
    assert {field: named.get(field) for field in clashing} == clashing
    assert all(expected == "a limit that the others leave room for" for *_, expected in found)


async def test_an_objective_that_nothing_can_earn_says_so(client):
    losing = {**OWN, "expected_return": dict.fromkeys(TICKERS, -0.05)}

    found = problem(await client.post(PATH, json={"objective": "maximum_sharpe", **losing}), 422, "infeasible")

    assert found[0][0] == "expected_return"
    assert "above 0" in found[0][2]


async def test_a_solver_that_gives_up_blames_no_constraint(client):
    body = {"objective": "risk_budgeting", "lower": {"IBM": 1.0}, "upper": {"AAPL": 1e-320}}

    response = await client.post(PATH, json=body)

    assert problem(response, 422, "unsolvable") == []


# What it costs the server.


async def test_a_solve_out_of_time_is_told_as_that(client, monkeypatch):
    monkeypatch.setattr(optimizing, "TIME_LIMIT", 1e-9)

    response = await client.post(PATH, json={"objective": "maximum_sharpe", **OWN})

    assert problem(response, 503, "time-limit") == []
    assert "retry-after" not in response.headers


async def test_more_than_there_is_room_for_are_sent_away_and_come_in_again_later():
    solving = Solving(at_once=1, waiting=1)
    go = threading.Event()
    taken = [asyncio.create_task(solving.run(go.wait)) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(Busy, match="expected fewer than 2 requests under way"):
        await solving.run(lambda: 1)
    go.set()

    assert await asyncio.gather(*taken) == [True, True]
    assert await solving.run(lambda: 1) == 1
    solving.close()


async def test_a_busy_server_says_when_to_come_again(client, app):
    app.state.solving = Solving(at_once=1, waiting=0)
    go = threading.Event()
    taken = asyncio.create_task(app.state.solving.run(go.wait))
    await asyncio.sleep(0)

    response = await client.post(PATH, json={"objective": "equal_weight"})
    go.set()
    await taken

    assert problem(response, 503, "busy") == []
    assert int(response.headers["retry-after"]) > 0


async def test_no_release_no_weights(start, connect, tmp_path):
    async with start(tmp_path) as app, connect(app) as client:
        response = await client.post(PATH, json={"objective": "equal_weight"})

    assert problem(response, 503, "not-ready") == []


async def test_a_release_without_a_portfolio_still_takes_a_client_s_estimates(start, connect, tmp_path):
    publish(tmp_path / "releases", draft(tickers=("IBM",)))

    async with start(tmp_path) as app, connect(app) as client:
        own = await client.post(PATH, json={"objective": "maximum_sharpe", **OWN})
        released = await client.post(PATH, json={"objective": "maximum_sharpe"})

    assert own.status_code == 200
    assert problem(released, 404, "not-in-release") == []
