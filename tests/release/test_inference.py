"""One window live, many in a batch, and the graph's own path: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from quant.errors import TooShort
from quant.features import WINDOW
from release.inference import infer, infer_many


def test_a_window_alone_and_the_same_window_among_many_give_the_same_bits(store):
    ticker = store.load().tickers["AAPL"]
    bars = ticker.bars[-WINDOW - 40 :]

    many = infer_many(ticker, bars)
    alone = [infer(ticker, bars[: WINDOW + i]) for i in range(41)]

    for name in ("mean", "vol", "p_up", "lower_90", "upper_90"):
        assert_array_equal(np.concatenate([getattr(one, name) for one in alone]), getattr(many, name))


def test_only_the_last_window_counts(store):
    ticker = store.load().tickers["AAPL"]

    assert_array_equal(infer(ticker, ticker.bars).mean, infer(ticker, ticker.bars[-WINDOW:]).mean)


def test_the_bounds_hold_the_mean_between_them(store):
    ticker = store.load().tickers["IBM"]

    made = infer_many(ticker, ticker.bars[-600:])

    assert np.all(made.lower_90 < made.mean)
    assert np.all(made.mean < made.upper_90)
    assert np.all((made.p_up > 0) & (made.p_up < 1))


def test_too_few_bars_are_counted(store):
    ticker = store.load().tickers["IBM"]

    with pytest.raises(TooShort, match=r"bars: expected at least 252, got 251"):
        infer(ticker, ticker.bars[:251])
