"""What many tickers' forecasts come to together: how they are pooled, what luck gives, what is promised."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from oos_tables import days, hand_made

from release.manifest import TickerMetrics
from stock_assets.learning.errors import LearningError
from stock_assets.learning.scores import Evidence, evidence, scores
from stock_assets.learning.skill import (
    Promise,
    Skill,
    Target,
    by_day,
    luck_of,
    second_half,
    skill,
    skill_table,
    targets,
    together,
    year_scores,
)
from stock_assets.learning.walk_forward import Model

CALM = (0.01, -0.01, 0.02, 0.01)
WILD = (0.05, -0.10, 0.05, -0.05, 0.10, -0.05)


def drawn(ticker: str, seed: int, n: int, *, horizon: int = 1, first: str = "2019-12-01") -> Evidence:
    """Evidence of noise that is forecast a little."""
    rng = np.random.default_rng(seed)
    realised = rng.normal(0.0, 0.01, n)
    said = {
        Model.CHAMPION: {
            "mean": 0.1 * realised + rng.normal(0.0, 0.002, n),
            "p_up": rng.uniform(0.3, 0.7, n),
            "vol": rng.uniform(0.005, 0.02, n),
        },
        Model.HISTORICAL_MEAN: {"mean": rng.normal(0.0, 0.001, n), "p_up": 0.53},
    }
    return hand_made(realised, said, ticker=ticker, date=days(first, n), horizon=horizon)


@pytest.fixture(scope="module")
def two() -> Skill:
    """CALM over four days and WILD over six, with a forecast of half a per cent of either."""
    half = {Model.CHAMPION: {"mean": 0.005, "vol": 0.01}, Model.EWMA: {"vol": 0.02}}
    return skill([hand_made(CALM, half, ticker="CALM"), hand_made(WILD, half, ticker="WILD")])


def test_returns_are_pooled_row_by_row(two):
    squares = sum(r**2 for r in (*CALM, *WILD))
    errors = sum((r - 0.005) ** 2 for r in (*CALM, *WILD))

    assert two.pooled.n == 10
    assert two.pooled.tickers == 2
    assert two.pooled.trials == 6
    assert (two.pooled.first, two.pooled.last) == ("2020-01-01", "2020-01-06")
    assert two.pooled.return_r2 == pytest.approx(1 - errors / squares)
    assert two.pooled.base_rate == 0.6
    assert two.pooled.directional_accuracy == 0.6


def test_the_worst_ticker_is_named(two):
    by_ticker = {ticker: of.return_r2 for ticker, of in two.tickers.items()}

    assert two.pooled.worst_ticker == min(by_ticker, key=by_ticker.get) == "WILD"
    assert two.pooled.worst_return_r2 == by_ticker["WILD"]


@pytest.mark.parametrize("score", ["price_r2", "price_r2_random_walk", "qlike", "qlike_ewma", "qlike_garch"])
def test_what_has_no_common_scale_is_the_mean_over_tickers(two, score):
    assert getattr(two.pooled, score) == pytest.approx(np.mean([getattr(of, score) for of in two.tickers.values()]))


def test_the_qlike_that_is_promised_is_the_ratio_of_those_means(two):
    # By hand: x - log x - 1 of each squared return over the variance said, its mean by ticker, then over tickers.
    def loss(returns, vol):
        ratio = np.square(returns) / vol**2
        return np.mean(ratio - np.log(ratio) - 1)

    said, ewma = (np.mean([loss(CALM, vol), loss(WILD, vol)]) for vol in (0.01, 0.02))
    promised = {target.promise: target.value for target in two.targets}

    assert promised[Promise.QLIKE_OVER_EWMA] == pytest.approx(said / ewma)


def test_the_worst_quarter_is_the_median_over_tickers():
    inside, outside = np.linspace(0.011, 0.012, 100), np.linspace(0.021, 0.022, 50)
    steady = [hand_made(inside, ticker=name) for name in ("A", "B")]
    broken = hand_made([*inside[:50], *outside], ticker="C")

    pooled = skill([*steady, broken]).pooled

    assert scores(broken).worst_coverage_63 == pytest.approx(13 / 63)
    assert pooled.worst_coverage_63 == 1.0
    assert pooled.coverage_90 == pytest.approx(250 / 300)


def test_one_ticker_pooled_is_that_ticker(real):
    close = pd.Series(real.data.close, index=real.data.session.astype("datetime64[s]"))
    of = evidence(real.walk.table, horizon=1, close=close, trials=real.walk.trials)

    made = skill([of])

    own, pooled = (msgspec.structs.asdict(record) for record in (scores(of), made.pooled))
    assert {name: pooled[name] for name in own} == pytest.approx(own)
    assert made.pooled.worst_ticker == "IBM"
    assert sum(point.count for point in made.reliability) == sum(year.n for year in made.years) == len(of)
    assert [year.year for year in made.years] == [2011, 2012, 2013]


@pytest.mark.parametrize("horizon", [1, 5])
def test_one_ticker_pooled_is_that_ticker_at_every_horizon(horizon):
    of = drawn("A", seed=4, n=300, horizon=horizon)

    own, pooled = (msgspec.structs.asdict(record) for record in (scores(of), skill([of]).pooled))

    assert {name: pooled[name] for name in own} == pytest.approx(own)


def test_a_ticker_told_twice_is_no_more_evidence_than_once():
    once, twin = drawn("A", seed=3, n=200), drawn("B", seed=3, n=200)

    single, doubled = skill([once]).pooled, skill([once, twin]).pooled

    assert doubled.n == 2 * single.n
    for score in ("clark_west_p", "clark_west_p_historical_mean", "diebold_mariano", "directional_accuracy_se"):
        assert getattr(doubled, score) == pytest.approx(getattr(single, score)), score


def test_tickers_apart_from_each_other_make_the_error_smaller():
    tickers = [drawn(f"T{seed}", seed=seed, n=400) for seed in range(4)]

    one, four = skill(tickers[:1]).pooled, skill(tickers).pooled

    assert four.directional_accuracy_se == pytest.approx(one.directional_accuracy_se / 2, rel=0.15)


def test_a_day_sums_what_its_tickers_made_in_the_order_of_time():
    later = hand_made([0.01, 0.02], ticker="LATER", date=days("2020-01-02", 2))
    rows = together([later, hand_made([0.03, 0.04], ticker="EARLY", date=days("2020-01-01", 2))])

    assert_array_equal(by_day(np.array([1.0, 2.0, 4.0, 8.0]), rows), np.array([4.0, 9.0, 2.0]))


@settings(max_examples=25)
@given(st.permutations(range(3)), st.lists(st.integers(5, 40), min_size=3, max_size=3), st.integers(0, 1000))
def test_pooled_scores_don_t_depend_on_the_order_and_weigh_tickers_by_their_rows(order, sizes, seed):
    tickers = [drawn(f"T{k}", seed=seed + k, n=n) for k, n in enumerate(sizes)]

    pooled, shuffled = skill(tickers).pooled, skill([tickers[k] for k in order]).pooled

    assert msgspec.structs.asdict(shuffled) == pytest.approx(msgspec.structs.asdict(pooled))
    for score in ("brier", "brier_base_rate", "log_score", "coverage_90", "coverage_50", "interval_score"):
        weighted = np.average([getattr(scores(of), score) for of in tickers], weights=sizes)
        assert getattr(pooled, score) == pytest.approx(weighted), score
    assert pooled.worst_return_r2 == min(scores(of).return_r2 for of in tickers)
    assert 0.0 <= pooled.clark_west_p <= 1.0


@settings(max_examples=25)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=3), st.integers(0, 1000))
def test_years_share_the_rows_among_them(sizes, seed):
    tickers = [drawn(f"T{k}", seed=seed + k, n=n) for k, n in enumerate(sizes)]

    years = list(year_scores(tickers))

    assert sum(year.n for year in years) == sum(sizes)
    brier = np.average([year.brier for year in years], weights=[year.n for year in years])
    assert brier == pytest.approx(skill_free_brier(together(tickers)))
    assert years[0].tickers == len(sizes)


def skill_free_brier(rows: Evidence) -> float:
    return float(np.mean(((rows.realised > 0) - rows.champion.p_up) ** 2))


def test_a_year_is_that_of_the_session_at_which_a_forecast_was_made():
    e = hand_made([0.01, 0.02, -0.01], date=days("2019-12-30", 3), ticker="A")

    years = {year.year: year for year in year_scores([e])}

    assert {year: of.n for year, of in years.items()} == {2019: 2, 2020: 1}
    assert years[2019].base_rate == 1.0
    assert years[2019].return_r2 == pytest.approx(1 - (0.009**2 + 0.019**2) / (0.01**2 + 0.02**2))


def test_a_year_in_which_no_price_moved_is_left_out():
    e = hand_made([0.01, 0.0], date=days("2019-12-31", 2))

    assert [year.year for year in year_scores([e])] == [2019]


@pytest.mark.parametrize(("rows", "left"), [(6, 3), (7, 4)])
def test_the_second_half_is_the_later_one(rows, left):
    half = second_half(hand_made(np.arange(1, rows + 1) / 100))

    assert_array_equal(half.realised, (np.arange(rows - left, rows) + 1) / 100)


def test_luck_is_told_beside_what_beat_the_baseline():
    luck = luck_of(Model.HISTORICAL_MEAN, {"A": 0.001, "B": 0.04, "C": 0.5, "D": 0.9})

    assert (luck.tickers, luck.beat) == (4, 2)
    assert luck.expected_by_luck == pytest.approx(0.2)
    assert luck.believed == ("A",)  # 0.04 is above 2/4 of 5 %


def test_luck_is_told_against_zero_and_against_the_past_mean(two):
    assert [luck.against for luck in two.luck] == [Model.RANDOM_WALK, Model.HISTORICAL_MEAN]


def test_the_reliability_curve_has_what_came_beside_what_was_said():
    said = {Model.CHAMPION: {"p_up": (0.4, 0.4, 0.6, 0.6)}}

    curve = skill([hand_made([0.01, -0.01, 0.02, 0.01], said)]).reliability

    assert [(point.said, point.came, point.count) for point in curve] == [(0.4, 0.5, 2), (0.6, 1.0, 2)]


@pytest.mark.parametrize(
    ("promise", "changed", "met"),
    [
        (Promise.RETURN_R2, {"return_r2": 0.0011}, True),
        (Promise.RETURN_R2, {"return_r2": 0.0009}, False),
        (Promise.WORST_RETURN_R2, {"worst_return_r2": -0.0009}, True),
        (Promise.WORST_RETURN_R2, {"worst_return_r2": -0.0011}, False),
        (Promise.PRICE_R2, {"price_r2": 0.99, "price_r2_random_walk": 0.99}, True),
        (Promise.PRICE_R2, {"price_r2": 0.99, "price_r2_random_walk": 0.991}, False),
        (Promise.BRIER, {"brier": 0.25, "brier_base_rate": 0.25}, True),
        (Promise.BRIER, {"brier": 0.26, "brier_base_rate": 0.25}, False),
        (Promise.CALIBRATION_ERROR, {"calibration_error": 0.021}, False),
        (Promise.CONFIDENT_RIGHT, {"confident_right": 0.59}, True),
        (Promise.CONFIDENT_RIGHT, {"confident_right": 0.57}, False),
        (Promise.CONFIDENT_RIGHT, {"confident_right": None}, True),
        (Promise.COVERAGE_90, {"coverage_90": 0.905}, True),
        (Promise.COVERAGE_90, {"coverage_90": 0.915}, False),
        (Promise.COVERAGE_90, {"coverage_90": 0.885}, False),
        (Promise.INTERVAL_SCORE_OVER_EWMA, {"interval_score": 0.96, "interval_score_ewma": 1.0}, False),
        (Promise.QLIKE_OVER_GARCH, {"qlike": 1.4, "qlike_garch": 1.5}, True),
        (Promise.QLIKE_OVER_GARCH, {"qlike": 1.6, "qlike_garch": 1.5}, False),
    ],
)
def test_a_promise_is_kept_within_its_bounds_only(two, promise, changed, met):
    pooled = msgspec.structs.replace(two.pooled, **changed)

    assert judged(targets(pooled, horizon=1))[promise].met is met


@pytest.mark.parametrize(
    ("horizon", "ratio", "worst", "met"),
    [(1, 0.93, 0.81, True), (1, 0.95, 0.79, False), (5, 0.84, 0.77, True), (5, 0.86, 0.75, False)],
)
def test_volatility_and_the_worst_quarter_are_promised_by_horizon(two, horizon, ratio, worst, met):
    pooled = msgspec.structs.replace(two.pooled, qlike=ratio, qlike_ewma=1.0, worst_coverage_63=worst)

    kept = judged(targets(pooled, horizon=horizon))

    assert kept[Promise.QLIKE_OVER_EWMA].met is met
    assert kept[Promise.WORST_COVERAGE_63].met is met


def test_at_other_horizons_they_are_not_promised(two):
    kept = judged(targets(two.pooled, horizon=21))

    assert set(Promise) - set(kept) == {Promise.QLIKE_OVER_EWMA, Promise.WORST_COVERAGE_63}


def judged(listed) -> dict[Promise, Target]:
    return {target.promise: target for target in listed}


def test_the_table_has_every_pooled_score_and_what_is_promised_of_it(two):
    table = skill_table([two]).set_index("score")

    numbers = {name for name, value in msgspec.structs.asdict(two.pooled).items() if not isinstance(value, str)}
    assert set(table.index) == numbers | {target.promise.value for target in two.targets}
    assert (table["horizon"] == 1).all()
    assert table.loc["return_r2", ["value", "at_least", "met"]].tolist() == [two.pooled.return_r2, 0.001, True]
    assert table.loc["log_score", ["at_least", "at_most", "met"]].isna().all()
    assert math.isnan(table.loc["confident_right", "value"])
    assert bool(table.loc["confident_right", "met"])


def test_a_skill_goes_through_json_whole(two):
    assert msgspec.json.decode(msgspec.json.encode(two), type=Skill) == two


def test_a_pooled_score_is_named_as_a_ticker_s_is(two):
    assert isinstance(two.pooled, TickerMetrics)


def test_without_evidence_there_is_nothing_to_tell():
    with pytest.raises(LearningError, match="expected that of at least one ticker, got none"):
        skill([])


def test_horizons_are_not_mixed():
    with pytest.raises(LearningError, match=r"expected one horizon, got \[1, 5\]"):
        skill([drawn("A", seed=1, n=20), drawn("B", seed=2, n=20, horizon=5)])
