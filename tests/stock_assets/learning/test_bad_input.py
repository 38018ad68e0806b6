"""What can't be learned from is told in one line (ticker, session, field, value, expectation), or what is done instead.

Bars that break a rule never come here: `prices` keeps them out (`quant.faults`). These do not break one, or come
through the table of features.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from shared_data import sample_bars

from quant.bars import CLOSE, COLUMNS, HIGH, LOW, OPEN, VOLUME, Bars, unadjusted
from quant.errors import QuantError, TooShort
from quant.features import NAMES, column
from stock_assets.learning.candidates.har import HarCandidate
from stock_assets.learning.dataset import Dataset, dataset
from stock_assets.learning.errors import LearningError, NothingFound, NothingToLearn, TooLittleHistory, named
from stock_assets.learning.training import train
from stock_assets.learning.tuning import Budget
from stock_assets.learning.walk_forward import first_forecast, walk_forward

SEED = 7
BARS = 1_060
HASTY = Budget(trials=1)
SAID = ["mean", "vol", "p_up", "lower_90", "lower_50", "upper_50", "upper_90"]

learn = pytest.mark.parametrize("learn", [walk_forward, train], ids=["walk_forward", "train"])


@pytest.fixture(autouse=True)
def no_warning_stands_for_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


@pytest.fixture(scope="module")
def bars() -> Bars:
    made = sample_bars("IBM")[-BARS:]
    return unadjusted(made.session, made.ohlcv)


@pytest.fixture(scope="module")
def data(bars, calendar) -> Dataset:
    return dataset(bars, calendar, ticker="IBM", horizon=1)


def standing_still(bars: Bars, first: int, last: int) -> Bars:
    """From `first` up to and without `last`, nothing but the close before is traded."""
    ohlcv = bars.ohlcv.copy()
    ohlcv[first:last, [OPEN, HIGH, LOW, CLOSE]] = ohlcv[max(first - 1, 0), CLOSE]
    # So that it goes on where it stood, with no jump of years of news.
    ohlcv[last:, :4] *= ohlcv[max(first - 1, 0), CLOSE] / bars.close[max(last - 1, 0)]
    return unadjusted(bars.session, ohlcv)


@learn
@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize(
    ("first", "last"),
    [(0, BARS), (0, 700), (400, 750), (600, BARS), (980, BARS), (900, 963)],
    ids=["always", "at first", "in training", "to the end", "of late", "for a quarter"],
)
def test_a_price_that_stands_still_for_a_quarter_is_refused_with_when_it_did(
    learn, horizon, first, last, bars, calendar
):
    still = dataset(standing_still(bars, first, last), calendar, ticker="HALT", horizon=horizon)

    with pytest.raises(
        NothingToLearn, match=r"^HALT close: expected a move within any 63 sessions, got none from \S+ to \S+$"
    ) as refused:
        learn(still, seed=SEED, budget=HASTY)

    told = str(refused.value).split()
    assert told[-3] == str(bars.session[max(first, 251)])
    assert told[-1] == str(bars.session[last - 1])


@pytest.mark.parametrize("horizon", [1, 5])
def test_a_halt_of_two_months_is_lived_through(horizon, bars, calendar):
    halted = dataset(standing_still(bars, 900, 942), calendar, ticker="HALT", horizon=horizon)

    walk = walk_forward(halted, seed=SEED, budget=HASTY)

    assert np.isfinite(walk.table[SAID].to_numpy()).all()
    assert (walk.table["vol"] > 0).all()
    train(halted, seed=SEED, budget=HASTY)


@learn
def test_a_price_that_seldom_moves_is_refused_with_how_seldom(learn, bars, calendar):
    ohlcv = bars.ohlcv.copy()
    ohlcv[:, :4] = ohlcv[np.arange(BARS) // 10 * 10, CLOSE][:, None]
    seldom = dataset(unadjusted(bars.session, ohlcv), calendar, ticker="THIN", horizon=1)

    with pytest.raises(
        NothingToLearn, match=r"^THIN close: expected moves in at least \d+ of the first 504 sessions, got 5\d$"
    ):
        learn(seldom, seed=SEED, budget=HASTY)


@learn
@pytest.mark.parametrize("field", range(5), ids=COLUMNS)
def test_one_nan_among_the_bars_is_told_by_the_first_session_and_feature_that_read_it(learn, field, bars, calendar):
    ohlcv = bars.ohlcv.copy()
    ohlcv[900, field] = np.nan
    spoilt = dataset(unadjusted(bars.session, ohlcv), calendar, ticker="NAN", horizon=1)

    with pytest.raises(NothingToLearn, match=r"^NAN \S+ \w+: expected a finite number, got nan$") as refused:
        learn(spoilt, seed=SEED, budget=HASTY)

    _, session, name, *_ = str(refused.value).split()
    assert session == str(bars.session[900])
    assert name.removesuffix(":") in NAMES


@learn
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("row", [0, 300, -1], ids=["first", "middle", "newest"])
def test_one_feature_without_a_number_is_told_by_session_name_and_value(learn, value, row, data):
    X = data.X.copy()
    X[row, column("rsi_14")] = value

    with pytest.raises(NothingToLearn) as refused:
        learn(replace(data, X=X), seed=SEED, budget=HASTY)

    assert str(refused.value) == f"IBM {data.session[row]} rsi_14: expected a finite number, got {value}"


@learn
@pytest.mark.parametrize("name", ["target", "log_variance"])
def test_an_outcome_without_a_number_is_told_by_session_and_name(learn, name, data):
    if name == "target":
        target = data.target.copy()
        target[400] = np.nan
        spoilt = replace(data, target=target)
    else:
        log_variance = data.labels.log_variance.copy()
        log_variance[400] = np.inf
        spoilt = replace(data, labels=replace(data.labels, log_variance=log_variance))

    with pytest.raises(NothingToLearn, match=rf"^IBM {data.session[400]} {name}: expected a finite number, got "):
        learn(spoilt, seed=SEED, budget=HASTY)


@learn
@pytest.mark.parametrize("horizon", [1, 5])
def test_rows_that_end_before_the_first_forecast_are_told_with_how_many_it_takes(learn, horizon, bars, calendar):
    whole = dataset(bars, calendar, ticker="YOUNG", horizon=horizon)
    needed = first_forecast(horizon)
    cut = slice(0, needed)
    arrays = ("session", "target_session", "X", "close", "log_return", "range_variance", "target", "unit")
    short = replace(
        whole,
        **{name: getattr(whole, name)[cut] for name in arrays},
        realised_variance=whole.realised_variance[cut],
        labels=whole.labels[cut],
    )

    with pytest.raises(TooLittleHistory, match=rf"^YOUNG: expected over {needed} rows to learn from, got {needed}$"):
        learn(short, seed=SEED, budget=HASTY)


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_volume_that_never_changes_makes_features_that_say_nothing_and_forecasts_all_the_same(
    value, horizon, bars, calendar
):
    ohlcv = bars.ohlcv.copy()
    ohlcv[:, VOLUME] = value
    silent = dataset(unadjusted(bars.session, ohlcv), calendar, ticker="IBM", horizon=horizon)
    assert (np.ptp(silent.X[:, [column("volume_z"), column("log_volume_1")]], axis=0) < 1e-12).all()

    walk = walk_forward(silent, seed=SEED, budget=HASTY)

    assert np.isfinite(walk.table[SAID].to_numpy()).all()


def test_bars_that_are_nothing_but_their_close_can_be_learned_from(bars, calendar):
    ohlcv = bars.ohlcv.copy()
    ohlcv[:, [OPEN, HIGH, LOW]] = ohlcv[:, [CLOSE]]
    flat = dataset(unadjusted(bars.session, ohlcv), calendar, ticker="IBM", horizon=1)

    walk = walk_forward(flat, seed=SEED, budget=HASTY)

    assert np.isfinite(walk.table[SAID].to_numpy()).all()


@learn
def test_a_feature_that_is_constant_is_no_harm(learn, data):
    X = data.X.copy()
    X[:, column("rsi_14")] = 0.5

    learned = learn(replace(data, X=X), seed=SEED, budget=HASTY)

    if learn is walk_forward:
        assert np.isfinite(learned.table[SAID].to_numpy()).all()
    else:
        assert all(np.isfinite(candidate.predict(X)).all() for candidate in learned.candidates.values())


class Hopeless(HarCandidate):
    """A family that never comes to a number."""

    def predict(self, X):
        return np.full(len(X), np.nan)


@learn
def test_a_tuner_that_finds_nothing_names_ticker_family_and_trials(learn, data, monkeypatch):
    families = (Hopeless,)
    monkeypatch.setattr(f"{learn.__module__}.FAMILIES", families)

    with pytest.raises(NothingFound, match=r"^IBM: har: expected settings with a finite loss, got none in \d trials$"):
        learn(data, seed=SEED, budget=Budget(trials=3))


def test_a_choice_without_the_time_for_a_single_trial_finds_nothing(data):
    with pytest.raises(NothingFound, match=r"^IBM: \w+: expected settings with a finite loss, got none in"):
        train(data, seed=SEED, budget=Budget(seconds=1e-9))


@pytest.mark.parametrize("error", [NothingFound, NothingToLearn, TooShort, QuantError])
def test_whose_it_was_is_put_before_what_rows_and_families_are_told(error):
    with pytest.raises(error, match=r"^IBM: rows: expected some, got none$"), named("IBM"):
        raise error("rows: expected some, got none")


def test_what_is_nobody_s_refusal_is_left_as_it_is():
    with pytest.raises(ZeroDivisionError, match=r"^division by zero$"), named("IBM"):
        1 / 0  # noqa: B018 - a fault of the code's own


def test_every_refusal_is_an_error_of_learning():
    assert issubclass(NothingFound, LearningError)
    assert issubclass(NothingToLearn, LearningError)
    assert issubclass(TooLittleHistory, LearningError)
