"""`models list|compare|promote|rollback`: which version serves each ticker and why, and moving it by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from release.manifest import TickerMetrics
from stock_assets.cli import home as homes
from stock_assets.cli.console import CommandFailed, print_json, say, show_table, stdout
from stock_assets.cli.options import Home, Json
from stock_assets.cli.report import minute, plain_table
from stock_assets.supervisor import signals_interrupt

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from stock_assets.champions import Champion, Ledger, Version
    from stock_assets.learning.promotion import PromotionDecision
    from stock_assets.settings import PipelineSettings
    from stock_assets.succession import Settled

app = typer.Typer(help="Trained models: list, compare, promote and roll back.", rich_markup_mode="rich")

Ticker = Annotated[str, typer.Argument(metavar="TICKER")]
Number = Annotated[str | None, typer.Option("--version", metavar="N", help="[dim]Default: the one trained last[/]")]
Why = Annotated[str, typer.Option(metavar="TEXT", help="For the record. [dim]Default: what the comparison says[/]")]
Force = Annotated[bool, typer.Option("--force", help="Overrule the guards; the record says so.")]
NoPublish = Annotated[bool, typer.Option("--no-publish", help="Leave the release to the next materialize.")]
# Each beside the baseline that it is read against, where it has one.
FIGURES = (
    ("return_r2", "return_r2_historical_mean"),
    ("qlike", "qlike_ewma"),
    ("interval_score", "interval_score_ewma"),
    ("brier", "brier_base_rate"),
    ("coverage_90", None),
    ("calibration_error", None),
)


@app.command("list")
def list_models(home: Home = None, json: Json = False) -> None:
    """Each ticker's champion, since when and why, the challenger with its verdict, and the champion's scores."""
    settings, instance = _open(home)
    with instance:
        rows = [_row(settings, name) for name in _known(instance)]
    if json:
        print_json(rows)
        return
    trained = [row for row in rows if row["challenger"]]
    if not trained:
        say("no models yet; `stock-assets materialize` trains some")
        return
    table = plain_table(
        "ticker",
        "champion",
        "since",
        "how",
        "challenger",
        "verdict",
        "kept",
        "h",
        "return R²",
        "past mean",
        "QLIKE",
        "EWMA",
        "coverage",
        title="Champions, with scores at the horizon (h) that signals act on, each beside its baseline",
    )
    for row in trained:
        table.add_row(*_cells(row))
    show_table(table)


@app.command()
def compare(ticker: Ticker, version: Number = None, home: Home = None, json: Json = False) -> None:
    """A kept version against the champion on their common days: every test, both models' scores, every guard.

    By default the version trained last; where that is the champion, the champion against the one it replaced.
    """
    from stock_assets.champions import Archive
    from stock_assets.resources.lake import lake_of
    from stock_assets.succession import judge

    settings, instance = _open(home)
    with instance:
        name = _ticker(instance, ticker)
    lake = lake_of(settings)
    archive = Archive(lake, name)
    new, old = _contestants(name, archive.ledger(), version)
    challenger, champion = (archive.read(side.key) for side in (new, old))
    decision = judge(lake, challenger, champion, horizons=settings.horizons)
    if json:
        print_json(_comparison(name, new, old, challenger, champion, decision))
    else:
        _show_comparison(name, new, old, challenger, champion, decision)


@app.command()
def promote(
    ticker: Ticker,
    version: Number = None,
    why: Why = "",
    force: Force = False,
    no_publish: NoPublish = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Put a kept version in force by hand, make the ticker's signals with it and publish a release.

    Its guards have to pass; that it loses against the champion is told and does not stop you.
    """
    from stock_assets import succession

    settings, instance = _open(home)
    with instance, signals_interrupt():
        name = _ticker(instance, ticker)
        settled = succession.promote(ticker=name, version=version, why=why, force=force, **_means(settings))
        _follow(settings, instance, name, settled, publish=not no_publish, json=json)


@app.command()
def rollback(
    ticker: Ticker,
    why: Why = "",
    force: Force = False,
    no_publish: NoPublish = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Put the version that the champion replaced in force again, make its signals and publish a release.

    It is no pin: the next training is compared with it, and may replace it.
    """
    from stock_assets import succession

    settings, instance = _open(home)
    with instance, signals_interrupt():
        name = _ticker(instance, ticker)
        settled = succession.roll_back(ticker=name, why=why, force=force, **_means(settings))
        _follow(settings, instance, name, settled, publish=not no_publish, json=json)


def _means(settings: PipelineSettings) -> dict[str, Any]:
    """What a move by hand takes beside the ticker and the person's words."""
    # What follows a move is imported before it: a broken installation then moves nothing.
    import stock_assets.runs  # noqa: F401
    from release.clock import SystemClock, iso
    from stock_assets.resources.lake import lake_of
    from stock_assets.resources.tracking import mlflow

    return {
        "lake": lake_of(settings),
        "client": mlflow().MlflowClient(settings.tracking_uri),
        "horizons": settings.horizons,
        "at": iso(SystemClock().now()),
    }


def _follow(
    settings: PipelineSettings, instance: DagsterInstance, name: str, settled: Settled, *, publish: bool, json: bool
) -> None:
    """Tell Dagster of a move, make the signals and the release that follow from it, and tell the person.

    Signals are made even without a release, so that the next one, whoever publishes it, has model and signals of one
    version. `promote` of the version in force goes on from wherever this was interrupted: it makes no second move. A
    second `rollback` would go one version further back.
    """
    from stock_assets import runs

    _report(settings, instance, name, settled)
    say(f"{name}: v{settled.version.version} is in force", style="bold green")
    made = runs.materialize_ticker(instance, settings, name, "signals")
    if not made.ok:
        raise CommandFailed(f"{name}: v{settled.version.version} is in force without signals of its own: {made.error}")
    release_id = None
    if publish:
        rest = runs.materialize_rest(instance, settings)
        if not rest.ok:
            raise CommandFailed(f"release: {rest.error} (Dagster run {rest.run_id})")
        release_id = rest.release_id
    if json:
        print_json(_moved(name, settled, release_id))
        return
    say(str(settled.decision))
    say("the release in force has the version before" if release_id is None else f"release {release_id} in force")


def _report(settings: PipelineSettings, instance: DagsterInstance, name: str, settled: Settled) -> None:
    """The move as a materialisation of `champion` that no run made."""
    import dagster as dg

    from stock_assets.assets.champion import metadata
    from stock_assets.champions import CHAMPION, Champion
    from stock_assets.resources.lake import lake_of

    told = metadata(settled, Champion.read(lake_of(settings), name))
    instance.report_runless_asset_event(dg.AssetMaterialization(CHAMPION, partition=name, metadata=told))


def _moved(name: str, settled: Settled, release_id: str | None) -> dict[str, Any]:
    since = settled.ledger.since
    return {
        "ticker": name,
        "version": settled.version.version,
        "move": since and msgspec.to_builtins(since),
        "verdict": settled.decision.verdict.value,
        "decision": str(settled.decision),
        "release_id": release_id,
    }


def _open(home: Home) -> tuple[PipelineSettings, DagsterInstance]:
    settings = homes.settings_for(home=home)
    homes.claim(settings.home)
    from stock_assets.instance import open_instance

    return settings, open_instance(settings)


def _ticker(instance: DagsterInstance, name: str) -> str:
    """The home's ticker of that name."""
    known, wanted = _known(instance), name.strip().upper()
    if wanted not in known:
        raise CommandFailed(f"ticker: expected one of {', '.join(known) or 'none'}, got {wanted}")
    return wanted


def _known(instance: DagsterInstance) -> tuple[str, ...]:
    from stock_assets.partitions import known_tickers

    return known_tickers(instance)


def _contestants(name: str, ledger: Ledger, version: str | None) -> tuple[Version, Version]:
    """Who is compared with whom."""
    now, newest = ledger.champion, ledger.challenger if version is None else ledger.numbered(version)
    kept = ", ".join(dict.fromkeys(of.version for of in ledger.versions)) or "none"
    if now is None:
        raise CommandFailed(f"{name}: expected a champion to compare with, got none (kept: {kept})")
    if newest is None:
        raise CommandFailed(f"{name}: expected a version whose files are kept ({kept}), got {version}")
    if newest.key != now.key:
        return newest, now
    if version is None and ledger.previous is not None:
        return now, ledger.previous
    raise CommandFailed(f"{name}: expected another version than the champion, v{now.version} (kept: {kept})")


def _row(settings: PipelineSettings, name: str) -> dict[str, Any]:
    """One ticker's line of `list`, as JSON has it."""
    from stock_assets.champions import Archive
    from stock_assets.resources.lake import lake_of

    archive = Archive(lake_of(settings), name)
    ledger = archive.ledger()
    now, newest, since = ledger.champion, ledger.challenger, ledger.since
    return {
        "ticker": name,
        "champion": now and now.version,
        "since": since and since.at,
        "how": since and since.how.value,
        "by": since and since.by,
        "why": since and since.why,
        "forced": since.forced or None if since else None,
        "challenger": newest and newest.version,
        "verdict": newest and newest.verdict.value,
        "decision": newest and newest.decision,
        "previous": ledger.previous and ledger.previous.version,
        "kept": list(dict.fromkeys(of.version for of in ledger.versions)),
        "scores": {horizon: _scores(of) for horizon, of in archive.metrics(now.key).items()} if now else {},
    }


def _scores(of: TickerMetrics) -> dict[str, float]:
    return {name: getattr(of, name) for pair in FIGURES for name in pair if name is not None}


def _cells(row: dict[str, Any]) -> list[str | Text]:
    horizon, scores = next(iter(row["scores"].items()), (None, None))
    figures = ("return_r2", "return_r2_historical_mean", "qlike", "qlike_ewma", "coverage_90")
    formats = ("+.4f", "+.4f", ".3f", ".3f", ".1%")
    return [
        Text(row["ticker"], style="bold"),
        f"v{row['champion']}" if row["champion"] else "none",
        minute(row["since"]) if row["since"] else "-",
        f"{row['how'] or '-'}{' (forced)' if row['forced'] else ''}",
        f"v{row['challenger']}",
        row["verdict"],
        ", ".join(row["kept"]),
        str(horizon or "-"),
        *(format(scores[name], how) if scores else "-" for name, how in zip(figures, formats, strict=True)),
    ]


def _comparison(
    name: str, new: Version, old: Version, challenger: Champion, champion: Champion, decision: PromotionDecision
) -> dict[str, Any]:
    """`compare`, as JSON has it."""
    return {
        "ticker": name,
        "challenger": new.version,
        "champion": old.version,
        "verdict": decision.verdict.value,
        "decision": str(decision),
        "tests": [
            {
                "loss": test.loss.value,
                "horizon": test.horizon,
                "days": test.days,
                "challenger": test.challenger,
                "champion": test.champion,
                "statistic": test.statistic,
                "p": test.p,
                "p_holm": test.p_holm,
                "worse": test.worse,
            }
            for test in decision.tests
        ],
        "skill_p": dict(decision.skill),
        "guards": [{"guard": guard.name, "passed": guard.passed, "told": str(guard)} for guard in decision.guards],
        "scores": {
            side: {horizon: _scores(of) for horizon, of in model.metrics.items()}
            for side, model in (("challenger", challenger), ("champion", champion))
        },
    }


def _show_comparison(
    name: str, new: Version, old: Version, challenger: Champion, champion: Champion, decision: PromotionDecision
) -> None:
    table = plain_table("loss", "h", "days", f"v{new.version}", f"v{old.version}", "statistic", "p", "of all", "")
    table.title = f"{name}: v{new.version} against v{old.version} on their common days; above 0 it loses more"
    for test in decision.tests:
        told = (test.loss.value, test.horizon, test.days, f"{test.challenger:.6g}", f"{test.champion:.6g}")
        said = (f"{test.statistic:+.2f}", f"{test.p:.3f}", f"{test.p_holm:.3f}", "worse" if test.worse else "")
        table.add_row(*map(str, (*told, *said)))
    show_table(table)
    show_table(_scores_table(new, old, challenger, champion))
    guards = plain_table("guard", "", title="What it has to pass whatever the competition")
    for guard in decision.guards:
        # What was expected of it, without the name that stands beside it.
        told_of_it = str(guard).removeprefix(f"{guard.name}: ")
        guards.add_row(guard.name, Text("passed" if guard.passed else f"failed: {told_of_it}"))
    show_table(guards)
    stdout().print(Text(str(decision)), soft_wrap=True)


def _scores_table(new: Version, old: Version, challenger: Champion, champion: Champion) -> Table:
    """Both models' scores, each on all days of its own, beside the baseline's of the challenger's days."""
    table = plain_table("score", "h", f"v{new.version}", f"v{old.version}", "baseline")
    table.title = "Out of sample, each on all of its days"
    for horizon, of in challenger.metrics.items():
        for figure, baseline in FIGURES:
            other = champion.metrics.get(horizon)
            table.add_row(
                figure,
                str(horizon),
                f"{getattr(of, figure):.5g}",
                f"{getattr(other, figure):.5g}" if other else "-",
                f"{getattr(of, baseline):.5g} ({baseline.removeprefix(f'{figure}_')})" if baseline else "",
            )
    return table
