"""Indicators as charts draw them: a level for each bar, by the same constants and weights as the features of that name.

Features are ratios of one window, so that a model can compare them; these are what a person sees over the candles. What
an average is (how long, by which weights, over how many bars at most) stands in `quant.features` and is only put into
lines here. As there, a value is a function of the `WINDOW` bars that end at its own and of nothing else: an exponential
average has weights that sum to one over the bars that there are, and no seed whose age would matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quant.bars import CLOSE, HIGH, LOW, Floats
from quant.errors import QuantError
from quant.features import BOLLINGER_DEVIATIONS, BOLLINGER_SPAN, WILDER_DECAY, WINDOW, ema_decay
from quant.window import mean, ratio, without_rounding


@dataclass(frozen=True, slots=True, eq=False)
class Indicators:
    """One value a bar, each array (n,) float64; NaN where the past is too short, or has a NaN.

    Attributes
    ----------
    sma_20, sma_50, sma_200 : (n,) float64
        Mean closes of so many sessions, in the price's currency.
    ema_20 : (n,) float64
        Exponential average of the closes, whose weights fall by ``1 - 2 / 21`` a session; in the price's currency.
    bollinger_upper, bollinger_lower : (n,) float64
        Bollinger's (1992) bands: 2 standard deviations (of a population) of 20 closes around `sma_20`, in the price's
        currency.
    rsi_14 : (n,) float64
        Wilder's (1978) relative strength index, 0 to 100; 50 for a price that did not move. It is 100 times the
        feature of that name.
    atr_14 : (n,) float64
        Wilder's (1978) average true range, in the price's currency.
    realised_volatility_21 : (n,) float64
        Root mean square log return of 21 sessions, annualised; the mean is not taken out.
    """

    sma_20: Floats
    sma_50: Floats
    sma_200: Floats
    ema_20: Floats
    bollinger_upper: Floats
    bollinger_lower: Floats
    rsi_14: Floats
    atr_14: Floats
    realised_volatility_21: Floats


def indicators(prices: Floats, *, sessions_per_year: int) -> Indicators:
    """The indicators of each bar, made from it and those before it.

    Parameters
    ----------
    prices : (n, 5) float64
        Bars as `quant.bars.COLUMNS` orders them, all of one scale: a split that is not taken out is a move like any
        other. Prices above 0. A NaN makes those values NaN that are made from it, which `WINDOW` bars later none is.
    sessions_per_year : int
        By which the volatility is annualised: 252 for stocks, 365 for crypto.

    Returns
    -------
    Indicators
        Two histories that have a bar's last `WINDOW` in common have the same values for it, to the last bit.

    Raises
    ------
    QuantError
        If `prices` is of another shape, or `sessions_per_year` below 1.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems; Bollinger (1992), Using Bollinger Bands.
    """
    if prices.ndim != 2 or prices.shape[1] != 5:
        raise QuantError(f"prices: expected shape (n, 5), got {prices.shape}")
    if sessions_per_year < 1:
        raise QuantError(f"sessions_per_year: expected at least 1, got {sessions_per_year}")
    high, low, close = (np.ascontiguousarray(prices[:, column]) for column in (HIGH, LOW, CLOSE))
    upper, lower = _bollinger(close)
    return Indicators(
        sma_20=_mean(close, 20),
        sma_50=_mean(close, 50),
        sma_200=_mean(close, 200),
        ema_20=_from(19, _weighted_mean(close, WINDOW, decay=ema_decay(20)), len(close)),
        bollinger_upper=upper,
        bollinger_lower=lower,
        rsi_14=_rsi(close),
        atr_14=_average_true_range(high, low, close),
        realised_volatility_21=_realised_volatility(close) * np.sqrt(sessions_per_year),
    )


def _mean(close: Floats, span: int) -> Floats:
    return _from(span - 1, _sums(close, span) / span, len(close))


def _bollinger(close: Floats) -> tuple[Floats, Floats]:
    """The upper and the lower band; one line where the price did not move."""
    middle = _mean(close, BOLLINGER_SPAN)
    led = np.concatenate([np.full(BOLLINGER_SPAN, np.nan), close])
    centred = np.lib.stride_tricks.sliding_window_view(led, BOLLINGER_SPAN)[1:] - middle[:, None]
    reach = BOLLINGER_DEVIATIONS * without_rounding(np.sqrt(mean(centred * centred)), middle)
    return middle + reach, middle - reach


def _rsi(close: Floats) -> Floats:
    change = np.diff(close)
    up, down = _sums(np.maximum(np.array([change, -change]), 0.0), WINDOW - 1, decay=WILDER_DECAY)
    return _from(14, 100.0 * ratio(up, up + down, otherwise=0.5), len(close))


def _average_true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    before = close[:-1]
    reach = np.maximum(high[1:], before) - np.minimum(low[1:], before)
    return _from(14, _weighted_mean(reach, WINDOW - 1, decay=WILDER_DECAY), len(close))


def _realised_volatility(close: Floats) -> Floats:
    """Per session."""
    squared = np.log(close[1:] / close[:-1]) ** 2
    return _from(21, np.sqrt(_sums(squared, 21) / 21), len(close))


def _weighted_mean(values: Floats, span: int, *, decay: float) -> Floats:
    """Means (n,) of the newest `span` values at each place, or those that there are, by weights that decay."""
    return _sums(values, span, decay=decay) / _sums(np.ones(len(values)), span, decay=decay)


def _sums(values: Floats, span: int, *, decay: float = 1.0) -> Floats:
    """Sums of the newest `span` values at each place, that of k places ago weighed by ``decay ** k``.

    At the start they are of fewer. They are put together from sums over 1, 2, 4 ... places, so each is of its own
    values alone: a running sum, which costs as little, would carry every rounding and every NaN on to the end.

    Parameters
    ----------
    values : (..., n) float64
    span : int
    decay : float

    Returns
    -------
    (..., n) float64
    """
    n = values.shape[-1]
    total, taken = np.zeros(values.shape), 0
    block, size = values, 1
    while True:
        if span & size:
            total[..., taken:] += decay**taken * block[..., : max(n - taken, 0)]
            taken += size
        if taken == span:
            return total
        longer = block.copy()
        longer[..., size:] += decay**size * block[..., : max(n - size, 0)]
        block, size = longer, 2 * size


def _from(row: int, values: Floats, n: int) -> Floats:
    """Values that end with the newest of `n` rows: from `row` on, NaN before."""
    placed = np.full(n, np.nan)
    placed[row:] = values[len(values) - max(n - row, 0) :]
    return placed
