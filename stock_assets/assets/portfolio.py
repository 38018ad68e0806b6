"""Group `portfolio`: a week's allocations over all tickers, from what was known by the week's end."""

from collections.abc import Mapping
from datetime import date
from typing import Final

import dagster as dg
import msgspec
import numpy as np
import pandas as pd

from quant.bars import Bars, Floats, log_returns
from quant.errors import Infeasible
from quant.portfolio import correlation, equal_weight, ledoit_wolf, maximum_sharpe, minimum_variance, shrunk_mean
from release.manifest import Allocation, Portfolio
from stock_assets.calendars import exchange_of, sessions_per_year
from stock_assets.errors import NotMaterialized
from stock_assets.frames import bars_of
from stock_assets.partitions import known_tickers, last_day, weeks
from stock_assets.presentation import table_metadata
from stock_assets.resources.lake import Lake
from stock_assets.version import code_version

GROUP = "portfolio"
# Two years: long enough for a covariance of a few dozen tickers, short enough to follow the market.
LOOKBACK: Final = 504
STALE_DAYS: Final = 7
PORTFOLIO: Final = "portfolio.json"


@dg.asset(
    partitions_def=weeks,
    group_name=GROUP,
    kinds={"clarabel", "parquet"},
    code_version=code_version(),
    deps=[dg.AssetDep("prices", partition_mapping=dg.AllPartitionMapping())],
)
def portfolio_weights(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
) -> dg.MaterializeResult[pd.DataFrame]:
    """Long-only weights of least variance, of greatest Sharpe ratio, and equal ones; for tickers with a champion."""
    week = context.partition_key
    through = np.datetime64(last_day(week))
    served = [ticker for ticker in known_tickers(context.instance) if lake.has_files("champion", ticker)]
    portfolio, notes = allocate(week, {name: bars_of(lake.read("prices", name)).through(through) for name in served})
    lake.write_files("portfolio_weights", week, {PORTFOLIO: msgspec.json.encode(portfolio)})
    table = weight_table(portfolio)
    return dg.MaterializeResult(
        value=table,
        metadata=table_metadata(
            table, tickers=", ".join(portfolio.tickers), data_through=portfolio.data_through, notes="; ".join(notes)
        ),
    )


def allocate(week: str, bars: Mapping[str, Bars]) -> tuple[Portfolio, list[str]]:
    """The week's portfolio from bars that end with it, and what a person should know of who was left out.

    Raises
    ------
    NotMaterialized
        If no ticker has `LOOKBACK` returns by then.
    """
    session, returns, left_out = common_returns(bars)
    tickers = tuple(returns)
    if not tickers:
        raise NotMaterialized(
            f"portfolio_weights {week}: expected a ticker with a champion and {LOOKBACK} returns by then, got none"
        )
    # Returns run from one common session to the next: the sparsest calendar sets how many there are in a year, and
    # what a pair did over a weekend is part of its return to Monday.
    per_year = min(sessions_per_year(exchange_of(ticker)) for ticker in tickers)
    window = np.column_stack([returns[ticker] for ticker in tickers])
    covariance, mean = ledoit_wolf(window)[0] * per_year, shrunk_mean(window) * per_year
    weights = {"minimum_variance": minimum_variance(covariance), "equal_weight": equal_weight(len(tickers))}
    notes = [f"{name} left out: {reason}" for name, reason in left_out.items()]
    try:
        weights["maximum_sharpe"] = maximum_sharpe(mean, covariance)
    except Infeasible as error:
        notes.append(f"maximum_sharpe left out: {error}")
    portfolio = Portfolio(
        week=week,
        data_through=str(session[-1]),
        tickers=tickers,
        allocations={name: _allocation(w, mean, covariance) for name, w in sorted(weights.items())},
        covariance=tuple(map(tuple, covariance.tolist())),
        correlation=tuple(map(tuple, correlation(covariance).tolist())),
    )
    return portfolio, notes


def _allocation(weights: Floats, mean: Floats, covariance: Floats) -> Allocation:
    return Allocation(
        weights=tuple(weights.tolist()),
        expected_return_in_sample=float(weights @ mean),
        volatility_in_sample=float(np.sqrt(weights @ covariance @ weights)),
    )


def common_returns(bars: Mapping[str, Bars]) -> tuple[np.ndarray, dict[str, Floats], dict[str, str]]:
    """The last `LOOKBACK` sessions that all tickers share, each one's log returns (LOOKBACK,) between them.

    A ticker with too few bars, or whose last bar is over a week older than the newest, is left out with the reason.
    Dividends count on the session they were paid; a session that some ticker missed becomes part of the next return.
    """
    ends = {name: b.session[-1] for name, b in bars.items() if len(b)}
    newest = max(ends.values(), default=np.datetime64(date.min))
    kept, left_out = {}, {}
    for name, b in bars.items():
        if len(b) <= LOOKBACK:
            left_out[name] = f"{len(b)} bars of at least {LOOKBACK + 1}"
        elif newest - ends[name] > np.timedelta64(STALE_DAYS, "D"):
            left_out[name] = f"its last bar is of {ends[name]}, the newest of {newest}"
        else:
            kept[name] = pd.Series(np.nancumsum(log_returns(b)), index=b.session.astype("datetime64[s]"))
    if not kept:
        return np.array([], dtype="datetime64[D]"), {}, left_out
    levels = pd.concat(kept, axis=1, join="inner").iloc[-LOOKBACK - 1 :]
    if len(levels) <= LOOKBACK:
        shared = dict.fromkeys(kept, f"the tickers share {len(levels)} sessions of at least {LOOKBACK + 1}")
        return levels.index.to_numpy(), {}, left_out | shared
    steps = levels.diff().iloc[1:]
    session = steps.index.to_numpy().astype("datetime64[D]")
    return session, {name: steps[name].to_numpy(dtype=np.float64) for name in kept}, left_out


def weight_table(portfolio: Portfolio) -> pd.DataFrame:
    """A row per strategy and ticker: week, data_through, strategy, ticker, weight."""
    rows = [
        (portfolio.week, portfolio.data_through, strategy, ticker, weight)
        for strategy, allocation in portfolio.allocations.items()
        for ticker, weight in zip(portfolio.tickers, allocation.weights, strict=True)
    ]
    return pd.DataFrame(rows, columns=["week", "data_through", "strategy", "ticker", "weight"])
