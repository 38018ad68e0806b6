"""Beliefs: nothing without evidence, what was planted with it, and little to lose on noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from stock_assets.learning.combination import (
    EDGE_LIMIT,
    LARGEST_OUTCOME,
    LEVEL_ROWS,
    NOTHING,
    Beliefs,
    level,
    shrunk_mean,
    variance_weights,
)

PRIORS = {"sparse": 1.0, "ridge": 1.0, "forest": 0.1}


def overlapping(rng: np.random.Generator, shape: tuple[int, int], *, horizon: int) -> np.ndarray:
    """Outcomes of unit variance over `horizon` sessions, one a session, (paths, rows)."""
    daily = rng.normal(size=(shape[0], shape[1] + horizon - 1))
    return np.lib.stride_tricks.sliding_window_view(daily, horizon, axis=1).sum(axis=-1) / math.sqrt(horizon)


def means(beliefs: Beliefs, experts: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """What is said of each row of each path, (paths, rows), with the outcomes that are settled by then."""
    evidence = np.stack([beliefs.evidence(experts, path) for path in outcome])
    summed = np.concatenate([np.zeros_like(evidence[:, :1]), np.cumsum(evidence, axis=1)], axis=1)
    settled = np.maximum(np.arange(len(experts)) - beliefs.horizon + 1, 0)
    return np.sum(beliefs.weights(summed[:, settled]) * experts, axis=-1)


def test_without_evidence_nothing_is_the_likeliest_and_models_share_by_their_priors():
    beliefs = Beliefs(PRIORS, horizon=1)

    nothing, past, sparse, ridge, forest = beliefs.weights(np.zeros(5))

    assert nothing == pytest.approx(NOTHING)
    assert sparse == pytest.approx(ridge)
    assert forest == pytest.approx(0.1 * ridge)
    assert past > 0
    assert nothing + past + sparse + ridge + forest == pytest.approx(1.0)


@given(
    st.lists(st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=5), min_size=1, max_size=20),
    st.sampled_from([1, 5, 21]),
)
def test_weights_are_probabilities_whatever_the_evidence(evidence, horizon):
    weights = Beliefs(PRIORS, horizon=horizon).weights(np.array(evidence))

    assert (weights >= 0).all()
    assert_allclose(weights.sum(axis=1), 1.0)


@given(st.floats(-100.0, 100.0))
def test_a_forecast_of_nothing_is_no_evidence_for_anyone(outcome):
    beliefs = Beliefs(PRIORS, horizon=1)
    silent = beliefs.experts(dict.fromkeys(PRIORS, np.zeros(1)), np.zeros(1))

    assert_array_equal(beliefs.evidence(silent, np.array([outcome])), np.zeros((1, 5)))


@given(st.floats(-50.0, 50.0), st.sampled_from([1, 5]))
def test_no_model_is_listened_to_beyond_the_limit(edge, horizon):
    experts = Beliefs(PRIORS, horizon=horizon).experts(
        {"sparse": np.array([edge]), "ridge": np.zeros(1), "forest": np.zeros(1)}, np.array([0.03])
    )

    assert experts[0, :2].tolist() == [0.0, 0.03]
    assert abs(experts[0, 2] - 0.03) <= EDGE_LIMIT * math.sqrt(horizon) + 1e-12
    assert_allclose(experts[0, 3:], 0.03)


def test_an_outcome_beyond_four_volatilities_says_no_more_than_one_of_four():
    beliefs = Beliefs(PRIORS, horizon=1)
    experts = np.array([[0.0, 0.05, 0.2, -0.2, 0.1]])

    crash, clipped = (beliefs.evidence(experts, np.array([z])) for z in (-40.0, -LARGEST_OUTCOME))

    assert_array_equal(crash, clipped)


def test_overlapping_outcomes_count_for_one_in_so_many():
    experts = np.array([[0.0, 0.05, 0.2, -0.2, 0.1]])

    once, fifth = (Beliefs(PRIORS, horizon=horizon).evidence(experts, np.array([1.0])) for horizon in (1, 5))

    assert_allclose(once, 5.0 * fifth)


forecasts = st.lists(
    st.tuples(st.floats(-0.1, 0.1), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(-LARGEST_OUTCOME, 4.0)),
    min_size=1,
    max_size=150,
)


@given(forecasts)
def test_whatever_comes_the_mixtures_likelihood_is_hardly_under_that_of_nothing(rows):
    historical, sparse, ridge, outcome = np.array(rows).T
    beliefs = Beliefs(PRIORS, horizon=1)
    experts = beliefs.experts({"sparse": sparse, "ridge": ridge, "forest": -sparse}, historical)

    evidence = beliefs.evidence(experts, outcome)
    before = np.vstack([np.zeros(5), np.cumsum(evidence, axis=0)[:-1]])
    gained = np.log(np.sum(beliefs.weights(before) * np.exp(evidence), axis=1))

    assert np.cumsum(gained).min() >= -math.log(1 / NOTHING) - 1e-9


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10_000),
    horizon=st.sampled_from([1, 5]),
    past=st.floats(-0.05, 0.05),
    lasting=st.integers(1, 300),
)
def test_on_noise_the_mean_loses_in_expectation_less_than_believing_nothing_first_allows(seed, horizon, past, lasting):
    rng = np.random.default_rng(seed)
    rows, paths = 600, 300
    # Models that are bold, steadfast or fickle, and wrong all the same.
    blocks = rng.uniform(-0.3, 0.3, (3, rows // lasting + 1))
    edges = dict(zip(PRIORS, np.repeat(blocks, lasting, axis=1)[:, :rows], strict=True))
    beliefs = Beliefs(PRIORS, horizon=horizon)
    experts = beliefs.experts(edges, np.full(rows, past))
    outcome = overlapping(rng, (paths, rows), horizon=horizon)

    mean = means(beliefs, experts, outcome)
    lost = np.cumsum((outcome - mean) ** 2 - outcome**2, axis=1).mean(axis=0)

    error = np.sum((outcome - mean) ** 2 - outcome**2, axis=1).std() / math.sqrt(paths)
    assert lost.max() <= 2 * horizon * math.log(1 / NOTHING) + 3 * error


def test_a_model_that_is_right_is_believed_and_its_rivals_are_not():
    rng = np.random.default_rng(1)
    edges = {name: 0.15 * rng.normal(size=3_000) for name in PRIORS}
    beliefs = Beliefs(PRIORS, horizon=1)
    experts = beliefs.experts(edges, np.zeros(3_000))
    outcome = experts[:, 3] + rng.normal(size=3_000)

    _, _, sparse, ridge, forest = beliefs.weights(beliefs.evidence(experts, outcome).sum(axis=0))

    assert ridge > 0.95
    assert max(sparse, forest) < 0.03


def test_the_past_alone_is_believed_where_only_it_is_right():
    rng = np.random.default_rng(2)
    edges = {name: 0.15 * rng.normal(size=3_000) for name in PRIORS}
    beliefs = Beliefs(PRIORS, horizon=1)
    experts = beliefs.experts(edges, np.full(3_000, 0.1))

    weights = beliefs.weights(beliefs.evidence(experts, 0.1 + rng.normal(size=3_000)).sum(axis=0))

    assert weights[1] > 0.9


@given(st.integers(0, 1_000), st.integers(1, 3_000))
def test_the_historical_mean_is_shrunk_towards_nothing_and_counts_calm_days_more(seed, rows):
    rng = np.random.default_rng(seed)
    unit = np.exp(rng.normal(-4.0, 0.5, rows))
    target = 0.05 * unit + unit * rng.normal(size=rows)

    mean = shrunk_mean(target, unit)

    weighted = float(np.average(target, weights=unit**-2))
    assert abs(mean) <= abs(weighted)
    assert math.copysign(1.0, mean) == math.copysign(1.0, weighted)


def test_a_mean_of_very_many_days_is_hardly_shrunk():
    assert shrunk_mean(np.full(1_000_000, 0.001), np.ones(1_000_000)) == pytest.approx(0.001, rel=0.01)
    assert shrunk_mean(np.full(100, 0.001), np.ones(100)) < 0.0001


def test_variance_models_share_alike_without_evidence():
    names = ("ewma", "garch", "har")

    weights = variance_weights({name: np.empty(0) for name in names}, np.empty(0))

    assert weights == {name: pytest.approx(1 / 3) for name in names}


@pytest.mark.parametrize("horizon", [1, 5])
def test_the_variance_model_that_is_right_is_believed(horizon):
    rng = np.random.default_rng(3)
    true = rng.normal(-9.0, 0.7, 1_500)
    realised = np.exp(true) * rng.chisquare(horizon, 1_500) / horizon
    said = {"har": true, "ewma": true + rng.normal(0.0, 0.5, 1_500), "garch": np.full(1_500, true.mean())}

    weights = variance_weights(said, realised)

    assert weights["har"] > 0.95
    assert sum(weights.values()) == pytest.approx(1.0)


def test_a_session_without_a_move_does_not_break_the_variance_weights():
    said = {"ewma": np.full(200, -9.0), "har": np.full(200, -9.5)}

    weights = variance_weights(said, np.zeros(200))

    assert weights["har"] > weights["ewma"]


def test_a_level_starts_from_the_training_rows_and_ends_at_what_came():
    rng = np.random.default_rng(4)
    ratio = 2.0 * rng.chisquare(1, 10 * LEVEL_ROWS)

    assert level(np.empty(0), in_sample=1.3) == pytest.approx(1.3)
    assert 1.3 < level(ratio[:250], in_sample=1.3) < 2.0
    assert level(np.full(10**6, 2.0), in_sample=1.3) == pytest.approx(2.0, rel=0.06)


def test_a_level_forgets_what_is_long_past():
    ratio = np.ones(3 * LEVEL_ROWS)
    crisis = ratio.copy()
    crisis[:LEVEL_ROWS] = 50.0

    assert level(crisis, in_sample=1.0) == level(ratio, in_sample=1.0)
