"""Indicators over REST: those of the bars that the same query has for prices, with the past that they need."""

from __future__ import annotations

from dataclasses import fields

import msgspec
import numpy as np
import pytest
from shared_data import sample_bars

from quant.bars import adjusted
from quant.indicators import Indicators as Drawn
from quant.indicators import indicators
from serving.records import Indicators

pytestmark = pytest.mark.anyio

LINES = [line.name for line in fields(Drawn)]
LAST = np.datetime64("2012-03-01")
QUERIES = [
    {},
    {"limit": 3},
    {"from": "2011-06-01", "to": "2011-06-30"},
    {"from": "2011-06-01", "to": "2011-06-30", "limit": 5},
    {"from": "2000-01-01", "to": "2001-06-30", "limit": 10_000},
    {"from": "2031-01-01"},
    {"to": "1990-01-01"},
    {"from": "2011-06-30", "to": "2011-06-01"},
    {"from": "2011-06-01", "to": "2011-06-30", "adjusted": False},
]


async def asked(client, ticker="AAPL", **query) -> dict:
    answer = await client.get(f"/v1/prices/{ticker}/indicators", params=query)
    assert answer.status_code == 200, answer.text
    # As the document shows it: nothing more, nothing less.
    assert msgspec.json.encode(msgspec.json.decode(answer.content, type=Indicators)) == answer.content
    return answer.json()


@pytest.mark.parametrize("query", QUERIES, ids=str)
async def test_the_rows_are_those_of_the_prices_for_the_same_query(client, query):
    prices = (await client.get("/v1/prices/AAPL", params=query)).json()

    drawn = await asked(client, **query)

    assert drawn["sessions"] == [bar["session"] for bar in prices["bars"]]
    assert {name: drawn[name] for name in ("ticker", "release_id", "adjusted")} == {
        name: prices[name] for name in ("ticker", "release_id", "adjusted")
    }
    assert {len(drawn[name]) for name in LINES} == {len(prices["bars"])}


@pytest.mark.parametrize("ticker", ["AAPL", "IBM"])
@pytest.mark.parametrize("taken_out", [True, False])
async def test_a_range_has_the_values_that_the_whole_history_has_there(client, ticker, taken_out):
    bars = sample_bars(ticker).through(LAST)
    whole = indicators(adjusted(bars) if taken_out else bars.ohlcv, sessions_per_year=252)
    first = len(bars) - 500

    drawn = await asked(client, ticker, adjusted=taken_out)

    for name in LINES:
        assert drawn[name] == getattr(whole, name)[first:].tolist()


async def test_what_the_past_is_too_short_for_is_null(client):
    drawn = await asked(client, to="2001-06-30", limit=10_000)

    assert drawn["sessions"][0] == str(sample_bars("AAPL").session[0])
    assert {name: sum(value is None for value in drawn[name]) for name in LINES} == {
        "sma_20": 19,
        "sma_50": 49,
        "sma_200": 199,
        "ema_20": 19,
        "bollinger_upper": 19,
        "bollinger_lower": 19,
        "rsi_14": 14,
        "atr_14": 14,
        "realised_volatility_21": 21,
    }


async def test_they_lie_over_the_candles_of_the_same_query(client):
    query = {"from": "2011-01-01", "to": "2011-12-31"}
    bars = (await client.get("/v1/prices/IBM", params=query)).json()["bars"]

    drawn = await asked(client, "IBM", **query)

    close = np.array([bar["close"] for bar in bars])
    np.testing.assert_allclose(np.convolve(close, np.ones(20) / 20, "valid"), drawn["sma_20"][19:], rtol=1e-12)
    outside = (close > drawn["bollinger_upper"]) | (close < drawn["bollinger_lower"])
    assert 0 < outside.mean() < 0.2


async def test_an_answer_tells_how_old_its_numbers_are(client):
    prices, drawn = [await client.get(path) for path in ("/v1/prices/AAPL", "/v1/prices/AAPL/indicators")]

    assert float(drawn.headers["x-data-age"]) == pytest.approx(float(prices.headers["x-data-age"]), abs=2)


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/v1/prices/NONE/indicators", 404, "unknown-ticker"),
        ("/v1/prices/AAPL/indicators?from=yesterday", 422, "invalid-request"),
        ("/v1/prices/AAPL/indicators?limit=0", 422, "invalid-request"),
    ],
)
async def test_what_makes_no_sense_is_a_problem(client, path, status, kind):
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
