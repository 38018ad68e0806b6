"""`skill`: every ticker's forecasts judged out of sample, all together, without the graph.

Worker processes take one ticker each from its bars to its evidence; what that amounts to is `learning.skill`'s
business, how it is printed `skill_tables`'.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from stock_assets.cli import home as homes
from stock_assets.cli.console import CommandFailed, print_json, say
from stock_assets.cli.options import Data, Json, Source, Tickers, split_tickers
from stock_assets.learning import SEED

if TYPE_CHECKING:
    from stock_assets.learning.skill import Skill
    from stock_assets.learning.trial import Trial
    from stock_assets.settings import PipelineSettings
    from stock_assets.workers import Pool

# The graph's, so that the graph's numbers come out.
WARM: Final = ("stock_assets.cli.skill", "stock_assets.learning.trial", "optuna", "sklearn.ensemble", "skl2onnx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What of each ticker is judged: `exclude_last` bars are never seen, `from_half` leaves out the first forecasts."""

    horizons: tuple[int, ...]
    exclude_last: int
    from_half: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a worker has to say of a ticker: a trial, or the reason why there is none; and how large it has grown."""

    trial: Trial | None
    reason: str
    process: int
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """CPU seconds by ticker and step; wall seconds, worker processes, and the sum of all processes' peak memory."""

    cpu_seconds: Mapping[str, Mapping[str, float]]
    wall_seconds: float
    jobs: int
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that the command tells; `left_out` has a reason by ticker."""

    skills: tuple[Skill, ...]
    left_out: Mapping[str, str]
    costs: Costs


def skill(
    source: Source = None,
    data: Data = None,
    tickers: Tickers = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Worker processes. [dim]Default: one a core[/]")] = None,
    from_half: Annotated[
        bool, typer.Option("--from-half", help="Judge the second half of each ticker's forecasts only.")
    ] = False,
    exclude_last: Annotated[
        int, typer.Option(min=0, metavar="BARS", help="Keep each ticker's newest bars out of it; 252 are a year.")
    ] = 0,
    per_ticker: Annotated[bool, typer.Option("--per-ticker", help="Also a row for each ticker.")] = False,
    by_year: Annotated[bool, typer.Option("--by-year", help="Also a row for each year.")] = False,
    json: Json = False,
) -> None:
    """Judge the forecasts of 1 and 5 sessions out of sample, beside their baselines and against what is promised.

    Every ticker is walked through, refit as in the graph; nothing is stored. Bars are those of --data or --source, by
    default the bundled sample. A ticker that can't be judged is told with its reason; exit 1 if none can.
    """
    # Not what the home remembers: the same command gives the same answer wherever it is typed.
    bundled = "sample" if data is None and "STOCK_ASSETS_SOURCE" not in os.environ else None
    settings = homes.settings_for(source=source or bundled, data=data, recall_as_of=False)
    wishes = Wishes(horizons=(1, 5), exclude_last=exclude_last, from_half=from_half)
    report = judge(settings, asked=split_tickers(tickers), wishes=wishes, jobs=jobs or os.cpu_count() or 1)
    if json:
        print_json(report)
        return
    from stock_assets.cli import skill_tables

    for of in report.skills:
        skill_tables.show(of, per_ticker=per_ticker, by_year=by_year)
    skill_tables.show_costs(report.costs)


def judge(settings: PipelineSettings, *, asked: tuple[str, ...], wishes: Wishes, jobs: int) -> Report:
    """Try every ticker, or those asked for, in `jobs` processes, and tell what it came to.

    Raises
    ------
    SourceError
        If the source can't be read, or lacks a ticker that was asked for.
    CommandFailed
        If no ticker can be judged.
    """
    from stock_assets.cli.universe import require
    from stock_assets.learning.skill import skill as skill_of
    from stock_assets.sources.catalogue import market_data
    from stock_assets.workers import Pool

    started = time.perf_counter()
    # Not kept open: the workers read the bars themselves, and once is enough of a large file.
    source = market_data(settings)
    if asked:
        require(source, asked)
    wanted = asked or source.tickers()
    del source
    with Pool(workers=min(jobs, len(wanted)), logs=settings.logs / "skill", warm=WARM) as pool:
        answers = _answers(pool, settings, wanted, wishes)
    trials = {ticker: answer.trial for ticker, answer in answers.items() if answer.trial is not None}
    left_out = {ticker: answer.reason for ticker, answer in answers.items() if answer.trial is None}
    if not trials:
        raise CommandFailed(f"skill: expected a ticker that can be judged, got none of {len(wanted)}")
    skills = tuple(skill_of([of.evidence[horizon] for of in trials.values()]) for horizon in wishes.horizons)
    peaks: dict[int, int] = {os.getpid(): peak_memory()}
    for answer in answers.values():
        peaks[answer.process] = max(peaks.get(answer.process, 0), answer.peak_bytes)
    costs = Costs(
        cpu_seconds={
            ticker: {step.value: spent for step, spent in of.seconds.items()} for ticker, of in trials.items()
        },
        wall_seconds=time.perf_counter() - started,
        jobs=jobs,
        peak_bytes=sum(peaks.values()),
    )
    return Report(skills=skills, left_out=left_out, costs=costs)


def _answers(pool: Pool, settings: PipelineSettings, wanted: tuple[str, ...], wishes: Wishes) -> dict[str, Answer]:
    """Each ticker's answer, in the order of `wanted`; one that there is none of is told at once."""
    from stock_assets.cli.progress import Board
    from stock_assets.cli.report import without_ticker
    from stock_assets.workers import Died, Finished, Job

    todo = [Job(label=name, function=evaluate, arguments=(settings, name, wishes)) for name in wanted]
    heard: dict[str, Answer] = {}
    with Board("tickers", total=len(wanted)) as board:
        for event in pool.run(todo):
            board.hear(event)
            if isinstance(event, Finished):
                heard[event.label] = event.value
            elif isinstance(event, Died):
                heard[event.label] = Answer(trial=None, reason=event.reason, process=0, peak_bytes=0)
            else:
                continue
            if (answer := heard[event.label]).trial is None:
                say(f"{event.label}: left out: {without_ticker(answer.reason, event.label)}", style="yellow")
    return {ticker: heard[ticker] for ticker in wanted}


def evaluate(settings: PipelineSettings, ticker: str, wishes: Wishes) -> Answer:
    """A worker's job: the ticker's trial, or the reason why its bars don't allow of one."""
    from quant.errors import QuantError
    from stock_assets.errors import StockAssetsError

    try:
        made, reason = _trial(settings, ticker, wishes), ""
    except (QuantError, StockAssetsError) as error:
        made, reason = None, str(error)
    return Answer(trial=made, reason=reason, process=os.getpid(), peak_bytes=peak_memory())


def _trial(settings: PipelineSettings, ticker: str, wishes: Wishes) -> Trial:
    from release.clock import SystemClock
    from stock_assets.calendars import calendar_of
    from stock_assets.learning.dataset import require_history
    from stock_assets.learning.scores import scores
    from stock_assets.learning.skill import second_half
    from stock_assets.learning.trial import Trial, trial
    from stock_assets.market import bars_of_source
    from stock_assets.sources.catalogue import opened

    bars = bars_of_source(ticker, source=opened(settings), now=SystemClock().now())
    bars = bars[: max(len(bars) - wishes.exclude_last, 0)]
    require_history(bars, ticker=ticker)
    calendar = calendar_of(ticker, as_of=bars.session[-1].item())
    made = trial(bars, calendar, ticker=ticker, horizons=wishes.horizons, seed=SEED)
    kept = {horizon: second_half(of) if wishes.from_half else of for horizon, of in made.evidence.items()}
    for of in kept.values():
        scores(of)  # What can't be scored is this ticker's failure, here, and not everybody's later.
    return Trial(kept, made.seconds)


def peak_memory() -> int:
    """The most resident memory that this process has ever had, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not from getrusage: on Linux a new program inherits the peak of the one that started it.
        told = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
        return 1024 * int(told.split()[1])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes, where there is no /proc
