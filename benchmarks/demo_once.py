"""The whole way once: `stock-assets demo --once` on the sample source, 4 tickers of up to 13 years, into a new home.

    python benchmarks/demo_once.py [--json] [--rounds N]

Beside it, in the same run: a bare floor, which is one process that imports the libraries the graph needs and does
nothing; and a second `demo --once` on the filled home, which has nothing to compute. The shares are those of the time
inside Dagster's runs, as the command itself tells them; starting processes is in the wall time only.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TARGET_WALL_SECONDS = 60.0
TARGET_OVERHEAD_SHARE = 0.35
STOCK_ASSETS = Path(sys.executable).with_name("stock-assets")
FLOOR = "import dagster, mlflow, mlflow.onnx, pandas, skl2onnx, sklearn.ensemble"


def timed(*command: str) -> tuple[float, str]:
    """Wall seconds of a command that succeeds, and what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STOCK_ASSETS_")}
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"expected {' '.join(command)} to succeed, got exit code {done.returncode}: {done.stderr}")
    return seconds, done.stdout


def one_round() -> dict[str, float]:
    """Floor, first demo, second demo."""
    floor, _ = timed(sys.executable, "-c", FLOOR)
    with tempfile.TemporaryDirectory() as folder:
        demo = [str(STOCK_ASSETS), "demo", "--once", "--json", "--home", f"{folder}/home"]
        first, told = timed(*demo)
        second, again = timed(*demo)
    if json.loads(again)["runs"]:
        raise RuntimeError("expected the second demo to run nothing anew")
    phases = json.loads(told)["seconds"]
    return {"floor": floor, "first": first, "second": second, **{f"phase {name}": s for name, s in phases.items()}}


def summary(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Medians over the rounds, and the share of what is neither data nor learning."""
    middle = {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}
    phases = {name: seconds for name, seconds in middle.items() if name.startswith("phase ")}
    overhead = (phases["phase tracking"] + phases["phase orchestration"]) / sum(phases.values())
    slowest = max(found["first"] for found in rounds)
    return {
        **middle,
        "slowest first": slowest,
        "overhead share": overhead,
        "first / floor": middle["first"] / middle["floor"],
    }


def table(found: dict[str, float]) -> str:
    """The summary for a person."""
    phases = {name.removeprefix("phase "): s for name, s in found.items() if name.startswith("phase ")}
    total = sum(phases.values())
    return "\n".join(
        [
            f"{'demo --once, new home, s (<= 60)':40s} {found['first']:8.1f}   slowest {found['slowest first']:.1f}",
            f"{'again, nothing to compute, s':40s} {found['second']:8.1f}",
            f"{'floor: one process imports, s':40s} {found['floor']:8.1f}   demo / floor {found['first / floor']:.1f}",
            *(f"{'  runs: ' + name:40s} {s:8.1f}   {s / total:.0%}" for name, s in phases.items()),
            f"{'orchestration + tracking (<= 35 %)':40s} {found['overhead share']:8.0%}",
        ]
    )


def main() -> int:
    """Run and print; the exit status is 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = summary([one_round() for _ in range(options.rounds)])
    print(json.dumps(found, indent=1) if options.json else table(found))
    return 0 if found["first"] <= TARGET_WALL_SECONDS and found["overhead share"] <= TARGET_OVERHEAD_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
