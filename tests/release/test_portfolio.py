"""A portfolio whose parts don't fit each other is refused by name, before a server makes anything of it."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace
from real_release import draft

from release.errors import BadRelease
from release.portfolio import Portfolio, Strategy, check

EQUAL = Strategy.EQUAL_WEIGHT


@pytest.fixture(scope="module")
def sound() -> Portfolio:
    portfolio = draft().portfolio
    assert portfolio is not None
    return portfolio


def with_weights(portfolio: Portfolio, *weights: float) -> Portfolio:
    held = replace(portfolio.allocations[EQUAL], weights=weights)
    return replace(portfolio, allocations={**portfolio.allocations, EQUAL: held})


def test_one_whose_parts_fit_is_returned(sound):
    assert check(sound, file="portfolio.json") is sound


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: replace(p, close=p.close[:-1]), "close: expected 2, one a ticker, got 1"),
        (lambda p: replace(p, covariance=p.covariance[:1]), "covariance: expected 2, one a ticker, got 1"),
        (
            lambda p: replace(p, correlation=(p.correlation[0], (1.0,))),
            "correlation[1]: expected 2, one a ticker, got 1",
        ),
        (
            lambda p: replace(p, frontier=(replace(p.frontier[0], weights=(1.0,)), *p.frontier[1:])),
            "frontier[0].weights: expected 2, one a ticker, got 1",
        ),
        (
            lambda p: replace(p, cluster_order=(0, 0)),
            "cluster_order: expected a permutation of the tickers, got (0, 0)",
        ),
        (lambda p: with_weights(p, 1.0), "allocations.equal_weight.weights: expected 2, one a ticker, got 1"),
        (
            lambda p: with_weights(p, 0.6, 0.6),
            "allocations.equal_weight: expected weights of 0 or more that sum to 1 at most, got 1.2",
        ),
        (
            lambda p: with_weights(p, 1.1, -0.1),
            "allocations.equal_weight: expected weights of 0 or more that sum to 1 at most, got 1",
        ),
        (
            lambda p: replace(p, allocations={k: v for k, v in p.allocations.items() if k is not p.champion}),
            "champion: expected one of the allocations, got ",
        ),
    ],
)
def test_a_part_that_does_not_fit_is_named(sound, change, message):
    with pytest.raises(BadRelease, match=re.escape(f"portfolio.json {message}")):
        check(change(sound), file="portfolio.json")
