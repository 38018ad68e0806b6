"""Markets whose truth is known, as bars a vendor could send: what a forecast must not find in noise, and must find."""

from __future__ import annotations

from typing import Final

import numpy as np

from quant.bars import Bars, unadjusted
from quant.sessions import SessionCalendar

# Steps within a session, one for each five minutes, and the share of a day's variance that comes overnight.
STEPS: Final = 78
OVERNIGHT: Final = 0.2
FIRST: Final = np.datetime64("1988-01-04")


def simulated_bars(
    calendar: SessionCalendar,
    rng: np.random.Generator,
    *,
    bars: int,
    drift: float = 0.0,
    reversion: float = 0.0,
    arch: float = 0.08,
    memory: float = 0.90,
    volatility: float = 0.015,
) -> Bars:
    """A market of ``r[t] = drift - reversion * (r[t - 1] - drift) + sqrt(h[t]) * z[t]``, h a GARCH(1,1), z normal.

    Parameters
    ----------
    calendar : SessionCalendar
    rng : Generator
    bars : int
    drift : float
        Mean log return a session.
    reversion : float
        0 for a market whose mean can't be forecast; otherwise the R2 of who knows it is its square.
    arch, memory : float
        Of the GARCH; both 0 for a volatility that never changes.
    volatility : float
        Per sqrt(session), on average.

    Returns
    -------
    Bars
        Without splits and dividends. Prices move within the session, so that ranges tell of the variance; what can be
        forecast comes overnight.
    """
    night = np.sqrt(OVERNIGHT) * rng.normal(size=bars)
    within = np.cumsum(np.sqrt((1.0 - OVERNIGHT) / STEPS) * rng.normal(size=(bars, STEPS)), axis=1)
    shock = night + within[:, -1]
    mean, deviation = np.zeros(bars), np.full(bars, volatility)
    level = volatility**2 * (1.0 - arch - memory)
    for t in range(1, bars):
        noise = deviation[t - 1] * shock[t - 1]
        mean[t] = -reversion * (mean[t - 1] + noise)
        deviation[t] = np.sqrt(level + arch * noise**2 + memory * deviation[t - 1] ** 2)
    mean += drift
    close = np.log(100.0) + np.cumsum(mean + deviation * shock)
    opened = np.concatenate([[np.log(100.0)], close[:-1]]) + mean + deviation * night
    path = opened[:, None] + deviation[:, None] * np.column_stack([np.zeros(bars), within])
    volume = 1e6 * np.exp(rng.normal(0.0, 0.3, bars))
    columns = [opened, path.max(axis=1), path.min(axis=1), path[:, -1]]
    first = calendar.index(FIRST)
    session = calendar.session[first : first + bars]
    return unadjusted(session, np.column_stack([*np.exp(columns), volume]))
