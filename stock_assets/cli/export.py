"""`export`: any table of the lake as one CSV or Parquet file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stock_assets.cli import home as homes
from stock_assets.cli.console import CommandFailed, say
from stock_assets.cli.options import Home, Tickers, split_tickers

if TYPE_CHECKING:
    import pandas as pd

# What a row is of; in a table without any of them that is its partition, a ticker.
KEYS = frozenset({"ticker", "week", "strategy"})
ENDINGS = (".csv", ".csv.gz", ".parquet")
# Of a ticker without a row in these, that is the answer; the first has a file of every ticker that was looked at.
EVIDENCE = ("findings", "quarantine", "restatements")


def export(
    name: Annotated[
        str, typer.Argument(help="prices, features, oos_predictions, signals, portfolio_weights or any other table")
    ],
    out: Annotated[Path, typer.Option(help="File to write; its ending chooses: .csv, .csv.gz or .parquet.")],
    tickers: Tickers = None,
    home: Home = None,
) -> None:
    """Write an asset's table, of all partitions or of some tickers, to one file."""
    if not out.name.lower().endswith(ENDINGS):
        raise CommandFailed(f"--out: expected a file ending in {', '.join(ENDINGS)}, got {out.name}")
    lake = homes.settings_for(home=home).lake
    looked_at = [path.stem for path in lake.glob(f"{EVIDENCE[0]}/*.parquet")] if name in EVIDENCE else []
    table = _read(_partitions(lake, name), only=split_tickers(tickers), name=name, without_rows=looked_at)
    _write(table, out)
    say(f"{out}: {len(table):,} rows of {len(table.columns)} columns from {name}")


def _partitions(lake: Path, name: str) -> list[Path]:
    """The asset's Parquet files in order of their partition; `CommandFailed` naming the known tables if it has none."""
    known = sorted({path.parent.name for path in lake.glob("*/*.parquet")})
    if name not in known and not (name in EVIDENCE and EVIDENCE[0] in known):
        among = f"one of {', '.join(known)}" if known else "a filled home (run `stock-assets materialize`)"
        raise CommandFailed(f"table: expected {among}, got {name}")
    return sorted((lake / name).glob("*.parquet"))


def _read(files: list[Path], *, only: tuple[str, ...], name: str, without_rows: list[str]) -> pd.DataFrame:
    """All rows of the files; `only` keeps those of some tickers, each of which has to be there or `without_rows`."""
    import pandas as pd

    from stock_assets import parquet

    parts = []
    for file in files:
        with file.open("rb") as opened:
            part = parquet.frame(opened)
        if part.index.names != [None]:
            part = part.reset_index()
        if not KEYS & set(part.columns):
            part.insert(0, "ticker", file.stem)
        parts.append(part)
    table = pd.concat(parts, ignore_index=True) if parts else _no_evidence(name)
    if not only:
        return table
    if "ticker" not in table.columns:
        raise CommandFailed(f"--tickers: expected a table with a ticker a row, got {name}")
    known = sorted({*table["ticker"], *without_rows})
    for ticker in only:
        if ticker not in known:
            raise CommandFailed(f"--tickers: expected some of {', '.join(known)}, got {ticker}")
    return table[table["ticker"].isin(only)]


def _no_evidence(name: str) -> pd.DataFrame:
    """The table of a home where nothing was refused, or nothing restated."""
    from stock_assets.ingest.quarantine import no_quarantine
    from stock_assets.ingest.restatements import restatement_table

    return no_quarantine() if name == "quarantine" else restatement_table([])


def _write(table: pd.DataFrame, out: Path) -> None:
    """Write beside the target and rename, so that a reader never meets half a file."""
    beside = out.with_name(f".{os.getpid()}-{out.name}")
    try:
        if out.name.lower().endswith(".parquet"):
            table.to_parquet(beside, index=False)
        else:
            table.to_csv(beside, index=False)
        beside.replace(out)
    except OSError as error:
        raise CommandFailed(f"--out: expected a writable file, got {out} ({error.strerror or error})") from error
    finally:
        beside.unlink(missing_ok=True)
