"""Weights for a client's objective: the request checked part by part, the problem solved, the answer told.

Runs in a thread of `serving.portfolio.solving` and keeps nothing. Loads the solvers: whoever serves imports it late.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NoReturn

import numpy as np

from quant.bars import Floats
from quant.conflicts import explain
from quant.constraints import INFINITY, Constraints, Group, are_met
from quant.costs import BASIS_POINTS
from quant.errors import Infeasible
from quant.nearest import WILDEST, nearest_psd
from quant.portfolio import (
    few,
    maximum_sharpe,
    maximum_utility,
    minimum_variance,
    risk_budgeting,
    target_volatility,
)
from quant.program import TimeLimit, Unsolvable
from quant.risk import effective_number, risk_contributions, volatility
from release.reader import Release
from serving.bodies import decoded, shown
from serving.errors import BadRequest, Impossible, Invalid, invalid_in
from serving.portfolio.inputs import MOST_WEIGHT, SMALLEST, check_tickers, require, unknown, vector
from serving.portfolio.records import Estimates, OptimizedWeights, Source
from serving.portfolio.requests import GroupLimits, Objective, OptimizeRequest
from serving.portfolio.view import by_ticker, cash_beside, portfolio_of

TIME_LIMIT: Final = 5.0
# By how much two halves of a symmetric matrix may differ, in correlation: what printing 9 digits leaves.
ASYMMETRY: Final = 1e-8
# The parameter that an objective needs, and no other objective has.
PARAMETERS: Final = {
    Objective.MAXIMUM_UTILITY: "risk_aversion",
    Objective.TARGET_VOLATILITY: "target_volatility",
    Objective.TARGET_RETURN: "target_return",
    Objective.RISK_BUDGETING: "budgets",
}
OPTIONAL: Final = {"budgets"}
EARNING: Final = {
    Objective.MAXIMUM_SHARPE,
    Objective.MAXIMUM_UTILITY,
    Objective.TARGET_VOLATILITY,
    Objective.TARGET_RETURN,
}
# How a conflict begins that `quant.conflicts` or `quant.portfolio.few` names, and the field that it comes from.
CONFLICTS: Final = {
    "net exposure": "net",
    "gross exposure": "gross",
    "turnover": "turnover",
    "group ": "groups",
    "expected return": "target_return",
    "volatility": "target_volatility",
    "smallest ": "smallest",
    "most ": "most",
}

Solve = Callable[[Constraints, float], Floats]


def optimize(body: bytes, release: Release, *, time_limit: float) -> OptimizedWeights:
    """The answer to the request in `body`; the same one for the same release and body.

    Raises
    ------
    BadRequest
        Naming each part that can't be used.
    Impossible
        If no weights meet all constraints, naming those that clash.
    NotInRelease
        If the release's portfolio is asked for and it has none.
    TimeLimit, Unsolvable
        If it takes longer than `time_limit` seconds, or the solver gives up with no constraints in conflict.
    """
    request = decoded(body, OptimizeRequest, what="a JSON object with an objective")
    known = _known(request, release)
    _check_parameters(request)
    constraints = _constraints(request, known.tickers, sessions_per_year=_sessions_per_year(release))
    weights = _solved(_solver(request, known), request, constraints, time_limit)
    return _told(request, known, constraints, weights)


def warm_up() -> None:
    """Solve something small: what is first used is loaded then."""
    maximum_sharpe(np.array([0.1, 0.1]), np.array([[0.04, 0.01], [0.01, 0.09]]))


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is known of the tickers: `mean` (N,) if anything, and `covariance` (N, N), annualised."""

    tickers: tuple[str, ...]
    mean: Floats | None
    covariance: Floats
    estimates: Estimates


def _known(request: OptimizeRequest, release: Release) -> _Known:
    """The estimates, each the client's where there is one."""
    if request.tickers is None and request.covariance is not None:
        raise BadRequest(Invalid("tickers", "none", "the tickers, in the order of the rows of covariance"))
    tickers = portfolio_of(release).tickers if request.tickers is None else request.tickers
    check_tickers("tickers", tickers)
    mean = None if request.expected_return is None else vector("expected_return", request.expected_return, tickers)
    earns = Source.CLIENT
    if mean is None:
        mean, earns = _released_mean(request, release, tickers), Source.RELEASE
    if request.covariance is not None:
        covariance, repaired = _sent_covariance(request.covariance, len(tickers))
        risks = Source.CLIENT
    else:
        rows = _released_rows(release, tickers)
        covariance, repaired = np.array(portfolio_of(release).covariance)[np.ix_(rows, rows)], None
        risks = Source.RELEASE
    released = risks is Source.RELEASE or (mean is not None and earns is Source.RELEASE)
    return _Known(
        tickers,
        mean,
        covariance,
        Estimates(
            expected_return=None if mean is None else earns,
            covariance=risks,
            release_id=release.manifest.release_id if released else None,
            data_through=portfolio_of(release).data_through if released else None,
            repaired=repaired,
        ),
    )


def _released_rows(release: Release, tickers: tuple[str, ...]) -> list[int]:
    """Where the portfolio has the tickers; `BadRequest` naming those that it has not."""
    portfolio = portfolio_of(release)
    place = {ticker: row for row, ticker in enumerate(portfolio.tickers)}
    missing = [row for row, ticker in enumerate(tickers) if ticker not in place]
    if missing:
        raise BadRequest(*(unknown(f"tickers[{row}]", tickers[row], release) for row in missing))
    return [place[ticker] for ticker in tickers]


def _released_mean(request: OptimizeRequest, release: Release, tickers: tuple[str, ...]) -> Floats | None:
    """The release's expected returns; None if it doesn't know all tickers and nothing depends on them."""
    portfolio = release.portfolio
    if request.covariance is not None and (portfolio is None or not set(tickers) <= set(portfolio.tickers)):
        if request.objective in EARNING:
            expected = f"one by ticker, which {request.objective.value} needs and the release has not for all of them"
            raise BadRequest(Invalid("expected_return", "none", expected))
        return None
    return np.array(portfolio_of(release).expected_return)[_released_rows(release, tickers)]


def _sent_covariance(rows: tuple[tuple[float, ...], ...], assets: int) -> tuple[Floats, float | None]:
    """A client's matrix, made positive semi-definite, and how far that moved it if it did."""
    if len(rows) != assets:
        raise BadRequest(Invalid("covariance", f"{len(rows)} rows", f"{assets} rows, one for each ticker"))
    for row, values in enumerate(rows):
        if len(values) != assets:
            raise BadRequest(Invalid(f"covariance[{row}]", f"{len(values)} numbers", f"{assets} numbers"))
    covariance = np.array(rows, dtype=np.float64)
    variance = np.diag(covariance)
    for row, value in enumerate(variance.tolist()):
        require(f"covariance[{row}][{row}]", value, least=0.0 if value <= 0.0 else SMALLEST**2)
    allowed = np.outer(np.sqrt(variance), np.sqrt(variance))
    _check_cells(covariance, np.abs(covariance) > WILDEST * allowed, "at most {:.6g}, by the two variances", allowed)
    twisted = np.abs(covariance - covariance.T) > ASYMMETRY * allowed
    _check_cells(covariance, twisted, "{:.12g}, as on the other side of the diagonal", covariance.T)
    nearest = nearest_psd((covariance + covariance.T) / 2.0)
    return nearest.matrix, nearest.moved or None


def _check_cells(covariance: Floats, wrong: np.ndarray, expected: str, due: Floats) -> None:
    if wrong.any():
        row, column = divmod(int(np.argmax(wrong)), len(covariance))
        value = shown(float(covariance[row, column]))
        raise BadRequest(Invalid(f"covariance[{row}][{column}]", value, expected.format(due[row, column])))


def _check_parameters(request: OptimizeRequest) -> None:
    """`BadRequest` where an objective lacks its parameter, or has another one's."""
    own = PARAMETERS.get(request.objective)
    for objective, name in PARAMETERS.items():
        value = getattr(request, name)
        if name == own and value is None and name not in OPTIONAL:
            raise BadRequest(Invalid(name, "none", f"a number, which {objective.value} needs"))
        if name != own and value is not None:
            raise BadRequest(Invalid(name, shown(value), f"none, as only {objective.value} has one"))
        if isinstance(value, float):
            require(name, value, least=-MOST_WEIGHT if name == "target_return" else SMALLEST)


def _sessions_per_year(release: Release) -> int:
    """Of a book of all tickers, which trades when the one with the fewest sessions does."""
    return min(calendar.sessions_per_year for calendar in release.calendars.values())


def _constraints(request: OptimizeRequest, tickers: tuple[str, ...], *, sessions_per_year: int) -> Constraints:
    lower, upper = (
        vector(name, given, tickers, default=default, least=-MOST_WEIGHT, most=MOST_WEIGHT)
        for name, given, default in (("lower", request.lower, 0.0), ("upper", request.upper, 1.0))
    )
    crossed = np.flatnonzero(lower > upper)
    if len(crossed):
        at = int(crossed[0])
        field = f"lower.{tickers[at]}" if isinstance(request.lower, dict) else "lower"
        expected = f"at most upper, which is {upper[at]:g} for {tickers[at]}"
        raise BadRequest(Invalid(field, shown(float(lower[at])), expected))
    held = None
    if request.held is not None:
        held = vector("held", request.held, tickers, default=0.0, least=-MOST_WEIGHT, most=MOST_WEIGHT)
    for name in ("turnover", "cost_bp"):
        if held is None and getattr(request, name) is not None:
            raise BadRequest(Invalid("held", "none", f"the weights before, by ticker, which {name} counts from"))
    for name in ("gross", "turnover"):
        require(name, getattr(request, name) or 0.0, most=MOST_WEIGHT)
    return Constraints(
        lower=lower,
        upper=upper,
        net=_net(request.net),
        gross=request.gross,
        groups=tuple(_group(row, group, tickers) for row, group in enumerate(request.groups)),
        held=held,
        turnover=request.turnover,
        cost=_annual_cost(request, tickers, sessions_per_year),
        names=tickers,
    )


def _net(net: float | tuple[float, float]) -> tuple[float, float]:
    named = {f"net[{row}]": bound for row, bound in enumerate(net)} if isinstance(net, tuple) else {"net": net}
    for field, bound in named.items():
        require(field, bound, least=-MOST_WEIGHT, most=MOST_WEIGHT)
        if 0.0 < abs(bound) < SMALLEST:
            raise BadRequest(Invalid(field, shown(bound), f"0, or at least {SMALLEST:g} away from it"))
    least, greatest = net if isinstance(net, tuple) else (net, net)
    if least > greatest:
        raise BadRequest(Invalid("net", shown(net), "the lesser bound first"))
    return least, greatest


def _group(row: int, group: GroupLimits, tickers: tuple[str, ...]) -> Group:
    field = f"groups[{row}]"
    check_tickers(f"{field}.tickers", group.tickers)
    place = {ticker: at for at, ticker in enumerate(tickers)}
    for at, ticker in enumerate(group.tickers):
        if ticker not in place:
            raise BadRequest(Invalid(f"{field}.tickers[{at}]", ticker, "one of tickers"))
    if group.lower is None and group.upper is None:
        raise BadRequest(Invalid(field, "no bounds", "lower or upper or both"))
    for name in ("lower", "upper"):
        require(f"{field}.{name}", getattr(group, name) or 0.0, least=-MOST_WEIGHT, most=MOST_WEIGHT)
    lower, upper = (
        (-INFINITY if group.lower is None else group.lower),
        (INFINITY if group.upper is None else group.upper),
    )
    if lower > upper:
        raise BadRequest(Invalid(f"{field}.lower", shown(lower), f"at most its upper, which is {upper:g}"))
    return Group(name=group.name, members=tuple(place[ticker] for ticker in group.tickers), lower=lower, upper=upper)


def _annual_cost(request: OptimizeRequest, tickers: tuple[str, ...], sessions_per_year: int) -> Floats | None:
    """What trading costs per notional and year, as an annual expected return sees it."""
    if request.cost_bp is None or request.objective not in EARNING:
        return None
    return _cost(request, tickers) * sessions_per_year / request.holding_days


def _cost(request: OptimizeRequest, tickers: tuple[str, ...]) -> Floats:
    """Per notional, once."""
    return vector("cost_bp", request.cost_bp or 0.0, tickers, default=0.0, least=0.0) / BASIS_POINTS


def _solver(request: OptimizeRequest, known: _Known) -> Solve:
    """What solves for the objective, given constraints and seconds."""
    risk, mean = known.covariance, known.mean if known.mean is not None else np.zeros(len(known.covariance))
    at_most, at_least = request.target_volatility or 0.0, request.target_return
    aversion = request.risk_aversion or 0.0
    budgets = None
    if request.budgets is not None:
        budgets = vector("budgets", request.budgets, known.tickers, least=SMALLEST)
    solvers: dict[Objective, Solve] = {
        Objective.EQUAL_WEIGHT: lambda within, _: _equal(within),
        Objective.MINIMUM_VARIANCE: lambda within, left: minimum_variance(risk, within, time_limit=left),
        Objective.MAXIMUM_SHARPE: lambda within, left: maximum_sharpe(mean, risk, within, time_limit=left),
        Objective.MAXIMUM_DIVERSIFICATION: lambda within, left: maximum_sharpe(
            np.sqrt(np.diag(risk)), risk, within, time_limit=left
        ),
        Objective.MAXIMUM_UTILITY: lambda within, left: maximum_utility(
            mean, risk, within, risk_aversion=aversion, time_limit=left
        ),
        Objective.TARGET_VOLATILITY: lambda within, left: target_volatility(
            mean, risk, within, volatility=at_most, time_limit=left
        ),
        Objective.TARGET_RETURN: lambda within, left: minimum_variance(
            risk, within, expected_return=mean, at_least=at_least, time_limit=left
        ),
        Objective.RISK_BUDGETING: lambda within, left: risk_budgeting(risk, within, budgets=budgets, time_limit=left),
    }
    return solvers[request.objective]


def _equal(constraints: Constraints) -> Floats:
    """The same weight of each ticker that may be held; `Infeasible` if a constraint has them otherwise."""
    least, greatest = constraints.net
    weights = np.where(constraints.closed, 0.0, 1.0)
    weights *= float(np.clip(1.0, least, greatest)) / max(float(weights.sum()), 1.0)
    beyond = (weights < constraints.lower) | (weights > constraints.upper)
    if beyond.any():
        at = int(np.argmax(beyond))
        low = weights[at] < constraints.lower[at]
        bound, word = (constraints.lower[at], "at least") if low else (constraints.upper[at], "at most")
        _clash(weights[at], f"{constraints.name(at)} {word} {bound:g}")
    if not are_met(constraints, weights):
        explain(replace(constraints, lower=weights, upper=weights))
        _clash(float(weights.max()), "constraints")
    return weights


def _clash(weight: float, limit: str) -> NoReturn:
    raise Infeasible(f"constraints: expected limits that allow {weight:g} of each, got {limit}", conflicting=(limit,))


def _solved(solve: Solve, request: OptimizeRequest, constraints: Constraints, time_limit: float) -> Floats:
    """The weights; all solving of one request shares one time limit."""
    deadline = time.monotonic() + time_limit

    def within(constraints: Constraints) -> Floats:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeLimit(f"solver: expected a solution within {time_limit:g} s, got none")
        return solve(constraints, left)

    try:
        if request.smallest or request.most is not None:
            return few(within, constraints, smallest=request.smallest, most=request.most)
        return within(constraints)
    except (TimeLimit, Unsolvable):
        # Not the constraints' fault as far as anyone can tell: `quant.conflicts` has looked.
        raise
    except Infeasible as error:
        raise Impossible(str(error), *_conflicting(error)) from None


def _conflicting(error: Infeasible) -> list[Invalid]:
    """The constraints that clash, each by the field that it comes from."""
    if not error.conflicting:
        single = invalid_in(str(error))
        return [single] if single else []
    return [Invalid(_field_of(limit), limit, "a limit that the others leave room for") for limit in error.conflicting]


def _field_of(limit: str) -> str:
    for start, field in CONFLICTS.items():
        if limit.startswith(start):
            return field
    return "lower" if " at least " in limit else "upper" if " at most " in limit else "constraints"


def _told(request: OptimizeRequest, known: _Known, constraints: Constraints, weights: Floats) -> OptimizedWeights:
    traded = None if constraints.held is None else np.abs(weights - constraints.held)
    risked = volatility(weights, known.covariance)
    earned = None if known.mean is None else float(known.mean @ weights)
    costs = traded is not None and request.cost_bp is not None
    return OptimizedWeights(
        objective=request.objective,
        weights=by_ticker(known.tickers, weights),
        cash=cash_beside(weights),
        expected_return_in_sample=earned,
        volatility_in_sample=risked,
        sharpe_in_sample=None if earned is None or risked == 0 else earned / risked,
        risk_contributions=by_ticker(known.tickers, risk_contributions(weights, known.covariance)),
        effective_number=effective_number(weights),
        turnover=None if traded is None else float(traded.sum()),
        cost=float(_cost(request, known.tickers) @ traded) if traded is not None and costs else None,
        estimates=known.estimates,
    )
