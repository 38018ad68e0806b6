"""From bars to forecasts by a released model: features, ONNX, distributions. The one way outside training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from quant import features
from quant.bars import Bars, Floats, windows
from quant.errors import TooShort
from quant.forecast import Forecast, ForecastParameters, forecast
from release.onnx_model import OnnxModel, output_name
from release.reader import ReleasedTicker


def infer(ticker: ReleasedTicker, bars: Bars) -> dict[int, Forecast]:
    """The forecasts made at the last of the bars, of which only the last `quant.features.WINDOW` are looked at.

    Parameters
    ----------
    ticker : ReleasedTicker
        Whose model to ask.
    bars : Bars
        Sound bars (`quant.faults.check`), at least a window of them; not necessarily the ticker's own.

    Returns
    -------
    dict of Forecast
        With one row each, by horizon (sessions), in the order of the ticker's parameters.

    Raises
    ------
    TooShort
        With fewer than `quant.features.WINDOW` bars.
    """
    return infer_many(ticker, _at_least_a_window(bars)[-features.WINDOW :])


def infer_together(asked: Sequence[tuple[ReleasedTicker, Bars]]) -> list[dict[int, Forecast]]:
    """What `infer` says of each ticker's bars, to the last bit, with the features of all made in one go.

    One call of a ticker's model answers everything that is asked of it. `TooShort` as for `infer`.
    """
    if len(asked) < 2:
        return [infer(ticker, bars) for ticker, bars in asked]
    last = [_at_least_a_window(bars)[-features.WINDOW :] for _, bars in asked]
    stacked = np.concatenate([windows(bars, length=features.WINDOW) for bars in last])
    X = features.features(stacked, np.array([bars.session[-1] for bars in last]))
    rows: dict[ReleasedTicker, list[int]] = {}
    for row, (ticker, _) in enumerate(asked):
        rows.setdefault(ticker, []).append(row)
    made: dict[int, dict[int, Forecast]] = {}
    for ticker, its in rows.items():
        forecasts = forecast_rows(ticker.model, ticker.parameters, X[its])
        for place, row in enumerate(its):
            made[row] = {horizon: forecast[place : place + 1] for horizon, forecast in forecasts.items()}
    return [made[row] for row in range(len(asked))]


def infer_many(ticker: ReleasedTicker, bars: Bars) -> dict[int, Forecast]:
    """The forecasts made at every bar with a whole window behind it; ``len(bars) - WINDOW + 1`` rows.

    Each row equals, bit for bit, what `infer` says of the bars that end there. Memory grows with the number of
    windows (10 kB each): pass the part of a long history that is wanted. `TooShort` as for `infer`.
    """
    _at_least_a_window(bars)
    X = features.features(windows(bars, length=features.WINDOW), bars.session[features.WINDOW - 1 :])
    return forecast_rows(ticker.model, ticker.parameters, X)


def forecast_rows(model: OnnxModel, parameters: Mapping[int, ForecastParameters], X: Floats) -> dict[int, Forecast]:
    """The forecasts for feature rows X, (n, F) float64 with `quant.features.NAMES` as columns, by horizon."""
    said = model.predict(X)
    return {
        horizon: forecast({name: said[output_name(name, horizon=horizon)] for name in wanted.models}, wanted)
        for horizon, wanted in parameters.items()
    }


def _at_least_a_window(bars: Bars) -> Bars:
    if len(bars) < features.WINDOW:
        raise TooShort(f"bars: expected at least {features.WINDOW}, got {len(bars)}")
    return bars
