"""Every family alike (the graph repeats it, seeds fix it, a dead feature is no harm), then what each one promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import sample_bars
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from quant.features import NAMES, column
from quant.volatility_scores import qlike
from release.onnx_runtime import onnxruntime
from stock_assets.learning.candidates import EDGE_FAMILIES, FAMILIES, VARIANCE_FAMILIES
from stock_assets.learning.candidates.base import Candidate, Part, loss
from stock_assets.learning.candidates.ewma import EwmaCandidate
from stock_assets.learning.candidates.forest import ForestCandidate
from stock_assets.learning.candidates.garch import GarchCandidate
from stock_assets.learning.candidates.har import HarCandidate
from stock_assets.learning.candidates.ridge import LIMIT, RidgeCandidate
from stock_assets.learning.candidates.sparse import EFFECT_SHARE, SparseCandidate, single_effects
from stock_assets.learning.dataset import Dataset, Labels, dataset
from stock_assets.learning.export import TOLERANCE
from stock_assets.learning.walk_forward import MONTH

SEED = 7
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


@pytest.fixture(scope="module")
def ibm(calendar) -> Dataset:
    return dataset(sample_bars("IBM")[-1_060:], calendar, ticker="IBM", horizon=1)


@pytest.fixture(scope="module")
def training(ibm) -> tuple[np.ndarray, Labels]:
    return ibm.X[:600], ibm.labels[:600]


@pytest.fixture(scope="module")
def fitted(training) -> dict[str, Candidate]:
    return {family.name: family().fit(*training, seed=SEED) for family in FAMILIES}


@every_family
def test_a_family_is_refit_in_whole_months_and_its_settings_are_chosen_when_it_is(family):
    assert family.refit_every % MONTH == 0
    assert family.retune_every % family.refit_every == 0


def graph(candidate: Candidate) -> onnxruntime.InferenceSession:
    """On one thread, as a release runs it: trees are then added up in one order."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = candidate.to_onnx(len(NAMES)).SerializeToString()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def answer(session: onnxruntime.InferenceSession, X: np.ndarray) -> np.ndarray:
    return np.asarray(session.run(None, {"features": X})[0], np.float64)[:, 0]


def far_out(X: np.ndarray, rng: np.random.Generator, rows: int) -> np.ndarray:
    """Rows with features up to a hundred deviations from any seen; variances stay variances."""
    made = X.mean(axis=0) + 100.0 * X.std(axis=0) * rng.standard_t(2, size=(rows, X.shape[1]))
    variances = [column(name) for name in NAMES if name.startswith("ewma_variance_")]
    made[:, variances] = np.abs(made[:, variances])
    return made


@every_family
def test_the_graph_says_what_the_candidate_says_in_training_and_far_outside(family, fitted, ibm):
    candidate, session = fitted[family.name], graph(fitted[family.name])
    outside = far_out(ibm.X, np.random.default_rng(0), 500)

    assert_allclose(answer(session, ibm.X), candidate.predict(ibm.X), rtol=0, atol=TOLERANCE)
    assert_allclose(answer(session, outside), candidate.predict(outside), rtol=1e-9, atol=TOLERANCE)


@every_family
def test_a_row_alone_gets_the_bits_it_gets_among_others(family, fitted, ibm):
    session = graph(fitted[family.name])
    many = answer(session, ibm.X[:101])

    alone = np.concatenate([answer(session, ibm.X[row : row + 1]) for row in range(101)])

    assert_array_equal(alone.view(np.int64), many.view(np.int64))


@every_family
def test_to_refit_leaves_the_candidate_as_it_was(family, training, ibm):
    X, labels = training
    candidate = family().fit(X, labels, seed=SEED)
    before, settings_before = candidate.predict(ibm.X), candidate.settings()

    again = candidate.refitted(ibm.X[:300], ibm.labels[:300], seed=SEED)

    assert again is not candidate
    assert again.settings() == settings_before == candidate.settings()
    assert_array_equal(candidate.predict(ibm.X), before)
    if family is not EwmaCandidate:
        assert (again.predict(ibm.X) != before).any()


@every_family
def test_the_same_seed_gives_the_same_bits(family, training, fitted, ibm):
    again = family().fit(*training, seed=SEED)

    assert_array_equal(again.predict(ibm.X), fitted[family.name].predict(ibm.X))
    assert again.to_onnx(len(NAMES)).SerializeToString(deterministic=True) == fitted[family.name].to_onnx(
        len(NAMES)
    ).SerializeToString(deterministic=True)


def test_another_seed_grows_another_forest(training, fitted, ibm):
    other = ForestCandidate().fit(*training, seed=SEED + 1)

    assert (other.predict(ibm.X) != fitted["forest"].predict(ibm.X)).any()


@every_family
def test_learning_reads_no_row_beyond_those_it_is_given(family, training, ibm):
    X, labels = ibm.X.copy(), ibm.labels[:600]
    X[600:] = np.nan

    candidate = family().fit(X[:600], labels, seed=SEED)

    assert_array_equal(candidate.predict(ibm.X), family().fit(*training, seed=SEED).predict(ibm.X))


@every_family
@pytest.mark.parametrize("value", [0.0, 0.7, -1e9])
def test_a_feature_that_never_moves_is_no_harm_and_says_nothing_later(family, training, ibm, value):
    X, labels = training
    dead = X.copy()
    # Two that most families read; a bank of variances can't be negative, so it is left alone.
    places = [column("scaled_return_1"), column("weekday_sin")]
    dead[:, places] = value

    candidate = family().fit(dead, labels, seed=SEED)
    still, moving = ibm.X[600:].copy(), ibm.X[600:].copy()
    still[:, places] = value
    said = candidate.predict(still)

    assert np.isfinite(said).all()
    assert_allclose(answer(graph(candidate), still), said, atol=TOLERANCE)
    # What was constant in training has no coefficient and no tree that asks for it.
    assert_allclose(candidate.predict(moving), said, atol=TOLERANCE)
    assert_allclose(answer(graph(candidate), moving), said, atol=TOLERANCE)


@pytest.mark.parametrize("family", EDGE_FAMILIES, ids=lambda family: family.name)
def test_an_edge_of_nothing_is_learned_as_nothing(family, training):
    X, labels = training
    silent = Labels(1, np.zeros(600), labels.log_variance, labels.variance)

    assert_array_equal(family().fit(X, silent, seed=SEED).predict(X), np.zeros(600))


@pytest.mark.parametrize("family", VARIANCE_FAMILIES, ids=lambda family: family.name)
def test_outcomes_without_a_move_leave_a_variance_that_is_finite(family, training):
    X, labels = training
    still = Labels(1, labels.edge, np.full(600, np.log(1e-8)), np.zeros(600))

    assert np.isfinite(family().fit(X, still, seed=SEED).predict(X)).all()


@every_family
def test_settings_make_the_same_candidate_again(family, fitted):
    settings_of = fitted[family.name].settings()

    assert family(**settings_of).settings() == settings_of
    with pytest.raises(TypeError):
        family(no_such_setting=1.0)


def test_a_squared_error_is_what_an_edge_costs():
    labels = Labels(1, np.array([1.0, -1.0]), np.zeros(2), np.ones(2))

    assert_array_equal(loss(Part.EDGE, np.array([0.5, 0.0]), labels), [0.25, 1.0])


@given(st.floats(-5.0, 5.0), st.integers(0, 1_000))
def test_a_variances_loss_ranks_as_qlike_does_whatever_the_level(shift, seed):
    rng = np.random.default_rng(seed)
    variance = np.exp(rng.normal(-9.0, 1.0, 200))
    labels = Labels(1, np.zeros(200), np.zeros(200), variance)
    near, far = (np.log(variance) + noise * rng.normal(size=200) for noise in (0.3, 0.8))

    def leveled(predicted: np.ndarray) -> float:
        return qlike(variance, np.exp(predicted) * np.mean(variance / np.exp(predicted)))

    def cost(predicted: np.ndarray) -> float:
        return float(loss(Part.VARIANCE, predicted, labels).mean())

    assert cost(near) - cost(far) == pytest.approx(leveled(near) - leveled(far), abs=1e-9)
    assert cost(near + shift) == pytest.approx(cost(near), abs=1e-9)


def test_ridge_is_a_plain_ridge_regression_with_a_penalty_for_each_session(training, calendar):
    X, labels = training
    five = dataset(sample_bars("IBM")[-1_060:], calendar, ticker="IBM", horizon=5).labels[:600]
    scaled = np.clip(StandardScaler().fit_transform(X), -LIMIT, LIMIT)

    for horizon, its in ((1, labels), (5, five)):
        expected = Ridge(alpha=5_000.0 * horizon, solver="svd").fit(scaled, its.edge - its.edge.mean()).predict(scaled)
        said = RidgeCandidate(alpha=5_000.0).fit(X, its, seed=SEED).predict(X)
        assert_allclose(said, expected, atol=1e-9)


@pytest.mark.parametrize("family", EDGE_FAMILIES)
def test_an_edge_is_over_the_mean_which_is_told_beside_it(family, training):
    X, labels = training
    drifting = Labels(labels.horizon, labels.edge + 0.5, labels.log_variance, labels.variance)

    plain, with_drift = (family().fit(X, its, seed=SEED).predict(X) for its in (labels, drifting))

    assert_allclose(with_drift, plain, atol=1e-9)
    assert abs(plain.mean()) < 0.01


def test_one_wild_feature_does_not_carry_a_ridge_with_it(fitted, ibm):
    wild, wilder = ibm.X[:1].copy(), ibm.X[:1].copy()
    wild[0, column("log_range")], wilder[0, column("log_range")] = 1e3, 1e9

    for name in ("ridge", "sparse", "har"):
        assert_array_equal(fitted[name].predict(wild), fitted[name].predict(wilder))


def test_a_forest_of_more_trees_is_only_surer(training):
    few = ForestCandidate(trees=12).fit(*training, seed=SEED).predict(training[0])
    many = ForestCandidate(trees=40).fit(*training, seed=SEED).predict(training[0])

    assert np.corrcoef(few, many)[0, 1] > 0.8
    assert "trees" not in ForestCandidate(trees=12).settings()


def test_a_garch_is_a_sum_of_weights_of_which_none_is_negative(calendar):
    for ticker in ("AAPL", "IBM", "MSFT"):
        data = dataset(sample_bars(ticker)[-1_100:], calendar, ticker=ticker, horizon=1)

        candidate = GarchCandidate().fit(data.X[:600], data.labels[:600], seed=SEED)

        assert (candidate.weights_ >= 0).all()
        assert candidate.omega_ >= 0
        # A mean reverting variance: what comes is a little of the level and most of the bank.
        assert 0.3 < candidate.weights_.sum() < 1.1


@pytest.mark.parametrize("ticker", ["AAPL", "GOOG", "IBM", "MSFT"])
def test_a_garch_fits_its_training_rows_no_worse_than_the_ewma(calendar, ticker):
    data = dataset(sample_bars(ticker)[-1_200:], calendar, ticker=ticker, horizon=1)
    X, labels = data.X[:700], data.labels[:700]

    garch, ewma = (family().fit(X, labels, seed=SEED).predict(X) for family in (GarchCandidate, EwmaCandidate))

    # The likelihood that it is fitted by, at the level that suits it and at the one that suits the EWMA.
    assert loss(Part.VARIANCE, garch, labels).mean() <= loss(Part.VARIANCE, ewma, labels).mean() + 1e-3
    level = np.log(np.mean(labels.variance / np.exp(ewma)))
    assert np.mean(labels.variance / np.exp(garch) + garch) <= 1.0 + np.mean(ewma + level) + 1e-9


def test_har_beats_the_ewma_out_of_sample_on_real_bars(calendar):
    costs = []
    for ticker in ("AAPL", "GOOG", "IBM", "MSFT"):
        data = dataset(sample_bars(ticker)[-2_200:], calendar, ticker=ticker, horizon=1)
        train, test = slice(0, 1_000), slice(1_002, data.labelled)
        for family in (HarCandidate, EwmaCandidate):
            said = family().fit(data.X[train], data.labels[train], seed=SEED).predict(data.X[test])
            costs.append(float(loss(Part.VARIANCE, said, data.labels[test]).mean()))

    har, ewma = costs[::2], costs[1::2]
    assert np.mean(har) < np.mean(ewma)
    assert sum(one < other for one, other in zip(har, ewma, strict=True)) >= 3


def features(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Features that depend on each other, like the real ones, with the bank of variances above zero."""
    common = rng.normal(size=(rows, 5))
    X = common @ rng.normal(size=(5, len(NAMES))) * 0.5 + rng.normal(size=(rows, len(NAMES)))
    return np.abs(X)


def edge_only(edge: np.ndarray) -> Labels:
    return Labels(1, edge, np.zeros(len(edge)), np.ones(len(edge)))


@pytest.mark.parametrize("name", ["scaled_return_1", "atr_14"])
def test_sparse_finds_one_planted_effect_among_all_features(name):
    rng = np.random.default_rng(3)
    X = features(rng, 8_000)
    signal = (X[:, column(name)] - X[:, column(name)].mean()) / X[:, column(name)].std()
    labels = edge_only(0.1 * signal + rng.normal(size=8_000))

    candidate = SparseCandidate().fit(X, labels, seed=SEED)

    share = np.abs(candidate.coefficients_) / np.abs(candidate.coefficients_).sum()
    assert int(share.argmax()) == column(name)
    assert share.max() > 0.7
    # An effect that only one of its two regressions may see counts half.
    within = (0.07, 0.12) if name == "scaled_return_1" else (0.03, 0.07)
    assert within[0] < candidate.coefficients_[column(name)] < within[1]


def test_sparse_says_next_to_nothing_of_noise():
    spread = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = features(rng, 2_000)
        candidate = SparseCandidate().fit(X, edge_only(rng.normal(size=2_000)), seed=SEED)
        spread.append(candidate.predict(X).std())

    # A least-squares fit of 90 features would say sqrt(90 / 2000), a fifth of a volatility.
    assert np.median(spread) < 0.015
    assert max(spread) < 0.06


problems = st.tuples(st.integers(0, 10_000), st.integers(2, 12), st.sampled_from([0.0, 0.1, 0.5]))


def problem(seed: int, p: int, strength: float) -> tuple[np.ndarray, np.ndarray, float]:
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(500, p)) @ (np.eye(p) + 0.3 * rng.normal(size=(p, p)))
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    y = strength * Z[:, 0] + rng.normal(size=500)
    return Z.T @ Z, Z.T @ (y - y.mean()), float(y.var())


@settings(max_examples=40)
@given(problems, st.floats(1e-3, 1e3))
def test_single_effects_come_in_the_units_of_the_response(made, factor):
    gram, moment, variance = problem(*made)

    plain = single_effects(gram, moment, variance=variance)
    scaled = single_effects(gram, factor * moment, variance=factor**2 * variance)

    assert_allclose(scaled, factor * plain, rtol=1e-6, atol=1e-9 * factor)


@settings(max_examples=40)
@given(problems, st.randoms(use_true_random=False))
def test_single_effects_do_not_depend_on_the_order_of_the_features(made, random):
    gram, moment, variance = problem(*made)
    order = list(range(len(moment)))
    random.shuffle(order)

    plain = single_effects(gram, moment, variance=variance)
    moved = single_effects(gram[np.ix_(order, order)], moment[order], variance=variance)

    assert_allclose(moved, plain[order], rtol=1e-6, atol=1e-10)


@settings(max_examples=40)
@given(problems)
def test_single_effects_follow_a_feature_that_is_turned_round_and_ignore_one_without_variance(made):
    gram, moment, variance = problem(*made)
    turn = np.ones(len(moment))
    turn[0] = -1.0

    plain = single_effects(gram, moment, variance=variance)
    turned = single_effects(gram * np.outer(turn, turn), moment * turn, variance=variance)
    still = single_effects(np.pad(gram, ((0, 1), (0, 1))), np.append(moment, 0.0), variance=variance)

    assert_allclose(turned, turn * plain, rtol=1e-6, atol=1e-10)
    assert still[-1] == 0.0


@settings(max_examples=40)
@given(problems)
def test_single_effects_are_no_bolder_than_their_prior_lets_one_be(made):
    gram, moment, variance = problem(*made)

    found = single_effects(gram, moment, variance=variance)

    # Shrunk least squares of the best feature alone, three times over, bounds what three effects can sum to.
    prior = EFFECT_SHARE * variance
    alone = np.abs(moment) / (np.diag(gram) + variance / prior)
    assert np.abs(found).sum() <= 3 * alone.max() * len(moment)
    assert np.isfinite(found).all()
