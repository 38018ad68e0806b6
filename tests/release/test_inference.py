"""One window live, many in a batch, and the graph's own path: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from real_release import HORIZONS

from quant.errors import TooShort
from quant.features import WINDOW, feature_table
from release.inference import infer, infer_many

FIGURES = ("mean", "vol", "p_up", "lower_90", "lower_50", "upper_50", "upper_90")


@pytest.mark.parametrize("horizon", HORIZONS)
def test_a_window_alone_and_the_same_window_among_many_give_the_same_bits(store, horizon):
    ticker = store.load().tickers["AAPL"]
    bars = ticker.bars[-WINDOW - 40 :]

    many = infer_many(ticker, bars)
    alone = [infer(ticker, bars[: WINDOW + i]) for i in range(41)]

    for name in FIGURES:
        assert_array_equal(np.concatenate([getattr(one[horizon], name) for one in alone]), getattr(many[horizon], name))


@pytest.mark.parametrize("rows", [2, 3, 7, 8, 9, 33])
def test_a_row_alone_and_the_same_row_among_others_get_the_same_bits_from_every_model(store, rows):
    """Whatever is left over behind whole vector registers, and whichever kernel a matrix of that height calls for."""
    ticker = store.load().tickers["IBM"]
    _, X = feature_table(ticker.bars[-WINDOW - rows + 1 :])

    many = ticker.model.predict(X)
    alone = [ticker.model.predict(X[i : i + 1]) for i in range(rows)]

    for output in ticker.model.outputs:
        assert_array_equal(np.concatenate([said[output] for said in alone]), many[output])


def test_forecasts_come_in_the_order_of_the_release_s_horizons(store):
    release = store.load()

    made = infer(release.tickers["AAPL"], release.tickers["AAPL"].bars)

    assert tuple(made) == release.manifest.horizons == HORIZONS
    assert {len(one) for one in made.values()} == {1}


def test_only_the_last_window_counts(store):
    ticker = store.load().tickers["AAPL"]

    whole, window = infer(ticker, ticker.bars), infer(ticker, ticker.bars[-WINDOW:])

    for horizon in HORIZONS:
        assert_array_equal(whole[horizon].mean, window[horizon].mean)


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_bounds_hold_the_mean_between_them(store, horizon):
    ticker = store.load().tickers["IBM"]

    made = infer_many(ticker, ticker.bars[-600:])[horizon]

    assert np.all(made.lower_90 < made.lower_50)
    assert np.all(made.lower_50 < made.mean)
    assert np.all(made.mean < made.upper_50)
    assert np.all(made.upper_50 < made.upper_90)
    assert np.all((made.p_up > 0) & (made.p_up < 1))


def test_too_few_bars_are_counted(store):
    ticker = store.load().tickers["IBM"]

    with pytest.raises(TooShort, match=r"bars: expected at least 252, got 251"):
        infer(ticker, ticker.bars[:251])
