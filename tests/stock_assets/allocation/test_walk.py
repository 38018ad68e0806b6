"""Weights turned into books: held against a loop that buys and sells shares at the open, one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from price_paths import bars, noise, weekdays

from quant.bars import Bars
from release.portfolio import Strategy
from stock_assets.allocation.panel import LOOKBACK, Panel
from stock_assets.allocation.walk import Decision, Walk, past_of, walk
from stock_assets.allocation.weekly import Week, decisions

COST_BP = 10.0


def split_and_dividend() -> dict[str, Bars]:
    """A pays 2 on its fourth day, B splits two for one on its sixth; neither opens where it closed."""
    session = weekdays(12)
    a = [100.0, 102.0, 101.0, 99.5, 100.0, 103.0, 104.0, 102.0, 105.0, 107.0, 106.0, 108.0]
    b = [50.0, 49.0, 51.0, 52.0, 51.0, 25.0, 26.0, 25.5, 24.0, 24.5, 25.0, 26.0]
    return {
        "A": bars(session, a, opened=np.array(a) * 0.995, dividend={3: 2.0}),
        "B": bars(session, b, opened=np.array(b) * 1.01, split={5: 2.0}),
    }


def share_by_share(held: dict[str, Bars], targets: dict[int, np.ndarray]) -> np.ndarray:
    """The value at each close of a book that begins with 1 and is traded to the targets at the opens of their rows.

    Dividends buy more of the same at the ex-date's close, without a cost, as total returns have it.
    """
    prices, shares, cash, value = list(held.values()), np.zeros(len(held)), 1.0, []
    for row in range(len(prices[0])):
        for k, of in enumerate(prices):
            shares[k] *= of.split[row] * (1.0 + of.dividend[row] / of.close[row])
        if row in targets:
            opened = np.array([of.ohlcv[row, 0] for of in prices])
            worth = cash + shares @ opened
            traded = np.abs(targets[row] * worth - shares * opened).sum()
            left = worth - traded * COST_BP / 1e4
            shares, cash = targets[row] * left / opened, left * (1.0 - targets[row].sum())
        value.append(cash + shares @ np.array([of.close[row] for of in prices]))
    return np.array(value)


def made(panel: Panel, targets: dict[int, np.ndarray], *, strategy: Strategy = Strategy.EQUAL_WEIGHT) -> Walk:
    """A walk of one member that decides at the close before each row of targets."""
    steps = panel.steps()
    weeks = [
        Week(week="", data_through=panel.session[row - 1], tickers=panel.tickers, weights={strategy: weights})
        for row, weights in targets.items()
    ]
    return walk(steps, decisions(weeks, panel, steps), cost_bp=COST_BP, sessions_per_year=252)


TARGETS = {2: np.array([0.6, 0.4]), 5: np.array([0.1, 0.9]), 6: np.array([0.3, 0.3]), 9: np.array([1.0, 0.0])}


def test_the_book_is_worth_what_its_shares_are():
    market = split_and_dividend()

    book = made(Panel.of(market), TARGETS).books[Strategy.EQUAL_WEIGHT]

    assert_allclose(np.exp(np.cumsum(book.log_return)), share_by_share(market, TARGETS)[2:], rtol=1e-12)


def test_what_moves_in_the_night_before_the_open_belongs_to_what_was_held_before():
    leaps = bars(weekdays(5), [100.0, 100.0, 200.0, 200.0, 200.0], opened=[100.0, 100.0, 200.0, 200.0, 200.0])
    panel = Panel.of({"A": leaps, "B": bars(weekdays(5), [10.0] * 5)})

    late = made(panel, {2: np.array([1.0, 0.0])}).books[Strategy.EQUAL_WEIGHT]
    early = made(panel, {1: np.array([1.0, 0.0]), 2: np.array([0.0, 1.0])}).books[Strategy.EQUAL_WEIGHT]

    assert np.exp(late.log_return.sum()) == pytest.approx(1.0 - COST_BP / 1e4)
    assert np.exp(early.log_return.sum()) == pytest.approx(2.0 * (1.0 - COST_BP / 1e4) * (1.0 - 2.0 * COST_BP / 1e4))


def test_real_bars_with_their_splits_and_dividends_add_up_share_by_share():
    from shared_data import sample_bars

    market = {name: sample_bars(name)[-2_400:] for name in ("AAPL", "MSFT", "IBM")}
    rng = np.random.default_rng(0)
    targets = {row: rng.dirichlet(np.ones(3)) for row in range(5, 2_400, 5)}

    book = made(Panel.of(market), targets).books[Strategy.EQUAL_WEIGHT]

    assert (market["AAPL"].split != 1.0).any()
    assert (market["IBM"].dividend > 0.0).any()
    assert_allclose(np.exp(np.cumsum(book.log_return)), share_by_share(market, targets)[5:], rtol=1e-9)


def test_the_newest_decision_waits_for_its_open():
    market = split_and_dividend()
    targets = {**TARGETS, 12: np.array([0.0, 1.0])}

    waiting = made(Panel.of(market), targets)

    assert len(waiting.rows) == len(TARGETS)
    assert_array_equal(waiting.known, [0, 3, 4, 7, 10])
    assert waiting.sessions == 10
    assert_array_equal(
        waiting.books[Strategy.EQUAL_WEIGHT].log_return,
        made(Panel.of(market), TARGETS).books[Strategy.EQUAL_WEIGHT].log_return,
    )
    assert_array_equal(waiting.books[Strategy.EQUAL_WEIGHT].targets[-1], [0.0, 1.0])


def test_before_the_first_open_there_is_no_record():
    walk_ = made(Panel.of(split_and_dividend()), {12: np.array([0.5, 0.5])})

    assert walk_.sessions == 0
    assert all(book.book is None and len(book.log_return) == 0 for book in walk_.books.values())
    assert_array_equal(walk_.beliefs, [[1.0]])
    assert_array_equal(walk_.books[Strategy.COMBINATION].targets, [[0.5, 0.5]])


def test_of_decisions_between_which_nothing_was_traded_the_last_one_stands():
    panel = Panel.of(split_and_dividend())
    steps = panel.steps()
    early, late = (np.array([1.0, 0.0]), np.array([0.0, 1.0]))

    def decided(*weights: np.ndarray) -> list[Decision]:
        return [Decision(5, {Strategy.EQUAL_WEIGHT: held}, past_of(steps.returns, 5)) for held in weights]

    both = walk(steps, decided(early, late), cost_bp=COST_BP, sessions_per_year=252)
    alone = walk(steps, decided(late), cost_bp=COST_BP, sessions_per_year=252)

    assert_array_equal(both.books[Strategy.EQUAL_WEIGHT].log_return, alone.books[Strategy.EQUAL_WEIGHT].log_return)
    assert len(both.beliefs) == 2


def test_the_combination_holds_what_its_members_are_believed():
    panel = Panel.of(noise(["A", "B"], 700, seed=1))
    steps = panel.steps()
    simple = np.expm1(np.diff(panel.close, axis=0, prepend=np.nan))
    at = range(20, 700, 20)
    weights = {Strategy.EQUAL_WEIGHT: np.array([0.5, 0.5]), Strategy.MOMENTUM: np.array([1.0, 0.0])}

    of = walk(
        steps,
        [Decision(steps.first_of(row) + 1, weights, past_of(simple, row)) for row in at],
        cost_bp=COST_BP,
        sessions_per_year=252,
    )

    expected = of.beliefs @ np.array([[0.5, 0.5], [1.0, 0.0]])
    combined = of.books[Strategy.COMBINATION].targets
    assert_allclose(combined, expected, rtol=0, atol=1e-15)
    share = of.books[Strategy.TARGET_VOLATILITY].targets.sum(axis=1)
    assert (share <= 1.0 + 1e-15).all()
    assert_allclose(of.books[Strategy.TARGET_VOLATILITY].targets, combined * share[:, None], rtol=1e-12)


def test_a_stopped_ticker_is_held_at_its_last_price_until_it_is_sold():
    alive, stopped = noise(["A", "B"], 60, seed=2).values()
    market = {"A": alive, "B": stopped[:20]}
    panel = Panel.of(market)

    book = made(panel, {10: np.array([0.0, 1.0]), 40: np.array([1.0, 0.0])}).books[Strategy.EQUAL_WEIGHT]

    worth = np.exp(np.cumsum(book.log_return))
    assert worth[39 - 10] == pytest.approx((1 - COST_BP / 1e4) * stopped.close[19] / stopped.ohlcv[10, 0])
    assert worth[-1] != worth[39 - 10]


def test_past_of_is_the_lookback_before_and_nothing_else():
    returns = np.arange(2_000.0).reshape(1_000, 2)
    returns[:600, 1] = np.nan

    past = past_of(returns, 900)

    assert past.shape == (LOOKBACK, 2)
    assert_array_equal(past[:, 0], returns[900 - LOOKBACK : 900, 0])
    assert_array_equal(past[: 600 - (900 - LOOKBACK), 1], 0.0)
    assert len(past_of(returns, 0)) == 0
