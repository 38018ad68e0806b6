"""Features: the same bits in batch and live, no look-ahead, and TA-Lib's word on what has a name there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import bigtech_bars, sample_bars

from quant.bars import CLOSE, HIGH, LOW, VOLUME, Bars, adjusted, unadjusted, windows
from quant.errors import QuantError, TooShort
from quant.features import NAMES, VOLATILITY, WINDOW, column, feature_table, features

SAMPLE = ["AAPL", "GOOG", "IBM", "MSFT"]
BIGTECH = ["AAPL", "AMZN", "GOOGL", "MSFT", "TSLA"]


def live(bars: Bars, end: int) -> np.ndarray:
    """The features of the one window that ends at bar `end`, from no more than its own bars."""
    own = bars[end - WINDOW + 1 : end + 1]
    return features(windows(own, length=WINDOW), own.session[-1:])[0]


def assert_batch_is_live(bars: Bars) -> None:
    sessions, table = feature_table(bars)
    # Every third: 3 and the chunk of 64 share no factor, so every place in a chunk has its turn.
    for row in range(0, len(table), 3):
        end = row + WINDOW - 1
        assert sessions[row] == bars.session[end]
        assert_array_equal(live(bars, end).view(np.int64), table[row].view(np.int64))


def test_there_are_at_least_36_features_each_named_once():
    assert len(NAMES) >= 36
    assert len(set(NAMES)) == len(NAMES)
    assert VOLATILITY in NAMES


@pytest.mark.parametrize("ticker", SAMPLE)
def test_batch_and_live_agree_bit_for_bit_across_splits_and_dividends(ticker):
    assert_batch_is_live(sample_bars(ticker))


@pytest.mark.parametrize("ticker", BIGTECH)
def test_batch_and_live_agree_bit_for_bit_on_big_tech(ticker):
    assert_batch_is_live(bigtech_bars(ticker))


@settings(max_examples=20, deadline=None)
@given(size=st.integers(1, 200), start=st.integers(0, 2_500))
def test_a_batch_of_any_size_has_the_same_bits(size, start):
    bars = sample_bars("AAPL")[start : start + WINDOW + size - 1]
    several = features(windows(bars, length=WINDOW), bars.session[WINDOW - 1 :])

    assert_array_equal(several[-1].view(np.int64), live(bars, len(bars) - 1).view(np.int64))


@pytest.mark.parametrize("ticker", SAMPLE)
def test_every_feature_is_finite_on_real_bars(ticker):
    assert np.isfinite(feature_table(sample_bars(ticker))[1]).all()


@settings(max_examples=20, deadline=None)
@given(
    t=st.integers(WINDOW, 398),
    factor=st.floats(0.5, 2.0),
    split=st.sampled_from([1.0, 2.0]),
    dividend=st.sampled_from([0.0, 1.5]),
)
def test_a_bar_after_t_changes_nothing_at_or_before_t(t, factor, split, dividend):
    bars = sample_bars("AAPL")[:400]
    ohlcv, splits, dividends = bars.ohlcv.copy(), bars.split.copy(), bars.dividend.copy()
    ohlcv[t + 1 :] *= factor
    splits[t + 1], dividends[t + 1] = split, dividend
    later = Bars(bars.session, ohlcv, splits, dividends)

    before, after = feature_table(bars)[1], feature_table(later)[1]

    assert_array_equal(before[: t - WINDOW + 2].view(np.int64), after[: t - WINDOW + 2].view(np.int64))


def rescaled(bars: Bars, *, price: float, volume: float) -> np.ndarray:
    """The features of the bars without their actions, prices and volumes in other units."""
    return feature_table(unadjusted(bars.session, bars.ohlcv * np.array([price, price, price, price, volume])))[1]


@settings(max_examples=20, deadline=None)
@given(price=st.floats(1e-3, 1e3))
def test_the_prices_scale_does_not_matter(price):
    bars = sample_bars("IBM")[:300]

    assert_allclose(
        rescaled(bars, price=price, volume=1.0), rescaled(bars, price=1.0, volume=1.0), rtol=1e-9, atol=1e-9
    )


@settings(max_examples=20, deadline=None)
@given(volume=st.floats(10.0, 1e3))
def test_the_volumes_scale_does_not_matter_but_for_the_one_that_guards_its_logarithm(volume):
    bars = sample_bars("IBM")[:300]

    plain, other = rescaled(bars, price=1.0, volume=1.0), rescaled(bars, price=1.0, volume=volume)

    # log1p(volume) leaves 1/volume, some 1e-7 on millions of shares.
    assert_allclose(other, plain, rtol=0, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(price=st.floats(1e-3, 1e5), volume=st.floats(0.0, 1e10))
def test_a_price_that_never_moves_has_the_features_that_are_documented(price, volume):
    ohlcv = np.full((WINDOW, 5), price)
    ohlcv[:, VOLUME] = volume
    sessions = np.arange(WINDOW).astype("datetime64[D]")

    row = feature_table(unadjusted(sessions, ohlcv))[1][0]

    made = dict(zip(NAMES, row.tolist(), strict=True))
    assert np.isfinite(row).all()
    assert made["rsi_14"] == made["rsi_5"] == made["stochastic_k"] == made["stochastic_d"] == made["bollinger_b"] == 0.5
    assert made[VOLATILITY] == made["skew_63"] == made["autocorrelation_63"] == made["bollinger_width"] == 0.0
    assert made["vol_ratio_5_63"] == 1.0
    assert made["volume_z"] == 0.0


@pytest.mark.parametrize(
    ("field", "readers"),
    [
        (CLOSE, [VOLATILITY, "macd", "rsi_14", "log_return_21", "skew_63", "autocorrelation_63"]),
        (HIGH, ["atr_14", "drawdown", "parkinson_vol_63"]),
        (VOLUME, ["volume_z", "volume_trend"]),
    ],
)
def test_a_nan_shows_in_what_reads_it_and_nowhere_in_the_other_windows(field, readers):
    bars = sample_bars("GOOG")[: WINDOW + 2]
    three, sessions = windows(bars, length=WINDOW), bars.session[WINDOW - 1 :]
    spoilt = three.copy()
    spoilt[1, -22, field] = np.nan

    sound, found = features(three, sessions), features(spoilt, sessions)

    assert np.isnan(found[1, [column(name) for name in readers]]).all()
    assert_array_equal(found[[0, 2]].view(np.int64), sound[[0, 2]].view(np.int64))


def oracle() -> dict[str, tuple[np.ndarray, float]]:
    """TA-Lib on the whole adjusted history of IBM: name -> (series, tolerance that its own warm-up leaves)."""
    bars = adjusted(sample_bars("IBM"))
    high, low, close = (np.ascontiguousarray(bars[:, k]) for k in (HIGH, LOW, CLOSE))
    upper, middle, lower = talib.BBANDS(close, timeperiod=20, nbdevup=2, nbdevdn=2)
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    fast_k, fast_d = talib.STOCHF(high, low, close, fastk_period=14, fastd_period=3)
    return {
        "rsi_14": (talib.RSI(close, 14) / 100, 1e-6),
        "rsi_5": (talib.RSI(close, 5) / 100, 1e-9),
        "bollinger_b": ((close - lower) / (upper - lower), 1e-8),
        "bollinger_width": ((upper - lower) / middle, 1e-8),
        "sma_ratio_5": (np.log(close / talib.SMA(close, 5)), 1e-10),
        "sma_ratio_200": (np.log(close / talib.SMA(close, 200)), 1e-10),
        "ema_ratio_12": (np.log(close / talib.EMA(close, 12)), 1e-9),
        "ema_ratio_26": (np.log(close / talib.EMA(close, 26)), 1e-7),
        "ema_ratio_100": (np.log(close / talib.EMA(close, 100)), 5e-3),
        "macd": (line / close, 1e-7),
        "macd_signal": (signal / close, 1e-7),
        "macd_histogram": (histogram / close, 1e-7),
        "stochastic_k": (fast_k / 100, 1e-10),
        "stochastic_d": (fast_d / 100, 1e-10),
        "atr_14": (talib.ATR(high, low, close, 14) / close, 1e-6),
        "log_return_10": (np.log(talib.ROCR(close, 10)), 1e-10),
    }


@pytest.mark.parametrize("name", list(oracle()))
def test_talib_agrees_but_for_the_finite_window(name):
    series, tolerance = oracle()[name]
    ours = feature_table(sample_bars("IBM"))[1][:, column(name)]

    # The first window's start is TA-Lib's own start: compare from where its warm-up has decayed as ours has.
    settled = 400
    assert_allclose(ours[settled:], series[WINDOW - 1 + settled :], rtol=0, atol=tolerance)


def test_volatilities_agree_with_their_definitions():
    bars = sample_bars("MSFT")
    close = pd.Series(adjusted(bars)[:, CLOSE])
    returns = np.log(close).diff()
    table = feature_table(bars)[1]

    assert_allclose(table[:, column("realised_vol_21")], np.sqrt((returns**2).rolling(21).mean())[WINDOW - 1 :])
    ewma = np.sqrt((returns**2).ewm(alpha=0.06).mean())[WINDOW - 1 :]
    assert_allclose(table[:, column(VOLATILITY)], ewma, rtol=1e-4)


def test_a_range_of_known_size_gives_parkinsons_and_garman_and_klass_volatility():
    n = WINDOW
    ohlcv = np.column_stack([np.full(n, 100.0), np.full(n, 102.0), np.full(n, 99.0), np.full(n, 100.0), np.ones(n)])
    row = feature_table(unadjusted(np.arange(n).astype("datetime64[D]"), ohlcv))[1][0]
    log_range = np.log(102.0 / 99.0)

    assert_allclose(row[column("parkinson_vol_21")], log_range / np.sqrt(4 * np.log(2)))
    assert_allclose(row[column("garman_klass_vol_63")], np.sqrt(0.5) * log_range)


def test_a_name_that_is_no_feature_is_refused():
    with pytest.raises(QuantError, match="got 'rsi_99'"):
        column("rsi_99")


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(QuantError, match=r"expected shape \(n, 252, 5\)"):
        features(np.ones((3, 100, 5)), np.zeros(3, dtype="datetime64[D]"))
    with pytest.raises(QuantError, match=r"sessions: expected shape \(3,\), got \(2,\)"):
        features(np.ones((3, WINDOW, 5)), np.zeros(2, dtype="datetime64[D]"))
    with pytest.raises(TooShort, match="expected at least 252, got 196"):
        feature_table(sample_bars("FB"))
