"""One ticker's rows to learn from: features as of a session, and what followed it over a horizon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from quant.bars import CLOSE, HIGH, LOW, OPEN, Bars, Floats, Sessions, adjusted, log_returns
from quant.features import VOLATILITY, WINDOW, column, feature_table
from quant.sessions import SessionCalendar
from quant.variance_features import FLOOR
from stock_assets.learning.errors import LearningError, TooLittleHistory

# Two years of rows to train on before the first forecast, and one to judge forecasts by.
FIRST_TRAINING_ROWS: Final = 504
FEWEST_FORECASTS: Final = 252
MINIMUM_BARS: Final = WINDOW + FIRST_TRAINING_ROWS + FEWEST_FORECASTS
# An outcome of more volatilities than this teaches no more than one of this many: it was news, not an edge.
LARGEST_EDGE: Final = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Rows in session order; row i knows the bars up to the close of ``session[i]`` and nothing later.

    Attributes
    ----------
    ticker : str
    session : (m,) datetime64[D]
    target_session : mapping of (m,) datetime64[D]
        The session that a forecast is for, by horizon (sessions).
    X : (m, F) float64
        Features in the order of `quant.features.NAMES`.
    close : (m,) float64
        Close, adjusted for splits and dividends to the newest bar.
    log_return : (m,) float64
        Total log return of the row's own session.
    range_variance : (m,) float64
        Of the row's own session and the gap before it (`session_variance`).
    """

    ticker: str
    session: Sessions
    target_session: Mapping[int, Sessions]
    X: Floats
    close: Floats
    log_return: Floats
    range_variance: Floats

    def __len__(self) -> int:
        return len(self.session)

    @property
    def volatility(self) -> Floats:
        """The RiskMetrics volatility feature, per sqrt(session), (m,)."""
        return np.ascontiguousarray(self.X[:, column(VOLATILITY)])

    @property
    def horizons(self) -> tuple[int, ...]:
        """The horizons that rows know the target session of."""
        return tuple(self.target_session)

    def dataset(self, horizon: int) -> Dataset:
        """The rows with what followed over `horizon` sessions; `LearningError` for a horizon that isn't known."""
        if horizon not in self.target_session:
            raise LearningError(f"horizon: expected one of {', '.join(map(str, self.horizons))}, got {horizon}")
        variance = _next_sum(self.log_return**2, horizon)
        target, unit = _next_sum(self.log_return, horizon), _usual_volatility(self.X) * np.sqrt(horizon)
        # Gains and losses that cancel leave a rounding error, which is no move.
        target[np.abs(target) < 1e-12] = 0.0
        labels = Labels(
            horizon=horizon,
            edge=np.clip(target / unit, -LARGEST_EDGE, LARGEST_EDGE),
            log_variance=np.log(_next_sum(self.range_variance, horizon) / horizon + FLOOR),
            variance=variance / horizon,
        )
        return Dataset(
            ticker=self.ticker,
            horizon=horizon,
            session=self.session,
            target_session=self.target_session[horizon],
            X=self.X,
            close=self.close,
            log_return=self.log_return,
            range_variance=self.range_variance,
            target=target,
            realised_variance=variance,
            unit=unit,
            labels=labels,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What candidates learn to say, (m,) float64 each; NaN in the newest rows, where it isn't known.

    Attributes
    ----------
    horizon : int
        Sessions that each label spans: so many consecutive rows tell about as much as one.
    edge : (m,) float64
        Log return over the horizon in units of the volatility usual at the row, held to `LARGEST_EDGE`.
    log_variance : (m,) float64
        Log of the mean range variance per session over the horizon: what barely noisy data says of the variance.
    variance : (m,) float64
        Mean squared log return per session over the horizon: what volatility is judged by.
    """

    horizon: int
    edge: Floats
    log_variance: Floats
    variance: Floats

    @property
    def over_the_mean(self) -> Floats:
        """Edges less their mean (m,): what families of the edge learn, for the mean itself is told beside them."""
        over: Floats = self.edge - self.edge.mean()
        return over

    def __getitem__(self, rows: slice) -> Labels:
        return Labels(self.horizon, self.edge[rows], self.log_variance[rows], self.variance[rows])

    def __len__(self) -> int:
        return len(self.edge)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A `History` with what followed over one horizon; NaN in the last `horizon` rows, where it isn't known.

    Attributes
    ----------
    ticker, session, X, close, log_return, range_variance
        As of `History`.
    horizon : int
        Sessions from `session` to `target_session`.
    target_session : (m,) datetime64[D]
    target : (m,) float64
        Total log return from `session` to `target_session`.
    realised_variance : (m,) float64
        Sum of the squared log returns in between.
    unit : (m,) float64
        Volatility usual at the row, per horizon: the unit that edges are learned in. Known at the row.
    labels : Labels
    """

    ticker: str
    horizon: int
    session: Sessions
    target_session: Sessions
    X: Floats
    close: Floats
    log_return: Floats
    range_variance: Floats
    target: Floats
    realised_variance: Floats
    unit: Floats
    labels: Labels

    def __len__(self) -> int:
        return len(self.session)

    @property
    def labelled(self) -> int:
        """How many rows, from the first, have a target."""
        return len(self) - self.horizon


def history(bars: Bars, calendar: SessionCalendar, *, ticker: str, horizons: tuple[int, ...]) -> History:
    """The rows that the bars give.

    Raises
    ------
    TooLittleHistory
        With fewer than `MINIMUM_BARS` bars.
    """
    require_history(bars, ticker=ticker)
    session, X = feature_table(bars)
    rows = slice(len(bars) - len(session), None)
    return History(
        ticker=ticker,
        session=session,
        target_session={horizon: _ahead(session, calendar, horizon) for horizon in horizons},
        X=X,
        close=adjusted(bars)[rows, CLOSE],
        log_return=log_returns(bars)[rows],
        range_variance=session_variance(bars)[rows],
    )


def session_variance(bars: Bars) -> Floats:
    """Parkinson's variance of each session plus the squared gap before it, (n,); NaN in the first.

    As `quant.volatility.range_variance`, but from each bar as traded and the one before it: the adjustment for what is
    paid later would move the last bits of earlier rows.
    """
    opened, high, low, close = (bars.ohlcv[:, k] for k in (OPEN, HIGH, LOW, CLOSE))
    gap = log_returns(bars) - np.log(close / opened)
    variance: Floats = np.log(high / low) ** 2 / (4.0 * np.log(2.0)) + gap**2
    return variance


def dataset(bars: Bars, calendar: SessionCalendar, *, ticker: str, horizon: int) -> Dataset:
    """`history` for one horizon."""
    return history(bars, calendar, ticker=ticker, horizons=(horizon,)).dataset(horizon)


def require_history(bars: Bars, *, ticker: str) -> None:
    """`TooLittleHistory` with fewer bars than a window, a first training set and a year of forecasts need."""
    if len(bars) < MINIMUM_BARS:
        raise TooLittleHistory(
            f"{ticker}: expected at least {MINIMUM_BARS} bars ({WINDOW} for the first feature window, "
            f"{FIRST_TRAINING_ROWS} to train on, {FEWEST_FORECASTS} to judge by), got {len(bars)}"
        )


def _ahead(session: Sessions, calendar: SessionCalendar, horizon: int) -> Sessions:
    """The session `horizon` steps after each, the last ones by the calendar."""
    last = [calendar.ahead(day, steps=horizon) for day in session[-horizon:]]
    return np.concatenate([session[horizon:], np.array(last, dtype="datetime64[D]")])


def _next_sum(values: Floats, horizon: int) -> Floats:
    """Sums of the `horizon` values after each row, (m,); NaN where they are not all there."""
    ahead = np.full(len(values), np.nan)
    ahead[:-horizon] = np.lib.stride_tricks.sliding_window_view(values[1:], horizon).sum(axis=-1)
    return ahead


def _usual_volatility(X: Floats) -> Floats:
    """Half RiskMetrics', half a quarter's, per sqrt(session): the unit that edges are learned in."""
    recent, quarter = X[:, column(VOLATILITY)], X[:, column("realised_vol_63")]
    unit: Floats = np.sqrt(0.5 * recent**2 + 0.5 * quarter**2 + FLOOR)
    return unit
