"""Which strategy is the champion: the incumbent, until a challenger is shown to be better on the same sessions.

The rule is the models' own (`learning.promotion`): paired tests on what has been seen, corrected for their number; and
since one review follows the other, for the number of those as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from quant.bars import Floats
from quant.luck import holm
from quant.sharpe import sharpe_difference
from release.portfolio import Strategy
from stock_assets.allocation.walk import Book, Walk

# Believing every member as far as its record goes, at a bearable risk, is what holds without any record at all.
FIRST: Final = Strategy.TARGET_VOLATILITY
# How likely a champion is ever to be replaced by one that is no better, over all reviews together.
LEVEL: Final = 0.05
# Sessions of record before anyone may challenge, and between two reviews.
LEAST_RECORD: Final = 756
BETWEEN: Final = 63


@dataclass(frozen=True, slots=True, eq=False)
class Champions:
    """Who led when.

    Attributes
    ----------
    at : tuple of Strategy
        At each of R decisions, by what was known then.
    since : dict of Strategy
        By the decision (0..R-1) from which on.
    nearest : Strategy, optional
        The challenger of the last review that came nearest; None before the first review.
    p_value : float, optional
        Its p value that it is not better than the champion, corrected by Holm for the number of challengers, and for
        the champion's j-th review times ``j (j + 1)``: the inverses sum to one, however many reviews follow.
    reviews : int
    """

    at: tuple[Strategy, ...]
    since: Mapping[int, Strategy]
    nearest: Strategy | None
    p_value: float | None
    reviews: int

    @property
    def now(self) -> Strategy:
        """The champion."""
        return self.at[-1]


def champions(walk: Walk) -> Champions:
    """Review the champion at decisions, never two within `BETWEEN` sessions, with the sessions over by then."""
    champion, since, at = FIRST, {0: FIRST}, []
    nearest, p_value, reviewed, reviews, passed = None, None, -BETWEEN, 0, 0
    for decision, known in enumerate(walk.known):
        if known >= LEAST_RECORD and known - reviewed >= BETWEEN:
            reviewed, reviews, passed = int(known), reviews + 1, passed + 1
            corrected = _p_values(walk, champion, int(known))
            nearest = min(corrected, key=corrected.__getitem__)
            p_value = min(corrected[nearest] * passed * (passed + 1), 1.0)
            if p_value < LEVEL:
                champion, since[decision], passed = nearest, nearest, 0
        at.append(champion)
    return Champions(tuple(at), since, nearest, p_value, reviews)


def _p_values(walk: Walk, champion: Strategy, known: int) -> dict[Strategy, float]:
    """How likely each other strategy's lead over the champion would be without one, corrected for their number."""
    challengers = [strategy for strategy in walk.books if strategy is not champion]
    returns = {strategy: np.expm1(book.log_return[:known]) for strategy, book in walk.books.items()}
    raw = [
        sharpe_difference(returns[challenger], returns[champion], sessions_per_year=walk.sessions_per_year).p_value
        for challenger in challengers
    ]
    return dict(zip(challengers, holm(np.array(raw)).tolist(), strict=True))


def book_as_chosen(walk: Walk, chosen: Champions) -> Book:
    """The book that always held the champion of the time."""
    targets: Floats = np.array([walk.books[strategy].targets[k] for k, strategy in enumerate(chosen.at)])
    return walk.book_of(targets)
