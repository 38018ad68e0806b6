"""Volatility's proxies and baselines: arch's and statsmodels' word on each, and not a bit of the future in any."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from arch import arch_model
from arch.univariate import GARCH, EWMAVariance
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import sample_bars, shared_data

from quant.bars import CLOSE, HIGH, LOW, OPEN, Bars, actions_from_adjusted_close, adjusted, log_returns
from quant.errors import QuantError, TooShort
from quant.volatility import (
    FEWEST_ROWS,
    SEED,
    Garch11,
    LogHar,
    ewma_variance,
    fit_garch11,
    fit_log_har,
    overnight_variance,
    parkinson_variance,
    range_realised_variance,
    range_variance,
    realised_variance,
    refit_garch_variance,
    refit_log_har_variance,
    rolling_variance,
)

SAMPLE = ["AAPL", "IBM", "MSFT"]
BIGTECH = ["AAPL", "AMZN", "GOOGL", "MSFT", "TSLA"]
UNBOUNDED = np.tile([0.0, np.inf], (20_000, 1))  # arch's guard against runaway variances, wide open
KNOWN = Garch11(omega=4e-6, alpha=0.08, beta=0.9)


@cache
def sample_ohlc(ticker: str) -> np.ndarray:
    ohlc = adjusted(sample_bars(ticker))
    ohlc.flags.writeable = False
    return ohlc


@cache
def sample_returns(ticker: str) -> np.ndarray:
    """Total log returns, the first row NaN."""
    returns = log_returns(sample_bars(ticker))
    returns.flags.writeable = False
    return returns


@cache
def bigtech_returns(ticker: str) -> np.ndarray:
    table = pd.read_csv(shared_data("bigtech5_daily_1980_2022.csv.gz"))
    rows = table[table["ticker"] == ticker]
    ohlcv = rows[["open", "high", "low", "close", "volume"]].to_numpy(dtype=np.float64)
    split, dividend = actions_from_adjusted_close(ohlcv[:, CLOSE], rows["adj_close"].to_numpy(dtype=np.float64))
    return log_returns(Bars(rows["date"].to_numpy(dtype="datetime64[D]"), ohlcv, split, dividend))


def returns_of(ticker: str, source: str) -> np.ndarray:
    return sample_returns(ticker) if source == "sample" else bigtech_returns(ticker)


def brownian_bars(sessions: int, *, steps: int, night: float, day: float, rng: np.random.Generator) -> np.ndarray:
    """Bars of a log price that wanders with the given standard deviations overnight and by day."""
    moves = rng.normal(scale=day / math.sqrt(steps), size=(sessions, steps))
    paths = np.concatenate([np.zeros((sessions, 1)), moves.cumsum(axis=1)], axis=1)
    opens = np.cumsum(rng.normal(scale=night, size=sessions) + np.r_[0.0, paths[:-1, -1]])
    paths += opens[:, None]
    return np.exp(np.column_stack([paths[:, 0], paths.max(1), paths.min(1), paths[:, -1], np.zeros(sessions)]))


# --- proxies


def test_a_range_of_known_size_gives_parkinsons_variance_and_none_gives_0():
    ohlc = np.array([[100.0, 102.0, 99.0, 101.0, 1.0], [101.0, 101.0, 101.0, 101.0, 0.0]])

    assert_allclose(parkinson_variance(ohlc), [np.log(102 / 99) ** 2 / (4 * np.log(2)), 0.0])


def test_a_night_is_the_squared_log_gap_from_the_close_before():
    ohlc = np.array([[100.0, 102.0, 99.0, 101.0, 1.0], [103.0, 103.0, 103.0, 103.0, 0.0]])

    assert_allclose(overnight_variance(ohlc), [np.nan, np.log(103 / 101) ** 2])
    assert_allclose(range_variance(ohlc), [np.nan, np.log(103 / 101) ** 2])


def test_of_a_price_that_wanders_freely_the_range_finds_the_true_variance_with_less_noise_than_the_returns():
    ohlc = brownian_bars(2_000, steps=1_000, night=0.005, day=0.01, rng=np.random.default_rng(1))
    squares = np.diff(np.log(ohlc[:, CLOSE])) ** 2

    ranges = range_variance(ohlc)[1:]

    # The highest of a thousand steps falls short of the path's own peak: 4 % of the day's variance.
    assert ranges.mean() == pytest.approx(0.005**2 + 0.01**2, rel=0.07)
    assert ranges.std() < 0.5 * squares.std()


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_realised_variance_adds_the_squares_of_the_sessions_after_its_row(horizon):
    returns, ohlc = sample_returns("IBM")[:100], sample_ohlc("IBM")[:100]
    ranges = range_variance(ohlc)

    squares, from_ranges = realised_variance(returns, horizon=horizon), range_realised_variance(ohlc, horizon=horizon)

    for t in range(100 - horizon):
        assert squares[t] == pytest.approx(sum(returns[t + k] ** 2 for k in range(1, horizon + 1)), rel=1e-12)
        assert from_ranges[t] == pytest.approx(sum(ranges[t + k] for k in range(1, horizon + 1)), rel=1e-12)
    assert np.isnan(squares[-horizon:]).all()
    assert np.isnan(from_ranges[-horizon:]).all()


def test_a_history_no_longer_than_the_horizon_has_no_realised_variance():
    assert np.isnan(realised_variance(np.full(5, 0.01), horizon=5)).all()


# --- EWMA and rolling mean


def test_ewma_is_archs_from_the_seed_on():
    returns = sample_returns("MSFT")[1:]
    after = returns[SEED:]
    theirs = np.zeros(len(after))
    seed = float(np.mean(returns[:SEED] ** 2))
    EWMAVariance(0.94).compute_variance(np.empty(0), after, theirs, seed, UNBOUNDED[: len(after)])

    ours = ewma_variance(returns, horizon=1)

    # Theirs holds the variance of a row, ours the forecast made the row before.
    assert_allclose(ours[SEED - 1 : -1], theirs, rtol=1e-12)
    assert np.isnan(ours[: SEED - 1]).all()


def test_rolling_variance_is_pandas_rolling_mean_of_squares():
    returns = sample_returns("AAPL")

    ours = rolling_variance(returns, horizon=5, span=63)

    assert_allclose(ours, 5 * (pd.Series(returns) ** 2).rolling(63).mean().to_numpy(), rtol=1e-9)


@pytest.mark.parametrize("forecast", [ewma_variance, rolling_variance])
def test_a_random_walks_variance_grows_with_the_horizon(forecast):
    returns = sample_returns("AAPL")[:200]

    assert_allclose(forecast(returns, horizon=21), 21 * forecast(returns, horizon=1), rtol=1e-15)


@pytest.mark.parametrize("forecast", [ewma_variance, rolling_variance, KNOWN.variance])
def test_a_history_too_short_to_start_from_has_no_forecast_and_one_return_more_has_one(forecast):
    returns = sample_returns("AAPL")[: SEED + 1]

    assert np.isnan(forecast(returns[:-1], horizon=5)).all()
    assert np.isfinite(forecast(returns, horizon=5)).tolist() == [False] * SEED + [True]


# --- GARCH


def archs(returns: np.ndarray):
    """arch's own model of the returns in percent, as it likes them."""
    return arch_model(100.0 * returns, mean="Zero", vol="GARCH", p=1, q=1, rescale=False)


def in_percent(model: Garch11) -> list[float]:
    return [1e4 * model.omega, model.alpha, model.beta]


REAL = [*((ticker, "sample") for ticker in SAMPLE), *((ticker, "bigtech") for ticker in BIGTECH)]


@pytest.mark.parametrize(("ticker", "source"), REAL)
def test_the_fit_is_archs_and_at_least_as_likely_by_its_own_likelihood(ticker, source):
    returns = returns_of(ticker, source)[1:]
    model = archs(returns)
    theirs = model.fit(disp="off")

    ours = fit_garch11(returns)

    assert model.fix(in_percent(ours)).loglikelihood >= theirs.loglikelihood - 1e-3
    # Standard errors are a hundred times as large.
    assert_allclose([ours.alpha, ours.beta], theirs.params[["alpha[1]", "beta[1]"]], atol=2e-4)
    assert 1e4 * ours.omega == pytest.approx(theirs.params["omega"], rel=0.01)


@pytest.mark.parametrize("start", [126, 882, 1134])
def test_the_fit_finds_the_summit_that_one_start_misses(start):
    returns = sample_returns("AAPL")[1:][start : start + 504]
    model = archs(returns)

    ours = model.fix(in_percent(fit_garch11(returns))).loglikelihood

    climbed = [
        model.fit(disp="off", starting_values=np.array([v * (1 - p), p * s, p * (1 - s)])).loglikelihood
        for v in [np.mean((100 * returns) ** 2)]
        for p in (0.3, 0.9, 0.995)
        for s in (0.03, 0.2)
    ]
    assert ours >= max(climbed) - 0.05


def archs_variance(parameters: np.ndarray, returns: np.ndarray) -> np.ndarray:
    """The conditional variance of each row by arch's recursion, from the seed that we document."""
    theirs = np.zeros(len(returns))
    seed = float(np.average(returns[:SEED] ** 2, weights=0.94 ** np.arange(SEED)))
    GARCH(1, 0, 1).compute_variance(parameters, returns, theirs, seed, UNBOUNDED[: len(returns)])
    return theirs


@pytest.mark.parametrize(("ticker", "start"), [("IBM", 0), ("MSFT", 252), ("AAPL", 2_520)])
def test_no_step_from_the_fit_is_uphill_even_where_the_seed_weighs(ticker, start):
    returns = 100.0 * sample_returns(ticker)[1:][start : start + FEWEST_ROWS]
    fitted = fit_garch11(returns)
    summit = np.array([fitted.omega, fitted.alpha, fitted.beta])

    def loss(parameters: np.ndarray) -> float:
        variance = archs_variance(parameters, returns)
        return 0.5 * float(np.sum(np.log(variance) + returns**2 / variance))

    # A step of 1 % costs its square at a summit, and pays one way where the gradient was off.
    for axis in range(3):
        for step in (0.99, 1.01):
            moved = summit.copy()
            moved[axis] *= step
            assert loss(moved) >= loss(summit)


def test_a_variance_is_archs_row_by_row():
    returns = sample_returns("IBM")[1:]
    theirs = archs_variance(np.array([KNOWN.omega, KNOWN.alpha, KNOWN.beta]), returns)

    ours = KNOWN.variance(returns, horizon=1)

    assert_allclose(ours[SEED - 1 : -1], theirs[SEED:], rtol=1e-12)


@pytest.mark.parametrize("horizon", [1, 5, 21, 63])
def test_the_forecast_of_a_horizon_is_the_sum_of_archs_steps(horizon):
    returns = sample_returns("MSFT")[1:]
    theirs = archs(returns).fix(in_percent(KNOWN)).forecast(horizon=horizon, start=0, reindex=True).variance

    ours = KNOWN.variance(returns, horizon=horizon)

    # arch seeds its filter with other weights; beta**1200 of the difference is left.
    assert_allclose(1e4 * ours[1_200:], theirs.to_numpy()[1_200:].sum(axis=1), rtol=1e-10)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.integers(1, 60))
def test_a_horizon_is_the_sum_of_its_steps_up_to_the_edge_of_stationarity(persistence, share, horizon):
    persistence = min(persistence, 1 - 1e-9)
    model = Garch11(omega=1e-6, alpha=persistence * share, beta=persistence * (1 - share))
    returns = sample_returns("MSFT")[:100]

    whole = model.variance(returns, horizon=horizon)

    step = model.variance(returns, horizon=1)
    total = np.zeros_like(step)
    for _ in range(horizon):
        total += step
        step = model.omega + model.persistence * step
    assert_allclose(whole, total, rtol=1e-12)


def test_a_long_history_gives_back_the_parameters_it_was_made_with():
    rng = np.random.default_rng(7)
    variance, returns = 2e-4, np.empty(20_000)
    for t, shock in enumerate(rng.normal(size=len(returns))):
        returns[t] = math.sqrt(variance) * shock
        variance = KNOWN.omega + KNOWN.alpha * returns[t] ** 2 + KNOWN.beta * variance

    fitted = fit_garch11(returns)

    assert_allclose([fitted.alpha, fitted.beta], [KNOWN.alpha, KNOWN.beta], atol=0.02)
    assert fitted.omega == pytest.approx(KNOWN.omega, rel=0.25)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["normal", "heavy", "rare", "one", "calming"]))
def test_whatever_the_returns_the_parameters_make_a_stationary_model(seed, kind):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=400)
    returns = {
        "normal": noise,
        "heavy": rng.standard_cauchy(400),
        "rare": np.where(rng.random(400) < 0.05, noise, 0.0),
        "one": np.eye(1, 400, int(rng.integers(400)))[0],
        "calming": noise * np.exp(np.linspace(0, -8, 400)),
    }[kind]

    fitted = fit_garch11(returns)

    assert fitted.omega > 0
    assert min(fitted.alpha, fitted.beta) >= 0
    assert fitted.persistence < 1
    forecast = fitted.variance(returns, horizon=21)[SEED - 1 :]
    assert np.isfinite(forecast).all()
    assert (forecast > 0).all()


def test_a_first_row_without_return_changes_nothing_but_the_row_numbers():
    returns = sample_returns("AAPL")[:600]

    assert fit_garch11(returns) == fit_garch11(returns[1:])
    assert_array_equal(KNOWN.variance(returns, horizon=5)[1:], KNOWN.variance(returns[1:], horizon=5))
    assert_array_equal(ewma_variance(returns, horizon=5)[1:], ewma_variance(returns[1:], horizon=5))


# --- log-HAR


def har_table(ranges: np.ndarray, horizon: int) -> pd.DataFrame:
    """The regression of Corsi (2009) in logs, by pandas."""
    series = pd.Series(ranges)
    means = {name: series.rolling(span).mean() for name, span in (("day", 1), ("week", 5), ("month", 22))}
    ahead = series.rolling(horizon).mean().shift(-horizon)
    return np.log(pd.DataFrame({**means, "ahead": ahead}))


@pytest.mark.parametrize("horizon", [1, 5, 21])
@pytest.mark.parametrize("ticker", SAMPLE)
def test_the_har_is_statsmodels_least_squares(ticker, horizon):
    ranges = range_variance(sample_ohlc(ticker))
    table = har_table(ranges, horizon).dropna()
    theirs = sm.OLS(table["ahead"], sm.add_constant(table[["day", "week", "month"]])).fit()

    ours = fit_log_har(ranges, horizon=horizon)

    assert_allclose([ours.intercept, ours.day, ours.week, ours.month], theirs.params, rtol=1e-8, atol=1e-10)
    assert ours.residual_variance == pytest.approx(theirs.mse_resid, rel=1e-9)


def test_the_hars_forecast_is_the_log_normal_mean_times_the_horizon():
    ranges = range_variance(sample_ohlc("IBM"))
    fitted = fit_log_har(ranges, horizon=5)
    table = har_table(ranges, 5)
    log_mean = fitted.intercept + fitted.day * table.day + fitted.week * table.week + fitted.month * table.month

    forecast = fitted.variance(ranges)

    assert_allclose(forecast, 5 * np.exp(log_mean + fitted.residual_variance / 2), rtol=1e-9)
    assert np.isfinite(forecast).tolist() == [False] * 22 + [True] * (len(ranges) - 22)


def test_a_session_without_range_counts_as_a_hundredth_of_its_month_and_a_month_without_has_no_forecast():
    ranges = range_variance(sample_ohlc("IBM"))[:400].copy()
    fitted = fit_log_har(ranges, horizon=5)
    ranges[100] = 0.0
    ranges[200:230] = 0.0
    hundredth = ranges.copy()
    hundredth[100] = 0.01 * ranges[79:101].mean()

    forecast = fitted.variance(ranges)

    assert forecast[100] == pytest.approx(fitted.variance(hundredth)[100], rel=0.01)
    assert np.flatnonzero(np.isnan(forecast)).tolist() == [*range(22), *range(221, 230)]


def test_ranges_that_never_vary_are_forecast_to_stay():
    fitted = fit_log_har(np.full(400, 2e-4), horizon=5)

    assert_allclose(fitted.variance(np.full(400, 2e-4))[21:], 5 * 2e-4, rtol=1e-9)


# --- walk-forward


def test_each_block_is_forecast_by_the_garch_fitted_at_its_first_row():
    returns = sample_returns("AAPL")[:1_100]

    walked = refit_garch_variance(returns, horizon=5, first=400, refit_every=300)

    assert np.isnan(walked[:400]).all()
    for start, stop in ((400, 700), (700, 1_000), (1_000, 1_100)):
        expected = fit_garch11(returns[: start + 1]).variance(returns, horizon=5)
        assert_array_equal(walked[start:stop], expected[start:stop])


def test_each_block_is_forecast_by_the_har_fitted_on_horizons_that_were_over_by_then():
    ohlc = sample_ohlc("AAPL")[:1_100]
    ranges = range_variance(ohlc)

    walked = refit_log_har_variance(ranges, horizon=5, first=400, refit_every=300)

    assert np.isnan(walked[:400]).all()
    for start, stop in ((400, 700), (700, 1_000), (1_000, 1_100)):
        known = har_table(ranges, 5).iloc[: start - 5 + 1].dropna()
        theirs = sm.OLS(known["ahead"], sm.add_constant(known[["day", "week", "month"]])).fit()
        har = LogHar(5, *theirs.params, residual_variance=theirs.mse_resid)
        assert_allclose(walked[start:stop], har.variance(ranges)[start:stop], rtol=1e-8)


@pytest.mark.parametrize("first", [1_100, 2_000])
def test_a_walk_that_starts_after_the_last_row_forecasts_nothing(first):
    returns, ohlc = sample_returns("AAPL")[:1_100], sample_ohlc("AAPL")[:1_100]

    assert np.isnan(refit_garch_variance(returns, horizon=5, first=first, refit_every=63)).all()
    assert np.isnan(refit_log_har_variance(range_variance(ohlc), horizon=5, first=first, refit_every=63)).all()


def quasi_likelihood_loss(realised: np.ndarray, forecast: np.ndarray) -> float:
    rows = np.isfinite(realised) & np.isfinite(forecast)
    ratio = realised[rows] / forecast[rows]
    return float(np.mean(ratio - np.log(ratio) - 1))


@pytest.mark.parametrize("ticker", SAMPLE)
def test_out_of_sample_the_har_beats_garch_and_the_rolling_mean(ticker):
    returns, ohlc = sample_returns(ticker), sample_ohlc(ticker)
    realised = range_realised_variance(ohlc, horizon=5)
    realised[:756] = np.nan

    har, garch, rolling = (
        quasi_likelihood_loss(realised, forecast)
        for forecast in (
            refit_log_har_variance(range_variance(ohlc), horizon=5, first=756, refit_every=252),
            refit_garch_variance(returns, horizon=5, first=756, refit_every=252),
            rolling_variance(returns, horizon=5),
        )
    )

    assert har < min(garch, rolling)


# --- every forecast

ROWS = 700
FIRST, EVERY = 320, 90
HAR = LogHar(horizon=5, intercept=-0.4, day=0.2, week=0.4, month=0.35, residual_variance=0.4)

# Each from bars, as far as it looks ahead (0 for a forecast).
FROM_BARS: dict[str, tuple[int, Callable[[np.ndarray], np.ndarray]]] = {
    "parkinson": (0, parkinson_variance),
    "overnight": (0, overnight_variance),
    "range": (0, range_variance),
    "range realised": (5, lambda ohlc: range_realised_variance(ohlc, horizon=5)),
    "realised": (5, lambda ohlc: realised_variance(close_returns(ohlc), horizon=5)),
    "ewma": (0, lambda ohlc: ewma_variance(close_returns(ohlc), horizon=5)),
    "rolling": (0, lambda ohlc: rolling_variance(close_returns(ohlc), horizon=5)),
    "garch": (0, lambda ohlc: KNOWN.variance(close_returns(ohlc), horizon=5)),
    "har": (0, lambda ohlc: HAR.variance(range_variance(ohlc))),
    "refit garch": (
        0,
        lambda ohlc: refit_garch_variance(close_returns(ohlc), horizon=5, first=FIRST, refit_every=EVERY),
    ),
    "refit har": (
        0,
        lambda ohlc: refit_log_har_variance(range_variance(ohlc), horizon=5, first=FIRST, refit_every=EVERY),
    ),
}


def close_returns(ohlc: np.ndarray) -> np.ndarray:
    return np.diff(np.log(ohlc[:, CLOSE]), prepend=np.nan)


@pytest.mark.parametrize("name", list(FROM_BARS))
@settings(max_examples=15)
@given(t=st.integers(FIRST, ROWS - 2), seed=st.integers(0, 2**32 - 1))
def test_bars_after_t_change_nothing_at_or_before_t_whether_other_or_missing(name, t, seed):
    ahead, function = FROM_BARS[name]
    ohlc = sample_ohlc("AAPL")[:ROWS]
    other = ohlc.copy()
    other[t + 1 :] *= np.random.default_rng(seed).uniform(0.5, 2.0, size=(ROWS - t - 1, 1))
    other[t + 1 :, HIGH] *= 1.1

    before, changed, cut = function(ohlc), function(other), function(ohlc[: t + 1])

    settled = t + 1 - ahead
    assert_array_equal(changed[:settled].view(np.int64), before[:settled].view(np.int64))
    assert_array_equal(cut[:settled].view(np.int64), before[:settled].view(np.int64))
    assert len(cut) == t + 1
    assert np.isfinite(before[FIRST : ROWS - ahead]).all()


# A model of given parameters has a scale of its own; a fitted one follows its returns'.
SCALE_FREE = [name for name in FROM_BARS if name not in ("garch", "har")]


@pytest.mark.parametrize("name", SCALE_FREE)
@settings(max_examples=10)
@given(log_scale=st.floats(-4.0, 1.5))
def test_returns_times_c_have_variances_times_c_squared(name, log_scale):
    scale = math.exp(log_scale)
    ohlc = sample_ohlc("IBM")[:ROWS]
    # A power of the prices multiplies every log return, gap and range.
    stretched = ohlc.copy()
    stretched[:, [OPEN, HIGH, LOW, CLOSE]] **= scale
    function = FROM_BARS[name][1]

    # What an optimiser leaves is of the order of 1e-6.
    tolerance = 1e-5 if name == "refit garch" else 1e-8
    assert_allclose(function(stretched), scale**2 * function(ohlc), rtol=tolerance, atol=1e-20)


# --- refusals


def refusals() -> dict[str, tuple[Callable[[], object], type[QuantError], str]]:
    returns, ohlc = sample_returns("AAPL")[:400], sample_ohlc("AAPL")[:400]
    ranges = range_variance(ohlc)
    gap, negative = returns.copy(), ranges.copy()
    gap[17] = np.nan
    negative[3] = -1e-4
    return {
        "shape of bars": (lambda: parkinson_variance(returns), QuantError, r"ohlc: expected shape \(n, 5\), got"),
        "shape of returns": (
            lambda: rolling_variance(ohlc, horizon=5),
            QuantError,
            r"log_returns: expected shape \(n,\)",
        ),
        "a return missing": (lambda: ewma_variance(gap, horizon=5), QuantError, "got nan in row 17"),
        "a return missing from a label": (lambda: realised_variance(gap, horizon=5), QuantError, "got nan in row 17"),
        "a return missing from a fit": (lambda: fit_garch11(gap), QuantError, "got nan in row 17"),
        "a return without bound": (
            lambda: KNOWN.variance(np.where(np.isnan(gap), np.inf, 0.0)[1:], horizon=5),
            QuantError,
            "got inf in row 16",
        ),
        "a negative range": (
            lambda: fit_log_har(negative, horizon=5),
            QuantError,
            "at least 0, after the first row, got",
        ),
        "horizon": (lambda: realised_variance(returns, horizon=0), QuantError, "horizon: expected at least 1, got 0"),
        "horizon of a model": (lambda: KNOWN.variance(returns, horizon=0), QuantError, "horizon: expected at least 1"),
        "span": (lambda: rolling_variance(returns, horizon=5, span=0), QuantError, "span: expected at least 1, got 0"),
        "decay": (
            lambda: ewma_variance(returns, horizon=5, decay=1.0),
            QuantError,
            r"decay: expected in \(0, 1\), got 1",
        ),
        "returns that never change": (lambda: fit_garch11(np.full(400, 0.01)), QuantError, "got 0.01 throughout"),
        "no movement": (lambda: fit_garch11(np.zeros(400)), QuantError, "got 0.0 throughout"),
        "short fit": (
            lambda: fit_garch11(returns[:FEWEST_ROWS]),
            TooShort,
            f"expected at least {FEWEST_ROWS}, got {FEWEST_ROWS - 1}",
        ),
        "short HAR": (lambda: fit_log_har(ranges[:278], horizon=5), TooShort, "expected at least 252 rows .* got 251"),
        "early walk": (
            lambda: refit_garch_variance(returns, horizon=5, first=100, refit_every=63),
            TooShort,
            "expected at least 252, got 100",
        ),
        "negative first": (
            lambda: refit_garch_variance(returns, horizon=5, first=-1, refit_every=63),
            QuantError,
            "first: expected at least 0, got -1",
        ),
        "refit_every": (
            lambda: refit_log_har_variance(range_variance(ohlc), horizon=5, first=300, refit_every=0),
            QuantError,
            "refit_every: expected at least 1, got 0",
        ),
        "omega": (lambda: Garch11(omega=0.0, alpha=0.1, beta=0.8), QuantError, "omega: expected above 0, got 0.0"),
        "alpha": (lambda: Garch11(omega=1e-6, alpha=-0.1, beta=0.8), QuantError, "alpha, beta: expected at least 0"),
        "persistence": (lambda: Garch11(omega=1e-6, alpha=0.2, beta=0.8), QuantError, "together below 1, got"),
    }


@pytest.mark.parametrize("name", list(refusals()))
def test_what_has_no_answer_is_refused_by_name(name):
    call, error, message = refusals()[name]

    with pytest.raises(error, match=message):
        call()
