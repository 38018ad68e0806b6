"""`data fetch|report|accept|reject`: a ticker's bars, what was found wrong with them, and what is decided."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from stock_assets.cli import home as homes
from stock_assets.cli.console import CommandFailed, print_json, say, show_table, stdout
from stock_assets.cli.options import (
    AsOf,
    Data,
    Home,
    Json,
    Names,
    Source,
    Tickers,
    Workers,
    named_tickers,
    split_tickers,
)
from stock_assets.cli.report import minute, plain_table, print_failures, say_held, without_ticker
from stock_assets.supervisor import signals_interrupt

if TYPE_CHECKING:
    import pandas as pd

    from quant.bars import Bars
    from stock_assets.ingest.assessment import Finding
    from stock_assets.ingest.vault import Vault
    from stock_assets.settings import PipelineSettings

app = typer.Typer(help="Market data: fetch and check it, see what was found, decide on restated history.")
# More lines of one ticker than a person reads; the JSON has them all.
SHOWN = 20


@app.command()
def fetch(
    tickers: Tickers = None,
    workers: Workers = None,
    source: Source = None,
    data: Data = None,
    as_of: AsOf = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Bring the tickers' bars up to date and check them; nothing is trained or published.

    Exit 0 if every ticker's bars are usable, 1 if one's are not.
    """
    from stock_assets.cli import fill

    settings = homes.settings_for(home=home, source=source, data=data, as_of=as_of)
    homes.claim(settings.home)
    with signals_interrupt():
        made = fill.fetch(settings, asked=split_tickers(tickers), workers=workers)
    failed = [run for run in made if not run.ok]
    if json:
        print_json([{"ticker": run.ticker, "ok": run.ok, "error": run.error, "run_id": run.run_id} for run in made])
    else:
        good = len(made) - len(failed)
        say(f"{good} of {len(made)} tickers' bars are up to date; `stock-assets data report` tells more")
        print_failures(failed)
        vault = _vault(settings)
        say_held(run.ticker for run in failed if vault.held(run.ticker))
    if failed:
        raise typer.Exit(1)


@app.command()
def report(tickers: Tickers = None, home: Home = None, json: Json = False) -> None:
    """What is stored of each ticker, what was found wrong with it or mended, and which rows are in the quarantine."""
    settings = homes.settings_for(home=home)
    vault, known = _vault(settings), _known(settings)
    wanted = split_tickers(tickers) or known
    _require(wanted, known)
    told = {name: _told(settings, vault, name) for name in wanted}
    if json:
        print_json(
            {name: {**of, "findings": [found.record() for found in of["findings"]]} for name, of in told.items()}
        )
        return
    if not told:
        say("no market data yet; `stock-assets data fetch` or `stock-assets materialize` brings some")
        return
    _show_summary(told)
    for name, of in told.items():
        _show_findings(name, of["findings"])
    _show_quarantine(told)
    say_held(name for name, of in told.items() if of["held"])


@app.command()
def accept(names: Names, home: Home = None, json: Json = False) -> None:
    """Put a vendor's restated history in force; the next run works with it."""
    _decide(names, home=home, json=json, accepted=True)


@app.command()
def reject(names: Names, home: Home = None, json: Json = False) -> None:
    """Keep the stored history against a vendor's restatement; its new sessions come in again."""
    _decide(names, home=home, json=json, accepted=False)


def _decide(names: list[str], *, home: Home, json: bool, accepted: bool) -> None:
    """Each of the tickers has to have a held fetch, or nothing is decided."""
    from release.clock import SystemClock
    from stock_assets.ingest.refresh import accept as put_in_force
    from stock_assets.ingest.refresh import reject as keep

    settings = homes.settings_for(home=home)
    homes.claim(settings.home)
    vault, wanted = _vault(settings), named_tickers(names)
    for name in wanted:
        if vault.held(name) is None:
            raise CommandFailed(f"ticker: expected one whose restated history is held, got {name}, of which none is")
    for name in wanted:
        (put_in_force if accepted else keep)(vault, name, SystemClock().now())
    verb = "accepted" if accepted else "rejected"
    if json:
        print_json({verb: wanted})
    else:
        say(f"{verb}: {', '.join(wanted)}; `stock-assets materialize` goes on from there")


def _vault(settings: PipelineSettings) -> Vault:
    from stock_assets.ingest.vault import Vault
    from stock_assets.resources.lake import lake_of

    return Vault(lake_of(settings))


def _known(settings: PipelineSettings) -> tuple[str, ...]:
    """Every ticker of which anything was ever stored, refused or found."""
    tables = ("raw_bars", "findings", "quarantine")
    return tuple(sorted({file.stem for table in tables for file in (settings.lake / table).glob("*.parquet")}))


def _require(wanted: tuple[str, ...], known: tuple[str, ...]) -> None:
    for name in wanted:
        if name not in known:
            raise CommandFailed(f"--tickers: expected some of {', '.join(known) or 'none'}, got {name}")


def _told(settings: PipelineSettings, vault: Vault, ticker: str) -> dict[str, Any]:
    """All that is known of a ticker's market data, in plain types but for the findings."""
    stored = vault.read(ticker)
    bars = None if stored is None else stored.bars
    return {
        "source": stored and stored.source,
        "origin": stored and stored.origin,
        "fetched_at": stored and stored.fetched_at,
        "responses_sha256": list(stored.sha256) if stored else [],
        "bars": 0 if bars is None else len(bars),
        "first_session": str(bars.session[0]) if bars is not None else None,
        "last_session": str(bars.session[-1]) if bars is not None else None,
        "splits": int((bars.split != 1).sum()) if bars is not None else 0,
        "dividends": int((bars.dividend != 0).sum()) if bars is not None else 0,
        "findings": _findings(settings, vault, ticker),
        "quarantine": _quarantine(vault, ticker, bars),
        "restatements": _records(vault.restatements(ticker)),
        "held": vault.held(ticker) is not None,
    }


def _quarantine(vault: Vault, ticker: str, bars: Bars | None) -> list[dict[str, Any]]:
    """Every row that was ever refused; the settled last, whose session has a bar after all."""
    from stock_assets.ingest.quarantine import settled

    table = vault.quarantine(ticker)
    done = [False] * len(table) if bars is None else settled(table["session"].tolist(), bars)
    ordered = table.assign(settled=done).sort_values(["settled", "session", "seen_at"], kind="stable")
    return _records(ordered)


def _findings(settings: PipelineSettings, vault: Vault, ticker: str) -> list[Finding]:
    """What the newest look at the ticker found, with what was decided since; the grave first."""
    from stock_assets.ingest.assessment import Outcome, gravest_first
    from stock_assets.ingest.findings import FINDINGS, findings_of
    from stock_assets.resources.lake import lake_of

    lake = lake_of(settings)
    found = findings_of(lake.read(FINDINGS, ticker)) if lake.has(FINDINGS, ticker) else []
    if became := vault.decision(ticker):
        decided = Outcome(became.value)
        found = [replace(one, outcome=decided) if one.outcome is Outcome.HELD else one for one in found]
    return gravest_first(found)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items() if name != "ticker"} for row in table.to_dict("records")]


def _show_summary(told: dict[str, dict[str, Any]]) -> None:
    table = plain_table(title="What is stored")
    for name in ("ticker", "source"):
        table.add_column(name)
    for name in ("bars", "from", "to", "splits", "dividends", "open", "repaired", "quarantined", "restated"):
        table.add_column(name, justify="right")
    for ticker, of in told.items():
        counted = Counter(finding.outcome.value for finding in of["findings"])
        settled = sum(row["settled"] for row in of["quarantine"])
        table.add_row(
            Text(ticker, style="bold"),
            of["source"] or "-",
            f"{of['bars']:,}",
            of["first_session"] or "-",
            of["last_session"] or "-",
            *(str(of[name]) for name in ("splits", "dividends")),
            *(str(counted[name]) for name in ("open", "repaired")),
            f"{len(of['quarantine'])}{f' ({settled} settled)' if settled else ''}",
            f"{len(of['restatements'])}{' (held)' if of['held'] else ''}",
        )
    show_table(table)


def _show_findings(ticker: str, findings: list[Finding]) -> None:
    """A line each; those of the quarantine are shown with it."""
    from stock_assets.ingest.assessment import Outcome

    shown = [finding for finding in findings if finding.outcome is not Outcome.QUARANTINED]
    for finding in shown[:SHOWN]:
        line = Text.assemble(
            (f"{finding.outcome.value:<12}", "yellow"),
            (f"{ticker} ", "bold"),
            without_ticker(str(finding), ticker),
            (f" [{finding.rule.value}]", "dim"),
        )
        stdout().print(line, soft_wrap=True)
    _say_more(ticker, len(shown))


def _show_quarantine(told: dict[str, dict[str, Any]]) -> None:
    """A row for each refused row: the settled too, for what was refused once may tell of its source."""
    if not any(of["quarantine"] for of in told.values()):
        return
    columns = ("session", "field", "value", "expected", "rule", "source")
    table = plain_table("ticker", *columns, "first seen", "now", title="What is in the quarantine")
    for ticker, of in told.items():
        for row in of["quarantine"][:SHOWN]:
            cells = (ticker, *(row[name] for name in columns), minute(row["seen_at"]))
            table.add_row(*(Text(" ".join(cell.split())) for cell in cells), "settled" if row["settled"] else "missing")
    show_table(table)
    for ticker, of in told.items():
        _say_more(ticker, len(of["quarantine"]))


def _say_more(ticker: str, count: int) -> None:
    if count > SHOWN:
        stdout().print(Text(f"{'':12}{ticker}: {count - SHOWN} more (--json has them all)", style="dim"))
