"""Ingestion: 130 tickers of raw daily bars, 537,049 rows in one Parquet file, to stored and checked tables.

    python benchmarks/ingest.py [--json] [--rounds N] [--data FILE]

`stock-assets data fetch` into a new home: one Dagster run a ticker, read, compared, stored, every check evaluated. Its
wall time and the memory of all its processes together. In the same run a bare floor: one process that reads the file
by pyarrow and writes a Parquet file a ticker, without looking at a value. Beside it, without Dagster, what judging a
row costs with 1, 13 and 130 tickers: the price of a row must not grow with the universe.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
from upath import UPath

from release.logs import configure_logging

TARGET_WALL_SECONDS = 20.0
TARGET_MEMORY_MB = 1024.0
# Between one ticker and all of them, per row; the rest is noise.
TARGET_GROWTH = 1.25
US130 = Path(__file__).resolve().parents[2] / "shared" / "data" / "us130_daily_raw_2004_2021.parquet"
STOCK_ASSETS = Path(sys.executable).with_name("stock-assets")
FLOOR = """
import sys
import pyarrow.compute as pc
import pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
for ticker in pc.unique(table["ticker"]).to_pylist():
    pq.write_table(table.filter(pc.equal(table["ticker"], ticker)), f"{sys.argv[2]}/{ticker}.parquet")
"""


def environment() -> dict[str, str]:
    """The environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("STOCK_ASSETS_", "DAGSTER_"))}


def timed(command: list[str]) -> float:
    """Wall seconds of a command that succeeds."""
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(), check=True)
    return time.perf_counter() - started


def most_memory(command: list[str]) -> float:
    """The most memory (MB) that a command and its children hold together.

    Each process's proportional share (pages that several share count once), looked at five times a second: in a run of
    its own, because looking costs time.
    """
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    root, most = psutil.Process(running.pid), 0.0
    while running.poll() is None:
        most = max(most, held(root))
        time.sleep(0.2)
    if running.returncode:
        raise RuntimeError(f"expected {' '.join(command)} to succeed, got exit code {running.returncode}")
    return most


def held(root: psutil.Process) -> float:
    """Megabytes of a process and its children."""
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            memory = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        total += getattr(memory, "pss", memory.rss)
    return total / 1e6


def one_round(data: Path) -> dict[str, float]:
    """Floor, first fetch, second fetch with nothing new."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", FLOOR, str(data), folder], check=True)
        floor = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        command = fetch(data, folder)
        return {"floor": floor, "first": timed(command), "again": timed(command)}


def fetch(data: Path, folder: str) -> list[str]:
    """The command that is measured."""
    return [str(STOCK_ASSETS), "data", "fetch", "--data", str(data), "--home", f"{folder}/home"]


def seconds_a_row(data: Path, count: int) -> float:
    """Taking in and judging the first `count` tickers of the file, per row, after one that warms up."""
    from stock_assets.ingest.refresh import commit
    from stock_assets.ingest.vault import Vault
    from stock_assets.market import look
    from stock_assets.price_checks import evaluate
    from stock_assets.resources.lake import Lake
    from stock_assets.settings import PipelineSettings, SourceName
    from stock_assets.sources.files.source import Files

    now, source = datetime(2021, 4, 22, tzinfo=UTC), Files(data)
    names = source.tickers()
    with tempfile.TemporaryDirectory() as folder:
        settings = PipelineSettings(home=Path(folder), source=SourceName.FILES, data=data)
        vault, rows = Vault(Lake(UPath(settings.lake))), 0
        look(names[-1], source=source, vault=vault, settings=settings, now=now)
        started = time.perf_counter()
        for name in names[:count]:
            seen = look(name, source=source, vault=vault, settings=settings, now=now)
            commit(vault, seen.intake)
            list(evaluate(seen.assessment))
            rows += len(seen.assessment.bars)
        return (time.perf_counter() - started) / rows


def summary(rounds: list[dict[str, float]], data: Path) -> dict[str, float]:
    """Medians over the rounds; the cost of a row is the best of three, as noise only adds."""
    middle = {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}
    with tempfile.TemporaryDirectory() as folder:
        memory = most_memory(fetch(data, folder))
    rows = {count: 1e6 * min(seconds_a_row(data, count) for _ in range(3)) for count in (1, 13, 130)}
    return {
        **middle,
        "memory MB": memory,
        "slowest first": max(found["first"] for found in rounds),
        "first / floor": middle["first"] / middle["floor"],
        **{f"us a row, {count} tickers": cost for count, cost in rows.items()},
        "growth": rows[130] / rows[1],
    }


def table(found: dict[str, float]) -> str:
    """The summary for a person."""
    return "\n".join(
        [
            f"{'data fetch, new home, s (<= 20)':40s} {found['first']:8.1f}   slowest {found['slowest first']:.1f}",
            f"{'again, nothing new, s':40s} {found['again']:8.1f}",
            f"{'memory of all processes, MB (<= 1024)':40s} {found['memory MB']:8.0f}",
            f"{'floor: read and write only, s':40s} {found['floor']:8.1f}   fetch / floor {found['first / floor']:.1f}",
            *(f"{name:40s} {cost:8.2f}" for name, cost in found.items() if name.startswith("us a row")),
            f"{'130 tickers / 1 ticker (<= 1.25)':40s} {found['growth']:8.2f}",
        ]
    )


def main() -> int:
    """Run and print; the exit status is 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=US130)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    configure_logging(logging.WARNING)
    if not options.data.exists():
        print(f"skipped: expected the raw bars of 130 tickers at --data, found no {options.data.name}", file=sys.stderr)
        return 0
    found = summary([one_round(options.data) for _ in range(options.rounds)], options.data)
    print(json.dumps(found, indent=1) if options.json else table(found))
    good = found["first"] <= TARGET_WALL_SECONDS and found["memory MB"] <= TARGET_MEMORY_MB
    return 0 if good and found["growth"] <= TARGET_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
