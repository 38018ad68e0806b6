"""Forecasts as they would have been made: refit every quarter on what was known then, kept apart by a purge gap."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from quant.bars import Floats
from quant.forecast import Forecast, ForecastParameters, distribution, forecast
from stock_assets.learning.calibration import FEWEST_ROWS, fit_parameters, prior_parameters
from stock_assets.learning.candidates import FAMILIES, Candidate
from stock_assets.learning.dataset import FIRST_TRAINING_ROWS, Dataset
from stock_assets.learning.errors import TooLittleHistory
from stock_assets.learning.tuning import tune

REFIT_EVERY: Final = 63
RETUNE_EVERY: Final = 252


class Model(enum.StrEnum):
    """Whose forecast a row of `oos_predictions` is."""

    RIDGE = "ridge"
    FOREST = "forest"
    CHAMPION = "champion"
    RANDOM_WALK = "random_walk"
    HISTORICAL_MEAN = "historical_mean"


@dataclass(frozen=True, slots=True, eq=False)
class WalkForward:
    """Out-of-sample forecasts and the parameters they lead to.

    Attributes
    ----------
    table : DataFrame
        `oos_predictions`: a row per forecast and model, ordered by date, then model. Columns: ticker, date
        (at whose close it was made), horizon (sessions), target_date, model, mean, vol, p_up, lower_90, upper_90,
        realised (log returns per horizon).
    parameters : ForecastParameters
        Fitted on all of the out-of-sample predictions: what the next forecast uses.
    """

    table: pd.DataFrame
    parameters: ForecastParameters


@dataclass(frozen=True, slots=True, eq=False)
class _Outputs:
    """What was forecast and known, row by row (m,); NaN where nothing was forecast."""

    ridge: Floats
    forest: Floats
    historical_mean: Floats
    up_rate: Floats


def known_rows(row: int, *, horizon: int) -> int:
    """How many leading rows may be learned from for a forecast at `row`.

    The labels of rows before ``row - horizon + 1`` are known at the close of `row`; a gap of one more horizon keeps
    the last label and the first forecast from sharing a session.
    """
    return row - 2 * horizon + 1


def walk_forward(data: Dataset, *, seed: int) -> WalkForward:
    """Forecast every row after the first training set with models that never saw it.

    Parameters
    ----------
    data : Dataset
    seed : int

    Returns
    -------
    WalkForward
        Candidates are refit every `REFIT_EVERY` rows and tuned anew every `RETUNE_EVERY`, on past rows only. The
        champion's parameters for a quarter come from forecasts whose outcome was known before it began. The newest
        rows, whose outcome is not known yet, have a NaN in `realised`.

    Raises
    ------
    TooLittleHistory
        If the rows end before the first quarter of forecasts.
    """
    outputs = _Outputs(*(np.full(len(data), np.nan) for _ in range(4)))
    quarters = []
    for rows, candidates in _fitted_by_quarter(data, seed=seed):
        known = known_rows(rows.start, horizon=data.horizon)
        for output, candidate in zip((outputs.ridge, outputs.forest), candidates, strict=True):
            output[rows] = candidate.predict(data.X[rows])
        outputs.historical_mean[rows] = data.target[:known].mean()
        outputs.up_rate[rows] = (data.target[:known] > 0).mean()
        quarters.append(_quarter(data, outputs, rows, _parameters(data, outputs, known)))
    if not quarters:
        raise TooLittleHistory(
            f"{data.ticker}: expected over {FIRST_TRAINING_ROWS} rows to learn from, got {len(data)}"
        )
    table = pd.concat(quarters, ignore_index=True).sort_values(["date", "model"], ignore_index=True)
    return WalkForward(table, _parameters(data, outputs, data.labelled))


def _fitted_by_quarter(data: Dataset, *, seed: int) -> Iterator[tuple[slice, list[Candidate]]]:
    """Each quarter's rows with the candidates, fitted on what was known at its first row."""
    first = FIRST_TRAINING_ROWS + 2 * data.horizon
    tuned: list[Candidate] = []
    for start in range(first, len(data), REFIT_EVERY):
        known = known_rows(start, horizon=data.horizon)
        X, y = data.X[:known], data.target[:known]
        if (start - first) % RETUNE_EVERY == 0:
            tuned = [tune(family, X, y, horizon=data.horizon, seed=seed) for family in FAMILIES]
        yield slice(start, min(start + REFIT_EVERY, len(data))), [model.fit(X, y, seed=seed) for model in tuned]


def _parameters(data: Dataset, outputs: _Outputs, known: int) -> ForecastParameters:
    """What the forecasts among the first `known` rows, whose outcomes are known, speak for."""
    mean = float(data.target[:known].mean())
    rows = np.flatnonzero(np.isfinite(outputs.ridge[:known]))
    if len(rows) < FEWEST_ROWS:
        up_rate = float((data.target[:known] > 0).mean())
        return prior_parameters(historical_mean=mean, up_rate=up_rate, horizon=data.horizon)
    return fit_parameters(
        ridge=outputs.ridge[rows],
        forest=outputs.forest[rows],
        volatility=data.volatility[rows],
        realised=data.target[rows],
        historical_mean=outputs.historical_mean[rows],
        next_mean=mean,
    )


def _quarter(data: Dataset, outputs: _Outputs, rows: slice, parameters: ForecastParameters) -> pd.DataFrame:
    """A quarter's rows of the table, every model's."""
    ridge, forest, volatility = outputs.ridge[rows], outputs.forest[rows], data.volatility[rows]
    vol = volatility * parameters.volatility_scale

    def around(mean: Floats, p_up: Floats | None = None) -> Forecast:
        made = distribution(mean=mean, vol=vol, parameters=parameters)
        return made if p_up is None else Forecast(made.mean, made.vol, p_up, made.lower_90, made.upper_90)

    forecasts = {
        Model.RIDGE: around(ridge),
        Model.FOREST: around(forest),
        Model.CHAMPION: forecast(ridge=ridge, forest=forest, volatility=volatility, parameters=parameters),
        Model.RANDOM_WALK: around(np.zeros(len(vol)), np.full(len(vol), 0.5)),
        Model.HISTORICAL_MEAN: around(outputs.historical_mean[rows], outputs.up_rate[rows]),
    }
    return pd.concat([_rows(data, rows, model, made) for model, made in forecasts.items()], ignore_index=True)


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
        "upper_90": made.upper_90,
        "realised": data.target[rows],
    }
    return pd.DataFrame(columns)
