"""Features of a finite window of daily bars: the model's whole view of a ticker's past.

Every feature is a function of one window that ends at its own bar, so there is no look-ahead by construction and no
warm-up drift. Batch is many windows, live is one, and both give the same bits (`quant.window`). All features are free
of the price's and the volume's scale. Those that tell of the variance to come stand in `quant.variance_features` and
are listed here with the others; what a window is belongs to `quant.bars`, models to `learning`.

Where a denominator is zero (a price that did not move, a range of no width) each feature says what it is instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from typing import Final

import numpy as np

from quant.bars import Bars, Floats, Sessions, windows
from quant.errors import QuantError, TooShort
from quant.variance_features import GROUPS as VARIANCE_GROUPS
from quant.window import Window, decaying, mean, ratio, tail, weighted, window_of, without_rounding

WINDOW: Final = 252
VOLATILITY: Final = "ewma_vol"
EWMA_DECAY: Final = 0.94  # RiskMetrics (1996), daily
# Windows a batch holds at once: the columns of 64 are 1 MB, which stays in a core's own cache.
CHUNK: Final = 64

RETURN_SPANS: Final = (1, 2, 3, 5, 10, 21, 63, 126, 251)
VOLATILITY_SPANS: Final = (5, 21, 63, 126)
RANGE_SPANS: Final = (21, 63)
SMA_SPANS: Final = (5, 10, 20, 50, 200)
EMA_SPANS: Final = (12, 26, 100)


def _ema_decay(span: int) -> float:
    return 1.0 - 2.0 / (span + 1.0)


@cache
def _macd_signal_weights(length: int) -> Floats:
    """Weights (length,) on closes of the 9-session EMA of MACD(12, 26): both averages are linear, so one sum does."""
    spread = decaying(_ema_decay(12), length) - decaying(_ema_decay(26), length)
    smooth = decaying(_ema_decay(9), length)
    weights: Floats = np.convolve(spread[::-1], smooth[::-1])[:length][::-1].copy()
    weights.flags.writeable = False
    return weights


def _returns(w: Window) -> Iterator[Floats]:
    """Log returns over 1 to 251 sessions."""
    before = np.ascontiguousarray(w.close.T[[-1 - span for span in RETURN_SPANS]])
    yield from np.log(w.close[:, -1] / before)


def _session_shape(w: Window) -> Iterator[Floats]:
    """Log returns overnight and within the session, and the log range of the newest bar."""
    yield np.log(w.open[:, -1] / w.close[:, -2])
    yield np.log(w.close[:, -1] / w.open[:, -1])
    yield np.log(w.high[:, -1] / w.low[:, -1])


def _realised_volatility(w: Window) -> Iterator[Floats]:
    """Root mean square log return per session: RiskMetrics' EWMA, then equal weights over each span."""
    square = w.log_return * w.log_return
    yield np.sqrt(weighted(square, decaying(EWMA_DECAY, square.shape[1])))
    for span in VOLATILITY_SPANS:
        yield np.sqrt(mean(tail(square, span)))


def _range_volatility(w: Window) -> Iterator[Floats]:
    """Parkinson (1980) and Garman & Klass (1980) volatility per session; within sessions, so without the gaps."""
    longest = RANGE_SPANS[-1]
    high_low = np.log(tail(w.high, longest) / tail(w.low, longest)) ** 2
    close_open = np.log(tail(w.close, longest) / tail(w.open, longest)) ** 2
    garman_klass = 0.5 * high_low - (2.0 * np.log(2.0) - 1.0) * close_open
    for span in RANGE_SPANS:
        yield np.sqrt(mean(tail(high_low, span)) / (4.0 * np.log(2.0)))
    for span in RANGE_SPANS:
        # A vendor's rounding can leave the estimate a hair below zero on a dead market.
        yield np.sqrt(np.maximum(mean(tail(garman_klass, span)), 0.0))


def _asymmetry(w: Window) -> Iterator[Floats]:
    """Downside volatility per session, skewness (0 for a still price), short against long volatility (then 1)."""
    recent = tail(w.log_return, RANGE_SPANS[-1])
    down = np.minimum(recent, 0.0) ** 2
    for span in RANGE_SPANS:
        yield np.sqrt(mean(tail(down, span)))
    centred = recent - mean(recent)[:, None]
    spread = np.sqrt(mean(centred**2))
    yield ratio(mean(centred * centred * centred), spread * spread * spread, otherwise=0.0)
    short = np.sqrt(mean(tail(w.log_return, 5) ** 2))
    long = np.sqrt(mean(recent**2))
    yield ratio(short, long, otherwise=1.0)


def _autocorrelation(w: Window) -> Iterator[Floats]:
    """First-order autocorrelation of log returns over 63 sessions; 0 for a still price."""
    recent = tail(w.log_return, 63)
    centred = recent - mean(recent)[:, None]
    lagged = (centred[:, 1:] * centred[:, :-1]).sum(axis=-1)
    yield ratio(lagged, (centred**2).sum(axis=-1), otherwise=0.0)


def _rsi(w: Window) -> Iterator[Floats]:
    """Wilder's (1978) relative strength index over 14 and 5 sessions, on 0-1; 0.5 for a still price."""
    gain, loss = np.maximum(w.change, 0.0), np.maximum(-w.change, 0.0)
    for span in (14, 5):
        weights = decaying(1.0 - 1.0 / span, w.change.shape[1])
        up, down = weighted(gain, weights), weighted(loss, weights)
        yield ratio(up, up + down, otherwise=0.5)


def _bollinger(w: Window) -> Iterator[Floats]:
    """Bollinger's (1992) %B (0.5 for a still price) and bandwidth, 20 sessions and 2 standard deviations."""
    recent = tail(w.close, 20)
    middle = mean(recent)
    deviation = without_rounding(np.sqrt(mean((recent - middle[:, None]) ** 2)), middle)
    yield ratio(w.close[:, -1] - middle + 2.0 * deviation, 4.0 * deviation, otherwise=0.5)
    yield 4.0 * deviation / middle


def _averages(w: Window) -> Iterator[Floats]:
    """Log of the close over its simple and exponential moving averages."""
    length = w.close.shape[1]
    simple = [mean(tail(w.close, span)) for span in SMA_SPANS]
    exponential = [weighted(w.close, decaying(_ema_decay(span), length)) for span in EMA_SPANS]
    yield from np.log(w.close[:, -1] / np.array([*simple, *exponential]))


def _macd(w: Window) -> Iterator[Floats]:
    """Appel's MACD(12, 26, 9): line, signal and histogram, as shares of the close."""
    length = w.close.shape[1]
    fast, slow = (weighted(w.close, decaying(_ema_decay(span), length)) for span in (12, 26))
    line = (fast - slow) / w.close[:, -1]
    signal = weighted(w.close, _macd_signal_weights(length)) / w.close[:, -1]
    yield line
    yield signal
    yield line - signal


def _stochastic(w: Window) -> Iterator[Floats]:
    """Lane's stochastic %K over 14 sessions and %D, its mean over 3, on 0-1; 0.5 for a range of no width."""
    last_three = -14 - np.arange(3)[:, None] + np.arange(14)
    low, high = w.low[:, last_three].min(axis=-1), w.high[:, last_three].max(axis=-1)
    k = ratio(w.close[:, [-1, -2, -3]] - low, high - low, otherwise=0.5)
    yield k[:, 0]
    yield mean(k)


def _true_range(w: Window) -> Iterator[Floats]:
    """Wilder's (1978) average true range over 14 sessions, as a share of the close."""
    before = w.close[:, :-1]
    reach = np.maximum(w.high[:, 1:], before) - np.minimum(w.low[:, 1:], before)
    yield weighted(reach, decaying(1.0 - 1.0 / 14.0, reach.shape[1])) / w.close[:, -1]


def _extremes(w: Window) -> Iterator[Floats]:
    """Log distance of the close from the window's highest high (drawdown, <= 0) and lowest low (>= 0)."""
    yield np.log(w.close[:, -1] / w.high.max(axis=-1))
    yield np.log(w.close[:, -1] / w.low.min(axis=-1))


def _volume(w: Window) -> Iterator[Floats]:
    """Z-score of the log volume over 63 sessions and its trend over 21 (per session); 0 for constant volume."""
    recent = np.log1p(tail(w.volume, 63))
    centred = recent - mean(recent)[:, None]
    deviation = without_rounding(np.sqrt(mean(centred**2)), np.ones(len(recent)))
    yield ratio(centred[:, -1], deviation, otherwise=0.0)
    time = np.arange(21, dtype=np.float64) - 10.0
    yield weighted(tail(centred, 21), time / (time * time).sum())


def _weekday(w: Window) -> Iterator[Floats]:
    """Day of the week as a point on a circle of seven days (Thursday, the epoch's day, at angle 0)."""
    angle = 2.0 * np.pi / 7.0 * np.arange(7.0)
    day = w.sessions.astype("datetime64[D]").astype(np.int64) % 7
    yield np.sin(angle)[day]
    yield np.cos(angle)[day]


def _groups() -> Iterator[tuple[Callable[[Window], Iterator[Floats]], tuple[str, ...]]]:
    """Each group of features with the names of what it yields, in order."""
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
    yield _asymmetry, (*(f"downside_vol_{span}" for span in RANGE_SPANS), "skew_63", "vol_ratio_5_63")
    yield _autocorrelation, ("autocorrelation_63",)
    yield _rsi, ("rsi_14", "rsi_5")
    yield _bollinger, ("bollinger_b", "bollinger_width")
    yield _averages, (*(f"sma_ratio_{span}" for span in SMA_SPANS), *(f"ema_ratio_{span}" for span in EMA_SPANS))
    yield _macd, ("macd", "macd_signal", "macd_histogram")
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
    table = np.empty((n, len(NAMES)))
    for k, values in enumerate(chain.from_iterable(group(window) for group, _ in GROUPS)):
        table[:, k] = values
    return table


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
