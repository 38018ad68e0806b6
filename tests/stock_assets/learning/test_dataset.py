"""Rows to learn from: what a row knows, what followed it, and in which units."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import sample_bars

from quant.bars import CLOSE, HIGH, LOW, OPEN, Bars, adjusted, log_returns, unadjusted
from quant.features import WINDOW, column, feature_table
from quant.volatility import range_realised_variance, range_variance, realised_variance
from stock_assets.learning.dataset import (
    LARGEST_EDGE,
    MINIMUM_BARS,
    History,
    dataset,
    history,
    require_history,
    session_variance,
)
from stock_assets.learning.errors import LearningError, TooLittleHistory

HORIZONS = (1, 5)


@pytest.fixture(scope="module")
def bars() -> Bars:
    """AAPL's first years, with a split in them."""
    made = sample_bars("AAPL")[:1_400]
    assert (made.split != 1).any()
    return made


@pytest.fixture(scope="module")
def rows(bars, calendar) -> History:
    return history(bars, calendar, ticker="AAPL", horizons=HORIZONS)


def test_a_row_is_the_window_that_ends_at_its_session(bars, rows):
    session, X = feature_table(bars)

    assert (rows.ticker, rows.horizons, len(rows)) == ("AAPL", HORIZONS, len(bars) - WINDOW + 1)
    assert_array_equal(rows.session, session)
    assert_array_equal(rows.X, X)
    assert_array_equal(rows.close, adjusted(bars)[WINDOW - 1 :, CLOSE])
    assert_array_equal(rows.volatility, X[:, column("ewma_vol")])


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_target_is_the_total_return_of_the_sessions_after_the_row(bars, rows, horizon):
    returns = pd.Series(log_returns(bars))
    total = returns.rolling(horizon).sum().shift(-horizon)[WINDOW - 1 :]

    data = rows.dataset(horizon)

    assert_allclose(data.target, total, atol=1e-12)
    assert np.isnan(data.target[-horizon:]).all()
    assert data.labelled == len(data) - horizon
    assert np.isfinite(data.target[: data.labelled]).all()


@pytest.mark.parametrize("horizon", HORIZONS)
def test_what_came_of_the_variance_is_what_the_baselines_forecast(bars, rows, horizon):
    data = rows.dataset(horizon)

    squares = realised_variance(log_returns(bars), horizon=horizon)[WINDOW - 1 :]
    ranges = range_realised_variance(adjusted(bars), horizon=horizon)[WINDOW - 1 :]

    assert_allclose(data.realised_variance, squares, rtol=1e-12)
    assert_allclose(data.labels.variance, squares / horizon, rtol=1e-12)
    # The floor of a basis point keeps the log of a still session finite.
    assert_allclose(data.labels.log_variance, np.log(ranges / horizon + 1e-8), atol=1e-6)


@pytest.mark.parametrize("horizon", HORIZONS)
def test_an_edge_is_the_return_in_volatilities_that_were_known_and_held_to_the_limit(rows, horizon):
    data = rows.dataset(horizon)
    recent, quarter = (rows.X[:, column(name)] for name in ("ewma_vol", "realised_vol_63"))

    expected = data.target / (np.sqrt(horizon) * np.sqrt((recent**2 + quarter**2) / 2))

    assert_allclose(data.labels.edge, np.clip(expected, -LARGEST_EDGE, LARGEST_EDGE), rtol=1e-3)
    assert np.nanmax(np.abs(data.labels.edge)) <= LARGEST_EDGE
    # In volatilities: about one.
    assert np.nanstd(data.labels.edge) == pytest.approx(1.0, abs=0.15)


def test_the_forecast_is_for_the_session_so_many_steps_ahead_by_the_calendar_at_the_end(rows):
    one, five = rows.target_session[1], rows.target_session[5]

    assert_array_equal(one[:-1], rows.session[1:])
    assert_array_equal(five[:-5], rows.session[5:])
    # The bars end on Friday 2005-09-23; the calendar knows of the weekend.
    assert str(rows.session[-1]) == "2005-09-23"
    assert (str(one[-1]), str(five[-1])) == ("2005-09-26", "2005-09-30")


def test_a_dataset_is_the_history_of_one_horizon(bars, rows, calendar):
    alone, among = dataset(bars, calendar, ticker="AAPL", horizon=5), rows.dataset(5)

    for name in ("session", "target_session", "X", "close", "log_return", "range_variance", "target", "unit"):
        assert_array_equal(getattr(alone, name), getattr(among, name))


def test_labels_can_be_cut_like_their_rows(rows):
    labels = rows.dataset(5).labels

    cut = labels[10:30]

    assert (len(cut), cut.horizon) == (20, 5)
    assert_array_equal(cut.edge, labels.edge[10:30])
    assert_array_equal(cut.variance, labels.variance[10:30])
    assert_array_equal(cut.log_variance, labels.log_variance[10:30])


def test_gains_and_losses_that_cancel_are_no_move(calendar):
    bars = sample_bars("IBM")[-1_100:]
    close = np.resize([100.0, 101.0, 100.0, 99.3, 100.0], 1_100)
    still = unadjusted(bars.session, np.column_stack([close, close, close, close, np.ones(1_100)]))

    target = dataset(still, calendar, ticker="IBM", horizon=5).target

    assert (target[:-5] == 0.0).all()


def test_a_sessions_variance_is_its_range_and_the_gap_before_it(bars):
    plain = bars.split == 1
    plain &= bars.dividend == 0
    o, h, low, c = (bars.ohlcv[:, k] for k in (OPEN, HIGH, LOW, CLOSE))
    by_hand = np.log(h / low)[1:] ** 2 / (4 * math.log(2)) + np.log(o[1:] / c[:-1]) ** 2

    made = session_variance(bars)

    assert np.isnan(made[0])
    assert_allclose(made[1:][plain[1:]], by_hand[plain[1:]], rtol=1e-9)
    assert_allclose(made[1:], range_variance(adjusted(bars))[1:], rtol=1e-6)


@pytest.mark.parametrize("t", [WINDOW + 20, 700, 1_200])
def test_what_a_row_knows_does_not_change_with_the_bars_after_it(bars, calendar, t):
    rng = np.random.default_rng(t)
    ohlcv, split, dividend = bars.ohlcv.copy(), bars.split.copy(), bars.dividend.copy()
    ohlcv[t + 1 :] *= rng.uniform(0.5, 2.0, (len(bars) - t - 1, 1))
    split[t + 1], dividend[t + 2] = 2.0, 0.7
    later = history(Bars(bars.session, ohlcv, split, dividend), calendar, ticker="AAPL", horizons=HORIZONS)
    before = history(bars, calendar, ticker="AAPL", horizons=HORIZONS)

    known = t - WINDOW + 2
    for name in ("X", "log_return", "range_variance"):
        assert_array_equal(getattr(later, name)[:known], getattr(before, name)[:known])
    for horizon in HORIZONS:
        one, other = later.dataset(horizon), before.dataset(horizon)
        assert_array_equal(one.unit[:known], other.unit[:known])
        assert_array_equal(one.target[: known - horizon], other.target[: known - horizon])
        assert_array_equal(one.labels.edge[: known - horizon], other.labels.edge[: known - horizon])
        assert one.target[known] != other.target[known]


def test_a_horizon_that_no_target_session_is_known_for_is_refused(rows):
    with pytest.raises(LearningError, match=r"horizon: expected one of 1, 5, got 3"):
        rows.dataset(3)


def test_too_little_history_names_the_ticker_what_came_and_what_was_needed(calendar):
    enough = sample_bars("IBM")[:MINIMUM_BARS]

    require_history(enough, ticker="IBM")
    with pytest.raises(TooLittleHistory, match=rf"^IBM: expected at least {MINIMUM_BARS} bars .*, got 1007$"):
        require_history(enough[1:], ticker="IBM")
    with pytest.raises(TooLittleHistory, match=rf"^FB: expected at least {MINIMUM_BARS} bars .*, got 196$"):
        dataset(sample_bars("FB"), calendar, ticker="FB", horizon=1)
