"""Group `portfolio`: each week's allocations from what was known by its end, and how every strategy has fared."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
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
from stock_assets.allocation.weekly import Week, decisions, weekly
from stock_assets.errors import LakeUnreadable, NotMaterialized, StockAssetsError
from stock_assets.frames import bars_of
from stock_assets.partitions import known_tickers, last_day, week_of, weeks
from stock_assets.portfolio_figures import (
    allocation_figure,
    correlation_figure,
    frontier_figure,
    strategies_figure,
)
from stock_assets.presentation import picture, table_metadata
from stock_assets.resources import tracking
from stock_assets.resources.lake import Lake
from stock_assets.resources.registry import RegistryUnavailable
from stock_assets.settings import PipelineSettings
from stock_assets.version import code_version

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUP: Final = "portfolio"
WEIGHTS: Final = "portfolio_weights"
PERFORMANCE: Final = "portfolio_performance"
# The lake's name for what has no partitions, and its file for the release.
ALL: Final = "all"
PORTFOLIO: Final = "portfolio.json"
COLUMNS: Final = {
    "week": "the Sunday that it begins with",
    "data_through": "the last session that was known",
    "weight": "share of the book's value",
}

with warnings.catch_warnings():
    # Dagster calls its backfill policies a beta: nothing that every command need say.
    warnings.simplefilter("ignore", category=dg.BetaWarning)

    @dg.asset(
        partitions_def=weeks,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=GROUP,
        kinds={"clarabel", "skfolio", "parquet"},
        code_version=code_version(),
        deps=[
            dg.AssetDep("prices", partition_mapping=dg.AllPartitionMapping()),
            dg.AssetDep("signals", partition_mapping=dg.AllPartitionMapping()),
            # What it costs to leave the weights of the week before.
            dg.AssetDep(WEIGHTS, partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)),
        ],
    )
    def portfolio_weights(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value: many weeks in one run
        """Long-only weights by strategy, for tickers with a champion; many weeks in one run are a walk-forward."""
        keys = context.partition_keys
        panel, unreadable = read_panel(lake, known_tickers(context.instance))
        records, without = _records(lake, panel.tickers)
        before, damaged = _before(lake, keys[0])
        for week in weekly(keys, panel, records, cost_bp=SignalRule().costs.side_bp, before=before):
            table = week.table()
            lake.write(WEIGHTS, week.week, table)
            context.add_asset_metadata(
                table_metadata(
                    table,
                    COLUMNS,
                    tickers=", ".join(week.tickers),
                    data_through=str(week.data_through),
                    notes="; ".join([*unreadable.values(), *without, *damaged, *week.notes]) or "none",
                ),
                partition_key=week.week,
            )
        return dg.MaterializeResult()


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


def _records(lake: Lake, tickers: Sequence[str]) -> tuple[dict[str, Forecasts], list[str]]:
    """The champions' forecasts by ticker, of those that have made any yet, and why any of them could not be read."""
    records, unreadable = {}, []
    for name in tickers:
        if lake.has("signals", name):
            try:
                records[name] = Forecasts.of(lake.read("signals", name))
            except StockAssetsError as error:
                unreadable.append(f"{name} held without a forecast: {error}")
    return records, unreadable


def _before(lake: Lake, week: str) -> tuple[Week | None, list[str]]:
    """The newest week before that can be read, as if nothing had been traded since, and what could not be read."""
    damaged: list[str] = []
    for key in reversed(lake.keys(WEIGHTS)):
        if key < week:
            try:
                return Week.of(lake.read(WEIGHTS, key)), damaged
            except LakeUnreadable as error:
                damaged.append(str(error))
    return None, damaged


@dg.asset(
    group_name=GROUP,
    kinds={"numpy", "mlflow", "parquet"},
    code_version=code_version(),
    deps=[
        dg.AssetDep(WEIGHTS, partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep("prices", partition_mapping=dg.AllPartitionMapping()),
    ],
)
def portfolio_performance(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[PipelineSettings]
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value: it writes its own file, of no partition
    """Every strategy's weights traded at the next open, net of costs; which one leads, and the newest week's risk."""
    panel, unreadable = read_panel(lake, known_tickers(context.instance))
    record = judged(lake, panel, unreadable)
    portfolio = record.portfolio
    table = performance_table(portfolio)
    lake.write_files(PERFORMANCE, ALL, {PORTFOLIO: msgspec.json.encode(portfolio)})
    lake.write(PERFORMANCE, ALL, table)
    pictures = _pictures(record, panel)
    return dg.MaterializeResult(
        metadata=table_metadata(
            table,
            champion=portfolio.champion.value,
            why=portfolio.why,
            damaged="; ".join(record.damaged) or "none",
            mlflow=_tell_mlflow(settings, context, portfolio, table, pictures),
            **{name: picture(name, figure) for name, figure in pictures.items()},
        )
    )


def _pictures(record: "Judged", panel: Panel) -> "dict[str, Figure]":
    """Allocation over time, frontier, correlation and equity curves, the last once there is a record."""
    portfolio, walk = record.portfolio, record.walk
    held = np.array([walk.books[strategy].targets[k] for k, strategy in enumerate(record.champions.at)])
    drawn = {
        "allocation": allocation_figure(
            "What the champion held", record.decided, panel.tickers, held, strategy=portfolio.champion
        ),
        "frontier": frontier_figure(portfolio),
        "correlation": correlation_figure(portfolio),
    }
    if portfolio.performance is not None:
        drawn["strategies"] = strategies_figure(portfolio.performance, champion=portfolio.champion)
    return drawn


def _tell_mlflow(
    settings: PipelineSettings,
    context: dg.AssetExecutionContext,
    portfolio: Portfolio,
    table: pd.DataFrame,
    pictures: "Mapping[str, Figure]",
) -> str:
    """The MLflow run's id, or why there is none: a release does not wait for its pictures."""
    numbers = table.set_index("strategy").to_dict("index") if len(table) else {}
    metrics = {f"{name}_{key}": float(value) for name, of in numbers.items() for key, value in of.items()}
    try:
        return tracking.log_portfolio(
            settings,
            context.run.run_id,
            params={"week": portfolio.week, "champion": portfolio.champion.value, "why": portfolio.why},
            metrics=metrics,
            figures={f"{name}.png": figure for name, figure in pictures.items()},
        )
    except RegistryUnavailable as error:
        context.log.warning(f"the portfolio is not told to MLflow: {error}")
        return f"not told: {error}"


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
        raise NotMaterialized(f"{PERFORMANCE}: expected a week of {WEIGHTS}, got none{''.join(damaged)}")
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
        close=_closes(lake, [panel.tickers[place] for place in known.column], panel.session[known.row]),
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


def _closes(lake: Lake, tickers: Sequence[str], session: np.datetime64) -> np.ndarray:
    """As traded, at a session or the last one before it."""
    return np.array([bars_of(lake.read("prices", name)).through(session).close[-1] for name in tickers])


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
