"""What the members hold: whatever is known, weights that can be traded, and what each was made for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import sample_bars

from quant.bars import log_returns
from quant.portfolio import risk_budgeting
from quant.views import Views
from release.portfolio import Strategy
from stock_assets.allocation.panel import LOOKBACK
from stock_assets.allocation.strategies import (
    CAP,
    MEMBERS,
    MOMENTUM_TO,
    RISK_AVERSION,
    TAU,
    Estimates,
    Situation,
    allocate,
    momentum,
)

FREE = {Strategy.RISK_BUDGETING, Strategy.HIERARCHICAL_RISK_PARITY}
CAPPED = [strategy for strategy in MEMBERS if strategy not in FREE]


def market(assets: int, seed: int = 0, *, drift: float = 5e-4, sessions: int = LOOKBACK) -> np.ndarray:
    """Simple returns that share a market, of different volatilities."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.5, 2.0, assets)
    return drift + 0.01 * scale * (rng.normal(size=(sessions, 1)) + rng.normal(size=(sessions, assets)))


def situation(returns: np.ndarray, **given_: object) -> Situation:
    base = Situation(
        returns=returns, sessions_per_year=252, sessions_held=5, cost_bp=10.0, views=none(returns.shape[1])
    )
    return replace(base, **given_)


def none(assets: int) -> Views:
    return Views.absolute(np.full(assets, np.nan), np.full(assets, np.inf))


def held(returns: np.ndarray, **given_: object) -> dict[Strategy, np.ndarray]:
    return allocate(situation(returns, **given_))[0]


@pytest.mark.parametrize("assets", [1, 2, 3, 20, 100])
def test_every_member_is_there_and_can_be_traded(assets):
    weights = held(market(assets))

    assert tuple(weights) == MEMBERS
    for strategy, of in weights.items():
        assert of.shape == (assets,)
        assert of.sum() == pytest.approx(1.0, abs=1e-9), strategy
        assert of.min() >= 0.0, strategy
    for strategy in CAPPED:
        assert weights[strategy].max() <= max(CAP, min(2.0 / assets, 1.0)) + 1e-9, strategy


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.integers(2, 30), st.floats(-3e-3, 3e-3))
def test_whatever_the_market_does_too(seed, assets, drift):
    weights = held(market(assets, seed, drift=drift))

    assert tuple(weights) == MEMBERS
    for strategy, of in weights.items():
        assert of.sum() == pytest.approx(1.0, abs=1e-9), strategy
        assert of.min() >= 0.0, strategy


def test_real_prices_too():
    returns = np.column_stack(
        [np.expm1(log_returns(sample_bars(name))[-LOOKBACK:]) for name in ("AAPL", "IBM", "MSFT")]
    )

    weights = held(returns)

    assert all(of.sum() == pytest.approx(1.0, abs=1e-9) for of in weights.values())


def test_without_views_at_all_black_litterman_is_left_out():
    assert set(held(market(4), views=None)) == set(MEMBERS) - {Strategy.BLACK_LITTERMAN}


def test_tickers_that_never_moved_or_move_as_one_are_no_reason_to_fail():
    returns = market(5)
    returns[:, 1] = returns[:, 0]
    returns[:, 2] = 2.0 * returns[:, 0]

    weights = held(returns)

    assert all(np.isfinite(of).all() and of.sum() == pytest.approx(1.0, abs=1e-9) for of in weights.values())


def test_more_tickers_than_sessions_are_no_reason_to_fail():
    weights = held(market(80, sessions=60))

    assert all(of.sum() == pytest.approx(1.0, abs=1e-9) for of in weights.values())


def test_where_nothing_is_expected_to_earn_maximum_sharpe_holds_the_calmest_and_says_so():
    weights, notes = allocate(situation(market(6, drift=-5e-3)))

    assert_array_equal(weights[Strategy.MAXIMUM_SHARPE], weights[Strategy.MINIMUM_VARIANCE])
    assert [note for note in notes if note.startswith("maximum_sharpe holds the minimum variance: ")]


def test_minimum_variance_is_the_calmest_by_its_own_estimates():
    returns = market(10)
    covariance = Estimates.of(returns, sessions_per_year=252).covariance

    weights = held(returns)

    risk = {strategy: of @ covariance @ of for strategy, of in weights.items()}
    assert min(risk[strategy] for strategy in CAPPED) == risk[Strategy.MINIMUM_VARIANCE]


def test_risk_budgeting_gives_everyone_the_same_share_of_the_risk():
    returns = market(7)
    covariance = Estimates.of(returns, sessions_per_year=252).covariance

    parity = held(returns)[Strategy.RISK_BUDGETING]

    assert_allclose(parity * (covariance @ parity) / (parity @ covariance @ parity), 1.0 / 7.0, rtol=1e-6)


@pytest.mark.parametrize("member", [Strategy.MAXIMUM_SHARPE, Strategy.MOMENTUM, Strategy.BLACK_LITTERMAN])
def test_costs_make_it_trade_less(member):
    before, now = market(10, 1), market(10, 2)
    was = held(before)

    cheap, dear = (held(now, held=was, cost_bp=bp)[member] for bp in (0.0, 50.0))

    assert np.abs(dear - was[member]).sum() < 0.9 * np.abs(cheap - was[member]).sum()


def test_costs_that_nothing_can_earn_back_keep_it_where_it_is():
    was = {Strategy.MAXIMUM_SHARPE: np.full(10, 0.1)}

    dear = held(market(10), held=was, cost_bp=2_000.0)[Strategy.MAXIMUM_SHARPE]

    assert_allclose(dear, 0.1, atol=1e-5)


def test_who_holds_nothing_yet_pays_nothing_to_begin():
    returns = market(10)

    free, dear = (held(returns, cost_bp=bp)[Strategy.MAXIMUM_SHARPE] for bp in (0.0, 500.0))

    assert_array_equal(free, dear)


@pytest.mark.parametrize("seed", range(5))
def test_momentum_prefers_the_winner_of_the_past_year(seed):
    returns = market(10, seed, drift=0.0)
    returns[-252:-MOMENTUM_TO, 4] += 0.004

    weights = held(returns)[Strategy.MOMENTUM]

    assert weights[4] > 1.3 * risk_parity(returns)[4]


def test_momentum_doesn_t_look_at_the_last_month():
    returns, other = market(10), market(10)
    other[-MOMENTUM_TO:, 4] += 0.02
    covariance = Estimates.of(returns, sessions_per_year=252).covariance
    prior = np.full(10, 0.05)

    assert_array_equal(momentum(returns, prior, covariance).returns, momentum(other, prior, covariance).returns)


def test_momentum_without_any_difference_adds_nothing():
    returns = np.tile(market(1), (1, 3))
    prior = np.array([0.03, 0.05, 0.07])

    assert_allclose(momentum(returns, prior, np.eye(3)).returns, prior)


def risk_parity(returns: np.ndarray) -> np.ndarray:
    return risk_budgeting(Estimates.of(returns, sessions_per_year=252).covariance)


def view(assets: int, place: int, *, expected: float, variance: float) -> Views:
    returns, unsure = np.full(assets, np.nan), np.full(assets, np.inf)
    returns[place], unsure[place] = expected, variance
    return Views.absolute(returns, unsure)


def test_black_litterman_without_forecasts_holds_its_prior():
    # Fifteen alike, so that no cap is in the way of risk parity.
    returns = market(15)

    weights = held(returns, views=none(15))[Strategy.BLACK_LITTERMAN]

    assert risk_parity(returns).max() < CAP
    assert_allclose(weights, risk_parity(returns), atol=1e-4)


def test_black_litterman_follows_a_forecast_that_is_certain():
    returns = market(15)

    up, down = (
        held(returns, views=view(15, 4, expected=expected, variance=1e-8))[Strategy.BLACK_LITTERMAN]
        for expected in (0.6, -0.6)
    )

    assert up[4] == pytest.approx(CAP, abs=1e-6)
    assert down[4] == pytest.approx(0.0, abs=1e-6)


def test_black_litterman_hardly_listens_to_one_that_is_not():
    returns = market(15)
    prior = held(returns)[Strategy.BLACK_LITTERMAN]

    def moved(variance: float) -> float:
        of = held(returns, views=view(15, 4, expected=0.6, variance=variance))[Strategy.BLACK_LITTERMAN]
        return float(np.abs(of - prior).sum())

    assert moved(1e-6) > moved(0.05) > moved(5.0) > 0.0
    assert moved(100.0) < 0.01


def test_what_the_prior_asks_for_is_a_plausible_return():
    returns = market(15)
    estimates = Estimates.of(returns, sessions_per_year=252)
    parity = risk_parity(returns)

    asked = RISK_AVERSION * float(parity @ estimates.covariance @ parity)

    assert 0.0 < TAU < 1.0
    assert 0.02 < asked < 0.3


@pytest.mark.parametrize("per_year", [252, 365])
def test_estimates_are_annual(per_year):
    rng = np.random.default_rng(3)
    returns = rng.normal(0.2 / per_year, 0.3 / np.sqrt(per_year), (20_000, 4))

    estimates = Estimates.of(returns, sessions_per_year=per_year)

    assert_allclose(np.sqrt(np.diag(estimates.covariance)), 0.3, rtol=0.02)
    assert_allclose(estimates.mean, returns.mean() * per_year, atol=0.06)


def test_the_mean_hardly_tells_tickers_apart_after_two_years():
    returns = market(20)
    sample = returns.mean(axis=0) * 252
    estimates = Estimates.of(returns, sessions_per_year=252)
    deviation = np.sqrt(np.diag(estimates.covariance))

    spread = (estimates.mean / deviation).std() / (sample / deviation).std()

    # A scatter of 0.2 beside an error of 1 / sqrt(2 years).
    assert spread == pytest.approx(0.04 / (0.04 + 252 / LOOKBACK), rel=0.01)


def test_units_of_a_price_and_the_order_of_tickers_change_nothing():
    returns = market(8)
    order = np.random.default_rng(1).permutation(8)

    straight, turned = held(returns), held(returns[:, order])

    for strategy in MEMBERS:
        if strategy is not Strategy.HIERARCHICAL_RISK_PARITY:  # whose tree may be drawn either way round
            assert_allclose(turned[strategy], straight[strategy][order], atol=2e-6)
