"""Permutation importance: what is told of a planted edge, on which rows, and beside scikit-learn's."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.inspection import permutation_importance

from quant.features import NAMES
from stock_assets.learning.candidates.base import Part
from stock_assets.learning.dataset import Dataset
from stock_assets.learning.importance import importance

SEED = 7
# Those that know the newest session's return, whose reversal is planted.
KNOW_THE_LAST_RETURN = {"log_return_1", "scaled_return_1", "intraday_return", "nervous_return_1", "rsi_5"}


def told(walked, *, seed=SEED, data: Dataset | None = None, **weights):
    parameters = msgspec.structs.replace(walked.walk.parameters, **weights)
    return importance(data or walked.data, walked.walk.last_year, parameters, seed=seed)


def test_a_planted_edge_is_found_in_the_features_that_know_of_it(planted):
    edge = told(planted)[Part.EDGE]

    most = edge.feature[int(np.argmax(edge.increase))]

    assert most in KNOW_THE_LAST_RETURN
    assert edge.increase.max() > 2 * edge.error[np.argmax(edge.increase)] > 0


def test_every_feature_is_told_of_in_both_parts_over_the_rows_since_the_candidates_were_fitted(planted):
    parts = told(planted)

    assert set(parts) == {Part.EDGE, Part.VARIANCE}
    for part in parts.values():
        assert part.feature == NAMES
        assert np.isfinite(part.increase).all()
        assert (part.error >= 0).all()
        assert part.sessions == planted.data.labelled - planted.walk.last_year.start


def test_what_a_family_does_not_read_costs_nothing_at_all(planted):
    variance = told(planted, variance_weights={"ewma": 1.0})[Part.VARIANCE]

    read = variance.increase != 0

    assert [name for name, is_read in zip(NAMES, read, strict=True) if is_read] == ["ewma_variance_94"]
    assert_array_equal(variance.error[~read], 0.0)


def test_rows_that_the_candidates_may_have_learned_from_make_no_difference(planted):
    data, start = planted.data, planted.walk.last_year.start
    X = data.X.copy()
    X[:start] = np.random.default_rng(1).normal(size=X[:start].shape)

    before, after = told(planted), told(planted, data=replace(data, X=X))

    for part in Part:
        assert_array_equal(before[part].increase, after[part].increase)


def test_the_seed_alone_decides_and_the_rows_stay_as_they_were(planted):
    X = planted.data.X.copy()

    first, again, other = told(planted), told(planted), told(planted, seed=SEED + 1)

    assert_array_equal(first[Part.EDGE].increase, again[Part.EDGE].increase)
    assert not np.array_equal(first[Part.EDGE].increase, other[Part.EDGE].increase)
    assert_array_equal(planted.data.X, X)


def test_where_no_edge_is_believed_the_families_count_equally(planted):
    names = planted.walk.parameters.edge_weights
    none, equal = (
        told(planted, edge_weights=dict.fromkeys(names, weight))[Part.EDGE] for weight in (0.0, 1.0 / len(names))
    )

    assert none.increase == pytest.approx(equal.increase)
    assert none.increase.any()


def test_rotating_a_column_tells_what_shuffling_it_many_times_does(real):
    names, last_year = real.walk.parameters.edge_weights, real.walk.last_year
    ours = told(real, edge_weights={name: float(name == "ridge") for name in names})[Part.EDGE]
    rows = slice(last_year.start, real.data.labelled)

    class Ridge(BaseEstimator):
        def fit(self, *_):
            return self

        def predict(self, X):
            return last_year.candidates["ridge"].predict(X)

    theirs = permutation_importance(
        Ridge(),
        real.data.X[rows],
        real.data.labels.edge[rows],
        scoring="neg_mean_squared_error",
        n_repeats=30,
        random_state=SEED,
    ).importances_mean

    # Apart by no more than chance, and the same in the large.
    assert np.mean(np.abs(ours.increase - theirs) <= 2 * ours.error) > 0.95
    assert np.corrcoef(ours.increase, theirs)[0, 1] > 0.8
