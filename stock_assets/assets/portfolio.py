"""Group `portfolio`: each week's allocations from what was known by its end, and how every strategy has fared."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import dagster as dg
import msgspec
import numpy as np
import pandas as pd

from quant.signals import SignalRule
from release.portfolio import Portfolio
from stock_assets.allocation.panel import Panel
from stock_assets.allocation.weekly import weekly
from stock_assets.partitions import known_tickers, weeks
from stock_assets.portfolio_figures import (
    allocation_figure,
    correlation_figure,
    frontier_figure,
    strategies_figure,
)
from stock_assets.portfolios import (
    ALL,
    PERFORMANCE,
    PORTFOLIO,
    WEIGHTS,
    Judged,
    judged,
    performance_table,
    read_forecasts,
    read_panel,
    week_before,
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
        records, without = read_forecasts(lake, panel.tickers)
        before, damaged = week_before(lake, keys[0])
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


def _pictures(record: Judged, panel: Panel) -> "dict[str, Figure]":
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
