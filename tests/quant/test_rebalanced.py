"""The book of a walk-forward: a loop that counts money, skfolio's and bt's books, and figures that say what it did."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import bigtech_bars
from skfolio import Portfolio
from skfolio.datasets import load_sp500_dataset

from quant import performance, risk
from quant.bars import log_returns
from quant.errors import QuantError, TooShort
from quant.rebalanced import RebalancedBook, Targets, buy_and_hold, by_session, rebalanced, scores
from quant.sharpe import sharpe_interval


def prices(sessions: int = 756) -> pd.DataFrame:
    """The last sessions of skfolio's twenty stocks."""
    return load_sp500_dataset().iloc[-sessions:]


def drawn_book(seed: int, *, shorts: bool = True) -> tuple[np.ndarray, Targets]:
    """Returns of some steps and assets, and targets that leave cash, borrow and sell short."""
    rng = np.random.default_rng(seed)
    steps, assets = int(rng.integers(1, 80)), int(rng.integers(1, 7))
    returns = rng.normal(0.0005, 0.02, (steps, assets))
    rows = np.sort(rng.choice(steps, int(rng.integers(1, steps + 1)), replace=False))
    weights = rng.dirichlet(np.ones(assets + 1), len(rows))[:, :assets]
    if shorts:
        weights = 2.0 * weights * rng.choice([-1.0, 1.0], weights.shape)
    return returns, Targets(rows, weights)


seeds = st.integers(0, 2**32 - 1)


def counted(returns: np.ndarray, targets: Targets, *, cost_bp: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """The same book in money, step by step: the value at each end, and the weights before each trade."""
    cash, worth, values, before = 1.0, np.zeros(returns.shape[1]), [], []
    trades = dict(zip(targets.row.tolist(), targets.weights, strict=True))
    for step, earned in enumerate(returns):
        if step in trades:
            value = cash + worth.sum()
            before.append(worth / value)
            value -= np.abs(value * trades[step] - worth).sum() * cost_bp / 1e4
            worth = value * trades[step]
            cash = value - worth.sum()
        worth = worth * (1 + earned)
        values.append(cash + worth.sum())
    return np.array(values), before


# --- the book ---------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(seeds, st.sampled_from([0.0, 10.0, 200.0]))
def test_the_book_is_the_one_that_counts_money(seed, cost_bp):
    returns, targets = drawn_book(seed)

    book = rebalanced(returns, targets, cost_bp=cost_bp)

    values, before = counted(returns, targets, cost_bp=cost_bp)
    assert_allclose(np.exp(np.cumsum(book.log_return)), values, rtol=1e-10)
    assert_allclose(book.weights, before, atol=1e-10)
    assert_allclose(book.turnover, np.abs(targets.weights - book.weights).sum(axis=1), atol=1e-12)
    assert_allclose(book.cost, book.turnover * cost_bp / 1e4)
    assert_allclose(book.concentration, [risk.effective_number(weights) for weights in targets.weights])
    assert len(book) == len(returns)
    assert not book.ruined


def test_fixed_weights_brought_back_every_session_are_skfolios_portfolio():
    returns = prices().pct_change().to_numpy()[1:]
    weights = np.random.default_rng(0).dirichlet(np.ones(20))

    book = rebalanced(returns, Targets(np.arange(len(returns)), np.tile(weights, (len(returns), 1))), cost_bp=0.0)

    assert_allclose(np.expm1(book.log_return), Portfolio(X=returns, weights=weights).returns, atol=1e-14)


def bt_log_values(history: pd.DataFrame, targets: pd.DataFrame, *, cost_bp: float) -> np.ndarray:
    """The book by the package bt at each close, which trades at the closes of the targets' days.

    bt keeps cash and shares, charges its commission for each order and values the book. It is told how many shares to
    hold: its own rebalancing takes an order's fee out of that order, so that it ends beside its targets.
    """
    import bt

    class Trade(bt.Algo):
        def __call__(self, target):
            if target.now not in targets.index:
                return True
            price = target.universe.loc[target.now]
            shares = target.value * targets.loc[target.now] / price
            for name, quantity in shares.items():
                held = target.children[name].position if name in target.children else 0.0
                target.transact(quantity - held, name)
            return True

    test = bt.Backtest(
        bt.Strategy("book", [Trade()]),
        history,
        integer_positions=False,
        commissions=lambda quantity, price: abs(quantity) * price * cost_bp / 1e4,
        progress_bar=False,
    )
    test.run()
    # bt puts a row of its own before the first.
    return np.log(test.strategy.values.reindex(history.index).to_numpy() / test.initial_capital)


@pytest.mark.parametrize(("cost_bp", "tolerance"), [(0.0, 1e-12), (10.0, 1e-4)])
def test_a_monthly_book_that_drifts_is_bts(cost_bp, tolerance):
    history = prices()
    month = history.index.to_period("M")
    decided = np.flatnonzero(month[1:] != month[:-1])
    weights = np.random.default_rng(1).dirichlet(np.full(20, 0.5), len(decided)) * 0.98

    # Decided and traded at a close: held from the next step, whose return stands in the row of the same number.
    book = rebalanced(history.pct_change().to_numpy()[1:], Targets(decided, weights), cost_bp=cost_bp)

    left = weights * (1 - book.cost[:, None])
    theirs = bt_log_values(
        history, pd.DataFrame(left, index=history.index[decided], columns=history.columns), cost_bp=cost_bp
    )
    # At the closes of its trades bt has paid already, ours pays at the start of the next step. What else is told apart
    # is the cost of what costs: a thousandth of them.
    alike = np.setdiff1d(np.arange(len(book)), decided - 1)
    assert_allclose(np.cumsum(book.log_return)[alike], theirs[1:][alike], atol=tolerance)
    assert book.cost.sum() == pytest.approx(0.046 * cost_bp / 10, abs=1e-3)


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_what_is_bought_and_held_earns_the_mean_of_its_assets_growth(seed):
    returns, targets = drawn_book(seed, shorts=False)
    weights = targets.weights[0]

    book = buy_and_hold(returns, weights, cost_bp=20.0)

    growth = weights @ np.prod(1 + returns, axis=0) + 1 - weights.sum()
    assert book.log_return.sum() == pytest.approx(math.log(growth * (1 - 0.002 * weights.sum())), abs=1e-12)
    assert_array_equal(book.weights, np.zeros((1, len(weights))))
    assert_allclose(book.turnover, weights.sum())


@settings(max_examples=50, deadline=None)
@given(seeds, st.floats(0.0, 100.0))
def test_costs_lower_the_value_by_themselves_and_change_no_weight(seed, cost_bp):
    returns, targets = drawn_book(seed)

    free, paid = (rebalanced(returns, targets, cost_bp=bp) for bp in (0.0, cost_bp))

    assert_array_equal(paid.weights, free.weights)
    assert_array_equal(paid.turnover, free.turnover)
    gap = np.zeros(len(returns))
    gap[targets.row] = np.log1p(-paid.cost)
    assert_allclose(paid.log_return - free.log_return, gap, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(seeds, st.floats(-0.05, 0.05))
def test_a_return_from_step_t_on_changes_nothing_before_it(seed, shock):
    returns, targets = drawn_book(seed)
    t = seed % len(returns)
    later = returns.copy()
    later[t:] += shock

    before, after = (rebalanced(each, targets, cost_bp=10.0) for each in (returns, later))

    assert_array_equal(after.log_return[:t], before.log_return[:t])
    known = targets.row <= t
    assert_array_equal(after.weights[known], before.weights[known])


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_neither_the_assets_order_nor_one_that_is_never_held_matters(seed):
    returns, targets = drawn_book(seed)
    order = np.random.default_rng(seed).permutation(returns.shape[1])
    empty = np.full((len(returns), 1), np.nan)

    plain = rebalanced(returns, targets, cost_bp=10.0)
    other = rebalanced(
        np.hstack([empty, returns[:, order]]),
        Targets(targets.row, np.hstack([np.zeros((len(targets.row), 1)), targets.weights[:, order]])),
        cost_bp=10.0,
    )

    assert_allclose(other.log_return, plain.log_return, atol=1e-12)
    assert_allclose(other.weights[:, 1:], plain.weights[:, order], atol=1e-12)
    assert_allclose(other.concentration, plain.concentration)


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_trading_to_what_is_held_anyway_costs_nothing(seed):
    returns, targets = drawn_book(seed, shorts=False)
    returns, weights = np.vstack([returns, returns]), targets.weights[0]
    rows = np.array([0, len(returns) // 2])
    drifted = rebalanced(returns, Targets(rows, np.stack([weights, weights])), cost_bp=10.0).weights[1]

    book = rebalanced(returns, Targets(rows, np.stack([weights, drifted])), cost_bp=10.0)

    assert book.turnover[1] == 0.0
    assert_allclose(book.log_return, buy_and_hold(returns, weights, cost_bp=10.0).log_return, atol=1e-12)


def test_before_the_first_target_the_book_is_cash():
    returns = np.full((4, 1), 0.1)

    book = rebalanced(returns, Targets(np.array([2]), np.ones((1, 1))), cost_bp=0.0)

    assert_allclose(book.log_return, [0.0, 0.0, math.log(1.1), math.log(1.1)])


def test_an_asset_that_is_not_listed_yet_may_wait_without_a_return():
    returns = np.array([[0.1, np.nan], [0.1, np.nan], [0.1, 0.2]])

    book = rebalanced(returns, Targets(np.array([0, 2]), np.array([[1.0, 0.0], [0.5, 0.5]])), cost_bp=0.0)

    assert_allclose(np.expm1(book.log_return), [0.1, 0.1, 0.15])


def test_real_stocks_bought_and_held_are_worth_what_their_prices_say():
    history = [np.expm1(log_returns(bigtech_bars(name)[-1_000:])[1:]) for name in ("AAPL", "AMZN", "MSFT")]
    returns = np.column_stack(history)

    book = buy_and_hold(returns, np.full(3, 1 / 3), cost_bp=0.0)

    worth = np.cumprod(1 + returns, axis=0).mean(axis=1)
    assert_allclose(np.exp(np.cumsum(book.log_return)), worth, rtol=1e-12)


# --- ruin -------------------------------------------------------------------------------------------------------------


def test_a_book_that_comes_to_nothing_is_ruined_there_and_trades_no_more():
    returns = np.array([[0.1], [1.2], [0.0], [0.1]])

    book = rebalanced(returns, Targets(np.array([0, 2, 3]), np.array([[-1.0], [0.5], [0.7]])), cost_bp=10.0)

    assert book.ruined
    assert_allclose(book.log_return[0], math.log(0.9 * 0.999))
    assert book.log_return[1] == -math.inf
    assert np.isnan(book.log_return[2:]).all()
    assert_array_equal(book.turnover, [1.0, 0.0, 0.0])
    assert_array_equal(book.cost, [0.001, 0.0, 0.0])
    assert_array_equal(book.concentration, [1.0, 0.0, 0.0])


def test_an_asset_that_loses_everything_ruins_only_who_holds_nothing_else():
    returns = np.array([[-1.0, 0.0], [5.0, 0.1]])

    half, all_of_it = (buy_and_hold(returns, np.array(weights), cost_bp=0.0) for weights in ([0.5, 0.5], [1.0, 0.0]))

    assert_allclose(half.log_return, np.log([0.5, 1.1]))
    assert all_of_it.ruined


def test_trading_that_costs_all_there_is_ruins_even_who_would_have_been_ruined_by_prices():
    book = rebalanced(np.array([[2.0], [0.0]]), Targets(np.array([0]), np.array([[-3.0]])), cost_bp=5_000.0)

    assert book.log_return[0] == -math.inf
    assert book.cost[0] == 1.0


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_steps_of_a_session_add_up_to_it():
    day = np.array(["2024-01-02", "2024-01-02", "2024-01-03", "2024-01-05"], dtype="datetime64[D]")

    assert_array_equal(by_session(np.array([1.0, 2.0, 4.0, 8.0]), day), [3.0, 4.0, 8.0])
    assert_array_equal(by_session(np.array([1.0, 2.0, 4.0]), np.array([7, 7, 7])), [7.0])


def test_the_session_of_ruin_lost_everything_and_those_after_it_are_nothing():
    log_return = np.array([0.1, 0.2, -np.inf, np.nan, np.nan, np.nan])

    assert_array_equal(by_session(log_return, np.array([0, 1, 1, 1, 2, 3])), [0.1, -np.inf, np.nan, np.nan])


def test_sessions_out_of_order_or_of_another_length_are_refused():
    with pytest.raises(QuantError, match="session_of_step: expected ascending sessions"):
        by_session(np.zeros(3), np.array([0, 1, 0]))
    with pytest.raises(QuantError, match=r"expected equal one-dimensional shapes, got \(3,\), \(2,\)"):
        by_session(np.zeros(3), np.array([0, 1]))
    with pytest.raises(TooShort, match="log_return: expected at least 1 step, got none"):
        by_session(np.empty(0), np.empty(0, dtype=np.intp))


# --- figures ----------------------------------------------------------------------------------------------------------


def monthly_book() -> RebalancedBook:
    returns = prices().pct_change().to_numpy()[1:]
    rows = np.arange(0, len(returns), 21)
    weights = np.random.default_rng(2).dirichlet(np.ones(20), len(rows))
    return rebalanced(returns, Targets(rows, weights), cost_bp=10.0)


def test_the_figures_are_those_of_the_books_returns_and_trades():
    book = monthly_book()

    figures = scores(book.log_return, book, sessions_per_year=252, trials=8, trial_sharpe_variance=1e-3)

    # Ratios are of simple returns, as those of portfolios are published; growth and falls compound.
    simple = np.expm1(book.log_return)
    interval = sharpe_interval(simple, sessions_per_year=252)
    assert figures.annualised_return == performance.annualised_return(book.log_return, sessions_per_year=252)
    assert figures.annualised_volatility == performance.annualised_volatility(simple, sessions_per_year=252)
    assert (figures.sharpe, figures.sharpe_lower, figures.sharpe_upper) == (
        performance.sharpe(simple, sessions_per_year=252),
        interval.lower,
        interval.upper,
    )
    assert figures.probabilistic_sharpe == performance.probabilistic_sharpe(simple, benchmark_sharpe_per_session=0.0)
    assert figures.deflated_sharpe == performance.deflated_sharpe(simple, trials=8, trial_sharpe_variance=1e-3)
    assert figures.deflated_sharpe < figures.probabilistic_sharpe
    assert figures.maximum_drawdown == performance.maximum_drawdown(book.log_return)
    assert figures.turnover == pytest.approx(book.turnover.sum() / 755 * 252)
    assert figures.effective_number == pytest.approx(book.concentration.mean())
    assert figures.total_cost_bp == pytest.approx(10.0 * book.turnover.sum())


def test_times_in_cash_do_not_count_as_concentration():
    returns = np.random.default_rng(0).normal(0.0, 0.01, (9, 2))
    targets = Targets(np.array([0, 3, 6]), np.array([[0.5, 0.5], [0.0, 0.0], [0.3, 0.3]]))
    book = rebalanced(returns, targets, cost_bp=0.0)

    figures = scores(book.log_return, book, sessions_per_year=252, trials=1, trial_sharpe_variance=0.0)

    assert figures.effective_number == pytest.approx(2.0)


def test_steps_within_sessions_are_scored_by_session():
    book = monthly_book()
    per_session = by_session(book.log_return, np.arange(755) // 5)

    figures = scores(per_session, book, sessions_per_year=50, trials=1, trial_sharpe_variance=0.0)

    assert figures.sharpe == performance.sharpe(np.expm1(per_session), sessions_per_year=50)
    assert figures.turnover == pytest.approx(book.turnover.sum() / 151 * 50)


def test_a_ruined_book_ranks_behind_any_other():
    returns = np.array([[0.1], [1.2], [0.0], [0.1], [0.0]])
    book = buy_and_hold(returns, np.array([-1.0]), cost_bp=10.0)

    figures = scores(book.log_return, book, sessions_per_year=252, trials=3, trial_sharpe_variance=1e-3)

    assert (figures.annualised_return, figures.maximum_drawdown) == (-1.0, 1.0)
    assert (figures.sharpe, figures.sharpe_lower, figures.sharpe_upper) == (-math.inf,) * 3
    assert (figures.probabilistic_sharpe, figures.deflated_sharpe) == (0.0, 0.0)
    assert (figures.turnover, figures.total_cost_bp) == (pytest.approx(252 / 5), pytest.approx(10.0))
    assert figures.effective_number == 1.0


def test_figures_of_other_returns_of_too_few_or_of_no_trial_are_refused():
    book = monthly_book()
    arguments = {"sessions_per_year": 252, "trials": 1, "trial_sharpe_variance": 0.0}

    with pytest.raises(QuantError, match="log_returns: expected the book's, which sum to"):
        scores(book.log_return[1:], book, **arguments)
    with pytest.raises(TooShort, match="log_returns: expected at least 5 sessions, got 4"):
        scores(book.log_return[:4], book, **arguments)
    with pytest.raises(QuantError, match="trials: expected at least 1, got 0"):
        scores(book.log_return, book, **arguments | {"trials": 0})


# --- arguments --------------------------------------------------------------------------------------------------------


def test_a_return_that_is_missing_where_something_is_held_is_named():
    returns = np.zeros((6, 3))
    returns[4, 1] = np.nan
    returns[2, 2] = np.nan
    targets = Targets(np.array([1, 3]), np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]]))

    with pytest.raises(QuantError, match=r"at least -1 .* got nan in step 4 for asset 1, with a weight of 0\.3"):
        rebalanced(returns, targets, cost_bp=0.0)


@pytest.mark.parametrize("value", [-1.01, np.inf])
def test_a_return_that_is_none_is_refused(value):
    with pytest.raises(QuantError, match=f"got {value} in step 0 for asset 0"):
        buy_and_hold(np.array([[value]]), np.ones(1), cost_bp=0.0)


@pytest.mark.parametrize("cost_bp", [-1.0, 1e4, math.nan])
def test_costs_of_less_than_nothing_or_of_all_there_is_are_refused(cost_bp):
    with pytest.raises(QuantError, match=f"cost_bp: expected 0 to below 10000, got {cost_bp}"):
        buy_and_hold(np.zeros((2, 1)), np.ones(1), cost_bp=cost_bp)


@pytest.mark.parametrize(
    ("row", "weights", "message"),
    [
        ([0, 1], [[1.0]], r"row, weights: expected \(R,\) and \(R, N\), got shapes \(2,\), \(1, 1\)"),
        ([1, 1], [[1.0], [1.0]], "row: expected ascending rows from 0 on, each once"),
        ([-1], [[1.0]], "row: expected ascending rows from 0 on, each once"),
        ([0, 1], [[1.0], [math.nan]], "weights: expected finite ones, got nan for asset 0 in target 1"),
    ],
)
def test_targets_without_meaning_are_refused(row, weights, message):
    with pytest.raises(QuantError, match=message):
        Targets(np.array(row), np.array(weights))


def test_targets_that_do_not_fit_the_returns_are_refused():
    targets = Targets(np.array([0, 3]), np.ones((2, 1)))

    with pytest.raises(QuantError, match="targets: expected rows below 3, got 3"):
        rebalanced(np.zeros((3, 1)), targets, cost_bp=0.0)
    with pytest.raises(QuantError, match=r"returns: expected \(S, 1\), got shape \(5, 2\)"):
        rebalanced(np.zeros((5, 2)), targets, cost_bp=0.0)
    with pytest.raises(TooShort, match="row: expected at least 1 target, got none"):
        Targets(np.empty(0, dtype=np.intp), np.empty((0, 2)))
