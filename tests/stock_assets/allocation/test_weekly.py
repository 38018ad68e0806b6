"""A week's weights: from what was known by its end and from nothing else, one by one or all in one run."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from price_paths import noise, walked, weekdays
from shared_data import bigtech_bars, sample_bars

from quant.bars import Bars, log_returns
from release.portfolio import Strategy
from stock_assets.allocation.champion import champions
from stock_assets.allocation.outlook import Forecasts
from stock_assets.allocation.panel import LOOKBACK, Panel
from stock_assets.allocation.strategies import MEMBERS, Situation, allocate
from stock_assets.allocation.walk import Walk, walk
from stock_assets.allocation.weekly import Week, decisions, first_week, weekly
from stock_assets.errors import NotMaterialized
from stock_assets.partitions import last_day, week_of

COST_BP = 10.0
NAMES = ("AAPL", "IBM", "MSFT")


def weeks_from(first: str, count: int) -> list[str]:
    return [(date.fromisoformat(first) + timedelta(weeks=k)).isoformat() for k in range(count)]


def forecasts_of(bars: Bars, seed: int) -> Forecasts:
    """Forecasts that know a little of what comes."""
    actual = log_returns(bars)[1:]
    rng = np.random.default_rng(seed)
    mean = 0.1 * actual + rng.normal(0.0, 0.002, len(actual))
    made, due = bars.session[:-1], bars.session[1:]
    return Forecasts(made, due, mean, np.full(len(mean), 0.02), actual)


def records_of(market: dict[str, Bars]) -> dict[str, Forecasts]:
    return {name: forecasts_of(bars, seed) for seed, (name, bars) in enumerate(market.items())}


def assert_same(one: Week, other: Week) -> None:
    assert (one.week, one.data_through, one.tickers) == (other.week, other.data_through, other.tickers)
    assert list(one.weights) == list(other.weights)
    for strategy, weights in one.weights.items():
        assert_array_equal(weights, other.weights[strategy])


@pytest.fixture(scope="module")
def market() -> dict[str, Bars]:
    """Real bars of six years; AAPL's first half year is missing, so that it comes in later."""
    bars = {name: sample_bars(name)[-1_600:] for name in NAMES}
    return {**bars, "AAPL": bars["AAPL"][120:]}


@pytest.fixture(scope="module")
def made(market: dict[str, Bars]) -> list[Week]:
    panel = Panel.of(market)
    weeks = weeks_from(first_week(panel), 140)
    return weekly(weeks, panel, records_of(market), cost_bp=COST_BP)


def test_every_week_has_every_member_and_whoever_was_there(made):
    assert all(tuple(week.weights) == MEMBERS for week in made)
    assert made[0].tickers == ("IBM", "MSFT")
    assert made[-1].tickers == NAMES
    assert any("AAPL left out: " in note for note in made[0].notes)
    assert not any("left out" in note for note in made[-1].notes)


def test_its_data_end_with_its_last_session(made, market):
    session = market["IBM"].session
    for week in made:
        saturday = np.datetime64(last_day(week.week))
        assert week.data_through == session[session <= saturday][-1]


def test_one_by_one_it_comes_to_the_same_as_all_in_one_run(made, market):
    panel, records = Panel.of(market), records_of(market)
    before: Week | None = None

    for week in made[:40]:
        (alone,) = weekly([week.week], panel, records, cost_bp=COST_BP, before=before)
        assert_same(alone, week)
        before = Week.of(alone.table())  # as the next run will find it


def test_what_a_strategy_holds_already_makes_a_difference(made, market):
    (anew,) = weekly([made[20].week], Panel.of(market), records_of(market), cost_bp=COST_BP)

    assert np.abs(anew.weights[Strategy.MOMENTUM] - made[20].weights[Strategy.MOMENTUM]).sum() > 1e-3
    assert_array_equal(anew.weights[Strategy.MINIMUM_VARIANCE], made[20].weights[Strategy.MINIMUM_VARIANCE])


def test_what_it_holds_is_what_the_week_before_has_become(made, market):
    then, now = made[100], made[101]
    held = {"MSFT": 0.2, "GONE": 0.1, "AAPL": 0.3, "IBM": 0.4}
    before = Week(
        week=then.week,
        data_through=then.data_through,
        tickers=tuple(held),
        weights={Strategy.MAXIMUM_SHARPE: np.array(list(held.values()))},
    )
    prices = {name: np.exp(np.nancumsum(log_returns(bars))) for name, bars in market.items()}

    def price(name: str, session: np.datetime64) -> float:
        return float(prices[name][market[name].session == session][0])

    # So dear that nothing is worth a trade.
    (after,) = weekly([now.week], Panel.of(market), {}, cost_bp=5_000.0, before=before)

    worth = {name: held[name] * price(name, now.data_through) / price(name, then.data_through) for name in NAMES}
    assert after.tickers == NAMES
    assert_allclose(
        after.weights[Strategy.MAXIMUM_SHARPE], np.array(list(worth.values())) / sum(worth.values()), atol=1e-5
    )


def otherwise(bars: Bars, after: np.datetime64, seed: int) -> Bars:
    """The bars up to a day, and a wild other market from then on, with days that it misses."""
    seen, later = bars.through(after), bars.after(after)
    rng = np.random.default_rng(seed)
    wild = walked(later.session, rng.normal(0.01, 0.1, len(later)))
    kept = np.flatnonzero(rng.uniform(size=len(later)) < 0.9)
    return seen.append(Bars(wild.session[kept], wild.ohlcv[kept], wild.split[kept], wild.dividend[kept]))


@pytest.mark.parametrize("k", [5, 60])
def test_no_bar_and_no_forecast_after_a_week_s_end_changes_it(made, market, k):
    saturday = np.datetime64(last_day(made[k].week))
    changed = {name: otherwise(bars, saturday, seed) for seed, (name, bars) in enumerate(market.items())}
    records = {
        name: Forecasts(
            of.made,
            of.due,
            np.where(of.made > saturday, 9.0, of.mean),
            np.where(of.made > saturday, 9.0, of.vol),
            np.where(of.due > saturday, 9.0, of.realised),
        )
        for name, of in records_of(market).items()
    }

    again = weekly([week.week for week in made[: k + 1]], Panel.of(changed), records, cost_bp=COST_BP)

    for one, other in zip(again, made[: k + 1], strict=True):
        assert_same(one, other)


def test_a_market_that_ends_with_the_week_gives_the_same_week(made, market):
    saturday = np.datetime64(last_day(made[30].week))
    known = {name: bars.through(saturday) for name, bars in market.items()}

    (live,) = weekly([made[30].week], Panel.of(known), records_of(market), cost_bp=COST_BP, before=made[29])

    assert_same(live, made[30])


def walk_of(made: list[Week], market: dict[str, Bars]) -> Walk:
    panel = Panel.of(market)
    steps = panel.steps()
    return walk(steps, decisions(made, panel, steps), cost_bp=COST_BP, sessions_per_year=panel.sessions_per_year)


def test_beliefs_shares_and_champions_of_a_week_don_t_know_what_came_after_it(made, market, monkeypatch):
    from stock_assets.allocation import champion

    # So that there are reviews within so short a time, and a new champion at each.
    monkeypatch.setattr(champion, "LEAST_RECORD", 126)
    monkeypatch.setattr(champion, "LEVEL", 2.0)
    k = 100
    saturday = np.datetime64(last_day(made[k].week))
    changed = {name: otherwise(bars, saturday, seed) for seed, (name, bars) in enumerate(market.items())}
    ended = {name: bars.through(saturday) for name, bars in market.items()}

    now, later, other = walk_of(made[: k + 1], ended), walk_of(made, market), walk_of(made, changed)

    assert len(champions(now).since) > 2
    for of in (later, other):
        assert_array_equal(of.beliefs[: k + 1], now.beliefs)
        assert_array_equal(of.known[: k + 1], now.known)
        for strategy, book in now.books.items():
            assert_array_equal(of.books[strategy].targets[: k + 1], book.targets)
            assert_array_equal(of.books[strategy].log_return[: now.sessions], book.log_return)
        assert champions(of).at[: k + 1] == champions(now).at


def test_a_table_keeps_a_week(made):
    table = made[-1].table()

    assert list(table.columns) == ["week", "data_through", "strategy", "ticker", "weight"]
    assert len(table) == len(MEMBERS) * len(NAMES)
    assert_same(Week.of(table), made[-1])
    assert_same(
        Week.of(table.sample(frac=1.0, random_state=0).sort_values("strategy", kind="stable")), _by_name(made[-1])
    )


def _by_name(week: Week) -> Week:
    """The week with its strategies in the order of their names."""
    weights = {strategy: week.weights[strategy] for strategy in sorted(week.weights, key=lambda of: of.value)}
    return Week(week=week.week, data_through=week.data_through, tickers=week.tickers, weights=weights)


def test_decisions_are_traded_at_the_open_after_their_data(made, market):
    panel = Panel.of(market)
    steps = panel.steps()

    for week, decision in zip(made, decisions(made, panel, steps), strict=True):
        session = panel.session[steps.session[decision.row]]
        assert session == panel.session[panel.session > week.data_through][0]
        assert decision.row == steps.first_of(int(steps.session[decision.row])) + 1


def test_a_ticker_that_is_gone_leaves_cash(made, market):
    panel = Panel.of({name: bars for name, bars in market.items() if name != "IBM"})

    made_ = decisions(made, panel, panel.steps())

    weights = made_[-1].weights[Strategy.EQUAL_WEIGHT]
    assert_allclose(weights, [1.0 / 3.0, 1.0 / 3.0])


def test_weeks_of_before_the_panel_are_no_reason_to_fail(made, market):
    # The oldest tickers have been removed since: what is left began long after the first weeks.
    young = {name: bars[-800:] for name, bars in market.items()}

    of = walk_of(made, young)

    assert of.sessions > 700
    assert (np.diff(of.rows) >= 0).all()
    assert all(np.isfinite(book.log_return).all() for book in of.books.values())


def test_a_strategy_that_some_week_lacks_is_not_walked(made, market):
    without = {name: held for name, held in made[3].weights.items() if name is not Strategy.BLACK_LITTERMAN}
    torn = Week(week=made[3].week, data_through=made[3].data_through, tickers=made[3].tickers, weights=without)
    panel = Panel.of(market)

    of = decisions([*made[:3], torn, *made[4:]], panel, panel.steps())

    assert all(Strategy.BLACK_LITTERMAN not in decision.weights for decision in of)


def test_what_trading_costs_is_earned_back_in_a_week_of_seven_sessions_around_the_clock(market):
    days = np.arange("2010-01-03", "2012-01-01", dtype="datetime64[D]")
    pairs = {
        f"{name}-USD": Bars(days, bars.ohlcv[-len(days) :], np.ones(len(days)), np.zeros(len(days)))
        for name, bars in market.items()
    }
    panel = Panel.of(pairs)
    known = panel.known(days[-1])
    held = {Strategy.MAXIMUM_SHARPE: np.array([0.1, 0.3, 0.6])}
    before = Week(week="2011-12-18", data_through=days[-1], tickers=tuple(pairs), weights=held)

    (week,) = weekly(["2011-12-25"], panel, {}, cost_bp=1.0, before=before)

    asked = {"returns": known.returns, "sessions_per_year": 365, "cost_bp": 1.0, "held": held}
    expected, _ = allocate(Situation(**asked, sessions_held=7))
    of_an_exchange, _ = allocate(Situation(**asked, sessions_held=5))
    assert_array_equal(week.weights[Strategy.MAXIMUM_SHARPE], expected[Strategy.MAXIMUM_SHARPE])
    assert not np.allclose(expected[Strategy.MAXIMUM_SHARPE], of_an_exchange[Strategy.MAXIMUM_SHARPE], atol=1e-4)


def test_a_week_before_any_ticker_is_old_enough_is_told(market):
    with pytest.raises(NotMaterialized, match="expected a ticker with a champion and 504 returns by then, got none"):
        weekly(["2007-06-03"], Panel.of(market), {}, cost_bp=COST_BP)


def test_the_first_week_is_the_one_in_which_the_first_ticker_is_old_enough():
    one = noise(["A", "B"], 700, seed=0)
    panel = Panel.of({"A": one["A"][100:], "B": one["B"]})

    first = first_week(panel)

    assert first == week_of(weekdays(700)[LOOKBACK].item())
    assert weekly([first], panel, {}, cost_bp=COST_BP)[0].tickers == ("B",)
    assert first_week(Panel.of(noise(["A"], LOOKBACK, seed=0))) is None


def test_the_first_week_is_after_the_last_one_in_which_there_was_nobody():
    one = noise(["OLD", "NEW"], 1_600, seed=1)
    panel = Panel.of({"OLD": one["OLD"][:700], "NEW": one["NEW"][600:]})

    first = first_week(panel)
    newest = week_of(panel.session[-1].item())
    count = (date.fromisoformat(newest) - date.fromisoformat(first)).days // 7 + 1

    assert [week.tickers for week in weekly(weeks_from(first, count), panel, {}, cost_bp=COST_BP)] == [("NEW",)] * count
    with pytest.raises(NotMaterialized):
        weekly([(date.fromisoformat(first) - timedelta(weeks=1)).isoformat()], panel, {}, cost_bp=COST_BP)


def test_five_real_tickers_over_months():
    five = {name: bigtech_bars(name)[-700:] for name in ("AAPL", "AMZN", "GOOGL", "MSFT", "TSLA")}
    panel = Panel.of(five)

    of = weekly(weeks_from(first_week(panel), 30), panel, {}, cost_bp=COST_BP)

    for week in of:
        assert all(weights.sum() == pytest.approx(1.0, abs=1e-9) for weights in week.weights.values())
