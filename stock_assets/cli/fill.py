"""Filling the graph: one Dagster run a ticker by warm workers, then portfolio and release once; and the telling."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from quant.bars import Bars
from release.clock import SystemClock
from release.manifest import TickerMetrics
from release.reader import Release
from release.store import Store
from stock_assets.cli import home as homes
from stock_assets.cli import report
from stock_assets.cli.console import CommandFailed, print_json, say, show_table, stderr
from stock_assets.cli.progress import Board
from stock_assets.cli.universe import readable_bars, start_of_replay, universe
from stock_assets.workers import Died, Finished, Job, Pool

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from stock_assets.runs import RestRun, TickerRun
    from stock_assets.settings import PipelineSettings

# What takes a worker seconds to import, and it does while the parent still looks what there is to do.
WARM: Final = ("stock_assets.runs", "sklearn.ensemble", "skl2onnx")
PHASES: Final = {
    "prices": "data",
    "features": "features",
    "model": "models",
    "champion": "models",
    "oos_predictions": "evaluation",
    "signals": "evaluation",
    "portfolio_weights": "evaluation",
    "portfolio_performance": "evaluation",
    "skill": "evaluation",
    "published_release": "data",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one filling came to.

    Attributes
    ----------
    settings : PipelineSettings
        Those in force, `as_of` among them.
    bars : dict of Bars
        By ticker, what the source has of it, bars after `as_of` included; empty unless a year was kept for the replay.
    fresh : tuple of str
        Tickers that needed nothing.
    standing : dict of str
        Why, by ticker, of those that were refused before and whose bars are no better now.
    runs : tuple of TickerRun
        One for each of the others.
    rest : RestRun
        Portfolio and release.
    release : Release
        The one in force after it.
    wall_seconds : float
    """

    settings: PipelineSettings
    bars: Mapping[str, Bars]
    fresh: tuple[str, ...]
    standing: Mapping[str, str]
    runs: tuple[TickerRun, ...]
    rest: RestRun
    release: Release
    wall_seconds: float

    @property
    def failed(self) -> tuple[TickerRun, ...]:
        """The runs of tickers that did not make it."""
        return tuple(run for run in self.runs if not run.ok)

    @property
    def seconds(self) -> dict[str, float]:
        """Time that the runs took, by phase."""
        spent = dict.fromkeys(("data", "features", "models", "evaluation", "tracking", "orchestration"), 0.0)
        for run in (*self.runs, self.rest):
            for step, seconds in run.step_seconds.items():
                spent[PHASES[step]] += seconds
            spent["tracking"] += run.tracking_seconds
            spent["orchestration"] += run.seconds - sum(run.step_seconds.values()) - run.tracking_seconds
        return spent


def fill(
    settings: PipelineSettings,
    *,
    asked: Sequence[str] = (),
    select: str | None = None,
    workers: int | None = None,
    keep_last_year: bool = False,
) -> Outcome:
    """Bring the tickers up to date and publish a release.

    Parameters
    ----------
    settings : PipelineSettings
    asked : sequence of str
        Tickers; empty for the whole universe.
    select : str, optional
        A Dagster selection of the ticker's assets: these are made anew whether fresh or not. By default, what is not
        fresh is.
    workers : int, optional
        Processes; by default one a core.
    keep_last_year : bool
        Keep the newest year of bars from the graph, unless `settings` says `as_of`.
    """
    from stock_assets.sources.catalogue import opened

    started = time.perf_counter()
    opened(settings).tickers()  # A wrong path is told before anything is started for it.
    pool = Pool(
        workers=workers or os.cpu_count() or 1,
        logs=settings.logs,
        warm=WARM,
        first=Job(label="tracking", function=_warm_up_tracking, arguments=(settings,)),
    )
    with contextlib.ExitStack() as stack:
        if homes.recall(settings.home) is None:
            # All is to be made: the workers may as well import while we do.
            stack.enter_context(pool)
        with stderr().status("looking what there is to do"):
            from stock_assets import runs
            from stock_assets.instance import open_instance

            runs.chosen(settings, select)  # A wrong selection is told before it fails in every worker.
            instance = stack.enter_context(open_instance(settings))
            runs.bury_dead_runs(instance, settings)
            wanted = universe(settings, instance, opened(settings), asked=asked)
            now = SystemClock().now()
            # Only a replay needs bars here; those of the graph are each run's own to fetch.
            bars = readable_bars(opened(settings), wanted, now=now) if keep_last_year else {}
            if keep_last_year and settings.as_of is None and bars:
                settings = settings.model_copy(update={"as_of": start_of_replay(bars)})
            homes.remember(settings)
            fresh, standing, due = ((), {}, wanted) if select else _sorted(instance, settings, wanted, now=now)
        if due and not pool.open:
            stack.enter_context(pool)
        made = _run_tickers(pool, _training(settings, due, select))
        # Where nobody made it there may be nothing to publish, which is this process' to tell.
        rest = _run_rest(instance, settings, pool if any(run.ok for run in made) else None)
    return Outcome(
        settings=settings,
        bars=bars,
        fresh=fresh,
        standing=standing,
        runs=made,
        rest=rest,
        release=Store(settings.releases).load(rest.release_id),
        wall_seconds=time.perf_counter() - started,
    )


def _warm_up_tracking(settings: PipelineSettings) -> None:
    # For a worker: imported at the top, it would cost `--help` Dagster.
    from stock_assets.resources.registry import RegistryUnavailable
    from stock_assets.resources.tracking import warm_up

    # Each run then tells it, as its ticker's own failure.
    with contextlib.suppress(RegistryUnavailable):
        warm_up(settings)


def _sorted(
    instance: DagsterInstance, settings: PipelineSettings, wanted: Sequence[str], *, now: datetime
) -> tuple[tuple[str, ...], dict[str, str], tuple[str, ...]]:
    """The tickers that are fresh, those whose refusal stands with the reason, and those that are due for a run."""
    from stock_assets import runs

    fresh = tuple(name for name in wanted if runs.is_fresh(instance, settings, name, now=now))
    stale = [name for name in wanted if name not in fresh]
    reasons = {name: runs.standing_refusal(instance, settings, name, now=now) for name in stale}
    standing = {name: reason for name, reason in reasons.items() if reason is not None}
    return fresh, standing, tuple(name for name in stale if name not in standing)


def fetch(
    settings: PipelineSettings, *, asked: Sequence[str] = (), workers: int | None = None
) -> tuple[TickerRun, ...]:
    """Bring the tickers' bars up to date and check them, one Dagster run a ticker; nothing is trained or published."""
    from stock_assets import runs
    from stock_assets.instance import open_instance
    from stock_assets.sources.catalogue import market_data

    pool = Pool(workers=workers or os.cpu_count() or 1, logs=settings.logs, warm=("stock_assets.runs",))
    with pool, open_instance(settings) as instance:
        runs.bury_dead_runs(instance, settings)
        # The source is read by the workers: what it took to list its tickers here is not kept.
        wanted = universe(settings, instance, market_data(settings), asked=asked)
        homes.remember(settings)
        jobs = [Job(label=name, function=runs.run_fetch, arguments=(settings, name), reports=True) for name in wanted]
        return _run_tickers(pool, jobs)


def _training(settings: PipelineSettings, tickers: Sequence[str], select: str | None) -> list[Job]:
    from stock_assets.runs import run_ticker

    return [Job(label=name, function=run_ticker, arguments=(settings, name, select), reports=True) for name in tickers]


def _run_tickers(pool: Pool, jobs: Sequence[Job]) -> tuple[TickerRun, ...]:
    """One run a ticker; the run of a worker that died is made up, as failed."""
    from stock_assets.runs import TickerRun

    made: dict[str, TickerRun] = {}
    with Board("tickers", total=len(jobs)) as board:
        for event in pool.run(jobs):
            board.hear(event)
            if isinstance(event, Finished):
                made[event.label] = event.value
            elif isinstance(event, Died):
                made[event.label] = TickerRun(ticker=event.label, run_id="", ok=False, error=event.reason, seconds=0.0)
            else:
                continue
            run = made[event.label]
            if run.ok:
                say(f"{run.ticker}: done in {run.seconds:.1f} s", style="green")
            else:
                say(f"{run.ticker}: {report.without_ticker(run.error, run.ticker)}", style="yellow")
    return tuple(made[job.label] for job in jobs)


def _run_rest(instance: DagsterInstance, settings: PipelineSettings, pool: Pool | None) -> RestRun:
    """Portfolio and release, by a worker that is warm if there is one; `CommandFailed` if there is none to publish."""
    from stock_assets import runs

    with stderr().status("portfolio and release"):
        rest = _by_worker(pool, settings) if pool is not None else runs.materialize_rest(instance, settings)
    if not rest.ok:
        raise CommandFailed(f"release: {rest.error} (Dagster run {rest.run_id})")
    return rest


def _by_worker(pool: Pool, settings: PipelineSettings) -> RestRun:
    from stock_assets.runs import run_rest

    job = Job(label="portfolio and release", function=run_rest, arguments=(settings,))
    for event in pool.run([job]):
        if isinstance(event, Finished):
            made: RestRun = event.value
            return made
        if isinstance(event, Died):
            raise CommandFailed(f"release: {event.reason}")
    raise CommandFailed("release: expected the worker to tell how it ended, got nothing")


def tell(outcome: Outcome, *, json: bool = False) -> None:
    """The scores, who was refused, what failed and where the time went; as tables or as JSON."""
    if json:
        print_json(document(outcome))
        return
    manifest = outcome.release.manifest
    say(f"release {manifest.release_id} in force after {outcome.wall_seconds:.1f} s", style="bold green")
    if outcome.fresh:
        say(f"fresh already: {', '.join(outcome.fresh)}")
    for table in report.results(outcome.release):
        show_table(table)
    report.print_refusals(manifest.refused)
    refused = {refusal.ticker for refusal in manifest.refused}
    # Of these the release has the earlier model.
    report.print_failures([run for run in outcome.failed if run.ticker not in refused])
    report.print_standing({name: reason for name, reason in outcome.standing.items() if name not in refused})
    report.say_held(_held(outcome))
    if outcome.runs:
        show_table(report.shares(outcome.seconds))


def _held(outcome: Outcome) -> list[str]:
    """The tickers that wait for a person's decision on a restated history."""
    from stock_assets.ingest.vault import Vault
    from stock_assets.resources.lake import lake_of

    vault = Vault(lake_of(outcome.settings))
    return [name for name in (*(run.ticker for run in outcome.failed), *outcome.standing) if vault.held(name)]


def _metrics(outcome: Outcome) -> dict[str, Mapping[int, TickerMetrics]]:
    return {name: ticker.metrics for name, ticker in outcome.release.tickers.items()}


def document(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON has it."""
    manifest = outcome.release.manifest
    return {
        "home": str(outcome.settings.home),
        "release_id": manifest.release_id,
        "as_of": manifest.as_of,
        "fresh": outcome.fresh,
        "standing": list(outcome.standing),
        "standing_reasons": outcome.standing,
        "runs": [
            {
                "ticker": run.ticker,
                "ok": run.ok,
                "error": run.error,
                "run_id": run.run_id,
                "seconds": run.seconds,
                "step_seconds": run.step_seconds,
            }
            for run in outcome.runs
        ],
        "refused": manifest.refused,
        "metrics": _metrics(outcome),
        "seconds": outcome.seconds,
        "wall_seconds": outcome.wall_seconds,
    }
