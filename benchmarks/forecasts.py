"""Forecasts: what a ticker costs to learn from, what many cost together, and what asking a model costs.

    python benchmarks/forecasts.py [--json] [--rounds N] [--tickers N]

1. One ticker with ten years of bars, both horizons: features, tuning, walk forward with its baselines, final fit,
   export to ONNX. CPU seconds, imports apart. In the same run a bare floor: one ridge and one forest of scikit-learn's
   on the same rows, quarterly, without tuning, baselines, intervals or a check of anything.
2. Tickers of 17 years (4,355 bars), 100 unless told otherwise, in two processes: `stock-assets skill`, which only
   learns and judges, and `stock-assets demo --once`, which also takes the bars in, tracks, orchestrates and publishes.
   Wall time and the memory of all processes together; and whether a ticker costs the same among a tenth of them.
3. One row through all of a ticker's models, both horizons: by onnxruntime as the server does it, by scikit-learn as
   they were fitted, and over HTTP by `mlflow models serve`, which is given the model as the graph logs it. The run
   fails if they disagree.
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from quant.bars import Bars
from release.logs import configure_logging
from stock_assets.supervisor import LOOPBACK, free_port
from stock_assets.workers import ONE_THREAD, Finished, Job, Pool

TARGET_CPU_SECONDS = 6.0
TARGET_WALL_SECONDS = 360.0
TARGET_MEMORY_MB = 3 * 1024**3 / 1e6
TARGET_GROWTH = 1.10
TARGET_INFERENCE_US = 60.0
# How many tickers the targets of wall time and memory are meant for.
MANY = 100
PROCESSES = 2

TEN_YEARS, SEVENTEEN_YEARS = 2_520, 4_355
HORIZONS, SEED, QUARTER = (1, 5), 7, 63
TURNS, CALLS_A_TURN = 30, 20
# Seconds between two looks at the memory of processes at work, or at a server that starts.
LOOK, STARTS_WITHIN = 0.2, 120.0

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
BIGTECH = SHARED / "bigtech5_daily_1980_2022.csv.gz"
US130 = SHARED / "us130_daily_raw_2004_2021.parquet"
BIN = Path(sys.executable).parent
WARM = ("stock_assets.learning.trial", "optuna", "sklearn.ensemble", "skl2onnx", "mlflow.onnx")


# --- 1 and 3: one ticker ----------------------------------------------------------------------------------------------


def ten_years() -> tuple[str, Bars]:
    """MSFT's newest bars: to 2022 where the shared data is there, to 2013 out of the sample."""
    from stock_assets.market import bars_of_source
    from stock_assets.sources.files.source import Files
    from stock_assets.sources.sample import Sample

    source = Files(BIGTECH) if BIGTECH.exists() else Sample()
    bars = bars_of_source("MSFT", source=source, now=datetime(2023, 1, 1, tzinfo=UTC))[-TEN_YEARS:]
    return f"MSFT to {bars.session[-1]}", bars


def one_ticker(rounds: int) -> dict[str, Any]:
    """CPU seconds of learning a ticker, step by step, beside the floor's; medians over rounds that take turns."""
    from stock_assets.calendars import calendar_of
    from stock_assets.learning.dataset import MINIMUM_BARS, history
    from stock_assets.learning.trial import trial

    name, bars = ten_years()
    calendar = calendar_of("MSFT", as_of=bars.session[-1].item())
    # What a process pays once, such as the converters that an export imports.
    trial(bars[-MINIMUM_BARS:], calendar, ticker="MSFT", horizons=HORIZONS, seed=SEED)
    rows = history(bars, calendar, ticker="MSFT", horizons=HORIZONS)
    steps, floors = [], []
    for _ in range(rounds):
        steps.append(trial(bars, calendar, ticker="MSFT", horizons=HORIZONS, seed=SEED).seconds)
        started = time.process_time()
        floor(rows)
        floors.append(time.process_time() - started)
    totals = [sum(of.values()) for of in steps]
    return {
        "of": name,
        "bars": len(bars),
        "cpu": statistics.median(totals),
        "slowest cpu": max(totals),
        "floor cpu": statistics.median(floors),
        "steps": {step.value: statistics.median(of[step] for of in steps) for step in steps[0]},
    }


def floor(rows: Any) -> None:
    """A ridge and a forest of the size of ours a quarter and horizon, each asked for the quarter after."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import Ridge

    from stock_assets.learning.candidates.forest import TREES
    from stock_assets.learning.walk_forward import first_forecast, known_rows

    for horizon in HORIZONS:
        data = rows.dataset(horizon)
        for start in range(first_forecast(horizon), len(data), QUARTER):
            known = slice(0, known_rows(start, horizon=horizon))
            forest = RandomForestRegressor(
                TREES, max_depth=3, min_samples_leaf=0.05, max_features=8, max_samples=0.5, random_state=SEED
            )
            for model in (Ridge(), forest):
                model.fit(data.X[known], data.labels.edge[known])
                model.predict(data.X[start : start + QUARTER])


def one_row(folder: Path) -> dict[str, Any]:
    """Seconds of one row through a ticker's models, three ways."""
    import onnx

    from release.onnx_model import OnnxModel, output_name
    from stock_assets.calendars import calendar_of
    from stock_assets.learning.dataset import history
    from stock_assets.learning.export import TOLERANCE, export
    from stock_assets.learning.training import train
    from stock_assets.resources.tracking import mlflow

    _, bars = ten_years()
    rows = history(bars, calendar_of("MSFT", as_of=bars.session[-1].item()), ticker="MSFT", horizons=HORIZONS)
    trained = [train(rows.dataset(horizon), seed=SEED) for horizon in HORIZONS]
    exported, row = export(trained), np.ascontiguousarray(rows.X[-1:])
    model = OnnxModel(exported.onnx)
    candidates = {
        output_name(name, horizon=part.horizon): candidate
        for part in trained
        for name, candidate in part.candidates.items()
    }

    def by_scikit_learn() -> dict[str, float]:
        return {name: float(candidate.predict(row)[0]) for name, candidate in candidates.items()}

    expected = {name: float(said[0]) for name, said in model.predict(row).items()}
    _require_equal(by_scikit_learn(), expected, within=TOLERANCE, of="scikit-learn")
    mlflow().onnx.save_model(
        onnx.load_from_string(exported.onnx), str(folder / "model"), signature=signature(list(expected))
    )
    with served(folder) as connection:
        body = json.dumps({"inputs": {"features": row.tolist()}})
        _require_equal(scored(connection, body), expected, within=TOLERANCE, of="mlflow models serve")
        ways = {
            "onnx": lambda: model.predict(row),
            "scikit-learn": by_scikit_learn,
            "mlflow serve": lambda: scored(connection, body),
        }
        made = timings(ways, rounds=TURNS)
    warm, cold = ({name: of[k] for name, of in made.items()} for k in (0, 1))
    return {"outputs": len(expected), **warm, "onnx, first": cold["onnx"]}


def _require_equal(said: Mapping[str, float], expected: Mapping[str, float], *, within: float, of: str) -> None:
    worst = max(abs(said[name] - value) for name, value in expected.items())
    if not worst <= within:
        raise RuntimeError(f"{of}: expected what the graph says within {within:g}, got {worst:g} off")


def timings(ways: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, tuple[float, float]]:
    """The median seconds of each, and of its first call after the others' turn, when caches hold what those left."""
    seconds: dict[str, list[list[float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, call in ways.items():
            turn = []
            for _ in range(CALLS_A_TURN):
                started = time.perf_counter()
                call()
                turn.append(time.perf_counter() - started)
            seconds[name].append(turn)
    return {
        name: (
            statistics.median(each for turn in turns for each in turn[1:]),
            statistics.median(turn[0] for turn in turns),
        )
        for name, turns in seconds.items()
    }


def signature(outputs: Sequence[str]) -> Any:
    """As the graph logs it."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    from quant.features import NAMES

    double = np.dtype(np.float64)
    return ModelSignature(
        Schema([TensorSpec(double, (-1, len(NAMES)), "features")]),
        Schema([TensorSpec(double, (-1, 1), name) for name in outputs]),
    )


@contextmanager
def served(folder: Path) -> Iterator[http.client.HTTPConnection]:
    """A connection to `mlflow models serve`, which is started for it and ended after it."""
    port = free_port()
    words = ["models", "serve", "-m", str(folder / "model"), "--env-manager", "local", "-h", LOOPBACK, "-p", str(port)]
    log = folder / "serve.log"
    # Its command line finds its server on the path.
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    with log.open("wb") as file:
        server = subprocess.Popen(
            [str(BIN / "mlflow"), *words],
            stdout=file,
            stderr=file,
            env=environment() | ONE_THREAD | {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"},
            start_new_session=True,
        )
    try:
        yield _answering(server, port, log)
    finally:
        # Its workers are its children: a group of its own ends with it.
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


def _answering(server: subprocess.Popen[bytes], port: int, log: Path) -> http.client.HTTPConnection:
    """A connection to the server once it answers its ping."""
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
        try:
            connection.request("GET", "/ping")
            answer = connection.getresponse()
            answer.read()
        except OSError:
            connection.close()
        else:
            if answer.status == 200:
                return connection
        try:
            code = server.wait(timeout=LOOK)
        except subprocess.TimeoutExpired:
            continue
        raise RuntimeError(f"mlflow models serve: ended with {code}: {log.read_text('utf-8')[-2000:]}")
    raise RuntimeError(f"mlflow models serve: expected an answer within {STARTS_WITHIN:g} s: {log.read_text('utf-8')}")


def scored(connection: http.client.HTTPConnection, body: str) -> dict[str, float]:
    """What the server says of a row, by output."""
    connection.request("POST", "/invocations", body=body, headers={"Content-Type": "application/json"})
    answer = connection.getresponse()
    told = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"mlflow models serve: expected 200, got {answer.status}: {told[:500].decode()}")
    predictions = json.loads(told)["predictions"]
    return {name: float(np.ravel(said)[0]) for name, said in predictions.items()}


# --- 2: many tickers --------------------------------------------------------------------------------------------------


def environment() -> dict[str, str]:
    """The environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("STOCK_ASSETS_", "DAGSTER_"))}


def full_histories(count: int) -> list[str]:
    """The first tickers of the file that have all of its sessions, so that each has as much to learn from."""
    import pandas as pd

    rows = pd.read_parquet(US130, columns=["ticker"])["ticker"].value_counts()
    names = sorted(rows.index[rows == SEVENTEEN_YEARS])
    if len(names) < count:
        raise SystemExit(f"--tickers: expected at most {len(names)}, got {count}")
    return names[:count]


def run(*words: str) -> tuple[dict[str, float], Any]:
    """A command's wall seconds and the most memory (MB) of all its processes together, and the JSON that it printed.

    A process's memory is its proportional share: pages that several share count once.
    """
    started, most = time.perf_counter(), 0.0
    with tempfile.TemporaryFile() as out:
        running = subprocess.Popen(
            [str(BIN / "stock-assets"), *words], stdout=out, stderr=subprocess.DEVNULL, env=environment()
        )
        root = psutil.Process(running.pid)
        while running.returncode is None:
            most = max(most, held(root))
            try:
                running.wait(timeout=LOOK)
            except subprocess.TimeoutExpired:
                continue
        wall = time.perf_counter() - started
        if running.returncode:
            raise RuntimeError(f"expected stock-assets {words[0]} to succeed, got exit code {running.returncode}")
        out.seek(0)
        return {"wall": wall, "memory MB": most}, json.load(out)


def held(root: psutil.Process) -> float:
    """Megabytes of a process and its children."""
    total = 0.0
    try:
        processes = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return total
    for process in processes:
        try:
            memory = process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        total += getattr(memory, "pss", memory.rss)
    return total / 1e6


def many_tickers(count: int) -> dict[str, Any]:
    """`skill` on all of them, on a tenth of them, and `demo --once` on all of them."""
    names = full_histories(count)
    few = names[: max(count // 10, 2)]

    def skill(tickers: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
        options = ("--data", str(US130), "--tickers", ",".join(tickers), "--jobs", str(PROCESSES), "--json")
        costs, told = run("skill", *options)
        if told["left_out"]:
            raise RuntimeError(f"skill: expected every ticker judged, got {told['left_out']}")
        return costs, {name: sum(steps.values()) for name, steps in told["costs"]["cpu_seconds"].items()}

    _, alone = skill(few)
    judged, among = skill(names)
    with tempfile.TemporaryDirectory() as folder:
        options = ("--data", str(US130), "--tickers", ",".join(names), "--workers", str(PROCESSES), "--json")
        filled, told = run("demo", "--once", *options, "--home", f"{folder}/home")
    refused = {made["ticker"]: made["error"] for made in told["runs"] if not made["ok"]}
    # A guard may refuse a model on its merits, which costs as much as one that serves; what fails otherwise is a fault.
    faults = {ticker: why for ticker, why in refused.items() if "no model to serve" not in why}
    if faults or len(told["runs"]) != count:
        raise RuntimeError(f"demo: expected {count} tickers trained, got {len(told['runs'])} runs and {faults}")
    return {
        "tickers": count,
        "few": len(few),
        "skill": judged,
        "demo": filled,
        "refused": refused,
        "demo phases": told["seconds"],
        "cpu a ticker": statistics.mean(among.values()),
        "cpu of the few alone": statistics.mean(alone.values()),
        "cpu of the few among all": statistics.mean(among[name] for name in few),
        "growth": sum(among[name] for name in few) / sum(alone.values()),
    }


# --- the whole --------------------------------------------------------------------------------------------------------


def in_a_worker(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a call returns in a process like those that learn: warm, and with one thread."""
    with tempfile.TemporaryDirectory() as logs, Pool(workers=1, logs=Path(logs), warm=WARM) as pool:
        for event in pool.run([Job(label=function.__name__, function=function, arguments=arguments)]):
            if isinstance(event, Finished):
                return event.value
        log = next(Path(logs).iterdir()).read_text("utf-8", errors="replace")
    raise RuntimeError(f"{function.__name__}: expected a result, got {log[-2000:]}")


def measure(rounds: int, tickers: int) -> dict[str, Any]:
    """All figures; those of many tickers only where their bars are."""
    found: dict[str, Any] = {"one ticker": in_a_worker(one_ticker, rounds)}
    with tempfile.TemporaryDirectory() as folder:
        found["one row"] = in_a_worker(one_row, Path(folder))
    if not tickers:
        return found
    if US130.exists():
        found["many tickers"] = many_tickers(tickers)
    else:
        print(f"many tickers skipped: expected {US130.name} beside the checkout, found none", file=sys.stderr)
    return found


def verdicts(found: Mapping[str, Any]) -> dict[str, bool]:
    """Which targets are met; those that are meant for `MANY` tickers only with as many."""
    made = {
        "cpu": found["one ticker"]["cpu"] <= TARGET_CPU_SECONDS,
        "inference": 1e6 * found["one row"]["onnx"] <= TARGET_INFERENCE_US,
    }
    many = found.get("many tickers")
    if many is not None and many["tickers"] >= MANY:
        made |= {
            "wall": many["skill"]["wall"] <= TARGET_WALL_SECONDS,
            "memory": max(many[name]["memory MB"] for name in ("skill", "demo")) <= TARGET_MEMORY_MB,
            "growth": many["growth"] <= TARGET_GROWTH,
        }
    return made


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """The figures for a person, line by line."""
    one, row, many = found["one ticker"], found["one row"], found.get("many tickers")
    yield f"{one['of']}, {one['bars']:,} bars, horizons of 1 and 5 sessions"
    yield f"{'from bars to ONNX, CPU s (<= 6)':44s} {one['cpu']:8.2f}   slowest {one['slowest cpu']:.2f}"
    yield from (f"  {step:42s} {seconds:8.2f}" for step, seconds in one["steps"].items())
    floors = f"{one['cpu'] / one['floor cpu']:.1f} floors"
    yield f"{'floor: ridge + forest a quarter, CPU s':44s} {one['floor cpu']:8.2f}   {floors}"
    first = f"{1e6 * row['onnx, first']:.0f} right after other work"
    yield f"{'one row, all ' + str(row['outputs']) + ' models, us (<= 60)':44s} {1e6 * row['onnx']:8.0f}   {first}"
    for name, way in (("scikit-learn's own predict, us", "scikit-learn"), ("mlflow models serve, us", "mlflow serve")):
        yield f"  {name:42s} {1e6 * row[way]:8.0f}   {row[way] / row['onnx']:.0f} times ours"
    if many is None:
        return
    yield f"{many['tickers']} tickers of {SEVENTEEN_YEARS:,} bars in {PROCESSES} processes"
    for name, bound in (("skill", " (<= 360)"), ("demo", "")):
        of = many[name]
        yield f"{name + ', wall s' + bound:44s} {of['wall']:8.1f}   {of['wall'] / many['tickers']:.2f} a ticker"
        yield f"{name + ', memory of all processes, MB (<= 3221)':44s} {of['memory MB']:8.0f}"
    phases = ", ".join(f"{name} {seconds:.0f}" for name, seconds in many["demo phases"].items())
    yield f"  inside its runs, s: {phases}"
    yield f"{'CPU s a ticker':44s} {many['cpu a ticker']:8.2f}"
    yield f"  {many['few']} of them alone{'':28s} {many['cpu of the few alone']:8.2f}"
    yield f"  the same among all{'':24s} {many['cpu of the few among all']:8.2f}"
    yield f"{'among all / alone (<= 1.10)':44s} {many['growth']:8.2f}"


def main() -> int:
    """Run and print; the exit status is 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="of one ticker")
    parser.add_argument("--tickers", type=int, default=MANY, help="of many; 0 leaves them out")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    configure_logging(logging.WARNING)
    found = measure(options.rounds, options.tickers)
    met = verdicts(found)
    print(json.dumps({**found, "met": met}, indent=1) if options.json else "\n".join(table(found)))
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
