"""Who serves: a challenger that no paired test finds worse, and never one that fails a guard."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose

from release.manifest import Verdict
from stock_assets.learning.promotion import (
    FEWEST_COMMON,
    Check,
    Guard,
    Loss,
    calibration_limit,
    decide,
    guards,
)

HORIZONS = (1, 5)
NORMAL_90, NORMAL_50 = 1.645, 0.674
FIRST_DAY = np.datetime64("2004-01-01")


def forecasts(rng: np.random.Generator, *, n: int = 1_500, horizons: tuple[int, ...] = HORIZONS) -> pd.DataFrame:
    """A model that knows the true distribution of white noise whose volatility swings, beside the historical mean."""
    vol = 0.01 * np.exp(0.3 * np.sin(np.arange(n + 10) / 60.0))
    returns = vol * rng.standard_normal(n + 10)
    tables = []
    for horizon in horizons:
        ahead = np.lib.stride_tricks.sliding_window_view(returns, horizon)[:n]
        spread = np.sqrt(np.lib.stride_tricks.sliding_window_view(vol**2, horizon)[:n].sum(axis=1))
        for model in ("champion", "historical_mean"):
            rows = {
                "date": FIRST_DAY + np.arange(n),
                "horizon": horizon,
                "model": model,
                "mean": 0.0,
                "vol": spread,
                "p_up": 0.5,
                "realised": ahead.sum(axis=1),
                "realised_variance": (ahead**2).sum(axis=1),
            }
            tables.append(with_bounds(pd.DataFrame(rows)))
    return pd.concat(tables, ignore_index=True)


def with_bounds(table: pd.DataFrame) -> pd.DataFrame:
    """The normal distribution's intervals around the mean."""
    for name, reach in (("90", NORMAL_90), ("50", NORMAL_50)):
        table[f"lower_{name}"] = table["mean"] - reach * table["vol"]
        table[f"upper_{name}"] = table["mean"] + reach * table["vol"]
    return table


def changed(table: pd.DataFrame, **columns: Callable[[pd.Series], object]) -> pd.DataFrame:
    """With the champion's columns changed."""
    rows = table["model"] == "champion"
    other = table.copy()
    for name, change in columns.items():
        other.loc[rows, name] = change(other.loc[rows, name])
    return other


def judged(challenger: pd.DataFrame, champion: pd.DataFrame | None, **more: object):
    return decide(challenger, champion, horizons=HORIZONS, **more)


def failed(table: pd.DataFrame, *, horizon: int = 1) -> set[Check]:
    return {guard.check for guard in guards(table, horizon=horizon) if not guard.passed}


@pytest.fixture(scope="module")
def sound() -> pd.DataFrame:
    return forecasts(np.random.default_rng(3))


def test_the_first_model_that_passes_its_guards_is_promoted(real):
    decision = decide(real.walk.table, None, horizons=(1,))

    assert decision.promote
    assert decision.verdict is Verdict.FIRST
    assert decision.tests == ()


def test_white_noise_passes_every_guard_of_a_real_walk_and_no_skill_is_claimed(noise):
    decision = decide(noise.walk.table, noise.walk.table, horizons=(1,))

    assert decision.broken == ()
    assert decision.skill[1] > 0.05
    assert "skill over the historical mean not shown at 1 session" in str(decision)


def test_skill_that_is_there_is_shown_and_is_no_condition(planted, noise):
    skilled, unskilled = (decide(of.walk.table, None, horizons=(1,)) for of in (planted, noise))

    assert skilled.figures["skill_shown_1"] == 1.0
    assert "skill over the historical mean shown at 1 session" in str(skilled)
    assert (skilled.promote, unskilled.promote) == (True, True)


def test_equal_evidence_goes_to_the_challenger(sound):
    decision = judged(sound, sound)

    assert decision.verdict is Verdict.NOT_WORSE
    assert len(decision.tests) == len(HORIZONS) * len(Loss)
    assert {test.days for test in decision.tests} == {1_500}
    assert {test.statistic for test in decision.tests} == {0.0}


def test_what_differs_by_rounding_alone_is_equal(sound):
    rounded = changed(sound, vol=lambda vol: vol * (1.0 + 1e-13), mean=lambda mean: mean + 1e-17)

    decision = judged(rounded, sound)

    assert {test.statistic for test in decision.tests} == {0.0}


@pytest.mark.parametrize(
    ("loss", "columns"),
    [
        (Loss.SQUARED_ERROR, {"mean": lambda x: x + np.random.default_rng(1).uniform(-0.006, 0.006, len(x))}),
        (Loss.QLIKE, {"vol": lambda x: x * np.exp(0.5 * np.random.default_rng(1).standard_normal(len(x)))}),
        (Loss.INTERVAL_SCORE, {"upper_90": lambda x: x * 1.35, "lower_90": lambda x: x * 1.35}),
    ],
)
def test_the_champion_with_noise_added_is_worse_by_the_loss_that_sees_it_and_it_is_named(sound, loss, columns):
    decision = judged(changed(sound, **columns), sound)

    worse = {test.loss for test in decision.tests if test.worse}
    # Intervals a third wider also cover more than they say: the guard is told first, the test all the same.
    assert decision.verdict in (Verdict.WORSE, Verdict.GUARD)
    assert not decision.promote
    assert loss in worse
    assert decision.figures[f"worse_{loss.value}_p_holm_1"] < 0.05


def test_the_one_who_is_better_by_as_much_is_promoted(sound):
    worse = changed(sound, mean=lambda mean: mean + np.random.default_rng(1).uniform(-0.006, 0.006, len(mean)))

    assert judged(worse, sound).verdict is Verdict.WORSE
    assert judged(sound, worse).verdict is Verdict.NOT_WORSE


def test_on_white_noise_the_false_refusal_rate_is_no_more_than_nominal():
    rng, refused, rounds = np.random.default_rng(5), 0, 300
    for _ in range(rounds):
        truth = forecasts(rng, n=400)
        # Two models that are wrong by as much, each in its own way.
        one, other = (
            with_bounds(
                changed(
                    truth,
                    mean=lambda mean: mean + 0.001 * rng.standard_normal(len(mean)),
                    vol=lambda vol: vol * np.exp(0.1 * rng.standard_normal(len(vol))),
                )
            )
            for _ in range(2)
        )
        refused += judged(one, other).verdict is Verdict.WORSE

    # 5 % and three binomial errors: dependent tests and Holm's correction leave it below.
    assert refused / rounds <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / rounds)
    assert refused > 0


def test_only_days_that_both_have_forecast_are_compared(sound):
    later = sound[sound["date"] >= FIRST_DAY + np.timedelta64(300, "D")]
    unknown = sound.assign(realised=sound["realised"].where(sound["date"] < FIRST_DAY + np.timedelta64(1_400, "D")))

    decision = judged(later, unknown)

    assert {test.days for test in decision.tests} == {1_100}


def test_both_are_judged_by_the_outcomes_of_the_newer_bars(sound):
    before_a_restatement = sound.assign(realised=sound["realised"] + 0.5)

    decision = judged(sound, before_a_restatement)

    assert decision.verdict is Verdict.NOT_WORSE
    assert {test.statistic for test in decision.tests} == {0.0}


def test_with_too_few_common_days_no_test_is_made_and_the_newer_data_win(sound):
    old = sound[sound["date"] < FIRST_DAY + np.timedelta64(FEWEST_COMMON - 1, "D")]

    decision = judged(sound, old)

    assert decision.verdict is Verdict.INCOMPARABLE
    assert decision.promote
    assert f"expected at least {FEWEST_COMMON} days in common with the champion, got {FEWEST_COMMON - 1}" in str(
        decision
    )


def test_a_horizon_that_the_champion_lacks_is_guarded_and_not_compared(sound):
    decision = judged(sound, sound[sound["horizon"] == 1])

    assert {test.horizon for test in decision.tests} == {1}
    assert {guard.horizon for guard in decision.guards} == {1, 5}


def test_a_day_without_a_move_is_compared_like_any_other(sound):
    still = sound.assign(
        realised=sound["realised"].where(sound.index % 50 > 0, 0.0),
        realised_variance=sound["realised_variance"].where(sound.index % 50 > 0, 0.0),
    )

    decision = judged(changed(still, vol=lambda vol: vol * 1.02), still)

    assert {test.days for test in decision.tests} == {1_500}
    assert all(np.isfinite(test.statistic) for test in decision.tests)


@pytest.mark.parametrize(
    ("columns", "check", "reason"),
    [
        (
            {"p_up": lambda x: x * np.nan},
            Check.FINITE,
            "finite_1: expected finite rows, got 1500 that are not, of 1500",
        ),
        ({"vol": lambda x: -x}, Check.ORDERED, "ordered_1: expected vol above 0, p_up in 0 to 1 and ordered bounds"),
        ({"p_up": lambda x: x + 1.0}, Check.ORDERED, "got 1500 other rows"),
        (
            {"lower_90": lambda x: x * 0.2, "lower_50": lambda x: x * 0.1},
            Check.COVERAGE,
            "coverage_90_1: expected 0.8562",
        ),
        ({"lower_90": lambda x: x * 9, "upper_90": lambda x: x * 9}, Check.COVERAGE, "to 0.9438, got 1"),
        ({"p_up": lambda x: x + 0.2}, Check.CALIBRATION, "calibration_error_1: expected at most"),
        ({"mean": lambda x: x + 0.02}, Check.BOLDNESS, "mean_over_vol_1: expected at most 1, got"),
        ({"vol": lambda x: x * 3.0}, Check.SCALE, "scale_1: expected 0.5 to 2, got 0.3"),
        ({"vol": lambda x: x / 3.0}, Check.SCALE, "scale_1: expected 0.5 to 2, got 2.9"),
    ],
)
def test_a_failed_guard_keeps_even_a_lone_challenger_out_and_says_what_it_expected(sound, columns, check, reason):
    decision = judged(changed(sound, **columns), None)

    assert decision.verdict is Verdict.GUARD
    assert check in {guard.check for guard in decision.broken}
    assert reason in str(decision)


def test_a_challenger_without_a_row_of_a_horizon_is_not_finite(sound):
    decision = judged(sound[sound["horizon"] == 1], None)

    assert [str(guard) for guard in decision.broken] == ["finite_5: expected finite rows, got 0 that are not, of 0"]


def test_nothing_is_promoted_when_the_data_checks_failed(sound):
    refused = Guard(check=Check.DATA_SOUND, value=1.0, high=0.0, why="IBM 2012-03-01 close: expected above 0, got -1")

    decision = judged(sound, sound, beside=(refused,))

    assert decision.verdict is Verdict.DATA
    assert decision.reasons == ("data_checks: IBM 2012-03-01 close: expected above 0, got -1",)


@pytest.mark.parametrize(("n", "refused"), [(250, 0), (1_000, 0), (4_000, 0)])
def test_forecasts_that_are_right_pass_the_guards_at_every_length(n, refused):
    rng = np.random.default_rng(n)

    broken = [failed(forecasts(rng, n=n), horizon=horizon) for _ in range(60) for horizon in HORIZONS]

    assert sum(map(bool, broken)) == refused


def test_a_calibration_that_is_off_by_a_tenth_passes_for_luck_in_a_short_record_only():
    short, long = (changed(forecasts(np.random.default_rng(2), n=n), p_up=lambda p: p + 0.1) for n in (252, 4_000))

    assert Check.CALIBRATION not in failed(short)
    assert Check.CALIBRATION in failed(long)


@given(p=hnp.arrays(np.float64, st.integers(10, 400), elements=st.floats(0.0, 1.0)))
def test_the_calibration_limit_shrinks_like_the_root_of_the_rows_and_grows_with_the_overlap(p):
    limit = calibration_limit(p, horizon=1)

    assert_allclose(calibration_limit(np.tile(p, 4), horizon=1), limit / 2.0)
    assert_allclose(calibration_limit(p, horizon=4), limit * 2.0)
