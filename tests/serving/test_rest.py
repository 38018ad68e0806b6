"""What REST says of a published release, with no live engine about."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from real_release import CREATED_AT, SIGNAL_ROWS, draft, draft_ticker
from shared_data import sample_bars

from quant.bars import adjusted
from quant.signals import Action
from release.inference import infer
from serving.latest import SESSIONS_KEPT
from serving.messages import FeedState, PriceMessage, SignalMessage, StatusMessage

pytestmark = pytest.mark.anyio

AT = datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC)
FIGURES = ("mean", "vol", "p_up", "lower_90", "lower_50", "upper_50", "upper_90")


def figures(part: dict) -> dict:
    """The distribution that a prediction, or a further one inside it, tells of."""
    return {name: part[name] for name in FIGURES}


async def test_a_prediction_is_the_released_model_s_at_the_last_bar(client, app):
    released = app.state.latest.view.ticker("AAPL")
    made = infer(released, sample_bars("AAPL").through(np.datetime64("2012-03-01")))

    answer = (await client.get("/v1/predictions/AAPL")).json()

    assert (answer["session"], answer["close"], answer["provisional"]) == ("2012-03-01", 544.47, False)
    assert figures(answer) == {name: getattr(made[1], name)[0] for name in FIGURES}
    assert [figures(part) for part in answer["further"]] == [{n: getattr(made[5], n)[0] for n in FIGURES}]


async def test_each_horizon_looks_at_its_own_session(client):
    answer = (await client.get("/v1/predictions/AAPL")).json()

    assert [(part["horizon"], part["target_session"]) for part in (answer, *answer["further"])] == [
        (1, "2012-03-02"),
        (5, "2012-03-08"),
    ]


async def test_the_prices_are_those_that_the_returns_lead_to(client):
    answer = (await client.get("/v1/predictions/IBM")).json()

    for part in (answer, *answer["further"]):
        prices = [part[f"price_{name}"] for name in ("lower_90", "lower_50", "median", "upper_50", "upper_90")]
        returns = [part[name] for name in ("lower_90", "lower_50", "mean", "upper_50", "upper_90")]
        assert prices == pytest.approx(answer["close"] * np.exp(returns))
        assert prices == sorted(prices)


async def test_a_week_is_less_certain_than_a_day(client):
    for ticker in ("AAPL", "IBM"):
        answer = (await client.get(f"/v1/predictions/{ticker}")).json()
        (week,) = answer["further"]

        assert week["vol"] > 1.5 * answer["vol"]
        assert week["lower_90"] < answer["lower_90"] < answer["upper_90"] < week["upper_90"]


async def test_all_predictions_are_each_prediction(client):
    each = [(await client.get(f"/v1/predictions/{ticker}")).json() for ticker in ("AAPL", "IBM")]

    assert (await client.get("/v1/predictions")).json() == {"predictions": each}


async def test_the_tickers_come_with_those_that_were_refused(client):
    answer = (await client.get("/v1/tickers")).json()

    assert [card["ticker"] for card in answer["tickers"]] == ["AAPL", "IBM"]
    assert answer["tickers"][0]["last_close"] == 544.47
    assert answer["refused"] == [{"ticker": "FB", "reason": "expected at least 1008 bars, got 196"}]


async def test_the_price_r2_never_appears_without_the_random_walk_s(client):
    for path in ("/v1/models", "/v1/models/AAPL"):
        text = (await client.get(path)).text

        assert text.count('"price_r2":') == text.count('"price_r2_random_walk":') > 0


async def test_a_model_has_its_scores_and_parameters_by_horizon_and_what_its_signals_earned(client):
    drafted = draft_ticker("AAPL")

    card = (await client.get("/v1/models/AAPL")).json()

    assert card["horizons"] == [1, 5]
    for horizon in (1, 5):
        assert card["metrics"][str(horizon)] == msgspec.to_builtins(drafted.metrics[horizon])
        assert card["parameters"][str(horizon)] == msgspec.to_builtins(drafted.parameters[horizon])
    assert card["trading"] == msgspec.to_builtins(drafted.trading)
    assert {"signals", "buy_and_hold", "trials"} <= set(card["trading"])


async def test_the_model_card_is_the_release_s_own_page(client):
    answer = await client.get("/v1/model-card")

    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.text == draft().model_card
    assert "R²" in answer.text
    assert (await client.get("/v1/model-card", headers={"If-None-Match": answer.headers["etag"]})).status_code == 304


async def test_a_model_can_be_followed_to_its_bars(client):
    lineage = (await client.get("/v1/models/IBM")).json()["lineage"]

    assert lineage["data_sha256"] == draft_ticker("IBM").lineage.data_sha256
    assert lineage["dagster_run_id"] == "run-IBM"
    assert lineage["mlflow_run_id"] == "mlflow-IBM"


async def test_a_signal_follows_from_the_prediction_beside_it(client):
    prediction = (await client.get("/v1/predictions/AAPL")).json()
    signal = (await client.get("/v1/signals/AAPL")).json()

    assert signal["edge_bp"] == pytest.approx(1e4 * prediction["mean"])
    assert signal["previous"] == draft_ticker("AAPL").signals[-2].action
    assert (await client.get("/v1/signals")).json()["signals"][0] == signal


async def test_the_cursor_leads_through_the_whole_history_once(client):
    sessions, cursor = [], None
    while True:
        query = {"limit": 70} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/signals/AAPL/history", params=query)).json()
        sessions += [row["session"] for row in page["signals"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert sessions == [row.session for row in reversed(draft_ticker("AAPL").signals)]
    assert len(sessions) == SIGNAL_ROWS


async def test_prices_come_adjusted_or_as_traded(client):
    bars = sample_bars("IBM").through(np.datetime64("2012-03-01"))
    query = {"from": "2011-06-01", "to": "2011-06-30"}

    plain = (await client.get("/v1/prices/IBM", params=query | {"adjusted": False})).json()["bars"]
    taken_out = (await client.get("/v1/prices/IBM", params=query)).json()["bars"]

    rows = (bars.session >= np.datetime64("2011-06-01")) & (bars.session <= np.datetime64("2011-06-30"))
    assert [bar["close"] for bar in plain] == bars.close[rows].tolist()
    np.testing.assert_allclose([bar["close"] for bar in taken_out], adjusted(bars)[rows, 3], rtol=1e-12)
    assert taken_out[0]["close"] < plain[0]["close"]


async def test_a_limit_keeps_the_newest_bars(client):
    bars = (await client.get("/v1/prices/AAPL", params={"limit": 3})).json()["bars"]

    assert [bar["session"] for bar in bars] == ["2012-02-28", "2012-02-29", "2012-03-01"]


async def test_a_range_without_sessions_has_no_bars(client):
    for query in ({"from": "2031-01-01"}, {"to": "1990-01-01"}, {"from": "2011-06-30", "to": "2011-06-01"}):
        assert (await client.get("/v1/prices/AAPL", params=query)).json()["bars"] == []


async def test_an_answer_tells_how_old_its_numbers_are(client):
    response = await client.get("/v1/predictions/AAPL")

    since = (datetime.now(UTC) - CREATED_AT).total_seconds()
    assert float(response.headers["x-data-age"]) == pytest.approx(max(0.0, since), abs=5)
    assert response.json()["made_at"] == "2026-11-23T08:00:00Z"


async def test_who_has_the_bytes_already_is_not_sent_them_again(client):
    first = await client.get("/v1/predictions/AAPL")

    again = await client.get("/v1/predictions/AAPL", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    other = await client.get("/v1/predictions/AAPL", headers={"If-None-Match": '"other"'})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (other.status_code, other.content) == (200, first.content)


@pytest.mark.parametrize(
    "path", ["/v1/predictions/AAPL", "/v1/predictions", "/v1/prices/AAPL", "/v1/model-card", "/livez"]
)
async def test_head_says_what_get_says_without_the_body(client, path):
    got = await client.get(path)
    asked = await client.head(path)

    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-type"] == got.headers["content-type"]


async def test_a_query_that_a_route_does_not_know_changes_nothing(client):
    plain = await client.get("/v1/predictions/AAPL")

    assert (await client.get("/v1/predictions/AAPL?utm=1")).content == plain.content


async def test_a_live_prediction_takes_the_place_of_the_released_one(client, app, live_prediction):
    latest = app.state.latest
    before = (await client.get("/v1/predictions")).json()["predictions"]

    latest.apply(live_prediction)

    assert (await client.get("/v1/predictions/AAPL")).json()["session"] == "2012-03-02"
    assert int((await client.get("/v1/predictions/AAPL")).headers["x-data-age"]) <= 1
    after = (await client.get("/v1/predictions")).json()["predictions"]
    assert [p["session"] for p in after] == ["2012-03-02", "2012-03-01"]
    assert after[1] == before[1]


async def test_a_live_signal_and_price_are_served_too(client, app):
    signal = SignalMessage(
        ticker="AAPL",
        at=AT,
        session="2012-03-02",
        action=Action.SELL,
        previous=Action.BUY,
        confidence=51.0,
        edge_bp=-9.0,
        reason="expected -9.0 bp",
        provisional=True,
        release_id="2012-03-01-0123456789ab",
        audit_id=7,
    )
    price = PriceMessage(ticker="AAPL", session="2012-03-02", at=AT, price=545.0, volume=1e6, provisional=True)

    app.state.latest.apply(signal)
    app.state.latest.apply(price)

    assert (await client.get("/v1/signals/AAPL")).json()["action"] == "SELL"
    assert (await client.get("/v1/signals")).json()["signals"][0]["audit_id"] == 7
    assert (await client.get("/v1/prices/AAPL")).json()["live"]["price"] == 545.0


async def test_sessions_after_the_release_that_were_heard_of_are_bars_too(client, app):
    def price(session, value, **more):
        return PriceMessage(ticker="AAPL", session=session, at=AT, price=value, volume=1e6, provisional=False, **more)

    app.state.latest.apply(price("2012-03-02", 544.0, open=543.0, high=546.0, low=542.0))
    app.state.latest.apply(price("2012-03-02", 545.0, open=543.0, high=547.0, low=542.0, previous_close=544.47))
    app.state.latest.apply(price("2012-03-05", 533.0))

    answer = (await client.get("/v1/prices/AAPL?limit=1")).json()
    assert answer["live_bars"] == [
        {"session": "2012-03-02", "open": 543.0, "high": 547.0, "low": 542.0, "close": 545.0, "volume": 1e6},
        {"session": "2012-03-05", "open": 533.0, "high": 533.0, "low": 533.0, "close": 533.0, "volume": 1e6},
    ]
    assert answer["live"]["session"] == "2012-03-05"
    assert len(answer["bars"]) == 1


def price_of(session: str, value: float) -> PriceMessage:
    return PriceMessage(ticker="AAPL", session=session, at=AT, price=value, volume=1e6, provisional=True)


async def test_a_market_that_begins_again_takes_back_the_sessions_that_it_has_not_come_to(client, app):
    for session in ("2012-03-02", "2012-03-05", "2012-03-06"):
        app.state.latest.apply(price_of(session, 545.0))

    app.state.latest.apply(price_of("2012-03-02", 540.0))
    first = (await client.get("/v1/prices/AAPL")).json()
    app.state.latest.apply(price_of("2012-03-05", 541.0))
    second = (await client.get("/v1/prices/AAPL")).json()

    assert [(bar["session"], bar["close"]) for bar in first["live_bars"]] == [("2012-03-02", 540.0)]
    assert [(bar["session"], bar["close"]) for bar in second["live_bars"]] == [
        ("2012-03-02", 540.0),
        ("2012-03-05", 541.0),
    ]
    assert second["live"]["session"] == "2012-03-05"


async def test_of_the_sessions_after_a_release_a_year_is_kept(client, app):
    days = np.arange("2012-03-02", "2013-03-02", dtype="datetime64[D]").astype(str).tolist()
    for day in days:
        app.state.latest.apply(price_of(day, 545.0))

    kept = (await client.get("/v1/prices/AAPL")).json()["live_bars"]

    assert [bar["session"] for bar in kept] == days[-SESSIONS_KEPT - 1 :]


async def test_a_live_message_of_an_unknown_ticker_changes_nothing(client, app, live_prediction):
    before = (await client.get("/v1/predictions")).content

    app.state.latest.apply(msgspec.structs.replace(live_prediction, ticker="TSLA"))

    assert (await client.get("/v1/predictions")).content == before
    assert (await client.get("/v1/predictions/TSLA")).status_code == 404


async def test_the_status_tells_the_feed_s_state_and_the_age_of_its_last_message(client, app):
    before = (await client.get("/v1/status")).json()

    app.state.latest.apply(StatusMessage(feed=FeedState.LIVE, at=AT, release_id="x", detail="replaying 2012-03-02"))

    after = (await client.get("/v1/status")).json()
    assert before["feed"] == {
        "configured": False,
        "state": None,
        "detail": None,
        "last_message_at": None,
        "last_message_age_seconds": None,
        "stale": False,
    }
    assert after["feed"]["state"] == "live"
    assert after["feed"]["last_message_age_seconds"] < 5
    assert after["release_id"] == app.state.latest.release_id


async def test_every_request_is_counted_under_its_route(client):
    await client.get("/v1/predictions/AAPL")
    await client.get("/v1/predictions/NONE")
    await client.get("/no/such/path")

    text = (await client.get("/metrics")).text

    assert 'method="GET",route="/v1/predictions/{ticker}",status="200"' in text
    assert 'method="GET",route="/v1/predictions/{ticker}",status="404"' in text
    assert 'method="GET",route="unmatched",status="404"' in text
    assert "NONE" not in text
    assert "no/such" not in text
    assert "stock_assets_release_info{release_id=" in text


async def test_every_link_of_the_index_leads_somewhere(client):
    index = (await client.get("/v1")).json()

    assert index["name"] == "stock-assets"
    for name, path in index["links"].items():
        # A WebSocket route is none for HTTP.
        assert (await client.get(path)).status_code == (404 if name == "stream" else 200), path
