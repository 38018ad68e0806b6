"""A week's weights, made and kept: from the panel to a table, and from the tables back to the decisions of a walk.

One row a strategy and ticker. Where tables lie is the asset's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from quant.bars import Floats
from release.portfolio import Strategy
from stock_assets.allocation.outlook import Forecasts, forecast_views
from stock_assets.allocation.panel import LOOKBACK, Known, Panel, Steps
from stock_assets.allocation.strategies import Situation, allocate
from stock_assets.allocation.walk import Decision, past_of
from stock_assets.calendars import exchange_of, sessions_per_year
from stock_assets.errors import NotMaterialized
from stock_assets.partitions import last_day, week_of

WEEKS_PER_YEAR: Final = 52


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Week:
    """A week's weights.

    Attributes
    ----------
    week : str
        Its partition key.
    data_through : datetime64[D]
        The last session that was known.
    tickers : tuple of str
    weights : dict of (N,) float64
        By strategy.
    notes : tuple of str
        What a person should know of how they came about; not kept in the table.
    """

    week: str
    data_through: np.datetime64
    tickers: tuple[str, ...]
    weights: Mapping[Strategy, Floats]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: pd.DataFrame) -> Week:
        """The week that a table is of."""
        wide = table.pivot(index="strategy", columns="ticker", values="weight")
        weights = dict(zip(wide.index, wide.to_numpy(dtype=np.float64), strict=True))
        return cls(
            week=str(table["week"].iloc[0]),
            data_through=np.datetime64(str(table["data_through"].iloc[0])),
            tickers=tuple(wide.columns),
            weights={Strategy(name): weights[name] for name in table["strategy"].unique()},
        )

    def table(self) -> pd.DataFrame:
        """A row a strategy and ticker."""
        names = [strategy.value for strategy in self.weights]
        return pd.DataFrame(
            {
                "week": self.week,
                "data_through": str(self.data_through),
                "strategy": np.repeat(names, len(self.tickers)),
                "ticker": np.tile(self.tickers, len(names)),
                "weight": np.concatenate(list(self.weights.values())),
            }
        )


def first_week(panel: Panel) -> str | None:
    """The first week from which on there always is a ticker with enough history; None if the newest has none."""
    enough = panel.allocatable()
    if not enough[-1]:
        return None
    first = len(enough) - int(np.argmin(enough[::-1])) if not enough.all() else 0
    return week_of(date.fromisoformat(str(panel.session[first])))


def weekly(
    weeks: Sequence[str],
    panel: Panel,
    records: Mapping[str, Forecasts],
    *,
    cost_bp: float,
    before: Week | None = None,
) -> list[Week]:
    """The weights of one week after the other, each from what was known by its end.

    Parameters
    ----------
    weeks : sequence of str
        Partition keys in the order of time, without a gap.
    panel : Panel
    records : mapping of Forecasts
        The champions', by ticker.
    cost_bp : float
        Of what is traded, a side.
    before : Week, optional
        The one before the first.

    Raises
    ------
    NotMaterialized
        If no ticker has enough history by the end of some week.
    """
    made: list[Week] = []
    for week in weeks:
        before = _week(week, panel, records, cost_bp=cost_bp, before=before)
        made.append(before)
    return made


def _week(week: str, panel: Panel, records: Mapping[str, Forecasts], *, cost_bp: float, before: Week | None) -> Week:
    through = np.datetime64(last_day(week))
    known = panel.known(through)
    tickers = tuple(panel.tickers[place] for place in known.column)
    if not tickers:
        raise NotMaterialized(
            f"portfolio_weights {week}: expected a ticker with a champion and {LOOKBACK} returns by then, got none"
        )
    views = forecast_views(
        [records.get(name) for name in tickers],
        through=through,
        # A forecast is of sessions of the ticker's own, of which crypto has more than it shares with stocks.
        sessions_per_year=np.array([sessions_per_year(exchange_of(name)) for name in tickers]),
    )
    situation = Situation(
        returns=known.returns,
        sessions_per_year=panel.sessions_per_year,
        # Five of an exchange, seven around the clock.
        sessions_held=round(panel.sessions_per_year / WEEKS_PER_YEAR),
        cost_bp=cost_bp,
        views=views,
        held={} if before is None else _drifted(before, panel, known),
    )
    weights, notes = allocate(situation)
    left_out = [f"{name} left out: {reason}" for name, reason in known.left_out.items()]
    return Week(
        week=week,
        data_through=panel.session[known.row],
        tickers=tickers,
        weights=weights,
        notes=(*left_out, *notes),
    )


def _drifted(before: Week, panel: Panel, known: Known) -> dict[Strategy, Floats]:
    """What each strategy's weights of the week before have become; of a ticker that is no longer known, nothing."""
    row, place = _row_of(panel, before.data_through), {name: k for k, name in enumerate(before.tickers)}
    grown = np.exp(np.nan_to_num((panel.standing[known.row] - panel.standing[row])[known.column]))
    then = np.array([place.get(panel.tickers[column], len(place)) for column in known.column])
    held = {}
    for strategy, weights in before.weights.items():
        now = np.append(weights, 0.0)[then] * grown
        if now.sum() > 0:
            held[strategy] = now / now.sum()
    return held


def decisions(weeks: Sequence[Week], panel: Panel, steps: Steps) -> list[Decision]:
    """The decisions that weeks are, in their order; only strategies that all of them have.

    Weights decided at a session's close are traded at the next open, which the newest week's may have to wait for.
    """
    common = [strategy for strategy in weeks[-1].weights if all(strategy in week.weights for week in weeks)]
    place = {name: k for k, name in enumerate(panel.tickers)}
    simple = np.expm1(np.diff(panel.standing, axis=0, prepend=np.nan))
    made = []
    for week in weeks:
        kept = [k for k, name in enumerate(week.tickers) if name in place]
        column = [place[week.tickers[k]] for k in kept]
        weights = {strategy: np.zeros(len(place)) for strategy in common}
        for strategy, held in weights.items():
            held[column] = week.weights[strategy][kept]
        row = _row_of(panel, week.data_through)
        # The night before the open belongs to what was held before.
        made.append(Decision(steps.first_of(row + 1) + 1, weights, past_of(simple, row + 1)))
    return made


def _row_of(panel: Panel, session: np.datetime64) -> int:
    """The panel's last row up to a session: the vendor may have withdrawn the session itself since."""
    return int(np.searchsorted(panel.session, session, side="right")) - 1
