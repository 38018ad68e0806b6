"""Whole-lot orders: never a cent overdrawn, nothing better left out, and nothing to do the second time."""

from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pypfopt.discrete_allocation import DiscreteAllocation

from quant.account import Account, TradingRules
from quant.costs import Costs
from quant.errors import Infeasible, QuantError
from quant.lots import TOLERANCE
from quant.rebalance import Method, Plan, greedy, rebalance

FREE = Costs(cost_bp=0.0, slippage_bp=0.0)
SOLVERS = [rebalance, greedy]
cost_bps = st.sampled_from([0.0, 1.0, 3.5, 40.0, 250.0])


@st.composite
def books(draw, most=8, value=None):
    """An account in cents and whole lots, a target, and costs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    assets = draw(st.integers(1, most))
    worth = draw(st.sampled_from([1_000.0, 100_000.0, 10_000_000.0])) if value is None else value
    price = np.round(rng.uniform(10.0, 1000.0, assets), 2)
    lot = rng.choice(draw(st.sampled_from([[1.0], [1.0, 10.0], [1.0, 0.001]])), assets)
    held = np.floor(draw(st.sampled_from([0.0, 0.7, 1.0])) * rng.dirichlet(np.ones(assets)) * worth / (price * lot))
    shares = np.array([float(Fraction(repr(float(size))) * int(n)) for n, size in zip(held, lot, strict=True)])
    cash = max(np.round(worth - shares @ price, 2), 1.0)
    target = rng.dirichlet(np.ones(assets)) * draw(st.sampled_from([1.0, 1.0, 0.6]))
    target[rng.random(assets) < 0.2] = 0.0
    costs = Costs(cost_bp=draw(cost_bps), slippage_bp=draw(cost_bps))
    return Account(shares, float(cash), price, lot), target, costs


def after(account: Account, plan: Plan) -> Account:
    return dataclasses.replace(account, shares=plan.shares_after, cash=plan.cash_after)


def decimal(number: float) -> Fraction:
    return Fraction(repr(float(number)))


def cash_to_the_last_digit(account: Account, orders: np.ndarray, costs: Costs) -> Fraction:
    """Cash after trading, order by order as a broker would book it."""
    fee, slippage = decimal(costs.cost_bp) / 10_000, decimal(costs.slippage_bp) / 10_000
    cash = decimal(account.cash)
    for shares, price in zip(orders, account.price, strict=True):
        side = 1 if shares > 0 else -1
        paid = decimal(shares) * decimal(price) * (1 + side * slippage)
        cash -= paid + abs(paid) * fee
    return cash


def missed(account: Account, shares: np.ndarray, cash: float, target: np.ndarray) -> float:
    """What a rebalance minimises, in shares of the value before: deviation and cost."""
    value = shares @ account.price + cash
    return (np.abs(shares * account.price - target * value).sum() + account.value - value) / account.value


@settings(max_examples=150, deadline=None)
@given(books(), st.sampled_from(SOLVERS), st.sampled_from([1.0, 0.5, 0.2]))
def test_whole_lots_are_paid_for_to_the_last_digit_and_within_their_caps(book, solver, upper):
    account, target, costs = book

    plan = solver(account, target, TradingRules(costs=costs, upper=upper))

    exact = cash_to_the_last_digit(account, plan.orders, costs)
    assert exact >= 0
    assert plan.cash_after == float(exact)
    lots = plan.shares_after / account.lots
    assert plan.shares_after.min() >= 0
    assert_allclose(lots, np.rint(lots), rtol=1e-12, atol=1e-12)
    assert_allclose(plan.shares_after, account.shares + plan.orders, rtol=1e-12, atol=1e-12)
    assert plan.value_before == pytest.approx(plan.value_after + plan.cost, rel=1e-9)
    assert plan.weights_after.max() <= upper + 1e-9
    assert plan.deviation == pytest.approx(np.abs(plan.weights_after - target).sum())


@settings(max_examples=150, deadline=None)
@given(books(), st.sampled_from(SOLVERS), st.sampled_from([0.0, 0.01, 0.1]), st.sampled_from([1.0, 0.3]))
def test_the_second_time_nothing_is_ordered(book, solver, band, upper):
    account, target, costs = book
    rules = TradingRules(costs=costs, band=band, upper=upper)
    first = solver(account, target, rules)

    second = solver(after(account, first), target, rules)

    assert not first.limited
    assert first.method in (Method.OPTIMAL, Method.GREEDY if solver is greedy else Method.OPTIMAL)
    assert not second.orders.any()
    assert second.cost == 0.0
    assert second.cash_after == first.cash_after


@settings(max_examples=80, deadline=None)
@given(
    books(most=3, value=1_000.0),
    st.sampled_from([1.0, 0.5]),
    st.sampled_from([None, 0.4, 0.9]),
    st.sampled_from([0.0, 150.0]),
)
def test_no_other_whole_lots_are_better(book, upper, turnover, minimum):
    account, target, costs = book
    account = dataclasses.replace(
        account, shares=np.floor(account.shares / 10) * 10, price=account.price + 40, lot=None
    )
    rules = TradingRules(costs=costs, upper=upper, turnover=turnover, minimum_order=minimum)
    best = best_of_all(account, target, rules)

    if best is None:
        with pytest.raises(Infeasible):
            rebalance(account, target, rules)
        return
    plan = rebalance(account, target, rules)
    searched = greedy(account, target, rules)

    reached = missed(account, plan.shares_after, plan.cash_after, target)
    near_enough = 2 * TOLERANCE if not plan.limited else account.price.min() / account.value / 2
    assert plan.method is Method.OPTIMAL
    assert best - 1e-9 <= reached <= best + near_enough
    assert reached - best <= plan.gap + 1e-9
    assert missed(account, searched.shares_after, searched.cash_after, target) >= best - 1e-9


def best_of_all(account: Account, target: np.ndarray, rules: TradingRules) -> float | None:
    """Least deviation and cost of all whole shares that the rules allow, one by one; None if they allow none."""
    most = [int(account.value // price) for price in account.price]
    reached = []
    for lots in itertools.product(*(range(n + 1) for n in most)):
        shares = np.array(lots, dtype=float)
        orders, notional = shares - account.shares, np.abs(shares - account.shares) * account.price
        if rules.turnover is not None and notional.sum() > rules.turnover * account.value:
            continue
        if ((notional > 0) & (notional < rules.minimum_order) & (shares > 0)).any():
            continue
        if account.cash - orders @ account.price < 0:
            continue
        cash = cash_to_the_last_digit(account, orders, rules.costs)
        value = shares @ account.price + float(cash)
        if cash >= 0 and (shares * account.price <= rules.upper * value).all():
            reached.append(missed(account, shares, float(cash), target))
    return min(reached, default=None)


@settings(max_examples=60, deadline=None)
@given(books(most=12), st.sampled_from(SOLVERS), st.sampled_from([0.05, 0.3]), st.sampled_from([0.0, 0.02]))
def test_what_is_traded_keeps_to_its_limits(book, solver, turnover, minimum):
    account, target, costs = book
    least = minimum * account.value

    plan = solver(account, target, TradingRules(costs=costs, turnover=turnover, minimum_order=least))

    notional = np.abs(plan.orders) * account.price
    assert notional.sum() <= turnover * account.value * (1 + 1e-9)
    assert plan.turnover == pytest.approx(notional.sum() / account.value)
    ordered = notional[(plan.orders != 0) & (plan.shares_after > 0)]
    assert (ordered >= least * (1 - 1e-9)).all()
    assert cash_to_the_last_digit(account, plan.orders, costs) >= 0


@settings(max_examples=40, deadline=None)
@given(books(), st.sampled_from([0.5, 4.0, 1024.0]))
def test_the_currency_does_not_matter(book, rate):
    account, target, costs = book
    other = dataclasses.replace(account, price=account.price * rate, cash=account.cash * rate)

    plan = rebalance(account, target, TradingRules(costs=costs))
    same = rebalance(other, target, TradingRules(costs=costs))

    reached = missed(account, plan.shares_after, plan.cash_after, target)
    assert missed(other, same.shares_after, same.cash_after, target) == pytest.approx(reached, abs=2 * TOLERANCE)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 25), st.sampled_from([5_000.0, 100_000.0]))
def test_from_cash_it_is_no_further_from_the_target_than_pyportfolioopt(seed, assets, cash):
    rng = np.random.default_rng(seed)
    price = np.round(rng.uniform(10.0, 1000.0, assets), 2)
    target = rng.dirichlet(np.ones(assets))

    plan = rebalance(Account(np.zeros(assets), cash, price), target, TradingRules(costs=FREE))

    peer = DiscreteAllocation(dict(enumerate(target)), pd.Series(price), total_portfolio_value=cash)
    allocation, _ = peer.lp_portfolio(solver="HIGHS")
    shares = np.array([allocation.get(asset, 0) for asset in range(assets)], dtype=float)
    assert plan.deviation <= np.abs(shares * price / cash - target).sum() + TOLERANCE


def test_the_last_cent_can_be_spent():
    account = Account(np.zeros(1), 1010.0, np.array([10.1]))  # 100 x 10.1 is above 1010 in binary fractions of 10.1

    plan = rebalance(account, np.ones(1), TradingRules(costs=FREE))

    assert_array_equal(plan.orders, [100.0])
    assert plan.cash_after == 0.0


def test_costs_leave_a_share_less_where_the_cash_is_just_enough_without():
    account = Account(np.zeros(1), 1000.0, np.array([10.0]))

    plan = rebalance(account, np.ones(1), TradingRules(costs=Costs(cost_bp=1.0, slippage_bp=0.0)))

    assert_array_equal(plan.orders, [99.0])
    assert plan.cost == pytest.approx(0.099)
    assert plan.cash_after == 9.901


def test_crypto_trades_in_thousandths():
    account = Account(np.array([0.3, 10.0]), 20_000.0, np.array([60_000.0, 200.0]), np.array([0.001, 1.0]))

    plan = rebalance(account, np.array([0.5, 0.5]), TradingRules())

    assert_allclose(plan.weights_after, [0.5, 0.5], atol=0.003)
    assert plan.shares_after[0] == round(plan.shares_after[0], 3)


def test_lots_of_a_hundred_millionth_beside_whole_shares_are_no_trouble():
    account = Account(np.array([0.12345678, 7.0]), 9_000.0, np.array([64_123.45, 431.2]), np.array([1e-8, 1.0]))

    plan = rebalance(account, np.array([0.7, 0.3]), TradingRules())
    again = rebalance(after(account, plan), np.array([0.7, 0.3]), TradingRules())

    assert plan.deviation < 0.02
    assert plan.cash_after >= 0
    assert not again.orders.any()


BALANCED = Account(np.array([52.0, 48.0]), 0.0, np.array([10.0, 10.0]))
HALVES = np.array([0.5, 0.5])


def test_within_the_band_nothing_is_ordered():
    plan = rebalance(BALANCED, HALVES, TradingRules(band=0.02))

    assert not plan.orders.any()
    assert (plan.method, plan.gap, plan.cost) == (Method.OPTIMAL, 0.0, 0.0)


def test_out_of_the_band_all_are_rebalanced():
    plan = rebalance(BALANCED, HALVES, TradingRules(band=0.019, costs=FREE))

    assert_array_equal(plan.orders, [-2.0, 2.0])


def test_a_cap_is_kept_to_within_the_band_too():
    plan = rebalance(BALANCED, HALVES, TradingRules(band=0.1, upper=np.array([0.51, 1.0]), costs=FREE))

    assert plan.weights_after[0] <= 0.51
    assert plan.orders[0] < 0


def test_a_target_of_cash_sells_everything():
    plan = rebalance(BALANCED, np.zeros(2), TradingRules())

    assert_array_equal(plan.shares_after, [0.0, 0.0])
    assert plan.cash_after == pytest.approx(1000.0 * (1 - 3e-4), rel=1e-6)


def test_a_limit_on_turnover_is_told_and_the_next_run_goes_on_from_there():
    account = Account(np.array([100.0, 0.0]), 0.0, np.array([10.0, 10.0]))
    rules = TradingRules(costs=FREE, turnover=0.4)

    first = rebalance(account, HALVES, rules)
    second = rebalance(after(account, first), HALVES, rules)
    third = rebalance(after(account, second), HALVES, rules)
    fourth = rebalance(after(account, third), HALVES, rules)

    assert [plan.limited for plan in (first, second, third, fourth)] == [True, True, False, False]
    assert_array_equal(third.shares_after, [50.0, 50.0])
    assert not fourth.orders.any()


def test_no_small_orders_but_to_sell_what_is_left():
    account = Account(np.array([3.0, 58.0]), 390.0, np.array([10.0, 10.0]))

    plan = rebalance(account, np.array([0.0, 0.6]), TradingRules(costs=FREE, minimum_order=50.0))

    assert_array_equal(plan.orders, [-3.0, 0.0])
    assert plan.limited


def test_risk_before_and_after_is_that_of_the_weights():
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    target = np.array([0.3, 0.7])

    plan = rebalance(BALANCED, target, TradingRules(), covariance=covariance)

    away = plan.weights_after - target
    assert plan.volatility_before == pytest.approx(np.sqrt(0.52**2 * 0.04 + 2 * 0.52 * 0.48 * 0.01 + 0.48**2 * 0.09))
    assert plan.volatility_after == pytest.approx(np.sqrt(plan.weights_after @ covariance @ plan.weights_after))
    assert plan.tracking_error == pytest.approx(np.sqrt(away @ covariance @ away))


def large_book(seed: int = 0, assets: int = 100) -> tuple[Account, np.ndarray]:
    rng = np.random.default_rng(seed)
    price = np.round(rng.uniform(10.0, 1000.0, assets), 2)
    held = np.floor(rng.dirichlet(np.ones(assets)) * 1e7 / price)
    return Account(held, 50_000.0, price), rng.dirichlet(np.ones(assets))


def test_out_of_time_the_greedy_orders_are_given_and_said_to_be_that():
    account, target = large_book()

    plan = rebalance(account, target, TradingRules(), time_limit=1e-9)

    assert plan.method is Method.GREEDY
    assert TOLERANCE < plan.gap < 1e-3
    assert_array_equal(plan.orders, greedy(account, target, TradingRules()).orders)


def test_with_time_the_orders_of_a_hundred_assets_are_proved():
    account, target = large_book()

    plan = rebalance(account, target, TradingRules())

    assert plan.method is Method.OPTIMAL
    assert plan.gap <= TOLERANCE


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_turnover_that_does_not_allow_for_the_sales_a_cap_needs_is_said(solver):
    account = Account(np.array([100.0, 0.0]), 0.0, np.array([10.0, 10.0]))

    with pytest.raises(Infeasible, match=r"turnover, upper: expected a turnover of at least 0\.4, .* got 0\.3"):
        solver(account, HALVES, TradingRules(upper=0.6, turnover=0.3))


PRICES = np.array([10.0, 20.0])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cash": -0.01}, r"cash: expected 0 or more, and finite, got -0\.01"),
        ({"cash": float("nan")}, r"cash: expected 0 or more, and finite, got nan"),
        ({"shares": np.array([1.0, 2.5])}, r"shares\[1\]: expected a whole multiple, .* of the lot of 1, got 2\.5"),
        ({"shares": np.array([1.0, -2.0])}, r"shares\[1\]: expected 0 or more, and finite, got -2"),
        ({"shares": np.array([np.nan, 2.0])}, r"shares\[0\]: expected 0 or more, and finite, got nan"),
        ({"shares": np.ones(3)}, r"shares: expected shape \(2,\), as price has, got \(3,\)"),
        ({"shares": np.array([1e13, 0.0])}, r"shares\[0\]: expected a whole multiple, at most 1e\+12, of the lot"),
        ({"price": np.array([10.0, 0.0])}, r"price\[1\]: expected above 0, and finite, got 0"),
        ({"price": np.array([np.inf, 1.0])}, r"price\[0\]: expected above 0, and finite, got inf"),
        ({"price": np.ones((2, 1))}, r"price: expected an \(N,\) array, N at least 1, got shape \(2, 1\)"),
        ({"price": np.ones(0)}, r"price: expected an \(N,\) array, N at least 1, got shape \(0,\)"),
        ({"lot": np.array([1.0, -1.0])}, r"lot\[1\]: expected above 0, and finite, got -1"),
        ({"shares": np.zeros(2), "cash": 0.0}, r"shares, cash: expected a book worth 1e-09 or more, and finite, got 0"),
        (
            {"shares": np.array([1e-7, 0.0]), "cash": 0.0},
            r"shares, cash: expected a book worth 1e-09 or more, .* got 0",
        ),
        ({"shares": np.zeros(2), "cash": 1e-320}, r"shares, cash: expected a book worth 1e-09 or more, .* got 9\.9"),
    ],
)
def test_an_account_that_is_none_is_refused(changed, message):
    sound = {"shares": np.ones(2), "cash": 5.0, "price": PRICES}

    with pytest.raises(QuantError, match=message):
        Account(**(sound | changed))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (np.array([0.7, 0.4]), r"target: expected weights that sum to 1 at most, got 1\.1"),
        (np.array([0.7, np.nan]), r"target\[1\]: expected 0 or more, and finite, got nan"),
        (np.array([-0.1, 0.5]), r"target\[0\]: expected 0 or more, and finite, got -0\.1"),
        (np.ones(1), r"target: expected shape \(2,\), as price has, got \(1,\)"),
    ],
)
def test_a_target_that_is_none_is_refused(target, message):
    with pytest.raises(QuantError, match=message):
        rebalance(BALANCED, target, TradingRules())


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"band": -0.1}, r"band: expected 0 or more, and finite, got -0\.1"),
        ({"upper": 0.0}, r"upper: expected above 0 to 1, got 0"),
        ({"upper": np.array([0.5, 1.5])}, r"upper\[1\]: expected above 0 to 1, got 1\.5"),
        ({"turnover": float("nan")}, r"turnover: expected 0 or more, and finite, or none, got nan"),
        ({"minimum_order": -1.0}, r"minimum_order: expected 0 or more, and finite, got -1"),
    ],
)
def test_rules_that_are_none_are_refused(rules, message):
    with pytest.raises(QuantError, match=message):
        TradingRules(**rules)


def test_what_does_not_fit_the_account_is_refused():
    with pytest.raises(QuantError, match=r"covariance: expected a finite \(2, 2\) array, got shape \(3, 3\)"):
        rebalance(BALANCED, HALVES, TradingRules(), covariance=np.eye(3))
    with pytest.raises(QuantError, match=r"upper: expected shape \(2,\), as price has, got \(3,\)"):
        rebalance(BALANCED, HALVES, TradingRules(upper=np.ones(3)))
    with pytest.raises(QuantError, match=r"time_limit: expected above 0 seconds, and finite, got 0"):
        rebalance(BALANCED, HALVES, TradingRules(), time_limit=0.0)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_million_tiny_lots_are_as_near_as_one_large_one(solver):
    # One lot at a time this would take a minute; the search starts from what is held, where a minimum keeps all out.
    account = Account(np.zeros(4), 1.0, np.array([0.001, 0.9, 0.001, 32.0]), np.full(4, 0.001))

    plan = solver(account, np.array([0.3, 0.2, 0.25, 0.2]), TradingRules(minimum_order=0.5))

    assert plan.cash_after >= 0.0
    assert plan.deviation <= 0.95  # of nothing ordered at all


@pytest.mark.parametrize("seed", range(5))
def test_what_may_be_traded_goes_into_the_largest_orders_where_small_ones_are_not_worth_it(seed):
    rng = np.random.default_rng(seed)
    price, value = np.round(rng.uniform(10.0, 500.0, 20), 2), 100_000.0
    account = Account(np.floor(0.9 * value * rng.dirichlet(np.ones(20)) / price), 0.1 * value, price)
    target, rules = rng.dirichlet(np.ones(20)), TradingRules(turnover=0.1, minimum_order=500.0)

    quick, best = greedy(account, target, rules), rebalance(account, target, rules)

    # A share of every order would leave none above the minimum, and the book where it was.
    assert 0.05 < quick.turnover <= 0.1
    assert quick.deviation <= best.deviation + 0.02
