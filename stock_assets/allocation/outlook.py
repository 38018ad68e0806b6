"""The champions' forecasts as views on annual returns, with the uncertainty that their own record shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from quant.bars import Floats, Sessions
from quant.views import Views

# Outcomes below which a record says nothing of how far its forecasts are off on average.
LEAST_RECORD: Final = 63


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """One ticker's forecasts, one a session, each made out of sample, in the order of time.

    Attributes
    ----------
    made, due : (n,) datetime64[D]
        The session at whose close each was made, and the last one it is of.
    mean, vol, realised : (n,) float64
        Log returns; `realised` is NaN where it isn't known yet.
    """

    made: Sessions
    due: Sessions
    mean: Floats
    vol: Floats
    realised: Floats

    @property
    def horizon(self) -> int:
        """Sessions that each is of."""
        return max(int(np.searchsorted(self.made, self.due[0])), 1)

    @classmethod
    def of(cls, table: pd.DataFrame) -> Forecasts:
        """Those of a table of signals."""
        mean, vol, realised = (table[name].to_numpy(dtype=np.float64) for name in ("mean", "vol", "realised"))
        made, due = (table[name].to_numpy().astype("datetime64[D]") for name in ("date", "target_date"))
        return cls(made, due, mean, vol, realised)


def forecast_views(
    records: Sequence[Forecasts | None], *, through: np.datetime64, sessions_per_year: npt.NDArray[np.int_]
) -> Views:
    """A view on each ticker that has a forecast by the end of a day, and a record to tell its worth by; may be none.

    Parameters
    ----------
    records : sequence of Forecasts or None
        By ticker. Those made after `through`, and outcomes known after it, are not read.
    through : datetime64
    sessions_per_year : (N,) int
        Of each ticker's own calendar, since a forecast is of its own next sessions.

    Returns
    -------
    Views
        The expected return is the newest forecast's, as a simple one, annualised. Its variance is that of the mean
        forecast error so far: how far such forecasts are off on average is known no better than that. Of several
        sessions, errors overlap: so many fewer count.
    """
    said = [_view(record, through) if record is not None else None for record in records]
    expected = np.array([view[0] if view else np.nan for view in said])
    variance = np.array([view[1] if view else np.inf for view in said])
    return Views.absolute(expected * sessions_per_year, variance * sessions_per_year**2)


def _view(record: Forecasts, through: np.datetime64) -> tuple[float, float] | None:
    """Expected simple return per session and the variance of its error; None without a record to tell it by."""
    made = int(np.searchsorted(record.made, through, side="right"))
    known = int(np.searchsorted(record.due, through, side="right"))
    error = record.realised[:known] - record.mean[:known]
    error = error[np.isfinite(error)]
    if len(error) < LEAST_RECORD or not error.var() > 0:
        return None
    mean, vol = record.mean[made - 1], record.vol[made - 1]
    horizon = record.horizon
    return float(mean + vol**2 / 2.0) / horizon, float(error.var(ddof=1)) / (len(error) * horizon)
