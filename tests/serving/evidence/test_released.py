"""What a release's own record says over REST: equity, hits, calibration and coverage, counted again by other means."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from numpy.testing import assert_allclose
from real_release import SIGNAL_ROWS, draft, draft_ticker
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from statsmodels.stats.proportion import proportion_confint

from release.manifest import SignalRow
from release.reader import ReleasedTicker
from release.store import Store
from release.writer import publish
from serving.evidence.released import QUARTER, OutOfSample, calibration, signal_performance
from serving.view import view

pytestmark = pytest.mark.anyio

TICKERS = ("AAPL", "IBM")


def known(ticker: str) -> list[SignalRow]:
    """The released signals whose outcome is known."""
    return [row for row in draft_ticker(ticker).signals if row.realised is not None]


def column(rows: list[SignalRow], name: str) -> np.ndarray:
    return np.array([getattr(row, name) for row in rows])


def as_sent(record: msgspec.Struct) -> dict:
    return msgspec.json.decode(msgspec.json.encode(record))


async def asked(client, path: str) -> dict:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


# Signals.


@pytest.mark.parametrize("ticker", TICKERS)
async def test_the_record_of_the_trades_comes_with_its_curves(client, ticker):
    drafted = draft_ticker(ticker)

    answer = await asked(client, f"/v1/signals/{ticker}/performance")

    assert answer["trading"] == as_sent(drafted.trading)
    assert answer["curves"] == as_sent(drafted.curves)
    assert answer["curves"]["signals"][0] == answer["curves"]["buy_and_hold"][0] == 1.0
    years = SIGNAL_ROWS / 252
    assert answer["curves"]["signals"][-1] ** (1 / years) - 1 == pytest.approx(
        drafted.trading.signals.annualised_return, rel=0.05
    )


@pytest.mark.parametrize("ticker", TICKERS)
async def test_hits_are_counted_beside_what_the_direction_alone_is_right_by(client, ticker):
    rows = known(ticker)
    moves = np.sign(column(rows, "realised"))

    hits = (await asked(client, f"/v1/signals/{ticker}/performance"))["hits"]

    for name, action, side in (("buy", "BUY", 1), ("sell", "SELL", -1)):
        mine = moves[column(rows, "action") == action]
        right = [move == side for move in mine if move != 0]
        share = float(np.mean(right))
        assert hits[name]["n"] == len(right) > 30
        assert hits[name]["right"] == pytest.approx(share)
        assert hits[name]["standard_error"] == pytest.approx(np.sqrt(share * (1 - share) / len(right)))
        assert hits[name]["base_rate"] == pytest.approx(float(np.mean(moves[moves != 0] == side)))
    assert hits["hold"] == sum(row.action == "HOLD" for row in rows)


@pytest.mark.parametrize("ticker", TICKERS)
async def test_both_directions_together_are_their_mixture_and_so_is_their_baseline(client, ticker):
    hits = (await asked(client, f"/v1/signals/{ticker}/performance"))["hits"]

    n = hits["buy"]["n"] + hits["sell"]["n"]
    assert hits["both"]["n"] == n
    for figure in ("right", "base_rate"):
        mixed = sum(hits[name]["n"] * hits[name][figure] for name in ("buy", "sell")) / n
        assert hits["both"][figure] == pytest.approx(mixed)


def released(tmp_path, change) -> ReleasedTicker:
    """IBM as released, with its signals changed."""
    ticker = draft_ticker("IBM")
    changed = replace(ticker, signals=tuple(map(change, ticker.signals)))
    publish(tmp_path, replace(draft(tickers=("IBM",)), tickers=[changed]))
    return Store(tmp_path).load().tickers["IBM"]


def test_where_no_signal_takes_a_side_there_is_no_share_to_be_right(tmp_path):
    ticker = released(tmp_path, lambda row: msgspec.structs.replace(row, action="HOLD"))

    hits = signal_performance(Store(tmp_path).load(), ticker).hits

    assert (hits.both.n, hits.both.right, hits.both.standard_error, hits.both.base_rate) == (0, None, None, None)
    assert hits.hold == len(known("IBM"))


@pytest.mark.parametrize("wins", [1, 0])
def test_a_single_signal_that_was_right_or_wrong_is_no_certainty(tmp_path, wins):
    only = next(row.session for row in known("IBM") if (row.realised > 0) == bool(wins) and row.realised != 0)
    ticker = released(
        tmp_path, lambda row: msgspec.structs.replace(row, action="BUY" if row.session == only else "HOLD")
    )

    hits = signal_performance(Store(tmp_path).load(), ticker).hits

    assert (hits.buy.n, hits.buy.right) == (1, wins)
    # Of three hits and two misses, or the other way round.
    assert hits.buy.standard_error == pytest.approx(np.sqrt(0.6 * 0.4 / 5))
    assert hits.sell.n == 0


def test_one_outcome_is_enough_for_every_answer(tmp_path):
    first = known("IBM")[0].session
    ticker = released(
        tmp_path, lambda row: msgspec.structs.replace(row, realised=row.realised if row.session == first else None)
    )

    release = Store(tmp_path).load()
    told, beside = calibration(release, ticker), OutOfSample.of(ticker, horizon=1)

    assert (told.n, len(told.reliability), beside.figures.n) == (1, 1, 1)
    assert np.isfinite([told.brier, told.brier_base_rate, beside.figures.hit_rate_se]).all()
    assert beside.figures.hit_rate_se > 0
    assert view(release).answers["/v1/models/IBM/calibration"]


def test_a_price_that_did_not_move_says_nothing_of_a_direction(tmp_path):
    still = known("IBM")[-1].session
    ticker = released(
        tmp_path,
        lambda row: msgspec.structs.replace(row, action="BUY", realised=0.0 if row.session == still else row.realised),
    )

    hits = signal_performance(Store(tmp_path).load(), ticker).hits

    assert hits.buy.n == sum(row.realised not in (0.0, None) for row in ticker.signals)
    assert hits.buy.right == pytest.approx(hits.buy.base_rate)


# Calibration.


@pytest.mark.parametrize("ticker", TICKERS)
async def test_the_reliability_diagram_is_scikit_learns_with_statsmodels_intervals(client, ticker):
    rows = known(ticker)
    up, p_up = column(rows, "realised") > 0, column(rows, "p_up")
    observed, said = calibration_curve(up, p_up, n_bins=10, strategy="quantile")

    bins = (await asked(client, f"/v1/models/{ticker}/calibration"))["reliability"]

    assert_allclose([each["happened"] for each in bins], observed)
    assert_allclose([each["forecast"] for each in bins], said)
    came = [round(each["happened"] * each["n"]) for each in bins]
    intervals = proportion_confint(came, [each["n"] for each in bins], method="wilson")
    assert_allclose([[each["lower_95"], each["upper_95"]] for each in bins], np.transpose(intervals))
    assert (bins[0]["lower"], bins[-1]["upper"]) == (p_up.min(), p_up.max())
    assert sum(each["n"] for each in bins) == len(rows)


@pytest.mark.parametrize("ticker", TICKERS)
async def test_the_brier_score_stands_beside_that_of_the_share_known_at_the_time(client, ticker):
    rows = known(ticker)
    up = column(rows, "realised") > 0

    answer = await asked(client, f"/v1/models/{ticker}/calibration")

    assert answer["brier"] == pytest.approx(brier_score_loss(up, column(rows, "p_up")))
    # Over ten years before the first of these rows the share hardly moves any more.
    assert answer["brier_base_rate"] == pytest.approx(0.25, abs=0.003)
    in_hindsight = up.mean() * (1 - up.mean())
    assert answer["brier_base_rate"] > in_hindsight
    assert (answer["n"], answer["first"], answer["last"]) == (len(rows), rows[0].session, rows[-1].session)


@pytest.mark.parametrize("ticker", TICKERS)
async def test_coverage_is_that_of_every_quarter_by_its_last_session(client, ticker):
    rows = known(ticker)
    realised = column(rows, "realised")

    answer = await asked(client, f"/v1/models/{ticker}/calibration")

    assert (answer["window"], answer["nominal_90"], answer["nominal_50"]) == (QUARTER, 0.9, 0.5)
    assert [point["session"] for point in answer["coverage"]] == [row.session for row in rows[QUARTER - 1 :]]
    for level in (90, 50):
        lower, upper = column(rows, f"lower_{level}"), column(rows, f"upper_{level}")
        inside = (lower <= realised) & (realised <= upper)
        naive = [inside[end - QUARTER : end].mean() for end in range(QUARTER, len(rows) + 1)]
        assert_allclose([point[f"coverage_{level}"] for point in answer["coverage"]], naive)


def test_without_a_quarter_of_outcomes_there_is_no_coverage_to_draw(tmp_path):
    first = known("IBM")[: QUARTER - 1][-1].session
    ticker = released(
        tmp_path, lambda row: msgspec.structs.replace(row, realised=row.realised if row.session <= first else None)
    )

    told = calibration(Store(tmp_path).load(), ticker)

    assert (told.n, told.coverage) == (QUARTER - 1, ())
    assert sum(each.n for each in told.reliability) == told.n


def test_what_live_forecasts_are_held_against_was_known_in_training(tmp_path):
    ticker = released(tmp_path, lambda row: row)
    rows = known("IBM")
    trained_through = rows[-40].target_session
    earlier = replace(ticker, lineage=msgspec.structs.replace(ticker.lineage, last_session=trained_through))

    beside = OutOfSample.of(earlier, horizon=1)

    expected = (column(rows, "realised") - column(rows, "edge_bp") / 1e4) / column(rows, "vol")
    assert_allclose(beside.residual, expected[:-39])
    assert beside.figures.n == len(rows)
    assert beside.figures.mean_squared_residual == pytest.approx(float(np.mean(expected**2)))


# How they are sent.


@pytest.mark.parametrize("path", ["/v1/signals/AAPL/performance", "/v1/models/AAPL/calibration"])
async def test_what_only_a_release_changes_is_sent_as_ready_bytes_with_their_tag(client, path):
    answer = await client.get(path)
    again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert "x-data-age" in answer.headers


@pytest.mark.parametrize(
    "path", ["/v1/signals/NOPE/performance", "/v1/models/NOPE/calibration", "/v1/models/NOPE/live"]
)
async def test_a_ticker_that_is_not_there_is_a_problem_that_names_those_that_are(client, path):
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-ticker")
    assert answer.json()["known"] == list(TICKERS)


async def test_a_model_says_how_it_came_into_force(client):
    card = await asked(client, "/v1/models/AAPL")

    assert card["succession"] == as_sent(draft_ticker("AAPL").succession)
    assert card["succession"]["version"] == card["version"]
    assert card["succession"]["challenger"] is None
