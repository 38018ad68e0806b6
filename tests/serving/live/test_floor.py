"""A floor that goes on where another stood is that floor; time closes sessions; what is logged is logged at once."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from disturbed_ticks import batches, disturbed
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from real_release import AS_OF, publish_release
from shared_data import sample_bars

from quant.bars import log_returns
from quant.costs import BASIS_POINTS
from quant.features import feature_table
from quant.forecast import Forecast
from quant.sessions import SessionCalendar
from quant.signals import Action, SignalRule, replay
from release.audit import AuditLog, LoggedForecast, LoggedPrediction, LoggedSignal
from release.inference import forecast_rows
from release.reader import Release
from release.store import Store
from serving.live.book import GRACE
from serving.live.desk import Desk
from serving.live.feeds.replay import Replay
from serving.live.floor import Floor
from serving.live.status import Counts
from serving.live.ticks import Beat, FeedEvent, SessionClose, Tick
from serving.messages import (
    FeedState,
    LiveMessage,
    PortfolioMessage,
    PredictionMessage,
    PriceMessage,
    SignalMessage,
)

FRIDAY, MONDAY = "2012-03-02", "2012-03-05"
CLOSES = datetime(2012, 3, 2, 21, 0, tzinfo=UTC)
SESSIONS = 3
CONNECTED = [FeedState.LIVE, FeedState.STALE, FeedState.CLOSED]
UNCONNECTED = [FeedState.CONNECTING, FeedState.BACKING_OFF]


@pytest.fixture
def floor(release, audit) -> Floor:
    """The desks of AAPL and IBM, which have told where the release stands."""
    floor = Floor(release, audit, Counts())
    floor.say()
    return floor


@pytest.fixture(scope="module")
def monday(tmp_path_factory) -> Release:
    """A release of the same tickers that reaches to Monday."""
    store = tmp_path_factory.mktemp("monday") / "releases"
    publish_release(store, as_of=MONDAY)
    return Store(store).load()


def events_of(release: Release, *, sessions: int) -> list[FeedEvent]:
    """Ticks and closes of the first sessions after the release."""
    bars = {ticker: sample_bars(ticker).after(AS_OF)[:sessions] for ticker in release.tickers}
    calendars = {ticker: release.calendars[released.exchange] for ticker, released in release.tickers.items()}
    return list(Replay(bars, calendars, seed=7).events(market="m"))


def tick(number: int, price: float = 545.0, *, session: str = FRIDAY, ticker: str = "AAPL") -> Tick:
    """One trade of a hundred shares."""
    at = datetime.fromisoformat(f"{session}T14:30").replace(tzinfo=UTC) + number * timedelta(minutes=15)
    return Tick(market="m", ticker=ticker, session=session, at=at, number=number, price=price, size=100.0)


def beat(at: datetime, state: FeedState = FeedState.LIVE) -> Beat:
    """The feed's word that it is there."""
    return Beat(market="m", at=at, state=state)


def of(said: Sequence[LiveMessage], kind: type, *, provisional: bool | None = None) -> list:
    """The messages of a kind."""
    found = [message for message in said if isinstance(message, kind)]
    return [message for message in found if provisional is None or message.provisional is provisional]


def logged(audit: AuditLog) -> list[tuple[str, str]]:
    """Every entry of the log: what it is and what it says."""
    head = audit.head()
    entries = [audit.entry(audit_id) for audit_id in range(1, head.audit_id + 1)] if head else []
    return [(entry.kind, entry.body) for entry in entries]


# A floor that is lost.


def heard(floor: Floor, told: Sequence[Sequence[FeedEvent]]) -> list[list[LiveMessage]]:
    """What the floor says after each batch."""
    said = []
    for batch in told:
        for event in batch:
            floor.take(event)
        said.append(floor.say())
    return said


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), largest=st.sampled_from([2, 7, 40, 200]), share=st.floats(0.0, 1.0))
def test_a_floor_that_follows_and_is_restored_goes_on_as_the_one_that_was_lost(
    release, tmp_path_factory, seed, largest, share
):
    rng = np.random.default_rng(seed)
    told = batches(disturbed(events_of(release, sessions=SESSIONS), rng), rng, largest=largest)
    cut, folder = round(share * len(told)), tmp_path_factory.mktemp("logs")

    with AuditLog.open(folder / "undisturbed.sqlite3") as log:
        floor = Floor(release, log, Counts(), audit_every=20)
        floor.say()
        undisturbed, entries = heard(floor, told), logged(log)
    with AuditLog.open(folder / "taken_over.sqlite3") as log:
        lost = Floor(release, log, Counts(), term=1, audit_every=20)
        lost.say()
        before = heard(lost, told[:cut])
        successor = Floor(release, log, Counts(), term=2, audit_every=20)
        for event in (event for batch in told[:cut] for event in batch):
            successor.follow(event)
        successor.restore(lost.standing())
        unasked = successor.say()
        after, taken_over = heard(successor, told[cut:]), logged(log)

    assert unasked == []
    assert [without_hash(said) for said in [*before, *after]] == [without_hash(said) for said in undisturbed]
    assert taken_over == entries


def without_hash(said: Sequence[LiveMessage]) -> list[LiveMessage]:
    """Messages but for the hash of a signal's entry, which knows when it was written and by whom."""
    return [
        msgspec.structs.replace(message, audit_sha256=None) if isinstance(message, SignalMessage) else message
        for message in said
    ]


def test_what_was_logged_but_perhaps_never_said_is_the_same_entry_when_it_is_said_again(release, audit):
    events = events_of(release, sessions=2)
    day = [event for event in events if event.at.date() == events[0].at.date()]
    lost = Floor(release, audit, Counts())
    lost.say()
    before = lost.standing()
    (said,) = heard(lost, [day])
    entries = logged(audit)

    successor = Floor(release, audit, Counts(), term=1)
    successor.restore(before)
    (again,) = heard(successor, [day])

    assert again == said
    assert logged(audit) == entries


def test_a_close_whose_signal_has_been_said_by_now_does_not_say_it_again(release, audit):
    events = events_of(release, sessions=1)
    lost = Floor(release, audit, Counts())
    lost.say()
    before = lost.standing()
    (said,) = heard(lost, [events])
    entries = logged(audit)

    successor = Floor(release, audit, Counts(), term=1)
    successor.restore(msgspec.structs.replace(before, shown=lost.standing().shown))
    (again,) = heard(successor, [events])

    assert of(said, SignalMessage)
    assert again == [message for message in said if not isinstance(message, SignalMessage)]
    assert logged(audit) == entries


def test_who_takes_over_with_another_release_says_what_that_changes(release, monday, audit):
    told = batches(events_of(release, sessions=3), np.random.default_rng(3), largest=9)
    cut = 3 * len(told) // 4
    lost = Floor(release, audit, Counts())
    lost.say()
    heard(lost, told[:cut])
    at_cut = lost.standing()
    lost.adopt(monday)
    expected = [lost.say(), *heard(lost, told[cut:])]

    successor = Floor(monday, audit, Counts())
    for event in (event for batch in told[:cut] for event in batch):
        successor.follow(event)
    successor.restore(at_cut)

    assert [successor.say(), *heard(successor, told[cut:])] == expected
    assert {message.release_id for message in of(expected[0], PredictionMessage)} == {monday.manifest.release_id}


def test_a_release_that_was_taken_up_before_the_end_is_the_successors_too(release, monday, audit):
    told = batches(events_of(release, sessions=4), np.random.default_rng(5), largest=9)
    taken_up, cut = len(told) // 2, 3 * len(told) // 4
    lost = Floor(release, audit, Counts(), audit_every=20)
    lost.say()
    heard(lost, told[:taken_up])
    lost.adopt(monday)
    lost.say()
    heard(lost, told[taken_up:cut])

    successor = Floor(monday, audit, Counts(), audit_every=20)
    for event in (event for batch in told[:cut] for event in batch):
        successor.follow(event)
    successor.restore(lost.standing())
    successor.say()

    assert heard(successor, told[cut:]) == heard(lost, told[cut:])
    assert successor.standing() == lost.standing()


def test_a_ticker_that_the_lost_floor_did_not_know_speaks_for_itself(release, audit, floor):
    floor.take(tick(0))
    floor.say()
    known = floor.standing()
    without_ibm = msgspec.structs.replace(known, shown={"AAPL": known.shown["AAPL"]})

    successor = Floor(release, audit, Counts())
    successor.follow(tick(0))
    successor.restore(without_ibm)
    said = successor.say()

    assert {message.ticker for message in said} == {"IBM"}
    assert {type(message) for message in said} == {PriceMessage, PredictionMessage, SignalMessage}


def test_who_follows_says_nothing_and_logs_nothing(release, audit):
    floor = Floor(release, audit, Counts())

    for event in events_of(release, sessions=2):
        floor.follow(event)

    assert floor.say() == []
    assert audit.head() is None
    assert str(floor.desks["AAPL"].book.last) == MONDAY
    assert floor.ended


# Time.


@pytest.mark.parametrize("state", CONNECTED)
def test_a_beat_after_the_close_and_a_grace_closes_a_session_from_its_ticks(floor, state):
    for number, price in enumerate([545.0, 549.0, 541.0, 544.0]):
        floor.take(tick(number, price))
    floor.say()

    floor.take(beat(CLOSES + GRACE - timedelta(seconds=1), state))
    too_early = floor.say()
    floor.take(beat(CLOSES + GRACE, state))
    said = floor.say()

    assert too_early == []
    assert [(m.session, m.price, m.volume) for m in of(said, PriceMessage)] == [(FRIDAY, 544.0, 400.0)]
    assert [(m.session, m.made_at, m.provisional) for m in of(said, PredictionMessage)] == [(FRIDAY, CLOSES, False)]
    assert floor.desks["AAPL"].book.closed.ohlcv[-1].tolist() == [545.0, 549.0, 541.0, 544.0, 400.0]
    assert floor.feed == beat(CLOSES + GRACE, state)


@pytest.mark.parametrize("state", UNCONNECTED)
def test_while_the_feed_is_cut_off_time_closes_nothing(floor, state):
    floor.take(tick(0))
    floor.say()

    floor.take(beat(CLOSES + 2 * GRACE, state))
    floor.take(tick(1, 546.0))

    assert [message.price for message in of(floor.say(), PriceMessage)] == [546.0]


def test_a_session_that_the_feed_has_closed_is_not_closed_again(release, floor):
    *day, _ = events_of(release, sessions=1)
    heard(floor, [day])

    floor.take(beat(CLOSES + GRACE))

    assert floor.say() == []


def test_a_pairs_day_ends_at_midnight_and_is_closed_after_its_grace(release, audit):
    days = np.arange("2000-01-01", "2015-01-01", dtype="datetime64[D]")
    opens = days.astype("datetime64[s]")
    around_the_clock = SessionCalendar("24/7", 365, days, opens, opens + np.timedelta64(86_400, "s"))
    pair = dataclasses.replace(release, calendars={"XNYS": around_the_clock})
    floor = Floor(pair, audit, Counts())
    floor.say()
    midnight = datetime(2012, 3, 3, tzinfo=UTC)
    floor.take(tick(0))

    floor.take(beat(midnight))
    at_midnight = of(floor.say(), PredictionMessage)
    floor.take(beat(midnight + GRACE))
    after = of(floor.say(), PredictionMessage)

    assert [(m.session, m.provisional) for m in at_midnight] == [(FRIDAY, True)]
    assert [(m.session, m.target_session, m.made_at) for m in after] == [(FRIDAY, "2012-03-03", midnight)]


@pytest.mark.parametrize("event", ["tick", "close"])
def test_garbage_of_a_later_session_does_not_end_the_one_under_way(floor, event):
    floor.take(tick(0))
    floor.say()

    if event == "tick":
        floor.take(tick(1, float("nan"), session=MONDAY))
    else:
        at = datetime(2012, 3, 5, 21, 0, tzinfo=UTC)
        prices = dict.fromkeys(("open", "high", "low", "close"), -1.0)
        floor.take(
            SessionClose(
                market="m", ticker="AAPL", session=MONDAY, at=at, volume=1.0, split=1.0, dividend=0.0, **prices
            )
        )

    assert floor.say() == []
    assert str(floor.desks["AAPL"].book.open.session) == FRIDAY


# The audit log.


def test_what_a_turn_brings_is_logged_in_one_go_and_known_by_its_entries(release, audit, floor):
    appended = []
    append = audit.append
    audit.append = lambda records, **more: appended.append(list(records)) or append(records, **more)

    (said,) = heard(floor, [events_of(release, sessions=1)])

    kinds = [type(record) for record in appended[0]]
    assert len(appended) == 1
    assert kinds == [LoggedForecast, LoggedSignal] * 2
    for signal in of(said, SignalMessage):
        entry = audit.entry(signal.audit_id)
        assert (entry.kind, entry.ticker, entry.sha256) == ("signal", signal.ticker, signal.audit_sha256)
        assert floor.desks[signal.ticker].shown == signal


def test_closes_of_one_ticker_that_pile_up_are_settled_all_the_same(release, audit, floor, later):
    heard(floor, [events_of(release, sessions=5)])

    outcomes = audit.outcomes("IBM", last=10)

    assert outcomes.realised.tolist() == log_returns(later["IBM"][:5])[1:].tolist()


def test_every_so_many_th_provisional_prediction_is_logged_as_it_was_said(release, audit):
    every, sessions = 9, 12
    floor = Floor(release, audit, Counts(), audit_every=every)
    floor.say()
    events = events_of(release, sessions=sessions)

    told = [events[start : start + 4] for start in range(0, len(events), 4)]
    said = [message for batch in heard(floor, told) for message in batch]

    predictions = {(m.ticker, m.made_at): m for m in of(said, PredictionMessage, provisional=True)}
    samples = [msgspec.json.decode(body, type=LoggedPrediction) for kind, body in logged(audit) if kind == "prediction"]
    ticks = sum(isinstance(event, Tick) for event in events)
    assert len(samples) == pytest.approx(ticks / every, rel=0.1)
    for sample in samples:
        message = predictions[sample.ticker, sample.at]
        names = ("session", "target_session", "close", "mean", "vol", "p_up", "lower_90", "upper_90", "release_id")
        assert [getattr(sample, name) for name in names] == [getattr(message, name) for name in names]
        assert sample.dagster_run_id == f"run-{sample.ticker}"


def test_sessions_of_fewer_ticks_than_that_get_their_share_of_samples(release, audit):
    sessions, ticks_a_session = 20, 27
    floor = Floor(release, audit, Counts(), audit_every=4 * ticks_a_session)
    floor.say()
    days = itertools.groupby(events_of(release, sessions=sessions), key=lambda event: event.at.date())

    for _, day in days:
        ticks, closes = [], []
        for event in day:
            (ticks if isinstance(event, Tick) else closes).append(event)
        heard(floor, [ticks, closes])

    kinds = [kind for kind, _ in logged(audit)]
    assert kinds.count("prediction") == pytest.approx(2 * sessions / 4, rel=0.4)


# Predictions of several tickers at once.


@pytest.mark.parametrize("sessions", [12])
def test_a_market_that_is_badly_told_ends_its_sessions_as_the_batch_does(release, audit, sessions):
    rng = np.random.default_rng(2)
    told = batches(disturbed(events_of(release, sessions=sessions), rng), rng, largest=30)
    floor = Floor(release, audit, Counts())
    floor.say()

    said = [message for batch in heard(floor, told) for message in batch]

    for ticker, released in release.tickers.items():
        days, X = feature_table(sample_bars(ticker))
        rows = np.flatnonzero(days > AS_OF)[:sessions]
        expected = forecast_rows(released.model, released.parameters, X)[1]
        live = [m for m in of(said, PredictionMessage, provisional=False) if m.ticker == ticker]
        assert [m.session for m in live] == [str(day) for day in days[rows]]
        assert [m.mean for m in live] == expected.mean[rows].tolist()
        assert [m.vol for m in live] == expected.vol[rows].tolist()


def test_tickers_that_change_in_one_turn_are_answered_as_each_would_be_alone(release, audit):
    together, alone = Floor(release, audit, Counts()), Floor(release, audit, Counts())
    together.say()
    alone.say()
    ticks = [tick(0, 546.0), tick(0, 196.0, ticker="IBM")]

    (at_once,) = heard(together, [ticks])
    one_by_one = heard(alone, [[event] for event in ticks])

    assert at_once == [message for said in one_by_one for message in said]


# Hysteresis.

WHOLE_TRIP = SignalRule().costs.round_trip_bp
EDGES = st.lists(st.floats(-0.999, 0.999), min_size=2, max_size=60)


def odds(edge_bp: float) -> float:
    """A probability of a gain that says what the edge says."""
    return 0.5 + 0.3 * edge_bp / (abs(edge_bp) + WHOLE_TRIP)


def changes(actions: Sequence[Action]) -> int:
    return sum(before is not after for before, after in itertools.pairwise(actions))


@given(edges=EDGES, middle=st.sampled_from([-1.0, 0.0, 1.0]), start=st.sampled_from(Action))
def test_a_forecast_that_swings_around_a_threshold_by_less_than_a_round_trip_changes_a_signal_once_at_most(
    edges, middle, start
):
    edges_bp = [WHOLE_TRIP * (middle + edge) for edge in edges]
    assume(start is Action.HOLD or middle == 0.0 or (middle > 0) == (start is Action.BUY))
    mean, p_up = np.array(edges_bp) / BASIS_POINTS, np.array([odds(edge) for edge in edges_bp])
    forecast = Forecast(mean, mean, p_up, mean, mean, mean, mean)

    actions = [start, *(signal.action for signal in replay(forecast, rule=SignalRule(), start=start))]

    assert changes(actions) <= 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edges=EDGES, middle=st.sampled_from([-1.0, 0.0, 1.0]))
def test_nor_does_it_flicker_between_two_ticks(release, edges, middle):
    desk = Desk(release, "AAPL", audit_every=100)
    desk.fold(tick(0))
    moment, (_, prediction, signal) = desk.now(), desk.released_messages()
    desk.shown = msgspec.structs.replace(signal, action=Action.HOLD)
    said: list[LiveMessage] = []

    for edge_bp in [WHOLE_TRIP * (middle + edge) for edge in edges]:
        made = msgspec.structs.replace(prediction, mean=edge_bp / BASIS_POINTS, p_up=odds(edge_bp), provisional=True)
        said += desk.answer(moment, made).messages

    assert len(of(said, SignalMessage)) <= 1


# The portfolio.


def test_before_anything_trades_the_portfolio_is_the_one_released(release, floor):
    at = datetime(2012, 3, 2, 14, 0, tzinfo=UTC)

    said = floor.portfolio(at)

    allocation = release.portfolio.allocations[release.portfolio.champion]
    assert said == PortfolioMessage(
        at=at,
        session=str(AS_OF),
        release_id=release.manifest.release_id,
        strategy=release.portfolio.champion.value,
        weights=dict(zip(release.portfolio.tickers, allocation.weights, strict=True)),
        drifted=pytest.approx(dict(zip(release.portfolio.tickers, allocation.weights, strict=True))),
        cash=pytest.approx(allocation.cash, abs=1e-12),
        simple_return=pytest.approx(0.0, abs=1e-12),
        provisional=False,
    )


def test_a_price_moves_the_share_of_its_ticker_and_the_worth_of_the_book(release, floor):
    released = {ticker: float(release.tickers[ticker].bars.close[-1]) for ticker in release.tickers}
    floor.take(tick(0, released["AAPL"] * 1.1))

    said = floor.portfolio(tick(0).at)

    weights = said.weights
    value = 1.0 + 0.1 * weights["AAPL"]
    assert (said.session, said.provisional) == (FRIDAY, True)
    assert said.simple_return == pytest.approx(value - 1.0)
    assert said.drifted == pytest.approx({"AAPL": 1.1 * weights["AAPL"] / value, "IBM": weights["IBM"] / value})
    assert sum(said.drifted.values()) + said.cash == pytest.approx(1.0)


def test_a_split_changes_nothing_and_a_dividend_is_earned(release, floor):
    close = float(release.tickers["AAPL"].bars.close[-1])
    split = msgspec.structs.replace(tick(0, close / 2.0), split=2.0)
    floor.take(split)
    after_split = floor.portfolio(split.at)
    paid = msgspec.structs.replace(tick(1, close / 2.0), dividend=close / 20.0)
    floor.take(paid)

    after_both = floor.portfolio(paid.at)

    assert after_split.simple_return == pytest.approx(0.0, abs=1e-12)
    assert after_both.simple_return == pytest.approx(0.1 * after_both.weights["AAPL"])


def test_closes_since_the_release_count_as_their_total_returns_do(release, floor, later):
    sessions = 50
    heard(floor, [events_of(release, sessions=sessions)])

    said = floor.portfolio(CLOSES)

    whole = {ticker: sample_bars(ticker).through(later[ticker].session[sessions - 1]) for ticker in release.tickers}
    growth = {ticker: np.exp(log_returns(bars)[-sessions:].sum()) for ticker, bars in whole.items()}
    value = said.cash * 0.0 + sum(said.weights[ticker] * growth[ticker] for ticker in growth)
    held = 1.0 - sum(said.weights.values())
    assert said.session == str(later["IBM"].session[sessions - 1])
    assert said.simple_return == pytest.approx(value + held - 1.0)


def test_over_a_hole_a_ticker_stands_at_its_released_close(floor):
    floor.take(tick(0, 600.0, session=MONDAY))

    assert floor.portfolio(tick(0, session=MONDAY).at).simple_return == pytest.approx(0.0, abs=1e-12)


def test_without_a_portfolio_in_the_release_there_is_none(release, audit):
    floor = Floor(dataclasses.replace(release, portfolio=None), audit, Counts())

    assert floor.portfolio(CLOSES) is None
