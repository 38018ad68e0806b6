"""Out-of-sample forecasts: what they may know, what they look like, and how they come of what was known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import bigtech_bars, sample_bars

from quant.bars import Bars, log_returns
from quant.conformal import adaptive_bounds
from quant.faults import faults
from quant.forecast import forecast
from quant.volatility import ewma_variance, rolling_variance
from stock_assets.learning.candidates import EDGE_FAMILIES, FAMILIES, VARIANCE_FAMILIES
from stock_assets.learning.combination import Beliefs, shrunk_mean
from stock_assets.learning.dataset import dataset
from stock_assets.learning.scores import by_model, ticker_metrics
from stock_assets.learning.training import train
from stock_assets.learning.walk_forward import MONTH, Model, WalkForward, first_forecast, known_rows, walk_forward

SEED = 7
BARS = 1_060
# Bars before the first row that has features.
AHEAD = 251
LAST_KNOWN = ["realised", "realised_variance"]
SAID = ["mean", "vol", "p_up", "lower_90", "lower_50", "upper_50", "upper_90"]


@cache
def real_bars(ticker: str) -> Bars:
    """Some four years of bars; AAPL's and AMZN's hold a split."""
    if ticker == "AMZN":
        return bigtech_bars("AMZN")[300 : 300 + BARS]
    return sample_bars(ticker)[:BARS] if ticker == "AAPL" else sample_bars(ticker)[-BARS:]


@pytest.fixture(scope="module")
def walked(calendar):
    """The walk through a real ticker's bars, made once for each horizon."""

    @cache
    def walk(ticker: str, horizon: int) -> WalkForward:
        return walk_forward(dataset(real_bars(ticker), calendar, ticker=ticker, horizon=horizon), seed=SEED)

    return walk


def another_future(bars: Bars, t: int, rng: np.random.Generator) -> Bars:
    """Sound bars that are the same up to bar t; after it prices, volumes, splits and dividends are all different."""
    left = len(bars) - t - 1
    close = bars.close[t] * np.exp(np.cumsum(rng.normal(0.0, 0.04, left)))
    opened = close * np.exp(rng.normal(0.0, 0.01, left))
    reach = np.exp(np.abs(rng.normal(0.0, 0.02, (2, left))))
    high, low = np.maximum(opened, close) * reach[0], np.minimum(opened, close) / reach[1]
    ohlcv, split, dividend = bars.ohlcv.copy(), bars.split.copy(), bars.dividend.copy()
    ohlcv[t + 1 :] = np.column_stack([opened, high, low, close, 1e6 * np.exp(rng.normal(0.0, 1.0, left))])
    split[t + 1 :] = rng.choice([1.0, 2.0, 0.5], left, p=[0.9, 0.05, 0.05])
    dividend[t + 1 :] = np.where(rng.random(left) < 0.1, 0.01 * close, 0.0)
    made = Bars(bars.session, ohlcv, split, dividend)
    assert not faults(made)
    return made


def bits(table: pd.DataFrame) -> np.ndarray:
    return np.ascontiguousarray(table[[*SAID, *LAST_KNOWN]].to_numpy(dtype=np.float64)).view(np.int64)


# Forecasts before the one that every monthly and quarterly family is refit for.
ON_THE_REFIT = 6 * MONTH
LAST_BEFORE_THE_REFIT = 6 * MONTH - 1


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize(
    ("ticker", "forecasts"),
    [
        ("IBM", 0),
        ("IBM", ON_THE_REFIT),
        ("IBM", LAST_BEFORE_THE_REFIT),
        ("AAPL", 9 * MONTH + 40),
        ("AMZN", ON_THE_REFIT + 17),
    ],
)
def test_what_comes_after_a_day_changes_no_bit_of_any_forecast_made_by_then(
    walked, calendar, ticker, forecasts, horizon
):
    bars, row = real_bars(ticker), first_forecast(horizon) + forecasts
    later = another_future(bars, row + AHEAD, np.random.default_rng(row))

    other = walk_forward(dataset(later, calendar, ticker=ticker, horizon=horizon), seed=SEED).table

    table, day = walked(ticker, horizon).table, pd.Timestamp(bars.session[row + AHEAD])
    made, settled = table["date"] <= day, table["target_date"] <= day
    keys = ["ticker", "date", "horizon", "target_date", "model"]
    assert made.sum() == (forecasts + 1) * len(Model)
    assert set(table.loc[made, "model"]) == {model.value for model in Model}
    pd.testing.assert_frame_equal(table[keys], other[keys])
    assert_array_equal(bits(table)[made, : len(SAID)], bits(other)[made, : len(SAID)])
    assert_array_equal(bits(table)[settled], bits(other)[settled])
    # Outcomes after the day are others, and so are the forecasts from the next day on: the change was no small one.
    open_still = (made & ~settled).to_numpy()
    assert open_still.sum() == min(horizon, forecasts + 1) * len(Model)
    assert (table.loc[open_still, LAST_KNOWN].to_numpy() != other.loc[open_still, LAST_KNOWN].to_numpy()).all()
    after = (~made & (table["model"] == Model.CHAMPION)).to_numpy()
    assert (table.loc[after, ["mean", "vol"]].to_numpy() != other.loc[after, ["mean", "vol"]].to_numpy()).all()


def test_a_history_that_ends_today_gives_the_forecasts_that_the_longer_one_had_for_today(walked, calendar):
    short = walk_forward(dataset(real_bars("IBM")[:1_015], calendar, ticker="IBM", horizon=1), seed=SEED).table

    longer = walked("IBM", 1).table
    same = longer[longer["date"] <= short["date"].max()]

    # A shorter last month may be summed in another order.
    assert_allclose(short[SAID], same[SAID], rtol=1e-9)


def test_the_table_has_a_row_a_day_for_every_model(real):
    table = real.walk.table

    assert list(table.columns) == [
        "ticker", "date", "horizon", "target_date", "model", "mean", "vol", "p_up", "lower_90", "lower_50", "upper_50",
        "upper_90", "realised", "realised_variance",
    ]  # fmt: skip
    assert set(table["model"]) == {model.value for model in Model}
    assert {family.name for family in EDGE_FAMILIES} < set(table["model"])
    assert (table.groupby("model")["date"].nunique() == table["date"].nunique()).all()
    assert not table.duplicated(["date", "model"]).any()
    assert table["date"].iloc[0] == pd.Timestamp(real.data.session[first_forecast(1)])


@pytest.mark.parametrize("horizon", [1, 5])
def test_only_the_newest_forecasts_have_no_outcome_yet(walked, horizon):
    champion = walked("IBM", horizon).table.query("model == 'champion'")

    assert champion["realised"].isna().tolist() == [False] * (len(champion) - horizon) + [True] * horizon
    # Friday 2013-03-01 and the sessions that follow by the calendar.
    assert champion["target_date"].iloc[-1] == pd.Timestamp("2013-03-04" if horizon == 1 else "2013-03-08")


@pytest.mark.parametrize("horizon", [1, 5])
def test_realised_is_the_total_return_of_the_sessions_ahead_and_the_variance_their_squares(walked, horizon):
    bars = real_bars("IBM")
    returns = pd.Series(log_returns(bars), index=bars.session.astype("datetime64[s]"))
    rows = by_model(walked("IBM", horizon).table, Model.RANDOM_WALK, horizon=horizon)

    total = returns.rolling(horizon).sum().loc[rows["target_date"]]
    squares = (returns**2).rolling(horizon).sum().loc[rows["target_date"]]

    assert_allclose(rows["realised"], total, atol=1e-12)
    assert_allclose(rows["realised_variance"], squares, atol=1e-12)


@pytest.mark.parametrize("horizon", [1, 5])
def test_every_forecast_is_finite_and_its_intervals_in_order(walked, horizon):
    table = walked("IBM", horizon).table

    assert np.isfinite(table[SAID].to_numpy()).all()
    assert (table["vol"] > 0).all()
    assert table["p_up"].between(0, 1).all()
    ordered = table[["lower_90", "lower_50", "mean", "upper_50", "upper_90"]].to_numpy()
    assert (np.diff(ordered, axis=1) >= 0).all()


def test_the_random_walk_forecasts_no_change_at_even_odds(real):
    rows = real.walk.table[real.walk.table["model"] == "random_walk"]

    assert (rows["mean"] == 0.0).all()
    assert (rows["p_up"] == 0.5).all()


def test_the_historical_mean_is_that_of_what_was_known_at_the_months_start(walked, calendar):
    data = dataset(real_bars("IBM"), calendar, ticker="IBM", horizon=5)
    rows = walked("IBM", 5).table.query("model == 'historical_mean'")

    for month in range(5):
        start = first_forecast(5) + month * MONTH
        known = data.target[: known_rows(start, horizon=5)]
        said = rows.iloc[month * MONTH : (month + 1) * MONTH]
        assert_allclose(said["mean"], known.mean())
        assert_allclose(said["p_up"], (known > 0).mean())


@pytest.mark.parametrize("horizon", [1, 5])
def test_baselines_of_the_volatility_are_the_classical_ones(walked, calendar, horizon):
    data = dataset(real_bars("IBM"), calendar, ticker="IBM", horizon=horizon)
    table, first = walked("IBM", horizon).table, first_forecast(horizon)

    for model, variance in ((Model.EWMA, ewma_variance), (Model.ROLLING, rolling_variance)):
        said = table.loc[table["model"] == model, "vol"]
        assert_allclose(said, np.sqrt(variance(data.log_return, horizon=horizon)[first:]))
        assert (table.loc[table["model"] == model, "mean"] == 0).all()


@pytest.mark.parametrize("horizon", [1, 5])
def test_the_champions_mean_averages_the_experts_by_what_was_settled_at_each_row(walked, calendar, horizon):
    data = dataset(real_bars("IBM"), calendar, ticker="IBM", horizon=horizon)
    table, first = walked("IBM", horizon).table, first_forecast(horizon)
    mean = table.pivot_table(index="date", columns="model", values="mean")
    vol = table.loc[table["model"] == Model.CHAMPION, "vol"].to_numpy()
    starts = first + np.arange(len(vol)) // MONTH * MONTH
    known = [known_rows(int(start), horizon=horizon) for start in starts]
    historical = np.array([shrunk_mean(data.target[:rows], data.unit[:rows]) for rows in known])
    edges = {family.name: (mean[family.name].to_numpy() - historical) / vol for family in EDGE_FAMILIES}
    beliefs = Beliefs({family.name: family.prior for family in EDGE_FAMILIES}, horizon=horizon)
    experts = beliefs.experts(edges, historical / vol)
    outcome = data.target[first:] / vol

    expected = []
    for row in range(len(vol)):
        settled = slice(0, max(row - horizon + 1, 0))
        evidence = beliefs.evidence(experts[settled], outcome[settled]).sum(axis=0)
        expected.append(beliefs.weights(evidence) @ experts[row] * vol[row])

    assert_allclose(mean[Model.CHAMPION], expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("horizon", [1, 5])
def test_the_champions_intervals_are_conformal_around_its_own_residuals(walked, horizon):
    rows = walked("IBM", horizon).table.query("model == 'champion'")

    residual = ((rows["realised"] - rows["mean"]) / rows["vol"]).to_numpy()
    bounds = adaptive_bounds(residual, horizon=horizon)

    for name in ("lower_90", "lower_50", "upper_50", "upper_90"):
        assert_allclose(rows[name], rows["mean"] + getattr(bounds, name) * rows["vol"], rtol=1e-9)


@pytest.mark.parametrize("horizon", [1, 5])
def test_the_parameters_continue_the_record(walked, calendar, horizon):
    data = dataset(real_bars("IBM"), calendar, ticker="IBM", horizon=horizon)
    walk, trained = walked("IBM", horizon), train(data, seed=SEED)
    newest = walk.table.query("model == 'champion'").iloc[-1]

    said = {name: candidate.predict(data.X[-1:]) for name, candidate in trained.candidates.items()}
    served = forecast(said, walk.parameters)

    parameters = walk.parameters
    assert parameters.horizon == horizon
    assert set(parameters.edge_weights) == {family.name for family in EDGE_FAMILIES}
    assert set(parameters.variance_weights) == {family.name for family in VARIANCE_FAMILIES}
    # The served models have seen some months more than those of the walk; what they say of the same day is alike.
    assert served.vol[0] == pytest.approx(newest["vol"], rel=0.2)
    assert served.p_up[0] == pytest.approx(newest["p_up"], abs=0.05)
    assert abs(served.mean[0] - newest["mean"]) < 0.2 * newest["vol"]
    assert served.upper_90[0] == pytest.approx(newest["upper_90"], rel=0.3)


@pytest.mark.parametrize("horizon", [1, 5])
def test_no_label_learned_from_reaches_within_a_horizon_of_the_forecast(horizon):
    row = 700

    last_label_ends = known_rows(row, horizon=horizon) - 1 + horizon

    assert last_label_ends == row - horizon


def test_families_are_refit_and_tuned_at_the_start_of_a_month():
    for family in FAMILIES:
        assert family.refit_every % MONTH == 0
        assert family.retune_every % family.refit_every == 0


def test_the_models_of_a_year_ago_have_seen_nothing_of_the_year(real):
    last_year = real.walk.last_year

    assert 252 <= len(real.data) - last_year.start < 252 + MONTH
    assert (last_year.start - first_forecast(1)) % MONTH == 0
    assert set(last_year.candidates) == {family.name for family in (*EDGE_FAMILIES, *VARIANCE_FAMILIES)}
    said = last_year.candidates["har"].predict(real.data.X[last_year.start : last_year.start + MONTH])
    assert np.isfinite(said).all()


def test_the_same_seed_gives_the_same_table(walked, calendar):
    again = walk_forward(dataset(real_bars("IBM"), calendar, ticker="IBM", horizon=1), seed=SEED)

    first = walked("IBM", 1)
    pd.testing.assert_frame_equal(again.table, first.table, check_exact=True)
    assert (again.parameters, again.trials) == (first.parameters, first.trials)


def test_intervals_cover_what_they_promise_on_real_bars(real):
    close = pd.Series(real.data.close, index=real.data.session.astype("datetime64[s]"))
    metrics = ticker_metrics(real.walk.table, horizon=1, close=close, trials=real.walk.trials)

    assert metrics.coverage_90 == pytest.approx(0.9, abs=0.04)
    assert metrics.coverage_50 == pytest.approx(0.5, abs=0.07)
    assert metrics.n == real.walk.table["date"].nunique() - 1
