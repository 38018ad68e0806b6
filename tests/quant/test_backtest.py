"""Backtests: another engine's equity on real bars, a plain loop's on any, and what must hold of every book."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from other_engine import bt_equity
from shared_data import sample_bars

from quant import performance as scores
from quant.backtest import backtest, buy_and_hold, performance
from quant.bars import CLOSE, OPEN, adjusted
from quant.costs import Costs
from quant.errors import QuantError, TooShort
from quant.signals import Action

BUY, SELL, HOLD = Action.BUY, Action.SELL, Action.HOLD
FREE = Costs(cost_bp=0.0, slippage_bp=0.0)
DEAR = Costs(cost_bp=5.0, slippage_bp=10.0)
ACTIONS = np.array([BUY, SELL, HOLD])


def adjusted_prices(ticker):
    bars = adjusted(sample_bars(ticker))
    return np.ascontiguousarray(bars[:, OPEN]), np.ascontiguousarray(bars[:, CLOSE])


def random_actions(n, *, seed, mean_hold):
    """Actions that last a geometric number of sessions, then change to any other."""
    rng = np.random.default_rng(seed)
    fresh = rng.random(n) < 1.0 / mean_hold
    fresh[0] = True
    return list(ACTIONS[rng.integers(0, 3, n)[np.maximum.accumulate(np.where(fresh, np.arange(n), 0))]])


def hysteresis_actions(closes):
    """As a rule would have it: long or short beyond a high edge of a month's momentum, until under a lower one."""
    momentum = np.concatenate([np.zeros(21), np.log(closes[21:] / closes[:-21])])
    actions, action = [], HOLD
    for edge in momentum:
        direction = BUY if edge > 0 else SELL
        if abs(edge) < (0.01 if action is direction else 0.05):
            direction = HOLD
        action = direction
        actions.append(action)
    return actions


# --- another engine ---------------------------------------------------------------------------------------------------


BORROWED = Costs(cost_bp=1.0, slippage_bp=2.0, borrow_bp_per_year=300.0)


@pytest.mark.parametrize("costs", [FREE, Costs(), DEAR, BORROWED], ids=["free", "usual", "dear", "borrowed"])
@pytest.mark.parametrize("ticker", ["MSFT", "IBM", "AAPL"])
def test_equity_of_a_rule_is_bts_at_every_close(ticker, costs):
    opens, closes = adjusted_prices(ticker)
    actions = hysteresis_actions(closes)

    ours = backtest(opens, closes, actions, costs=costs)

    theirs, bankrupt = bt_equity(opens, closes, actions, costs=costs)
    assert not bankrupt
    assert len(ours.trades) > 50
    np.testing.assert_allclose(ours.equity, theirs, rtol=1e-9, atol=0)


@pytest.mark.parametrize("size", [1.0, 0.4])
@pytest.mark.parametrize("mean_hold", [1, 4, 30])
@pytest.mark.parametrize("ticker", ["MSFT", "IBM"])
def test_equity_of_random_reversals_is_bts_at_every_close(ticker, mean_hold, size):
    opens, closes = adjusted_prices(ticker)
    actions = random_actions(len(closes), seed=mean_hold, mean_hold=mean_hold)

    ours = backtest(opens, closes, actions, costs=BORROWED, size=size)

    theirs, bankrupt = bt_equity(opens, closes, actions, costs=BORROWED, size=size)
    assert not bankrupt
    assert {(a.direction, b.direction) for a, b in zip(ours.trades, ours.trades[1:], strict=False) if a.exit == b.entry}
    np.testing.assert_allclose(ours.equity, theirs, rtol=1e-9, atol=0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of bt's own statistics, which take logs of what is left
def test_a_short_that_is_held_too_long_ruins_the_book_when_bt_goes_bankrupt():
    opens, closes = adjusted_prices("AAPL")
    actions = [BUY] * 600 + [SELL] * (len(closes) - 600)

    ours = backtest(opens, closes, actions, costs=Costs())

    theirs, bankrupt = bt_equity(opens, closes, actions, costs=Costs())
    ruin = int(np.argmax(ours.equity == 0))
    assert bankrupt
    assert ruin == np.argmax(theirs < 0) > 600
    np.testing.assert_allclose(ours.equity[:ruin], theirs[:ruin], rtol=1e-9, atol=0)


# --- a plain loop -----------------------------------------------------------------------------------------------------


def plain_loop(opens, closes, actions, *, costs, size=1.0):
    """The same book kept as a person would: cash, shares, one session after the other, nothing after ruin.

    Gives the equity at each close and, for each trade that is over, its exit, log return and costs in bp.
    """
    slippage, charge, rent = costs.slippage_bp / 1e4, costs.cost_bp / 1e4, costs.borrow_bp_per_year / 1e4 / 252
    cash, shares, holding, equity, over = 1.0, 0.0, HOLD, [], []
    at_entry = paid = math.nan
    for t in range(len(closes)):
        wanted = actions[t - 1] if t and cash is not None else HOLD
        if cash is not None and wanted is not holding:
            if shares:
                fill = opens[t] * (1 - math.copysign(slippage, shares))
                cash += shares * fill - abs(shares) * fill * charge
                if cash > 0:
                    paid += abs(shares) * (abs(fill - opens[t]) + fill * charge)
                    over.append((t, math.log(cash / at_entry), 1e4 * paid / at_entry))
                    shares = 0.0
            if cash <= 0:
                cash = None
            elif wanted is not HOLD:
                at_entry = cash
                side = 1 if wanted is BUY else -1
                fill = opens[t] * (1 + side * slippage)
                shares = side * size * cash / (fill * (1 + side * charge))
                cash -= shares * fill + abs(shares) * fill * charge
                paid = abs(shares) * (abs(fill - opens[t]) + fill * charge)
            holding = wanted
        if cash is not None and cash + shares * opens[t] <= 0:
            cash = None
        if cash is not None:
            cash -= max(-shares, 0.0) * closes[t] * rent
            paid += max(-shares, 0.0) * closes[t] * rent
            if cash + shares * closes[t] <= 0:
                cash = None
        if cash is None and shares:
            over.append((t, -math.inf, 1e4 * paid / at_entry))
            shares = 0.0
        equity.append(0.0 if cash is None else cash + shares * closes[t])
    return np.array(equity), over


def market(seed, n):
    """Opens, closes and actions of `n` sessions of a stock wild enough to ruin who is short of it."""
    rng = np.random.default_rng(seed)
    prices = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.3, 2 * n)))
    return prices[::2], prices[1::2], random_actions(n, seed=seed + 1, mean_hold=rng.uniform(1.0, 6.0))


markets = st.builds(market, st.integers(0, 2**31), st.integers(1, 40))
some_costs = st.builds(
    Costs, cost_bp=st.floats(0, 300), slippage_bp=st.floats(0, 300), borrow_bp_per_year=st.floats(0, 50_000)
)
sizes = st.floats(0.01, 1.0)


@settings(max_examples=300, deadline=None)
@given(markets, some_costs, sizes)
def test_a_plain_loop_keeps_the_same_book(market, costs, size):
    opens, closes, actions = market

    ours = backtest(opens, closes, actions, costs=costs, size=size)

    equity, over = plain_loop(opens, closes, actions, costs=costs, size=size)
    np.testing.assert_allclose(ours.equity, equity, rtol=1e-9, atol=1e-12)
    assert [trade.exit for trade in ours.closed] == [row for row, _, _ in over]
    assert [trade.log_return for trade in ours.closed] == pytest.approx([gain for _, gain, _ in over], abs=1e-9)
    assert [trade.cost_bp for trade in ours.closed] == pytest.approx([paid for _, _, paid in over], abs=1e-6)


# --- what must hold of every book -------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(markets, some_costs, sizes)
def test_costs_never_help(market, costs, size):
    opens, closes, actions = market

    net, gross = (backtest(opens, closes, actions, costs=paid, size=size) for paid in (costs, FREE))

    assert np.all(net.equity <= gross.equity * (1 + 1e-12))
    assert all(trade.cost_bp == 0 for trade in gross.trades)
    assert all(trade.cost_bp >= 0 for trade in net.trades)


@settings(max_examples=100, deadline=None)
@given(markets, some_costs, st.data())
def test_what_comes_later_changes_nothing_before(market, costs, data):
    opens, closes, actions = market
    t = data.draw(st.integers(0, len(closes) - 1))
    factor = np.exp(np.random.default_rng(t).normal(size=len(closes) - t - 1))
    later = (np.r_[opens[: t + 1], opens[t + 1 :] * factor], np.r_[closes[: t + 1], closes[t + 1 :] / factor])

    # The action of session t is known, and executed, only after it.
    before = backtest(opens, closes, actions, costs=costs)
    after = backtest(*later, [*actions[:t], *([SELL] * (len(closes) - t))], costs=costs)
    ended = backtest(opens[: t + 1], closes[: t + 1], actions[: t + 1], costs=costs)

    for other in (after, ended):
        np.testing.assert_array_equal(before.equity[: t + 1], other.equity[: t + 1])
        np.testing.assert_array_equal(before.position[: t + 1], other.position[: t + 1])


@settings(max_examples=100, deadline=None)
@given(markets, some_costs, sizes)
def test_equity_is_what_its_returns_and_its_trades_compound_to(market, costs, size):
    book = backtest(*market, costs=costs, size=size)

    assume(not book.ruined)
    assert book.log_return[0] == 0
    np.testing.assert_allclose(np.exp(np.cumsum(book.log_return)), book.equity, rtol=1e-12)
    assert math.log(book.equity[-1]) == pytest.approx(sum(trade.log_return for trade in book.trades), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(markets, some_costs)
def test_trades_do_not_overlap_and_are_held_where_the_action_before_says(market, costs):
    _, closes, actions = market

    book = backtest(*market, costs=costs)

    assume(not book.ruined)
    held = [HOLD] * len(closes)
    for trade in book.trades:
        rows = range(trade.entry, len(closes) if trade.exit is None else trade.exit)
        assert all(held[row] is HOLD for row in rows)
        held[rows.start : rows.stop] = [trade.direction] * len(rows)
    assert held == [HOLD, *actions[:-1]]
    assert [np.sign(share) for share in book.position] == [{BUY: 1, SELL: -1, HOLD: 0}[side] for side in held]


def test_holding_nothing_is_a_flat_equity_of_one():
    opens, closes = adjusted_prices("IBM")

    book = backtest(opens, closes, [HOLD] * len(closes), costs=DEAR)

    np.testing.assert_array_equal(book.equity, 1.0)
    np.testing.assert_array_equal(book.log_return, 0.0)
    np.testing.assert_array_equal(book.position, 0.0)
    assert book.trades == ()


def test_always_long_without_costs_is_the_price_from_the_second_open_on():
    opens, closes = adjusted_prices("MSFT")

    book = buy_and_hold(opens, closes, costs=FREE)

    np.testing.assert_allclose(book.equity[1:], closes[1:] / opens[1], rtol=1e-13)
    assert book.equity[0] == 1
    np.testing.assert_allclose(book.position[1:], 1.0, rtol=1e-13)


def test_a_reversal_pays_for_both_sides_at_one_open():
    opens = np.array([50.0, 100.0, 110.0, 110.0])
    costs = Costs(cost_bp=100.0, slippage_bp=200.0)

    book = backtest(opens, opens, [BUY, SELL, SELL, SELL], costs=costs)

    long, short = book.trades
    assert (long.entry, long.exit, short.entry, short.exit) == (1, 2, 2, None)
    assert (long.entry_price, long.exit_price) == pytest.approx((102.0, 107.8))
    assert (short.entry_price, short.exit_price) == (pytest.approx(107.8), None)
    # Bought for 102 and a fee of 1.02, sold for 107.8 less 1.078.
    left = 106.722 / 103.02
    assert long.log_return == pytest.approx(math.log(left))
    assert long.cost_bp == pytest.approx(1e4 * (3.02 + 3.278) / 103.02)
    # Sold short until 106.722 a share had come in, which is worth 110 to buy back.
    assert book.equity[2] == pytest.approx(left * (2 - 110 / 106.722))
    assert book.position[2] == pytest.approx(-(110 / 106.722) / (2 - 110 / 106.722))


def test_shares_stay_while_the_position_does():
    opens = np.array([1.0, 1.0, 2.0, 4.0, 8.0])

    book = backtest(opens, opens, [BUY] * 5, costs=FREE, size=0.5)

    assert book.equity.tolist() == [1.0, 1.0, 1.5, 2.5, 4.5]
    assert book.position.tolist() == pytest.approx([0.0, 0.5, 1 / 1.5, 2 / 2.5, 4 / 4.5])


def test_a_borrowed_share_costs_its_year_in_a_year_of_sessions():
    prices = np.full(254, 10.0)

    book = backtest(prices, prices, [SELL] * 254, costs=Costs(cost_bp=0, slippage_bp=0, borrow_bp_per_year=500))

    assert book.equity[[1, 252]] == pytest.approx([1 - 0.05 / 252, 0.95])
    assert book.trades[0].cost_bp == pytest.approx(500 * 253 / 252)


def test_a_market_that_never_closes_parts_the_year_in_more_sessions():
    prices, costs = np.full(366, 10.0), Costs(cost_bp=0, slippage_bp=0, borrow_bp_per_year=500)

    book = backtest(prices, prices, [SELL] * 366, costs=costs, sessions_per_year=365)

    assert book.equity[365] == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("at_open", "at_close", "then", "price"),
    [
        (1.5, 2.0, SELL, 2.0),
        (2.5, 1.5, SELL, 2.5),
        (3.0, 4.0, SELL, 3.0),
        (2.5, 1.5, HOLD, 2.5),
        (2.5, 1.5, BUY, 2.5),
    ],
    ids=["at a close", "at an open", "at both", "where it is left", "where it is reversed"],
)
def test_a_ruined_book_stays_at_nothing(at_open, at_close, then, price):
    opens, closes = np.array([1.0, 1.0, at_open, 1.0, 1.0]), np.array([1.0, 1.0, at_close, 1.0, 1.0])

    book = backtest(opens, closes, [SELL, then, BUY, BUY, BUY], costs=FREE)

    assert book.ruined
    assert book.equity.tolist() == [1.0, 1.0, 0.0, 0.0, 0.0]
    assert book.position.tolist() == [0.0, -1.0, 0.0, 0.0, 0.0]
    np.testing.assert_array_equal(book.log_return[1:], [0.0, -math.inf, math.nan, math.nan])
    (trade,) = book.trades
    assert (trade.entry, trade.exit, trade.exit_price, trade.log_return) == (1, 2, price, -math.inf)


def test_a_short_that_cannot_pay_for_its_way_out_is_ruined_at_that_open():
    opens, closes = np.array([1.0, 1.0, 1.92, 1.9]), np.array([1.0, 1.0, 1.9, 1.9])
    costs = Costs(cost_bp=0.0, slippage_bp=300.0)

    left, held = (backtest(opens, closes, [SELL, then, then, then], costs=costs) for then in (HOLD, SELL))

    assert (left.equity[2], left.trades[0].exit_price) == (0.0, 1.92)
    assert held.equity[2] == pytest.approx(2 - 1.9 / 0.97)


def test_a_book_that_is_ruined_in_the_session_it_went_short_in_ends_there():
    opens, closes = np.array([1.0, 1.0, 1.0, 1.0]), np.array([1.0, 1.0, 2.0, 1.0])

    book = backtest(opens, closes, [BUY, SELL, SELL, SELL], costs=FREE)

    assert book.equity.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert [(trade.entry, trade.exit, trade.direction) for trade in book.trades] == [(1, 2, BUY), (2, 2, SELL)]


def test_one_session_is_a_book_without_a_trade():
    book = backtest(np.ones(1), np.ones(1), [BUY], costs=Costs())

    assert (book.equity.tolist(), book.trades) == ([1.0], ())


# --- figures ----------------------------------------------------------------------------------------------------------


def test_the_figures_are_those_of_the_equity_and_of_the_trades():
    opens, closes = adjusted_prices("IBM")
    book = backtest(opens, closes, hysteresis_actions(closes), costs=Costs(), size=0.5)
    returns = book.log_return

    ours = performance(book, sessions_per_year=252, trials=20, trial_sharpe_variance=1e-3)

    years = len(book) / 252
    assert ours.annualised_return == pytest.approx(book.equity[-1] ** (1 / years) - 1)
    assert ours.annualised_volatility == pytest.approx(np.std(returns, ddof=1) * math.sqrt(252))
    assert ours.sharpe == scores.sharpe(returns, sessions_per_year=252)
    assert ours.probabilistic_sharpe == scores.probabilistic_sharpe(returns, benchmark_sharpe_per_session=0.0)
    assert ours.deflated_sharpe == scores.deflated_sharpe(returns, trials=20, trial_sharpe_variance=1e-3)
    assert ours.deflated_sharpe < ours.probabilistic_sharpe
    assert ours.maximum_drawdown == pytest.approx(np.max(1 - book.equity / np.maximum.accumulate(book.equity)))
    assert ours.hit_rate == np.mean([trade.log_return > 0 for trade in book.trades if trade.exit is not None])
    assert ours.trades == len(book.trades)
    assert ours.total_cost_bp == pytest.approx(sum(trade.cost_bp for trade in book.trades))
    # Each trade goes half in and half out again, whatever its price did in between.
    assert ours.turnover == pytest.approx(0.5 * (len(book.trades) + len(book.closed)) / years)
    held = sum((len(book) if trade.exit is None else trade.exit) - trade.entry for trade in book.trades)
    assert ours.exposure == pytest.approx(0.5 * held / len(book), rel=0.05)


def test_a_round_trip_at_the_same_price_costs_its_round_trip():
    prices = np.full(4, 10.0)

    book = backtest(prices, prices, [BUY, HOLD, HOLD, HOLD], costs=Costs())

    figures = performance(book, sessions_per_year=4, trials=1, trial_sharpe_variance=0.0)
    assert figures.total_cost_bp == pytest.approx(Costs().round_trip_bp, rel=1e-3)
    assert figures.annualised_return == pytest.approx(-Costs().round_trip_bp / 1e4, rel=1e-3)
    assert (figures.hit_rate, figures.turnover, figures.trades) == (0.0, 2.0, 1)


def test_a_book_that_never_traded_has_no_hit_rate():
    book = backtest(np.ones(3), np.ones(3), [HOLD] * 3, costs=Costs())

    figures = performance(book, sessions_per_year=252, trials=1, trial_sharpe_variance=0.0)

    assert (figures.hit_rate, figures.trades, figures.total_cost_bp, figures.sharpe) == (None, 0, 0.0, 0.0)


def test_a_ruined_book_ranks_behind_any_other():
    prices = np.array([1.0, 1.0, 0.5, 0.5, 2.0, 2.0])
    ruined = backtest(prices, prices, [BUY, HOLD, SELL, SELL, SELL, SELL], costs=FREE)

    figures = performance(ruined, sessions_per_year=252, trials=3, trial_sharpe_variance=1e-3)

    assert ruined.ruined
    assert (figures.annualised_return, figures.maximum_drawdown) == (-1.0, 1.0)
    assert (figures.annualised_volatility, figures.sharpe) == (math.inf, -math.inf)
    assert (figures.probabilistic_sharpe, figures.deflated_sharpe) == (0.0, 0.0)
    assert (figures.hit_rate, figures.trades) == (0.0, 2)
    with pytest.raises(QuantError, match="trials: expected at least 1, got 0"):
        performance(ruined, sessions_per_year=252, trials=0, trial_sharpe_variance=1e-3)


def test_a_single_session_has_no_figures():
    book = backtest(np.ones(1), np.ones(1), [BUY], costs=Costs())

    with pytest.raises(TooShort, match="book: expected at least 2 sessions, got 1"):
        performance(book, sessions_per_year=252, trials=1, trial_sharpe_variance=0.0)


# --- arguments --------------------------------------------------------------------------------------------------------


def test_a_round_trip_costs_two_sides():
    assert (Costs().side_bp, Costs().round_trip_bp) == (3.0, 6.0)


@pytest.mark.parametrize("field", ["cost_bp", "slippage_bp"])
@pytest.mark.parametrize("value", [-1.0, 1e4, math.nan, math.inf])
def test_costs_of_less_than_nothing_or_of_all_there_is_are_refused(field, value):
    with pytest.raises(QuantError, match=f"{field}: expected 0 to below 10000, got {value}"):
        Costs(**{field: value})


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_borrowing_fee_that_is_no_amount_is_refused(value):
    with pytest.raises(QuantError, match=f"borrow_bp_per_year: expected 0 or more, and finite, got {value}"):
        Costs(borrow_bp_per_year=value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"opens": [1.0]}, r"opens, closes: expected equal one-dimensional shapes, got \(1,\), \(2,\)"),
        ({"opens": [1.0, math.nan]}, "opens: expected finite prices above 0, got nan in row 1"),
        ({"closes": [0.0, 1.0]}, r"closes: expected finite prices above 0, got 0\.0 in row 0"),
        ({"actions": [BUY]}, "actions: expected 2, one a session, got 1"),
        ({"actions": [BUY, "BUY"]}, "actions: expected members of Action, got 'BUY'"),
        ({"actions": [[], BUY]}, r"actions: expected members of Action, got \[\]"),
        ({"size": 1.5}, r"size: expected above 0 and at most 1, got 1\.5"),
        ({"size": math.nan}, "size: expected above 0 and at most 1, got nan"),
        ({"sessions_per_year": 0}, "sessions_per_year: expected at least 1, got 0"),
    ],
)
def test_arguments_without_meaning_are_refused(change, message):
    arguments = {"opens": [1.0, 1.0], "closes": [1.0, 1.0], "actions": [BUY, BUY], "costs": Costs()} | change

    with pytest.raises(QuantError, match=message):
        backtest(**arguments)


def test_no_session_is_too_short():
    with pytest.raises(TooShort, match="expected at least 1 session, got none"):
        backtest(np.empty(0), np.empty(0), [], costs=Costs())
