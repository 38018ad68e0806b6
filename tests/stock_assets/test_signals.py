"""Signals of a real champion: forecasts up to the newest session, confidence that is one, and trades that cost."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from itertools import pairwise

import exchange_calendars
import msgspec
import numpy as np
import pandas as pd
import pytest
from other_engine import bt_equity
from shared_data import sample_bars, shared_data
from simulated_bars import simulated_bars

from quant.backtest import Backtest, buy_and_hold
from quant.bars import CLOSE, OPEN, Bars, adjusted, unadjusted
from quant.conformal import adaptive_bounds
from quant.costs import Costs
from quant.forecast import Forecast, ForecastParameters
from quant.performance import deflated_sharpe, probabilistic_sharpe, sharpe
from quant.sessions import SessionCalendar
from quant.signals import Action, SignalRule, replay
from release.inference import infer
from release.manifest import (
    CURVE_POINTS,
    How,
    Succession,
    SuccessionMove,
    TickerLineage,
    TradingCurves,
    TradingRecord,
)
from release.onnx_model import OnnxModel
from release.reader import ReleasedTicker
from release.tables import digest, pack
from stock_assets.champions import Champion
from stock_assets.learning.dataset import History, history
from stock_assets.learning.export import export
from stock_assets.learning.scores import ticker_metrics
from stock_assets.learning.training import train
from stock_assets.learning.tuning import Budget
from stock_assets.learning.walk_forward import Model, first_forecast, walk_forward
from stock_assets.signals import (
    BOUNDS,
    FORECAST,
    Books,
    actions_at,
    flattened_books,
    parameters_now,
    rolled_forward,
    signal_table,
    traded,
    trading_curves,
    trading_record,
)

SEED = 7
HORIZONS = (1, 5)
BARS, SINCE = 1_360, 60
BUDGET = Budget(trials=2)
# The arrays of a history that have a row a session.
ROWS = ("session", "X", "close", "log_return", "range_variance")
# Cheap, so that small edges are traded too.
RULE = SignalRule(costs=Costs(cost_bp=0.5, slippage_bp=0.5))


@dataclass(frozen=True)
class Served:
    """A champion, and the bars that have come by now: `SINCE` more than it was trained on."""

    champion: Champion
    bars: Bars
    rows: History
    trials: dict[int, int]


@pytest.fixture(scope="module")
def calendar() -> SessionCalendar:
    nyse = exchange_calendars.get_calendar("XNYS", start="1988-01-04", end="2014-12-31")
    session = nyse.sessions.to_numpy(dtype="datetime64[D]")
    opens, closes = (times.to_numpy(dtype="datetime64[s]") for times in (nyse.opens, nyse.closes))
    return SessionCalendar("XNYS", 252, session, opens, closes)


@pytest.fixture(scope="module")
def served(calendar) -> Served:
    """AAPL's, trained on all but the newest `SINCE` of its bars."""
    bars = sample_bars("AAPL")[-BARS:]
    then = history(bars[:-SINCE], calendar, ticker="AAPL", horizons=HORIZONS)
    walks = {horizon: walk_forward(then.dataset(horizon), seed=SEED, budget=BUDGET) for horizon in HORIZONS}
    exported = export([train(then.dataset(horizon), seed=SEED, budget=BUDGET) for horizon in HORIZONS])
    table = pd.concat([walk.table for walk in walks.values()], ignore_index=True)
    close, oos = pd.Series(then.close, index=pd.DatetimeIndex(then.session)), io.BytesIO()
    table.to_parquet(oos, index=False)
    champion = Champion(
        lineage=lineage("AAPL", bars[:-SINCE]),
        parameters={horizon: walk.parameters for horizon, walk in walks.items()},
        metrics={
            horizon: ticker_metrics(table, horizon=horizon, close=close, trials=walk.trials)
            for horizon, walk in walks.items()
        },
        onnx=exported.onnx,
        parity=pack(exported.parity),
        oos=oos.getvalue(),
    )
    rows = history(bars, calendar, ticker="AAPL", horizons=HORIZONS)
    return Served(champion, bars, rows, {horizon: walk.trials for horizon, walk in walks.items()})


def lineage(ticker: str, bars: Bars) -> TickerLineage:
    return TickerLineage(
        ticker=ticker,
        exchange="XNYS",
        source="sample",
        data_sha256=digest(bars),
        first_session=str(bars.session[0]),
        last_session=str(bars.session[-1]),
        bars=len(bars),
        dagster_run_id="a-test-run",
        mlflow_run_id="a-test-run",
        model_name=f"stock-assets-{ticker}",
        model_version="1",
        trained_at="2026-11-23T07:00:00Z",
    )


def signals_of(served: Served) -> pd.DataFrame:
    return signal_table(served.champion, rolled_forward(served.champion, served.rows), rule=RULE)


def restless(served: Served) -> pd.DataFrame:
    """Signals that turn often: the champion's means about their own median and 5 bp wide, with odds that agree."""
    forecasts = rolled_forward(served.champion, served.rows)
    table = forecasts[1]
    mean = table["mean"] - table["mean"].rolling(20, min_periods=1).median()
    mean = 5e-4 * mean / mean.std()
    odds = np.where(mean > 0, 0.55, 0.45)
    return signal_table(served.champion, {1: table.assign(mean=mean, p_up=odds)}, rule=RULE)


def prices(bars: Bars, session: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Adjusted opens and closes of some sessions."""
    ohlcv = adjusted(bars)[np.isin(bars.session, session)]
    return np.ascontiguousarray(ohlcv[:, OPEN]), np.ascontiguousarray(ohlcv[:, CLOSE])


def days(table: pd.DataFrame) -> np.ndarray:
    return table["date"].to_numpy().astype("datetime64[D]")


# --- forecasts up to the newest session -------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", HORIZONS)
def test_forecasts_cover_every_session_once_from_the_first_to_the_newest(served, horizon):
    table = rolled_forward(served.champion, served.rows)[horizon]

    np.testing.assert_array_equal(days(table), served.rows.session[first_forecast(horizon) :])
    np.testing.assert_array_equal(
        table["target_date"].to_numpy().astype("datetime64[D]"),
        served.rows.target_session[horizon][first_forecast(horizon) :],
    )
    assert np.isfinite(table[list(FORECAST)].to_numpy()).all()


@pytest.mark.parametrize("horizon", HORIZONS)
def test_what_was_forecast_before_training_ended_stays_to_the_last_bit(served, horizon):
    record = served.champion.forecasts(horizon=horizon)

    table = rolled_forward(served.champion, served.rows)[horizon]

    # Those whose outcome was not known yet too: the champion has learned from parts of it.
    for name in FORECAST:
        np.testing.assert_array_equal(table[name][: len(record) - 1], record[name][:-1])


@pytest.mark.parametrize("horizon", HORIZONS)
def test_outcomes_are_filled_in_as_they_become_known(served, horizon):
    table = rolled_forward(served.champion, served.rows)[horizon]

    expected = served.rows.dataset(horizon).target[first_forecast(horizon) :]
    np.testing.assert_allclose(table["realised"], expected, rtol=1e-12, atol=1e-15)
    assert table["realised"].isna().sum() == horizon


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_newest_forecast_is_what_a_release_infers_from_the_same_bars(served, horizon):
    forecasts = rolled_forward(served.champion, served.rows)
    parameters = msgspec.json.decode(parameters_now(served.champion, forecasts), type=dict[int, ForecastParameters])

    said = infer(released(served, parameters), served.bars)[horizon]

    newest = forecasts[horizon].iloc[-1]
    assert {name: float(getattr(said, name)[0]) for name in FORECAST} == {name: newest[name] for name in FORECAST}


def released(served: Served, parameters: dict[int, ForecastParameters]) -> ReleasedTicker:
    champion, table = served.champion, signals_of(served)
    books = traded(table, served.bars, champion, rule=RULE)
    move = SuccessionMove(version="1", at="", how=How.TRAINING, why="", forced="", by="a-test-run")
    return ReleasedTicker(
        lineage=champion.lineage,
        bars=served.bars,
        model=OnnxModel(champion.onnx),
        parameters=parameters,
        metrics=champion.metrics,
        signals=(),
        trading=trading_record(books, champion),
        curves=trading_curves(books),
        succession=Succession(**msgspec.structs.asdict(move), challenger=None, moves=(move,)),
    )


@pytest.mark.parametrize("horizon", HORIZONS)
def test_bounds_go_on_adapting_where_the_record_ends(served, horizon):
    table = rolled_forward(served.champion, served.rows)[horizon]
    residual = ((table["realised"] - table["mean"]) / table["vol"]).to_numpy()

    path = adaptive_bounds(residual, horizon=horizon)

    for name in BOUNDS:
        np.testing.assert_array_equal(table[name], table["mean"] + getattr(path, name) * table["vol"])


@pytest.mark.parametrize("horizon", HORIZONS)
@pytest.mark.parametrize("back", [1, 7, 30, SINCE - 2])
def test_what_happens_after_a_session_moves_no_bound_at_it(served, horizon, back):
    at = len(served.rows) - back
    shaken = served.rows.log_return.copy()
    shaken[at:] += 0.2

    before = rolled_forward(served.champion, served.rows)[horizon]
    after = rolled_forward(served.champion, replace(served.rows, log_return=shaken))[horizon]

    known = days(before) < served.rows.session[at]
    pd.testing.assert_frame_equal(after.loc[known, list(FORECAST)], before.loc[known, list(FORECAST)], check_exact=True)
    if back > horizon + 1:
        assert (after["upper_90"] != before["upper_90"]).any()


def test_a_session_that_was_withdrawn_before_its_outcome_was_known_leaves_no_hole(served):
    record = served.champion.forecasts(horizon=5)
    gone = served.rows.session == days(record)[-3]
    rows = replace(
        served.rows,
        target_session={h: of[~gone] for h, of in served.rows.target_session.items()},
        **{
            name: getattr(served.rows, name)[~gone]
            for name in ("session", "X", "close", "log_return", "range_variance")
        },
    )

    table = rolled_forward(served.champion, rows)[5]

    np.testing.assert_array_equal(days(table), rows.session[first_forecast(5) :])
    assert table["realised"].isna().sum() == 5


# --- confidence -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """Signals with a direction, one a row: probability said, whether it was right, log return in the direction."""

    said: np.ndarray
    right: np.ndarray
    gain: np.ndarray


def told(walked: dict[str, History], rule: SignalRule) -> Told:
    """The signals of every ticker's out-of-sample forecasts one session ahead, those with an outcome."""
    tables = []
    for rows in walked.values():
        made = walk_forward(rows.dataset(1), seed=SEED, budget=BUDGET).table
        table = made[made["model"] == Model.CHAMPION.value].reset_index(drop=True)
        decided = signal_table_of(table, rule)
        tables.append(decided[decided["realised"].notna() & (decided["realised"] != 0) & (decided["action"] != "HOLD")])
    table = pd.concat(tables)
    gain = table["realised"].to_numpy() * np.where(table["action"] == "BUY", 1.0, -1.0)
    return Told(table["confidence"].to_numpy() / 100.0, gain > 0, gain)


def signal_table_of(table: pd.DataFrame, rule: SignalRule) -> pd.DataFrame:
    """`signal_table` of a walk's own forecasts, for which no champion has to be trained."""
    made = list(replay(Forecast(**{name: table[name].to_numpy() for name in FORECAST}), rule=rule))
    return table.assign(action=[s.action.value for s in made], confidence=[s.confidence for s in made])


def assert_calibrated(told: Told, *, bins: int, errors: float = 3.0) -> None:
    """In every bin of confidence the share that was right is what was said, within sampling error."""
    order = np.argsort(told.said, kind="stable")
    for part in np.array_split(order, bins):
        said, right = told.said[part].mean(), told.right[part].mean()
        error = np.sqrt(np.sum(told.said[part] * (1.0 - told.said[part]))) / len(part)
        assert abs(right - said) < errors * error, f"said {said:.3f}, came {right:.3f} ± {error:.3f} of {len(part)}"


def test_confidence_is_how_often_real_signals_are_right(calendar):
    walked = {
        name: history(sample_bars(name)[-2_000:], calendar, ticker=name, horizons=(1,)) for name in ("AAPL", "GOOG")
    }

    signals = told(walked, SignalRule())

    assert len(signals.said) > 200
    assert (signals.said > 0.5).all()
    assert_calibrated(signals, bins=1)
    assert_calibrated(signals, bins=4)


def test_confidence_is_how_often_signals_are_right_where_an_edge_is_planted(calendar):
    rng = np.random.default_rng(29)
    bars = simulated_bars(calendar, rng, bars=3_000, reversion=0.2)

    signals = told({"EDGE": history(bars, calendar, ticker="EDGE", horizons=(1,))}, SignalRule())

    assert len(signals.said) > 1_000
    assert signals.said.max() > 0.56
    assert_calibrated(signals, bins=4)
    # The bolder half is right more often, and what it gains before costs is an edge by any test.
    bold = signals.said > np.median(signals.said)
    assert signals.right[bold].mean() > signals.right[~bold].mean()
    assert signals.gain.mean() > 3.0 * signals.gain.std() / np.sqrt(len(signals.gain))


# --- trades -----------------------------------------------------------------------------------------------------------


def test_a_signal_is_executed_at_the_next_open_by_the_rules_own_costs(served):
    table = restless(served)

    books = traded(table, served.bars, served.champion, rule=RULE)

    opens, _ = prices(served.bars, days(table))
    actions = [Action(said) for said in table["action"]]
    assert books.costs is RULE.costs
    assert len(books.signals.trades) > 20
    assert {trade.direction for trade in books.signals.trades} == {Action.BUY, Action.SELL}
    for trade in books.signals.trades:
        assert actions[trade.entry - 1] is trade.direction
        assert trade.entry == 1 or actions[trade.entry - 2] is not trade.direction
        side = 1.0 if trade.direction is Action.BUY else -1.0
        slippage = 1.0 + side * RULE.costs.slippage_bp / 1e4
        assert trade.entry_price == pytest.approx(opens[trade.entry] * slippage, rel=1e-12)


def test_no_trade_overlaps_another_and_each_lasts_while_its_signal_stands(served):
    table = restless(served)

    trades = traded(table, served.bars, served.champion, rule=RULE).signals.trades

    actions = table["action"].to_numpy()
    assert all(earlier.exit <= later.entry for earlier, later in pairwise(trades))
    for trade in trades:
        last = len(actions) - 1 if trade.exit is None else trade.exit - 1
        assert set(actions[trade.entry - 1 : last]) == {trade.direction.value}


@pytest.mark.parametrize("signals", [signals_of, restless])
def test_equity_of_a_champions_signals_is_bts_at_every_close(served, signals):
    table = signals(served)

    books = traded(table, served.bars, served.champion, rule=RULE)

    opens, closes = prices(served.bars, days(table))
    actions = [Action(said) for said in table["action"]]
    theirs, bankrupt = bt_equity(opens, closes, actions, costs=RULE.costs)
    held, _ = bt_equity(opens, closes, [Action.BUY] * len(actions), costs=RULE.costs)
    assert not bankrupt
    np.testing.assert_allclose(books.signals.equity, theirs, rtol=1e-9, atol=0)
    np.testing.assert_allclose(books.buy_and_hold.equity, held, rtol=1e-9, atol=0)


def test_a_session_without_a_signal_keeps_the_one_before(served):
    table = restless(served)
    row = int(np.flatnonzero(table["action"] != table["action"].shift())[3])

    actions = actions_at(days(table), table.drop(index=[row, row + 1]))

    expected = table["action"].copy()
    expected[[row, row + 1]] = expected[row - 1]
    assert [action.value for action in actions] == expected.tolist()


def test_a_signal_without_its_session_is_executed_at_the_next_open_that_there_is(served):
    table = restless(served)
    row = int(np.flatnonzero(table["action"] != table["action"].shift())[3])
    gone = served.bars.session != days(table)[row]
    bars = Bars(*(getattr(served.bars, name)[gone] for name in ("session", "ohlcv", "split", "dividend")))
    later = int(np.flatnonzero(days(table) == bars.session[bars.session > days(table)[row]][0])[0])

    books = traded(table, bars, served.champion, rule=RULE)

    actions = actions_at(books.session, table)
    assert len(books.session) == len(table) - 1
    assert actions[row - 1].value == table["action"][row - 1]
    assert actions[row].value == table["action"][later]


def test_bars_after_the_newest_signal_are_not_traded(served):
    table = restless(served)

    books = traded(table[:-10], served.bars, served.champion, rule=RULE)

    whole = traded(table, served.bars, served.champion, rule=RULE)
    assert books.session[-1] == days(table)[-11]
    np.testing.assert_allclose(books.signals.equity, whole.signals.equity[:-10], rtol=1e-12)


# --- the record -------------------------------------------------------------------------------------------------------


def test_signals_are_deflated_by_every_setting_tried_and_holding_by_none(served):
    table = signals_of(served)
    books = traded(table, served.bars, served.champion, rule=RULE)

    record = trading_record(books, served.champion)

    returns, held = books.signals.log_return, books.buy_and_hold.log_return
    by_luck = 1.0 / (len(returns) - 1)
    assert record.trials == sum(served.trials.values())
    assert min(served.trials.values()) > 1
    assert record.signals.deflated_sharpe == pytest.approx(
        deflated_sharpe(returns, trials=record.trials, trial_sharpe_variance=by_luck)
    )
    assert record.signals.deflated_sharpe < record.signals.probabilistic_sharpe
    assert record.buy_and_hold.deflated_sharpe == record.buy_and_hold.probabilistic_sharpe
    assert record.buy_and_hold.probabilistic_sharpe == pytest.approx(
        probabilistic_sharpe(held, benchmark_sharpe_per_session=0.0)
    )


@pytest.mark.parametrize("tails", ["normal", "student", "seldom"])
def test_sharpe_ratios_without_skill_scatter_as_the_deflation_supposes(tails):
    """Whatever the returns' distribution, and also for books that are out of the market nine sessions in ten."""
    rng, n, books = np.random.default_rng(5), 500, 4_000
    returns = rng.normal(0.0, 0.01, (books, n)) if tails != "student" else 0.01 * rng.standard_t(4, (books, n))
    if tails == "seldom":
        returns = returns * (rng.random((books, n)) < 0.1)

    ratios = returns.mean(axis=1) / returns.std(axis=1, ddof=1)

    assert np.var(ratios) == pytest.approx(1.0 / (n - 1), rel=4.0 * np.sqrt(2.0 / books))


def test_a_record_passes_json_both_ways(served):
    books = traded(signals_of(served), served.bars, served.champion, rule=RULE)

    record = trading_record(books, served.champion)

    assert msgspec.json.decode(msgspec.json.encode(record), type=TradingRecord) == record
    assert (record.cost_bp, record.slippage_bp) == (RULE.costs.cost_bp, RULE.costs.slippage_bp)
    assert record.sessions == len(books.session)
    assert flattened_books(record)["signals_sharpe"] == record.signals.sharpe


def test_curves_are_what_both_books_were_worth_thinned_to_what_a_chart_shows(served):
    books = traded(restless(served)[-500:], served.bars, served.champion, rule=RULE)
    bars = sample_bars("AAPL")
    held = _held(bars)

    whole, thin = trading_curves(books), trading_curves(Books(bars.session, held, held, RULE.costs))

    assert whole.sessions == tuple(books.session.astype(str))
    assert whole.signals == tuple(books.signals.equity)
    assert whole.buy_and_hold == tuple(books.buy_and_hold.equity)
    assert len(thin.sessions) == len(thin.signals) == CURVE_POINTS < len(bars)
    assert (thin.sessions[0], thin.sessions[-1]) == (str(bars.session[0]), str(bars.session[-1]))
    shown = np.isin(bars.session, np.array(thin.sessions, dtype="datetime64[D]"))
    assert thin.signals == tuple(held.equity[shown])


def _held(bars: Bars) -> Backtest:
    ohlcv = adjusted(bars)
    return buy_and_hold(np.ascontiguousarray(ohlcv[:, OPEN]), np.ascontiguousarray(ohlcv[:, CLOSE]), costs=RULE.costs)


def test_a_ruined_book_passes_json_both_ways(served):
    table, price = signals_of(served)[:300].assign(action="SELL"), np.linspace(10.0, 40.0, 300)
    bars = unadjusted(days(table), np.column_stack([price] * 4 + [np.full(300, 1e6)]))

    books = traded(table, bars, served.champion)
    record, curves = trading_record(books, served.champion), trading_curves(books)

    ruined = record.signals
    assert curves.signals[-1] == 0.0
    assert msgspec.json.decode(msgspec.json.encode(curves), type=TradingCurves) == curves
    assert (ruined.sharpe, ruined.annualised_volatility) == (None, None)
    assert (ruined.annualised_return, ruined.maximum_drawdown, ruined.deflated_sharpe) == (-1.0, 1.0, 0.0)
    assert msgspec.json.decode(msgspec.json.encode(record), type=TradingRecord) == record
    assert "signals_sharpe" not in flattened_books(record)


def test_a_pair_that_trades_every_day_is_annualised_by_365(served):
    crypto = pd.read_csv(shared_data("crypto_daily_2014_2024.csv.gz"))
    rows = crypto[crypto["ticker"] == "BTC-USD"].tail(400)
    session = pd.to_datetime(rows["date"]).to_numpy().astype("datetime64[D]")
    bars = unadjusted(session, rows[["open", "high", "low", "close", "volume"]].to_numpy(dtype=np.float64))
    table = pd.DataFrame({"date": session.astype("datetime64[ms]"), "action": ["BUY"] * 200 + ["HOLD"] * 200})
    pair = msgspec.structs.replace(
        served.champion, lineage=msgspec.structs.replace(served.champion.lineage, ticker="BTC-USD")
    )

    books = traded(table, bars, pair)

    record = trading_record(books, pair)
    assert record.signals.sharpe == pytest.approx(sharpe(books.signals.log_return, sessions_per_year=365))
    assert record.buy_and_hold.annualised_return == pytest.approx(books.buy_and_hold.equity[-1] ** (365 / 400) - 1.0)


def test_a_book_that_never_trades_has_a_record(served):
    table = signals_of(served).assign(action="HOLD")

    record = trading_record(traded(table, served.bars, served.champion), served.champion)

    assert (record.signals.trades, record.signals.hit_rate, record.signals.exposure) == (0, None, 0.0)
    assert record.buy_and_hold.trades == 1
    assert msgspec.json.decode(msgspec.json.encode(record), type=TradingRecord) == record
