"""Forecasts as they would have been made: refit again and again on what was known then, kept apart by a purge gap."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from quant.bars import Floats
from quant.conformal import FEWEST, BoundsPath, adaptive_bounds, expanding_bounds
from quant.features import NAMES
from quant.forecast import COVERAGE, INNER_COVERAGE, Forecast, ForecastParameters
from stock_assets.learning import baselines
from stock_assets.learning.calibration import LIMIT, UpMap, fit_up
from stock_assets.learning.candidates import EDGE_FAMILIES, FAMILIES, VARIANCE_FAMILIES, Candidate
from stock_assets.learning.combination import EDGE_LIMIT, Beliefs, level, shrunk_mean, variance_weights
from stock_assets.learning.dataset import FIRST_TRAINING_ROWS, Dataset
from stock_assets.learning.errors import NothingToLearn, TooLittleHistory, named
from stock_assets.learning.tuning import Budget, tune

# Sessions after which what is known is looked at anew; families refit every so many of these months.
MONTH: Final = 21
QUARTER: Final = 63
# Sessions among the first training rows in which the price has to move: the log-HAR learns from a year of them.
FEWEST_MOVES: Final = 300
# Trees compare in single precision; no feature of sound bars comes near.
LARGEST: Final = float(np.finfo(np.float32).max)


class Model(enum.StrEnum):
    """Whose forecast a row of `oos_predictions` is."""

    CHAMPION = "champion"
    SPARSE = "sparse"
    RIDGE = "ridge"
    FOREST = "forest"
    HISTORICAL_MEAN = "historical_mean"
    RANDOM_WALK = "random_walk"
    # Baselines of the volatility, around a mean of zero.
    EWMA = baselines.EWMA
    ROLLING = baselines.ROLLING
    LOG_HAR = baselines.LOG_HAR
    GARCH = baselines.GARCH


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Candidates by name as they were at row `start`, none of which has seen a label that reaches beyond it."""

    start: int
    candidates: dict[str, Candidate]


@dataclass(frozen=True, slots=True, eq=False)
class WalkForward:
    """Out-of-sample forecasts and the parameters they lead to.

    Attributes
    ----------
    table : DataFrame
        `oos_predictions`: a row per forecast and model, ordered by date, then model. Columns: ticker, date
        (at whose close it was made), horizon (sessions), target_date, model, mean, vol, p_up, lower_90, lower_50,
        upper_50, upper_90, realised (log returns per horizon), realised_variance (sum of squared log returns).
        Rows of an edge's family differ from the champion's in their mean alone, and in the intervals around it.
    parameters : ForecastParameters
        Fitted on all of the out-of-sample predictions: what the next forecast uses.
    trials : int
        Settings that were tried on these rows, over all families and months.
    last_year : Fitted
        The candidates of about a year ago, and from which row on they had seen nothing.
    """

    table: pd.DataFrame
    parameters: ForecastParameters
    trials: int
    last_year: Fitted


def known_rows(row: int, *, horizon: int) -> int:
    """How many leading rows may be learned from for a forecast at `row`.

    The labels of rows before ``row - horizon + 1`` are known at the close of `row`; a gap of one more horizon keeps
    the sessions that the last label spans apart from those that lead up to the first forecast.
    """
    return row - 2 * horizon + 1


def first_forecast(horizon: int) -> int:
    """The first row with a forecast."""
    return FIRST_TRAINING_ROWS + 2 * horizon


def walk_forward(data: Dataset, *, seed: int, budget: Budget = Budget()) -> WalkForward:  # noqa: B008 - frozen
    """Forecast every row after the first training set with models that never saw it.

    Parameters
    ----------
    data : Dataset
    seed : int
    budget : Budget
        Of each choice of settings.

    Returns
    -------
    WalkForward
        Candidates are refit and tuned anew as often as their families want, on past rows only. The champion's
        parameters for a month come from forecasts whose outcome was known before it began, its intervals follow
        the outcomes day by day. The newest rows, whose outcome is not known yet, have NaN in `realised`.

    Raises
    ------
    TooLittleHistory
        If the rows end before the first forecast.
    NothingToLearn
        If features or outcomes are not finite, or prices stand still.
    NothingFound
        If no settings of a family can be used.
    """
    require_learnable(data)
    with named(data.ticker):
        spoken = _speak(data, seed=seed, budget=budget)
        record = _Record(data, spoken)
        for start in range(first_forecast(data.horizon), len(data), MONTH):
            record.forecast(slice(start, min(start + MONTH, len(data))))
        bounds = record.bounds()
        parameters = record.parameters(data.labelled, bounds=bounds)
        return WalkForward(_table(record, bounds), parameters, spoken.trials, spoken.last_year)


def require_learnable(data: Dataset) -> None:
    """Raise what `walk_forward` and training raise of rows that can't be learned from."""
    if len(data) <= first_forecast(data.horizon):
        raise TooLittleHistory(
            f"{data.ticker}: expected over {first_forecast(data.horizon)} rows to learn from, got {len(data)}"
        )
    known = slice(0, data.labelled)
    _require_finite(data, NAMES, data.X)
    _require_finite(
        data, ("target", "log_variance"), np.column_stack([data.target[known], data.labels.log_variance[known]])
    )
    _require_moves(data)


def _require_finite(data: Dataset, names: tuple[str, ...], values: Floats) -> None:
    """Tell the first row with a value that is missing, infinite or beyond single precision."""
    broken = np.argwhere(~(np.abs(values) <= LARGEST))
    if len(broken):
        row, place = broken[0]
        raise NothingToLearn(
            f"{data.ticker} {data.session[row]} {names[place]}: expected a finite number, got {values[row, place]}"
        )


def _require_moves(data: Dataset) -> None:
    """A price that stands still has no variance to scale a return by, and its logarithm none to learn from."""
    moved = np.concatenate([[-1], np.flatnonzero(data.log_return), [len(data)]])
    longest = int(np.argmax(np.diff(moved)))
    still = slice(int(moved[longest]) + 1, int(moved[longest + 1]))
    if still.stop - still.start >= QUARTER:
        raise NothingToLearn(
            f"{data.ticker} close: expected a move within any {QUARTER} sessions, got none from "
            f"{data.session[still.start]} to {data.session[still.stop - 1]}"
        )
    moves = int(np.count_nonzero(data.range_variance[:FIRST_TRAINING_ROWS] > 0))
    if moves < FEWEST_MOVES:
        raise NothingToLearn(
            f"{data.ticker} close: expected moves in at least {FEWEST_MOVES} of the first {FIRST_TRAINING_ROWS} "
            f"sessions, got {moves}"
        )


@dataclass(slots=True, eq=False)
class _Spoken:
    """What every family said of every row out of sample, (m,) each, NaN where nothing; and each variance's level."""

    outputs: dict[str, Floats]
    in_sample_level: dict[str, Floats]
    trials: int
    last_year: Fitted


def _speak(data: Dataset, *, seed: int, budget: Budget) -> _Spoken:
    """Walk through the months with every family."""
    first = first_forecast(data.horizon)
    outputs = {family.name: np.full(len(data), np.nan) for family in FAMILIES}
    levels = {family.name: np.full(len(data), np.nan) for family in VARIANCE_FAMILIES}
    tuned: dict[str, Candidate] = {}
    fitted: dict[str, Candidate] = {}
    trials, last_year = 0, Fitted(first, {})
    for start in range(first, len(data), MONTH):
        known = known_rows(start, horizon=data.horizon)
        X, labels = data.X[:known], data.labels[:known]
        for family in FAMILIES:
            name = family.name
            if (start - first) % family.retune_every == 0:
                chosen = tune(family, X, labels, horizon=data.horizon, seed=seed, budget=budget)
                tuned[name], trials = chosen.candidate, trials + chosen.trials
            if (start - first) % family.refit_every == 0:
                fitted[name] = tuned[name].refitted(X, labels, seed=seed)
                rows = slice(start, min(start + family.refit_every, len(data)))
                outputs[name][rows] = fitted[name].predict(data.X[rows])
                if name in levels:
                    levels[name][rows] = np.mean(labels.variance / np.exp(fitted[name].predict(X)))
        if len(data) - start >= 252 or not last_year.candidates:
            last_year = Fitted(start, dict(fitted))
    return _Spoken(outputs, levels, trials, last_year)


@dataclass(slots=True, eq=False)
class _Record:
    """The champion's forecasts so far, (m,) each, NaN where there are none; and what the baselines said beside them."""

    data: Dataset
    spoken: _Spoken
    beliefs: Beliefs = field(init=False)
    evidence: Floats = field(init=False)  # by expert, summed over the rows before, (m + 1, experts)
    historical: Floats = field(init=False)
    mean: Floats = field(init=False)
    vol: Floats = field(init=False)
    p_up: Floats = field(init=False)
    past_mean: Floats = field(init=False)
    up_rate: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.beliefs = Beliefs({family.name: family.prior for family in EDGE_FAMILIES}, horizon=self.data.horizon)
        self.evidence = np.zeros((len(self.data) + 1, 2 + len(EDGE_FAMILIES)))
        for name in ("historical", "mean", "vol", "p_up", "past_mean", "up_rate"):
            setattr(self, name, np.full(len(self.data), np.nan))

    def forecast(self, rows: slice) -> None:
        """Forecast a month: models by what was known at its first row, beliefs by what was at each row."""
        data, start = self.data, rows.start
        known = known_rows(start, horizon=data.horizon)
        target = data.target[:known]
        self.historical[rows] = shrunk_mean(target, data.unit[:known])
        self.past_mean[rows], self.up_rate[rows] = target.mean(), (target > 0).mean()
        weights, log_scale = self._variance(self._judged(known), start)
        mixed = sum(weights[name] * self.spoken.outputs[name][rows] for name in sorted(weights))
        vol = np.exp(0.5 * (mixed + log_scale))
        edges = {name: self.spoken.outputs[name][rows] for name in self.beliefs.models}
        experts = self.beliefs.experts(edges, self.historical[rows] / vol)
        self._learn(rows, self.beliefs.evidence(experts, data.target[rows] / vol))
        # Row t knows the outcomes of the rows up to t - horizon.
        settled = np.maximum(np.arange(rows.start, rows.stop) - data.horizon + 1, 0)
        believed = self.beliefs.weights(self.evidence[settled])
        self.vol[rows], self.mean[rows] = vol, np.sum(believed * experts, axis=1) * vol
        self.p_up[rows] = self._up(known)(self.mean[rows] / vol)

    def _learn(self, rows: slice, evidence: Floats) -> None:
        """Add a month's evidence to the sums, one row after the other; what isn't known yet says nothing."""
        sums = np.cumsum(np.nan_to_num(evidence, nan=0.0), axis=0)
        self.evidence[rows.start + 1 : rows.stop + 1] = self.evidence[rows.start] + sums

    def _judged(self, known: int) -> npt.NDArray[np.int64]:
        """The rows among the first `known` whose forecast can be judged; none while they are too few."""
        rows = np.flatnonzero(np.isfinite(self.vol[:known]))
        return rows if len(rows) >= FEWEST else rows[:0]

    def _up(self, known: int) -> UpMap:
        target, rows = self.data.target[:known], self._judged(known)
        return fit_up(target, self.mean[rows] / self.vol[rows], target[rows], horizon=self.data.horizon)

    def parameters(self, known: int, *, bounds: BoundsPath) -> ForecastParameters:
        """What the outcomes of the first `known` rows speak for: all that the next forecast needs."""
        data, horizon = self.data, self.data.horizon
        weights, log_scale = self._variance(self._judged(known), -1)
        believed = self.beliefs.weights(self.evidence[known]).tolist()
        up = self._up(known)
        return ForecastParameters(
            horizon=horizon,
            # Every expert but the first speaks of the historical mean.
            historical_mean=sum(believed[1:]) * shrunk_mean(data.target[:known], data.unit[:known]),
            edge_weights=dict(zip(self.beliefs.models, believed[2:], strict=True)),
            edge_limit=EDGE_LIMIT * math.sqrt(horizon),
            variance_weights=weights,
            log_scale=log_scale,
            bounds=bounds.at(-1),
            moving=up.moving,
            up_intercept=up.intercept,
            up_slope=up.slope,
            up_limit=LIMIT,
        )

    def _variance(self, rows: npt.NDArray[np.int64], at: int) -> tuple[dict[str, float], float]:
        """Weights of the variance's models, and the log of what brings their mixture to the horizon's level."""
        realised = self.data.labels.variance[rows]
        said = {family.name: self.spoken.outputs[family.name] for family in VARIANCE_FAMILIES}
        in_sample = {name: float(levels[at]) for name, levels in self.spoken.in_sample_level.items()}
        leveled = {
            name: values[rows] + math.log(level(realised / np.exp(values[rows]), in_sample=in_sample[name]))
            for name, values in said.items()
        }
        weights = variance_weights(leveled, realised)
        mixed = sum(weights[name] * said[name][rows] for name in weights)
        in_sample_mixed = math.exp(sum(weights[name] * math.log(in_sample[name]) for name in weights))
        scale = level(realised / np.exp(mixed), in_sample=in_sample_mixed)
        return weights, math.log(scale) + math.log(self.data.horizon)

    def bounds(self) -> BoundsPath:
        """The conformal bounds of every row with a forecast, each by what was known then; NaN before."""
        first = first_forecast(self.data.horizon)
        path = adaptive_bounds(((self.data.target - self.mean) / self.vol)[first:], horizon=self.data.horizon)
        ahead = np.full(first, np.nan)
        return BoundsPath(
            *(np.concatenate([ahead, getattr(path, name)]) for name in ("lower_90", "lower_50", "upper_50", "upper_90"))
        )


def _table(record: _Record, bounds: BoundsPath) -> pd.DataFrame:
    """The champion's rows beside every other model's."""
    data, outputs = record.data, record.spoken.outputs
    first = first_forecast(data.horizon)
    rows = slice(first, len(data))
    limit = EDGE_LIMIT * math.sqrt(data.horizon)
    vol, zero = record.vol[rows], np.zeros(len(data) - first)

    def around(mean: Floats, p_up: Floats) -> Forecast:
        return _with_bounds(mean, vol, p_up, bounds, rows)

    forecasts = {Model.CHAMPION: around(record.mean[rows], record.p_up[rows])}
    for family in EDGE_FAMILIES:
        edge = np.clip(outputs[family.name][rows], -limit, limit)
        forecasts[Model(family.name)] = around(record.historical[rows] + edge * vol, record.p_up[rows])
    forecasts[Model.HISTORICAL_MEAN] = around(record.past_mean[rows], record.up_rate[rows])
    forecasts[Model.RANDOM_WALK] = around(zero, np.full(len(zero), 0.5))
    for name, variance in baselines.variance_baselines(data, first=first).items():
        forecasts[Model(name)] = _baseline(data, variance[rows], rows)
    tables = [_rows(data, rows, model, made) for model, made in forecasts.items()]
    return pd.concat(tables, ignore_index=True).sort_values(["date", "model"], ignore_index=True)


def _with_bounds(mean: Floats, vol: Floats, p_up: Floats, bounds: BoundsPath, rows: slice) -> Forecast:
    lower_90, lower_50, upper_50, upper_90 = (
        mean + getattr(bounds, name)[rows] * vol for name in ("lower_90", "lower_50", "upper_50", "upper_90")
    )
    return Forecast(mean, vol, p_up, lower_90, lower_50, upper_50, upper_90)


def _baseline(data: Dataset, variance: Floats, rows: slice) -> Forecast:
    """A mean of zero at even odds, a volatility, and the conformal intervals that it alone gives."""
    vol, zero = np.sqrt(variance), np.zeros(len(variance))
    residual = data.target[rows] / vol
    lower_90, upper_90 = expanding_bounds(residual, horizon=data.horizon, coverage=COVERAGE, refresh=QUARTER)
    lower_50, upper_50 = expanding_bounds(residual, horizon=data.horizon, coverage=INNER_COVERAGE, refresh=QUARTER)
    return Forecast(zero, vol, zero + 0.5, lower_90 * vol, lower_50 * vol, upper_50 * vol, upper_90 * vol)


def _rows(data: Dataset, rows: slice, model: Model, made: Forecast) -> pd.DataFrame:
    columns = {
        "ticker": data.ticker,
        "date": data.session[rows].astype("datetime64[s]"),
        "horizon": data.horizon,
        "target_date": data.target_session[rows].astype("datetime64[s]"),
        "model": model.value,
        "mean": made.mean,
        "vol": made.vol,
        "p_up": made.p_up,
        "lower_90": made.lower_90,
        "lower_50": made.lower_50,
        "upper_50": made.upper_50,
        "upper_90": made.upper_90,
        "realised": data.target[rows],
        "realised_variance": data.realised_variance[rows],
    }
    return pd.DataFrame(columns)
