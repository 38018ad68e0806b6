"""Which rows of paired arrays can be scored. What is made of the rows does not belong here."""

from __future__ import annotations

import numpy as np

from quant.bars import Floats
from quant.errors import QuantError, TooShort


def finite_rows(*columns: Floats) -> tuple[Floats, ...]:
    """The columns without the rows in which any is NaN; at least one row must be left, and no value be infinite."""
    shapes = {column.shape for column in columns}
    if len(shapes) != 1 or columns[0].ndim != 1:
        raise QuantError(f"columns: expected equal one-dimensional shapes, got {sorted(shapes)}")
    stacked = np.column_stack(columns)
    infinite = np.isinf(stacked).any(axis=1)
    if infinite.any():
        raise QuantError(f"columns: expected finite values or NaN, got an infinite one in row {infinite.argmax()}")
    known = ~np.isnan(stacked).any(axis=1)
    if not known.any():
        raise TooShort("rows: expected at least one without a NaN, got none")
    return tuple(column[known] for column in columns)
