"""Intervals that follow the times: they cover what they promise, know nothing of what comes, and get back to size."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from quant.conformal import FEWEST, BoundsPath, adaptive_bounds, conformal_quantiles, expanding_bounds
from quant.errors import QuantError
from quant.forecast import COVERAGE, INNER_COVERAGE, NORMAL_BOUNDS
from quant.volatility import ewma_variance

YEAR = 252
NAMES = [field.name for field in fields(BoundsPath)]


def stacked(path: BoundsPath) -> np.ndarray:
    """(n, 4) in the order from the lowest to the highest bound."""
    return np.column_stack([getattr(path, name) for name in NAMES])


def held(residual: np.ndarray, path: BoundsPath) -> tuple[np.ndarray, np.ndarray]:
    """Whether each residual lies in its 90 % and its 50 % interval."""
    outer = (path.lower_90 <= residual) & (residual <= path.upper_90)
    return outer, (path.lower_50 <= residual) & (residual <= path.upper_50)


def draws(name: str, rng: np.random.Generator, size: int) -> np.ndarray:
    """Residuals of unit variance, of three shapes."""
    if name == "normal":
        return rng.normal(size=size)
    if name == "heavy tails":
        return rng.standard_t(4, size=size) / math.sqrt(2.0)
    # A gamma of shape 4: its skewness is 1, that of a bad decade of daily returns.
    return (4.0 - rng.gamma(4.0, size=size)) / 2.0


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("name", ["normal", "heavy tails", "skewed"])
def test_on_residuals_of_one_kind_the_long_run_coverage_is_nominal(name, horizon):
    residual = draws(name, np.random.default_rng(5), 12_000)

    outer, inner = held(residual, adaptive_bounds(residual, horizon=horizon))

    # Standard errors of 0.3 and 0.5 points; three of them, and half a point for quantiles that are estimated.
    assert outer[YEAR:].mean() == pytest.approx(COVERAGE, abs=0.013)
    assert inner[YEAR:].mean() == pytest.approx(INNER_COVERAGE, abs=0.02)


def coverage_after_a_doubling(*, standardised: bool) -> tuple[np.ndarray, np.ndarray]:
    """Row by row over 60 markets whose volatility doubles at row 1,000: how often adaptive and waiting bounds held."""
    adaptive, waiting = [], []
    for seed in range(60):
        returns = np.random.default_rng(seed).normal(size=2_000)
        returns[1_000:] *= 2.0
        residual = returns
        if standardised:
            known = np.concatenate([[1.0], ewma_variance(returns, horizon=1)[:-1]])
            residual = returns / np.sqrt(np.where(np.isfinite(known), known, 1.0))
        lower, upper = expanding_bounds(residual, horizon=1, coverage=COVERAGE, refresh=63)
        waiting.append((lower <= residual) & (residual <= upper))
        adaptive.append(held(residual, adaptive_bounds(residual, horizon=1))[0])
    return np.mean(adaptive, axis=0), np.mean(waiting, axis=0)


def test_a_volatility_that_doubles_costs_next_to_no_coverage_where_the_forecast_follows_it():
    adaptive, _ = coverage_after_a_doubling(standardised=True)

    assert adaptive[1_000:1_063].mean() > 0.85
    assert adaptive[1_063:].mean() == pytest.approx(COVERAGE, abs=0.015)


def test_where_nothing_else_follows_a_doubled_volatility_the_bounds_make_up_for_half_of_it_within_a_year():
    adaptive, waiting = coverage_after_a_doubling(standardised=False)

    # Twice a volatility leaves 59 % of a normal distribution within bounds that held 90 %.
    year, last = slice(1_000, 1_000 + YEAR), slice(2_000 - YEAR, 2_000)
    assert waiting[year].mean() < 0.66
    assert adaptive[year].mean() > 0.745
    assert adaptive[last].mean() > max(0.85, waiting[last].mean())


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), horizon=st.sampled_from([1, 5, 21]), data=st.data())
def test_an_outcome_changes_no_bound_before_the_row_at_which_it_is_known(seed, horizon, data):
    rng = np.random.default_rng(seed)
    residual = rng.normal(size=500)
    outcome = data.draw(st.integers(0, 498 - horizon))
    other = residual.copy()
    other[outcome:] = 10.0 * rng.standard_cauchy(size=500 - outcome)

    before, after = (stacked(adaptive_bounds(values, horizon=horizon)) for values in (residual, other))

    known = outcome + horizon
    assert_array_equal(before[:known].view(np.int64), after[:known].view(np.int64))


@pytest.mark.parametrize("horizon", [1, 5])
def test_a_miss_widens_from_the_first_row_at_which_it_is_known(horizon):
    # An excess that starts from zero is not lowered by the hits before it.
    calm = 0.1 * np.tile([-1.0, 1.0], 200)
    calm[50:60], missed = 3.0, 300
    shocked = calm.copy()
    shocked[missed] = 50.0

    before, after = (adaptive_bounds(values, horizon=horizon) for values in (calm, shocked))

    assert_array_equal(stacked(before)[: missed + horizon], stacked(after)[: missed + horizon])
    assert after.upper_90[missed + horizon] > before.upper_90[missed + horizon]
    assert after.lower_90[missed + horizon] < before.lower_90[missed + horizon]


def test_widening_goes_back_to_nothing_as_hits_come():
    calm = np.random.default_rng(9).normal(size=1_500)
    # Hits only, so that nothing is widened when the storm comes; and again after it.
    calm[800:] = 0.0
    stormy = calm.copy()
    stormy[1_000:1_010] = 6.0 * np.tile([-1.0, 1.0], 5)

    wide, usual = (adaptive_bounds(values, horizon=1) for values in (stormy, calm))

    grown = wide.upper_90 / usual.upper_90
    assert (grown[:1_001] == 1.0).all()
    assert (np.diff(grown[1_000:1_011]) >= 0).all()
    assert grown[1_010] > 1.2
    assert grown[1_100] < grown[1_010]
    # What is left are ten residuals among a thousand in the quantiles.
    assert grown[1_300:].max() < 1.1


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    shift=st.floats(-5.0, 5.0),
    scale=st.sampled_from([0.0, 1e-9, 1.0, 1e6]),
    digits=st.integers(-1, 3),
    horizon=st.sampled_from([1, 5]),
)
def test_intervals_are_never_inside_out_whatever_comes(seed, shift, scale, digits, horizon):
    rng = np.random.default_rng(seed)
    residual = np.round(shift + scale * rng.standard_cauchy(size=400), digits)

    path = adaptive_bounds(residual, horizon=horizon)

    # `Bounds` refuses any other order.
    assert all(path.at(row).lower_90 < path.at(row).upper_90 for row in range(len(residual)))


@pytest.mark.parametrize("horizon", [1, 5])
def test_before_there_is_evidence_a_normal_distribution_speaks(horizon):
    residual = 100.0 + np.zeros(FEWEST + horizon + 3)

    path = adaptive_bounds(residual, horizon=horizon)

    early = stacked(path)[: FEWEST + horizon - 1]
    assert_array_equal(early, np.tile([getattr(NORMAL_BOUNDS, name) for name in NAMES], (len(early), 1)))
    assert path.upper_90[FEWEST + horizon - 1] > 10 * NORMAL_BOUNDS.upper_90


def test_the_newest_rows_have_bounds_before_their_outcome_is_known():
    residual = np.random.default_rng(0).normal(size=400)
    unknown = residual.copy()
    unknown[-5:] = np.nan

    path = stacked(adaptive_bounds(unknown, horizon=5))

    assert np.isfinite(path).all()
    assert_array_equal(path, stacked(adaptive_bounds(residual, horizon=5)))


def test_a_horizon_of_no_session_is_refused():
    with pytest.raises(QuantError, match="horizon: expected at least 1 session, got 0"):
        adaptive_bounds(np.zeros(10), horizon=0)


def test_conformal_quantiles_cover_a_new_draw_at_least_as_often_as_promised():
    rng = np.random.default_rng(2)
    hits = []
    for _ in range(2_000):
        residual = rng.standard_t(4, size=200)
        lower, upper = conformal_quantiles(residual[:-1], np.ones(199), coverage=0.9)
        hits.append(lower <= residual[-1] <= upper)

    # Exact coverage is 180/200; the tolerance is three standard errors of 2,000 trials.
    assert np.mean(hits) == pytest.approx(0.9, abs=0.02)


def weighted_low(values: list[float], weight: list[float], share: float) -> float:
    """The definition, walked through from the least value on."""
    room = share * (sum(weight) + 1.0)
    found, below = min(values), 0.0
    for value, its in sorted(zip(values, weight, strict=True)):
        below += its
        if below > room:
            break
        found = value
    return found


@given(
    st.lists(
        st.tuples(st.floats(-10, 10), st.sampled_from([0.25, 0.5, 1.0])),
        min_size=1,
        max_size=80,
        unique_by=lambda pair: pair[0],
    ),
    st.sampled_from([0.5, 0.75, 0.875]),
)
def test_weighted_quantiles_are_the_order_statistics_of_their_definition(pairs, coverage):
    values, weight = [value for value, _ in pairs], [its for _, its in pairs]

    lower, upper = conformal_quantiles(np.array(values), np.array(weight), coverage=coverage)

    tail = (1 - coverage) / 2
    assert lower == min(weighted_low(values, weight, tail), -1e-6)
    assert upper == max(-weighted_low([-value for value in values], weight, tail), 1e-6)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    horizon=st.sampled_from([1, 5]),
    refresh=st.integers(1, 80),
    coverage=st.sampled_from([COVERAGE, INNER_COVERAGE]),
    rows=st.integers(1, 400),
)
def test_expanding_bounds_are_a_loop_over_the_rows(seed, horizon, refresh, coverage, rows):
    residual = np.random.default_rng(seed).normal(size=rows)

    lower, upper = expanding_bounds(residual, horizon=horizon, coverage=coverage, refresh=refresh)

    first = FEWEST + horizon - 1
    for row in range(rows):
        if row < first:
            below = NORMAL_BOUNDS.lower_90 if coverage == COVERAGE else NORMAL_BOUNDS.lower_50
            assert (lower[row], upper[row]) == (below, -below)
            continue
        looked = first + (row - first) // refresh * refresh
        known = residual[: looked - horizon + 1].tolist()
        ones, tail = [1.0] * len(known), (1 - coverage) / 2
        assert lower[row] == weighted_low(known, ones, tail)
        assert upper[row] == -weighted_low([-value for value in known], ones, tail)


def test_expanding_bounds_refuse_an_outcome_known_at_once_and_a_coverage_without_a_beginning():
    residual = np.zeros(10)

    with pytest.raises(QuantError, match="horizon: expected at least 1 session, got 0"):
        expanding_bounds(residual, horizon=0, coverage=COVERAGE, refresh=63)
    with pytest.raises(QuantError, match=r"coverage: expected one of 0\.9, 0\.5, got 0\.8"):
        expanding_bounds(residual, horizon=1, coverage=0.8, refresh=63)


def test_what_is_long_past_is_forgotten():
    rng = np.random.default_rng(4)
    residual = rng.normal(size=6_000)
    wilder = residual.copy()
    wilder[:500] *= 4.0

    usual, remembered = (adaptive_bounds(values, horizon=1) for values in (residual, wilder))

    assert remembered.upper_90[700] > 1.5 * usual.upper_90[700]
    assert_allclose(stacked(remembered)[-100:], stacked(usual)[-100:], rtol=0.01)
