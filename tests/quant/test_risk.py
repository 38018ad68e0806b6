"""The risk of an allocation: identities, and skfolio's and scipy's answers to the same questions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, stats
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform
from shared_data import sample_bars
from skfolio import Portfolio, measures
from skfolio.datasets import load_sp500_dataset

from quant import risk
from quant.bars import log_returns
from quant.errors import QuantError, TooShort

LEVELS = st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 0.995])


def allocation(seed: int, *, long_only: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Weights and a covariance of two to ten assets."""
    rng = np.random.default_rng(seed)
    assets = int(rng.integers(2, 11))
    root = rng.normal(size=(assets, assets + 3)) * 0.01
    weights = rng.dirichlet(np.ones(assets)) if long_only else rng.normal(size=assets)
    return weights, root @ root.T


allocations = st.integers(0, 2**32 - 1).map(allocation)
books = st.tuples(st.integers(0, 2**32 - 1), st.integers(2, 500)).map(
    lambda drawn: 0.01 * np.random.default_rng(drawn[0]).standard_t(4, size=drawn[1])
)


def market() -> np.ndarray:
    """Simple returns per session of skfolio's twenty stocks, 1990 to 2022."""
    return load_sp500_dataset().pct_change().to_numpy()[1:]


# --- how much, and from where -----------------------------------------------------------------------------------------


def test_the_volatility_is_that_of_the_returns_it_stands_for():
    returns = market()[-504:]
    weights = np.random.default_rng(0).dirichlet(np.ones(20))

    ours = risk.volatility(weights, np.cov(returns.T))

    assert ours == pytest.approx((returns @ weights).std(ddof=1))


@settings(max_examples=50, deadline=None)
@given(allocations, st.floats(1e-3, 1e3))
def test_contributions_sum_to_one_and_know_no_unit(drawn, unit):
    weights, covariance = drawn

    ours = risk.risk_contributions(weights, covariance)

    assert ours.sum() == pytest.approx(1.0)
    assert_allclose(risk.risk_contributions(unit * weights, unit * covariance), ours, rtol=1e-9, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(allocations)
def test_a_contribution_is_what_a_little_more_of_the_asset_adds(drawn):
    weights, covariance = drawn
    own = risk.volatility(weights, covariance)

    ours = risk.risk_contributions(weights, covariance)

    for asset, share in enumerate(ours):
        step = np.zeros(len(weights))
        step[asset] = 1e-5
        slope = (risk.volatility(weights + step, covariance) - risk.volatility(weights - step, covariance)) / 2e-5
        assert share == pytest.approx(weights[asset] * slope / own, abs=1e-6)


def test_a_hedge_contributes_less_than_nothing():
    covariance = np.array([[4.0, 1.0], [1.0, 1.0]])

    shares = risk.risk_contributions(np.array([1.0, -0.5]), covariance)

    assert_allclose(shares, [14 / 13, -1 / 13])


def test_without_variance_nothing_contributes():
    assert_array_equal(risk.risk_contributions(np.zeros(2), np.eye(2)), [0.0, 0.0])
    assert risk.volatility(np.array([1.0, 0.0]), np.diag([0.0, 1.0])) == 0.0


@settings(max_examples=30, deadline=None)
@given(allocations)
def test_the_tracking_error_is_the_volatility_of_what_is_earned_beyond_the_target(drawn):
    weights, covariance = drawn
    target = np.full(len(weights), 1 / len(weights))
    # Returns that have exactly this covariance.
    returns = np.linalg.cholesky(covariance) * math.sqrt(len(weights))

    ours = risk.tracking_error(weights, target, covariance)

    beyond = returns.T @ weights - returns.T @ target
    assert ours == pytest.approx(math.sqrt(np.mean(beyond**2)))
    assert risk.tracking_error(target, target, covariance) == 0.0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_effective_number_is_skfolios_for_all_that_is_invested_long(seed):
    weights, _ = allocation(seed, long_only=True)

    assert risk.effective_number(weights) == pytest.approx(measures.effective_number_assets(weights))


@settings(max_examples=50, deadline=None)
@given(allocations, st.floats(1e-200, 1e200))
def test_the_effective_number_lies_between_one_and_all_and_knows_no_leverage(drawn, leverage):
    weights, _ = drawn

    ours = risk.effective_number(weights)

    assert 1.0 <= ours <= len(weights) + 1e-9
    assert risk.effective_number(-leverage * weights) == pytest.approx(ours)


def test_the_effective_number_of_equal_weights_is_their_number_and_of_cash_none():
    assert risk.effective_number(np.full(7, 0.1)) == pytest.approx(7.0)
    assert risk.effective_number(np.array([0.0, -1.0])) == 1.0
    assert risk.effective_number(np.zeros(3)) == 0.0


def test_the_diversification_ratio_is_skfolios():
    returns = market()[-504:]
    weights = np.random.default_rng(1).dirichlet(np.ones(20))

    ours = risk.diversification_ratio(weights, np.cov(returns.T))

    assert ours == pytest.approx(Portfolio(X=returns, weights=weights).diversification)


def test_the_diversification_ratio_of_one_asset_is_one_and_of_a_perfect_hedge_infinite():
    together = np.ones((2, 2))

    assert risk.diversification_ratio(np.array([0.3, 0.7]), together) == pytest.approx(1.0)
    assert risk.diversification_ratio(np.array([1.0, -1.0]), together) == math.inf
    assert risk.diversification_ratio(np.zeros(2), together) == 1.0


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(QuantError, match=r"expected \(N,\) and \(N, N\), got shapes \(2,\), \(3, 3\)"):
        risk.volatility(np.ones(2), np.eye(3))
    with pytest.raises(QuantError, match=r"expected \(N,\) and \(N, N\), got shapes \(2,\), \(2, 1\)"):
        risk.risk_contributions(np.ones(2), np.ones((2, 1)))
    with pytest.raises(QuantError, match=r"target: expected the shape of weights \(2,\), got \(1,\)"):
        risk.tracking_error(np.ones(2), np.ones(1), np.eye(2))


# --- tails ------------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(books, LEVELS)
def test_the_historical_tail_is_skfolios(returns, level):
    assert risk.value_at_risk(returns, level=level) == measures.value_at_risk(returns, beta=level)
    assert risk.expected_shortfall(returns, level=level) == pytest.approx(
        measures.cvar(returns, beta=level), rel=1e-9, abs=1e-15
    )


@settings(max_examples=50, deadline=None)
@given(books, LEVELS)
def test_at_least_that_share_of_the_sessions_lost_no_more_than_the_value_at_risk(returns, level):
    ours = risk.value_at_risk(returns, level=level)

    assert np.mean(-returns <= ours) >= level - 1e-12
    assert np.mean(-returns < ours) < level + 1e-12


@settings(max_examples=50, deadline=None)
@given(books, LEVELS)
def test_the_shortfall_is_the_mean_of_the_values_at_risk_beyond_its_level(returns, level):
    beyond = np.linspace(level, 1.0, 20_001)
    middle = (beyond[1:] + beyond[:-1]) / 2

    ours = risk.expected_shortfall(returns, level=level)

    mean = np.mean(-np.quantile(returns, 1 - middle, method="inverted_cdf"))
    assert ours == pytest.approx(mean, abs=2e-4 * np.ptp(returns))
    assert ours >= risk.value_at_risk(returns, level=level) - 1e-15


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 300), LEVELS)
def test_two_books_together_fall_no_shorter_than_each_by_itself(seed, n, level):
    a, b = np.random.default_rng(seed).standard_t(3, size=(2, n))

    together = risk.expected_shortfall(a + b, level=level)

    apart = risk.expected_shortfall(a, level=level) + risk.expected_shortfall(b, level=level)
    assert together <= apart + 1e-9


def test_of_a_hundred_sessions_the_sixth_largest_loss_and_the_mean_of_the_five_larger():
    returns = -np.random.default_rng(0).permutation(np.arange(1.0, 101.0))

    assert risk.value_at_risk(returns, level=0.95) == 95.0
    assert risk.expected_shortfall(returns, level=0.95) == pytest.approx(98.0)
    # 4.5 sessions: four in full, half of the fifth.
    assert risk.expected_shortfall(returns, level=0.955) == pytest.approx((100 + 99 + 98 + 97 + 96 / 2) / 4.5)


def test_too_few_sessions_to_tell_give_the_worst_one():
    returns = np.array([0.01, -0.03, np.nan, 0.02])

    assert risk.value_at_risk(returns, level=0.99) == 0.03
    assert risk.expected_shortfall(returns, level=0.99) == pytest.approx(0.03)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_the_normal_tail_is_scipys(level):
    mean, deviation = 0.001, 0.02
    losses = stats.norm(-mean, deviation)

    var = risk.normal_value_at_risk(mean=mean, deviation=deviation, level=level)
    cvar = risk.normal_expected_shortfall(mean=mean, deviation=deviation, level=level)

    beyond, _ = integrate.quad(losses.ppf, level, 1.0)
    assert var == pytest.approx(losses.ppf(level))
    assert cvar == pytest.approx(beyond / (1 - level), rel=1e-6)


def test_a_real_books_far_tail_is_fatter_than_the_normal_one():
    returns = market() @ np.full(20, 1 / 20)

    near, far = risk.tail_risk(returns, level=0.9), risk.tail_risk(returns, level=0.99)

    assert near.historical_var < near.normal_var
    assert far.historical_var > 1.1 * far.normal_var
    assert far.historical_cvar > 1.3 * far.normal_cvar
    assert far.level == 0.99
    assert far.normal_var == pytest.approx(-returns.mean() + stats.norm.ppf(0.99) * returns.std(ddof=1))


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, math.nan])
def test_a_level_that_is_no_probability_is_refused(level):
    for tail in (risk.value_at_risk, risk.expected_shortfall, risk.tail_risk):
        with pytest.raises(QuantError, match=rf"level: expected within \(0, 1\), got {level}"):
            tail(np.zeros(10), level=level)
    for normal in (risk.normal_value_at_risk, risk.normal_expected_shortfall):
        with pytest.raises(QuantError, match=rf"level: expected within \(0, 1\), got {level}"):
            normal(mean=0.0, deviation=1.0, level=level)


def test_a_tail_of_one_session_is_too_short():
    with pytest.raises(TooShort, match="returns: expected at least 2 sessions, got 1"):
        risk.tail_risk(np.array([0.01, np.nan]), level=0.95)


# --- the worst of history ---------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(books, st.integers(1, 30), st.integers(1, 6))
def test_windows_are_the_worst_there_are_and_do_not_overlap(returns, sessions, count):
    sessions = min(sessions, len(returns))

    found = risk.worst_windows(returns, sessions=sessions, count=count)

    taken: set[int] = set()
    for window in found:
        rows = set(range(window.start, window.end + 1))
        free = [s for s in range(len(returns) - sessions + 1) if not taken & set(range(s, s + sessions))]
        losses = [1 - np.prod(1 + returns[s : s + sessions]) for s in free]
        assert len(rows) == sessions
        assert not rows & taken
        assert window.loss == pytest.approx(max(losses))
        taken |= rows
    left = [s for s in range(len(returns) - sessions + 1) if not taken & set(range(s, s + sessions))]
    assert len(found) == count or not left


def test_equal_weights_lost_most_in_the_autumn_of_2008_and_the_march_of_2020():
    prices = load_sp500_dataset()
    sessions = prices.index[1:]

    found = risk.worst_windows(market() @ np.full(20, 1 / 20), sessions=21, count=2)

    assert {sessions[window.end].year for window in found} == {2008, 2020}
    assert all(0.2 < window.loss < 0.4 for window in found)


def test_a_market_that_only_rose_has_a_negative_worst_loss_and_ruin_one_of_one():
    assert risk.worst_windows(np.full(3, 0.1), sessions=2) == (risk.Window(0, 1, pytest.approx(-0.21)),)
    assert risk.worst_windows(np.array([0.1, -1.0, 0.5]), sessions=1) == (risk.Window(1, 1, 1.0),)


def test_history_with_holes_or_too_short_is_refused():
    with pytest.raises(QuantError, match=r"returns: expected a finite \(T,\) array of at least -1"):
        risk.worst_windows(np.array([0.1, np.nan]), sessions=1)
    with pytest.raises(QuantError, match=r"returns: expected a finite \(T,\) array of at least -1"):
        risk.worst_windows(np.array([0.1, -1.5]), sessions=1)
    with pytest.raises(QuantError, match="sessions, count: expected at least 1, got 0, 1"):
        risk.worst_windows(np.zeros(3), sessions=0)
    with pytest.raises(TooShort, match="returns: expected at least 5 sessions, got 3"):
        risk.worst_windows(np.zeros(3), sessions=5)


# --- clusters ---------------------------------------------------------------------------------------------------------


def neighbours(correlation: np.ndarray, order: np.ndarray) -> float:
    distance = np.sqrt((1 - correlation) / 2)
    return float(distance[order[:-1], order[1:]].sum())


def test_assets_that_move_together_stand_together():
    rng = np.random.default_rng(0)
    group = rng.permutation(np.repeat([0, 1, 2], 5))
    returns = rng.normal(size=(1_000, 3))[:, group] + 0.7 * rng.normal(size=(1_000, 15))

    order = risk.cluster_order(np.corrcoef(returns.T))

    assert sorted(order) == list(range(15))
    assert np.count_nonzero(np.diff(group[order])) == 2


def turnings(tree: np.ndarray, node: int, leaves: int) -> list[list[int]]:
    """Every order of a cluster's leaves that turns none apart."""
    if node < leaves:
        return [[node]]
    left, right = (turnings(tree, int(part), leaves) for part in tree[node - leaves, :2])
    return [order for a in left for b in right for order in (a + b, b + a)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
def test_the_order_is_the_nearest_of_all_that_scipys_clusters_allow(seed, assets):
    returns = np.random.default_rng(seed).normal(size=(12, assets)) + np.random.default_rng(seed + 1).normal(
        size=(12, 1)
    )
    standardised = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    correlation = np.corrcoef(returns.T)

    order = risk.cluster_order(correlation)

    # Of the returns themselves, not of distances made of correlations.
    allowed = turnings(hierarchy.linkage(standardised.T, method="ward"), 2 * assets - 2, assets)
    assert order.tolist() in allowed
    nearest = min(neighbours(correlation, np.array(each)) for each in allowed)
    assert neighbours(correlation, order) == pytest.approx(nearest, abs=1e-12)


def test_the_order_of_real_stocks_is_nearer_than_scipys_own():
    correlation = np.corrcoef(market()[-504:].T)
    distance = squareform(np.sqrt((1 - correlation) / 2), checks=False)

    order = risk.cluster_order(correlation)

    theirs = hierarchy.leaves_list(hierarchy.linkage(distance, method="ward", optimal_ordering=True))
    assert sorted(order) == list(range(20))
    assert neighbours(correlation, order) <= neighbours(correlation, theirs) + 1e-12


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_neighbours_are_as_near_whatever_order_the_assets_came_in(seed):
    rng = np.random.default_rng(seed)
    correlation = np.corrcoef(rng.normal(size=(12, 8)) @ rng.normal(size=(8, 8)), rowvar=False)
    shuffle = rng.permutation(8)

    plain = neighbours(correlation, risk.cluster_order(correlation))
    shuffled = correlation[np.ix_(shuffle, shuffle)]

    assert neighbours(shuffled, risk.cluster_order(shuffled)) == pytest.approx(plain)


def test_a_deep_chain_of_five_hundred_assets_has_an_order():
    # Angles that shrink by a fifth: one asset after the other joins the cluster of those before, 424 deep.
    angle = np.pi / 2 * 0.8 ** np.arange(500)
    correlation = np.cos(angle[:, None] - angle)

    assert sorted(risk.cluster_order(correlation)) == list(range(500))


def test_one_asset_or_two_have_an_order_too():
    assert_array_equal(risk.cluster_order(np.ones((1, 1))), [0])
    assert_array_equal(risk.cluster_order(np.array([[1.0, -1.0], [-1.0, 1.0]])), [0, 1])


@pytest.mark.parametrize(
    "matrix", [np.array([[1.0, np.nan], [np.nan, 1.0]]), np.array([[1.0, 0.5], [0.2, 1.0]]), np.diag([1.0, 4.0])]
)
def test_a_matrix_that_holds_no_correlations_is_refused(matrix):
    with pytest.raises(QuantError, match=r"correlation: expected a symmetric matrix within \[-1, 1\]"):
        risk.cluster_order(matrix)


@pytest.mark.parametrize("shape", [(0, 0), (2, 3), (4,)])
def test_what_is_not_square_is_refused(shape):
    with pytest.raises(QuantError, match="correlation: expected a square matrix, got shape"):
        risk.cluster_order(np.ones(shape))


def test_real_stocks_of_one_trade_are_neighbours():
    names = ("AAPL", "IBM", "GOOG", "MSFT")
    history = [log_returns(sample_bars(name).through(np.datetime64("2013-03-01"))[-1_000:])[1:] for name in names]

    order = risk.cluster_order(np.corrcoef(history))

    # Of these, IBM and Microsoft moved most alike.
    places = {names[asset]: place for place, asset in enumerate(order)}
    assert abs(places["IBM"] - places["MSFT"]) == 1
