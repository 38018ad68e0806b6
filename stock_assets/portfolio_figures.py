"""The pictures of the portfolio, each with the baseline that it has to be read against.

What the champion held, what the estimates promised, how tickers move together, and what every strategy made of it.
Only drawing belongs here: each picture is drawn of a record of `release.portfolio`, or of the arrays it was made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import isotonic_regression

from quant.bars import Floats, Sessions
from release.portfolio import Allocation, Portfolio, PortfolioPerformance, Strategy, StrategyRecord
from stock_assets.drawing import (
    BLUE,
    FAINT,
    GREY,
    ORANGE,
    SMALL,
    blank,
    dressed,
    legend,
    percent,
    plain_log_ticks,
    years,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's, with wine for the pink that some eyes take for grey; neighbours are far apart to eyes of any kind.
AREAS: Final = ("#0072b2", "#e69f00", "#009e73", "#f0e442", "#882255", "#56b4e9", "#d55e00", "#000000")
NAMED: Final = len(AREAS)
OTHERS, CASH = "others", "cash"
REST: Final = {OTHERS: "#9ca3af", CASH: FAINT}
GREEN: Final = "#009e73"
PALE: Final = "#c4c9d1"
# From opposite through white, unrelated, to alike.
PALETTE: Final = "RdBu_r"
# Rows of tick labels that fit a heat map's side, and the most tickers whose cells have room for a number.
LABELLED: Final = 34
NUMBERED: Final = 12
# Beyond which a cell is too dark for dark words.
DARK: Final = 0.6
# Between two labels beside a picture, as a share of its height.
APART: Final = 0.075
# How long the newest weights are drawn if nothing else tells it.
WEEK: Final = np.timedelta64(7, "D")


def allocation_figure(
    portfolio_title: str, session: Sessions, tickers: Sequence[str], weights: Floats, *, strategy: Strategy
) -> Figure:
    """What the champion held over time, with cash, beside what equal weight would hold.

    Those tickers are named that were held most on average; a weight stands until the next one.

    Parameters
    ----------
    portfolio_title : str
        What the weights are: begins the title.
    session : (R,) datetime64[D]
        When each row of weights was decided; at least one.
    tickers : sequence of N str
    weights : (R, N) float64
        Shares of the book, none negative; what they don't sum to is cash.
    strategy : Strategy
        Today's champion.
    """
    figure = blank(f"{portfolio_title} (now {_name(strategy)}), beside equal weight", width=7.6, height=3.7)
    over_time, equal = figure.add_axes((0.09, 0.125, 0.795, 0.625)), figure.add_axes((0.915, 0.125, 0.06, 0.625))
    named = _most_held(weights)
    areas = _areas(tickers, weights, named)
    alike = _areas(tickers, np.full((1, len(tickers)), 1.0 / len(tickers)), named)
    lasts = np.median(np.diff(session)) if len(session) > 1 else WEEK
    days = np.append(session, session[-1] + lasts)
    colours = [REST.get(name, AREAS[place % NAMED]) for place, name in enumerate(areas)]
    over_time.stackplot(
        days,
        [np.append(held, held[-1]) for held in areas.values()],
        labels=[f"{name} {held[-1]:.1%}" for name, held in areas.items()],
        colors=colours,
        step="post",
        linewidth=0,
    )
    foot = 0.0
    for share, colour in zip(alike.values(), colours, strict=True):
        equal.bar(0.0, share[0], bottom=foot, color=colour, width=1.0, linewidth=0)
        foot += share[0]
    years(over_time)
    for axes in (over_time, equal):
        axes.set_ylim(0.0, 1.0)
        axes.margins(x=0.0)
        axes.yaxis.set_major_formatter(percent)
    dressed(over_time, y="share of the book (legend: now)")
    dressed(equal)
    equal.set_yticks([])
    equal.set_xticks([0.0], ["equal"])
    legend(over_time, columns=4)
    return figure


def _most_held(weights: Floats) -> list[int]:
    """Columns of those held most on average, as many as have a colour, in their given order."""
    return sorted(np.argsort(-weights.mean(axis=0), kind="stable")[:NAMED].tolist())


def _areas(tickers: Sequence[str], weights: Floats, named: Sequence[int]) -> dict[str, Floats]:
    """By name, what is stacked from the ground up: those named, all others together, cash."""
    areas = {tickers[k]: weights[:, k] for k in named}
    if len(named) < len(tickers):
        areas[OTHERS] = np.delete(weights, named, axis=1).sum(axis=1)
    # Sums of shares miss 1 by a rounding error, which may be below it.
    areas[CASH] = np.maximum(1.0 - weights.sum(axis=1), 0.0)
    return areas


def frontier_figure(portfolio: Portfolio) -> Figure:
    """The efficient frontier in sample, each strategy below it, or left of it for its cash, and the tickers alone."""
    count, through = _count(portfolio.tickers), portfolio.data_through
    title = f"The frontier of {count} in sample up to {through} (no forecast), beside equal weight"
    figure = blank(title, width=7.6, height=3.9)
    axes = figure.add_axes((0.085, 0.125, 0.545, 0.68))
    alone = np.sqrt(np.array([row[k] for k, row in enumerate(portfolio.covariance)]))
    axes.plot(alone, portfolio.expected_return, ".", color=PALE, ms=5, label="single tickers")
    volatility = [point.volatility for point in portfolio.frontier]
    axes.plot(volatility, [point.expected_return for point in portfolio.frontier], color=GREY, label="frontier")
    for strategy, held in portfolio.allocations.items():
        colour, marker, size = _point(strategy, portfolio.champion)
        axes.plot(
            held.volatility_in_sample,
            held.expected_return_in_sample,
            marker,
            color=colour,
            ms=size,
            markeredgecolor="white",
            markeredgewidth=0.5,
            zorder=3,
        )
    axes.margins(0.06)
    _named_beside(axes, portfolio.allocations, champion=portfolio.champion)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(percent)
    dressed(axes, x="volatility a year, in sample", y="expected return a year, in sample")
    legend(axes, columns=2)
    return figure


def _point(strategy: Strategy, champion: Strategy) -> tuple[str, str, float]:
    """Colour, marker and size."""
    if strategy is champion:
        return BLUE, "D", 7.0
    return (ORANGE, "s", 6.5) if strategy is Strategy.EQUAL_WEIGHT else ("black", "o", 5.0)


def _named_beside(axes: Axes, allocations: Mapping[Strategy, Allocation], *, champion: Strategy) -> None:
    """Names in a column right of the axes, each with a line to its point: nothing there is covered by anything."""
    ordered = sorted(allocations.items(), key=lambda item: item[1].expected_return_in_sample)
    low, high = axes.get_ylim()
    wanted = [(held.expected_return_in_sample - low) / (high - low) for _, held in ordered]
    for (strategy, held), place in zip(ordered, _apart(np.array(wanted)), strict=True):
        colour, _, _ = _point(strategy, champion)
        axes.annotate(
            _told(strategy, held, champion=champion),
            xy=(held.volatility_in_sample, held.expected_return_in_sample),
            xytext=(1.04, place),
            textcoords="axes fraction",
            va="center",
            fontsize=SMALL,
            color=colour,
            fontweight="bold" if strategy is champion else "normal",
            arrowprops={
                "arrowstyle": "-",
                "color": PALE,
                "linewidth": 0.7,
                "shrinkA": 1,
                "shrinkB": 3,
                "relpos": (0.0, 0.5),
            },
        )


def _told(strategy: Strategy, held: Allocation, *, champion: Strategy) -> str:
    cash = f", {held.cash:.0%} cash" if held.cash > 5e-3 else ""
    return f"{'champion: ' if strategy is champion else ''}{_name(strategy)}{cash}"


def _apart(wanted: Floats) -> Floats:
    """The places nearest to those wanted, ascending, that are `APART` from each other and inside [0, 1]."""
    steps = APART * np.arange(len(wanted))
    places: Floats = np.clip(isotonic_regression(wanted - steps).x, 0.0, max(1.0 - steps[-1], 0.0)) + steps
    return places


def correlation_figure(portfolio: Portfolio) -> Figure:
    """How the tickers move together, those that do side by side, from opposite through unrelated to alike."""
    order = np.array(portfolio.cluster_order)
    related = np.array(portfolio.correlation)[np.ix_(order, order)]
    count, names = len(order), [portfolio.tickers[k] for k in order]
    mean = f", pairs average {related[np.triu_indices(count, 1)].mean():.2f}" if count > 1 else ""
    figure = blank(f"Correlations of {_count(names)}: 0 is unrelated{mean}", width=6.6, height=5.4)
    axes, scale = figure.add_axes((0.135, 0.155, 0.715, 0.775)), figure.add_axes((0.88, 0.155, 0.025, 0.775))
    axes.imshow(related, cmap=PALETTE, vmin=-1.0, vmax=1.0, interpolation="nearest", aspect="auto")
    step = -(-count // LABELLED)
    axes.set_xticks(range(0, count, step), names[::step], rotation=90)
    axes.set_yticks(range(0, count, step), names[::step])
    if count <= NUMBERED:
        for row, column in np.ndindex(count, count):
            value = related[row, column]
            colour = "white" if abs(value) > DARK else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=SMALL, color=colour)
    dressed(axes)
    # A strip of the same colours: a colour bar takes as long to draw as the map.
    strip = np.linspace(-1.0, 1.0, 101)[:, None]
    scale.imshow(strip, cmap=PALETTE, vmin=-1.0, vmax=1.0, extent=(0.0, 1.0, -1.0, 1.0), origin="lower", aspect="auto")
    scale.yaxis.tick_right()
    scale.set_xticks([])
    dressed(scale)
    return figure


def strategies_figure(performance: PortfolioPerformance, *, champion: Strategy) -> Figure:
    """What 1 became by every strategy, out of sample and net of costs, on a logarithmic scale; below, what was lost.

    Parameters
    ----------
    performance : PortfolioPerformance
    champion : Strategy
        Today's; its book as chosen may have held others before.
    """
    cost = f"after costs of {performance.cost_bp:g} bp a side"
    title = f"The champion of the time beside equal weight, out of sample, {cost}"
    figure = blank(title, width=7.6, height=4.6)
    above = figure.add_axes((0.085, 0.36, 0.895, 0.45))
    below = figure.add_axes((0.085, 0.095, 0.895, 0.21), sharex=above)
    days = np.array(performance.sessions_shown, dtype="datetime64[D]")
    equal = performance.strategies[Strategy.EQUAL_WEIGHT]
    chosen, held = performance.champion, performance.buy_and_hold
    others = [of for strategy, of in performance.strategies.items() if strategy is not Strategy.EQUAL_WEIGHT]
    label = f"champion (now {_name(champion)}): {_sharpe(chosen)}"
    above.axhline(1.0, color=FAINT, linewidth=1)
    above.plot(days, _positive(chosen), color=BLUE, linewidth=2.0, zorder=4, label=label)
    above.plot(
        days, _positive(equal), "--", color=ORANGE, linewidth=1.3, zorder=3, label=f"equal weight: {_sharpe(equal)}"
    )
    above.plot(days, _positive(held), ":", color=GREEN, linewidth=1.4, label=f"buy and hold: Sharpe {held.sharpe:.2f}")
    for place, of in enumerate(others):
        above.plot(days, _positive(of), color=PALE, linewidth=0.8, zorder=1, label="" if place else _range(others))
    below.plot(days, _drawdown(equal), "--", color=ORANGE, linewidth=1.1)
    below.plot(days, _drawdown(chosen), color=BLUE, linewidth=1.4)
    above.set_yscale("log")
    plain_log_ticks(above)
    years(below)
    above.margins(x=0.01)
    below.yaxis.set_major_formatter(percent)
    dressed(above, y="equity, log scale")
    dressed(below, y="below its peak")
    above.tick_params(labelbottom=False)
    legend(above, columns=2)
    return figure


def _sharpe(of: StrategyRecord) -> str:
    return f"Sharpe {of.sharpe:.2f} (95 %: {of.sharpe_lower_95:.2f} to {of.sharpe_upper_95:.2f})"


def _range(records: Sequence[StrategyRecord]) -> str:
    ratios = [of.sharpe for of in records]
    return f"{len(records)} others: Sharpe {min(ratios):.2f} to {max(ratios):.2f}"


def _positive(of: StrategyRecord) -> Floats:
    """Equity up to a ruin, if there was one."""
    equity = np.array(of.equity)
    return np.where(equity > 0, equity, np.nan)


def _drawdown(of: StrategyRecord) -> Floats:
    """Share lost from the highest of the points shown, 1 at the start among them."""
    equity = np.array(of.equity)
    return equity / np.maximum(np.maximum.accumulate(equity), 1.0) - 1.0


def _count(tickers: Sequence[str]) -> str:
    return f"{len(tickers)} ticker{'s' if len(tickers) > 1 else ''}"


def _name(strategy: Strategy) -> str:
    return strategy.value.replace("_", " ")
