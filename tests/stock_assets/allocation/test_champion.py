"""Who leads: nobody is replaced by luck, whoever is really better takes over, and nothing is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from member_walks import by_rules
from numpy.testing import assert_array_equal
from scipy.stats import binom

from quant.performance import sharpe
from release.portfolio import Strategy
from stock_assets.allocation import champion
from stock_assets.allocation.champion import (
    BETWEEN,
    FIRST,
    LEAST_RECORD,
    LEVEL,
    book_as_chosen,
    champions,
)
from stock_assets.allocation.panel import LOOKBACK, Steps
from stock_assets.allocation.strategies import MEMBERS
from stock_assets.allocation.walk import Decision, Walk, past_of, walk

ASSETS = 5
YEAR = 252


def no_drift(rng: np.random.Generator, sessions: int) -> np.ndarray:
    """Simple returns that earn nothing on average, whatever is held."""
    return rng.normal(0.0, 0.006, (sessions, 1)) + rng.normal(0.0, 0.01, (sessions, ASSETS))


def walked(
    returns: np.ndarray, weights: Mapping[Strategy, np.ndarray], *, every: int = BETWEEN, cost_bp: float = 0.0
) -> Walk:
    """Fixed weights, rebalanced every so many sessions."""
    made = [Decision(row, weights, past_of(returns, row)) for row in range(LOOKBACK, len(returns), every)]
    return walk(Steps(returns, np.arange(len(returns))), made, cost_bp=cost_bp, sessions_per_year=YEAR)


def fixed(rng: np.random.Generator) -> dict[Strategy, np.ndarray]:
    """Some weights for each member."""
    return {member: rng.dirichlet(np.ones(ASSETS)) for member in MEMBERS}


def noise_walk(seed: int, sessions: int = 3_000, *, every: int = BETWEEN) -> Walk:
    rng = np.random.default_rng(seed)
    return walked(no_drift(rng, sessions), fixed(rng), every=every)


def planted() -> tuple[np.ndarray, dict[Strategy, np.ndarray]]:
    """Twenty years in which one asset earns a Sharpe ratio of two and the others nothing; only `MOMENTUM` holds it."""
    returns = no_drift(np.random.default_rng(0), 5_000)
    returns[:, 0] += 2.0 * returns[:, 0].std() / np.sqrt(YEAR)
    others = np.append(0.0, np.full(ASSETS - 1, 1.0 / (ASSETS - 1)))
    return returns, {**dict.fromkeys(MEMBERS, others), Strategy.MOMENTUM: np.eye(ASSETS)[0]}


def planted_walk() -> Walk:
    """Of `planted`, month by month."""
    return walked(*planted(), every=21)


def test_on_noise_a_champion_is_hardly_ever_replaced_however_often_it_is_reviewed():
    universes = 100

    switched = sum(len(champions(noise_walk(seed)).since) > 1 for seed in range(universes))

    assert switched <= binom.ppf(0.999, universes, LEVEL)


def test_a_challenger_that_is_much_better_takes_over_within_years():
    chosen = champions(planted_walk())

    (start, first), (switch, leader) = list(chosen.since.items())[:2]
    assert (start, first) == (0, FIRST)
    assert leader is Strategy.MOMENTUM
    assert 21 * switch < 8 * YEAR
    assert chosen.now is Strategy.MOMENTUM


def test_reviews_are_a_quarter_apart_and_begin_after_three_years():
    of = noise_walk(1, sessions=1_700, every=5)
    seen = []

    chosen = champions(of)
    for decision in range(1, len(of.known)):
        upto = _until(of, decision)
        if champions(upto).reviews > len(seen):
            seen.append(int(of.known[decision - 1]))

    assert len(seen) == chosen.reviews
    assert seen[0] >= LEAST_RECORD
    assert seen[0] < LEAST_RECORD + 5
    assert (np.diff(seen) >= BETWEEN).all()
    assert (np.diff(seen) < BETWEEN + 5).all()


def _until(of: Walk, decisions: int) -> Walk:
    """The walk as it was told after so many decisions."""
    return replace(of, known=of.known[:decisions])


def test_before_the_first_review_the_first_leads_and_nobody_is_near():
    chosen = champions(noise_walk(2, sessions=LOOKBACK + LEAST_RECORD))

    assert set(chosen.at) == {FIRST}
    assert chosen.since == {0: FIRST}
    assert (chosen.nearest, chosen.p_value, chosen.reviews) == (None, None, 0)


@pytest.mark.parametrize("cut", [1_500, 2_000, 2_500])
def test_decisions_don_t_change_when_what_comes_later_does(cut, monkeypatch):
    # So that every review hangs on all that was seen: whoever is nearest takes over.
    monkeypatch.setattr(champion, "LEVEL", 2.0)
    returns = no_drift(np.random.default_rng(0), 3_000)
    weights = fixed(np.random.default_rng(1))
    turned = np.concatenate([returns[:cut], 0.01 - 2.0 * returns[cut:, ::-1]])

    whole, other = walked(returns, weights), walked(turned, weights)

    then = int(np.searchsorted(whole.known, cut - LOOKBACK, side="right"))
    assert len(champions(_until(whole, then)).since) > 2
    assert champions(whole).at[:then] == champions(other).at[:then] == champions(_until(whole, then)).at
    assert champions(whole).at[then:] != champions(other).at[then:]


@pytest.mark.parametrize("cut", [2_000, 3_000])
def test_a_p_value_doesn_t_either(cut, monkeypatch):
    monkeypatch.setattr(champion, "LEVEL", 0.0)
    returns, weights = planted()
    whole, other = walked(returns, weights), walked(np.concatenate([returns[:cut], -returns[cut:]]), weights)

    then = int(np.searchsorted(whole.known, cut - LOOKBACK, side="right"))
    seen, again = champions(_until(whole, then)), champions(_until(other, then))

    assert seen.p_value < 1.0
    assert (seen.nearest, seen.p_value) == (again.nearest, again.p_value)


def test_a_champion_that_was_never_replaced_has_the_incumbent_s_own_book():
    of = noise_walk(3)
    chosen = champions(of)

    as_chosen = book_as_chosen(of, chosen)

    assert chosen.since == {0: FIRST}
    assert_array_equal(as_chosen.targets, of.books[FIRST].targets)
    assert_array_equal(as_chosen.log_return, of.books[FIRST].log_return)


def test_the_book_as_chosen_changes_hands_when_the_champion_does_and_pays_for_it():
    of = planted_walk()
    chosen = champions(of)
    switch = max(chosen.since)

    as_chosen = book_as_chosen(of, chosen)

    session = int(of.rows[switch])
    assert_array_equal(as_chosen.log_return[:session], of.books[FIRST].log_return[:session])
    assert_array_equal(as_chosen.log_return[session + 21 :], of.books[Strategy.MOMENTUM].log_return[session + 21 :])
    assert as_chosen.book.turnover[switch] > 0.1


def test_a_single_ticker_gives_nobody_a_lead():
    returns = np.random.default_rng(1).normal(5e-4, 0.01, (2_000, 1))

    chosen = champions(walked(returns, dict.fromkeys(MEMBERS, np.ones(1))))

    assert chosen.now is FIRST
    assert chosen.reviews > 1
    assert chosen.p_value <= 1.0


def test_on_real_stocks_the_champion_as_chosen_beats_equal_weight_and_what_was_promised():
    """Twenty stocks, 1990-2022, monthly, two years of data, net of 10 basis points; nothing was tuned on them."""
    from skfolio.datasets import load_sp500_dataset

    prices = load_sp500_dataset()
    returns = prices.pct_change().iloc[1:]
    month = returns.index.month.to_numpy()
    firsts = np.flatnonzero(np.diff(month, prepend=month[0]))

    of = by_rules(returns.to_numpy(), firsts[firsts >= LOOKBACK], cost_bp=10.0)

    led = np.expm1(book_as_chosen(of, champions(of)).log_return)
    equal = np.expm1(of.books[Strategy.EQUAL_WEIGHT].log_return)
    ratio = sharpe(led, sessions_per_year=YEAR)
    assert ratio > 0.96
    assert ratio > sharpe(equal, sessions_per_year=YEAR)
