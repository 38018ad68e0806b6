"""Features of the variance to come, each against pandas on real bars, by hand, or on a window made to show it.

That batch is live and that nothing after t matters, `test_features` shows of every feature there is.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from shared_data import sample_bars

from quant.bars import CLOSE, VOLUME, Bars, adjusted, log_returns, unadjusted, windows
from quant.features import NAMES, WINDOW, column, feature_table
from quant.variance_features import (
    EWMA_DECAYS,
    FLOOR,
    GROUPS,
    LOG_VARIANCE_SPANS,
    ROGERS_SATCHELL_SPANS,
    SCALED_RETURN_SPANS,
    TAIL_SPANS,
)
from quant.volatility import range_variance
from quant.window import window_of


@pytest.fixture(scope="module")
def msft() -> Bars:
    return sample_bars("MSFT")[-1_000:]


@pytest.fixture(scope="module")
def table(msft) -> np.ndarray:
    return feature_table(msft)[1]


def of(table: np.ndarray, name: str) -> np.ndarray:
    return table[:, column(name)]


def from_returns(returns: np.ndarray, *, volume: float = 1e6) -> Bars:
    """Bars that go straight from close to close: open where the last one closed, no range beyond."""
    close = 100.0 * np.exp(np.cumsum(returns))
    opened = np.concatenate([[100.0], close[:-1]])
    ohlc = [opened, np.maximum(opened, close), np.minimum(opened, close), close]
    return unadjusted(
        np.arange(len(close)).astype("datetime64[D]"), np.column_stack([*ohlc, np.full(len(close), volume)])
    )


def newest(bars: Bars) -> dict[str, float]:
    """The newest row by name."""
    return dict(zip(NAMES, feature_table(bars)[1][-1].tolist(), strict=True))


def test_every_group_makes_what_it_names(msft):
    window = window_of(windows(msft[:WINDOW], length=WINDOW), msft.session[WINDOW - 1 : WINDOW])

    for group, names in GROUPS:
        assert len(list(group(window))) == len(names)


@pytest.mark.parametrize("span", LOG_VARIANCE_SPANS)
def test_log_variances_are_of_the_mean_range_variance(msft, table, span):
    variance = pd.Series(range_variance(adjusted(msft)))

    expected = np.log(variance.rolling(span).mean() + FLOOR)[WINDOW - 1 :]

    # Adjusting to another bar moves the last digits of a gap over a dividend.
    assert_allclose(of(table, f"log_variance_{span}"), expected, rtol=1e-7)


@pytest.mark.parametrize("span", TAIL_SPANS)
def test_a_tail_is_heavy_where_few_days_make_the_variance_and_zero_where_all_are_equal(table, span):
    alike = newest(from_returns(0.01 * np.resize([1.0, -1.0], WINDOW)))
    jump = 0.001 * np.resize([1.0, -1.0], WINDOW)
    jump[-5] = 0.2

    assert alike[f"variance_tail_{span}"] == pytest.approx(0.0, abs=1e-3)
    # One of n days makes it all: the root mean square is sqrt(n) means.
    assert newest(from_returns(jump))[f"variance_tail_{span}"] == pytest.approx(0.5 * math.log(span), abs=0.02)
    assert (of(table, f"variance_tail_{span}") > 0).all()


@pytest.mark.parametrize("span", ROGERS_SATCHELL_SPANS)
def test_rogers_and_satchell_see_no_variance_in_a_trend_and_all_of_a_range_around_it(span):
    trend = from_returns(np.full(WINDOW, 0.01))
    ohlcv = trend.ohlcv.copy()
    ohlcv[:, 1] *= math.exp(0.02)
    around = newest(unadjusted(trend.session, ohlcv))

    assert newest(trend)[f"log_rogers_satchell_{span}"] == pytest.approx(math.log(FLOOR), abs=1e-6)
    # The high lies 2 % over the close and 3 % over the open.
    assert around[f"log_rogers_satchell_{span}"] == pytest.approx(math.log(0.02 * 0.03 + FLOOR))


@pytest.mark.parametrize("percent", EWMA_DECAYS)
def test_the_bank_of_variances_is_pandas(msft, table, percent):
    square = pd.Series(log_returns(msft)) ** 2

    expected = square.ewm(alpha=1 - percent / 100).mean()[WINDOW - 1 :]

    # The window forgets what pandas remembers beyond it: 8 % of the weight at the slowest decay, of wilder times.
    remembered = (percent / 100) ** (WINDOW - 1)
    assert_allclose(of(table, f"ewma_variance_{percent}"), expected, rtol=1e-9 + 30.0 * remembered)


def test_riskmetrics_variance_comes_as_a_log_too_and_against_the_years(msft, table):
    year = (pd.Series(log_returns(msft)) ** 2).rolling(WINDOW - 1).mean()[WINDOW - 1 :]
    riskmetrics = of(table, "ewma_variance_94")

    assert_allclose(of(table, "log_ewma_variance"), np.log(riskmetrics + FLOOR))
    assert_allclose(of(table, "log_variance_ratio"), np.log((riskmetrics + FLOOR) / (year + FLOOR)), atol=1e-9)


@pytest.mark.parametrize("span", SCALED_RETURN_SPANS)
def test_scaled_returns_are_returns_in_their_own_volatilities(msft, table, span):
    returns = pd.Series(log_returns(msft))
    unit = np.sqrt((returns**2).rolling(66).mean() + FLOOR)

    expected = (returns.rolling(span).sum() / np.sqrt(span) / unit)[WINDOW - 1 :]

    assert_allclose(of(table, f"scaled_return_{span}"), expected, atol=1e-9)


@pytest.mark.parametrize("span", [1, 5])
def test_a_nervous_return_is_a_scaled_one_times_how_nervous_the_market_is(table, span):
    nervous = np.clip(of(table, "log_variance_ratio"), -2.0, 3.0)

    assert_allclose(of(table, f"nervous_return_{span}"), of(table, f"scaled_return_{span}") * nervous, atol=1e-12)


def test_falls_and_rises_are_from_the_highest_and_lowest_close(msft, table):
    close = pd.Series(adjusted(msft)[:, CLOSE])
    square = pd.Series(log_returns(msft)) ** 2
    month = np.sqrt(22 * (square.rolling(WINDOW - 1).mean() + FLOOR))
    year = np.sqrt((WINDOW - 1) * (square.rolling(66).mean() + FLOOR))

    assert_allclose(of(table, "scaled_fall_22"), (np.log(close / close.rolling(22).max()) / month)[WINDOW - 1 :])
    assert_allclose(of(table, "scaled_rise_22"), (np.log(close / close.rolling(22).min()) / month)[WINDOW - 1 :])
    assert_allclose(of(table, "scaled_drawdown"), (np.log(close / close.rolling(WINDOW).max()) / year)[WINDOW - 1 :])


def test_log_volume_is_over_that_of_the_last_quarter(msft, table):
    # Adjusted to each window's own end: the newest bars have no split, so the volumes are as traded.
    volume = pd.Series(np.log1p(msft.ohlcv[:, VOLUME]))
    usual = volume.rolling(66).mean()

    assert (msft.split == 1).all()
    assert_allclose(of(table, "log_volume_1"), (volume - usual)[WINDOW - 1 :], atol=1e-12)
    assert_allclose(of(table, "log_volume_5"), (volume.rolling(5).mean() - usual)[WINDOW - 1 :], atol=1e-12)


@pytest.mark.parametrize(("horizon", "ahead"), [(1, [1]), (5, [1, 2, 3, 4, 5])])
def test_a_quarter_ago_echoes_in_the_sessions_that_it_stands_before(horizon, ahead):
    def jump(ago: int) -> dict[str, float]:
        returns = 0.01 * np.resize([1.0, -1.0], WINDOW + 1)
        returns[-ago] = 0.2
        return newest(from_returns(returns))

    # The session `step` ahead of the newest is 63 after the one ``63 - step`` before it, counted from 1.
    within = [63 - step + 1 for step in ahead]
    calm = jump(120)[f"quarter_jump_{horizon}"]

    assert all(jump(ago)[f"quarter_jump_{horizon}"] > calm + 1.0 for ago in within)
    assert all(jump(ago)[f"quarter_jump_{horizon}"] == pytest.approx(calm, abs=0.3) for ago in (40, 56 - horizon, 67))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_the_echo_is_of_any_of_three_quarters(quarters):
    returns = 0.01 * np.resize([1.0, -1.0], WINDOW + 1)
    calm = newest(from_returns(returns))
    returns[-63 * quarters] = 0.2

    assert newest(from_returns(returns))["quarter_echo_1"] > calm["quarter_echo_1"] + 0.5


def test_a_jump_is_recent_for_two_months():
    returns = 0.01 * np.resize([1.0, -1.0], WINDOW + 1)
    calm = newest(from_returns(returns))["recent_jump"]
    recent, past = returns.copy(), returns.copy()
    recent[-42], past[-43] = 0.2, 0.2

    assert newest(from_returns(recent))["recent_jump"] > calm + 1.0
    assert newest(from_returns(past))["recent_jump"] < calm


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.5, 2.0))
def test_what_is_scaled_is_free_of_the_volatility(seed, factor):
    returns = 0.01 * np.random.default_rng(seed).normal(size=WINDOW + 1)
    free = ("scaled_return_", "nervous_return_", "scaled_", "quarter_", "variance_tail_", "log_variance_ratio")

    plain, wild = newest(from_returns(returns)), newest(from_returns(factor * returns))

    for name in NAMES:
        if name.startswith(free):
            # The floor of a basis point is 1e-4 of such a variance.
            assert wild[name] == pytest.approx(plain[name], abs=0.03), name
    assert wild["log_variance_22"] == pytest.approx(plain["log_variance_22"] + 2 * math.log(factor), abs=0.03)


@settings(max_examples=20)
@given(price=st.floats(1e-3, 1e5), volume=st.floats(0.0, 1e10))
def test_of_a_price_that_never_moves_the_variance_is_the_floor_and_the_rest_nothing(price, volume):
    ohlcv = np.full((WINDOW, 5), price)
    ohlcv[:, VOLUME] = volume

    made = newest(unadjusted(np.arange(WINDOW).astype("datetime64[D]"), ohlcv))

    for name in (*(f"log_variance_{span}" for span in LOG_VARIANCE_SPANS), "log_ewma_variance"):
        assert made[name] == pytest.approx(math.log(FLOOR))
    for name, value in made.items():
        if name.startswith(("scaled_", "nervous_", "variance_tail_", "ewma_variance_", "log_variance_ratio")):
            assert value == pytest.approx(0.0, abs=1e-12), name
        if name.startswith("log_volume_"):
            assert value == pytest.approx(0.0, abs=1e-9), name
