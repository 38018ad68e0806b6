"""Settings are chosen forward in time, with a gap, within the budget, and the default ones stay on a tie."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assets.learning.candidates import FAMILIES
from stock_assets.learning.candidates.base import Candidate, Part
from stock_assets.learning.candidates.ewma import EwmaCandidate
from stock_assets.learning.candidates.forest import ForestCandidate
from stock_assets.learning.candidates.har import HarCandidate
from stock_assets.learning.candidates.ridge import RidgeCandidate
from stock_assets.learning.dataset import Labels
from stock_assets.learning.errors import NothingFound
from stock_assets.learning.tuning import FOLDS, Budget, purged_folds, tune

SEED = 7


def edges(edge: np.ndarray) -> Labels:
    return Labels(1, edge, np.zeros(len(edge)), np.ones(len(edge)))


class Constant(Candidate):
    """Says one number, whatever it learns from, and remembers which rows it was shown."""

    name = "constant"
    part = Part.EDGE
    trials = 6
    shown: list[tuple[int, int]] = []  # noqa: RUF012 - each test starts it anew

    def __init__(self, *, said: float = 0.0) -> None:
        self.said = said

    @classmethod
    def suggest(cls, trial):
        return cls(said=trial.suggest_float("said", -1.0, 1.0))

    def settings(self):
        return {"said": self.said}

    def fit(self, X, labels, *, seed):  # noqa: ARG002
        self.learned = len(X)
        return self

    def predict(self, X):
        type(self).shown.append((self.learned, int(X[0, 0])))
        return np.full(len(X), self.said)

    def to_onnx(self, features):
        raise NotImplementedError


class Hopeless(Constant):
    """Never comes to a number."""

    name = "hopeless"

    def predict(self, X):
        return np.full(len(X), np.nan)


class Moody(Constant):
    """Comes to a number with one half of its settings only, its default ones not among them."""

    name = "moody"

    def predict(self, X):
        return np.full(len(X), self.said if self.said > 0 else np.inf)


@given(st.integers(60, 3_000), st.integers(1, 5), st.integers(1, 10))
def test_folds_go_forward_with_a_gap_before_what_they_validate_on(rows, folds, gap):
    made = list(purged_folds(rows, folds=folds, gap=gap))

    assert len(made) == folds
    assert all(train.start == 0 for train, _ in made)
    assert all(validation.start - train.stop == gap for train, validation in made)
    assert all(one.stop == other.start for (_, one), (_, other) in pairwise(made))
    assert made[-1][1].stop == rows


@pytest.mark.parametrize("horizon", [1, 5])
def test_a_candidate_never_learns_of_a_label_that_reaches_into_its_validation_rows(horizon):
    X = np.arange(300.0)[:, None]
    Constant.shown = []

    tune(Constant, X, edges(np.zeros(300)), horizon=horizon, seed=SEED, budget=Budget())

    assert len(Constant.shown) == FOLDS * Constant.trials
    for learned, first in Constant.shown:
        last_label_ends = learned - 1 + horizon
        assert last_label_ends < first


def test_the_settings_with_the_least_loss_win():
    class Slope(Constant):
        """Says so many times the only feature."""

        def predict(self, X):
            return self.said * X[:, 0]

    X = np.tile([-1.0, 1.0], 150)[:, None]

    tuned = tune(Slope, X, edges(0.9 * X[:, 0]), horizon=1, seed=SEED, budget=Budget(trials=8))

    others = [tune(Slope, X, edges(value * X[:, 0]), horizon=1, seed=SEED, budget=Budget()) for value in (-0.9, 0.0)]
    assert tuned.candidate.said > 0.3
    assert others[0].candidate.said < -0.3
    assert others[1].candidate.said == 0.0


def test_the_default_settings_are_tried_first_and_stay_on_a_tie():
    class Indifferent(Constant):
        name = "indifferent"

        def predict(self, X):
            return np.zeros(len(X))

    tuned = tune(Indifferent, np.zeros((300, 1)), edges(np.ones(300)), horizon=1, seed=SEED, budget=Budget())

    assert tuned.candidate.settings() == Indifferent().settings()


@pytest.mark.parametrize(("wanted", "allowed", "tried"), [(6, 8, 6), (6, 3, 3), (6, 1, 1)])
def test_a_choice_costs_no_more_trials_than_the_family_wants_and_the_budget_allows(wanted, allowed, tried):
    assert Constant.trials == wanted

    tuned = tune(Constant, np.zeros((300, 1)), edges(np.ones(300)), horizon=1, seed=SEED, budget=Budget(trials=allowed))

    assert tuned.trials == tried


def test_a_family_without_a_choice_is_taken_as_it_is():
    tuned = tune(EwmaCandidate, np.zeros((300, 1)), edges(np.ones(300)), horizon=1, seed=SEED, budget=Budget())

    assert (type(tuned.candidate), tuned.trials) == (EwmaCandidate, 1)


def test_trials_that_come_to_no_number_are_passed_over():
    tuned = tune(Moody, np.zeros((300, 1)), edges(np.zeros(300)), horizon=1, seed=SEED, budget=Budget())

    assert tuned.candidate.said > 0


def test_a_family_that_never_comes_to_a_number_is_told_by_name_and_how_often_it_was_tried():
    with pytest.raises(NothingFound, match=r"^hopeless: expected settings with a finite loss, got none in 6 trials$"):
        tune(Hopeless, np.zeros((300, 1)), edges(np.zeros(300)), horizon=1, seed=SEED, budget=Budget())


@pytest.mark.parametrize("family", [RidgeCandidate, ForestCandidate, HarCandidate], ids=lambda family: family.name)
def test_the_same_seed_chooses_the_same_settings_of_real_families(family, real):
    X, labels = real.data.X[:500], real.data.labels[:500]

    one, other = (tune(family, X, labels, horizon=1, seed=SEED, budget=Budget()) for _ in range(2))

    assert one.candidate.settings() == other.candidate.settings()
    assert one.trials == other.trials == family.trials


def test_where_the_variance_is_all_of_the_past_a_har_is_shrunk_less_than_where_it_is_noise(real):
    X = real.data.X[:900]
    rng = np.random.default_rng(0)
    told = HarCandidate(alpha=1.0).fit(X, real.data.labels[:900], seed=SEED).predict(X)
    wandering = told + 2.0 * np.sin(np.arange(900) / 5.0) * np.sign(X[:, 0])

    def alpha(log_variance: np.ndarray) -> float:
        variance = np.exp(log_variance) * rng.chisquare(4, 900) / 4
        labels = Labels(1, np.zeros(900), np.log(variance), variance)
        return tune(HarCandidate, X, labels, horizon=1, seed=SEED, budget=Budget(trials=5)).candidate.settings()[
            "alpha"
        ]

    assert alpha(told) < alpha(wandering)


def test_every_family_stays_within_what_it_may_cost():
    assert all(1 <= family.trials <= Budget().trials for family in FAMILIES)
