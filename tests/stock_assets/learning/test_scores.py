"""One ticker's scores: by hand on four days, by other libraries on real ones."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from oos_tables import closes, days, hand_made, oos_table
from sklearn.metrics import brier_score_loss, log_loss, r2_score

from stock_assets.learning.errors import LearningError
from stock_assets.learning.scores import by_model, evidence, scores, ticker_metrics
from stock_assets.learning.walk_forward import Model

REALISED = (0.02, -0.01, 0.01, -0.02)
SAID = {
    Model.CHAMPION: {
        "mean": (0.01, -0.01, 0.02, 0.0),
        "p_up": (0.6, 0.4, 0.5, 0.3),
        "lower_90": -0.015,
        "upper_90": 0.015,
        "vol": np.abs(REALISED),
    },
    Model.HISTORICAL_MEAN: {"mean": 0.01, "p_up": 0.5},
    Model.EWMA: {"vol": np.abs(REALISED) / math.sqrt(math.e), "lower_90": -0.02, "upper_90": 0.02},
    Model.GARCH: {"vol": np.abs(REALISED) * math.sqrt(math.e)},
}
SAID_AND_ONE_MORE = {Model.CHAMPION: {"mean": (*SAID[Model.CHAMPION]["mean"], 0.05)}}


@pytest.fixture
def four_days():
    table = oos_table(REALISED, SAID)
    return ticker_metrics(table, horizon=1, close=closes(table), trials=12)


def test_the_record_says_what_it_is_of(four_days):
    assert (four_days.n, four_days.first, four_days.last, four_days.trials) == (4, "2020-01-01", "2020-01-04", 12)


def test_returns_are_scored_against_zero_and_beside_the_past_mean(four_days):
    # Squares of 4, 1, 1, 4 against errors of 1, 0, 1, 4; the mean's are 1, 4, 0, 9.
    assert four_days.return_r2 == pytest.approx(1 - 6 / 10)
    assert four_days.return_r2_historical_mean == pytest.approx(1 - 14 / 10)
    assert four_days.diebold_mariano < 0
    assert four_days.clark_west_p_historical_mean < 0.5


def test_price_levels_stand_beside_the_random_walk(four_days):
    reached, said = 100 * np.exp(REALISED), 100 * np.exp(SAID[Model.CHAMPION]["mean"])

    assert four_days.price_r2 == pytest.approx(r2_score(reached, said))
    assert four_days.price_r2_random_walk == pytest.approx(r2_score(reached, np.full(4, 100.0)))


def test_direction_is_that_of_forecasts_that_say_one(four_days):
    assert (four_days.directional_accuracy, four_days.directional_accuracy_se) == (1.0, 0.0)
    assert four_days.base_rate == 0.5


def test_probabilities_are_scored_beside_the_rate_of_the_past(four_days):
    assert four_days.brier == pytest.approx((0.16 + 0.16 + 0.25 + 0.09) / 4)
    assert four_days.brier_base_rate == pytest.approx(0.25)
    assert four_days.log_score_base_rate == pytest.approx(math.log(2))
    assert (four_days.confident_right, four_days.confident_n) == (1.0, 3)


def test_who_is_never_sure_is_never_right_or_wrong_about_it():
    assert scores(hand_made(REALISED)).confident_right is None


def test_an_interval_pays_for_its_width_and_twenty_times_for_what_it_misses(four_days):
    assert four_days.coverage_90 == 0.5
    assert four_days.coverage_50 == 0.5
    assert four_days.worst_coverage_63 == 0.5  # fewer than 63 sessions are one window
    assert four_days.interval_score == pytest.approx(0.03 + 20 * (0.005 + 0.005) / 4)
    assert four_days.interval_score_ewma == pytest.approx(0.04)


def test_a_variance_too_low_by_e_costs_e_less_two_and_one_too_high_its_inverse(four_days):
    assert four_days.qlike == pytest.approx(0.0)
    assert four_days.qlike_ewma == pytest.approx(math.e - 2)
    assert four_days.qlike_garch == pytest.approx(1 / math.e)
    assert four_days.variance_r2_ewma == pytest.approx(1.0)


def test_a_forecast_of_a_price_that_stood_still_is_left_out_of_the_variance_only():
    still = hand_made((*REALISED, 0.0), {Model.CHAMPION: {"vol": (*np.abs(REALISED), 0.01)}})

    made = scores(still)

    assert made.n == 5
    assert made.qlike == pytest.approx(0.0)


def test_only_known_outcomes_of_the_horizon_count():
    table = pd.concat([oos_table((*REALISED, math.nan), SAID_AND_ONE_MORE), oos_table(REALISED, horizon=5)])

    made = ticker_metrics(table, horizon=1, close=closes(table), trials=1)

    assert (made.n, made.last) == (4, "2020-01-04")
    assert made.return_r2 == pytest.approx(0.4)


def test_a_session_without_a_close_is_left_out_of_the_price_level_only():
    table = oos_table((*REALISED, 0.5), SAID_AND_ONE_MORE)

    without = ticker_metrics(table, horizon=1, close=closes(table).iloc[:-1], trials=1)

    assert without.price_r2_random_walk == pytest.approx(r2_score(100 * np.exp(REALISED), np.full(4, 100.0)))
    assert without.n == 5


def test_rows_may_be_taken_and_every_column_follows():
    e = hand_made(np.arange(1, 8) / 100, {Model.CHAMPION: {"p_up": np.arange(7) / 10}})

    some = e.rows(slice(2, 5))

    assert (len(some), some.ticker, some.trials) == (3, "IBM", 3)
    assert_array_equal(some.session, days("2020-01-03", 3))
    assert_array_equal(some.realised, np.array([0.03, 0.04, 0.05]))
    assert_array_equal(some.champion.p_up, np.array([0.2, 0.3, 0.4]))
    assert {len(values) for values in some.variances.values()} == {3}


def test_without_a_known_outcome_there_is_nothing_to_score():
    table = oos_table([math.nan])

    with pytest.raises(LearningError, match="expected at least one champion row with a known outcome, got none"):
        ticker_metrics(table, horizon=1, close=closes(table), trials=1)


def test_a_price_that_never_moved_has_no_score():
    with pytest.raises(LearningError, match="IBM: expected sessions whose price moved, got none among 3 forecasts"):
        scores(hand_made([0.0, 0.0, 0.0]))


def test_a_baseline_of_other_sessions_is_no_baseline():
    table = oos_table(REALISED)
    gap = table[(table["model"] != Model.GARCH.value) | (table["date"] != "2020-01-02")]

    with pytest.raises(LearningError, match="expected garch_11 on the champion's sessions, got it on others"):
        evidence(gap, horizon=1, close=closes(table), trials=1)


def test_on_real_forecasts_other_libraries_come_to_the_same(real):
    close = pd.Series(real.data.close, index=real.data.session.astype("datetime64[s]"))
    champion = by_model(real.walk.table, Model.CHAMPION, horizon=1)
    up, level = champion["realised"] > 0, close.loc[champion["date"]].to_numpy()

    made = ticker_metrics(real.walk.table, horizon=1, close=close, trials=real.walk.trials)

    assert made.n == len(champion) == real.walk.table["date"].nunique() - 1
    assert made.brier == pytest.approx(brier_score_loss(up, champion["p_up"]))
    assert made.log_score == pytest.approx(log_loss(up, champion["p_up"]))
    reached, said = (level * np.exp(champion[name]) for name in ("realised", "mean"))
    assert made.price_r2 == pytest.approx(r2_score(reached, said))
    assert made.price_r2_random_walk == pytest.approx(r2_score(reached, level))
    inside = champion["realised"].between(champion["lower_90"], champion["upper_90"])
    assert made.coverage_90 == pytest.approx(inside.mean())
    assert made.worst_coverage_63 == pytest.approx(inside.rolling(63).mean().min())
