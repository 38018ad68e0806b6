"""What-ifs: sound bars get a forecast, anything else is told what is wrong with it and where."""

from __future__ import annotations

import json

import numpy as np
import pytest
from shared_data import sample_bars

from quant.bars import COLUMNS
from serving.whatif import MAX_BARS, MAX_BYTES

pytestmark = pytest.mark.anyio

PATH = "/v1/predictions/AAPL"


def sent(count: int = 252) -> list[dict]:
    """The last `count` real bars up to the release's last one, as a client would send them."""
    bars = sample_bars("AAPL").through(np.datetime64("2012-03-01"))[-count:]
    return [
        {"session": str(day)} | dict(zip(COLUMNS, row, strict=True)) | {"split": split, "dividend": dividend}
        for day, row, split, dividend in zip(
            bars.session, bars.ohlcv.tolist(), bars.split.tolist(), bars.dividend.tolist(), strict=True
        )
    ]


def parts(response) -> list[tuple[str, str, str]]:
    """Field, value and expectation of each part that a 422 names."""
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    return [(part["field"], part["value"], part["expected"]) for part in response.json()["errors"]]


@pytest.mark.parametrize("count", [252, 800])
async def test_the_release_s_own_bars_give_its_own_prediction(client, count):
    served = (await client.get(PATH)).json()

    answer = (await client.post(PATH, json=sent(count))).json()

    differing = {name for name in served if served[name] != answer[name]}
    assert differing == {"made_at", "provisional"}
    assert answer["provisional"] is True


async def test_other_bars_give_another_prediction_and_are_not_kept(client):
    bars = sent()
    bars[-1]["close"] = bars[-1]["low"]

    other = (await client.post(PATH, json=bars)).json()

    assert other["close"] == bars[-1]["low"]
    assert other["mean"] != (await client.get(PATH)).json()["mean"]
    assert (await client.get(PATH)).json()["close"] == 544.47


@pytest.mark.parametrize(
    ("change", "field", "value", "expected"),
    [
        ({"close": -1.0}, "bars[100].close", "-1.0", "a price above 0"),
        ({"close": None}, "bars[100].close", "null", "float"),
        ({"open": "ten"}, "bars[100].open", '"ten"', "float"),
        ({"volume": -5.0}, "bars[100].volume", "-5.0", "a volume of at least 0"),
        ({"high": 0.01}, "bars[100].high", "0.01", "high >= open and close >= low"),
        ({"split": 0.0}, "bars[100].split", "0.0", "a finite split > 0"),
        ({"session": "2011-02-30"}, "bars[100].session", "'2011-02-30'", "an ISO date that exists"),
        ({"session": "1999-01-04"}, "bars[100].session", "1999-01-04", "a session after "),
        ({"adj_close": 1.0}, "bars[100]", "", "Object contains unknown field"),
    ],
)
async def test_a_bad_bar_is_named_with_its_value(client, change, field, value, expected):
    bars = sent()
    bars[100] |= change

    found = parts(await client.post(PATH, json=bars))

    assert found[0][0] == field
    assert value in found[0][1]
    assert found[0][2].startswith(expected)


async def test_a_missing_column_is_named(client):
    bars = sent()
    del bars[7]["close"]

    found = parts(await client.post(PATH, json=bars))

    assert found[0][0] == "bars[7]"
    assert "missing required field close" in found[0][2]


async def test_one_session_twice_is_named(client):
    bars = sent()
    bars[51]["session"] = bars[50]["session"]

    found = parts(await client.post(PATH, json=bars))

    assert found[0][:2] == ("bars[51].session", bars[50]["session"])


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "1e999"])
async def test_numbers_that_are_none_are_refused(client, literal):
    body = json.dumps(sent()).replace(str(sent()[9]["close"]), literal, 1)

    assert parts(await client.post(PATH, content=body))


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[", b"\xff\xfe", b'{"bars": []}', b"[1]"])
async def test_what_is_no_list_of_bars_is_refused(client, body):
    assert parts(await client.post(PATH, content=body))


async def test_too_few_bars_are_counted(client):
    assert parts(await client.post(PATH, json=sent(251))) == [("bars", "251 bars", "252 to 2000 bars, oldest first")]


async def test_too_many_bars_are_counted(client):
    found = parts(await client.post(PATH, json=[{**bar, "volume": 1.0} for bar in sent(MAX_BARS + 1)]))

    assert found[0][1] == "2001 bars"


async def test_a_body_over_the_limit_is_refused_however_it_is_sent(client):
    async def endless():
        for _ in range(MAX_BYTES // 1024 + 2):
            yield b" " * 1024

    response = await client.post(PATH, content=endless())

    assert response.status_code == 413
    assert response.json()["detail"] == f"body: expected at most {MAX_BYTES} bytes, got more"


async def test_a_last_bar_on_a_day_without_trading_is_refused(client):
    bars = sent()
    bars[-1]["session"] = "2012-03-03"

    assert parts(await client.post(PATH, json=bars))[0][:2] == ("bars[251].session", "2012-03-03")


async def test_a_last_bar_that_the_calendar_can_not_look_every_horizon_ahead_from_is_refused(client):
    """The released calendar ends three sessions later: far enough for tomorrow, not for a week."""
    bars = sent()
    bars[-1]["session"] = "2014-12-26"

    found = parts(await client.post(PATH, json=bars))

    assert found[0][:2] == ("bars[251].session", "2014-12-26")
    assert found[0][2].endswith("..2014-12-23")


async def test_prices_that_never_move_have_no_forecast(client):
    still = [{**bar, "open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0, "dividend": 0.0} for bar in sent()]

    found = parts(await client.post(PATH, json=still))

    assert found[0][:2] == ("bars", "the same price all along, 10")
    assert found[0][2].startswith("prices that move")


async def test_prices_beyond_all_measure_have_no_forecast(client):
    bars = sent()
    bars[-1] |= {"open": 1e308, "high": 1e308, "low": 1e308, "close": 1e308}

    found = parts(await client.post(PATH, json=bars))

    assert found[0][0] == "bars"
    assert found[0][2].startswith("prices that move, of ordinary size")


async def test_an_unknown_ticker_is_told_before_the_bars_are_read(client):
    response = await client.post("/v1/predictions/NONE", content=b"nonsense")

    assert response.status_code == 404
