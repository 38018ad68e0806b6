"""From a champion to its signals: its forecasts brought up to the newest session, decided on, and traded on paper.

What a signal is belongs to `quant.signals`, how trades are executed to `quant.backtest`; the asset only calls.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from quant.backtest import Backtest, Performance, backtest, buy_and_hold, performance
from quant.bars import CLOSE, OPEN, Bars, Sessions, adjusted
from quant.conformal import BoundsPath, adaptive_bounds
from quant.costs import Costs
from quant.forecast import Forecast
from quant.signals import Action, SignalRule, replay
from quant.thinning import thinned
from release.inference import forecast_rows
from release.manifest import CURVE_POINTS, Book, TickerLineage, TradingCurves, TradingRecord
from release.onnx_model import OnnxModel
from stock_assets.calendars import exchange_of, sessions_per_year
from stock_assets.champions import LINEAGE, Champion
from stock_assets.errors import SignalsOfAnother
from stock_assets.learning.dataset import History
from stock_assets.resources.lake import FILES, Lake, files_digest

TRADING: Final = "trading.json"
EQUITY: Final = "equity.json"
BOUNDS: Final = ("lower_90", "lower_50", "upper_50", "upper_90")
FORECAST: Final = ("mean", "vol", "p_up", *BOUNDS)


def rolled_forward(champion: Champion, rows: History) -> dict[int, pd.DataFrame]:
    """The champion's forecasts of every session up to the newest, by horizon.

    Sessions before the newest that the champion was trained on keep the forecast that was made of them out of sample;
    that one and those since are forecast by the champion itself, which has seen no session of their outcome either,
    with intervals that follow the outcomes that have become known meanwhile.

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
    trained_at = _days(record)[-1]
    past, since = _settled(record.iloc[:-1], rows, horizon=horizon), data.session >= trained_at
    now = pd.DataFrame({name: getattr(said, name)[since] for name in FORECAST})
    now.insert(0, "date", data.session[since].astype("datetime64[ms]"))
    now.insert(1, "target_date", data.target_session[since].astype("datetime64[ms]"))
    now["realised"] = data.target[since]
    table = pd.concat([past[["date", "target_date", *FORECAST, "realised"]], now], ignore_index=True)
    bounds = _bounds(table, horizon=horizon)
    for name in BOUNDS:
        adapted = table["mean"] + getattr(bounds, name) * table["vol"]
        table.loc[len(past) :, name] = adapted.iloc[len(past) :]
    table.insert(0, "ticker", champion.lineage.ticker)
    return table


def _settled(record: pd.DataFrame, rows: History, *, horizon: int) -> pd.DataFrame:
    """The record with the outcomes that have become known since it was made.

    A forecast whose session has gone from the bars before its outcome was known is left out: it will never have one.
    """
    outcome = pd.Series(rows.dataset(horizon).target, index=pd.DatetimeIndex(rows.session))
    dates = pd.DatetimeIndex(record["date"])
    known = record["realised"].to_numpy(dtype=np.float64)
    realised = np.where(np.isfinite(known), known, outcome.reindex(dates).to_numpy())
    kept: pd.DataFrame = record.assign(realised=realised)[np.isfinite(known) | dates.isin(outcome.index)]
    return kept


def _bounds(table: pd.DataFrame, *, horizon: int) -> BoundsPath:
    residual = (table["realised"] - table["mean"]) / table["vol"]
    return adaptive_bounds(residual.to_numpy(dtype=np.float64), horizon=horizon)


def _days(table: pd.DataFrame) -> Sessions:
    return table["date"].to_numpy().astype("datetime64[D]")


def parameters_now(champion: Champion, forecasts: Mapping[int, pd.DataFrame]) -> bytes:
    """The champion's parameters as JSON, with the bounds that hold at the newest session."""
    parameters = {
        horizon: msgspec.structs.replace(known, bounds=_bounds(forecasts[horizon], horizon=horizon).at(-1))
        for horizon, known in champion.parameters.items()
    }
    return msgspec.json.encode(parameters)


def signal_table(
    champion: Champion,
    forecasts: Mapping[int, pd.DataFrame],
    *,
    rule: SignalRule = SignalRule(),  # noqa: B008 - frozen
) -> pd.DataFrame:
    """`rolled_forward` at the horizon that signals act on, with the fields of `quant.signals.Signal` as columns."""
    table = forecasts[champion.horizon]
    made = Forecast(**{name: table[name].to_numpy(dtype=np.float64) for name in FORECAST})
    decided = list(replay(made, rule=rule))
    return table.assign(
        action=[signal.action.value for signal in decided],
        confidence=[signal.confidence for signal in decided],
        edge_bp=[signal.edge_bp for signal in decided],
        net_edge_bp=[signal.net_edge_bp for signal in decided],
        reason=[signal.reason for signal in decided],
    )


@dataclass(frozen=True, slots=True, eq=False)
class Books:
    """What the signals and buying once would have earned over the same sessions (n,), net of the same costs."""

    session: Sessions
    signals: Backtest
    buy_and_hold: Backtest
    costs: Costs


def traded(
    table: pd.DataFrame,
    bars: Bars,
    champion: Champion,
    *,
    rule: SignalRule = SignalRule(),  # noqa: B008 - frozen
) -> Books:
    """The signals as trades at the next open, beside buying once and holding.

    Parameters
    ----------
    table : DataFrame
        As `signal_table` makes it.
    bars : Bars
        Those from the table's first session to its last are traded; see `actions_at`.
    champion : Champion
    rule : SignalRule
        The one that the signals were decided by: the books pay its costs.
    """
    days, costs = _days(table), rule.costs
    held = (bars.session >= days[0]) & (bars.session <= days[-1])
    session, ohlcv = bars.session[held], adjusted(bars)[held]
    opens, closes = np.ascontiguousarray(ohlcv[:, OPEN]), np.ascontiguousarray(ohlcv[:, CLOSE])
    actions, per_year = actions_at(session, table), _sessions_per_year(champion)
    return Books(
        session=session,
        signals=backtest(opens, closes, actions, costs=costs, sessions_per_year=per_year),
        buy_and_hold=buy_and_hold(opens, closes, costs=costs),
        costs=costs,
    )


def actions_at(session: Sessions, table: pd.DataFrame) -> list[Action]:
    """The action in force at the close of each session (n,), none of which is before the table's first.

    The two have the same sessions unless a vendor has added or withdrawn one since the forecasts of that time were
    made. A session without a signal keeps the one before; a signal without its session is executed at the next open
    that there is, unless another came first.
    """
    newest = np.searchsorted(_days(table), session, side="right") - 1
    return [Action(said) for said in table["action"].iloc[newest]]


def trading_record(books: Books, champion: Champion) -> TradingRecord:
    """The figures of both books. The settings that were tried, over all horizons and quarters, deflate the signals'."""
    per_year = _sessions_per_year(champion)
    trials = sum(scores.trials for scores in champion.metrics.values())
    return TradingRecord(
        first=str(books.session[0]),
        last=str(books.session[-1]),
        sessions=len(books.session),
        cost_bp=books.costs.cost_bp,
        slippage_bp=books.costs.slippage_bp,
        trials=trials,
        signals=_book(books.signals, sessions_per_year=per_year, trials=trials),
        # Nothing was tried to find it.
        buy_and_hold=_book(books.buy_and_hold, sessions_per_year=per_year, trials=1),
    )


def trading_curves(books: Books) -> TradingCurves:
    """What both books were worth, at as many of their sessions as a release shows."""
    shown = thinned(len(books.session), most=CURVE_POINTS)
    return TradingCurves(
        sessions=tuple(books.session[shown].astype(str).tolist()),
        signals=tuple(books.signals.equity[shown].tolist()),
        buy_and_hold=tuple(books.buy_and_hold.equity[shown].tolist()),
    )


def _sessions_per_year(champion: Champion) -> int:
    return sessions_per_year(exchange_of(champion.lineage.ticker))


def _book(book: Backtest, *, sessions_per_year: int, trials: int) -> Book:
    """The book's figures, fit for JSON.

    What the settings that were tried would have earned is not kept. Without skill a session's Sharpe ratio scatters
    around zero with a variance of 1 / (n - 1) whatever the returns' distribution (Lo 2002), and that is the variance
    that the deflation is told. Settings of one family resemble each other and scatter by less: it errs on the careful
    side (Bailey & Lopez de Prado 2014).
    """
    by_luck = 1.0 / max(len(book) - 1, 1)
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


def read_signals(lake: Lake, ticker: str) -> tuple[pd.DataFrame, dict[str, bytes]]:
    """A ticker's newest signals and the files beside them, of one and the same run.

    Raises
    ------
    NotMaterialized, LakeUnreadable
        If there are none, or they are damaged.
    SignalsOfAnother
        If a run was cut short between the two.
    """
    table, told = lake.read_told("signals", ticker)
    files = lake.read_files("signals", ticker)
    if told.get(FILES) != files_digest(files):
        raise SignalsOfAnother(f"{ticker}: expected signals and files of one run, got two's; materialize signals")
    return table, files


def are_of(lineage: TickerLineage, files: Mapping[str, bytes]) -> bool:
    """Whether the files beside a ticker's signals say that they were made by the model of this lineage."""
    return files.get(LINEAGE) == msgspec.json.encode(lineage)
