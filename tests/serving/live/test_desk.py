"""Live is batch, to the last bit; nothing is said that isn't audited; a ticker in trouble hurts no other."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from real_release import AS_OF, publish_release
from shared_data import sample_bars

from quant.bars import Bars, log_returns
from quant.features import WINDOW, feature_table
from quant.forecast import Forecast, price
from quant.signals import SignalRule, replay
from release.audit import AuditLog
from release.errors import AuditFailed
from release.inference import forecast_rows
from release.reader import Release
from release.store import Store
from serving.live.book import Taken
from serving.live.feeds.replay import Replay
from serving.live.floor import Floor
from serving.live.status import Counts
from serving.live.ticks import FeedEvent, SessionClose, Tick
from serving.messages import LiveMessage, PredictionMessage, PriceMessage, SignalMessage, decode, encode

SESSIONS = 15
TICKERS = ("AAPL", "IBM")
FIGURES = ("mean", "vol", "p_up", "lower_90", "lower_50", "upper_50", "upper_90")
FRIDAY, SATURDAY, MONDAY, TUESDAY = "2012-03-02", "2012-03-03", "2012-03-05", "2012-03-06"
# A quarter under AAPL's last close: no model stays bullish over that.
CRASHED = 400.0


@dataclass
class Played:
    """What the floor said while a replay was played to it one event at a time, and the log it wrote meanwhile."""

    events: list[FeedEvent]
    said: list[LiveMessage]
    after: list[tuple[FeedEvent, list[LiveMessage]]]
    unaudited: list[SignalMessage]
    audit: Path

    def of(self, kind: type, ticker: str, *, provisional: bool | None = None) -> list:
        """Its messages of a kind about a ticker, after those about the release."""
        found = [message for message in self.said if type(message) is kind and message.ticker == ticker]
        return [message for message in found if provisional is None or message.provisional is provisional]


@pytest.fixture(scope="module")
def played(release, later, tmp_path_factory) -> Played:
    """`SESSIONS` sessions of both tickers."""
    path = tmp_path_factory.mktemp("audit") / "audit.sqlite3"
    market = Replay(
        {t: bars[:SESSIONS] for t, bars in later.items()}, dict.fromkeys(later, release.calendars["XNYS"]), 7
    )
    events, after, unaudited = list(market.events(market="m")), [], []
    with AuditLog.open(path) as audit:
        floor = Floor(release, audit, Counts())
        floor.say()
        for event in events:
            floor.take(event)
            said = floor.say()
            after.append((event, said))
            logged = {row["id"]: row for row in rows(path, "signal")} if any(signals_of(said)) else {}
            unaudited += [signal for signal in signals_of(said) if not is_logged(signal, logged)]
    return Played(events, [message for _, said in after for message in said], after, unaudited, path)


def signals_of(said: list[LiveMessage]) -> list[SignalMessage]:
    """The signals among messages."""
    return [message for message in said if isinstance(message, SignalMessage)]


def rows(path: Path, kind: str) -> list[dict[str, object]]:
    """The log's records of a kind, each with its entry's id, as another process sees them."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as log:
        found = log.execute("SELECT id, body FROM audit_entries WHERE kind = ? ORDER BY id", (kind,)).fetchall()
    return [{"id": audit_id, **json.loads(body)} for audit_id, body in found]


def is_logged(signal: SignalMessage, logged: dict[int, dict[str, object]]) -> bool:
    """Whether the signal's own row says the same as the signal."""
    row = logged.get(signal.audit_id)
    return row is not None and (
        (row["ticker"], row["session"], datetime.fromisoformat(row["at"]), row["action"], row["previous"])
        == (signal.ticker, signal.session, signal.at, signal.action.value, signal.previous.value)
        and (row["confidence"], row["edge_bp"], row["reason"]) == (signal.confidence, signal.edge_bp, signal.reason)
        and (bool(row["provisional"]), row["release_id"]) == (signal.provisional, signal.release_id)
    )


def batch(release: Release, ticker: str, *, through: np.datetime64, horizon: int = 1) -> tuple[Bars, Forecast]:
    """Every bar of the ticker's history with a window behind it, and what its model says of all of them at once."""
    bars, released = sample_bars(ticker).through(through), release.tickers[ticker]
    _, X = feature_table(bars)
    return bars[WINDOW - 1 :], forecast_rows(released.model, released.parameters, X)[horizon]


def close_of(bars: Bars, row: int, *, ticker: str = "AAPL", market: str = "m", **other: float) -> SessionClose:
    """The feed's word on how a session ended."""
    names = ("open", "high", "low", "close", "volume")
    values = dict(zip(names, bars.ohlcv[row].tolist(), strict=True))
    values |= {"split": float(bars.split[row]), "dividend": float(bars.dividend[row])} | other
    session = str(bars.session[row])
    at = datetime.fromisoformat(f"{session}T21:00").replace(tzinfo=UTC)
    return SessionClose(market=market, ticker=ticker, session=session, at=at, **values)


def tick(number: int, price: float = 545.0, *, session: str = FRIDAY, ticker: str = "AAPL", market: str = "m") -> Tick:
    """One trade of a hundred shares."""
    at = datetime.fromisoformat(f"{session}T14:30").replace(tzinfo=UTC) + number * timedelta(minutes=15)
    return Tick(market=market, ticker=ticker, session=session, at=at, number=number, price=price, size=100.0)


# Live and batch.


@pytest.mark.parametrize("ticker", TICKERS)
def test_the_prediction_at_each_close_is_that_of_the_batch_to_the_last_bit(ticker, played, release, later):
    days = later[ticker].session[:SESSIONS]
    bars, forecast = batch(release, ticker, through=days[-1])

    live = played.of(PredictionMessage, ticker, provisional=False)

    assert [message.session for message in live] == [str(day) for day in days]
    for name in FIGURES:
        assert [getattr(message, name) for message in live] == getattr(forecast, name)[-SESSIONS:].tolist()
    assert [message.close for message in live] == bars.close[-SESSIONS:].tolist()
    medians = [float(price(message.close, message.mean)) for message in live]
    assert [message.price_median for message in live] == medians


@pytest.mark.parametrize("ticker", TICKERS)
def test_further_horizons_are_those_of_the_batch_to_the_last_bit_too(ticker, played, release, later):
    _, forecast = batch(release, ticker, through=later[ticker].session[SESSIONS - 1], horizon=5)

    weeks = [message.further[0] for message in played.of(PredictionMessage, ticker, provisional=False)]

    assert [week.target_session for week in weeks] == [str(day) for day in later[ticker].session[5 : SESSIONS + 5]]
    for name in FIGURES:
        assert [getattr(week, name) for week in weeks] == getattr(forecast, name)[-SESSIONS:].tolist()


@pytest.mark.parametrize("ticker", TICKERS)
def test_each_close_predicts_the_session_after_it(ticker, played, later):
    live = played.of(PredictionMessage, ticker, provisional=False)

    assert [message.target_session for message in live] == [str(day) for day in later[ticker].session[1 : SESSIONS + 1]]


def test_a_year_of_signals_at_closes_is_that_of_a_backtest_whatever_was_said_in_between(release, audit, later):
    """A year, because signals are slow to change: fifteen sessions may well see none do so."""
    ticker = "AAPL"
    days = later[ticker].session
    calendars = {ticker: release.calendars["XNYS"]}
    floor, live, between = Floor(release, audit, Counts()), [], []
    floor.say()
    _, forecast = batch(release, ticker, through=days[-1])
    backtest = list(replay(forecast, rule=SignalRule()))[-len(days) :]

    *events, _ = Replay({ticker: later[ticker]}, calendars, seed=7).events(market="m")
    for event in events:
        floor.take(event)
        if isinstance(event, SessionClose):
            live += signals_of(floor.say())
        elif event.number % 9 == 0:
            between += signals_of(floor.say())

    assert [(signal.action, signal.confidence, signal.edge_bp, signal.reason) for signal in live] == [
        (signal.action, signal.confidence, signal.edge_bp, signal.reason) for signal in backtest
    ]
    assert len({signal.action for signal in live}) > 1
    assert between


@pytest.mark.parametrize("ticker", TICKERS)
def test_the_last_provisional_prediction_of_a_session_is_the_one_at_its_close(ticker, played):
    last = {message.session: message for message in played.of(PredictionMessage, ticker, provisional=True)}

    closing = played.of(PredictionMessage, ticker, provisional=False)

    assert [msgspec.structs.replace(last[close.session], provisional=False) for close in closing] == closing


@pytest.mark.parametrize("ticker", TICKERS)
def test_the_prices_of_a_session_end_with_its_close_and_its_volume(ticker, played, later):
    prices = played.of(PriceMessage, ticker, provisional=False)

    assert [(message.price, message.volume) for message in prices] == [
        (row[3], row[4]) for row in later[ticker].ohlcv[:SESSIONS].tolist()
    ]


@pytest.mark.parametrize("ticker", TICKERS)
def test_the_price_at_a_close_has_the_session_s_range_and_the_close_before_it(ticker, played, release, later):
    prices = played.of(PriceMessage, ticker, provisional=False)

    bars = later[ticker][:SESSIONS]
    before = np.concatenate([release.tickers[ticker].bars.close[-1:], bars.close[:-1]]) / bars.split
    said = [[message.open, message.high, message.low, message.previous_close] for message in prices]
    assert said == np.column_stack([bars.ohlcv[:, :3], before]).tolist()


def test_every_tick_is_answered_by_a_price_and_a_prediction_of_its_ticker(played):
    for event, said in played.after:
        if isinstance(event, Tick):
            assert {type(message) for message in said} - {SignalMessage} == {PriceMessage, PredictionMessage}
            assert {message.ticker for message in said} == {event.ticker}
            assert said[0].price == event.price
            assert {message.provisional for message in said} == {True}


def test_messages_are_the_same_on_the_far_side_of_the_wire(played):
    assert [decode(encode(message)) for message in played.said] == played.said


# Signals.


def test_each_signal_is_in_the_log_as_said_before_it_is_said(played):
    assert len(signals_of(played.said)) >= 2 * SESSIONS
    assert played.unaudited == []


@pytest.mark.parametrize("ticker", TICKERS)
def test_during_a_session_only_a_change_is_a_signal(ticker, played):
    provisional = played.of(SignalMessage, ticker, provisional=True)

    assert [signal.session for signal in provisional if signal.action is signal.previous] == []


@pytest.mark.parametrize("ticker", TICKERS)
def test_each_signal_names_the_one_that_was_said_before_it(ticker, played, release, audit):
    released = [signal for signal in signals_of(Floor(release, audit, Counts()).say()) if signal.ticker == ticker]
    said = [*released, *played.of(SignalMessage, ticker)]

    assert [signal.previous for signal in said[1:]] == [signal.action for signal in said[:-1]]


def test_before_its_first_tick_a_ticker_stands_where_the_release_left_it(release, audit):
    price_said, prediction, signal = [m for m in Floor(release, audit, Counts()).say() if m.ticker == "AAPL"]
    bars, forecast = batch(release, "AAPL", through=AS_OF)
    backtest = list(replay(forecast, rule=SignalRule()))[-1]

    assert (price_said.session, price_said.price) == (str(AS_OF), bars.close[-1])
    assert (prediction.session, prediction.mean) == (str(AS_OF), forecast.mean[-1])
    assert (signal.action, signal.edge_bp, signal.audit_id) == (backtest.action, backtest.edge_bp, None)
    assert {price_said.provisional, prediction.provisional, signal.provisional} == {False}


def test_what_can_not_be_audited_is_not_said(release, audit, later):
    floor = Floor(release, audit, Counts())
    floor.say()
    audit.close()

    floor.take(close_of(later["AAPL"], 0))

    with pytest.raises(AuditFailed):
        floor.say()


# Forecasts and what came of them.


@pytest.mark.parametrize("ticker", TICKERS)
def test_each_forecast_at_a_close_is_logged_as_it_was_said(ticker, played):
    said = played.of(PredictionMessage, ticker, provisional=False)
    names = ("session", "target_session", "close", "mean", "vol", "p_up", "lower_90", "upper_90", "release_id")

    logged = [row for row in rows(played.audit, "forecast") if row["ticker"] == ticker]

    assert [[row[name] for name in names] for row in logged] == [
        [getattr(message, name) for name in names] for message in said
    ]


@pytest.mark.parametrize("ticker", TICKERS)
def test_forecasts_are_settled_with_the_realised_return_when_their_session_closes(ticker, played, later):
    realised = log_returns(later[ticker][:SESSIONS])

    with AuditLog.open(played.audit) as audit:
        outcomes = audit.outcomes(ticker, last=100)

    assert outcomes.session.tolist() == later[ticker].session[: SESSIONS - 1].tolist()
    assert outcomes.realised.tolist() == realised[1:].tolist()


def test_the_newest_forecast_waits_for_its_session(played, later):
    newest, target = later["AAPL"].session[SESSIONS - 1 : SESSIONS + 1]

    with AuditLog.open(played.audit) as audit:
        waiting = audit.unsettled("AAPL", target_session=target)

    assert [forecast.session for forecast in waiting] == [newest]


def test_a_dividend_counts_toward_the_outcome(release, audit, later):
    bars = later["IBM"][:50]
    paid = int(np.flatnonzero(bars.dividend)[0])
    floor = Floor(release, audit, Counts())

    for row in range(paid + 1):
        floor.take(close_of(bars, row, ticker="IBM"))
    floor.say()

    settled = audit.outcomes("IBM", last=1)
    price_alone = np.log(bars.close[paid] / bars.close[paid - 1])
    assert settled.realised[0] == log_returns(bars)[paid]
    assert settled.realised[0] > price_alone + 0.003


def test_the_same_market_played_again_adds_nothing_to_the_log(release, audit, later, tmp_path):
    path = tmp_path / "audit" / "audit.sqlite3"
    bars, said = later["AAPL"][:5], []

    for _ in range(2):
        floor = Floor(release, audit, Counts())
        floor.say()
        for row in range(5):
            floor.take(close_of(bars, row))
        said.append(floor.say())

    assert said[0] == said[1]
    assert [len(rows(path, kind)) for kind in ("signal", "forecast", "outcome")] == [5, 5, 4]


# The floor: all desks together.


@pytest.fixture
def counts() -> Counts:
    """What went through `floor`."""
    return Counts()


@pytest.fixture
def floor(release, audit, counts) -> Floor:
    """The desks of both tickers, which have told where the release stands."""
    floor = Floor(release, audit, counts)
    floor.say()
    return floor


@pytest.fixture(scope="module")
def releases(tmp_path_factory) -> SimpleNamespace:
    """Real releases besides the one in use: one that reaches to Monday, one without AAPL."""
    folder = tmp_path_factory.mktemp("releases")
    publish_release(folder / "monday", as_of=MONDAY)
    publish_release(folder / "small", tickers=("IBM",))
    return SimpleNamespace(monday=Store(folder / "monday").load(), small=Store(folder / "small").load())


def kinds(said: list[LiveMessage]) -> list[tuple[str, str]]:
    """What messages are, and of whom."""
    return [(message.__struct_config__.tag, message.ticker) for message in said]


def test_ticks_that_piled_up_are_answered_once_a_ticker(floor, counts):
    for number in range(5):
        for ticker, near in (("AAPL", 545.0), ("IBM", 197.0)):
            floor.take(tick(number, near + number, ticker=ticker))

    said = [message for message in floor.say() if not isinstance(message, SignalMessage)]

    assert kinds(said) == [("price", "AAPL"), ("prediction", "AAPL"), ("price", "IBM"), ("prediction", "IBM")]
    assert [message.price for message in said if isinstance(message, PriceMessage)] == [549.0, 201.0]
    assert counts.ticks == {Taken.COUNTED: 10}
    assert floor.say() == []


def test_no_close_is_passed_over_however_many_pile_up(played, release, audit):
    floor = Floor(release, audit, Counts())
    floor.say()

    for event in played.events:
        floor.take(event)
    at_once = floor.say()

    for ticker in TICKERS:
        closes = [m for m in at_once if isinstance(m, PredictionMessage) and m.ticker == ticker]
        assert closes == played.of(PredictionMessage, ticker, provisional=False)
        actions = [signal.action for signal in signals_of(at_once) if signal.ticker == ticker]
        assert actions == [signal.action for signal in played.of(SignalMessage, ticker, provisional=False)]
    assert floor.ended


def test_ticks_that_do_not_count_are_counted_and_change_nothing(floor, counts):
    floor.take(tick(1))
    before = floor.say()

    for bad in (tick(1), tick(2, -1.0), tick(0, session=SATURDAY), tick(0, session=str(AS_OF)), tick(0, ticker="MSFT")):
        floor.take(bad)
    said = floor.say()

    assert before
    assert said == []
    assert counts.ticks == {
        Taken.COUNTED: 1,
        Taken.DUPLICATE: 1,
        Taken.BAD_PRICE: 1,
        Taken.NO_SESSION: 1,
        Taken.LATE: 1,
        Taken.UNKNOWN_TICKER: 1,
    }


def test_a_tick_on_a_day_without_session_does_not_end_the_session_under_way(floor, later):
    floor.take(tick(0, session=FRIDAY))
    floor.take(tick(0, session=SATURDAY))
    floor.take(tick(1, session=FRIDAY))

    floor.take(close_of(later["AAPL"], 0))

    bar = floor.desks["AAPL"].book.closed[-1:]
    np.testing.assert_array_equal(bar.ohlcv, later["AAPL"][:1].ohlcv)


def test_a_session_whose_close_was_lost_is_closed_from_its_ticks(played, release, audit):
    floor = Floor(release, audit, Counts())
    floor.say()
    events = [event for event in played.events if getattr(event, "session", "") in (FRIDAY, MONDAY)]

    for event in events:
        if not (isinstance(event, SessionClose) and event.session == FRIDAY):
            floor.take(event)
    said = floor.say()

    for ticker in TICKERS:
        live = [m for m in said if isinstance(m, PredictionMessage) and m.ticker == ticker and not m.provisional]
        assert live == played.of(PredictionMessage, ticker, provisional=False)[:2]


def test_over_a_hole_there_are_prices_but_no_predictions_and_the_status_says_so(floor, counts, later):
    floor.take(tick(0, session=MONDAY))
    in_session = floor.say()
    floor.take(close_of(later["AAPL"], 1))
    at_close = floor.say()

    assert kinds(in_session) == kinds(at_close) == [("price", "AAPL")]
    assert counts.sentence().endswith("no predictions of AAPL")


def test_a_hole_in_one_ticker_is_none_in_another(floor, later):
    floor.take(tick(0, session=MONDAY))
    for row in range(2):
        floor.take(close_of(later["IBM"], row, ticker="IBM"))

    said = floor.say()

    assert [m.session for m in said if isinstance(m, PredictionMessage)] == [FRIDAY, MONDAY]
    assert {m.ticker for m in said if isinstance(m, PredictionMessage)} == {"IBM"}


def test_a_release_that_covers_a_hole_brings_the_predictions_back(floor, counts, later, releases):
    floor.take(close_of(later["AAPL"], 1))
    floor.say()

    floor.adopt(releases.monday)
    adopted = floor.say()
    floor.take(tick(0, session=TUESDAY))
    said = floor.say()

    predictions = [m for m in (*adopted, *said) if isinstance(m, PredictionMessage) and m.ticker == "AAPL"]
    assert [(m.session, m.provisional) for m in predictions] == [(MONDAY, False), (TUESDAY, True)]
    assert "no predictions of" not in counts.sentence()


# NumPy says what it thinks of such a bar, too.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_bar_that_no_model_can_read_silences_its_ticker_and_no_other(floor, counts, later):
    floor.take(close_of(later["AAPL"], 0, open=1e308, high=1e308, low=1e308, close=1e308))
    floor.take(close_of(later["IBM"], 0, ticker="IBM"))

    said = floor.say()

    assert {message.ticker for message in said} == {"IBM"}
    assert counts.sentence().endswith("no predictions of AAPL")


def test_another_market_begins_where_the_release_ends_with_no_grudge(floor, counts, later):
    floor.take(close_of(later["AAPL"], 1))
    floor.say()
    assert counts.silent.keys() == {"AAPL"}

    floor.take(tick(0, market="another"))
    said = floor.say()

    assert kinds(said)[:3] == [("price", "AAPL"), ("prediction", "AAPL"), ("signal", "AAPL")]
    assert [m.session for m in said if isinstance(m, PredictionMessage)] == [str(AS_OF), str(AS_OF), FRIDAY]
    assert counts.silent == {}


# Another release.


def test_a_new_release_says_where_it_stands(floor, releases):
    floor.adopt(releases.monday)
    said = floor.say()

    for ticker in TICKERS:
        fresh = {type(message): message for message in said if message.ticker == ticker}
        signal = fresh[SignalMessage]
        _, forecast = batch(releases.monday, ticker, through=np.datetime64(MONDAY))
        assert (fresh[PriceMessage].session, fresh[PriceMessage].price) == (MONDAY, fresh[PredictionMessage].close)
        assert fresh[PredictionMessage].mean == forecast.mean[-1]
        assert fresh[PredictionMessage].release_id == signal.release_id == releases.monday.manifest.release_id
        assert (signal.session, signal.audit_id) == (MONDAY, None)
        assert signal.action is list(replay(forecast, rule=SignalRule()))[-1].action


def test_a_release_that_does_not_reach_as_far_brings_its_model_only(floor, later, releases):
    for row in range(3):
        floor.take(close_of(later["AAPL"], row))
    before = floor.say()

    floor.adopt(releases.monday)
    said = [message for message in floor.say() if message.ticker == "AAPL"]

    _, forecast = batch(releases.monday, "AAPL", through=np.datetime64(TUESDAY))
    prediction = next(message for message in said if isinstance(message, PredictionMessage))
    assert (prediction.session, prediction.mean) == (TUESDAY, forecast.mean[-1])
    assert [m.price for m in said if isinstance(m, PriceMessage)] == [later["AAPL"].close[2]]
    assert all(s.audit_id is not None and s.previous is signals_of(before)[-1].action for s in signals_of(said))


def test_a_session_under_way_goes_on_under_a_new_release(floor):
    floor.take(tick(0, session=FRIDAY))
    floor.take(tick(1, 546.0, session=FRIDAY))
    floor.say()

    floor.adopt(floor.release)
    said = floor.say()
    floor.take(tick(2, 547.0, session=FRIDAY))
    floor.say()

    assert [m.price for m in said if isinstance(m, PriceMessage) and m.ticker == "AAPL"] == [546.0]
    assert floor.desks["AAPL"].book.open.volume == 300.0


def test_a_ticker_that_a_release_drops_is_heard_no_more_and_one_that_it_brings_speaks(floor, releases, release):
    floor.adopt(releases.small)
    without = floor.say()
    floor.take(tick(0))
    dropped = floor.say()
    floor.adopt(release)
    back = floor.say()

    assert {message.ticker for message in without} == {"IBM"}
    assert dropped == []
    assert [kind for kind in kinds(back) if kind[1] == "AAPL"] == [
        ("price", "AAPL"),
        ("prediction", "AAPL"),
        ("signal", "AAPL"),
    ]


def test_a_signal_of_a_session_that_a_new_release_has_closed_is_taken_back(floor, releases):
    floor.take(tick(0, CRASHED, session=FRIDAY))
    passing = signals_of(floor.say())

    floor.adopt(releases.monday)
    said = [signal for signal in signals_of(floor.say()) if signal.ticker == "AAPL"]

    assert [signal.provisional for signal in passing] == [True]
    assert said[-1].action is not passing[0].action
    assert (said[-1].session, said[-1].provisional) == (MONDAY, False)
