"""The stream's speed: from a tick to a thousand WebSocket clients, beside a bare broadcast loop on the same server.

The whole path runs: ticks of five tickers, ten times a second each, over a real Valkey through the engine (features,
ONNX, signals, audit log) to one gateway and its sockets. Then, in the same run: the bare loop with the same frames;
both as fast as they go; ready answers by REST with and without the thousand clients; two gateways behind nginx beside
one; what a client costs in memory. `python benchmarks/stream.py [--clients N] [--seconds S] [--json]`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import redis

REPOSITORY = Path(__file__).resolve().parents[1]
# This file's folder comes first on the path, and would make benchmarks/serving.py the package of its name.
sys.path[0] = str(REPOSITORY)

from benchmarks.load.callers import Server, get, load_beside, load_from_outside, running  # noqa: E402
from benchmarks.load.live_home import NGINX, TICKERS, RealValkey, closes, engine, nginx, prepared, settings, until  # noqa: E402
from serving.live import bus  # noqa: E402
from serving.live.ticks import Tick, encode  # noqa: E402

SESSION = "2012-03-02"
OPENS = datetime(2012, 3, 2, 14, 30, tzinfo=UTC)
HERTZ = 10
# More rounds than either server can tell to a thousand clients, and few enough not to take the machine from them.
SATURATING_HERTZ = 150
ANSWER = "/v1/predictions/AAPL"
TARGET_P99_MS = 50.0
TARGET_RATIO = 0.7
TARGET_REST = 0.5
TARGET_WORKERS = 1.7


@dataclass
class Listening:
    """A process with many listeners."""

    process: subprocess.Popen[str]
    out: Path

    def record(self) -> None:
        """Count from now on."""
        self._say("start")

    def stop(self) -> Mapping[str, np.ndarray]:
        """End it; what it has counted."""
        self._say("stop")
        if self.process.wait(timeout=60) != 0:
            raise RuntimeError("expected the listeners to end well")
        return dict(np.load(self.out))

    def _say(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


@contextlib.contextmanager
def listeners(server: Server, *, clients: int, folder: Path) -> Iterator[Listening]:
    """So many WebSocket clients in a process of their own, subscribed to prices."""
    out = folder / "received.npz"
    command = [sys.executable, "-m", "benchmarks.load.sockets", "--url", server.url + "/v1/stream"]
    command += ["--clients", str(clients), "--out", str(out)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    try:
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError("expected the listeners to be ready")
        yield Listening(process, out)
    finally:
        process.kill()
        process.wait()


class Feed:
    """All tickers' ticks at once, evenly in time; each price says which tick it was."""

    def __init__(self, url: str, closes: dict[str, float]) -> None:
        self.client = redis.Redis.from_url(url)
        self.closes = closes
        self.sent: dict[float, float] = {}
        self.number = 0

    def tick(self) -> None:
        """One tick of each ticker, in one pipeline."""
        self.number += 1
        at = OPENS + timedelta(seconds=self.number / HERTZ)
        with self.client.pipeline(transaction=False) as pipeline:
            now = time.monotonic()
            for place, (ticker, close) in enumerate(self.closes.items()):
                price = round(close + 0.0001 * (self.number * len(self.closes) + place), 4)
                self.sent[price] = now
                made = {"market": "bench", "ticker": ticker, "session": SESSION, "at": at}
                pipeline.xadd(bus.TICKS, {"event": encode(Tick(**made, number=self.number, price=price, size=100.0))})
            pipeline.execute()

    def run(self, *, seconds: float, hertz: float = HERTZ) -> None:
        """Tick for so long."""
        evenly(self.tick, seconds=seconds, hertz=hertz)


def evenly(act: Callable[[], object], *, seconds: float, hertz: float) -> None:
    """Do it so many times a second."""
    begun = time.monotonic()
    for turn in range(round(seconds * hertz)):
        wait = begun + turn / hertz - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        act()


def gateway(home: Path, valkey: RealValkey, *, port: int = 0) -> contextlib.AbstractContextManager[Server]:
    """A gateway of one worker."""
    command = ("-m", "serving", "--home", str(home), "--port", str(port))
    return running(*command, environment=settings(valkey))


def bare(frame: Path, *, hertz: float) -> contextlib.AbstractContextManager[Server]:
    """The bare loop in its place."""
    return running("-m", "benchmarks.load.sockets", "--bare", str(frame), "--hertz", str(hertz))


def measured(server: Server, *, clients: int, folder: Path, act: Callable[[], object]) -> dict[str, Any]:
    """What the clients receive while `act` makes news for them."""
    memory = server.process.memory_info().rss
    with listeners(server, clients=clients, folder=folder) as listening:
        cost = server.processor_seconds()
        listening.record()
        begun = time.monotonic()
        act()
        took = time.monotonic() - begun
        cost = server.processor_seconds() - cost
        memory = server.process.memory_info().rss - memory
        got = listening.stop()
    frames, updates, size, lost = got["counts"].tolist()
    if lost:
        raise RuntimeError(f"expected every listener to stay, {lost} were lost")
    return {
        "frames": frames,
        "updates_per_second": updates / took,
        "frame_bytes": size / max(frames, 1),
        "processor_us_per_frame": 1e6 * cost / max(frames, 1),
        "processor_share": cost / took,
        "kb_per_client": memory / 1024 / clients,
        "at": got["at"],
        "price": got["price"],
    }


def centiles(milliseconds: np.ndarray) -> dict[str, float]:
    """The median and the 99th percentile."""
    return {"p50_ms": float(np.median(milliseconds)), "p99_ms": float(np.quantile(milliseconds, 0.99))}


def whole_path(home: Path, valkey: RealValkey, *, clients: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Ticks through engine and gateway to everybody, ten times a second."""
    feed = Feed(valkey.url, closes(home))
    with engine(home, valkey), gateway(home, valkey) as server:
        wait_for_first_price(server, feed)
        found = measured(server, clients=clients, folder=folder, act=lambda: feed.run(seconds=seconds))
        sent = np.array([feed.sent.get(price, np.nan) for price in found.pop("price").tolist()])
        late = 1e3 * (found.pop("at") - sent)
        offered = len(TICKERS) * HERTZ * clients
        return found | centiles(late[np.isfinite(late)]) | {"offered": offered}


def bare_path(frame: Path, *, clients: int, seconds: float, folder: Path, hertz: float) -> dict[str, Any]:
    """The same frames from the bare loop; a price is the time at which its round began."""
    with bare(frame, hertz=hertz) as server:
        found = measured(server, clients=clients, folder=folder, act=lambda: time.sleep(seconds))
    return found | centiles(1e3 * (found.pop("at") - found.pop("price")))


def saturated(home: Path, valkey: RealValkey, *, clients: int, seconds: float, folder: Path) -> dict[str, Any]:
    """As many updates as the gateway can deliver: prices said faster than it can tell them to everybody."""
    with gateway(home, valkey) as server, contextlib.closing(Speaker(valkey.url)) as speaker:
        speaker.speak()
        found = measured(
            server,
            clients=clients,
            folder=folder,
            act=lambda: evenly(speaker.speak, seconds=seconds, hertz=SATURATING_HERTZ),
        )
    found.pop("at"), found.pop("price")
    return found


class Speaker:
    """Says prices as the engine does, without one."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url)
        self.seq = 0

    def speak(self) -> None:
        """A price of each ticker."""
        with self.client.pipeline(transaction=True) as pipeline:
            for place, ticker in enumerate(TICKERS):
                self.seq += 1
                price = 500 + 0.001 * (self.seq + place)
                data = (
                    f'{{"type":"price","ticker":"{ticker}","session":"{SESSION}","at":"2012-03-02T15:00:00Z",'
                    f'"price":{price:.3f},"volume":1000000.0,"provisional":true}}'
                ).encode()
                pipeline.xadd(
                    bus.EVENTS, bus.Event("bench", self.seq, data).fields(), maxlen=bus.EVENTS_KEPT, approximate=True
                )
                pipeline.hset(bus.LATEST, f"price:{ticker}", data)
            pipeline.hset(bus.ENGINE, mapping={"epoch": "bench", "seq": self.seq})
            pipeline.execute()

    def close(self) -> None:
        """Let go of the server, and forget what was said."""
        self.client.flushall()
        self.client.close()


def rest(home: Path, valkey: RealValkey, *, clients: int, seconds: float, folder: Path) -> dict[str, float]:
    """Ready answers a second, without clients and with all of them being told ten times a second."""
    feed = Feed(valkey.url, closes(home))
    with engine(home, valkey), gateway(home, valkey) as server:
        wait_for_first_price(server, feed)
        alone = load_from_outside(server.url + ANSWER, connections=16, seconds=seconds)
        with listeners(server, clients=clients, folder=folder):
            asking = load_beside(server.url + ANSWER, connections=16, seconds=seconds)
            while asking.poll() is None:
                feed.tick()
                time.sleep(1 / HERTZ)
            beside = json.loads(asking.communicate()[0])
    return {
        "alone_per_second": alone["requests_per_second"],
        "beside_per_second": beside["requests_per_second"],
        "beside_p99_ms": beside["p99_ms"],
        "ratio": beside["requests_per_second"] / alone["requests_per_second"],
    }


def behind_nginx(home: Path, valkey: RealValkey, *, seconds: float, folder: Path) -> dict[str, dict[str, float]]:
    """Answers a second from one gateway behind nginx, and from two: ready ones, and what-ifs, which are computed.

    And how many cores the gateways have had meanwhile: where one has nearly all that nginx and the callers leave, there
    is nothing for a second one to take.
    """
    asked = {"ready": (ANSWER, None), "computed": (ANSWER, bars_to_post(home, folder))}
    rates: dict[str, dict[int, float]] = {name: {} for name in asked}
    shares: dict[str, dict[int, float]] = {name: {} for name in asked}
    for workers in (1, 2):
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(gateway(home, valkey)) for _ in range(workers)]
            url = stack.enter_context(nginx([server.url.removeprefix("http://") for server in servers], folder))
            for name, (path, body) in asked.items():
                load_from_outside(url + path, connections=32, seconds=0.5, body=body)
                before = sum(server.processor_seconds() for server in servers)
                found = load_from_outside(url + path, connections=32, seconds=seconds, body=body)
                rates[name][workers] = found["requests_per_second"]
                shares[name][workers] = (sum(server.processor_seconds() for server in servers) - before) / seconds
    return {
        name: {
            "one_per_second": rate[1],
            "two_per_second": rate[2],
            "ratio": rate[2] / rate[1],
            "one_cores": shares[name][1],
            "two_cores": shares[name][2],
        }
        for name, rate in rates.items()
    }


def bars_to_post(home: Path, folder: Path) -> Path:
    """A window of a ticker's own bars, as a client sends them."""
    from release.store import Store

    bars = Store(home / "releases").load().tickers["AAPL"].bars[-252:]
    names = ("open", "high", "low", "close", "volume")
    sent = [
        {"session": str(session), **dict(zip(names, row, strict=True))}
        for session, row in zip(bars.session, bars.ohlcv.tolist(), strict=True)
    ]
    file = folder / "bars.json"
    file.write_text(json.dumps(sent))
    return file


def wait_for_first_price(server: Server, feed: Feed) -> None:
    """Until a tick has come through to the gateway."""

    def live() -> bool:
        feed.tick()
        return json.loads(get(server.url, "/v1/status"))["feed"]["state"] == "live"

    until(live, what="the feed to be live")


def frame_like(size: int, folder: Path) -> Path:
    """A frame for the bare loop: as long as ours, with the five tickers' prices."""
    one = '{"type":"price","ticker":"%s","session":"2012-03-02","at":"2012-03-02T15:00:00Z","price":%s}'
    prices = ["PRICE", "500.0", "500.0", "500.0", "500.0"]
    body = ",".join(one % pair for pair in zip(TICKERS, prices, strict=True))
    frame = '{"type":"delta","seq":1,"prev":0,"messages":[' + body + "]"
    file = folder / "frame.json"
    file.write_text(frame + ',"more":"' + "x" * max(0, size - len(frame) - 30) + '"}')
    return file


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Everything, in turn."""
    with prepared() as (home, valkey), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        how = {"clients": options.clients, "seconds": options.seconds, "folder": folder}
        ours = whole_path(home, valkey, **how)
        redis.Redis.from_url(valkey.url).flushall()
        frame = frame_like(round(ours["frame_bytes"]), folder)
        found = {"ours": ours, "bare": bare_path(frame, **how, hertz=HERTZ)}
        pairs = []
        for _ in range(options.rounds):
            full = saturated(home, valkey, **how)
            floor = bare_path(frame_like(round(full["frame_bytes"]), folder), **how, hertz=0.0)
            pairs.append((full, floor))
        ratios = [full["updates_per_second"] / floor["updates_per_second"] for full, floor in pairs]
        middle = pairs[ratios.index(statistics.median_low(ratios))]
        found["saturated"], found["bare_saturated"] = middle
        found["ratio"], found["ratios"] = statistics.median(ratios), ratios
        found["rest"] = rest(home, valkey, **how)
        if NGINX is not None:
            found["nginx"] = behind_nginx(home, valkey, seconds=options.seconds, folder=folder)
        return found


def table(found: dict[str, Any]) -> str:
    """The results for a person."""
    lines = [f"{'':34s} {'updates/s':>11s} {'p50 ms':>8s} {'p99 ms':>8s} {'CPU us/frame':>13s}"]
    rows = {
        "ours": "tick to clients, 10 Hz",
        "bare": "bare loop, 10 Hz",
        "saturated": "gateway, as fast as it goes",
        "bare_saturated": "bare loop, as fast as it goes",
    }
    for name, label in rows.items():
        row = found[name]
        p50, p99 = (f"{row[key]:8.2f}" if key in row else " " * 8 for key in ("p50_ms", "p99_ms"))
        lines.append(
            f"{label:34s} {row['updates_per_second']:11,.0f} {p50} {p99} {row['processor_us_per_frame']:13.1f}"
        )
    asked = found["rest"]
    lines += [
        f"{'ratio, as fast as they go':34s} {found['ratio']:11.2f}   target >= {TARGET_RATIO}",
        f"{'offered at 10 Hz, updates/s':34s} {found['ours']['offered']:11,.0f}   p99 target <= {TARGET_P99_MS:g} ms",
        f"{'memory, KB a client':34s} {found['ours']['kb_per_client']:11.1f}",
        f"{'REST beside the clients':34s} {asked['ratio']:11.2f}   target >= {TARGET_REST}; "
        f"{asked['alone_per_second']:,.0f}/s alone, {asked['beside_per_second']:,.0f}/s beside",
    ]
    labels = {"ready": "two gateways, ready answers", "computed": "two gateways, what-ifs"}
    for name, label in labels.items() if "nginx" in found else ():
        two = found["nginx"][name]
        lines.append(
            f"{label:34s} {two['ratio']:11.2f}   target >= {TARGET_WORKERS} where the cores allow; "
            f"{two['one_per_second']:,.0f}/s on {two['one_cores']:.2f} cores, "
            f"{two['two_per_second']:,.0f}/s on {two['two_cores']:.2f}"
        )
    return "\n".join(lines)


def main() -> int:
    """Run and print; the exit status is 1 if a target is missed that this machine's cores allow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each part")
    parser.add_argument("--rounds", type=int, default=3, help="of the comparison at full speed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = run(options)
    print(json.dumps(found, indent=1) if options.json else table(found))
    met = found["ours"]["p99_ms"] <= TARGET_P99_MS and found["ratio"] >= TARGET_RATIO
    met = met and found["rest"]["ratio"] >= TARGET_REST
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
