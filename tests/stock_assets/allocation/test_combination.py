"""How far members are believed and how much is held: nothing is made of noise, and what is there is found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from stock_assets.allocation.combination import HALF_LIFE, LEAST_RECORD, TARGET, beliefs, share_at_target

YEAR = 252
MEMBERS = 8


def record(seed: int, sessions: int = 10 * YEAR, *, members: int = MEMBERS, sharpe: float = 0.5) -> np.ndarray:
    """Members that trade the same market and are all as good."""
    rng = np.random.default_rng(seed)
    market = rng.normal(sharpe * 0.01 / np.sqrt(YEAR), 0.01, sessions)
    return market[:, None] + rng.normal(0.0, 0.002, (sessions, members))


def believed(returns: np.ndarray, *known: int) -> np.ndarray:
    return beliefs(returns, sessions_per_year=YEAR, known=np.array(known or [len(returns)]))


def test_all_are_believed_alike_before_a_year_of_record():
    returns = record(0)
    returns[:, 0] += 0.01

    early = believed(returns, 0, 1, LEAST_RECORD - 1)
    late = believed(returns, LEAST_RECORD)

    assert_array_equal(early, np.full((3, MEMBERS), 1.0 / MEMBERS))
    assert late[0, 0] > 1.2 / MEMBERS


def test_without_any_record_too():
    assert_array_equal(believed(np.empty((0, 3)), 0), np.full((1, 3), 1.0 / 3.0))


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_not_told_apart(seed):
    after_ten_years = believed(record(seed))[0]

    assert after_ten_years.max() < 2.0 / MEMBERS
    assert after_ten_years.min() > 0.5 / MEMBERS


def test_a_member_that_is_better_comes_to_be_believed_and_a_worse_one_doubted():
    returns = record(1)
    returns[:, 3] += 1.0 * 0.01 / np.sqrt(YEAR)
    returns[:, 5] -= 1.0 * 0.01 / np.sqrt(YEAR)

    by_year = believed(returns, *range(YEAR, 10 * YEAR + 1, YEAR))

    assert by_year[-1, 3] > 0.25
    assert by_year[-1, 3] > 1.5 * by_year[0, 3]
    assert by_year[-1].argmax() == 3
    assert by_year[-1].argmin() == 5


def test_a_belief_is_what_one_would_have_become_at_the_same_risk():
    returns = record(2, members=3)
    ratio = returns.mean(axis=0) / returns.std(axis=0) * np.sqrt(YEAR)

    wealth = np.exp(10.0 * TARGET * ratio)

    assert_allclose(believed(returns)[0], wealth / wealth.sum(), rtol=1e-9)


def test_risk_doesn_t_count_only_what_it_earned():
    returns = record(3, members=2)
    returns[:, 1] = 3.0 * returns[:, 0]

    assert_allclose(believed(returns)[0], [0.5, 0.5])


def test_a_member_that_never_moved_is_no_reason_to_fail():
    returns = record(4, members=3)
    returns[:, 1] = 0.0

    belief = believed(returns)[0]

    assert np.isfinite(belief).all()
    assert belief.sum() == pytest.approx(1.0)


@given(st.integers(0, 10_000), st.integers(1, 6), st.permutations(range(6)))
def test_rows_sum_to_one_whatever_the_order_of_members(seed, scale, order):
    returns = record(seed, 400, members=6) * scale
    known = (100, 260, 400)

    straight, turned = believed(returns, *known), believed(returns[:, order], *known)

    assert_allclose(straight.sum(axis=1), 1.0, rtol=0, atol=1e-12)
    assert (straight >= 0.0).all()
    assert_allclose(turned, straight[:, order], rtol=1e-9)


def test_later_sessions_change_nothing():
    returns = record(5)
    changed = np.concatenate([returns[:1000], record(6)[1000:]])

    assert_array_equal(believed(returns, 300, 1000), believed(changed, 300, 1000))
    assert_array_equal(believed(returns, 300, 1000), believed(returns[:1000], 300, 1000))


WEIGHTS = np.array([0.5, 0.3, 0.2])


def calm(seed: int, volatility: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, volatility, (504, 3))


def share(returns: np.ndarray, weights: np.ndarray = WEIGHTS) -> float:
    return share_at_target(weights, returns, sessions_per_year=YEAR)


def test_twice_the_volatility_is_half_the_share():
    wild = calm(0, 0.04)

    assert share(2.0 * wild) == pytest.approx(share(wild) / 2.0)
    assert share(wild) < 1.0


@given(st.integers(0, 10_000), st.floats(0.0, 0.2))
def test_the_share_is_above_zero_and_never_above_one(seed, volatility):
    assert 0.0 < share(calm(seed, volatility)) <= 1.0


def test_the_share_brings_the_book_to_the_target():
    wild = calm(1, 0.05)
    decay = 0.5 ** (np.arange(504)[::-1] / HALF_LIFE)

    scaled = (share(wild) * wild @ WEIGHTS) ** 2

    assert np.sqrt(YEAR * (decay @ scaled) / decay.sum()) == pytest.approx(TARGET)


def test_the_newer_a_session_the_more_it_counts():
    storm_past, storm_now = calm(2, 0.01), calm(2, 0.01)
    storm_past[:50] *= 8.0
    storm_now[-50:] *= 8.0

    assert share(storm_past) == 1.0
    assert share(storm_now) < 0.6


def test_without_a_past_and_without_risk_all_is_held():
    assert share(np.empty((0, 3))) == 1.0
    assert share(np.zeros((504, 3))) == 1.0
