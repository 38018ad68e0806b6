"""Prices side by side: what counts as a session, what a missed one does, and that nothing later is ever seen."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from price_paths import bars, every_day, noise, walked, weekdays
from shared_data import bigtech_bars, sample_bars

from quant.bars import Bars, log_returns, unadjusted
from stock_assets.allocation.panel import LOOKBACK, Panel

LONG = LOOKBACK + 60


def missing(of: Bars, *rows: int) -> Bars:
    """The bars without some rows."""
    kept = np.delete(np.arange(len(of)), rows)
    return Bars(of.session[kept], of.ohlcv[kept], of.split[kept], of.dividend[kept])


def joined(*parts: Bars) -> Bars:
    first, *others = parts
    for part in others:
        first = first.append(part)
    return first


def rise(panel: Panel, place: int = 0) -> np.ndarray:
    """What each session of the panel brought a ticker, as a simple return."""
    return np.expm1(np.diff(panel.close[:, place]))


def test_a_ticker_alone_has_the_returns_of_its_own_bars():
    apple = sample_bars("AAPL")

    panel = Panel.of({"AAPL": apple})

    assert_array_equal(panel.session, apple.session)
    assert_allclose(rise(panel), np.expm1(log_returns(apple)[1:]), rtol=0, atol=1e-12)


def test_a_split_is_no_jump():
    panel = Panel.of({"A": bars(weekdays(4), [100.0, 101.0, 50.5, 51.005], split={2: 2.0})})

    assert_allclose(rise(panel), [0.01, 0.0, 0.01], atol=1e-12)


def test_a_dividend_is_part_of_the_return_and_of_the_night_before_it():
    paid = bars(weekdays(3), [100.0, 98.0, 98.0], opened=[100.0, 98.0, 98.0], dividend={1: 2.0})
    panel = Panel.of({"A": paid})

    steps = panel.steps()

    assert_allclose(rise(panel), [0.0, 0.0], atol=1e-12)
    assert_allclose(steps.returns[:, 0], np.zeros(6), atol=1e-12)


@pytest.mark.parametrize("ticker", ["AAPL", "MSFT", "IBM"])
def test_real_splits_and_dividends_leave_the_vendor_s_own_total_return(ticker):
    from bokeh_sampledata import stocks

    adjusted = np.asarray(getattr(stocks, ticker)["adj_close"], dtype=np.float64)

    panel = Panel.of({ticker: sample_bars(ticker)})

    # The vendor rounds adjusted closes to cents, and takes the dividend as paid before the day's move.
    assert_allclose(rise(panel), np.diff(adjusted) / adjusted[:-1], atol=6e-3)
    assert np.exp(panel.close[-1, 0]) == pytest.approx(adjusted[-1] / adjusted[0], rel=0.01)


def test_a_session_that_one_ticker_missed_folds_into_the_next_return_of_all():
    whole, torn = noise(["A", "B"], 10, seed=1).values()

    panel = Panel.of({"A": whole, "B": missing(torn, 4, 5)})

    assert_array_equal(panel.session, np.delete(weekdays(10), [4, 5]))
    assert np.isfinite(panel.close).all()
    assert rise(panel)[3] == pytest.approx(whole.close[6] / whole.close[3] - 1.0)
    assert rise(panel, 1)[3] == pytest.approx(torn.close[6] / torn.close[3] - 1.0)


def test_crypto_beside_stocks_has_the_weekend_in_its_monday():
    coin = walked(every_day(28), np.full(28, 0.01))
    stock = walked(weekdays(20), np.full(20, 0.001))

    panel = Panel.of({"IBM": stock, "BTC-USD": coin})

    assert_array_equal(panel.session, weekdays(20))
    assert_allclose(np.diff(panel.close[:6, 1]), [0.01, 0.01, 0.01, 0.01, 0.03], atol=1e-12)
    assert panel.sessions_per_year == 252
    assert Panel.of({"BTC-USD": coin}).sessions_per_year == 365


def test_a_young_ticker_is_left_out_and_told_how_much_there_is():
    old, young = noise(["OLD", "YOUNG"], LONG, seed=2).values()
    panel = Panel.of({"OLD": old, "YOUNG": young[-LOOKBACK:]})

    known = panel.known(panel.session[-1])

    assert_array_equal(known.column, [0])
    assert known.left_out == {"YOUNG": "504 sessions shared with the others of at least 505"}
    assert known.returns.shape == (LOOKBACK, 1)


def test_a_session_more_and_it_is_in():
    old, young = noise(["OLD", "YOUNG"], LONG, seed=2).values()
    panel = Panel.of({"OLD": old, "YOUNG": young[-LOOKBACK - 1 :]})

    known = panel.known(panel.session[-1])

    assert_array_equal(known.column, [0, 1])
    assert known.left_out == {}
    assert np.isfinite(known.returns).all()


def test_a_price_that_never_moved_is_left_out():
    alive, still = noise(["A", "STILL"], LONG, seed=3).values()
    still = unadjusted(still.session, np.tile([5.0, 5.0, 5.0, 5.0, 0.0], (LONG, 1)))
    panel = Panel.of({"A": alive, "STILL": still})

    known = panel.known(panel.session[-1])

    assert_array_equal(known.column, [0])
    assert known.left_out == {"STILL": "its price has not moved in 504 sessions"}
    assert known.returns.shape == (LOOKBACK, 1)


def test_a_ticker_that_stopped_is_waited_for_a_week_and_then_left_out_with_the_reason():
    alive, stopped = noise(["A", "B"], LONG, seed=3).values()
    last = stopped.session[-20]
    panel = Panel.of({"A": alive, "B": stopped.through(last)})

    waited, left = panel.known(last + 7), panel.known(last + 14)

    assert_array_equal(waited.column, [0, 1])
    assert panel.session[waited.row] == last
    assert_array_equal(left.column, [0])
    assert left.left_out == {"B": f"its last bar is of {last}, the newest of {panel.session[left.row]}"}
    # What the others earned while it was waited for is not lost.
    start = panel.session[left.row - LOOKBACK]
    earned = alive.through(panel.session[left.row]).close[-1] / alive.through(start).close[-1]
    assert np.prod(1.0 + left.returns[:, 0]) == pytest.approx(earned)


def test_a_ticker_that_comes_back_after_weeks_has_all_of_it_in_one_return():
    alive, torn = noise(["A", "B"], LONG, seed=4).values()
    panel = Panel.of({"A": alive, "B": missing(torn, *range(100, 130))})

    known = panel.known(panel.session[-1])
    night_and_day = panel.steps().returns[:, 1]

    assert np.isfinite(known.returns).all()
    assert np.prod(1.0 + night_and_day) == pytest.approx(torn.close[-1] / torn.ohlcv[0, 0])


def test_nobody_is_kept_of_too_short_a_panel():
    panel = Panel.of(noise(["A"], LOOKBACK, seed=5))

    assert len(panel.known(panel.session[-1]).column) == 0
    assert len(panel.known(panel.session[0] - 30).column) == 0


LATER = {
    "other prices": lambda of, day: joined(
        of.through(day), walked(of.after(day).session, np.full(len(of.after(day)), 0.02))
    ),
    "none at all": lambda of, day: of.through(day),
    "a hole": lambda of, day: joined(of.through(day), of.after(day)[3:]),
    "a long hole": lambda of, day: joined(of.through(day), of.after(day)[15:]),
}


@pytest.mark.parametrize("change", LATER.values(), ids=LATER)
@pytest.mark.parametrize("weekend", [0, 1, 2])
def test_nothing_that_comes_later_changes_what_was_known(change, weekend):
    # The stock is last heard of on a Friday or, missing a day or two, before it; the coin never rests.
    stock = walked(weekdays(LONG), np.random.default_rng(6).normal(0.0, 0.01, LONG))
    coin = walked(every_day(LONG // 5 * 7), np.random.default_rng(7).normal(0.0, 0.03, LONG // 5 * 7))
    saturday = np.datetime64(stock.session[-21], "D") + 1
    while int(saturday.astype(int) + 4) % 7 != 6:
        saturday += 1
    seen = stock.through(saturday - 1 - weekend)
    whole = joined(seen, stock.after(saturday))

    now = Panel.of({"IBM": seen, "BTC-USD": coin.through(saturday)})
    later = Panel.of({"IBM": change(whole, saturday), "BTC-USD": change(coin, saturday)})

    then, again = now.known(saturday), later.known(saturday)
    assert_array_equal(then.returns, again.returns)
    assert_array_equal(then.column, again.column)
    assert then.row == again.row
    assert_array_equal(now.session, later.session[: len(now.session)])
    assert_array_equal(now.steps().returns, later.steps().returns[: len(now.steps().returns)])


def test_a_night_and_a_day_make_a_session():
    panel = Panel.of({name: bigtech_bars(name)[-300:] for name in ("AAPL", "TSLA")})

    steps = panel.steps()

    assert_array_equal(steps.session, np.repeat(np.arange(300), 2))
    assert steps.first_of(7) == 14
    assert_allclose(
        (1.0 + steps.returns[2::2]) * (1.0 + steps.returns[3::2]) - 1.0,
        np.expm1(np.diff(panel.close, axis=0)),
        atol=1e-12,
    )
    assert_allclose(
        steps.returns[1::2, 0],
        bigtech_bars("AAPL").ohlcv[-300:, 3] / bigtech_bars("AAPL").ohlcv[-300:, 0] - 1.0,
        atol=1e-12,
    )


def test_the_history_of_some_begins_when_all_of_them_are_listed():
    old, young = noise(["OLD", "YOUNG"], 50, seed=8).values()
    panel = Panel.of({"OLD": old, "YOUNG": young[20:]})

    session, returns = panel.history(np.array([0, 1]))
    alone, _ = panel.history(np.array([0]))

    assert_array_equal(session, weekdays(50)[21:])
    assert_allclose(returns[:, 0], old.close[21:] / old.close[20:-1] - 1.0)
    assert_allclose(returns[:, 1], young.close[21:] / young.close[20:-1] - 1.0)
    assert_array_equal(alone, weekdays(50)[1:])
