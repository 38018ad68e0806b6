"""Thinned curves: never too many points, the ends among them, evenly spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from quant.errors import QuantError
from quant.thinning import thinned


@given(st.integers(0, 20_000), st.integers(2, 700))
def test_as_many_rows_as_may_be_the_first_and_the_last_among_them(n, most):
    kept = thinned(n, most=most)

    assert len(kept) == min(n, most)
    assert np.all(np.diff(kept) > 0)
    if n:
        assert (kept[0], kept[-1]) == (0, n - 1)


@given(st.integers(2, 20_000), st.integers(2, 700))
def test_no_gap_is_more_than_a_row_longer_than_another(n, most):
    gaps = np.diff(thinned(n, most=most))

    assert gaps.max() - gaps.min() <= 1


def test_a_short_curve_stays_whole():
    assert_array_equal(thinned(5, most=600), np.arange(5))


def test_what_could_not_hold_both_ends_is_refused():
    with pytest.raises(QuantError, match="most: expected at least 2, got 1"):
        thinned(10, most=1)
    with pytest.raises(QuantError, match="n: expected at least 0, got -1"):
        thinned(-1, most=2)
