"""Intervals: a score that is least where it should be, and coverage window by window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from quant import intervals
from quant.errors import QuantError, TooShort


def test_the_interval_score_is_least_for_the_true_quantiles():
    actual = np.random.default_rng(3).normal(size=20_000)
    ones = np.ones(len(actual))
    scores = {z: intervals.interval_score(actual, -z * ones, z * ones, nominal=0.9) for z in (1.0, 1.645, 2.5)}

    assert min(scores, key=scores.get) == 1.645
    assert intervals.coverage(actual, -1.645 * ones, 1.645 * ones) == pytest.approx(0.9, abs=0.01)


def test_a_value_on_its_bound_is_covered():
    assert intervals.coverage(np.array([-1.0, 1.0, 1.1]), -np.ones(3), np.ones(3)) == pytest.approx(2 / 3)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 80), st.integers(0, 120))
def test_the_curve_is_a_naive_loops_and_the_worst_its_least(seed, window, more):
    actual, half = np.random.default_rng(seed).normal(size=(2, window + more))
    bounds = (-np.abs(half), np.abs(half))
    inside = [low <= value <= high for value, low, high in zip(actual, *bounds, strict=True)]
    naive = [np.mean(inside[first : first + window]) for first in range(more + 1)]

    curve = intervals.rolling_coverage(actual, *bounds, window=window)

    assert_array_equal(curve, naive)
    assert intervals.worst_rolling_coverage(actual, *bounds, window=window) == min(naive)


def test_a_bad_quarter_is_seen_that_the_average_hides():
    actual = np.zeros(630)
    actual[300:363] = 2.0

    assert intervals.coverage(actual, -np.ones(630), np.ones(630)) == 0.9
    assert intervals.worst_rolling_coverage(actual, -np.ones(630), np.ones(630)) == 0.0


def test_a_window_reaches_over_a_row_with_a_nan():
    actual = np.array([0.0, np.nan, 5.0, 0.0])

    assert_array_equal(intervals.rolling_coverage(actual, -np.ones(4), np.ones(4), window=2), [0.5, 0.5])


def test_a_window_that_is_never_whole_is_refused():
    with pytest.raises(TooShort, match="expected at least a window of 63, got 2"):
        intervals.worst_rolling_coverage(np.array([0.0, 0.0, np.nan]), -np.ones(3), np.ones(3))
    with pytest.raises(QuantError, match="window: expected at least 1, got 0"):
        intervals.rolling_coverage(np.zeros(3), -np.ones(3), np.ones(3), window=0)


@pytest.mark.parametrize("nominal", [0.0, 1.0, 90.0])
def test_a_promise_that_is_no_share_is_refused(nominal):
    with pytest.raises(QuantError, match="nominal: expected between 0 and 1"):
        intervals.interval_score(np.zeros(3), -np.ones(3), np.ones(3), nominal=nominal)
