"""The sums that features are made of: the same bits alone and among others, and what they say where nothing moves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import sample_bars

from quant.bars import CLOSE, HIGH, LOW, OPEN, VOLUME, windows
from quant.features import WINDOW
from quant.window import (
    MEANS,
    MEMORIES,
    Series,
    bank,
    decaying,
    mean,
    ratio,
    tail,
    weighted,
    window_of,
    without_rounding,
)


def test_a_window_is_its_bars_column_by_column():
    bars = sample_bars("IBM")[: WINDOW + 10]
    many = windows(bars, length=WINDOW)

    window = window_of(many, bars.session[WINDOW - 1 :])

    names = {"open": OPEN, "high": HIGH, "low": LOW, "close": CLOSE, "volume": VOLUME}
    for name, place in names.items():
        assert_array_equal(getattr(window, name), many[:, :, place])
        assert getattr(window, name).flags.c_contiguous
    assert_allclose(window.log_return, np.diff(np.log(window.close), axis=1), atol=1e-15)
    assert_array_equal(window.change, np.diff(window.close, axis=1))
    assert_array_equal(window.sessions, bars.session[WINDOW - 1 :])


def test_every_mean_that_is_shared_is_that_of_its_series():
    bars = sample_bars("MSFT")[-(WINDOW + 10) :]

    window = window_of(windows(bars, length=WINDOW), bars.session[WINDOW - 1 :])

    for span, (first, last) in MEANS.items():
        for series in [series for series in Series if first <= series <= last]:
            expected = mean(np.ascontiguousarray(window.newest(series, span)))
            assert_array_equal(window.mean(series, span), expected)
            assert_array_equal(window.means(series, (span,))[0], expected)


def test_the_memories_of_a_window_are_weighted_sums_of_its_squared_returns():
    bars = sample_bars("MSFT")[-(WINDOW + 10) :]

    window = window_of(windows(bars, length=WINDOW), bars.session[WINDOW - 1 :])

    for made, percent in zip(window.memories, MEMORIES, strict=True):
        expected = weighted(np.ascontiguousarray(window.log_return**2), decaying(percent / 100.0, WINDOW - 1))
        assert_array_equal(made, expected)


@given(st.lists(st.floats(0.01, 0.999), min_size=1, max_size=4), st.integers(1, 300), st.integers(0, 10_000))
def test_weighing_by_a_bank_is_weighing_by_each_of_its_decays(decays, length, seed):
    values = np.random.default_rng(seed).normal(size=(3, length))

    together = weighted(values, bank(tuple(decays), length))

    assert_array_equal(together, [weighted(values, decaying(decay, length)) for decay in decays])


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 200), length=st.integers(1, 300), data=st.data())
def test_a_row_has_the_same_bits_alone_and_among_others(seed, rows, length, data):
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(size=(rows, length)))
    span, row = data.draw(st.integers(1, length)), data.draw(st.integers(0, rows - 1))
    weights = decaying(0.94, length)

    many = mean(values), mean(tail(values, span)), weighted(values, weights)
    alone = [f[0] for f in (mean(values[[row]]), mean(tail(values[[row]], span)), weighted(values[[row]], weights))]

    assert [result[row] for result in many] == alone


def test_the_tail_is_the_newest_and_the_mean_and_weighted_sum_are_numpys():
    values = np.random.default_rng(0).normal(size=(4, 30))

    assert_array_equal(tail(values, 3), values[:, 27:])
    assert tail(values, 3).flags.c_contiguous
    assert_allclose(mean(values), values.mean(axis=1), rtol=1e-13)
    assert_allclose(weighted(values, decaying(0.9, 30)), values @ decaying(0.9, 30), rtol=1e-12)


@given(st.floats(0.01, 0.999), st.integers(1, 300))
def test_decaying_weights_sum_to_one_and_the_newest_counts_most(decay, length):
    weights = decaying(decay, length)

    assert weights.sum() == pytest.approx(1.0)
    assert_allclose(weights[:-1], decay * weights[1:], rtol=1e-9, atol=1e-300)
    assert not weights.flags.writeable


def test_a_ratio_of_nothing_is_what_its_feature_says():
    assert_array_equal(ratio(np.array([1.0, 0.0, 3.0]), np.array([2.0, 0.0, 0.0]), otherwise=0.5), [0.5, 0.5, 0.5])
    assert np.isnan(ratio(np.array([np.nan]), np.array([2.0]), otherwise=0.5)).all()
    assert np.isnan(ratio(np.array([1.0]), np.array([np.nan]), otherwise=0.5)).all()


def test_a_deviation_of_a_few_ulps_is_none_and_nan_stays():
    cleaned = without_rounding(np.array([1e-14, 1e-3, np.nan]), np.array([100.0, 100.0, 100.0]))

    assert_array_equal(cleaned, [0.0, 1e-3, np.nan])
