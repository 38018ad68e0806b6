"""Features of a finite window of daily bars: the model's whole view of a ticker's past.

Every feature is a function of one window that ends at its own bar, so there is no look-ahead by construction and no
warm-up drift. Batch is many windows, live is one, and both give the same bits (`quant.window`). All features are free
of the price's and the volume's scale. Those that tell of the variance to come stand in `quant.variance_features` and
are listed here with the others; what a window is belongs to `quant.bars`, models to `learning`. What charts draw of
the same averages, as levels, is made in `quant.indicators` with the constants that stand here.

Where a denominator is zero (a price that did not move, a range of no width) each feature says what it is instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Final

import numpy as np

from quant.bars import Bars, Floats, Sessions, windows
from quant.errors import QuantError, TooShort
from quant.variance_features import GROUPS as VARIANCE_GROUPS
from quant.window import DECAYS, Series, Window, bank, decaying, mean, ratio, weighted, window_of, without_rounding

WINDOW: Final = 252
VOLATILITY: Final = "ewma_vol"
EWMA_DECAY: Final = 0.94  # RiskMetrics (1996), daily
RISKMETRICS: Final = DECAYS.index(EWMA_DECAY)
# Windows a batch holds at once: 64 with their series are 2 MB, and of many more the caches hold too little.
CHUNK: Final = 64

RETURN_SPANS: Final = (1, 2, 3, 5, 10, 21, 63, 126, 251)
VOLATILITY_SPANS: Final = (5, 21, 63, 126)
RANGE_SPANS: Final = (21, 63)
SMA_SPANS: Final = (5, 10, 20, 50, 200)
EMA_SPANS: Final = (12, 26, 100)
WILDER_DECAY: Final = 1.0 - 1.0 / 14  # of Wilder's (1978) averages over 14 sessions
RSI_DECAYS: Final = (WILDER_DECAY, 1.0 - 1.0 / 5)
BOLLINGER_SPAN: Final = 20
BOLLINGER_DEVIATIONS: Final = 2.0

FOUR_LOGS_OF_TWO: Final = 4.0 * np.log(2.0)
# Skewness, short against long volatility, autocorrelation.
OF_A_STILL_PRICE: Final = np.array([[0.0], [1.0], [0.0]])
BEFORE: Final = [-1 - span for span in RETURN_SPANS]
# Places of the 14 sessions that end with the newest one, the one before it, and that before.
LAST_THREE: Final = WINDOW - 14 - np.arange(3)[:, None] + np.arange(14)
# By which 21 values are weighed to give their slope per session.
TREND: Final = (np.arange(21) - 10.0) / np.sum((np.arange(21) - 10.0) ** 2)
# Sine and cosine of each day of the week from Thursday on, the epoch's, which is at angle 0.
WEEK: Final = np.array([turn(2.0 * np.pi / 7.0 * np.arange(7.0)) for turn in (np.sin, np.cos)])


def ema_decay(span: int) -> float:
    """By which the weights of an exponential average over `span` sessions fall for each step into the past."""
    return 1.0 - 2.0 / (span + 1.0)


@cache
def _close_weights(length: int) -> Floats:
    """Weights on closes, (4, 1, length): of the exponential averages, and of the 9-session one of MACD(12, 26).

    The last is of both its averages, which are linear, so that one sum does.
    """
    weights = bank(tuple(ema_decay(span) for span in EMA_SPANS), length)
    spread, smooth = weights[0, 0] - weights[1, 0], decaying(ema_decay(9), length)
    signal = np.convolve(spread[::-1], smooth[::-1])[:length][::-1]
    return np.concatenate([weights, signal[None, None]])


def _returns(w: Window) -> Floats:
    """Log returns over 1 to 251 sessions."""
    before = np.ascontiguousarray(w.close.T[BEFORE])
    returns: Floats = np.log(w.close[:, -1] / before)
    return returns


def _session_shape(w: Window) -> Floats:
    """Log returns overnight and within the session, and the log range of the newest bar."""
    close, opened = w.close[:, -1], w.open[:, -1]
    shape: Floats = np.log(np.array([opened / w.close[:, -2], close / opened, w.high[:, -1] / w.low[:, -1]]))
    return shape


def _realised_volatility(w: Window) -> Floats:
    """Root mean square log return per session: RiskMetrics' EWMA, then equal weights over each span."""
    squares = [w.memories[RISKMETRICS : RISKMETRICS + 1], w.means(Series.RETURN_SQUARED, VOLATILITY_SPANS)]
    volatility: Floats = np.sqrt(np.concatenate(squares))
    return volatility


def _range_volatility(w: Window) -> Floats:
    """Parkinson (1980) and Garman & Klass (1980) volatility per session; within sessions, so without the gaps."""
    parkinson = w.means(Series.RANGE_SQUARED, RANGE_SPANS) / FOUR_LOGS_OF_TWO
    # A vendor's rounding can leave the estimate a hair below zero on a dead market.
    garman_klass = np.maximum(w.means(Series.GARMAN_KLASS, RANGE_SPANS), 0.0)
    volatility: Floats = np.sqrt(np.concatenate([parkinson, garman_klass]))
    return volatility


def _asymmetry(w: Window) -> Sequence[Floats]:
    """Downside volatility, skewness (0 for a still price), short against long volatility (then 1), autocorrelation.

    Downside volatility per session over 21 and 63 of them; the others over 63, the autocorrelation of first order and 0
    for a still price.
    """
    centred = w.newest(Series.RETURN, 63) - w.mean(Series.RETURN, 63)[:, None]
    squared = centred * centred
    total, cubed = np.add.reduce(squared, axis=-1), np.add.reduce(squared * centred, axis=-1)
    lagged = np.add.reduce(centred[:, 1:] * centred[:, :-1], axis=-1)
    downside, volatility = w.means(Series.LOSS_SQUARED, RANGE_SPANS), w.means(Series.RETURN_SQUARED, (5, 63))
    *downsides, short, long, spread = np.sqrt(np.concatenate([downside, volatility, (total / 63)[None]]))
    over = np.array([spread * spread * spread, long, total])
    return [*downsides, *ratio(np.array([cubed / 63, short, lagged]), over, otherwise=OF_A_STILL_PRICE)]


def _rsi(w: Window) -> Floats:
    """Wilder's (1978) relative strength index over 14 and 5 sessions, on 0-1; 0.5 for a still price."""
    moves = np.maximum(np.array([w.change, -w.change]), 0.0)
    up, down = weighted(moves, bank(RSI_DECAYS, w.change.shape[1])[:, None]).swapaxes(0, 1)
    return ratio(up, up + down, otherwise=0.5)


def _bollinger(w: Window) -> Sequence[Floats]:
    """Bollinger's (1992) %B (0.5 for a still price) and bandwidth, 20 sessions and 2 standard deviations."""
    middle = w.mean(Series.CLOSE, BOLLINGER_SPAN)
    centred = w.newest(Series.CLOSE, BOLLINGER_SPAN) - middle[:, None]
    deviation = without_rounding(np.sqrt(mean(centred * centred)), middle)
    reach = BOLLINGER_DEVIATIONS * deviation
    bandwidth = 2.0 * reach
    return ratio(w.close[:, -1] - middle + reach, bandwidth, otherwise=0.5), bandwidth / middle


def _averages(w: Window) -> Sequence[Floats]:
    """Log of the close over its simple and exponential moving averages; then Appel's MACD(12, 26, 9).

    The MACD's line, signal and histogram are shares of the close.
    """
    close = w.close[:, -1]
    exponential = weighted(w.close, _close_weights(w.close.shape[1]))
    logs = np.log(close / np.concatenate([w.means(Series.CLOSE, SMA_SPANS), exponential[:-1]]))
    line, signal = (exponential[0] - exponential[1]) / close, exponential[-1] / close
    return [*logs, line, signal, line - signal]


def _stochastic(w: Window) -> Sequence[Floats]:
    """Lane's stochastic %K over 14 sessions and %D, its mean over 3, on 0-1; 0.5 for a range of no width."""
    low = np.minimum.reduce(w.low.take(LAST_THREE, axis=1), axis=-1)
    high = np.maximum.reduce(w.high.take(LAST_THREE, axis=1), axis=-1)
    k = ratio(w.close[:, :-4:-1] - low, high - low, otherwise=0.5)
    return k[:, 0], mean(k)


def _true_range(w: Window) -> Floats:
    """Wilder's (1978) average true range over 14 sessions, as a share of the close."""
    before = w.close[:, :-1]
    reach = np.maximum(w.high[:, 1:], before) - np.minimum(w.low[:, 1:], before)
    average: Floats = weighted(reach, decaying(WILDER_DECAY, reach.shape[1])) / w.close[:, -1]
    return average[None]


def _extremes(w: Window) -> Floats:
    """Log distance of the close from the window's highest high (drawdown, <= 0) and lowest low (>= 0)."""
    distance: Floats = np.log(
        w.close[:, -1] / np.array([np.maximum.reduce(w.high, axis=-1), np.minimum.reduce(w.low, axis=-1)])
    )
    return distance


def _volume(w: Window) -> Sequence[Floats]:
    """Z-score of the log volume over 63 sessions and its trend over 21 (per session); 0 for constant volume."""
    centred = w.newest(Series.LOG_VOLUME, 63) - w.mean(Series.LOG_VOLUME, 63)[:, None]
    deviation = without_rounding(np.sqrt(mean(centred * centred)), np.ones(len(centred)))
    return ratio(centred[:, -1], deviation, otherwise=0.0), weighted(centred[:, -21:], TREND)


def _weekday(w: Window) -> Floats:
    """Day of the week as a point on a circle of seven days."""
    points: Floats = WEEK[:, w.sessions.astype("datetime64[D]").astype(np.int64) % 7]
    return points


def _groups() -> Iterator[tuple[Callable[[Window], Floats | Sequence[Floats]], tuple[str, ...]]]:
    """Each group of features with the names of what it makes, in order."""
    yield _returns, tuple(f"log_return_{span}" for span in RETURN_SPANS)
    yield _session_shape, ("gap", "intraday_return", "log_range")
    yield _realised_volatility, (VOLATILITY, *(f"realised_vol_{span}" for span in VOLATILITY_SPANS))
    yield (
        _range_volatility,
        (
            *(f"parkinson_vol_{span}" for span in RANGE_SPANS),
            *(f"garman_klass_vol_{span}" for span in RANGE_SPANS),
        ),
    )
    yield (
        _asymmetry,
        (*(f"downside_vol_{span}" for span in RANGE_SPANS), "skew_63", "vol_ratio_5_63", "autocorrelation_63"),
    )
    yield _rsi, ("rsi_14", "rsi_5")
    yield _bollinger, ("bollinger_b", "bollinger_width")
    yield (
        _averages,
        (
            *(f"sma_ratio_{span}" for span in SMA_SPANS),
            *(f"ema_ratio_{span}" for span in EMA_SPANS),
            *("macd", "macd_signal", "macd_histogram"),
        ),
    )
    yield _stochastic, ("stochastic_k", "stochastic_d")
    yield _true_range, ("atr_14",)
    yield _extremes, ("drawdown", "height_over_low")
    yield _volume, ("volume_z", "volume_trend")
    yield _weekday, ("weekday_sin", "weekday_cos")
    yield from VARIANCE_GROUPS


GROUPS: Final = tuple(_groups())
NAMES: Final = tuple(chain.from_iterable(names for _, names in GROUPS))


def column(name: str) -> int:
    """Place of a feature in `NAMES`; `QuantError` for a name that isn't there."""
    if name not in NAMES:
        raise QuantError(f"name: expected one of {', '.join(NAMES)}, got {name!r}")
    return NAMES.index(name)


def features(bars: Floats, sessions: Sessions) -> Floats:
    """The features of each window, as of its last bar.

    Parameters
    ----------
    bars : (n, WINDOW, 5) float64
        Adjusted windows as `quant.bars.windows` makes them: finite, prices above 0, volumes at least 0.
    sessions : (n,) datetime64[D]
        The session of each window's last bar.

    Returns
    -------
    (n, F) float64
        In the order of `NAMES`; finite for sound bars. Volatilities are per sqrt(session), returns are log returns,
        nothing is annualised. A NaN in a window makes the features that read it NaN, in that row only.

    Raises
    ------
    QuantError
        If the shapes don't fit.
    """
    n = len(bars)
    if bars.shape != (n, WINDOW, 5):
        raise QuantError(f"bars: expected shape (n, {WINDOW}, 5), got {bars.shape}")
    if sessions.shape != (n,):
        raise QuantError(f"sessions: expected shape ({n},), got {sessions.shape}")
    window = window_of(bars, sessions)
    return np.ascontiguousarray(np.concatenate([np.asarray(group(window)) for group, _ in GROUPS]).T)


def feature_table(bars: Bars) -> tuple[Sessions, Floats]:
    """The features of every window of a history.

    Parameters
    ----------
    bars : Bars
        Sound bars, at least `WINDOW` of them.

    Returns
    -------
    sessions : (n - WINDOW + 1,) datetime64[D]
    table : (n - WINDOW + 1, F) float64
        As `features` gives them, made a chunk of windows at a time to bound memory.

    Raises
    ------
    TooShort
        With fewer than `WINDOW` bars.
    """
    if len(bars) < WINDOW:
        raise TooShort(f"bars: expected at least {WINDOW}, got {len(bars)}")
    sessions = bars.session[WINDOW - 1 :]
    table = np.empty((len(sessions), len(NAMES)))
    for start in range(0, len(sessions), CHUNK):
        stop = min(start + CHUNK, len(sessions))
        part = windows(bars[start : stop + WINDOW - 1], length=WINDOW)
        table[start:stop] = features(part, sessions[start:stop])
    return sessions, table
