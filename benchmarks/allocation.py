"""Allocation: what each strategy would have earned, walked forward, net of costs, beside equal weight.

    python benchmarks/allocation.py [--data sp20|bigtech5|us130] [--json] [--cost-bp N] [--day N]

Monthly rebalances; weights are chosen from the 504 sessions before, drift until the next rebalance, and pay 10 basis
points of what is traded, the first purchase included. Sharpe ratios are annualised, of simple daily returns, riskless
rate 0, as skfolio has them.

sp20 is the data set in skfolio's wheel: 20 US stocks, 1990 to 2022. Its target: the champion, chosen without
hindsight, above 0.96 net. The two others, which the target was not set for, are read from ../shared/data. All three
are of companies that are known to have lasted: no figure here is free of that. `--day` rebalances on a later session
of each month, since a strategy that needs the first one has found that and nothing else.

There are no models for prices without highs, lows and volumes, so `black_litterman` is not among the strategies here;
`momentum` is Black and Litterman's method with the views of past returns.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from quant.bars import Floats
from quant.constraints import long_only
from quant.moments import mean, sample_covariance
from quant.performance import sharpe, trial_variance
from quant.portfolio import maximum_sharpe
from quant.rebalanced import scores
from quant.sharpe import sharpe_difference
from release.portfolio import Strategy
from stock_assets.allocation.champion import book_as_chosen, champions
from stock_assets.allocation.combination import share_at_target
from stock_assets.allocation.panel import LOOKBACK, Steps
from stock_assets.allocation.strategies import Situation, allocate
from stock_assets.allocation.walk import Book, Decision, Walk, past_of, walk

TARGET_SHARPE = 0.96
SESSIONS_A_YEAR, SESSIONS_A_MONTH, QUARTER = 252, 21, 63
SAMPLES = 2_000
# Strategies and settings that were tried on these data before the house's rule was chosen.
TRIED = 91

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
# Of us130: with splits that the vendor has not recorded (see docs/market-data.md).
UNSOUND = ("ANTM", "CMCSA", "GOOGL")


def prices_of(name: str) -> pd.DataFrame:
    """Adjusted closes, a column a ticker, of sessions on which all of them were listed."""
    if name == "sp20":
        from skfolio.datasets import load_sp500_dataset

        loaded: pd.DataFrame = load_sp500_dataset()
        return loaded
    if name == "bigtech5":
        long = pd.read_csv(SHARED / "bigtech5_daily_1980_2022.csv.gz", parse_dates=["date"])
        return long.pivot(index="date", columns="ticker", values="adj_close").dropna()
    long = pd.read_parquet(SHARED / "us130_daily_raw_2004_2021.parquet", columns=["date", "ticker", "adj_close"])
    wide = long.pivot(index="date", columns="ticker", values="adj_close").drop(columns=list(UNSOUND))
    whole = wide.loc[:, wide.iloc[0].notna() & (wide.notna().mean() > 0.99)]
    return whole.dropna()


def rebalances(days: pd.DatetimeIndex, *, day: int) -> np.ndarray:
    """The rows of the `day`-th session of each month (from 0) that have enough sessions before them."""
    months = (days.year * 12 + days.month).to_numpy()
    first = np.flatnonzero(np.diff(months, prepend=months[0] - 1))
    length = np.diff(np.append(first, len(days)))
    rows = first + np.minimum(day, length - 1)
    return rows[rows >= LOOKBACK]


def walked(returns: Floats, rows: np.ndarray, *, cost_bp: float) -> Walk:
    """The house's strategies, traded at `rows`."""
    held: dict[Strategy, Floats] = {}
    made = []
    for row, end in zip(rows, np.append(rows[1:], len(returns)), strict=True):
        situation = Situation(
            returns=returns[row - LOOKBACK : row],
            sessions_per_year=SESSIONS_A_YEAR,
            sessions_held=SESSIONS_A_MONTH,
            cost_bp=cost_bp,
            held=held,
        )
        weights, _ = allocate(situation)
        grown = np.prod(1.0 + returns[row:end], axis=0)
        held = {name: w * grown / (w @ grown) for name, w in weights.items()}
        made.append(Decision(int(row), weights, past_of(returns, int(row))))
    return walk(Steps(returns, np.arange(len(returns))), made, cost_bp=cost_bp, sessions_per_year=SESSIONS_A_YEAR)


def plain_maximum_sharpe(returns: Floats, rows: np.ndarray) -> Floats:
    """The textbook's: the sample's own mean and covariance, long only, and nothing else."""
    windows = [returns[row - LOOKBACK : row] for row in rows]
    return np.array([maximum_sharpe(mean(x), sample_covariance(x), long_only(x.shape[1])) for x in windows])


def shares(book: Book, returns: Floats, rows: np.ndarray) -> Floats:
    """How much of a book's targets to hold at each rebalance for the target volatility: what that alone is worth."""
    held = zip(book.targets, rows, strict=True)
    return np.array(
        [share_at_target(w, past_of(returns, int(row)), sessions_per_year=SESSIONS_A_YEAR) for w, row in held]
    )


def bootstrapped(book: Book, equal: Book) -> dict[str, float]:
    """How often the book's Sharpe ratio is above the target, and above equal weight's, in samples of whole quarters."""
    simple = np.column_stack([np.expm1(book.log_return), np.expm1(equal.log_return)])
    rng, blocks = np.random.default_rng(0), -(-len(simple) // QUARTER)
    ratios = []
    for _ in range(SAMPLES):
        starts = rng.integers(0, len(simple) - QUARTER + 1, blocks)
        drawn = simple[(starts[:, None] + np.arange(QUARTER)).ravel()[: len(simple)]]
        ratios.append(drawn.mean(axis=0) / drawn.std(axis=0, ddof=1) * np.sqrt(SESSIONS_A_YEAR))
    ours, theirs = np.array(ratios).T
    return {"above_target": float(np.mean(ours > TARGET_SHARPE)), "above_equal": float(np.mean(ours > theirs))}


def figures(books: Mapping[str, Book], equal: Book, *, tried: int) -> dict[str, dict[str, float]]:
    """The scores of each book; the deflation is told how many were tried, and by what luck they scatter."""
    simple = {name: np.expm1(book.log_return) for name, book in books.items()}
    ratios = np.array([sharpe(of, sessions_per_year=1) for of in simple.values()])
    scatter = trial_variance(ratios, sessions=len(equal.log_return))
    told = {}
    for name, book in books.items():
        assert book.book is not None
        scored = scores(
            book.log_return,
            book.book,
            sessions_per_year=SESSIONS_A_YEAR,
            trials=tried,
            trial_sharpe_variance=scatter,
        )
        over = sharpe_difference(simple[name], np.expm1(equal.log_return), sessions_per_year=SESSIONS_A_YEAR)
        told[name] = {
            "sharpe": scored.sharpe,
            "sharpe_lower_95": scored.sharpe_lower,
            "sharpe_upper_95": scored.sharpe_upper,
            "deflated_sharpe": scored.deflated_sharpe,
            "over_equal_weight": over.difference,
            "p": over.p_value,
            "annualised_return": scored.annualised_return,
            "annualised_volatility": scored.annualised_volatility,
            "maximum_drawdown": scored.maximum_drawdown,
            "turnover": scored.turnover,
            "effective_number": scored.effective_number,
        }
    return told


def run(name: str, *, cost_bp: float, day: int) -> dict[str, Any]:
    """All of one data set."""
    prices = prices_of(name)
    returns, days = prices.pct_change().iloc[1:].to_numpy(), pd.DatetimeIndex(prices.index[1:])
    rows = rebalances(days, day=day)
    started = time.perf_counter()
    made = walked(returns, rows, cost_bp=cost_bp)
    seconds = time.perf_counter() - started
    chosen = champions(made)
    equal = made.books[Strategy.EQUAL_WEIGHT]
    books = {strategy.value: book for strategy, book in made.books.items()}
    books["buy_and_hold"] = made.book_of(equal.targets, trades=1)
    books["equal_weight at the target"] = made.book_of(equal.targets * shares(equal, returns, rows)[:, None])
    books["plain_maximum_sharpe"] = made.book_of(plain_maximum_sharpe(returns, rows))
    books["champion, as chosen"] = book_as_chosen(made, chosen)
    bootstrap = bootstrapped(books["champion, as chosen"], equal)
    return {
        "data": name,
        "tickers": prices.shape[1],
        "first": str(days[rows[0]].date()),
        "last": str(days[-1].date()),
        "rebalances": len(rows),
        "cost_bp": cost_bp,
        "day": day,
        "seconds": seconds,
        "champion": chosen.now.value,
        "switches": len(chosen.since) - 1,
        "beliefs": dict(zip([member.value for member in made.members], made.beliefs[-1].tolist(), strict=True)),
        "strategies": figures(books, equal, tried=TRIED),
        "bootstrap": bootstrap,
    }


def show(told: Mapping[str, Any]) -> None:
    """The table."""
    console = Console(width=120, highlight=False)
    when = (
        f"{told['first']} to {told['last']}, {told['rebalances']} rebalances on session {told['day'] + 1} of the month"
    )
    console.print(
        f"{told['data']}: {told['tickers']} tickers, {when}, {told['cost_bp']:g} bp a side; "
        f"all weights in {told['seconds']:.1f} s"
    )
    table = Table(box=None, header_style="bold")
    for head in ("strategy", "Sharpe", "95 %", "deflated", "over equal", "p", "return", "vol", "drawdown", "turnover"):
        table.add_column(head, justify="left" if head == "strategy" else "right")
    for name, of in told["strategies"].items():
        table.add_row(
            name,
            f"{of['sharpe']:.3f}",
            f"{of['sharpe_lower_95']:.2f} to {of['sharpe_upper_95']:.2f}",
            f"{of['deflated_sharpe']:.3f}",
            f"{of['over_equal_weight']:+.3f}",
            f"{of['p']:.3f}",
            f"{of['annualised_return']:.1%}",
            f"{of['annualised_volatility']:.1%}",
            f"{of['maximum_drawdown']:.0%}",
            f"{of['turnover']:.2f}",
        )
    console.print(table)
    believed = ", ".join(f"{name} {share:.2f}" for name, share in told["beliefs"].items())
    console.print(f"champion {told['champion']} after {told['switches']} switches; believed at the end: {believed}")
    if told["data"] == "sp20":
        reached = told["strategies"]["champion, as chosen"]["sharpe"]
        console.print(f"target: champion, as chosen, above {TARGET_SHARPE} net: {reached:.3f}")
    console.print(
        f"of {SAMPLES:,} samples of quarters, the champion as chosen is above {TARGET_SHARPE} in "
        f"{told['bootstrap']['above_target']:.0%}, above equal weight in {told['bootstrap']['above_equal']:.0%}"
    )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=["sp20", "bigtech5", "us130"], default="sp20")
    parser.add_argument("--cost-bp", type=float, default=10.0)
    parser.add_argument("--day", type=int, default=0, help="session of the month to trade on, from 0")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    told = run(options.data, cost_bp=options.cost_bp, day=options.day)
    if options.json:
        print(json.dumps(told, indent=1))
    else:
        show(told)


if __name__ == "__main__":
    main()
