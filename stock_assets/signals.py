"""From a champion to its signals: its forecasts brought up to the newest session, decided on, and traded on paper.

What a signal is belongs to `quant.signals`, how trades are executed to `quant.backtest`; the asset only calls.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from quant.backtest import Backtest, Performance, backtest, buy_and_hold, performance
from quant.bars import CLOSE, OPEN, Bars, adjusted
from quant.conformal import adaptive_bounds
from quant.forecast import Forecast
from quant.signals import Action, SignalRule, replay
from quant.trades import Costs
from release.inference import forecast_rows
from release.manifest import Book, TradingRecord
from release.onnx_model import OnnxModel
from stock_assets.calendars import exchange_of, sessions_per_year
from stock_assets.champions import Champion
from stock_assets.learning.dataset import History

TRADING: Final = "trading.json"
FORECAST: Final = ("mean", "vol", "p_up", "lower_90", "lower_50", "upper_50", "upper_90")


def rolled_forward(champion: Champion, rows: History) -> dict[int, pd.DataFrame]:
    """The champion's forecasts of every session up to the newest, by horizon.

    Sessions whose outcome the champion was trained on keep the forecast that was made of them out of sample; those
    since are forecast by the champion itself, which has not seen their outcome either, with intervals that follow the
    outcomes that have become known meanwhile.

    Returns
    -------
    dict of DataFrame
        A row a session: ticker, date, target_date, `FORECAST`, realised (NaN while it isn't known).
    """
    model = OnnxModel(champion.onnx)
    said = forecast_rows(model, champion.parameters, rows.X)
    return {horizon: _up_to_now(champion, rows, horizon, said[horizon]) for horizon in champion.parameters}


def _up_to_now(champion: Champion, rows: History, horizon: int, said: Forecast) -> pd.DataFrame:
    record, data = champion.forecasts(horizon=horizon), rows.dataset(horizon)
    past = record[record["realised"].notna()]
    since = data.session > past["date"].iloc[-1].to_datetime64().astype("datetime64[D]")
    now = pd.DataFrame({name: getattr(said, name)[since] for name in FORECAST})
    now.insert(0, "date", data.session[since].astype("datetime64[ms]"))
    now.insert(1, "target_date", data.target_session[since].astype("datetime64[ms]"))
    now["realised"] = data.target[since]
    table = pd.concat([past[["date", "target_date", *FORECAST, "realised"]], now], ignore_index=True)
    residual = ((table["realised"] - table["mean"]) / table["vol"]).to_numpy(dtype=np.float64)
    bounds = adaptive_bounds(residual, horizon=horizon)
    for name in ("lower_90", "lower_50", "upper_50", "upper_90"):
        adapted = table["mean"] + getattr(bounds, name) * table["vol"]
        table.loc[len(past) :, name] = adapted.iloc[len(past) :]
    table.insert(0, "ticker", champion.lineage.ticker)
    return table


def parameters_now(champion: Champion, forecasts: Mapping[int, pd.DataFrame]) -> bytes:
    """The champion's parameters as JSON, with the bounds that hold at the newest session."""
    parameters = {}
    for horizon, known in champion.parameters.items():
        table = forecasts[horizon]
        residual = ((table["realised"] - table["mean"]) / table["vol"]).to_numpy(dtype=np.float64)
        bounds = adaptive_bounds(residual, horizon=horizon).at(-1)
        parameters[horizon] = msgspec.structs.replace(known, bounds=bounds)
    return msgspec.json.encode(parameters)


def signal_table(champion: Champion, forecasts: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """`rolled_forward` at the horizon that signals act on, with action, confidence (0-100), edge_bp and reason."""
    table = forecasts[champion.horizon]
    made = Forecast(**{name: table[name].to_numpy(dtype=np.float64) for name in FORECAST})
    decided = list(replay(made, rule=SignalRule()))
    return table.assign(
        action=[signal.action.value for signal in decided],
        confidence=[signal.confidence for signal in decided],
        edge_bp=[signal.edge_bp for signal in decided],
        reason=[signal.reason for signal in decided],
    )


def trading_record(table: pd.DataFrame, bars: Bars, champion: Champion, *, costs: Costs = Costs()) -> TradingRecord:  # noqa: B008
    """What the signals would have earned, executed at the next open, beside buying once and holding.

    Parameters
    ----------
    table : DataFrame
        As `signal_table` makes it; a signal for every session from its first on.
    bars : Bars
        Up to the table's newest session at least.
    champion : Champion
        Its trials are what the deflated Sharpe ratio is told.
    costs : Costs
    """
    first, last = (table["date"].iloc[row].to_datetime64().astype("datetime64[D]") for row in (0, -1))
    held = (bars.session >= first) & (bars.session <= last)
    ohlcv = adjusted(bars)
    opens, closes = np.ascontiguousarray(ohlcv[held, OPEN]), np.ascontiguousarray(ohlcv[held, CLOSE])
    actions = [Action(action) for action in table["action"]]
    per_year = sessions_per_year(exchange_of(champion.lineage.ticker))
    trials = sum(scores.trials for scores in champion.metrics.values())
    books = (
        backtest(opens, closes, actions, costs=costs, sessions_per_year=per_year),
        buy_and_hold(opens, closes, costs=costs),
    )
    signals, holding = (_book(book, sessions_per_year=per_year, trials=trials) for book in books)
    return TradingRecord(
        first=str(first),
        last=str(last),
        sessions=len(closes),
        cost_bp=costs.cost_bp,
        slippage_bp=costs.slippage_bp,
        trials=trials,
        signals=signals,
        buy_and_hold=holding,
    )


def _book(book: Backtest, *, sessions_per_year: int, trials: int) -> Book:
    # Sharpe ratios of strategies without skill scatter like those of a mean of so many returns.
    by_luck = 1.0 / max(len(book.equity) - 1, 1)
    made = performance(book, sessions_per_year=sessions_per_year, trials=trials, trial_sharpe_variance=by_luck)
    figures = {name: value if value is None or math.isfinite(value) else None for name, value in _pairs(made)}
    return msgspec.convert(figures, Book)


def _pairs(record: Performance | Book) -> Iterator[tuple[str, Any]]:
    yield from msgspec.structs.asdict(record).items()


def flattened_books(record: TradingRecord) -> dict[str, float]:
    """Every number of both books, as ``signals_<name>`` and ``buy_and_hold_<name>``."""
    books = {"signals": record.signals, "buy_and_hold": record.buy_and_hold}
    return {
        f"{which}_{name}": float(value)
        for which, book in books.items()
        for name, value in _pairs(book)
        if value is not None
    }
