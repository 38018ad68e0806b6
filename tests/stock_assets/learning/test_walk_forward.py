"""Out-of-sample forecasts: what they may know, what they look like, and that noise scores nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from shared_data import sample_bars

from quant.bars import Bars, log_returns
from stock_assets.learning.dataset import MINIMUM_BARS, dataset
from stock_assets.learning.errors import TooLittleHistory
from stock_assets.learning.scores import by_model, ticker_metrics
from stock_assets.learning.tuning import purged_folds
from stock_assets.learning.walk_forward import Model, known_rows, walk_forward

SEED = 7


def close_of(data) -> pd.Series:
    return pd.Series(data.close, index=data.session.astype("datetime64[s]"))


def test_the_table_has_a_row_a_day_for_every_model(real):
    table = real.walk.table

    assert list(table.columns) == [
        "ticker", "date", "horizon", "target_date", "model", "mean", "vol", "p_up", "lower_90", "upper_90", "realised",
    ]  # fmt: skip
    assert set(table["model"]) == {"ridge", "forest", "champion", "random_walk", "historical_mean"}
    assert (table.groupby("model")["date"].nunique() == table["date"].nunique()).all()
    assert not table.duplicated(["date", "model"]).any()


def test_only_the_newest_forecast_has_no_outcome_yet(real):
    champion = real.walk.table[real.walk.table["model"] == "champion"]

    assert champion["realised"].isna().sum() == 1
    assert champion["realised"].isna().iloc[-1]
    assert champion["target_date"].iloc[-1] == pd.Timestamp("2013-03-04")  # the Monday after Friday 2013-03-01


def test_realised_is_the_total_return_of_the_next_session(real):
    bars = sample_bars("IBM")
    returns = pd.Series(log_returns(bars), index=bars.session.astype("datetime64[s]"))
    rows = by_model(real.walk.table, Model.RANDOM_WALK)

    np.testing.assert_allclose(rows["realised"], returns.loc[rows["target_date"]], atol=1e-12)


def test_the_random_walk_forecasts_no_change_at_even_odds(real):
    rows = real.walk.table[real.walk.table["model"] == "random_walk"]

    assert (rows["mean"] == 0.0).all()
    assert (rows["p_up"] == 0.5).all()


def test_bars_after_a_day_change_no_forecast_made_by_then(real, calendar):
    bars = sample_bars("IBM")[-1_300:]
    cut = 1_150
    ohlcv = bars.ohlcv.copy()
    ohlcv[cut + 1 :, :4] *= 1.7
    ohlcv[cut + 1 :, 4] *= 3.0
    later = Bars(bars.session, ohlcv, bars.split, bars.dividend)

    other = walk_forward(dataset(later, calendar, ticker="IBM", horizon=1), seed=SEED)

    until = pd.Timestamp(bars.session[cut])
    columns = ["mean", "vol", "p_up", "lower_90", "upper_90"]
    before, after = (table[table["date"] <= until][columns] for table in (real.walk.table, other.table))
    assert len(before) > 500
    assert_array_equal(before.to_numpy(), after.to_numpy())
    assert not real.walk.table[columns].equals(other.table[columns])


@pytest.mark.parametrize("horizon", [1, 5])
def test_no_label_learned_from_reaches_within_a_horizon_of_the_forecast(horizon):
    row = 700

    last_label_ends = known_rows(row, horizon=horizon) - 1 + horizon

    assert last_label_ends == row - horizon


@pytest.mark.parametrize("gap", [1, 5])
def test_tuning_folds_leave_a_gap_before_what_they_validate_on(gap):
    folds = list(purged_folds(1_000, folds=3, gap=gap))

    assert len(folds) == 3
    assert all(validation.start - train.stop == gap for train, validation in folds)
    assert folds[-1][1].stop == 1_000


def test_the_same_seed_gives_the_same_table(calendar):
    data = dataset(sample_bars("GOOG")[-1_050:], calendar, ticker="GOOG", horizon=1)

    first, second = walk_forward(data, seed=3), walk_forward(data, seed=3)

    pd.testing.assert_frame_equal(first.table, second.table, check_exact=True)
    assert first.parameters == second.parameters


def test_five_sessions_ahead_is_five_sessions_of_return(calendar):
    bars = sample_bars("IBM")[-1_100:]
    data = dataset(bars, calendar, ticker="IBM", horizon=5)

    walk = walk_forward(data, seed=SEED)

    rows = by_model(walk.table, Model.CHAMPION)
    at = np.searchsorted(bars.session, rows["date"].to_numpy(dtype="datetime64[D]")[0])
    assert rows["realised"].iloc[0] == pytest.approx(log_returns(bars)[at + 1 : at + 6].sum(), abs=1e-12)
    assert walk.table[walk.table["model"] == "champion"]["realised"].isna().sum() == 5


def test_white_noise_scores_nothing(noise):
    metrics = ticker_metrics(noise.walk.table, close=close_of(noise.data))

    assert metrics.clark_west_p > 0.05
    assert metrics.return_r2 < 0.002
    assert abs(metrics.directional_accuracy - 0.5) < 3 * metrics.directional_accuracy_se
    assert noise.walk.parameters.ridge_weight + noise.walk.parameters.forest_weight < 0.35


def test_white_noise_still_boasts_of_its_price_r2_and_so_does_the_random_walk(noise):
    metrics = ticker_metrics(noise.walk.table, close=close_of(noise.data))

    assert metrics.price_r2 > 0.95
    assert metrics.price_r2 == pytest.approx(metrics.price_r2_random_walk, abs=0.002)


def test_a_planted_edge_is_found(planted):
    metrics = ticker_metrics(planted.walk.table, close=close_of(planted.data))

    assert metrics.clark_west_p < 0.001
    assert metrics.return_r2 > 0.005
    assert metrics.directional_accuracy > metrics.base_rate + metrics.directional_accuracy_se
    assert metrics.brier < metrics.brier_base_rate
    assert planted.walk.parameters.ridge_weight + planted.walk.parameters.forest_weight > 0.35


def test_intervals_cover_what_they_promise_on_real_bars(real):
    metrics = ticker_metrics(real.walk.table, close=close_of(real.data))

    assert metrics.coverage_90 == pytest.approx(0.9, abs=0.04)
    assert metrics.n == real.walk.table["date"].nunique() - 1


def test_too_little_history_names_the_ticker_what_came_and_what_was_needed(calendar):
    with pytest.raises(TooLittleHistory, match=rf"^FB: expected at least {MINIMUM_BARS} bars .*, got 196$"):
        dataset(sample_bars("FB"), calendar, ticker="FB", horizon=1)
