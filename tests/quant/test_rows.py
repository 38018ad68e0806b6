"""The rows that can be scored: what is left out, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from quant.errors import QuantError, TooShort
from quant.rows import finite_rows


def test_a_row_with_a_nan_in_any_column_is_left_out_of_all():
    first, second = finite_rows(np.array([1.0, np.nan, 3.0, 4.0]), np.array([5.0, 6.0, np.nan, 8.0]))

    assert_array_equal(first, [1.0, 4.0])
    assert_array_equal(second, [5.0, 8.0])


def test_an_infinite_value_is_refused_and_not_quietly_left_out():
    with pytest.raises(QuantError, match="expected finite values or NaN, got an infinite one in row 2"):
        finite_rows(np.array([np.nan, 0.0, np.inf]), np.ones(3))


def test_nothing_left_to_score_is_said():
    with pytest.raises(TooShort, match="at least one without a NaN"):
        finite_rows(np.array([np.nan]), np.zeros(1))


def test_columns_of_other_shapes_are_refused():
    with pytest.raises(QuantError, match="equal one-dimensional shapes"):
        finite_rows(np.ones(3), np.ones(2))
    with pytest.raises(QuantError, match="equal one-dimensional shapes"):
        finite_rows(np.ones((3, 2)), np.ones((3, 2)))
