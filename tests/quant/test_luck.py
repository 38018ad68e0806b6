"""Many tests at once: statsmodels as the oracle, and how often luck is believed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from statsmodels.stats.multitest import multipletests

from quant import luck
from quant.errors import QuantError, TooShort

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=60).map(np.array)
levels = st.sampled_from([0.01, 0.05, 0.1, 0.5])


def test_luck_alone_gives_six_and_a_half_of_130_at_5_percent():
    assert luck.expected_by_luck(130, level=0.05) == pytest.approx(6.5)


@settings(max_examples=100, deadline=None)
@given(p_values, levels)
def test_benjamini_hochberg_is_statsmodels(p, level):
    assert_array_equal(luck.benjamini_hochberg(p, level=level), multipletests(p, alpha=level, method="fdr_bh")[0])


def test_a_test_within_its_bound_carries_those_before_it():
    # Bounds 0.0125, 0.025, 0.0375, 0.05: the first is beyond its own, the third is not.
    p = np.array([0.9, 0.03, 0.02, 0.02])

    assert_array_equal(luck.benjamini_hochberg(p, level=0.05), [False, True, True, True])


@settings(max_examples=50, deadline=None)
@given(p_values, levels, st.randoms(use_true_random=False))
def test_the_order_of_tests_makes_no_difference(p, level, random):
    order = random.sample(range(len(p)), len(p))

    again = luck.benjamini_hochberg(p[order], level=level)

    assert_array_equal(again, luck.benjamini_hochberg(p, level=level)[order])


@settings(max_examples=50, deadline=None)
@given(p_values, levels)
def test_none_is_believed_that_a_single_test_would_not_be(p, level):
    believed = luck.benjamini_hochberg(p, level=level)

    assert np.all(p[believed] <= level)


def test_a_test_that_was_not_made_is_neither_believed_nor_counted():
    p = np.array([0.001, 0.04, 0.5])
    with_gaps = np.array([np.nan, 0.001, np.nan, 0.04, 0.5, np.nan])

    believed = luck.benjamini_hochberg(with_gaps, level=0.1)

    assert_array_equal(believed[[1, 3, 4]], luck.benjamini_hochberg(p, level=0.1))
    assert not believed[[0, 2, 5]].any()


def test_of_those_believed_no_more_are_luck_than_it_says():
    rng = np.random.default_rng(0)
    skill = np.arange(100) < 20
    shares = []
    for _ in range(300):
        # A common factor: the tests move together, as tickers do.
        z = np.sqrt(0.3) * rng.normal() + np.sqrt(0.7) * rng.normal(size=100) + 3.0 * skill
        believed = luck.benjamini_hochberg(stats.norm.sf(z), level=0.1)
        shares.append((believed & ~skill).sum() / max(believed.sum(), 1))

    assert np.mean(shares) < 0.1


def test_the_share_of_tests_with_nothing_to_find_is_found_again():
    rng = np.random.default_rng(1)
    z = rng.normal(size=10_000) + 3.0 * (np.arange(10_000) < 3_000)

    assert luck.true_null_share(stats.norm.sf(z)) == pytest.approx(0.7, abs=0.03)


def test_the_share_of_true_nulls_by_hand():
    assert luck.true_null_share(np.array([0.01, 0.2, 0.4, 0.8, np.nan])) == pytest.approx(0.5)
    assert luck.true_null_share(np.array([0.6, 0.9])) == 1.0
    assert luck.true_null_share(np.array([0.1, 0.5])) == 0.0


def test_what_is_no_p_value_or_share_is_refused():
    with pytest.raises(QuantError, match=r"p_values: expected 0 to 1, got -0\.1 to 0\.5"):
        luck.benjamini_hochberg(np.array([0.5, -0.1]), level=0.05)
    with pytest.raises(QuantError, match="level: expected between 0 and 1, got 5"):
        luck.benjamini_hochberg(np.array([0.5]), level=5)
    with pytest.raises(QuantError, match="level: expected between 0 and 1, got 0"):
        luck.expected_by_luck(10, level=0)
    with pytest.raises(QuantError, match="n: expected at least 0, got -1"):
        luck.expected_by_luck(-1, level=0.05)
    with pytest.raises(QuantError, match="cut: expected between 0 and 1, got 1"):
        luck.true_null_share(np.array([0.5]), cut=1)
    with pytest.raises(TooShort, match="at least one without a NaN"):
        luck.benjamini_hochberg(np.array([np.nan]), level=0.05)


@settings(max_examples=20, deadline=None)
@given(p=hnp.arrays(np.float64, st.integers(1, 12), elements=st.floats(0.0, 1.0)))
def test_holm_corrects_as_statsmodels_does(p):
    assert_allclose(luck.holm(p), multipletests(p, method="holm")[1])


def test_a_test_that_was_not_made_is_not_counted_among_the_many():
    assert_allclose(luck.holm(np.array([np.nan, 0.01, np.nan, 0.2])), [np.nan, 0.02, np.nan, 0.2])
