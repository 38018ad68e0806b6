"""Real bars with one thing made wrong in them."""

from __future__ import annotations

from functools import cache

import numpy as np
from shared_data import sample_bars

from quant.bars import CLOSE, VOLUME, Bars, Floats, adjusted

# IBM paid 56 dividends in these years and split nothing; MSFT did both; AAPL split twice and was wild.
NAMES = ("IBM", "MSFT", "AAPL")


@cache
def real(name: str) -> Bars:
    return sample_bars(name)


@cache
def adjusted_close(name: str) -> Floats:
    """What a vendor without faults would say."""
    return adjusted(real(name))[:, CLOSE]


def with_cells(bars: Bars, rows: slice | int, *, price: float = 1.0, shares: float = 1.0) -> Bars:
    """Prices of some rows multiplied by `price`, their volumes by `shares`."""
    ohlcv = bars.ohlcv.copy()
    ohlcv[rows, :VOLUME] *= price
    ohlcv[rows, VOLUME] *= shares
    return Bars(bars.session, ohlcv, bars.split, bars.dividend)


def with_actions(bars: Bars, row: int, *, split: float | None = None, dividend: float | None = None) -> Bars:
    """Another split or dividend at one row."""
    splits, dividends = bars.split.copy(), bars.dividend.copy()
    if split is not None:
        splits[row] = split
    if dividend is not None:
        dividends[row] = dividend
    return Bars(bars.session, bars.ohlcv, splits, dividends)


def split_in_two(bars: Bars, row: int, ratio: float) -> Bars:
    """History as it would have been with a split at `row`, which is recorded nowhere yet."""
    before = with_cells(bars, slice(0, row), price=ratio, shares=1.0 / ratio)
    dividend = bars.dividend.copy()
    dividend[:row] *= ratio
    return Bars(before.session, before.ohlcv, before.split, dividend)


def without(bars: Bars, row: int) -> Bars:
    keep = np.delete(np.arange(len(bars)), row)
    return Bars(bars.session[keep], bars.ohlcv[keep], bars.split[keep], bars.dividend[keep])


def quiet(name: str, *rows: int) -> bool:
    """Whether the price hardly moved on these days: no rule can tell a fault apart from news of its own size."""
    close = real(name).close
    return all(abs(np.log(close[row] / close[row - 1])) < 0.04 for row in rows)
