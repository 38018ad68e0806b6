"""What a release says of a portfolio: each number worked out again, by hand or by what it has to add up to."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, timedelta

import msgspec
import numpy as np
import pytest
from member_walks import by_rules
from numpy.testing import assert_allclose
from price_paths import noise_panel, weekdays
from scipy.stats import binom, norm
from shared_data import sample_bars

from quant.bars import Bars
from release.portfolio import Portfolio, PortfolioPerformance, Strategy, StrategyRecord
from stock_assets.allocation.champion import LEAST_RECORD, Champions, champions
from stock_assets.allocation.panel import LOOKBACK, Known, Panel
from stock_assets.allocation.report import (
    LEAST_SCORED,
    POINTS,
    STRESS_SESSIONS,
    TAIL_LEVELS,
    performance_of,
    portfolio_of,
    why,
)
from stock_assets.allocation.strategies import MEMBERS, Estimates
from stock_assets.allocation.walk import Walk, walk
from stock_assets.allocation.weekly import decisions, weekly

COST_BP = 10.0
NAMES = ("AAPL", "IBM", "MSFT")
STRATEGIES = (*MEMBERS, Strategy.COMBINATION, Strategy.TARGET_VOLATILITY)
NEWEST = "2013-02-24"


@dataclass(frozen=True)
class Made:
    """A portfolio and what it was made of."""

    portfolio: Portfolio
    panel: Panel
    known: Known
    estimates: Estimates
    walk: Walk


def weeks_to(newest: str, count: int) -> list[str]:
    return [(date.fromisoformat(newest) - timedelta(weeks=k)).isoformat() for k in reversed(range(count))]


def make(market: dict[str, Bars], weeks: list[str]) -> Made:
    panel = Panel.of(market)
    kept = weekly(weeks, panel, {}, cost_bp=COST_BP)
    steps = panel.steps()
    of = walk(steps, decisions(kept, panel, steps), cost_bp=COST_BP, sessions_per_year=panel.sessions_per_year)
    known = panel.known(panel.session[-1])
    estimates = Estimates.of(known.returns, sessions_per_year=panel.sessions_per_year)
    portfolio = portfolio_of(
        weeks[-1],
        panel,
        known,
        {strategy: book.targets[-1][known.column] for strategy, book in of.books.items()},
        estimates,
        walk=of,
        chosen=champions(of),
    )
    return Made(portfolio, panel, known, estimates, of)


@pytest.fixture(scope="module")
def made() -> Made:
    """Three real tickers over a year of weeks, and one that is too young."""
    market = {name: sample_bars(name)[-1_300:] for name in NAMES}
    return make({**market, "FB": sample_bars("FB")}, weeks_to(NEWEST, 55))


def test_every_strategy_is_there_in_the_order_of_the_tickers(made):
    portfolio = made.portfolio

    assert portfolio.tickers == NAMES
    assert tuple(portfolio.allocations) == STRATEGIES
    assert [refusal.ticker for refusal in portfolio.left_out] == ["FB"]
    assert portfolio.left_out[0].reason == "196 sessions shared with the others of at least 505"
    assert portfolio.data_through == "2013-03-01"
    assert portfolio.close == tuple(float(sample_bars(name).close[-1]) for name in NAMES)


def test_weights_are_what_the_books_hold_and_the_rest_is_cash(made):
    for strategy, allocation in made.portfolio.allocations.items():
        held = made.walk.books[strategy].targets[-1][:3]
        assert_allclose(allocation.weights, held)
        assert allocation.cash == pytest.approx(1.0 - held.sum())


def test_risk_contributions_sum_to_one_and_are_the_weights_times_their_marginal_risk(made):
    covariance = made.estimates.covariance

    for allocation in made.portfolio.allocations.values():
        weights = np.array(allocation.weights)
        variance = weights @ covariance @ weights
        assert sum(allocation.risk_contributions) == pytest.approx(1.0)
        assert_allclose(allocation.risk_contributions, weights * (covariance @ weights) / variance)
        assert allocation.volatility_in_sample == pytest.approx(math.sqrt(variance))
        assert allocation.expected_return_in_sample == pytest.approx(weights @ made.estimates.mean)


@pytest.mark.parametrize("strategy", [Strategy.EQUAL_WEIGHT, Strategy.TARGET_VOLATILITY])
def test_tails_are_those_of_today_s_weights_over_the_sessions_that_the_estimates_saw(made, strategy):
    allocation = made.portfolio.allocations[strategy]
    losses = np.sort(-(made.known.returns @ np.array(allocation.weights)))[::-1]

    assert [tail.level for tail in allocation.tails] == list(TAIL_LEVELS)
    for tail in allocation.tails:
        beyond = LOOKBACK * (1.0 - tail.level)
        whole = math.floor(beyond)
        assert tail.historical_var == pytest.approx(losses[whole])
        assert tail.historical_cvar == pytest.approx((losses[:whole].sum() + (beyond - whole) * losses[whole]) / beyond)
        mean, deviation = -losses.mean(), losses.std(ddof=1)
        assert tail.normal_var == pytest.approx(-norm.ppf(1.0 - tail.level, mean, deviation))
        draws = norm.ppf(np.linspace(0.0, 1.0 - tail.level, 200_001)[1:], mean, deviation)
        assert tail.normal_cvar == pytest.approx(-draws.mean(), rel=1e-3)


@pytest.mark.parametrize("strategy", [Strategy.EQUAL_WEIGHT, Strategy.MOMENTUM])
def test_stress_is_the_worst_time_of_the_whole_history_for_today_s_weights(made, strategy):
    allocation = made.portfolio.allocations[strategy]
    returns = np.expm1(np.diff(made.panel.close[:, :3], axis=0))
    book, session = returns @ np.array(allocation.weights), made.panel.session[1:]

    assert [stress.sessions for stress in allocation.stress] == list(STRESS_SESSIONS)
    for stress in allocation.stress:
        lost = [1.0 - np.prod(1.0 + book[k : k + stress.sessions]) for k in range(len(book) - stress.sessions + 1)]
        worst = int(np.argmax(lost))
        meanwhile = returns[worst : worst + stress.sessions].mean(axis=1)
        assert stress.loss == pytest.approx(lost[worst])
        assert (stress.first, stress.last) == (str(session[worst]), str(session[worst + stress.sessions - 1]))
        assert stress.equal_weight == pytest.approx(1.0 - np.prod(1.0 + meanwhile))


def test_equal_weight_lost_in_its_own_stress_what_it_lost_meanwhile(made):
    for stress in made.portfolio.allocations[Strategy.EQUAL_WEIGHT].stress:
        assert stress.loss == pytest.approx(stress.equal_weight)


def test_the_frontier_has_its_ends_and_enough_between_them(made):
    frontier, estimates = made.portfolio.frontier, made.estimates
    returns, risks = (np.array([getattr(of, name) for of in frontier]) for name in ("expected_return", "volatility"))

    assert len(frontier) >= 50
    inverse = np.linalg.solve(estimates.covariance, np.ones(3))
    if (inverse > 0).all():
        assert_allclose(frontier[0].weights, inverse / inverse.sum(), atol=1e-6)
    assert returns[-1] == pytest.approx(estimates.mean.max(), rel=1e-9)
    assert frontier[-1].weights[int(estimates.mean.argmax())] == pytest.approx(1.0)
    assert (np.diff(returns) >= 0).all()
    assert (np.diff(risks) >= 0).all()


def test_the_correlation_is_the_covariance_s_and_the_order_is_of_all_tickers(made):
    covariance = np.array(made.portfolio.covariance)
    deviation = np.sqrt(np.diag(covariance))

    assert_allclose(made.portfolio.correlation, covariance / np.outer(deviation, deviation), atol=1e-12)
    assert sorted(made.portfolio.cluster_order) == [0, 1, 2]


def test_the_performance_is_of_the_walk_s_sessions(made):
    performance, of = made.portfolio.performance, made.walk
    days = made.panel.session[of.first_session :]

    assert (performance.first, performance.last) == (str(days[0]), "2013-03-01")
    assert performance.sessions == of.sessions == len(days)
    assert performance.weeks == len(of.rows) == 54  # the newest one waits for its open
    assert performance.trials == len(STRATEGIES)
    assert tuple(performance.strategies) == STRATEGIES
    assert performance.champions == {str(days[0]): Strategy.TARGET_VOLATILITY}
    assert performance.champion == performance.strategies[Strategy.TARGET_VOLATILITY]


def test_a_record_s_numbers_are_those_of_its_book(made):
    for strategy, record in made.portfolio.performance.strategies.items():
        book = made.walk.books[strategy]
        simple = np.expm1(book.log_return)
        worth = np.exp(np.cumsum(book.log_return))

        assert record.annualised_volatility == pytest.approx(simple.std(ddof=1) * math.sqrt(252), rel=1e-3)
        assert record.sharpe == pytest.approx(simple.mean() / simple.std() * math.sqrt(252), rel=2e-3)
        assert record.sharpe_lower_95 < record.sharpe < record.sharpe_upper_95
        assert record.maximum_drawdown == pytest.approx(
            (1.0 - worth / np.maximum.accumulate(np.append(1.0, worth))[1:]).max()
        )
        assert record.turnover == pytest.approx(book.book.turnover.sum() / len(simple) * 252)
        assert record.total_cost_bp == pytest.approx(COST_BP * book.book.turnover.sum())
        assert record.equity[-1] == pytest.approx(worth[-1])
        assert record.annualised_return == pytest.approx(worth[-1] ** (252 / len(simple)) - 1.0)


def test_equal_weight_has_no_lead_over_itself(made):
    equal = made.portfolio.performance.strategies[Strategy.EQUAL_WEIGHT]

    assert (equal.sharpe_over_equal_weight, equal.p_equal_weight) == (0.0, 0.5)


def test_buying_once_costs_once_and_trades_no_more(made):
    record = made.portfolio.performance.buy_and_hold
    first = made.walk.first_session
    market = [sample_bars(name)[-1_300:] for name in NAMES]

    assert record.total_cost_bp == pytest.approx(COST_BP)
    earned = np.mean(
        [
            np.exp(np.diff(made.panel.close[[first, -1], k])[0]) * of.close[first] / of.ohlcv[first, 0]
            for k, of in enumerate(market)
        ]
    )
    assert record.equity[-1] == pytest.approx((1.0 - COST_BP / 1e4) * earned, rel=1e-9)


def test_curves_have_a_page_s_points_and_end_today():
    panel = noise_panel(["A", "B"], 1_500, seed=0)
    of = by_rules(panel.history(np.array([0, 1]))[1], np.arange(LOOKBACK, 1_499, 63), cost_bp=COST_BP)

    performance = performance_of(of, champions(of), panel.session[1:])

    assert len(performance.sessions_shown) == POINTS
    assert performance.sessions_shown[-1] == str(panel.session[-1])
    assert performance.sessions_shown[0] == performance.first
    assert all(len(record.equity) == POINTS for record in performance.strategies.values())


def numbers(of: object) -> list[float]:
    """All of a record, however deep."""
    if isinstance(of, float | int):
        return [float(of)]
    if isinstance(of, dict):
        return [number for value in of.values() for number in numbers(value)]
    return [number for value in of for number in numbers(value)] if isinstance(of, list | tuple) else []


def test_it_is_finite_and_the_same_after_a_journey_as_json(made):
    assert all(math.isfinite(number) for number in numbers(msgspec.to_builtins(made.portfolio, str_keys=True)))
    assert msgspec.json.decode(msgspec.json.encode(made.portfolio), type=Portfolio) == made.portfolio


@pytest.mark.parametrize("weeks", [1, 2, 12])
def test_a_young_record_is_none_and_the_portfolio_is_there_all_the_same(weeks):
    market = {name: sample_bars(name)[-700:] for name in NAMES}

    portfolio = make(market, weeks_to(NEWEST, weeks)).portfolio

    assert portfolio.performance is None
    assert tuple(portfolio.allocations) == STRATEGIES
    assert portfolio.why.startswith("target_volatility leads until there is evidence")
    assert msgspec.json.decode(msgspec.json.encode(portfolio), type=Portfolio) == portfolio


def test_a_quarter_of_sessions_is_a_record():
    market = {name: sample_bars(name)[-700:] for name in NAMES}

    portfolio = make(market, weeks_to(NEWEST, 15)).portfolio

    assert portfolio.performance.sessions >= LEAST_SCORED


def test_a_single_ticker_has_a_portfolio_too():
    portfolio = make({"IBM": sample_bars("IBM")[-700:]}, weeks_to(NEWEST, 20)).portfolio

    assert portfolio.tickers == ("IBM",)
    assert portfolio.allocations[Strategy.HIERARCHICAL_RISK_PARITY].weights == (1.0,)
    assert portfolio.allocations[Strategy.TARGET_VOLATILITY].weights[0] <= 1.0
    assert len(portfolio.frontier) >= 50
    assert portfolio.cluster_order == (0,)
    assert msgspec.json.decode(msgspec.json.encode(portfolio), type=Portfolio) == portfolio


def record(sharpe: float) -> StrategyRecord:
    return StrategyRecord(
        annualised_return=0.1, annualised_volatility=0.1, sharpe=sharpe, sharpe_lower_95=sharpe - 0.5,
        sharpe_upper_95=sharpe + 0.5, probabilistic_sharpe=0.9, deflated_sharpe=0.5, sharpe_over_equal_weight=0.1,
        p_equal_weight=0.123, maximum_drawdown=0.2, turnover=1.0, effective_number=5.0, total_cost_bp=3.0,
        equity=(1.0,),
    )  # fmt: skip


def performed(**sharpes: float) -> PortfolioPerformance:
    return PortfolioPerformance(
        first="2020-01-02", last="2024-01-02", sessions=1_234, weeks=200, trials=2, cost_bp=10.0,
        strategies={Strategy(name): record(sharpe) for name, sharpe in sharpes.items()},
        champion=record(1.0), buy_and_hold=record(0.5), sessions_shown=("2024-01-02",), champions={},
    )  # fmt: skip


FIRST, OTHER = Strategy.TARGET_VOLATILITY, Strategy.MOMENTUM
TOLD = (
    "Sharpe ratio 1.00 (95 %: 0.50 to 1.50) out of sample, net of 10 bp, beside 0.70 of equal weight (p 0.12), "
    "over 1,234 sessions."
)
WHY = {
    "unreviewed": (
        Champions((FIRST,) * 4, {0: FIRST}, None, None, 0),
        f"target_volatility: {TOLD} It led from the start; before {LEAST_RECORD} sessions no other may challenge it.",
    ),
    "held once": (
        Champions((FIRST,) * 4, {0: FIRST}, OTHER, 0.4, 1),
        f"target_volatility: {TOLD} In 1 review no challenger was better by a paired test; the nearest now "
        "is momentum, p 0.40, corrected for challengers and reviews.",
    ),
    "held": (
        Champions((FIRST,) * 4, {0: FIRST}, OTHER, 0.4, 3),
        f"target_volatility: {TOLD} In 3 reviews no challenger was better by a paired test; the nearest now "
        "is momentum, p 0.40, corrected for challengers and reviews.",
    ),
    "replaced now": (
        Champions((FIRST, FIRST, FIRST, OTHER), {0: FIRST, 3: OTHER}, OTHER, 0.0123, 3),
        f"momentum: {TOLD} It has just replaced the champion before: better by a paired test, p 0.012, corrected for "
        "challengers and reviews.",
    ),
    "replaced before": (
        Champions((FIRST, OTHER, OTHER, OTHER), {0: FIRST, 1: OTHER}, FIRST, 1.0, 3),
        f"momentum: {TOLD} In 3 reviews a challenger was better by a paired test; the nearest now is "
        "target_volatility, p 1.00, corrected for challengers and reviews.",
    ),
}


@pytest.mark.parametrize(("chosen", "expected"), WHY.values(), ids=WHY)
def test_why_tells_the_evidence(chosen, expected):
    assert why(chosen, performed(target_volatility=1.0, momentum=1.0, equal_weight=0.7)) == expected


def test_a_champion_of_the_newest_decision_is_told_though_it_is_not_traded_yet(made):
    chosen = champions(made.walk)
    newest = len(chosen.at) - 1
    switched = replace(
        chosen, at=(*chosen.at[:-1], OTHER), since={**chosen.since, newest: OTHER}, nearest=OTHER, p_value=0.01
    )

    performance = performance_of(made.walk, switched, made.panel.session)

    assert list(performance.champions.values()) == [FIRST, OTHER]
    assert list(performance.champions)[1] == performance.last
    assert performance.champion == performance.strategies[FIRST]
    assert why(switched, performance).startswith("momentum: ")


def test_on_noise_nobody_scores():
    seeds, covered, sure = range(8), 0, 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        returns = rng.normal(0.0, 0.006, (1_700, 1)) + rng.normal(0.0, 0.01, (1_700, 4))
        of = by_rules(returns, np.arange(LOOKBACK, len(returns), 21), cost_bp=COST_BP)
        performance = performance_of(of, champions(of), weekdays(len(returns)))
        covered += performance.champion.sharpe_lower_95 <= 0.0 <= performance.champion.sharpe_upper_95
        # All of them trade one market: where that was lucky, all were.
        sure += any(record_.deflated_sharpe > 0.95 for record_ in performance.strategies.values())

    assert covered >= binom.ppf(0.001, len(seeds), 0.95)
    assert sure <= binom.ppf(0.999, len(seeds), 0.05)
