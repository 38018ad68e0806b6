"""All tickers' prices side by side: what was known of them by a week's end, and what each step then brought.

Only arranging belongs here; estimates and weights are made of it elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from quant.bars import CLOSE, OPEN, Bars, Floats, Sessions, log_returns
from stock_assets.calendars import exchange_of, sessions_per_year

# Two years: long enough for a covariance of a few dozen tickers, short enough to follow the market.
LOOKBACK: Final = 504
# Days without a bar for which a ticker is waited for, and after which it has stopped.
STALE_DAYS: Final = 7
# A day number before all others.
NEVER: Final = -(10**9)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a week's allocation is made of.

    Attributes
    ----------
    column : (N,) int
        The tickers' places in the panel.
    row : int
        The last session that is known, a row of the panel.
    returns : (LOOKBACK, N) float64
        Simple total returns per session, up to that one.
    left_out : dict of str
        Why, by ticker.
    """

    column: np.ndarray
    row: int
    returns: Floats
    left_out: dict[str, str]


@dataclass(frozen=True, eq=False)
class Panel:
    """Prices of N tickers on the sessions that all of those listed at the time share.

    Attributes
    ----------
    tickers : tuple of str
    session : (S,) datetime64[D]
    close, open : (S, N) float64
        Log levels of the total return at each session's close and open; NaN where a ticker has no bar: before its first
        and after it stopped. A session that some ticker missed is part of the step to the next one. Whether it is one
        is decided by what was known on that day, so that later bars change nothing.
    price : (S, N) float64
        Of a share as traded at each session's close; NaN likewise.
    sessions_per_year : int
        Of the sparsest calendar.
    """

    tickers: tuple[str, ...]
    session: Sessions
    close: Floats
    open: Floats
    price: Floats
    sessions_per_year: int

    @classmethod
    def of(cls, bars: Mapping[str, Bars]) -> Panel:
        """The panel of bars by ticker; at least one ticker, in the order given."""
        closes, opens, prices = {}, {}, {}
        for name, of in bars.items():
            index = pd.DatetimeIndex(of.session.astype("datetime64[s]"))
            level = np.nancumsum(log_returns(of))
            closes[name] = pd.Series(level, index=index)
            prices[name] = pd.Series(of.close, index=index)
            # A dividend belongs to the night: whoever buys at the open no longer gets it.
            opens[name] = pd.Series(level - np.log(of.ohlcv[:, CLOSE] / of.ohlcv[:, OPEN]), index=index)
        close, opening, price = (pd.concat(each, axis=1).sort_index() for each in (closes, opens, prices))
        session = close.index.to_numpy().astype("datetime64[D]")
        shared = _missed_by_none(session, close.notna().to_numpy())
        return cls(
            tickers=tuple(bars),
            session=session[shared],
            close=close.to_numpy(dtype=np.float64)[shared],
            open=opening.to_numpy(dtype=np.float64)[shared],
            price=price.to_numpy(dtype=np.float64)[shared],
            sessions_per_year=min(sessions_per_year(exchange_of(name)) for name in bars),
        )

    def allocatable(self) -> npt.NDArray[np.bool_]:
        """Whether `known` would keep anybody, (S,), by the end of each session."""
        bar = np.isfinite(self.close)
        day = self.session.astype(np.int64)[:, None]
        newest = np.maximum.accumulate(np.where(bar, day, NEVER), axis=0)
        kept = (bar.cumsum(axis=0) > LOOKBACK) & (day - newest <= STALE_DAYS)
        anybody: npt.NDArray[np.bool_] = np.logical_or.reduce(kept, axis=1)
        return anybody

    def known(self, through: np.datetime64) -> Known:
        """What was known by the end of a day. Nobody is kept if the sessions are fewer than `LOOKBACK` and one."""
        rows = int(np.searchsorted(self.session, through, side="right"))
        column, left_out = [], {}
        for place, name in enumerate(self.tickers):
            listed = np.flatnonzero(np.isfinite(self.close[:rows, place]))
            if len(listed) <= LOOKBACK:
                left_out[name] = f"{len(listed)} sessions shared with the others of at least {LOOKBACK + 1}"
            elif self.session[rows - 1] - self.session[listed[-1]] > np.timedelta64(STALE_DAYS, "D"):
                left_out[name] = (
                    f"its last bar is of {self.session[listed[-1]]}, the newest of {self.session[rows - 1]}"
                )
            else:
                column.append(place)
        kept = np.array(column, dtype=np.intp)
        if not column:
            return Known(kept, rows - 1, np.empty((LOOKBACK, 0)), left_out)
        returns = np.expm1(np.diff(self.standing[rows - LOOKBACK - 1 : rows, kept], axis=0))
        # What never moves has no risk that could be shared with anything.
        moves = returns.any(axis=0)
        for place in kept[~moves]:
            left_out[self.tickers[place]] = f"its price has not moved in {LOOKBACK} sessions"
        return Known(kept[moves], rows - 1, returns[:, moves], left_out)

    @cached_property
    def standing(self) -> Floats:
        """`close` (S, N), where the last price stands for a ticker without a bar; NaN before its first."""
        levels: Floats = pd.DataFrame(self.close).ffill().to_numpy()
        return levels

    def steps(self) -> Steps:
        """Every night and every day as a step of its own: trades happen at the open, between the two."""
        night = self.open[1:] - self.standing[:-1]
        day = self.close - self.open
        log_steps = np.full((2 * len(self.session), len(self.tickers)), np.nan)
        log_steps[1::2], log_steps[2::2] = day, night
        # Nothing moves that isn't listed: it is not held, or held at the price at which it stopped.
        return Steps(np.expm1(np.nan_to_num(log_steps)), np.repeat(np.arange(len(self.session)), 2))

    def history(self, columns: np.ndarray) -> tuple[Sessions, Floats]:
        """Sessions and simple returns (T, N) of some tickers since all of them have been listed."""
        levels = self.standing[:, columns]
        start = int(np.argmax(np.isfinite(levels).all(axis=1)))
        return self.session[start + 1 :], np.expm1(np.diff(levels[start:], axis=0))


def _missed_by_none(session: Sessions, traded: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which sessions (S,) have a bar of each ticker that had one in the `STALE_DAYS` before; `traded` is (S, N)."""
    day = session.astype(np.int64)[:, None]
    newest = np.maximum.accumulate(np.where(traded, day, NEVER), axis=0)
    before = np.vstack([np.full((1, traded.shape[1]), NEVER), newest[:-1]])
    every: npt.NDArray[np.bool_] = (traded | (day - before > STALE_DAYS)).all(axis=1)
    return every


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Simple returns (M, N) of one step after the other, and each step's session (M,), a number from 0 on."""

    returns: Floats
    session: np.ndarray

    def first_of(self, session: int) -> int:
        """The first step of a session."""
        return int(np.searchsorted(self.session, session))
