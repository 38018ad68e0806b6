"""The tables of `skill`: every score beside its baseline, and what was promised of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.table import Table
from rich.text import Text

from stock_assets.cli.console import show_table, stdout
from stock_assets.cli.report import plain_table
from stock_assets.learning.skill import Promise
from stock_assets.learning.walk_forward import Model

if TYPE_CHECKING:
    from release.manifest import TickerMetrics
    from stock_assets.cli.skill import Costs
    from stock_assets.learning.skill import Luck, PooledScores, ReliabilityPoint, Skill, Target, YearScores

Row = tuple[str, str, str, Promise | None]
PERCENT: Final = frozenset(
    {
        Promise.RETURN_R2,
        Promise.WORST_RETURN_R2,
        Promise.CALIBRATION_ERROR,
        Promise.CONFIDENT_RIGHT,
        Promise.COVERAGE_90,
        Promise.WORST_COVERAGE_63,
    }
)
# Whose own baseline is the bound, and what to call that.
BESIDE: Final = {Promise.PRICE_R2: "the random walk's", Promise.BRIER: "the base rate's"}
AGAINST: Final = {Model.RANDOM_WALK: "a forecast of zero", Model.HISTORICAL_MEAN: "the past mean"}


def show(of: Skill, *, per_ticker: bool, by_year: bool) -> None:
    """All tables of one horizon, on stdout."""
    show_table(_pooled(of))
    if per_ticker:
        show_table(_per_ticker(of.tickers))
    if by_year:
        show_table(_by_year(of.years))
    show_table(_reliability(of.reliability))
    for line in of.luck:
        stdout().print(Text(_luck(line)), soft_wrap=True)
    stdout().print()


def _pooled(of: Skill) -> Table:
    pooled, promised = of.pooled, {target.promise: target for target in of.targets}
    ahead = "1 session ahead" if of.horizon == 1 else f"{of.horizon} sessions ahead"
    table = plain_table(
        title=f"{ahead}: {pooled.n:,} forecasts of {_tickers(pooled.tickers)}, {pooled.first} to {pooled.last}",
        caption="Out of sample. What each line means, and how tickers are pooled: docs/forecasts.md",
    )
    for name, justify in (("", "left"), ("champion", "right"), ("beside", "left"), ("target", "left"), ("", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for what, said, beside, promise in _rows(pooled):
        target = promised.get(promise) if promise is not None else None
        table.add_row(what, said, beside, *(("", "") if target is None else (_bound(target), _verdict(target))))
    return table


def _rows(p: PooledScores) -> Iterator[Row]:
    """What is told line by line: name, the champion's score, the baseline's, and what is promised of it."""
    yield (
        "return R² vs zero",
        _share(p.return_r2),
        f"past mean {_share(p.return_r2_historical_mean)}",
        Promise.RETURN_R2,
    )
    yield "  of the worst ticker", _share(p.worst_return_r2), p.worst_ticker, Promise.WORST_RETURN_R2
    yield "  Clark-West p vs zero", f"{p.clark_west_p:.3f}", "", None
    yield "  Clark-West p vs past mean", f"{p.clark_west_p_historical_mean:.3f}", "", None
    lost = f"p {p.diebold_mariano_p:.3f}, two-sided; negative is better"
    yield "  Diebold-Mariano vs past mean", f"{p.diebold_mariano:+.2f}", lost, None
    yield "price R²", f"{p.price_r2:.6f}", f"random walk {p.price_r2_random_walk:.6f}", Promise.PRICE_R2
    right = f"{p.directional_accuracy:.2%} ± {p.directional_accuracy_se:.2%}"
    yield "direction right", right, f"base rate {p.base_rate:.2%}", None
    yield "Brier score of P(up)", f"{p.brier:.5f}", f"base rate {p.brier_base_rate:.5f}", Promise.BRIER
    yield "log score of P(up)", f"{p.log_score:.5f}", f"base rate {p.log_score_base_rate:.5f}", None
    yield "calibration error of P(up)", f"{p.calibration_error:.2%}", "", Promise.CALIBRATION_ERROR
    sure = "never" if p.confident_right is None else f"{p.confident_right:.1%}"
    yield "right where 60 % sure", sure, f"{p.confident_n:,} times", Promise.CONFIDENT_RIGHT
    yield "coverage of 90 %", f"{p.coverage_90:.2%}", "", Promise.COVERAGE_90
    yield "coverage of 50 %", f"{p.coverage_50:.2%}", "", None
    yield "worst 63 sessions, median", f"{p.worst_coverage_63:.1%}", "", Promise.WORST_COVERAGE_63
    width = p.interval_score / p.interval_score_ewma
    scaled = f"EWMA-scaled {p.interval_score_ewma * 1e4:.1f} bp: {width:.3f} ×"
    yield "interval score", f"{p.interval_score * 1e4:.1f} bp", scaled, Promise.INTERVAL_SCORE_OVER_EWMA
    yield (
        "QLIKE of the variance",
        f"{p.qlike:.4f}",
        _times(p.qlike, p.qlike_ewma, "EWMA(0.94)"),
        Promise.QLIKE_OVER_EWMA,
    )
    yield "", "", _times(p.qlike, p.qlike_garch, "GARCH(1,1)"), Promise.QLIKE_OVER_GARCH
    yield "", "", _times(p.qlike, p.qlike_log_har, "log-HAR"), None
    yield "", "", _times(p.qlike, p.qlike_rolling, "63 sessions"), None
    over = f"EWMA; GARCH {_share(p.variance_r2_garch)}, log-HAR {_share(p.variance_r2_log_har)}"
    more = f"{over}, 63 sessions {_share(p.variance_r2_rolling)}"
    yield "R² of log variance over", _share(p.variance_r2_ewma), more, None


def _times(said: float, beside: float, name: str) -> str:
    return f"{name} {beside:.4f}: {said / beside:.3f} ×"


def _bound(target: Target) -> str:
    """The bounds in words, in the unit of the score."""
    number = "{:+.1%}" if target.promise in (Promise.RETURN_R2, Promise.WORST_RETURN_R2) else "{:.0%}"
    number = number if target.promise in PERCENT else "{:.2f} ×"
    if target.promise in BESIDE:
        return f"{'≥' if target.at_most is None else '≤'} {BESIDE[target.promise]}"
    if target.at_least is not None and target.at_most is not None:
        return f"{number.format(target.at_least)} to {number.format(target.at_most)}"
    bound = target.at_least if target.at_most is None else target.at_most
    told = f"{'≥' if target.at_most is None else '≤'} {number.format(bound)}"
    return f"{told}, or never said" if target.promise is Promise.CONFIDENT_RIGHT else told


def _verdict(target: Target) -> Text:
    return Text("✓ met", style="green") if target.met else Text("✗ missed", style="bold red")


def _per_ticker(tickers: Mapping[str, TickerMetrics]) -> Table:
    table = _figures("Each ticker", "ticker", "n", "return\nR²", "past\nmean", "p vs\nmean", "direction", "base\nrate")
    for name in ("Brier\n- base", "cover-\nage", "worst\n63", "score ×\nEWMA", "QLIKE ×\nEWMA", "QLIKE ×\nGARCH"):
        table.add_column(name, justify="right")
    for ticker, of in tickers.items():
        table.add_row(
            ticker,
            f"{of.n:,}",
            _share(of.return_r2),
            _share(of.return_r2_historical_mean),
            f"{of.clark_west_p_historical_mean:.2f}",
            f"{of.directional_accuracy:.1%} ± {of.directional_accuracy_se:.1%}",
            f"{of.base_rate:.1%}",
            f"{of.brier - of.brier_base_rate:+.4f}",
            f"{of.coverage_90:.1%}",
            f"{of.worst_coverage_63:.0%}",
            f"{of.interval_score / of.interval_score_ewma:.3f}",
            f"{of.qlike / of.qlike_ewma:.3f}",
            f"{of.qlike / of.qlike_garch:.3f}",
        )
    return table


def _by_year(years: Iterable[YearScores]) -> Table:
    table = _figures("Each year", "year", "tickers", "n", "return\nR²", "past\nmean", "direction", "base\nrate")
    for name in ("Brier\n- base", "cover-\nage", "score ×\nEWMA", "QLIKE ×\nEWMA", "QLIKE ×\nGARCH"):
        table.add_column(name, justify="right")
    for of in years:
        table.add_row(
            f"{of.year}",
            f"{of.tickers}",
            f"{of.n:,}",
            _share(of.return_r2),
            _share(of.return_r2_historical_mean),
            f"{of.directional_accuracy:.1%}",
            f"{of.base_rate:.1%}",
            f"{of.brier - of.brier_base_rate:+.4f}",
            f"{of.coverage_90:.1%}",
            f"{of.interval_score / of.interval_score_ewma:.3f}",
            f"{of.qlike / of.qlike_ewma:.3f}",
            f"{of.qlike / of.qlike_garch:.3f}",
        )
    return table


def _reliability(points: Iterable[ReliabilityPoint]) -> Table:
    """Three rows, a column a bin: it reads like the curve that it is."""
    listed = list(points)
    table = plain_table(title="P(up): said, and what came")
    table.show_header = False
    for _ in range(len(listed) + 1):
        table.add_column(justify="right")
    table.add_row("said", *(f"{point.said:.1%}" for point in listed))
    table.add_row("came", *(f"{point.came:.1%}" for point in listed))
    table.add_row("n", *(f"{point.count:,}" for point in listed))
    return table


def _luck(of: Luck) -> str:
    believed = ", ".join(of.believed) or "none"
    return (
        f"{of.beat} of {_tickers(of.tickers)} beat {AGAINST[of.against]} at {of.level:.0%} (Clark-West); "
        f"luck alone would give {of.expected_by_luck:.2g}; to believe at a false discovery rate of {of.level:.0%}: "
        f"{believed}"
    )


def show_costs(costs: Costs) -> None:
    """Where the processor's time went, ticker by ticker on average and at most, and what it took in all."""
    table = _figures("CPU seconds a ticker", "", "mean", "most")
    steps = next(iter(costs.cpu_seconds.values()))
    spent = {step: [of[step] for of in costs.cpu_seconds.values()] for step in steps}
    totals = [sum(of.values()) for of in costs.cpu_seconds.values()]
    for name, seconds in {**spent, "total": totals}.items():
        table.add_row(str(name), f"{np.mean(seconds):.2f}", f"{max(seconds):.2f}")
    show_table(table)
    jobs = "1 worker process" if costs.jobs == 1 else f"{costs.jobs} worker processes"
    line = f"{costs.wall_seconds:.1f} s with {jobs}; {costs.peak_bytes / 2**20:,.0f} MiB at the peaks of all processes"
    stdout().print(Text(line), soft_wrap=True)


def _figures(title: str, first: str, *columns: str) -> Table:
    table = plain_table(title=title)
    table.add_column(first, style="bold")
    for name in columns:
        table.add_column(name, justify="right")
    return table


def _tickers(n: int) -> str:
    return "1 ticker" if n == 1 else f"{n:,} tickers"


def _share(value: float) -> str:
    return f"{value:+.3%}"
