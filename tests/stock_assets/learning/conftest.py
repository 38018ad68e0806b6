"""Data sets that learning is tried on: real bars, white noise, and a series with an edge planted in it."""

from __future__ import annotations

from dataclasses import dataclass

import exchange_calendars
import numpy as np
import pytest
from shared_data import sample_bars

from quant.bars import Bars, unadjusted
from quant.sessions import SessionCalendar
from stock_assets.learning.dataset import Dataset, dataset
from stock_assets.learning.walk_forward import WalkForward, walk_forward

SEED = 7
BARS = 1_300


@dataclass(frozen=True)
class Walked:
    """A data set and the walk through it."""

    data: Dataset
    walk: WalkForward


@pytest.fixture(scope="session")
def calendar() -> SessionCalendar:
    nyse = exchange_calendars.get_calendar("XNYS", start="1999-01-04", end="2014-12-31")
    session = nyse.sessions.to_numpy(dtype="datetime64[D]")
    opens, closes = (times.to_numpy(dtype="datetime64[s]") for times in (nyse.opens, nyse.closes))
    return SessionCalendar("XNYS", 252, session, opens, closes)


def bars_from_returns(returns: np.ndarray, calendar: SessionCalendar, rng: np.random.Generator) -> Bars:
    """Bars whose closes have the given log returns, with plausible opens, ranges and volumes."""
    close = 100.0 * np.exp(np.cumsum(returns))
    open_ = np.concatenate([[100.0], close[:-1]])
    reach = np.abs(rng.normal(0.0, 0.005, (2, len(close))))
    high, low = np.maximum(open_, close) * np.exp(reach[0]), np.minimum(open_, close) * np.exp(-reach[1])
    volume = 1e6 * np.exp(rng.normal(0.0, 0.3, len(close)))
    first = calendar.index(np.datetime64("2004-01-02"))
    session = calendar.session[first : first + len(close)]
    return unadjusted(session, np.column_stack([open_, high, low, close, volume]))


@pytest.fixture(scope="session")
def noise(calendar) -> Walked:
    """White noise: there is nothing to find."""
    rng = np.random.default_rng(11)
    bars = bars_from_returns(rng.normal(0.0, 0.015, 2_000), calendar, rng)
    data = dataset(bars, calendar, ticker="NOISE", horizon=1)
    return Walked(data, walk_forward(data, seed=SEED))


@pytest.fixture(scope="session")
def planted(calendar) -> Walked:
    """Returns that revert by a fifth of the last one: a daily R2 of about 4 %."""
    rng = np.random.default_rng(12)
    shocks = rng.normal(0.0, 0.015, 2_000)
    returns = np.zeros(2_000)
    for k in range(1, len(returns)):
        returns[k] = -0.2 * returns[k - 1] + shocks[k]
    data = dataset(bars_from_returns(returns, calendar, rng), calendar, ticker="EDGE", horizon=1)
    return Walked(data, walk_forward(data, seed=SEED))


@pytest.fixture(scope="session")
def real(calendar) -> Walked:
    """The last five years of IBM."""
    data = dataset(sample_bars("IBM")[-BARS:], calendar, ticker="IBM", horizon=1)
    return Walked(data, walk_forward(data, seed=SEED))
