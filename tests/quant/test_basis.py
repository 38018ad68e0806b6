"""On which share count prices stand, on real splits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from shared_data import sample_bars, shared_data

from quant.bars import CLOSE
from quant.basis import Basis, as_traded, basis, later_splits, split_adjusted


def test_apples_bars_are_as_traded_and_are_known_as_adjusted_once_they_are():
    bars = sample_bars("AAPL")

    restated = split_adjusted(bars.ohlcv, bars.split)

    assert basis(bars.close, bars.split) is Basis.AS_TRADED
    assert basis(restated[:, CLOSE], bars.split) is Basis.SPLIT_ADJUSTED


def test_half_restated_prices_are_mixed():
    bars = sample_bars("AAPL")
    half = np.where(np.arange(len(bars)) < np.flatnonzero(bars.split != 1)[0], bars.close / 2, bars.close)

    assert basis(half, bars.split) is Basis.MIXED


def test_without_a_split_nothing_tells():
    bars = sample_bars("IBM")

    assert basis(bars.close, bars.split) is Basis.UNKNOWN


def test_there_and_back_again_is_the_same():
    bars = sample_bars("AAPL")

    assert_allclose(as_traded(split_adjusted(bars.ohlcv, bars.split), bars.split), bars.ohlcv, rtol=1e-14)


def test_a_share_before_two_splits_is_four_in_the_end():
    assert later_splits(np.array([1.0, 2.0, 1.0, 2.0])).tolist() == [4.0, 2.0, 2.0, 1.0]


def test_every_raw_price_of_130_tickers_is_as_traded_but_for_one_split_that_its_vendor_made_up():
    table = pd.read_parquet(shared_data("us130_daily_raw_2004_2021.parquet"))

    found = {
        ticker: basis(rows["close"].to_numpy(dtype=float), rows["split"].to_numpy(dtype=float))
        for ticker, rows in table.groupby("ticker")
    }

    assert {ticker for ticker, of in found.items() if of not in (Basis.AS_TRADED, Basis.UNKNOWN)} == {"GNRC"}


@pytest.mark.parametrize("length", [0, 1])
def test_a_history_too_short_for_a_step_tells_nothing(length):
    assert basis(np.ones(length), np.ones(length)) is Basis.UNKNOWN
