"""The walk-forward: what every strategy's book made of its weights, net of costs, one rebalance after the other.

How the members choose their weights is `strategies`' business; which strategy leads is `champion`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quant.bars import Floats
from quant.rebalanced import RebalancedBook, Targets, by_session, rebalanced
from release.portfolio import Strategy
from stock_assets.allocation.combination import beliefs, share_at_target
from stock_assets.allocation.panel import LOOKBACK, Steps


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """Weights of one moment.

    Attributes
    ----------
    row : int
        The step at whose start they are traded, which may be the one after the last; all that chose them was known
        before.
    weights : dict of (N,) float64
        The members'. The same members at every decision.
    past : (LOOKBACK, N) float64
        Simple returns of all tickers up to the decision; zeros where one isn't listed.
    """

    row: int
    weights: Mapping[Strategy, Floats]
    past: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """One strategy's targets (R, N), what became of them step by step, and per session (n,) in logs.

    `book` is None, and n is 0, while nothing has been traded yet.
    """

    targets: Floats
    book: RebalancedBook | None
    log_return: Floats


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Walk:
    """All strategies over the same sessions, from the first trade on.

    Attributes
    ----------
    steps : Steps
        Those that were walked.
    rows : (Q,) int
        The steps at whose start the first Q of the R decisions were traded; the newest one may still wait for its open.
        Of several at the same step, because nothing was traded in between, the last one stands.
    known : (R,) int
        How many of the walk's sessions were over at each decision.
    first_session : int
        Number of the session in which the first decision was traded.
    cost_bp : float
    sessions_per_year : int
    books : dict of Book
        Of the members, their combination, and the combination at the target volatility.
    beliefs : (R, K) float64
        How far each member was believed at each decision, in the order of `members`.
    members : tuple of Strategy
    """

    steps: Steps
    rows: np.ndarray
    known: np.ndarray
    first_session: int
    cost_bp: float
    sessions_per_year: int
    books: Mapping[Strategy, Book]
    beliefs: Floats
    members: tuple[Strategy, ...]

    @property
    def sessions(self) -> int:
        """How many there are."""
        return len(self.books[self.members[0]].log_return)

    def book_of(self, targets: Floats, *, trades: int | None = None) -> Book:
        """The book that is traded to targets (R, N) at the decisions, or at the first so many of them only."""
        return _book(self.steps, self.rows[:trades], targets, cost_bp=self.cost_bp)


def walk(steps: Steps, decisions: Sequence[Decision], *, cost_bp: float, sessions_per_year: int) -> Walk:
    """Trade every strategy's weights, decision by decision.

    Parameters
    ----------
    steps : Steps
    decisions : sequence of Decision
        In the order of time; at least one.
    cost_bp : float
        Of what is traded, a side.
    sessions_per_year : int
    """
    start = decisions[0].row
    walked = Steps(steps.returns[start:], steps.session[start:])
    rows = np.array(
        [decision.row - start for decision in decisions if decision.row < len(steps.returns)], dtype=np.intp
    )
    first = int(walked.session[0]) if len(rows) else 0
    sessions = int(walked.session[-1]) + 1 - first if len(rows) else 0
    # A session that is traded in the middle of is not over at its decision.
    known = np.concatenate([walked.session[rows] - first, np.full(len(decisions) - len(rows), sessions)])
    members = tuple(decisions[0].weights)

    def book(targets: Floats) -> Book:
        return _book(walked, rows, targets, cost_bp=cost_bp)

    books = {member: book(np.array([decision.weights[member] for decision in decisions])) for member in members}
    returns = np.expm1(np.column_stack([books[member].log_return for member in members]))
    believed = beliefs(returns, sessions_per_year=sessions_per_year, known=known)
    combined = np.einsum("rk,krn->rn", believed, np.array([books[member].targets for member in members]))
    shares = [
        share_at_target(weights, decision.past, sessions_per_year=sessions_per_year)
        for weights, decision in zip(combined, decisions, strict=True)
    ]
    books[Strategy.COMBINATION] = book(combined)
    books[Strategy.TARGET_VOLATILITY] = book(combined * np.array(shares)[:, None])
    return Walk(
        steps=walked,
        rows=rows,
        known=known,
        first_session=first,
        cost_bp=cost_bp,
        sessions_per_year=sessions_per_year,
        books=books,
        beliefs=believed,
        members=members,
    )


def _book(steps: Steps, rows: np.ndarray, targets: Floats, *, cost_bp: float) -> Book:
    if not len(rows):
        return Book(targets, None, np.empty(0))
    stands = np.append(np.diff(rows) > 0, True)
    made = rebalanced(steps.returns, Targets(rows[stands], targets[: len(rows)][stands]), cost_bp=cost_bp)
    return Book(targets, made, by_session(made.log_return, steps.session))


def past_of(returns: Floats, row: int) -> Floats:
    """The `LOOKBACK` rows before `row`, as `Decision.past` wants them."""
    return np.nan_to_num(returns[max(row - LOOKBACK, 0) : row])
