"""One ticker's rows to learn from: features as of a session, and the return that followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quant.bars import CLOSE, Bars, Floats, Sessions, adjusted, log_returns
from quant.features import VOLATILITY, WINDOW, column, feature_table
from quant.sessions import SessionCalendar
from stock_assets.learning.errors import TooLittleHistory

# Two years of rows to train on before the first forecast, and one to judge forecasts by.
FIRST_TRAINING_ROWS: Final = 504
FEWEST_FORECASTS: Final = 252
MINIMUM_BARS: Final = WINDOW + FIRST_TRAINING_ROWS + FEWEST_FORECASTS


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Rows in session order; row i knows the bars up to the close of ``session[i]`` and nothing later.

    Attributes
    ----------
    ticker : str
    horizon : int
        Sessions from `session` to `target_session`.
    session, target_session : (m,) datetime64[D]
    X : (m, F) float64
        Features in the order of `quant.features.NAMES`.
    volatility : (m,) float64
        The volatility feature, per sqrt(session).
    close : (m,) float64
        Close, adjusted for splits and dividends to the newest bar.
    target : (m,) float64
        Total log return from `session` to `target_session`; NaN in the last `horizon` rows, where it isn't known.
    """

    ticker: str
    horizon: int
    session: Sessions
    target_session: Sessions
    X: Floats
    volatility: Floats
    close: Floats
    target: Floats

    def __len__(self) -> int:
        return len(self.session)

    @property
    def labelled(self) -> int:
        """How many rows, from the first, have a target."""
        return len(self) - self.horizon


def dataset(bars: Bars, calendar: SessionCalendar, *, ticker: str, horizon: int) -> Dataset:
    """The rows that the bars give.

    Raises
    ------
    TooLittleHistory
        With fewer than `MINIMUM_BARS` bars.
    """
    require_history(bars, ticker=ticker)
    session, X = feature_table(bars)
    return from_features(bars, session, X, calendar, ticker=ticker, horizon=horizon)


def require_history(bars: Bars, *, ticker: str) -> None:
    """`TooLittleHistory` with fewer bars than a window, a first training set and a year of forecasts need."""
    if len(bars) < MINIMUM_BARS:
        raise TooLittleHistory(
            f"{ticker}: expected at least {MINIMUM_BARS} bars ({WINDOW} for the first feature window, "
            f"{FIRST_TRAINING_ROWS} to train on, {FEWEST_FORECASTS} to judge by), got {len(bars)}"
        )


def from_features(
    bars: Bars, session: Sessions, X: Floats, calendar: SessionCalendar, *, ticker: str, horizon: int
) -> Dataset:
    """The same from features that were made before: `session` and `X` as `quant.features.feature_table` gives them."""
    cumulative = np.nancumsum(log_returns(bars))
    ahead = np.full(len(bars), np.nan)
    ahead[:-horizon] = cumulative[horizon:] - cumulative[:-horizon]
    last = [calendar.ahead(day, steps=horizon) for day in session[-horizon:]]
    return Dataset(
        ticker=ticker,
        horizon=horizon,
        session=session,
        target_session=np.concatenate([session[horizon:], np.array(last, dtype="datetime64[D]")]),
        X=X,
        volatility=np.ascontiguousarray(X[:, column(VOLATILITY)]),
        close=adjusted(bars)[-len(session) :, CLOSE],
        target=ahead[-len(session) :],
    )
