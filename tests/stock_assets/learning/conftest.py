"""Data sets that learning is tried on: real bars, noise, and a market with an edge planted in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import exchange_calendars
import numpy as np
import pytest
from shared_data import sample_bars
from simulated_bars import simulated_bars
from threadpoolctl import threadpool_limits

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


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """As the worker processes have it: threads of small matrices wait for each other on a busy machine."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def calendar() -> SessionCalendar:
    nyse = exchange_calendars.get_calendar("XNYS", start="1988-01-04", end="2030-12-31")
    session = nyse.sessions.to_numpy(dtype="datetime64[D]")
    opens, closes = (times.to_numpy(dtype="datetime64[s]") for times in (nyse.opens, nyse.closes))
    return SessionCalendar("XNYS", 252, session, opens, closes)


@pytest.fixture(scope="session")
def noise(calendar) -> Walked:
    """A volatility that comes and goes around a mean of nothing."""
    bars = simulated_bars(calendar, np.random.default_rng(11), bars=2_000)
    data = dataset(bars, calendar, ticker="NOISE", horizon=1)
    return Walked(data, walk_forward(data, seed=SEED))


@pytest.fixture(scope="session")
def planted(calendar) -> Walked:
    """Returns that revert by a fifth of the last one: a daily R2 of 4 %."""
    bars = simulated_bars(calendar, np.random.default_rng(12), bars=2_000, reversion=0.2)
    data = dataset(bars, calendar, ticker="EDGE", horizon=1)
    return Walked(data, walk_forward(data, seed=SEED))


@pytest.fixture(scope="session")
def real(calendar) -> Walked:
    """The last five years of IBM."""
    data = dataset(sample_bars("IBM")[-BARS:], calendar, ticker="IBM", horizon=1)
    return Walked(data, walk_forward(data, seed=SEED))
