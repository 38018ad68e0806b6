"""Forecasts as views: the newest one that there was, believed as far as its own record goes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from price_paths import weekdays

from quant.views import Views
from stock_assets.allocation.outlook import LEAST_RECORD, Forecasts, forecast_views

N = 400
SESSION = weekdays(N + 1)
STOCK = 252


def forecasts(seed: int = 0, *, error: float = 0.01, count: int = N) -> Forecasts:
    """`count` of them; the last one's outcome isn't known."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(5e-4, 1e-4, count)
    realised = mean + rng.normal(0.0, error, count)
    realised[-1] = np.nan
    return Forecasts(SESSION[:count], SESSION[1 : count + 1], mean, np.full(count, 0.01), realised)


def views(*records: Forecasts | None, through: np.datetime64 = SESSION[-1], per_year: int = STOCK) -> Views:
    return forecast_views(records, through=through, sessions_per_year=np.full(len(records), per_year))


def test_a_view_is_the_newest_forecast_as_a_simple_return_a_year():
    record = forecasts()

    view = views(record)

    assert view.returns[0] == pytest.approx(STOCK * (record.mean[-1] + record.vol[-1] ** 2 / 2.0))


def test_its_uncertainty_is_that_of_the_mean_error_of_its_record():
    record = forecasts()
    errors = (record.realised - record.mean)[:-1]

    view = views(record)

    assert view.variance[0] == pytest.approx(STOCK**2 * errors.var(ddof=1) / len(errors))


def test_four_times_the_record_is_half_as_unsure():
    few, many = (np.sqrt(views(forecasts(count=count)).variance[0]) for count in (101, N + 1 - 1))

    assert few / many == pytest.approx(2.0, rel=0.15)


def test_forecasts_of_five_sessions_say_of_a_year_what_those_of_one_do():
    one = forecasts()
    five = Forecasts(
        SESSION[: N - 4], SESSION[5 : N + 1], 5.0 * one.mean[4:], np.sqrt(5.0) * one.vol[4:], one.realised[4:]
    )
    errors = (five.realised - five.mean)[:-1]

    view = views(five)

    assert view.returns[0] == pytest.approx(views(one).returns[0])
    assert view.variance[0] == pytest.approx((STOCK / 5) ** 2 * errors.var(ddof=1) / (len(errors) / 5))


def test_crypto_s_forecasts_are_of_days():
    record = forecasts()

    both = forecast_views([record, record], through=SESSION[-1], sessions_per_year=np.array([252, 365]))

    assert_allclose(both.returns[1] / both.returns[0], 365 / 252)
    assert_allclose(both.variance[1] / both.variance[0], (365 / 252) ** 2)


@pytest.mark.parametrize("row", [100, 251, N - 2])
def test_nothing_made_or_known_later_is_read(row):
    record, other = forecasts(0), forecasts(1)

    def until(a: np.ndarray, b: np.ndarray, known: int) -> np.ndarray:
        return np.concatenate([a[:known], b[known:]])

    # At the close of a session its forecast is made, and the one of the session before comes true.
    changed = Forecasts(
        record.made,
        record.due,
        until(record.mean, other.mean, row + 1),
        until(record.vol, 2.0 * other.vol, row + 1),
        until(record.realised, other.realised, row),
    )

    then, again = views(record, through=SESSION[row]), views(changed, through=SESSION[row])

    assert_array_equal(then.returns, again.returns)
    assert_array_equal(then.variance, again.variance)
    assert then.returns[0] == pytest.approx(STOCK * (record.mean[row] + record.vol[row] ** 2 / 2.0))


def test_who_has_no_forecast_or_too_short_a_record_has_no_view():
    short = forecasts(count=LEAST_RECORD)  # whose last outcome is still to come
    just = forecasts(count=LEAST_RECORD + 1)

    view = views(None, short, just)

    assert_array_equal(view.picks, [[0.0, 0.0, 1.0]])
    assert len(views(None, short).returns) == 0
    assert len(views(just, through=SESSION[0] - 1).returns) == 0


def test_a_record_without_any_error_is_not_believed_to_be_certain():
    record = forecasts(error=0.0)

    assert len(views(record).returns) == 0


def test_it_is_read_from_a_table_of_signals():
    record = forecasts(count=5)
    table = pd.DataFrame(
        {
            "date": record.made.astype("datetime64[s]"),
            "target_date": record.due.astype("datetime64[s]"),
            "mean": record.mean,
            "vol": record.vol,
            "realised": record.realised,
        }
    )

    read = Forecasts.of(table)

    for name in ("made", "due", "mean", "vol", "realised"):
        assert_array_equal(getattr(read, name), getattr(record, name))
