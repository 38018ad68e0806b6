"""The models that go into service: every family, tuned on labelled rows only, the same for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from stock_assets.learning.candidates import FAMILIES
from stock_assets.learning.dataset import Dataset
from stock_assets.learning.training import Trained, train
from stock_assets.learning.tuning import Budget, tune

SEED = 7


@pytest.fixture(scope="module")
def trained(real) -> Trained:
    return train(real.data, seed=SEED)


def test_every_family_is_there_and_speaks_of_any_row(trained, real):
    assert set(trained.candidates) == {family.name for family in FAMILIES}
    for candidate in trained.candidates.values():
        assert np.isfinite(candidate.predict(real.data.X)).all()


def test_it_learns_from_every_labelled_row_and_keeps_those(trained, real):
    assert trained.horizon == 1
    assert_array_equal(trained.X, real.data.X[: real.data.labelled])


def test_settings_are_told_by_family_and_horizon(trained):
    settings = trained.settings()

    assert {"ridge_1_alpha", "forest_1_depth", "har_1_alpha"} <= set(settings)
    assert settings["ridge_1_alpha"] == trained.candidates["ridge"].settings()["alpha"]


def test_it_tells_how_many_settings_it_took(trained):
    assert trained.trials == sum(family.trials for family in FAMILIES)


def test_settings_are_those_that_tuning_on_the_same_rows_chooses(trained, real):
    data = real.data
    for family in FAMILIES:
        X, labels = data.X[: data.labelled], data.labels[: data.labelled]
        chosen = tune(family, X, labels, horizon=1, seed=SEED, budget=Budget()).candidate
        assert trained.candidates[family.name].settings() == chosen.settings()


def test_rows_without_an_outcome_teach_nothing(trained, real):
    data = real.data
    X = data.X.copy()
    X[data.labelled :] = 0.5
    other: Dataset = replace(data, X=X)

    again = train(other, seed=SEED)

    for name, candidate in trained.candidates.items():
        assert_array_equal(again.candidates[name].predict(data.X), candidate.predict(data.X))


def test_the_same_seed_trains_the_same_models(trained, real):
    again = train(real.data, seed=SEED)

    assert again.settings() == trained.settings()
    for name, candidate in trained.candidates.items():
        assert_array_equal(again.candidates[name].predict(real.data.X), candidate.predict(real.data.X))


def test_a_smaller_budget_tries_fewer_settings(real):
    assert train(real.data, seed=SEED, budget=Budget(trials=1)).trials == len(FAMILIES)
