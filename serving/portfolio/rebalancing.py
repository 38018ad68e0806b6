"""Orders for what a client holds: the request checked part by part, the orders found, the books before and after told.

Runs in a thread of `serving.portfolio.solving` and keeps nothing. Loads the solvers: whoever serves imports it late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from quant.account import LEAST_VALUE, MOST_LOTS, WHOLE, Account, TradingRules
from quant.bars import Floats
from quant.costs import Costs
from quant.errors import Infeasible
from quant.rebalance import WEIGHTS_SUM, Plan, rebalance
from quant.risk import volatility
from release.portfolio import Portfolio, Strategy
from release.reader import Release
from serving.bodies import decoded, shown
from serving.errors import BadRequest, Impossible, Invalid, invalid_in
from serving.portfolio.inputs import LEAST_MONEY, MOST_MONEY, check_tickers, named, reason_of, require, vector
from serving.portfolio.records import Method, Order, Position, RebalancePlan, Side, Source
from serving.portfolio.requests import RebalanceRequest
from serving.portfolio.view import portfolio_of

TIME_LIMIT: Final = 2.0


def rebalanced_book(body: bytes, release: Release, live: Mapping[str, float], *, time_limit: float) -> RebalancePlan:
    """The answer to the request in `body`; the same one for the same release, live prices and body.

    Raises
    ------
    BadRequest
        Naming each part that can't be used.
    Impossible
        If the limits leave no orders.
    NotInRelease
        If a strategy's weights are asked for and the release has no portfolio.
    """
    request = decoded(body, RebalanceRequest, what="a JSON object with holdings and cash")
    aim = _aim(request, release)
    book = _book(request, release, live, aim)
    rules = _rules(request, book.tickers)
    try:
        plan = rebalance(book.account, book.target, rules, time_limit=time_limit)
    except Infeasible as error:
        raise Impossible(str(error), *_conflicting(str(error), request)) from None
    return _told(book, rules, plan, aim, release)


def _conflicting(said: str, request: RebalanceRequest) -> list[Invalid]:
    """The limits that leave no orders, each with what was asked for."""
    together = invalid_in(said)
    if together is None:
        return []
    return [Invalid(field, shown(getattr(request, field)), together.expected) for field in together.field.split(", ")]


@dataclass(frozen=True, slots=True)
class _Aim:
    """The weights to reach, by ticker, and whose they are."""

    strategy: Strategy | None
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Book:
    """The tickers that are held or wanted, N, in the portfolio's order and then in that of the alphabet."""

    tickers: tuple[str, ...]
    sources: tuple[Source, ...]
    account: Account
    target: Floats


def _aim(request: RebalanceRequest, release: Release) -> _Aim:
    if isinstance(request.target, dict):
        for ticker, weight in request.target.items():
            require(f"target.{ticker}", weight, least=0.0)
        total = sum(request.target.values())
        if total > 1.0 + WEIGHTS_SUM:
            raise BadRequest(Invalid("target", f"a sum of {total:.12g}", "weights that sum to 1 at most"))
        return _Aim(None, request.target)
    portfolio = portfolio_of(release)
    strategy = request.target or portfolio.champion
    if strategy not in portfolio.allocations:
        known = ", ".join(one.value for one in portfolio.allocations)
        raise BadRequest(Invalid("target", strategy.value, f"a strategy of this release: {known}"))
    return _Aim(strategy, dict(zip(portfolio.tickers, portfolio.allocations[strategy].weights, strict=True)))


def _book(request: RebalanceRequest, release: Release, live: Mapping[str, float], aim: _Aim) -> _Book:
    require("cash", request.cash, least=0.0, most=MOST_MONEY)
    tickers = _tickers(request, release, aim)
    for ticker, held in request.holdings.items():
        require(f"holdings.{ticker}", held, least=0.0, most=MOST_MONEY)
    for ticker, asked in request.prices.items():
        require(f"prices.{ticker}", asked, least=LEAST_MONEY, most=MOST_MONEY)
    price, sources = _prices(request.prices, release, live, tickers)
    shares = np.array([request.holdings.get(ticker, 0.0) for ticker in tickers])
    lot = _lots(request, tickers, shares)
    value = float(np.rint(shares / lot) * lot @ price) + request.cash
    if value < LEAST_VALUE:
        raise BadRequest(Invalid("cash", shown(request.cash), f"{LEAST_VALUE:g} or more where nothing is held"))
    for ticker, worth in zip(tickers, (price * lot).tolist(), strict=True):
        if value > MOST_LOTS * worth:
            expected = f"lots worth at least {value / MOST_LOTS:g}, of which the book is {MOST_LOTS:g}"
            raise BadRequest(Invalid(f"prices.{ticker}", f"a lot worth {worth:g}", expected))
    target = np.array([aim.weights.get(ticker, 0.0) for ticker in tickers])
    # What rounding has left above one would be refused.
    target /= max(float(target.sum()), 1.0)
    return _Book(tickers, sources, Account(shares, request.cash, price, lot), target)


def _tickers(request: RebalanceRequest, release: Release, aim: _Aim) -> tuple[str, ...]:
    """Those that are held or wanted; if none is, those of the portfolio, of which nothing is bought."""
    wanted = {ticker for ticker, weight in aim.weights.items() if weight > 0}
    due = wanted | {ticker for ticker, held in request.holdings.items() if held != 0}
    known = release.portfolio.tickers if release.portfolio is not None else ()
    ordered = tuple(ticker for ticker in known if ticker in due) + tuple(sorted(due.difference(known)))
    field = "holdings" if len(wanted) <= len(request.holdings) else "target"
    check_tickers(field, ordered)
    return ordered


def _prices(
    given: Mapping[str, float], release: Release, live: Mapping[str, float], tickers: tuple[str, ...]
) -> tuple[Floats, tuple[Source, ...]]:
    """The client's price of each ticker, else the live one, else the release's last close."""
    found: list[tuple[float, Source]] = []
    missing: list[Invalid] = []
    for ticker in tickers:
        if ticker in given:
            found.append((given[ticker], Source.CLIENT))
        elif ticker in live:
            found.append((live[ticker], Source.LIVE))
        elif ticker in release.tickers:
            found.append((float(release.tickers[ticker].bars.close[-1]), Source.RELEASE))
        else:
            known = named(release.tickers)
            missing.append(Invalid(f"prices.{ticker}", "none", f"a price, as the release has those of {known} only"))
    if missing:
        raise BadRequest(*missing)
    return np.array([price for price, _ in found]), tuple(source for _, source in found)


def _lots(request: RebalanceRequest, tickers: tuple[str, ...], shares: Floats) -> Floats:
    """Shares a lot; `BadRequest` naming a holding that is no whole number of them."""
    given = request.lots
    known = {ticker: lot for ticker, lot in given.items() if ticker in tickers} if isinstance(given, dict) else given
    for ticker, lot in given.items() if isinstance(given, dict) else (("", given),):
        require(f"lots.{ticker}" if ticker else "lots", lot, least=LEAST_MONEY, most=MOST_MONEY)
    lots = vector("lots", known, tickers, default=1.0, most=MOST_MONEY)
    for ticker, held, lot in zip(tickers, shares.tolist(), lots.tolist(), strict=True):
        count = held / lot
        if abs(count - round(count)) > WHOLE or count > MOST_LOTS:
            expected = f"a whole number of lots of {lot:g}, at most {MOST_LOTS:g} of them"
            raise BadRequest(Invalid(f"holdings.{ticker}", shown(held), expected))
    return lots


def _rules(request: RebalanceRequest, tickers: tuple[str, ...]) -> TradingRules:
    for name in ("band", "turnover", "minimum_order"):
        require(name, getattr(request, name) or 0.0, most=MOST_MONEY)
    given = request.upper
    for ticker, upper in given.items() if isinstance(given, dict) else (("", given),):
        if not 0.0 < upper <= 1.0:
            raise BadRequest(Invalid(f"upper.{ticker}" if ticker else "upper", shown(upper), "above 0, at most 1"))
    known = (
        {ticker: upper for ticker, upper in given.items() if ticker in tickers} if isinstance(given, dict) else given
    )
    return TradingRules(
        costs=Costs(cost_bp=request.cost_bp, slippage_bp=request.slippage_bp),
        band=request.band,
        upper=vector("upper", known, tickers, default=1.0),
        turnover=request.turnover,
        minimum_order=request.minimum_order,
    )


def _told(book: _Book, rules: TradingRules, plan: Plan, aim: _Aim, release: Release) -> RebalancePlan:
    risk = _Risk.of(book.tickers, release.portfolio)
    return RebalancePlan(
        release_id=release.manifest.release_id,
        data_through=release.portfolio.data_through if release.portfolio is not None else None,
        strategy=aim.strategy,
        orders=_orders(book, rules, plan),
        positions=_positions(book, plan),
        cash_before=book.account.cash,
        cash_after=plan.cash_after,
        value_before=plan.value_before,
        value_after=plan.value_after,
        cost=plan.cost,
        turnover=plan.turnover,
        tracking_error_before=risk.volatility(plan.weights_before - book.target),
        tracking_error_after=risk.volatility(plan.weights_after - book.target),
        volatility_before=risk.volatility(plan.weights_before),
        volatility_after=risk.volatility(plan.weights_after),
        method=Method(plan.method.value),
        gap=plan.gap,
        limited=plan.limited,
        notes=_notes(book, plan, risk, release),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Risk:
    """The release's covariance of the tickers that it knows, whose places among all are `known`."""

    covariance: Floats
    known: npt.NDArray[np.bool_]
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, tickers: tuple[str, ...], portfolio: Portfolio | None) -> _Risk:
        place = {} if portfolio is None else {ticker: row for row, ticker in enumerate(portfolio.tickers)}
        rows = [place[ticker] for ticker in tickers if ticker in place]
        whole = np.zeros((0, 0)) if portfolio is None else np.array(portfolio.covariance)
        known = np.array([ticker in place for ticker in tickers])
        return cls(whole[np.ix_(rows, rows)], known, tuple(ticker for ticker in tickers if ticker not in place))

    def volatility(self, weights: Floats) -> float | None:
        """None where a ticker without covariance has a weight."""
        return None if weights[~self.known].any() else volatility(weights[self.known], self.covariance)


def _orders(book: _Book, rules: TradingRules, plan: Plan) -> tuple[Order, ...]:
    buying, selling = (float(rate) for rate in rules.rates)
    price = book.account.price.tolist()
    return tuple(
        Order(
            ticker=book.tickers[at],
            side=Side.BUY if shares > 0 else Side.SELL,
            shares=abs(shares),
            price=price[at],
            notional=abs(shares) * price[at],
            cost=abs(shares) * price[at] * (buying if shares > 0 else selling),
        )
        for at, shares in enumerate(plan.orders.tolist())
        if shares
    )


def _positions(book: _Book, plan: Plan) -> tuple[Position, ...]:
    columns = zip(
        book.tickers,
        book.account.price.tolist(),
        book.sources,
        book.account.shares.tolist(),
        plan.shares_after.tolist(),
        plan.weights_before.tolist(),
        plan.weights_after.tolist(),
        book.target.tolist(),
        strict=True,
    )
    return tuple(
        Position(
            ticker=ticker,
            price=price,
            price_source=source,
            shares_before=before,
            shares_after=after,
            weight_before=weight_before,
            weight_after=weight_after,
            target=target,
        )
        for ticker, price, source, before, after, weight_before, weight_after, target in columns
    )


def _notes(book: _Book, plan: Plan, risk: _Risk, release: Release) -> tuple[str, ...]:
    """What a person should know of the plan, in sentences."""
    found = []
    if plan.limited:
        found.append("turnover or the minimum order kept the book further from its target; another run may order more")
    if plan.method.value == Method.TIME_LIMIT.value:
        found.append("time ran out before the orders were proved the best; gap says how much better others may be")
    if plan.method.value == Method.GREEDY.value:
        found.append("found by improving order by order, without proof that no others are better")
    if not plan.orders.any():
        found.append("nothing to order: every weight is as near to its target as band, lots and costs allow")
    if Source.RELEASE in book.sources:
        found.append(f"some prices are the closes of {release.manifest.as_of}, the last that the release has")
    if release.portfolio is None and risk.unknown:
        found.append("risk is not known: the release has no portfolio")
    else:
        found += [
            f"{_why_unknown(ticker, release)}: the risk of a book that holds it is null" for ticker in risk.unknown
        ]
    return tuple(found)


def _why_unknown(ticker: str, release: Release) -> str:
    return (
        f"{ticker} is not in the release's portfolio ({reason_of(ticker, release) or 'the release has no data of it'})"
    )
