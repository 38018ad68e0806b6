"""A year played as ticks gives, at every close, the features and the forecasts of the batch, to the last bit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from disturbed_ticks import batches, disturbed
from numpy.testing import assert_array_equal
from real_release import TICKERS, publish_release
from shared_data import sample_bars

from quant.bars import windows
from quant.features import WINDOW, feature_table, features
from release.audit import AuditLog
from release.inference import forecast_rows
from release.reader import Release
from release.store import Store
from serving.live.feeds.replay import Replay
from serving.live.floor import Floor
from serving.live.status import Counts
from serving.live.ticks import FeedEvent, SessionClose
from serving.messages import PredictionMessage

pytestmark = pytest.mark.slow

YEAR = 252
RELEASED = "2012-02-01"
FIGURES = ("mean", "vol", "p_up", "lower_90", "lower_50", "upper_50", "upper_90")


@dataclass
class Played:
    """What the floor made of a stream of events."""

    predictions: list[PredictionMessage] = field(default_factory=list)
    features: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)


@pytest.fixture(scope="module")
def year(tmp_path_factory) -> Release:
    """A release of all four sample tickers, a year before their data end."""
    store = tmp_path_factory.mktemp("year") / "releases"
    publish_release(store, tickers=TICKERS, as_of=RELEASED)
    return Store(store).load()


@pytest.fixture(scope="module")
def events(year) -> list[FeedEvent]:
    """The year's ticks and closes, as a feed that makes no mistakes tells them."""
    bars = {ticker: sample_bars(ticker).after(np.datetime64(RELEASED))[:YEAR] for ticker in year.tickers}
    calendars = {ticker: year.calendars[released.exchange] for ticker, released in year.tickers.items()}
    return list(Replay(bars, calendars, seed=7).events(market="m"))


def played(release: Release, told: list[list[FeedEvent]], log: Path) -> Played:
    """Every batch taken in and answered; the features of a window right after the event that closed it."""
    result = Played()
    with AuditLog.open(log) as audit:
        floor = Floor(release, audit, Counts())
        floor.say()
        for batch in told:
            for event in batch:
                floor.take(event)
                if isinstance(event, SessionClose):
                    window = floor.desks[event.ticker].book.window()
                    row = features(windows(window, length=WINDOW), window.session[-1:])[0]
                    result.features[event.ticker, str(window.session[-1])] = row
            said = floor.say()
            result.predictions += [m for m in said if isinstance(m, PredictionMessage) and not m.provisional]
    return result


def assert_is_the_batch(made: Played, release: Release) -> None:
    """Equal to the batch over the whole history, which knows nothing of ticks."""
    for ticker, released in release.tickers.items():
        sessions, X = feature_table(sample_bars(ticker))
        rows = np.flatnonzero(sessions > np.datetime64(RELEASED))[:YEAR]
        forecasts = forecast_rows(released.model, released.parameters, X)
        said = [message for message in made.predictions if message.ticker == ticker]
        assert [message.session for message in said] == [str(day) for day in sessions[rows]]
        for name in FIGURES:
            assert_array_equal([getattr(message, name) for message in said], getattr(forecasts[1], name)[rows])
            further = [getattr(message.further[0], name) for message in said]
            assert_array_equal(further, getattr(forecasts[5], name)[rows])
        live = {session: row for (of, session), row in made.features.items() if of == ticker}
        assert live
        for session, row in live.items():
            assert_array_equal(row, X[int(np.searchsorted(sessions, np.datetime64(session)))])


def test_a_year_of_ticks_ends_each_session_with_the_batchs_features_and_forecasts(year, events, tmp_path):
    told = batches(events, np.random.default_rng(7), largest=60)

    made = played(year, told, tmp_path / "audit.sqlite3")

    assert len(made.features) == len(made.predictions) == YEAR * len(TICKERS)
    assert_is_the_batch(made, year)


def test_and_so_does_a_year_that_is_badly_told(year, events, tmp_path):
    rng = np.random.default_rng(11)
    told = batches(disturbed(events, rng), rng, largest=200)

    made = played(year, told, tmp_path / "audit.sqlite3")

    assert len(made.predictions) == YEAR * len(TICKERS)
    assert_is_the_batch(made, year)
