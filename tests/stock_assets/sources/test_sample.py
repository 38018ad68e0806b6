"""The bundled sample: real bars for a machine without a network."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from quant.faults import faults
from stock_assets.errors import DataEmpty, UnknownTicker
from stock_assets.sources.sample import Sample


def test_the_sample_carries_five_tickers_with_their_real_actions():
    source = Sample()

    fetched = source.fetch("AAPL")

    assert source.tickers() == ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    assert faults(fetched.bars) == []
    assert str(fetched.bars.session[int(np.argmax(fetched.bars.split))]) == "2000-06-21"
    assert fetched.provenance.source == "sample"


@pytest.mark.parametrize("ticker", Sample().tickers())
def test_every_row_of_the_sample_is_a_bar(ticker):
    fetched = Sample().fetch(ticker)

    assert (fetched.refused, fetched.merged, fetched.notes) == ((), 0, ())


def test_bars_after_the_end_are_kept_back():
    fetched = Sample().fetch("MSFT", end=date(2012, 3, 1))

    assert str(fetched.bars.session[-1]) == "2012-03-01"


def test_a_range_without_bars_is_an_error_that_names_the_range():
    with pytest.raises(
        DataEmpty,
        match=r"FB: too short: expected bars from the start to 2005-01-01, got none; its 196 bars are of 2012-05-18",
    ):
        Sample().fetch("FB", end=date(2005, 1, 1))


def test_an_unknown_ticker_names_the_known_ones():
    with pytest.raises(UnknownTicker, match="expected one of AAPL, FB, GOOG, IBM, MSFT, got TSLA"):
        Sample().fetch("TSLA")
