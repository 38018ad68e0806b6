"""The engine's speed: from a tick's arrival in Redis to what follows from it, there for everybody to read.

One tick at a time of five tickers in turn, by a process that writes the stream of ticks and waits in the stream of
events, so that both ways over a real Valkey are in the figure. Beside it, in the same run: a process that only echoes
ticks as events. A changed signal is timed by itself: it is in the audit log, on the disk, before it can be read. And
the computing alone, in this process without Redis: tick after tick, and at the same pace.
`python benchmarks/live.py [--ticks N] [--json]`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis

REPOSITORY = Path(__file__).resolve().parents[1]
# This file's folder comes first on the path, and would make benchmarks/serving.py the package of its name.
sys.path[0] = str(REPOSITORY)

from benchmarks.load.live_home import TICKERS, RealValkey, closes, engine, prepared, until  # noqa: E402
from serving.live import bus  # noqa: E402
from serving.live.ticks import Tick, encode  # noqa: E402
from serving.messages import PredictionMessage, SignalMessage, decode  # noqa: E402

SESSION = "2012-03-02"
OPENS = datetime(2012, 3, 2, 14, 30, tzinfo=UTC)
TICKS = 3_000
TICKS_A_SECOND = 50
# A price that goes up and down by this much around its last close turns the forecasts' signs now and then.
SWING = 0.03
TARGET_P50_MS, TARGET_P99_MS = 0.5, 2.0


class Prober:
    """Writes a tick, waits for what is said of its ticker."""

    def __init__(self, url: str, closes: dict[str, float]) -> None:
        self.closes = closes
        self.client = redis.Redis.from_url(url, socket_timeout=10)
        self.read_through = "$"
        self.number = 0

    def tick(self) -> tuple[float, bool]:
        """Milliseconds from before the tick is written to its prediction being read, and whether a signal came too."""
        self.number += 1
        tick = tick_of(self.number, self.closes)
        ticker, event = tick.ticker, encode(tick)
        self.read_through = self._newest()
        begun = time.perf_counter()
        self.client.xadd(bus.TICKS, {"event": event})
        deadline = begun + 10
        while time.perf_counter() < deadline:
            told = self._read()
            taken = 1e3 * (time.perf_counter() - begun)
            if any(isinstance(each, PredictionMessage) and each.ticker == ticker for each in told):
                return taken, any(isinstance(each, SignalMessage) for each in told)
        raise RuntimeError(f"expected a prediction of {ticker} within 10 s of its tick, got none")

    def echo(self) -> float:
        """The same way without an engine: until the tick itself comes back as an event."""
        self.number += 1
        event = b"x" * 220
        self.read_through = self._newest()
        begun = time.perf_counter()
        self.client.xadd(bus.TICKS, {"event": event})
        self.client.xread({bus.EVENTS: self.read_through}, block=5_000)
        return 1e3 * (time.perf_counter() - begun)

    def _newest(self) -> str:
        newest = self.client.xrevrange(bus.EVENTS, count=1)
        return newest[0][0] if newest else bus.FIRST_READ

    def _read(self) -> list[Any]:
        told = self.client.xread({bus.EVENTS: self.read_through}, block=5_000)
        if not told:
            raise RuntimeError("expected the engine to say something within 5 s")
        entries = told[0][1]
        self.read_through = entries[-1][0]
        return [decode(fields[b"message"]) for _, fields in entries]


def echo_process(url: str) -> None:
    """Reads ticks and writes them as events, in a blocking loop: the least that an engine can do."""
    client = redis.Redis.from_url(url, socket_timeout=10)
    after = bus.FIRST_READ
    print("ready", flush=True)
    while True:
        for _, entries in client.xread({bus.TICKS: after}, block=1_000) or ():
            for entry, fields in entries:
                after = entry
                client.xadd(bus.EVENTS, {"epoch": "echo", "seq": 1, "message": fields[b"event"]})


@contextlib.contextmanager
def echoing(url: str) -> Iterator[None]:
    """The echo, in a process of its own."""
    command = [sys.executable, __file__, "--echo", url]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        child.stdout.readline()
        yield
    finally:
        child.kill()
        child.wait()


def paced(act: Any, *, times: int) -> list[Any]:
    """What `act` gives, so many times, at the ticks' pace."""
    found = []
    due = time.perf_counter()
    for _ in range(times):
        due += 1 / TICKS_A_SECOND
        found.append(act())
        time.sleep(max(0.0, due - time.perf_counter()))
    return found


def measure(home: Path, valkey: RealValkey, *, ticks: int) -> dict[str, Any]:
    """Engine, then echo."""
    client = redis.Redis.from_url(valkey.url)
    with engine(home, valkey):
        until(lambda: client.exists(bus.LATEST) == 1, what="the engine to speak")
        prober = Prober(valkey.url, closes(home))
        paced(prober.tick, times=100)
        found = paced(prober.tick, times=ticks)
    client.flushall()
    with echoing(valkey.url):
        prober = Prober(valkey.url, closes(home))
        paced(prober.echo, times=50)
        floor = paced(prober.echo, times=ticks // 3)
    every, changed = [took for took, _ in found], [took for took, signal in found if signal]
    return {
        "tick_to_signal": centiles(every),
        "changed_signal": centiles(changed) if len(changed) > 1 else None,
        "signals": len(changed),
        "echo": centiles(floor),
        "computing": computing(home, ticks=ticks, paced_by=0.0),
        "computing_paced": computing(home, ticks=ticks // 3, paced_by=1 / TICKS_A_SECOND),
    }


def computing(home: Path, *, ticks: int, paced_by: float) -> dict[str, float]:
    """From a tick to the encoded messages that follow from it, by the floor alone, with pauses in between or none."""
    from release.audit import AuditLog
    from release.store import Store
    from serving.live.floor import Floor
    from serving.live.status import Counts
    from serving.messages import encode as encode_message

    taken = []
    bases = closes(home)
    with AuditLog.open(home / f"computing_{paced_by}.sqlite3") as audit:
        floor = Floor(Store(home / "releases").load(), audit, Counts())
        floor.say()
        for number in range(1, ticks + 1):
            tick = tick_of(number, bases)
            time.sleep(paced_by)
            begun = time.perf_counter()
            floor.take(tick)
            for message in floor.say():
                encode_message(message)
            taken.append(1e3 * (time.perf_counter() - begun))
    return centiles(taken)


def tick_of(number: int, bases: dict[str, float]) -> Tick:
    """The tick of that number: of the tickers in turn, at prices that jump about their last close."""
    ticker = TICKERS[number % len(TICKERS)]
    step = (number * 7919 % 1000) / 1000 - 0.5
    made = {"market": "bench", "ticker": ticker, "session": SESSION, "at": OPENS + timedelta(seconds=number)}
    return Tick(**made, number=number, price=round(bases[ticker] * (1 + SWING * step), 4), size=100.0)


def centiles(milliseconds: list[float]) -> dict[str, float]:
    """The median and the 99th percentile."""
    return {"p50_ms": statistics.median(milliseconds), "p99_ms": statistics.quantiles(milliseconds, n=100)[98]}


def table(found: dict[str, Any]) -> str:
    """The results for a person."""
    rows = {
        "tick_to_signal": f"tick to signal (targets {TARGET_P50_MS}, {TARGET_P99_MS})",
        "changed_signal": f"  where the signal changed ({found['signals']})",
        "echo": "bare echo over the same Valkey",
        "computing": "computing alone, tick after tick",
        "computing_paced": f"computing alone, {TICKS_A_SECOND} ticks a second",
    }
    lines = [f"{'':42s} {'p50 ms':>8s} {'p99 ms':>8s}"]
    for name, label in rows.items():
        if found[name] is not None:
            lines.append(f"{label:42s} {found[name]['p50_ms']:8.3f} {found[name]['p99_ms']:8.3f}")
    return "\n".join(lines)


def main() -> int:
    """Run and print; the exit status is 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=TICKS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--echo", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.echo is not None:
        echo_process(options.echo)
    with prepared() as (home, valkey):
        found = measure(home, valkey, ticks=options.ticks)
    print(json.dumps(found, indent=1) if options.json else table(found))
    met = found["tick_to_signal"]["p50_ms"] <= TARGET_P50_MS and found["tick_to_signal"]["p99_ms"] <= TARGET_P99_MS
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
