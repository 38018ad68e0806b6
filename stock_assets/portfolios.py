"""From the lake to what a week's portfolio is made of, and from its weeks to the record that they are judged by.

Whatever can't be read costs its own ticker, forecast or week, and is named. What is made of it is `allocation`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from quant.bars import Sessions
from quant.signals import SignalRule
from release.portfolio import Portfolio
from stock_assets.allocation.champion import Champions, champions
from stock_assets.allocation.outlook import Forecasts
from stock_assets.allocation.panel import Panel
from stock_assets.allocation.report import portfolio_of
from stock_assets.allocation.strategies import Estimates
from stock_assets.allocation.walk import Walk, walk
from stock_assets.allocation.weekly import Week, decisions
from stock_assets.errors import LakeUnreadable, NotMaterialized, StockAssetsError
from stock_assets.frames import bars_of
from stock_assets.partitions import last_day, week_of
from stock_assets.resources.lake import Lake

WEIGHTS: Final = "portfolio_weights"
PERFORMANCE: Final = "portfolio_performance"
# The lake's name for what has no partitions, and its file for the release.
ALL: Final = "all"
PORTFOLIO: Final = "portfolio.json"


def read_panel(lake: Lake, tickers: Sequence[str]) -> tuple[Panel, dict[str, str]]:
    """The panel of those tickers that have a champion, and why any of them could not be read, by ticker.

    Raises
    ------
    NotMaterialized
        If no ticker is left.
    """
    bars, unreadable = {}, {}
    for name in tickers:
        if lake.has_files("champion", name):
            try:
                bars[name] = bars_of(lake.read("prices", name))
            except StockAssetsError as error:
                # One ticker's damaged file is no reason to leave all others without weights.
                unreadable[name] = str(error)
    if not bars:
        told = "; ".join(unreadable.values()) or "none has one"
        raise NotMaterialized(f"portfolio: expected a ticker with a champion and readable prices, got none ({told})")
    return Panel.of(bars), unreadable


def read_forecasts(lake: Lake, tickers: Sequence[str]) -> tuple[dict[str, Forecasts], list[str]]:
    """The champions' forecasts by ticker, of those that have made any yet, and why any of them could not be read."""
    records, unreadable = {}, []
    for name in tickers:
        if lake.has("signals", name):
            try:
                records[name] = Forecasts.of(lake.read("signals", name))
            except StockAssetsError as error:
                unreadable.append(f"{name} held without a forecast: {error}")
    return records, unreadable


def week_before(lake: Lake, week: str) -> tuple[Week | None, list[str]]:
    """The newest week before that can be read, as if nothing had been traded since, and what could not be read."""
    damaged: list[str] = []
    for key in reversed(lake.keys(WEIGHTS)):
        if key < week:
            try:
                return Week.of(lake.read(WEIGHTS, key)), damaged
            except LakeUnreadable as error:
                damaged.append(str(error))
    return None, damaged


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The newest week's portfolio, and the walk that its champion was chosen by.

    `decided` (R,) are the decisions' sessions, `damaged` says which weeks could not be read.
    """

    portfolio: Portfolio
    walk: Walk
    champions: Champions
    decided: Sessions
    damaged: tuple[str, ...]


def judged(lake: Lake, panel: Panel, unreadable: Mapping[str, str]) -> Judged:
    """The newest week's portfolio with the record of all weeks that the lake has.

    Raises
    ------
    NotMaterialized
        If there is no week yet that can be read.
    """
    kept, damaged = _weeks(lake, through=week_of(panel.session[-1].item()))
    if not kept:
        raise NotMaterialized(
            f"{PERFORMANCE}: expected a week of {WEIGHTS}, got none ({'; '.join(damaged) or 'none is there'})"
        )
    steps, newest = panel.steps(), kept[-1].week
    made = walk(
        steps,
        decisions(kept, panel, steps),
        cost_bp=SignalRule().costs.side_bp,
        sessions_per_year=panel.sessions_per_year,
    )
    chosen = champions(made)
    known = panel.known(np.datetime64(last_day(newest)))
    known.left_out.update(unreadable)
    portfolio = portfolio_of(
        newest,
        panel,
        known,
        {strategy: book.targets[-1][known.column] for strategy, book in made.books.items()},
        Estimates.of(known.returns, sessions_per_year=panel.sessions_per_year),
        walk=made,
        chosen=chosen,
    )
    return Judged(portfolio, made, chosen, np.array([week.data_through for week in kept]), tuple(damaged))


def _weeks(lake: Lake, *, through: str) -> tuple[list[Week], list[str]]:
    """The weeks up to one, and what could not be read of them: as if it had not been traded on that week.

    Later ones were made of bars that have been taken back since.
    """
    kept, damaged = [], []
    for key in lake.keys(WEIGHTS):
        if key <= through:
            try:
                kept.append(Week.of(lake.read(WEIGHTS, key)))
            except LakeUnreadable as error:
                damaged.append(str(error))
    return kept, damaged


def performance_table(portfolio: Portfolio) -> pd.DataFrame:
    """A row a strategy, `champion` and `buy_and_hold` among them: the numbers of its record; no rows without one."""
    performance = portfolio.performance
    if performance is None:
        return pd.DataFrame(columns=["strategy"])
    told: Mapping[str, Any] = {
        **{strategy.value: record for strategy, record in performance.strategies.items()},
        "champion": performance.champion,
        "buy_and_hold": performance.buy_and_hold,
    }
    rows = [
        {"strategy": name, **{key: value for key, value in msgspec.structs.asdict(of).items() if key != "equity"}}
        for name, of in told.items()
    ]
    return pd.DataFrame(rows)
