"""The repair of matrices that are no covariance: variances kept, nothing nearer, Higham's example as he printed it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moment_samples import least_eigenvalue, market_returns
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import bigtech_bars
from statsmodels.stats.correlation_tools import corr_nearest

from quant import moments
from quant import nearest as repairs
from quant.bars import log_returns
from quant.errors import QuantError
from quant.nearest import nearest_psd


def broken(seed: int, assets: int, kind: str) -> np.ndarray:
    """What may come for a covariance: correlations made up, or put in by hand beside estimated ones."""
    rng = np.random.default_rng(seed)
    stated = rng.uniform(-1.0, 1.0, (assets, assets))
    if kind == "by hand":
        by_hand = rng.random((assets, assets)) < 0.3
        stated = np.where(by_hand, 0.98, moments.correlation(moments.ledoit_wolf(market_returns(seed, assets))[0]))
    stated = np.triu(stated, 1)
    variance = 10.0 ** rng.uniform(-6.0, 0.0, assets)
    return (stated + stated.T) * np.sqrt(np.outer(variance, variance)) + np.diag(variance)


wrecks = st.builds(
    broken, seed=st.integers(0, 10_000), assets=st.integers(2, 15), kind=st.sampled_from(["made up", "by hand"])
)


def stated_correlations(covariance: np.ndarray) -> np.ndarray:
    deviation = np.sqrt(np.diag(covariance))
    return covariance / np.outer(deviation, deviation)


@settings(max_examples=60, deadline=None)
@given(wrecks)
def test_a_repair_keeps_the_variances_and_is_a_covariance(wreck):
    nearest = nearest_psd(wreck)

    assert nearest.exact
    assert_array_equal(np.diag(nearest.matrix), np.diag(wreck))
    assert_array_equal(nearest.matrix, nearest.matrix.T)
    assert least_eigenvalue(nearest.matrix) >= -1e-12
    np.linalg.cholesky(nearest.matrix + 1e-10 * np.diag(np.diag(wreck)))


@settings(max_examples=60, deadline=None)
@given(wrecks)
def test_nothing_is_nearer_than_the_repair(wreck):
    stated = stated_correlations(wreck)

    repaired = stated_correlations(nearest_psd(wreck).matrix)

    # Karush-Kuhn-Tucker: repaired = stated + diag(shift) + slack, slack semi-definite and without part in `repaired`.
    shift = np.diag((repaired - stated) @ repaired)
    slack = repaired - stated - np.diag(shift)
    assert np.linalg.eigvalsh(slack)[0] >= -2e-5
    assert_allclose(slack @ repaired, 0.0, atol=2e-5)


@settings(max_examples=60, deadline=None)
@given(wrecks)
def test_clipped_eigenvalues_are_no_nearer_and_no_correlation_matrix_is(wreck):
    stated = stated_correlations(wreck)

    moved = nearest_psd(wreck).moved

    values, vectors = np.linalg.eigh(stated)
    projected = vectors * np.maximum(values, 0.0) @ vectors.T
    clipped = stated_correlations(projected)
    norm = np.linalg.norm(stated)
    # Below lies what the nearest matrix of any diagonal has to move, above what scaling that one moves.
    assert np.linalg.norm(projected - stated) / norm <= moved + 1e-9
    assert moved <= np.linalg.norm(clipped - stated) / norm + 1e-9
    assert moved <= np.linalg.norm(np.eye(len(stated)) - stated) / norm + 1e-9


@settings(max_examples=40, deadline=None)
@given(wreck=wrecks, seed=st.integers(0, 1000))
def test_a_repair_knows_neither_order_nor_unit_and_has_nothing_to_repair(wreck, seed):
    rng = np.random.default_rng(seed)
    order, unit = rng.permutation(len(wreck)), 10.0 ** rng.uniform(-3.0, 3.0, len(wreck))
    nearest = nearest_psd(wreck)

    other = nearest_psd((wreck * np.outer(unit, unit))[np.ix_(order, order)])
    again = nearest_psd(nearest.matrix)

    back = stated_correlations(nearest.matrix)[np.ix_(order, order)]
    assert_allclose(stated_correlations(other.matrix), back, atol=1e-5)
    assert other.moved == pytest.approx(nearest.moved, abs=1e-9)
    assert again.moved == 0.0
    assert_array_equal(again.matrix, nearest.matrix)


def test_higham_s_own_example_comes_out_as_he_printed_it():
    stated = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])

    nearest = nearest_psd(stated)

    expected = [[1.0, 0.7607, 0.1573], [0.7607, 1.0, 0.7607], [0.1573, 0.7607, 1.0]]
    assert_allclose(nearest.matrix, expected, atol=5e-5)


@pytest.mark.filterwarnings("ignore::statsmodels.tools.sm_exceptions.IterationLimitWarning")
@settings(max_examples=10, deadline=None)
@given(wrecks)
def test_it_is_at_least_as_near_as_what_statsmodels_finds(wreck):
    stated = stated_correlations(wreck)

    moved = nearest_psd(wreck).moved

    other = corr_nearest(stated, threshold=1e-12, n_fact=100)
    assert moved <= np.linalg.norm(other - stated) / np.linalg.norm(stated) + 1e-6


@pytest.mark.parametrize("floor", [1e-6, 0.01, 0.3])
def test_a_floor_leaves_no_portfolio_free_of_risk(floor):
    wreck = broken(3, 12, "made up")

    nearest = nearest_psd(wreck, floor=floor)

    assert least_eigenvalue(nearest.matrix) == pytest.approx(floor, rel=1e-6)
    assert nearest.moved >= nearest_psd(wreck).moved
    assert nearest_psd(nearest.matrix, floor=floor).moved == 0.0


def test_correlations_of_real_stocks_put_up_by_hand_are_repaired_and_the_move_is_told():
    tickers = ("AAPL", "AMZN", "GOOGL", "MSFT", "TSLA")
    returns = np.expm1(np.column_stack([log_returns(bigtech_bars(ticker)[-505:])[1:] for ticker in tickers]))
    covariance = moments.sample_covariance(returns)
    stressed = covariance.copy()
    # Apple goes with Amazon and against Alphabet, which go together.
    stressed[0, 1] = stressed[1, 0] = 0.9 * np.sqrt(covariance[0, 0] * covariance[1, 1])
    stressed[0, 2] = stressed[2, 0] = -0.9 * np.sqrt(covariance[0, 0] * covariance[2, 2])

    nearest = nearest_psd(stressed)

    repaired = moments.correlation(nearest.matrix)
    assert 0.05 < nearest.moved < 0.5
    assert 0.0 < repaired[0, 1] < 0.9
    assert -0.9 < repaired[0, 2] < 0.0
    assert repaired[1, 2] < moments.correlation(covariance)[1, 2]


def test_a_search_cut_short_says_so_and_its_matrix_is_sound(monkeypatch):
    monkeypatch.setattr(repairs, "NEWTON_STEPS", 1)
    wreck = broken(4, 30, "made up")

    nearest = nearest_psd(wreck)

    assert not nearest.exact
    assert_array_equal(np.diag(nearest.matrix), np.diag(wreck))
    assert least_eigenvalue(nearest.matrix) >= -1e-12


def test_a_matrix_other_than_its_transpose_stands_for_the_mean_of_both():
    nearest = nearest_psd(np.array([[1.0, 0.5], [0.0, 1.0]]))

    assert_allclose(nearest.matrix, [[1.0, 0.25], [0.25, 1.0]], rtol=1e-15)
    assert nearest.moved == pytest.approx(np.sqrt(2 * 0.25**2) / 1.5, rel=1e-12)


def test_an_asset_without_risk_stays_without():
    covariance = np.array([[1.0, 0.0, 1.5], [0.0, 0.0, 0.0], [1.5, 0.0, 1.0]])

    nearest = nearest_psd(covariance)

    assert_allclose(nearest.matrix, [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 1.0]], atol=1e-6)


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (np.ones(3), r"expected a square matrix, got shape \(3,\)"),
        (np.ones((2, 3)), r"expected a square matrix, got shape \(2, 3\)"),
        (np.ones((0, 0)), r"expected a square matrix, got shape \(0, 0\)"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "expected finite numbers, got nan in row 0, column 1"),
        (np.array([[1.0, 0.0], [-np.inf, 1.0]]), "expected finite numbers, got -inf in row 1, column 0"),
        (np.diag([1.0, 2.0, -0.5]), r"expected variances of at least 0, got -0\.5 in row 2"),
        (np.array([[4.0, 7.0], [7.0, 1.0]]), "expected at most 2 between variances of 4 and 1, got 7 in row 0, column"),
        (np.array([[4.0, -7.0], [-7.0, 1.0]]), "expected at most 2 between variances of 4 and 1, got -7 in row 0"),
        (np.array([[1.0, 0.1], [0.1, 0.0]]), r"expected at most 0 .* got 0\.1 in row 0, column 1"),
    ],
)  # fmt: skip
def test_what_no_repair_explains_is_refused(covariance, message):
    with pytest.raises(QuantError, match=f"covariance: {message}"):
        nearest_psd(covariance)


@pytest.mark.parametrize("floor", [-0.1, 1.0, np.nan])
def test_a_floor_that_is_none_is_refused(floor):
    with pytest.raises(QuantError, match=r"floor: expected in \[0, 1\), got"):
        nearest_psd(np.eye(2), floor=floor)
