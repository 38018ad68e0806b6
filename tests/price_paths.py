"""Bars whose returns a test chooses: of named tickers, by closes and opens, with splits and dividends if it wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from quant.bars import Bars
from stock_assets.allocation.panel import Panel

FIRST = np.datetime64("2015-01-05")  # a Monday


def weekdays(count: int, first: np.datetime64 = FIRST) -> np.ndarray:
    """So many days from Monday to Friday, holidays too."""
    return np.busday_offset(first, np.arange(count))


def every_day(count: int, first: np.datetime64 = FIRST) -> np.ndarray:
    """So many days, weekends too."""
    return first + np.arange(count)


def bars(
    session: np.ndarray,
    close: Sequence[float] | np.ndarray,
    *,
    opened: Sequence[float] | np.ndarray | None = None,
    split: Mapping[int, float] | None = None,
    dividend: Mapping[int, float] | None = None,
) -> Bars:
    """Bars as traded; opened where the session before closed unless told otherwise, actions by row."""
    close = np.asarray(close, dtype=np.float64)
    opened = np.append(close[:1], close[:-1]) if opened is None else np.asarray(opened, dtype=np.float64)
    shares, paid = np.ones(len(close)), np.zeros(len(close))
    for row, factor in (split or {}).items():
        shares[row] = factor
    for row, cash in (dividend or {}).items():
        paid[row] = cash
    ohlcv = np.column_stack(
        [opened, np.maximum(opened, close), np.minimum(opened, close), close, np.full(len(close), 1e6)]
    )
    return Bars(session.astype("datetime64[D]"), ohlcv, shares, paid)


def walked(session: np.ndarray, returns: np.ndarray) -> Bars:
    """Bars of log returns (n,), half of each overnight."""
    close = 100.0 * np.exp(np.cumsum(returns))
    return bars(session, close, opened=close * np.exp(-returns / 2.0))


def noise(
    names: Sequence[str], sessions: int, *, seed: int, drift: float = 3e-4, volatility: float = 0.01
) -> dict[str, Bars]:
    """Random walks on weekdays that share a market, all with the same drift: there is nothing to be found in them."""
    rng = np.random.default_rng(seed)
    market = rng.normal(0.0, volatility / 2.0, sessions)
    return {name: walked(weekdays(sessions), drift + market + rng.normal(0.0, volatility, sessions)) for name in names}


def noise_panel(names: Sequence[str], sessions: int, *, seed: int, **moments: float) -> Panel:
    """The panel of `noise`."""
    return Panel.of(noise(names, sessions, seed=seed, **moments))
