"""Indicators: what the features of the same names mean, TA-Lib's word, no look-ahead and no memory beyond a window."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import bigtech_bars, sample_bars

from quant.bars import CLOSE, HIGH, LOW, Bars, Floats, adjusted
from quant.errors import QuantError
from quant.features import WINDOW, column, feature_table
from quant.indicators import Indicators, indicators

LINES = [line.name for line in fields(Indicators)]
# The first row that has a value: how many bars it takes, less one.
FIRST_ROWS = {
    "sma_20": 19,
    "sma_50": 49,
    "sma_200": 199,
    "ema_20": 19,
    "bollinger_upper": 19,
    "bollinger_lower": 19,
    "rsi_14": 14,
    "atr_14": 14,
    "realised_volatility_21": 21,
}
BIGTECH = ["AAPL", "AMZN", "GOOGL", "MSFT", "TSLA"]


def lines(prices: Floats, *, sessions_per_year: int = 252) -> np.ndarray:
    """All indicators, one a row, in the order of `LINES`."""
    drawn = indicators(prices, sessions_per_year=sessions_per_year)
    return np.array([getattr(drawn, name) for name in LINES])


def assert_same_bits(one: np.ndarray, other: np.ndarray) -> None:
    assert_array_equal(np.ascontiguousarray(one).view(np.int64), np.ascontiguousarray(other).view(np.int64))


# What the features mean by these names.


def assert_chart_and_features_agree(bars: Bars) -> None:
    prices = adjusted(bars)
    drawn = indicators(prices, sessions_per_year=252)
    table = feature_table(bars)[1]
    close, row = prices[:, CLOSE], slice(WINDOW - 1, None)
    width = drawn.bollinger_upper - drawn.bollinger_lower
    made = {
        "sma_ratio_20": np.log(close / drawn.sma_20),
        "sma_ratio_50": np.log(close / drawn.sma_50),
        "sma_ratio_200": np.log(close / drawn.sma_200),
        "bollinger_width": width / drawn.sma_20,
        "bollinger_b": (close - drawn.bollinger_lower) / width,
        "rsi_14": drawn.rsi_14 / 100.0,
        "atr_14": drawn.atr_14 / close,
        "realised_vol_21": drawn.realised_volatility_21 / np.sqrt(252),
    }

    for name, values in made.items():
        assert_allclose(values[row], table[:, column(name)], rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("ticker", ["AAPL", "GOOG", "IBM", "MSFT"])
def test_a_chart_means_what_the_features_mean_across_splits_and_dividends(ticker):
    assert_chart_and_features_agree(sample_bars(ticker))


@pytest.mark.parametrize("ticker", BIGTECH)
def test_a_chart_means_what_the_features_mean_on_big_tech(ticker):
    assert_chart_and_features_agree(bigtech_bars(ticker))


# TA-Lib.


def oracle(prices: Floats) -> dict[str, Floats]:
    """TA-Lib's on the same prices."""
    high, low, close = (np.ascontiguousarray(prices[:, k]) for k in (HIGH, LOW, CLOSE))
    upper, _, lower = talib.BBANDS(close, timeperiod=20, nbdevup=2, nbdevdn=2)
    squared = np.log(close[1:] / close[:-1]) ** 2
    return {
        "sma_20": talib.SMA(close, 20),
        "sma_50": talib.SMA(close, 50),
        "sma_200": talib.SMA(close, 200),
        "ema_20": talib.EMA(close, 20),
        "bollinger_upper": upper,
        "bollinger_lower": lower,
        "rsi_14": talib.RSI(close, 14),
        "atr_14": talib.ATR(high, low, close, 14),
        "realised_volatility_21": np.concatenate([[np.nan], np.sqrt(252 * talib.SMA(squared, 21))]),
    }


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("ticker", ["AAPL", "IBM"])
def test_talib_agrees_once_its_seed_is_forgotten(ticker, name):
    prices = adjusted(sample_bars(ticker))

    drawn, theirs = getattr(indicators(prices, sessions_per_year=252), name), oracle(prices)[name]

    # Their exponential averages remember their first value for ever, ours nothing beyond the window.
    assert_allclose(drawn[2 * WINDOW :], theirs[2 * WINDOW :], rtol=1e-6)


@pytest.mark.parametrize("name", LINES)
def test_each_begins_where_talibs_begins(name):
    prices = adjusted(sample_bars("IBM"))[:300]

    drawn, theirs = getattr(indicators(prices, sessions_per_year=252), name), oracle(prices)[name]

    assert_array_equal(np.isnan(drawn), np.isnan(theirs))
    assert np.isnan(drawn).sum() == FIRST_ROWS[name]


@pytest.mark.parametrize("length", [0, 1, 2, 14, 19, 20, 21, 199])
def test_a_past_that_is_too_short_has_no_value(length):
    drawn = lines(adjusted(sample_bars("IBM"))[:length].reshape(length, 5))

    assert drawn.shape == (len(LINES), length)
    assert np.isfinite(drawn).sum(axis=1).tolist() == [max(0, length - FIRST_ROWS[name]) for name in LINES]


# What a value may depend on.


@settings(max_examples=25, deadline=None)
@given(t=st.integers(0, 599), factor=st.floats(0.1, 10.0))
def test_a_bar_after_t_changes_nothing_at_or_before_t(t, factor):
    prices = adjusted(sample_bars("AAPL"))[:600]
    later = prices.copy()
    later[t + 1 :] *= factor

    assert_same_bits(lines(later)[:, : t + 1], lines(prices)[:, : t + 1])
    assert_same_bits(lines(prices[: t + 1]), lines(prices)[:, : t + 1])


@settings(max_examples=25, deadline=None)
@given(start=st.integers(0, 700))
def test_a_history_that_begins_later_has_the_same_values_once_it_has_a_window(start):
    prices = adjusted(sample_bars("IBM"))[:1_000]

    assert_same_bits(lines(prices[start:])[:, WINDOW - 1 :], lines(prices)[:, start + WINDOW - 1 :])


@pytest.mark.parametrize("field", [HIGH, LOW, CLOSE])
def test_a_nan_is_forgotten_with_its_window_and_shows_nowhere_before(field):
    prices = adjusted(sample_bars("IBM"))[:700]
    spoilt = prices.copy()
    spoilt[300, field] = np.nan

    sound, found = lines(prices), lines(spoilt)

    assert_same_bits(found[:, :300], sound[:, :300])
    assert np.isnan(found[LINES.index("atr_14"), 300 if field != CLOSE else 301])
    assert_array_equal(
        np.isnan(found[LINES.index("sma_20")]),
        np.isnan(sound[LINES.index("sma_20")]) | ((field == CLOSE) & np.isin(np.arange(700), np.arange(300, 320))),
    )
    assert_same_bits(found[:, 300 + WINDOW :], sound[:, 300 + WINDOW :])


# What holds of any prices.

prices_of_any_kind = arrays(np.float64, st.integers(1, 300), elements=st.floats(0.01, 1e5)).map(
    lambda close: np.column_stack([close, close * 1.01, close * 0.99, close, np.ones(len(close))])
)


@settings(max_examples=100, deadline=None)
@given(prices=prices_of_any_kind)
def test_each_lies_where_it_can_lie(prices):
    drawn = indicators(prices, sessions_per_year=252)
    close = prices[:, CLOSE]

    for average in (drawn.sma_20, drawn.sma_50, drawn.sma_200, drawn.ema_20):
        known = average[np.isfinite(average)]
        assert np.all((known >= close.min() * (1 - 1e-12)) & (known <= close.max() * (1 + 1e-12)))
    rsi, known = drawn.rsi_14, slice(19, None)
    assert np.all((rsi[14:] >= 0) & (rsi[14:] <= 100))
    assert np.all(drawn.bollinger_lower[known] <= drawn.sma_20[known])
    assert np.all(drawn.sma_20[known] <= drawn.bollinger_upper[known])
    assert np.all(drawn.atr_14[14:] > 0)
    assert np.all(drawn.realised_volatility_21[21:] >= 0)


@settings(max_examples=50, deadline=None)
@given(prices=prices_of_any_kind, scale=st.floats(1e-3, 1e3))
def test_levels_scale_with_the_price_and_the_others_do_not(prices, scale):
    plain, scaled = lines(prices), lines(prices * scale)

    free = [name in ("rsi_14", "realised_volatility_21") for name in LINES]
    factor = np.where(free, 1.0, scale)[:, None]
    # A band is a difference, so it is exact as the price is.
    highest = np.where(free, 100.0, prices[:, CLOSE].max() * scale)[:, None]
    assert np.all((np.abs(scaled - plain * factor) <= 1e-9 * highest) | np.isnan(plain))


@settings(max_examples=50, deadline=None)
@given(price=st.floats(0.01, 1e5), length=st.integers(200, 300))
def test_a_price_that_never_moves_is_its_own_average(price, length):
    drawn = indicators(np.full((length, 5), price), sessions_per_year=252)

    for name in ("sma_20", "sma_50", "sma_200", "ema_20", "bollinger_upper", "bollinger_lower"):
        assert_allclose(getattr(drawn, name)[199:], price, rtol=1e-12)
    assert_array_equal(drawn.bollinger_upper[199:], drawn.bollinger_lower[199:])
    assert np.all(drawn.rsi_14[14:] == 50.0)
    assert np.all(drawn.atr_14[14:] == 0.0)
    assert np.all(drawn.realised_volatility_21[21:] == 0.0)


@pytest.mark.parametrize(("step", "rsi"), [(1.01, 100.0), (0.99, 0.0)])
def test_a_price_that_only_rises_or_falls_has_the_extreme_strength(step, rsi):
    close = 100.0 * step ** np.arange(300)

    drawn = indicators(np.column_stack([close] * 5), sessions_per_year=252)

    assert np.all(drawn.rsi_14[14:] == rsi)
    assert_allclose(drawn.realised_volatility_21[21:], np.sqrt(252) * abs(np.log(step)), rtol=1e-12)


def test_a_year_of_365_sessions_has_the_larger_volatility():
    prices = adjusted(sample_bars("IBM"))[:100]

    stock, crypto = (indicators(prices, sessions_per_year=year).realised_volatility_21 for year in (252, 365))

    assert_allclose(crypto, stock * np.sqrt(365 / 252), rtol=1e-12)


def test_what_is_no_table_of_bars_is_refused():
    with pytest.raises(QuantError, match=r"prices: expected shape \(n, 5\), got \(7, 4\)"):
        indicators(np.ones((7, 4)), sessions_per_year=252)
    with pytest.raises(QuantError, match=r"prices: expected shape \(n, 5\), got \(7,\)"):
        indicators(np.ones(7), sessions_per_year=252)
    with pytest.raises(QuantError, match="sessions_per_year: expected at least 1, got 0"):
        indicators(np.ones((7, 5)), sessions_per_year=0)
